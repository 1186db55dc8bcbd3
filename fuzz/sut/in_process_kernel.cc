// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/sut/in_process_kernel.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <unordered_set>

#include "fuzz/programs.h"
#include "fuzz/sut/perform.h"

namespace capcheck {
namespace {

// A task's state is compared as bytes with what the harness fills in.
static_assert(sizeof(TaskState<Concrete>) == sizeof(capcheck_task_state));
static_assert(offsetof(capcheck_task_state, permitted) == offsetof(Credentials<Concrete>, permitted));
static_assert(offsetof(capcheck_task_state, userns) == offsetof(Credentials<Concrete>, userns));
static_assert(offsetof(capcheck_task_state, no_new_privs) == offsetof(Credentials<Concrete>, no_new_privs));
static_assert(offsetof(capcheck_task_state, fsuid) == offsetof(Credentials<Concrete>, fsuid));
static_assert(offsetof(capcheck_task_state, gid) == offsetof(Credentials<Concrete>, gid));
static_assert(offsetof(capcheck_task_state, group_count) == offsetof(Credentials<Concrete>, group_count));
static_assert(offsetof(capcheck_task_state, level) == offsetof(TaskState<Concrete>, level));
static_assert(offsetof(capcheck_task_state, user_ns) == offsetof(TaskState<Concrete>, user_ns));
static_assert(offsetof(capcheck_task_state, dumpable) == offsetof(TaskState<Concrete>, dumpable));
static_assert(CAPCHECK_TASKS == kMaxTasks && CAPCHECK_GROUPS == kMaxGroups);

/// Where the kernel's death leads: out of the kernel's C code, past its frames, back to the run that called it.
struct Death {
  std::jmp_buf handler;
  bool armed = false;
  std::string message;
};
Death death;

__attribute__((noreturn)) void kernel_died(const char* message) {
  death.message = message;
  if (!death.armed) {
    fmt::print(stderr, "capcheck: the kernel died outside a program: {}\n", message);
    std::abort();
  }
  std::longjmp(death.handler, 1);
}

/// The memory of the kernel that runs now. What it holds when it is unloaded (all that it allocated at boot, and more
/// if it died) is returned then.
std::unordered_set<void*>* memory_of_current = nullptr;

void* allocate(unsigned long size) {
  void* memory = std::calloc(1, size);
  if (memory) memory_of_current->insert(memory);
  return memory;
}

void release(void* memory) {
  memory_of_current->erase(memory);
  std::free(memory);
}

constexpr capcheck_host kHost = {
    .allocate = allocate,
    .release = release,
    .fatal = kernel_died,
    .log = [](const char*) {},
};

std::string leak_message(unsigned long leaked) {
  return fmt::format("{} allocations are still held after the program's end", leaked);
}

int same_pid(int pid) {
  return pid;
}

}  // namespace

std::filesystem::path kernel_directory() {
  if (const char* directory = std::getenv("CAPCHECK_KERNELS"); directory && *directory) return directory;
  return program_directory() / "kernels";
}

const std::vector<Profile>& kernel_profiles() {
  static const std::vector<Profile> profiles = [] {
    std::vector<Profile> parsed;
    std::istringstream names{CAPCHECK_KERNEL_PROFILES};
    for (std::string name; names >> name;) parsed.push_back(parse_profile(name));
    return parsed;
  }();
  return profiles;
}

std::filesystem::path kernel_file(const Profile& profile, std::string_view fault) {
  const std::string name = to_string(profile);
  return kernel_directory() / (fault.empty() ? name + ".so" : fmt::format("{},{}.so", name, fault));
}

InProcessKernel::InProcessKernel(std::filesystem::path file, const Profile& profile, std::string built_as)
    : file_(std::move(file)),
      profile_(profile),
      built_as_(built_as.empty() ? to_string(profile) : std::move(built_as)) {
  load();
}

InProcessKernel::~InProcessKernel() {
  unload();
}

void InProcessKernel::load() {
  const auto reject = [&](std::string_view reason) {
    unload();
    throw std::runtime_error(fmt::format("{}: {}", file_.string(), reason));
  };
  if (!std::filesystem::exists(file_)) {
    reject("no such kernel; build it with: cmake --build --preset release --target kernels fault_kernels");
  }
  library_ = dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) reject(fmt::format("not a kernel for this program: {}", dlerror()));
  kernel_ = static_cast<const capcheck_kernel*>(dlsym(library_, CAPCHECK_KERNEL_SYMBOL));
  if (!kernel_) reject("not an in-process kernel: it has no symbol " CAPCHECK_KERNEL_SYMBOL);
  if (kernel_->abi != CAPCHECK_HARNESS_ABI) {
    reject(
        fmt::format("built for harness {}, this program needs {}; build it again", kernel_->abi, CAPCHECK_HARNESS_ABI));
  }
  if (kernel_->last_cap != profile_.last_cap()) {
    reject(fmt::format("CAP_LAST_CAP is {}, profile {} has {}", kernel_->last_cap, to_string(profile_),
                       profile_.last_cap()));
  }
  if ((kernel_->has_userns_set != 0) != profile_.features.userns) {
    reject(fmt::format("struct cred has {} userns set, unlike profile {}", kernel_->has_userns_set ? "a" : "no",
                       to_string(profile_)));
  }
  if (kernel_->securebits != profile_.securebits()) {
    reject(fmt::format("SECURE_ALL_BITS is {:#x}, profile {} has {:#x}", kernel_->securebits, to_string(profile_),
                       profile_.securebits()));
  }
  if (kernel_->name != built_as_) {
    reject(fmt::format("built as {}, which is not profile {}", kernel_->name, built_as_));
  }
  memory_of_current = &memory_;
  kernel_->boot(&kHost);
}

void InProcessKernel::unload() {
  if (library_) dlclose(library_);
  library_ = nullptr;
  kernel_ = nullptr;
  for (void* memory : memory_) std::free(memory);
  memory_.clear();
}

void InProcessKernel::make_current() {
  memory_of_current = &memory_;
  if (!dead_) return;
  unload();
  load();
  dead_ = false;
}

void InProcessKernel::observe_task(std::size_t task, TaskState<Concrete>& state) const {
  kernel_->observe(static_cast<unsigned>(task), reinterpret_cast<capcheck_task_state*>(&state));
}

/// The kernel does what a task's return to user mode asks for when it becomes current. Nothing asks while it stays so.
void InProcessKernel::become(unsigned task) {
  if (task == current_) return;
  kernel_->run_as(task);
  current_ = task;
}

void InProcessKernel::forget_tasks() {
  alive_ = kernel_->alive();
  current_ = kMaxTasks;
}

void InProcessKernel::open_world() {
  kernel_->begin();
  alive_ = 1;
  current_ = 0;
}

void InProcessKernel::call_unguarded(const Call<Concrete>& call, Observation& observation,
                                     std::vector<TaskState<Concrete>>& others) {
  const std::uint64_t own = std::uint64_t{1} << call.task;
  if (alive_ & own) {
    become(call.task);
    const Performed performed = perform(*kernel_, call, same_pid);
    observation.result = performed.result;
    observation.output = performed.output;
  } else {
    observation.result = 0 - std::uint64_t{ESRCH};
    observation.output = {};
  }
  if (changes_tasks(call.kind)) forget_tasks();
  observation.alive = alive_;
  if (alive_ & own) {
    observe_task(call.task, observation.state);
  } else {
    observation.state = {};
  }
  for (std::uint64_t rest = alive_ & ~own; rest != 0; rest &= rest - 1) {
    observe_task(static_cast<std::size_t>(std::countr_zero(rest)), others.emplace_back());
  }
}

void InProcessKernel::run(const Program& program, Trace& trace) {
  make_current();
  trace.failure.clear();
  trace.refusal.clear();
  trace.others.clear();
  trace.observations.resize(program.calls.size());
  // Volatile: read again after a longjmp.
  volatile std::size_t made = 0, others = 0;
  death.armed = true;
  if (setjmp(death.handler) != 0) {
    dead_ = true;
    trace.observations.resize(made);
    trace.others.resize(others);
    trace.failure = death.message;
  } else {
    open_world();
    observe_task(0, trace.initial);
    for (const Call<Concrete>& call : program.calls) {
      call_unguarded(call, trace.observations[made], trace.others);
      made = made + 1;
      others = trace.others.size();
    }
    if (const unsigned long leaked = kernel_->end()) {
      trace.failure = leak_message(leaked);
      dead_ = true;
    }
  }
  death.armed = false;
}

template <class Action>
void InProcessKernel::guarded(Action action) {
  death.armed = true;
  if (setjmp(death.handler) != 0) {
    death.armed = false;
    dead_ = true;
    throw std::runtime_error(death.message);
  }
  action();
  death.armed = false;
}

TaskState<Concrete> InProcessKernel::begin() {
  make_current();
  TaskState<Concrete> initial;
  guarded([&] {
    open_world();
    observe_task(0, initial);
  });
  return initial;
}

Observation InProcessKernel::call(const Call<Concrete>& call, std::vector<TaskState<Concrete>>& others) {
  Observation observation;
  others.clear();
  guarded([&] { call_unguarded(call, observation, others); });
  return observation;
}

void InProcessKernel::dress(const TaskState<Concrete>& state) {
  guarded([&] {
    become(0);
    kernel_->dress(reinterpret_cast<const capcheck_task_state*>(&state));
  });
}

void InProcessKernel::end() {
  unsigned long leaked = 0;
  guarded([&] { leaked = kernel_->end(); });
  if (leaked == 0) return;
  dead_ = true;
  throw std::runtime_error(leak_message(leaked));
}

void InProcessKernel::run_unobserved(const Program& program) {
  make_current();
  open_world();
  for (const Call<Concrete>& call : program.calls) {
    if (!(alive_ >> call.task & 1)) continue;
    become(call.task);
    perform(*kernel_, call, same_pid);
    if (changes_tasks(call.kind)) forget_tasks();
  }
  kernel_->end();
}

}  // namespace capcheck
