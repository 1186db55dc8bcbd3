// SPDX-License-Identifier: GPL-2.0-only
// The comparison: a program's trace on the model against its trace on a kernel.
#ifndef CAPCHECK_FUZZ_DIFFERENTIAL_H_
#define CAPCHECK_FUZZ_DIFFERENTIAL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/sut/system.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Where two traces of one program part, or where the kernel's own states break an invariant.
struct Divergence {
  enum class Kind : std::uint8_t {
    initial_state,  ///< before the first call
    result,         ///< of the call
    output,         ///< what the call wrote to user memory
    state,          ///< of a task, after the call; or which tasks live
    invariant,      ///< the kernel's states break one that is claimed to hold
    failure,        ///< the kernel could not finish the program
  };
  Kind kind;
  std::size_t call;                          ///< index of the call; the number of calls made for a failure
  const InvariantInfo* invariant = nullptr;  ///< the one broken, if that is the kind
};

/// The first divergence between what the model expects and what the kernel did.
std::optional<Divergence> find_divergence(const Program& program, const Trace& model, const Trace& kernel);

/// The same, with oracles, which apply to the kernel's trace.
std::optional<Divergence> find_divergence(const Oracles& oracles, const Program& program, const Trace& model,
                                          const Trace& kernel);

/// The model and a kernel, side by side. The traces are of the program last compared.
class Differential {
 public:
  /// Takes a program whose traces were compared.
  using Receiver = std::function<void(const Program&, const std::optional<Divergence>&)>;

  Differential(const Profile& profile, std::unique_ptr<System> system)
      : profile_(profile), oracles_(profile), system_(std::move(system)) {}
  /// Loads a kernel into this process. Throws as InProcessKernel does.
  Differential(const Profile& profile, std::filesystem::path kernel_file);

  /// Runs a program on both and compares. A program that the system does not run does not diverge, but see refused().
  std::optional<Divergence> run(const Program& program);

  /// The same, when it suits the system: see System::submit(). The model runs the program in this call, so that
  /// coverage of the model is counted for the program that reaches it; model_of_submitted() is what it did.
  void submit(const Program& program, const Receiver& receiver);
  void finish(const Receiver& receiver);
  const Trace& model_of_submitted() const { return model_of_submitted_; }

  /// Why the system did not run the program last compared; empty if it did.
  const std::string& refused() const { return kernel_trace_.refusal; }

  const Profile& profile() const { return profile_; }
  const Trace& model_trace() const { return model_trace_; }
  const Trace& kernel_trace() const { return kernel_trace_; }
  System& system() { return *system_; }
  const System& system() const { return *system_; }

  /// The report on a divergence of the program last run: see the free function below.
  std::string explain(const Divergence& divergence, const Program& program, std::string_view replay) const;

 private:
  /// What the model did of a program, from where it was taken to begin; none: from the profile's initial state.
  struct Expected {
    std::optional<Start> start;
    Trace trace;
  };

  std::optional<Divergence> compare(const Program& program);
  void run_model_from(const std::optional<Start>& start, const Program& program);
  std::optional<Divergence> compare_expected(const Program& program, const Trace& kernel);

  Profile profile_;
  Oracles oracles_;
  std::unique_ptr<System> system_;
  Trace model_trace_, kernel_trace_;
  /// Of programs whose traces are not there yet, in their order.
  std::deque<Expected> expected_;
  Trace model_of_submitted_;
  /// Where programs were last seen to begin, on a system that is as found.
  std::optional<Start> start_;
};

/// What model and kernel saw of one call, side by side by name; lines that differ are marked.
std::string side_by_side(const Call<Concrete>& call, const Observation& model, const Observation& kernel,
                         std::uint64_t full_set);

/// The states after the call of that index.
States states_after(const Program& program, const Trace& trace, std::size_t index);

/// "state of call 3", for a table's cell.
std::string summarise(const Divergence& divergence);

/// A report for a person: the program in text, the call that differs, both states side by side by name, and the command
/// that replays it (`replay`).
std::string explain(const Divergence& divergence, const Profile& profile, const Program& program, const Trace& model,
                    const Trace& kernel, std::string_view kernel_name, std::string_view replay);

}  // namespace capcheck

#endif
