// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutants_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/mutant_trial.h"
#include "fuzz/score.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/faults.h"
#include "model/mutants.h"
#include "solver/mutants.h"

namespace capcheck {
namespace {

constexpr unsigned kLongestSeconds = 86400;
constexpr std::uint64_t kMostPrograms = 1'000'000'000;

struct MutantsArguments {
  std::string profile = "6.12+userns+userfaultfd-cap";
  unsigned seconds = 60, solver_seconds = 240;
  std::uint64_t programs = MutantTrialOptions{}.properties;
  std::vector<std::string> calls;
  bool list = false, planted = false, json = false;
};

/// How many mutants came out how.
struct Tally {
  std::size_t mutants = 0, equivalent = 0, solver = 0, by_kernel = 0, in_vain = 0, properties = 0, fuzzer = 0, any = 0;

  void add(const MutantResult& result) {
    ++mutants;
    equivalent += result.equivalent();
    solver += result.solver.has_value();
    by_kernel += result.solver && result.solver->is_kernel;
    in_vain += result.solver && result.solver->came_to_the_same;
    properties += result.properties.has_value();
    fuzzer += result.fuzzer.has_value();
    any += result.killed();
  }
  std::size_t to_kill() const { return mutants - equivalent; }
};

void print_tallies(std::string_view title, const std::map<std::string, Tally>& tallies) {
  fmt::print("{:<30} {:>8} {:>10} {:>8} {:>10} {:>8} {:>9}\n", title, "mutants", "equivalent", "solver", "properties",
             "fuzzer", "survivors");
  for (const auto& [name, tally] : tallies) {
    fmt::print("{:<30} {:>8} {:>10} {:>8} {:>10} {:>8} {:>9}\n", name, tally.mutants, tally.equivalent, tally.solver,
               tally.properties, tally.fuzzer, tally.to_kill() - tally.any);
  }
  fmt::print("\n");
}

std::string_view reason(const MutantResult& result) {
  return result.equality == Equality::different
             ? "gives or leaves something else in some world in which the proved invariants hold"
             : "not decided: Z3 gave no answer whether it differs";
}

/// "99.1 % (8120 of 8194)".
std::string score_in_full(std::size_t killed, std::size_t of) {
  return fmt::format("{} ({} of {})", score(killed, of), killed, of);
}

/// After how long all but one in a hundred of those that the engine killed were killed.
std::string describe_pace(const std::vector<MutantResult>& results, std::optional<Kill> MutantResult::* engine) {
  std::vector<Kill> kills;
  for (const MutantResult& result : results) {
    if (result.*engine) kills.push_back(*(result.*engine));
  }
  if (kills.empty()) return "";
  std::ranges::sort(kills, {}, &Kill::programs);
  const auto at = [&](std::size_t hundredths) { return kills[(kills.size() - 1) * hundredths / 100]; };
  return fmt::format(
      "; half of them by program {} ({:.1f} s), 99 % by program {} ({:.1f} s), the last by {} ({:.1f} s)",
      at(50).programs, at(50).seconds, at(99).programs, at(99).seconds, at(100).programs, at(100).seconds);
}

void print_text(const Mutants& mutants, const MutantTrial& trial) {
  std::map<std::string, Tally> by_kind, by_mutation;
  Tally all;
  for (const MutantResult& result : trial.results) {
    const Mutant& mutant = mutants.all()[result.mutant];
    by_kind[std::string(info(mutant.kind).name)].add(result);
    by_mutation[fmt::format("{}: {}", to_string(mutants.operation(mutant)), to_string(mutant.change.mutation))].add(
        result);
    all.add(result);
  }
  print_tallies("call", by_kind);
  print_tallies("change", by_mutation);
  for (const MutantResult& result : trial.results) {
    if (result.killed() || result.equivalent()) continue;
    fmt::print("survivor {}: {}\n", mutants.describe(mutants.all()[result.mutant]), reason(result));
  }
  fmt::print("\n{} mutants generated, {} of the same form as the rules, {} proved equal, in {:.1f} s\n",
             trial.generated, trial.generated - trial.results.size(), all.equivalent, trial.seconds);
  fmt::print(
      "solver      {}; {} by invariants, {} by proofs of the kernel's functions, {} of these in calls that come to the "
      "same\n",
      score_in_full(all.solver, all.to_kill()), all.solver - all.by_kernel, all.by_kernel, all.in_vain);
  for (const std::string& function : trial.unproved) {
    fmt::print("            {}() is not proved on this kernel, so no mutant was killed by its proof\n", function);
  }
  fmt::print("properties  {}{}\n", score_in_full(all.properties, all.to_kill()),
             describe_pace(trial.results, &MutantResult::properties));
  fmt::print("fuzzer      {}{}\n", score_in_full(all.fuzzer, all.to_kill()),
             describe_pace(trial.results, &MutantResult::fuzzer));
  fmt::print("together    {}\n", score_in_full(all.any, all.to_kill()));
}

nlohmann::json kill_json(const std::optional<Kill>& kill) {
  if (!kill) return nullptr;
  return {{"seconds", kill->seconds}, {"programs", kill->programs}};
}

nlohmann::json refutation_json(const std::optional<Refutation>& refutation) {
  if (!refutation) return nullptr;
  return {
      {"by", refutation->by}, {"is_kernel", refutation->is_kernel}, {"came_to_the_same", refutation->came_to_the_same}};
}

void print_json(const Mutants& mutants, const MutantTrial& trial) {
  auto rows = nlohmann::json::array();
  for (const MutantResult& result : trial.results) {
    const Mutant& mutant = mutants.all()[result.mutant];
    rows.push_back({{"mutant", result.mutant},
                    {"call", info(mutant.kind).name},
                    {"operation", to_string(mutants.operation(mutant))},
                    {"change", to_string(mutant.change.mutation)},
                    {"description", mutants.describe(mutant)},
                    {"fuzzer", kill_json(result.fuzzer)},
                    {"properties", kill_json(result.properties)},
                    {"solver", refutation_json(result.solver)},
                    {"equivalent", result.equivalent()}});
  }
  fmt::print("{}\n", nlohmann::json{{"generated", trial.generated},
                                    {"unproved", trial.unproved},
                                    {"fuzzer_programs", trial.fuzzer_programs},
                                    {"seconds", trial.seconds},
                                    {"mutants", rows}}
                         .dump(2));
}

/// For each planted fault, the proved invariants that it breaks; whether each breaks the one it names.
bool print_planted(const Profile& profile) {
  constexpr std::chrono::seconds kTimeout{30};  // they are few
  MutantProver prover(profile, proved_names(profile), kTimeout);
  bool all_named = true;
  for (const FaultInfo& fault : kFaults) {
    if (fault.needs && !(profile.features.*fault.needs)) continue;
    const Breaks breaks = prover.breaks(fault);
    std::vector<std::string_view> names;
    for (const InvariantInfo* broken : breaks.broken) names.push_back(broken->name);
    const bool named = std::ranges::find(names, fault.invariant) != names.end();
    all_named = all_named && named;
    fmt::print("{:<40} {}{}{}\n", fault.name, fmt::join(names, ", "),
               named ? "" : fmt::format(" NOT {}", fault.invariant),
               breaks.unanswered ? " (of others Z3 gave no answer)" : "");
    std::fflush(stdout);
  }
  return all_named;
}

int run(const MutantsArguments& arguments) {
  MutantTrialOptions options;
  options.profile = parse_profile(arguments.profile);
  options.kernel = kernel_file(options.profile);
  options.fuzz_seconds = arguments.seconds;
  options.properties = arguments.programs;
  options.calls = arguments.calls;
  options.solver_budget = std::chrono::seconds(arguments.solver_seconds);
  const Mutants mutants(options.profile);
  if (arguments.planted) return print_planted(options.profile) ? 0 : 1;
  if (arguments.list) {
    for (const std::size_t mutant : mutants_to_try(mutants, options.calls)) {
      fmt::print("{}\n", mutants.describe(mutants.all()[mutant]));
    }
    return 0;
  }
  if (isatty(STDERR_FILENO)) {
    options.on_progress = [](std::string_view text) { fmt::print(stderr, "{}\n", text); };
  }
  const MutantTrial trial = try_mutants(mutants, options);
  arguments.json ? print_json(mutants, trial) : print_text(mutants, trial);
  const bool all_killed = std::ranges::all_of(
      trial.results, [](const MutantResult& result) { return result.killed() || result.equivalent(); });
  return all_killed ? 0 : 1;
}

std::vector<std::string> names_of_calls() {
  std::vector<std::string> names;
  for (const CallInfo& call : kCalls) names.emplace_back(call.name);
  return names;
}

}  // namespace

void add_mutants_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<MutantsArguments>();
  CLI::App* command =
      app.add_subcommand("mutants", "Make every mutant of the rules, and see who kills it and how fast");
  command->add_option("--profile", arguments->profile, "Rules and kernel")->capture_default_str();
  command->add_option("--call", arguments->calls, "Only mutants of this call; repeatable")
      ->check(CLI::IsMember(names_of_calls()));
  command->add_flag("--list", arguments->list, "Only name the mutants");
  command->add_flag("--planted", arguments->planted, "Of the faults planted by hand: which invariants each breaks")
      ->excludes("--call", "--list");
  command->add_option("--seconds", arguments->seconds, "How long to fuzz")
      ->capture_default_str()
      ->check(CLI::Range(1u, kLongestSeconds));
  command->add_option("--programs", arguments->programs, "How many programs the properties draw")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, kMostPrograms));
  command
      ->add_option(
          "--solver-seconds", arguments->solver_seconds,
          "How long to ask Z3 about equality, and a third of it about invariants; what is left then has no answer")
      ->capture_default_str()
      ->check(CLI::Range(1u, kLongestSeconds));
  command->add_flag("--json", arguments->json, "Print one JSON object instead of text")
      ->excludes("--list", "--planted");
  command->footer("Example: capcheck mutants --seconds 60");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
