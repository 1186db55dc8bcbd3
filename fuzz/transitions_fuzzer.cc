// SPDX-License-Identifier: GPL-2.0-only
// The libFuzzer target: runs a program on the model and on a kernel, and compares after every call.
//
//   transitions_fuzzer [--profile=6.12+userns] [--kernel=FILE.so] [--go-on=1] [--findings=DIR] [--mutants=FILE]
//                      [libFuzzer's own flags]
//   transitions_fuzzer --on=host|uml|qemu|ssh:HOST [--booted=NAME] [--allow-system-changes=1] [--seconds=N] …
//
// Coverage is that of a kernel in this process (its shared object is instrumented), the model's, and one counter for
// each (call, guard). A booted kernel gets programs many ahead: the model runs each at once, and is compared with its
// trace when that comes, in a later call of libFuzzer's. One that says what of it ran (KCOV) gets them one at a time.
//
// By itself the target ends at the first divergence, as a crash, which is what fuzzing services keep and run again.
#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/minimise.h"
#include "fuzz/mutant_kills.h"
#include "fuzz/mutator.h"
#include "fuzz/signature.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "model/trace_text.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

/// The exit status when there is no system, or none any more.
constexpr int kCannotGoOn = 2;

/// libFuzzer reads these as coverage: which guard, if any, stopped which call.
__attribute__((section("__libfuzzer_extra_counters"))) std::array<std::uint8_t, kCalls.size() * kGuards.size()>
    guard_counters;

/// The same of what a booted kernel says that it ran.
__attribute__((section("__libfuzzer_extra_counters"))) std::array<std::uint8_t, kCoverageCounters> kernel_counters;

struct Target {
  Target(const Profile& profile, std::unique_ptr<System> system) : differential(profile, std::move(system)) {}

  Differential differential;
  std::optional<std::filesystem::path> findings;  ///< where they are saved as traces
  Program program;
  std::uint64_t programs = 0;          ///< run so far
  std::uint64_t calls = 0;             ///< made so far
  unsigned losses = 0;                 ///< of the system, told so far
  std::uint64_t refused = 0;           ///< programs that the system did not run
  Coverage covered;                    ///< of a booted kernel, by all programs
  std::optional<MutantKills> mutants;  ///< of the model, that programs are tried on

  /// Of a booted kernel. libFuzzer runs all it starts from before it looks at the time, and a kernel that runs few
  /// programs a second would not come to any other: so they may take this long.
  std::optional<Clock::time_point> start_until;
  bool started = false;  ///< libFuzzer has begun to make programs of its own

  bool goes_on = false;                           ///< after a finding, and keeps one of each signature
  std::map<std::string, std::size_t> shortest{};  ///< by signature: the calls of the shortest program that shows it
};
std::unique_ptr<Target> target;

/// The value of --NAME=VALUE among the arguments. libFuzzer passes over flags that begin with two dashes.
std::optional<std::string> flag(std::span<char*> arguments, std::string_view name) {
  const std::string start = fmt::format("--{}=", name);
  for (const std::string_view argument : arguments) {
    if (argument.starts_with(start)) return std::string(argument.substr(start.size()));
  }
  return std::nullopt;
}

void count_guards(const Program& program, const Trace& model) {
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const auto row = static_cast<std::size_t>(program.calls[i].kind),
               column = static_cast<std::size_t>(model.guards[i]);
    guard_counters[row * kGuards.size() + column] = 1;
  }
}

/// Saves what was found. Where that cannot be, what was found is said instead, and there is no going on.
void save(const std::filesystem::path& file, const TraceText& trace, const std::string& signature) {
  try {
    write_file(file, print_trace(trace));
  } catch (const std::exception& error) {
    fmt::print(stderr, "transitions_fuzzer: {}; it is not saved, so here it is: {}\n\n{}", error.what(), signature,
               print_trace(trace));
    target.reset();  // ends a guest, and removes what it was started with
    std::_Exit(kCannotGoOn);
  }
}

/// Saves the program last run as a trace that expects what the model does. Returns the name of what to replay: the
/// trace, or, where none is to be saved, what libFuzzer saves.
std::string save_last(const std::string& signature, const Program& program, const Divergence& divergence) {
  if (!target->findings) return "ARTIFACT";
  const Differential& differential = target->differential;
  const TraceText trace =
      expect_observed(differential.profile(), program, differential.model_trace(),
                      fmt::format("Found by fuzzing {}: {}.", differential.system().name(), summarise(divergence)));
  const auto file = *target->findings / (signature + ".trace");
  save(file, trace, signature);
  return file.string();
}

/// Saves the program last run, and tells the reader.
void tell(const std::string& signature, const Program& program, const Divergence& divergence) {
  const Differential& differential = target->differential;
  const std::string replay = fmt::format("capcheck replay {} {}", differential.system().replay_options(),
                                         save_last(signature, program, divergence));
  fmt::print(stderr, "\n{} {} {}\n{}", kSignatureLabel, program.calls.size(), signature,
             differential.explain(divergence, program, replay));
}

[[noreturn]] void stop() {
  if (target->differential.system().makes_all()) std::abort();
  // Not libFuzzer's crash: what it would save as the artifact is a program handed in later.
  target.reset();  // ends a guest, and removes what it was started with
  constexpr int kFound = 1;
  std::_Exit(kFound);
}

/// The shortest program with that signature, run last; and where it diverges.
Divergence run_shortest(Program& program, const std::string& signature) {
  Differential& differential = target->differential;
  program = minimise(std::move(program), [&](const Program& shorter) {
    const auto divergence = differential.run(shorter);
    return divergence && signature_of(*divergence, shorter, differential) == signature;
  });
  const auto divergence = differential.run(program);
  if (divergence) return *divergence;
  fmt::print(stderr, "{} does not show again what it showed: {}\n", differential.system().name(), signature);
  std::abort();
}

/// Of each signature the shortest program is kept, and told of; fuzzing goes on. A booted kernel is not asked for
/// shorter ones: other programs are under way there.
void report(Program program, Divergence divergence) {
  Differential& differential = target->differential;
  const std::string signature = signature_of(divergence, program, differential);
  if (target->goes_on) {
    const auto known = target->shortest.find(signature);
    if (known != target->shortest.end() && known->second <= program.calls.size()) return;
    if (differential.system().makes_all()) divergence = run_shortest(program, signature);
    if (known != target->shortest.end() && known->second <= program.calls.size()) return;
    target->shortest[signature] = program.calls.size();
  }
  tell(signature, program, divergence);
  if (!target->goes_on) stop();
}

/// Takes a program that was run on both sides.
void take(const Program& program, const std::optional<Divergence>& divergence) {
  if (divergence) report(program, *divergence);
  if (!target->differential.refused().empty()) ++target->refused;
}

/// Runs a program of libFuzzer's in a kernel of this process.
void run_here(const Program& program) {
  const auto divergence = target->differential.run(program);
  count_guards(program, target->differential.model_trace());
  take(program, divergence);
  if (target->mutants && target->mutants->run(program)) std::raise(SIGUSR1);  // none is left: libFuzzer ends
}

/// A system that was lost goes on, but whoever reads the log should know: it may be a kernel's bug.
void tell_losses() {
  const System& system = target->differential.system();
  if (system.losses() == target->losses) return;
  target->losses = system.losses();
  fmt::print(stderr, "{} was lost: {}\n{} {}\n", system.name(), system.last_loss(), kLossesLabel, target->losses);
}

void count_kernel(const Coverage& coverage) {
  coverage.for_each([](std::size_t counter) { kernel_counters[counter] = 1; });
  target->covered |= coverage;
}

/// Hands a program of libFuzzer's in, and takes those whose traces have come. libFuzzer gives the program of this call
/// the credit for all that is counted in it: so what is counted is what the model did, which is there at once; and
/// where the kernel says what it ran, the program's end is waited for.
void run_there(const Program& program) {
  Differential& differential = target->differential;
  differential.submit(program, take);
  count_guards(program, differential.model_of_submitted());
  const Coverage* const coverage = differential.system().coverage();
  if (coverage) {
    differential.finish(take);
    count_kernel(*coverage);
  }
  tell_losses();
}

bool is_refused(const Call<Concrete>& call) {
  return !target->differential.system().refusal(call).empty();
}

/// Leaves out the calls that the system does not make, so that it makes the others.
void leave_out_refused(Program& program) {
  std::erase_if(program.calls, is_refused);
}

/// Does what may fail for want of a machine, which is no finding: a guest that is lost and does not start again.
template <class F>
void or_give_up(F f) {
  try {
    f();
  } catch (const std::exception& error) {
    fmt::print(stderr, "transitions_fuzzer: {}\n", error.what());
    std::_Exit(kCannotGoOn);
  }
}

/// What is still under way when libFuzzer ends is waited for: it was counted.
void finish() {
  or_give_up([] { target->differential.finish(take); });
  tell_losses();
  fmt::print(stderr, "{} {}\n{} {}\n{} {}\n{} {}\n", kProgramsLabel, target->programs, kCallsLabel, target->calls,
             kRefusedLabel, target->refused, kCoveredLabel, target->covered.count());
}

std::unique_ptr<System> open_system(std::span<char*> arguments, Profile& profile) {
  const auto kernel = flag(arguments, "kernel"), on = flag(arguments, "on");
  if (!on) {
    return std::make_unique<InProcessKernel>(kernel ? std::filesystem::path(*kernel) : kernel_file(profile), profile);
  }
  Machine machine = parse_machine(*on);
  machine.allow_system_changes = flag(arguments, "allow-system-changes").has_value();
  machine.booted = flag(arguments, "booted").value_or("");
  auto booted = start_on(machine, profile);
  if (machine.as_found()) {
    profile = detect_profile(booted->hello());
    fmt::print(stderr, "environment: {}", describe_environment(*booted, profile));
  }
  return booted;
}

void set_up(std::span<char*> arguments) {
  if (flag(arguments, "dies-with-parent")) prctl(PR_SET_PDEATHSIG, SIGKILL);
  Profile profile = parse_profile(flag(arguments, "profile").value_or("6.12+userns"));
  auto system = open_system(arguments, profile);
  target = std::make_unique<Target>(profile, std::move(system));
  target->findings = flag(arguments, "findings");
  target->goes_on = flag(arguments, "go-on").has_value();
  if (const auto seconds = flag(arguments, "seconds"); seconds && flag(arguments, "on")) {
    target->start_until = Clock::now() + std::chrono::milliseconds(500) * std::stoi(*seconds);
  }
  if (const auto mutants = flag(arguments, "mutants")) target->mutants.emplace(profile, *mutants);
  std::atexit(finish);
}

/// Whether libFuzzer has taken so long with what it starts from that the rest is passed over.
bool is_passed_over() {
  return !target->started && target->start_until && Clock::now() > *target->start_until;
}

Random seeded(unsigned seed) {
  return Random(seed);
}

}  // namespace
}  // namespace capcheck

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  capcheck::or_give_up([&] { capcheck::set_up({*argv, static_cast<std::size_t>(*argc)}); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  capcheck::Target& target = *capcheck::target;
  if (capcheck::is_passed_over()) return -1;  // not to be kept in the corpus
  capcheck::decode({data, size}, target.program);
  const bool makes_all = target.differential.system().makes_all();
  if (!makes_all) capcheck::leave_out_refused(target.program);
  ++target.programs;
  target.calls += target.program.calls.size();
  makes_all ? capcheck::run_here(target.program) : capcheck::or_give_up([&] { capcheck::run_there(target.program); });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  capcheck::target->started = true;
  capcheck::Random random = capcheck::seeded(seed);
  // Now and then libFuzzer's own mutations, which know of the constants that the kernel compared with.
  if (capcheck::pick_below(random, 8) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const capcheck::Profile& profile = capcheck::target->differential.profile();
  capcheck::Program program = capcheck::next_program({data, size}, max_size, profile, random);
  // A corpus of programs that the system makes all of grows by calls that are made. libFuzzer takes no empty program.
  if (!std::ranges::all_of(program.calls, capcheck::is_refused)) capcheck::leave_out_refused(program);
  return capcheck::write_program(data, max_size, program);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data1, std::size_t size1,
                                                 const std::uint8_t* data2, std::size_t size2, std::uint8_t* out,
                                                 std::size_t max_out_size, unsigned seed) {
  capcheck::Random random = capcheck::seeded(seed);
  return capcheck::write_program(
      out, max_out_size,
      capcheck::cross_over(capcheck::decode({data1, size1}), capcheck::decode({data2, size2}),
                           capcheck::calls_that_may_fit(max_out_size), random));
}
