// SPDX-License-Identifier: GPL-2.0-only
// The figures that matter, as ratios within one run: what a differential iteration costs beside the kernel's code
// alone, and beside real system calls; and how long proofs take.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "fuzz/bench/host_calls.h"
#include "fuzz/differential.h"
#include "fuzz/values.h"
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

/// Calls f for each program; one iteration is all of them.
template <class F>
void for_programs(benchmark::State& state, const Programs& all, F f) {
  std::size_t calls = 0;
  for (const Program& program : all) calls += program.calls.size();
  for (auto _ : state) {
    for (const Program& program : all) f(program);
  }
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["programs/s"] =
      benchmark::Counter(iterations * static_cast<double>(all.size()), benchmark::Counter::kIsRate);
  state.counters["calls/s"] = benchmark::Counter(iterations * static_cast<double>(calls), benchmark::Counter::kIsRate);
}

void kernel_alone(benchmark::State& state) {
  InProcessKernel& kernel = differential().kernel();
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

void host_system_calls(benchmark::State& state) {
  for_programs(state, programs(), [](const Program& program) { run_on_host(program); });
}

void proofs(benchmark::State& state, const std::string& profile) {
  double slowest = 0;
  std::size_t count = 0;
  for (auto _ : state) {
    const auto results = prove_catalogue(parse_profile(profile));
    count = results.size();
    for (const ProofResult& result : results) slowest = std::max(slowest, result.seconds);
  }
  state.counters["slowest_s"] = slowest;
  state.counters["proofs"] = static_cast<double>(count);
}

/// Keeps each benchmark's time, for the ratios.
class Ratios : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = true;
      if (run.run_type == Run::RT_Aggregate ? run.aggregate_name == "median" : run.repetitions <= 1) {
        seconds_[run.run_name.function_name] =
            run.GetAdjustedRealTime() / benchmark::GetTimeUnitMultiplier(run.time_unit);
        slowest_ = std::max(slowest_, run.counters.contains("slowest_s") ? run.counters.at("slowest_s").value : 0);
      }
    }
  }

  bool failed() const { return failed_; }

  void print() const {
    const auto ratio = [&](const std::string& of, const std::string& to) {
      return seconds_.contains(of) && seconds_.contains(to) ? seconds_.at(of) / seconds_.at(to) : std::nan("");
    };
    double all_proofs = 0;
    for (const auto& [name, seconds] : seconds_) all_proofs += name.starts_with("proofs") ? seconds : 0;
    fmt::print("\n{:<58} {:>8} {:>10}\n", "figure", "measured", "wanted");
    const auto row = [](std::string_view what, double value, std::string_view wanted) {
      fmt::print("{:<58} {:>8.2f} {:>10}\n", what, value, wanted);
    };
    row("differential iteration / kernel code alone", ratio("differential_iteration", "kernel_alone"), "<= 2");
    row("host system calls / differential iteration", ratio("host_system_calls", "differential_iteration"), ">= 50");
    row("model alone / kernel code alone", ratio("model_alone", "kernel_alone"), "");
    row("two tasks / one task, both with two namespaces", ratio("two_tasks", "one_task"), "<= 3");
    row("slowest proof or refutation, seconds", slowest_, "<= 1");
    row("the whole catalogue on every profile, seconds", all_proofs, "<= 30");
  }

 private:
  std::map<std::string, double> seconds_;
  double slowest_ = 0;
  bool failed_ = false;
};

}  // namespace
}  // namespace capcheck

int main(int argc, char** argv) {
  using namespace capcheck;
  // Repeated and interleaved, since a machine's speed drifts; the medians are compared.
  const auto rate = [](const char* name, void (*function)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, function)->Unit(benchmark::kMicrosecond)->UseRealTime()->Repetitions(9);
  };
  rate("kernel_alone", kernel_alone);
  rate("model_alone", model_alone);
  rate("differential_iteration", differential_iteration);
  rate("host_system_calls", host_system_calls);
  rate("one_task", one_task);
  rate("two_tasks", two_tasks);
  std::vector<std::string> profiles = {"6.17", "6.17+userns"};
  for (const Profile& profile : kernel_profiles()) profiles.push_back(to_string(profile));
  for (const std::string& profile : profiles) {
    benchmark::RegisterBenchmark(("proofs/" + profile).c_str(),
                                 [profile](benchmark::State& state) { proofs(state, profile); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->Iterations(1);
  }
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
