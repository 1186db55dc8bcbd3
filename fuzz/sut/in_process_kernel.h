// SPDX-License-Identifier: GPL-2.0-only
// The kernel in this process, as a system under test.
#ifndef CAPCHECK_FUZZ_SUT_IN_PROCESS_KERNEL_H_
#define CAPCHECK_FUZZ_SUT_IN_PROCESS_KERNEL_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "fuzz/kernel/harness_abi.h"
#include "fuzz/sut/system.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Where the kernels are: the directory $CAPCHECK_KERNELS, or `kernels` beside the running executable.
std::filesystem::path kernel_directory();

/// The profiles of which there are in-process kernels (fuzz/kernel/kernels).
const std::vector<Profile>& kernel_profiles();

/// The file of a kernel: "PROFILE.so", or "PROFILE,FAULT.so" with a planted fault.
std::filesystem::path kernel_file(const Profile& profile, std::string_view fault = {});

/// A kernel loaded from a shared object (harness_abi.h). One at a time runs a program; a kernel is not thread-safe.
class InProcessKernel final : public System {
 public:
  /// Loads and boots a kernel, and checks that it is of the profile: its name, CAP_LAST_CAP, securebits. Throws
  /// std::runtime_error that names the file, what was expected and what to do. `built_as`, if not empty, is its name
  /// where that is not the profile's: a kernel with a series of the user's own that implements the profile's features.
  InProcessKernel(std::filesystem::path file, const Profile& profile, std::string built_as = "");
  ~InProcessKernel() override;

  /// Runs a program in a fresh world, into a trace whose memory is used again. If the kernel dies (BUG, WARN, a call
  /// that the harness does not supply) or leaks, trace.failure says so; a dead kernel is loaded anew for the next run.
  void run(const Program& program, Trace& trace) override;

  /// The same call by call: begin() opens a fresh world and gives its initial state, end() closes it; `others` are the
  /// states of the other tasks that live, as in Trace. Each throws std::runtime_error where run() would set
  /// trace.failure.
  TaskState<Concrete> begin();
  Observation call(const Call<Concrete>& call, std::vector<TaskState<Concrete>>& others);
  void end();

  /// Between begin() and end(): puts task 0, which must be the only one, into a state. The kernel cannot be led into
  /// any state fast by calls. Its groups and its namespace must be those that it has. Throws as call() does.
  void dress(const TaskState<Concrete>& state);

  /// The kernel's own code alone: makes the calls and observes nothing. For measurements.
  void run_unobserved(const Program& program);

  const std::filesystem::path& file() const { return file_; }
  std::string name() const override { return file_.stem().string(); }
  std::string replay_options() const override { return "--kernel " + file_.string(); }
  std::string release() const override { return kernel_->release; }

 private:
  void load();
  void unload();
  void make_current();
  void open_world();
  void become(unsigned task);
  void forget_tasks();
  void observe_task(std::size_t task, TaskState<Concrete>& state) const;
  void call_unguarded(const Call<Concrete>& call, Observation& observation, std::vector<TaskState<Concrete>>& others);
  template <class Action>
  void guarded(Action action);

  std::filesystem::path file_;
  Profile profile_;
  std::string built_as_;
  void* library_ = nullptr;
  const capcheck_kernel* kernel_ = nullptr;
  bool dead_ = false;
  std::uint64_t alive_ = 0;           ///< bit n for task n
  unsigned current_ = kMaxTasks;      ///< the current task; kMaxTasks where it has to be said again
  std::unordered_set<void*> memory_;  ///< what the kernel holds of this process's heap
};

}  // namespace capcheck

#endif
