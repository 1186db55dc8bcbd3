// SPDX-License-Identifier: GPL-2.0-only
// The figures that matter, as ratios within one run: what a differential iteration costs beside the kernel's code
// alone, and beside real system calls; and how long proofs take, of the rules and of the kernel's code.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fuzz/bench/host_calls.h"
#include "fuzz/differential.h"
#include "fuzz/enumerate.h"
#include "fuzz/guest/console.h"
#include "fuzz/programs.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "fuzz/values.h"
#include "solver/kernel/equality.h"
#include "solver/prove.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

using Programs = std::vector<Program>;

/// 256 programs, each made by f(random).
template <class F>
Programs make_programs(F f) {
  constexpr std::size_t kPrograms = 256;
  Random random(1);
  Programs all;
  for (std::size_t i = 0; i < kPrograms; ++i) all.push_back(f(random));
  return all;
}

/// The programs of most measurements: one task, the calls of capabilities and of its own namespace, five on average.
const Programs& programs() {
  static const Programs made = make_programs([](Random& random) {
    constexpr std::size_t kShortest = 3, kLengths = 5;
    constexpr auto kKinds = static_cast<std::size_t>(CallKind::write_setgroups) + 1;
    Program program;
    const std::size_t length = kShortest + pick_below(random, kLengths);
    for (std::size_t i = 0; i < length; ++i) {
      program.calls.push_back(pick_call(random, kProfile, static_cast<CallKind>(pick_below(random, kKinds))));
    }
    return program;
  });
  return made;
}

/// A namespace is made, by a call of the task itself or for a child; then four calls, by the tasks in turn.
Programs with_namespace(CallKind maker, std::uint8_t tasks) {
  return make_programs([=](Random& random) {
    constexpr auto kKinds = static_cast<std::size_t>(CallKind::unshare);
    Program program{{{maker, 0, {CLONE_NEWUSER}}}};
    for (std::uint8_t i = 0; i < 4; ++i) {
      const auto kind = static_cast<CallKind>(pick_below(random, kKinds));
      program.calls.push_back(pick_call(random, kProfile, kind, i % tasks));
    }
    return program;
  });
}
const Programs& one_task_two_namespaces() {
  static const Programs made = with_namespace(CallKind::unshare, 1);
  return made;
}
const Programs& two_tasks_two_namespaces() {
  static const Programs made = with_namespace(CallKind::clone, 2);
  return made;
}

Differential& differential() {
  static Differential loaded(kProfile, kernel_file(kProfile));
  return loaded;
}

void nothing() {}

/// Calls f for each program; one iteration is all of them, and then finish().
template <class F, class Finish = decltype(nothing)>
void for_programs(benchmark::State& state, const Programs& all, F f, Finish finish = nothing) {
  std::size_t calls = 0;
  for (const Program& program : all) calls += program.calls.size();
  for (auto _ : state) {
    for (const Program& program : all) f(program);
    finish();
  }
  // Times, not rates, since of each the least is told.
  const auto time = [&](std::size_t count) {
    return benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(count),
                              benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  };
  state.counters["program"] = time(all.size());
  state.counters["call"] = time(calls);
}

void kernel_alone(benchmark::State& state) {
  auto& kernel = dynamic_cast<InProcessKernel&>(differential().system());
  for_programs(state, programs(), [&](const Program& program) { kernel.run_unobserved(program); });
}

void model_alone(benchmark::State& state) {
  Trace trace;
  for_programs(state, programs(), [&](const Program& program) {
    run_model(kProfile, program, trace);
    benchmark::DoNotOptimize(trace.observations.data());
  });
}

/// What the fuzz target does for each input: decoding, model, kernel, observation, comparison, oracles.
void differentially(benchmark::State& state, const Programs& all) {
  std::map<const Program*, std::vector<std::uint8_t>> inputs;
  for (const Program& program : all) inputs[&program] = encode(program);
  Program decoded;
  for_programs(state, all, [&](const Program& program) {
    decode(inputs.at(&program), decoded);
    if (differential().run(decoded)) state.SkipWithError("model and kernel diverge");
  });
}

void differential_iteration(benchmark::State& state) {
  differentially(state, programs());
}
void one_task(benchmark::State& state) {
  differentially(state, one_task_two_namespaces());
}
void two_tasks(benchmark::State& state) {
  differentially(state, two_tasks_two_namespaces());
}

void host_calls(benchmark::State& state) {
  for_programs(state, programs(), [](const Program& program) { run_on_host(program); });
}

void host_calls_with_state(benchmark::State& state) {
  for_programs(state, programs(), [](const Program& program) { run_on_host(program, Looking::at_state); });
}

/// What executors run on: this machine, and guests.
constexpr std::array kMachines = {"host", "uml", "qemu"};
constexpr const char* kGuestKernel = "6.12+userns";

std::unique_ptr<BootedSystem> start_on(const char* machine) {
  return capcheck::start_on(parse_machine(machine), kProfile);
}

/// The same programs, sent ahead to an executor, and all their traces received.
void executor(benchmark::State& state, const char* machine) {
  const std::unique_ptr<BootedSystem> system = start_on(machine);
  std::size_t answered = 0;
  const auto receiver = [&](const Program&, const Trace& trace) {
    ++answered;
    if (!trace.failure.empty()) state.SkipWithError("the executor could not finish a program");
  };
  const auto submit = [&](const Program& program) { system->submit(program, receiver); };
  const auto finish = [&] { system->finish(receiver); };
  std::ranges::for_each(programs(), submit);  // a guest's first programs are slower
  finish();
  for_programs(state, programs(), submit, finish);
  if (answered == 0) state.SkipWithError("the executor answered nothing");
}

/// What `fuzz --on` does for each program, but for finding it.
void booted_differential(benchmark::State& state, const char* machine) {
  auto system = start_on(machine);
  const Profile profile = detect_profile(system->hello());
  Differential booted(profile, std::move(system));
  const auto receiver = [&](const Program&, const std::optional<Divergence>& divergence) {
    if (divergence) state.SkipWithError("model and kernel diverge");
  };
  for_programs(
      state, programs(), [&](const Program& program) { booted.submit(program, receiver); },
      [&] { booted.finish(receiver); });
}

/// From starting the guest to its answer to a first program.
void first_answer(benchmark::State& state, const char* machine) {
  for (auto _ : state) {
    const auto system = start_on(machine);
    Trace trace;
    system->run(programs().front(), trace);
    if (!trace.failure.empty()) state.SkipWithError("the executor could not finish a program");
  }
}

/// The programs as guest_loop reads them.
std::string packed_programs() {
  std::string packed;
  for (const Program& program : programs()) {
    const std::vector<std::uint8_t> bytes = encode(program);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    packed.append(reinterpret_cast<const char*>(&size), sizeof(size));
    packed.append(bytes.begin(), bytes.end());
  }
  return packed;
}

/// The number after a word that begins a line of a guest's console. Throws std::runtime_error with the console.
double number_after(const std::string& console, const std::string& word) {
  const std::size_t start = console.find("\n" + word + " ");
  if (start == std::string::npos) throw std::runtime_error("the guest did not say " + word + ":\n" + console);
  return std::stod(console.substr(start + word.size() + 2));
}

/// The hand-written loop in a guest, which measures itself.
void guest_calls(benchmark::State& state, const char* machine, const char* which) {
  const Architecture architecture = std::string_view(machine) == "uml" ? Architecture::um : Architecture::x86_64;
  const std::filesystem::path loop = program_directory() / "guest_loop";
  Initramfs files = initramfs_with_init(loop);
  files.add_file("programs", packed_programs(), 0444);
  for (auto _ : state) {
    const std::string console =
        run_to_its_end(find_booted_kernel(kGuestKernel, architecture), files, std::chrono::minutes(2));
    state.SetIterationTime(static_cast<double>(programs().size()) / number_after(console, which));
  }
}

/// The whole catalogue on all profiles, as `capcheck prove` decides it: by as many threads as there are processors.
void proofs(benchmark::State& state, const std::vector<Profile>& profiles) {
  double slowest = 0;
  std::size_t count = 0;
  for (auto _ : state) {
    for (const ProfileProofs& of_profile : prove_profiles(profiles, {}, std::thread::hardware_concurrency())) {
      for (const ProofResult& result : of_profile.results) {
        if (!is_answer(result.verdict)) state.SkipWithError(std::string(result.info->name).c_str());
        slowest = std::max(slowest, result.slowest_obligation);
        ++count;
      }
    }
  }
  state.counters["slowest_obligation_s"] = slowest;
  state.counters["profiles"] = static_cast<double>(profiles.size());
  state.counters["proofs"] = static_cast<double>(count);
}

/// All functions of one kernel: in processor time, which has to be less than a minute, and the longest question to Z3,
/// which has to be less than ten seconds.
void kernel_proofs(benchmark::State& state, const std::string& kernel) {
  constexpr std::chrono::seconds kLongestQuestion{10};
  constexpr double kLongest = 60;
  const Profile profile = parse_profile(kernel);
  const KernelCode code(kernel_bitcode(kernel, ""));
  double slowest = 0, total = 0;
  for (auto _ : state) {
    const std::clock_t begin = std::clock();
    for (const ProvedFunction& function : proved_functions()) {
      const EqualityResult result = prove_equal(code, profile, function, {kLongestQuestion});
      if (result.verdict != EqualityVerdict::proved) {
        const std::string problem =
            fmt::format("{}(): {}: {}", function.name, to_string(result.verdict), result.detail);
        state.SkipWithError(problem.c_str());
      }
      slowest = std::max(slowest, result.slowest);
    }
    total = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  }
  if (total > kLongest) state.SkipWithError("a kernel's functions take more than a minute");
  state.counters["processor_s"] = total;
  state.counters["slowest_question_s"] = slowest;
  state.counters["functions"] = static_cast<double>(proved_functions().size());
}

/// Every call in every state of a small world, on the model and then on the kernel.
void exhaustion(benchmark::State& state, bool on_kernel) {
  const SmallWorld world = find_small_world(kProfile, "ids");
  InProcessKernel kernel(kernel_file(kProfile), kProfile);
  for (auto _ : state) {
    const Enumeration found = enumerate_model(kProfile, world);
    double seconds = found.seconds;
    if (on_kernel) {
      const KernelEnumeration compared = enumerate_kernel(kProfile, world, found.states, kernel);
      if (compared.difference) state.SkipWithError("model and kernel differ");
      seconds = compared.seconds;
    }
    state.SetIterationTime(seconds);
    state.counters["million_steps"] = static_cast<double>(found.steps) / 1e6 / seconds;
  }
}

double fastest(const std::vector<double>& times) {
  return *std::ranges::min_element(times);
}

/// Where the fastest of an executor and of the loop are compared, both have as many rounds, each of all programs once.
constexpr int kRounds = 20;

/// Keeps each benchmark's time, for the ratios.
class Ratios : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = true;
      if (run.run_type == Run::RT_Aggregate ? run.aggregate_name == "fastest" : run.repetitions <= 1) {
        seconds_[run.run_name.function_name] =
            run.GetAdjustedRealTime() / benchmark::GetTimeUnitMultiplier(run.time_unit);
        if (run.counters.contains("million_steps"))
          million_steps_[run.run_name.function_name] = run.counters.at("million_steps").value;
        for (const auto& [name, counter] : run.counters) {
          if (name == "processor_s") kernel_seconds_ = counter.value;
          if (name == "slowest_question_s") slowest_question_ = counter.value;
          if (name == "slowest_obligation_s") slowest_obligation_ = counter.value;
        }
      }
    }
  }

  bool failed() const { return failed_; }

  void print() const {
    const auto ratio = [&](const std::string& of, const std::string& to) {
      return seconds_.contains(of) && seconds_.contains(to) ? seconds_.at(of) / seconds_.at(to) : std::nan("");
    };
    fmt::print("\n{:<58} {:>8} {:>10}\n", "figure", "measured", "wanted");
    const auto row = [](std::string_view what, double value, std::string_view wanted) {
      fmt::print("{:<58} {:>8.2f} {:>10}\n", what, value, wanted);
    };
    row("differential iteration / kernel code alone", ratio("differential_iteration", "kernel_alone"), "<= 2");
    row("host system calls / differential iteration", ratio("host_calls", "differential_iteration"), ">= 50");
    for (const std::string machine : kMachines) {
      const std::string executor = "executor_on_" + machine;
      row("hand-written calls that read the state / executor, " + machine,
          ratio(machine + "_calls_with_state", executor), ">= 0.8");
      row("hand-written calls alone / executor, " + machine, ratio(machine + "_calls", executor), "");
    }
    row("model alone / kernel code alone", ratio("model_alone", "kernel_alone"), "");
    row("two tasks / one task, both with two namespaces", ratio("two_tasks", "one_task"), "<= 3");
    const auto steps = [&](const std::string& of) {
      return million_steps_.contains(of) ? million_steps_.at(of) : std::nan("");
    };
    row("exhaustive enumeration, million steps a second, model", steps("exhaustion_of_model"), ">= 1");
    row("exhaustive enumeration, million steps a second, kernel", steps("exhaustion_of_kernel"), "");
    row("slowest obligation of the catalogue, seconds", slowest_obligation_, "<= 1");
    row("the whole catalogue on every profile, seconds",
        seconds_.contains("proofs") ? seconds_.at("proofs") : std::nan(""), "<= 30");
    row("all functions of one kernel proved, processor seconds", kernel_seconds_, "<= 60");
    row("slowest question of these proofs, seconds", slowest_question_, "<= 10");
  }

 private:
  std::map<std::string, double> seconds_, million_steps_;
  double slowest_obligation_ = std::nan(""), kernel_seconds_ = std::nan(""), slowest_question_ = std::nan("");
  bool failed_ = false;
};

void register_machines() {
  for (const char* machine : kMachines) {
    const auto on_machine = [&](const std::string& name, auto function) {
      const std::string whole = fmt::format(fmt::runtime(name), machine);
      return benchmark::RegisterBenchmark(whole.c_str(), [=](benchmark::State& state) { function(state, machine); })
          ->Unit(benchmark::kMillisecond)
          ->ComputeStatistics("fastest", fastest);
    };
    on_machine("executor_on_{}", executor)->UseRealTime()->Iterations(1)->Repetitions(kRounds);
    on_machine("differential_on_{}", booted_differential)->UseRealTime()->Repetitions(5);
    on_machine("first_answer_on_{}", first_answer)->UseRealTime()->Iterations(3);
    if (machine == kMachines.front()) continue;  // the loop on this machine is measured here
    for (const char* which : {"calls", "calls_with_state"}) {
      on_machine(fmt::format("{{}}_{}", which),
                 [=](benchmark::State& state, const char* guest) { guest_calls(state, guest, which); })
          ->UseManualTime()
          ->Iterations(1)
          ->Repetitions(kRounds / kLoopRounds);
    }
  }
}

}  // namespace
}  // namespace capcheck

int main(int argc, char** argv) {
  using namespace capcheck;
  // Repeated and interleaved, since a machine's speed drifts and others use it; the fastest of each are compared.
  const auto rate = [](const char* name, void (*function)(benchmark::State&)) {
    return benchmark::RegisterBenchmark(name, function)
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime()
        ->Repetitions(9)
        ->ComputeStatistics("fastest", fastest);
  };
  rate("kernel_alone", kernel_alone);
  rate("model_alone", model_alone);
  rate("differential_iteration", differential_iteration);
  rate("host_calls", host_calls);
  rate("host_calls_with_state", host_calls_with_state)->Iterations(1)->Repetitions(kRounds);
  rate("one_task", one_task);
  rate("two_tasks", two_tasks);
  for (const bool on_kernel : {false, true}) {
    benchmark::RegisterBenchmark(on_kernel ? "exhaustion_of_kernel" : "exhaustion_of_model",
                                 [=](benchmark::State& state) { exhaustion(state, on_kernel); })
        ->Unit(benchmark::kSecond)
        ->UseManualTime()
        ->Iterations(1);
  }
  register_machines();
  std::vector<Profile> profiles = {parse_profile("6.17"), parse_profile("6.17+userns")};
  profiles.insert(profiles.end(), kernel_profiles().begin(), kernel_profiles().end());
  benchmark::RegisterBenchmark("proofs", [=](benchmark::State& state) { proofs(state, profiles); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime()
      ->Iterations(1);
  benchmark::RegisterBenchmark("kernel_proofs", [](benchmark::State& state) { kernel_proofs(state, "6.12+userns"); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime()
      ->Iterations(1);
  std::vector<char*> arguments(argv, argv + argc);
  std::string interleave = "--benchmark_enable_random_interleaving=true",
              aggregates = "--benchmark_report_aggregates_only=true";
  std::string warm_up = "--benchmark_min_time=0.2";
  arguments.insert(arguments.begin() + 1, {interleave.data(), aggregates.data(), warm_up.data()});
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  Ratios ratios;
  benchmark::RunSpecifiedBenchmarks(&ratios);
  ratios.print();
  return ratios.failed() ? 1 : 0;
}
