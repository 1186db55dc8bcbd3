// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_trial.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <map>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/mutant_race.h"
#include "fuzz/mutator.h"
#include "props/generators.h"
#include "solver/induction.h"
#include "solver/kernel/equality.h"
#include "solver/kernel/functions.h"
#include "solver/prove.h"
#include "solver/statement.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;
using M = MutantDomain<Concrete>;

/// For each question to Z3 about a function of the kernel; the slowest takes some seconds.
constexpr std::chrono::seconds kKernelTimeout{60};

/// For each question about what is true of worlds.
constexpr std::chrono::seconds kProofTimeout{60};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

World<Concrete> lower(const World<M>& world) {
  World<Concrete> lowered{};
  for (std::size_t i = 0; i < kMaxTasks; ++i) lowered.tasks[i] = lower(world.tasks[i]);
  for (std::size_t i = 0; i < std::min<std::size_t>(world.namespace_count.inner, kMaxNamespaces); ++i) {
    lowered.namespaces[i] = lower(world.namespaces[i]);
  }
  lowered.namespace_count = world.namespace_count.inner;
  lowered.fs_count = world.fs_count.inner;
  lowered.session_count = world.session_count.inner;
  lowered.sysctls = lower(world.sysctls);
  return lowered;
}

Call<Concrete> lower(const Call<M>& call) {
  Call<Concrete> lowered{call.kind, call.task, {}};
  std::ranges::transform(call.args, lowered.args.begin(), &MutantWord<Concrete>::inner);
  return lowered;
}

/// The statements of that name.
std::vector<const Statement*> statements_named(const std::vector<std::string>& names) {
  std::vector<const Statement*> found;
  for (const Statement& statement : statements_for_mutants()) {
    if (std::ranges::find(names, statement.info->name) != names.end()) found.push_back(&statement);
  }
  return found;
}

/// Whether all numbers that statements look up in a world are of its tables.
bool is_within_tables(const World<M>& world) {
  const std::uint64_t count = world.namespace_count.inner;
  if (count > kMaxNamespaces) return false;
  for (const Task<M>& task : world.tasks) {
    if (task.alive.inner != 0 && (task.user_ns.inner >= count || task.leader.inner >= kMaxTasks)) return false;
  }
  return std::ranges::all_of(world.namespaces.begin(), world.namespaces.begin() + static_cast<std::ptrdiff_t>(count),
                             [](const UserNamespace<M>& ns) { return ns.parent.inner < kMaxNamespaces; });
}

/// The first statement that a call breaks; null if none.
const Statement* first_broken(const Profile& profile, std::span<const Statement* const> statements,
                              const World<M>& before, const Call<M>& call, const Reply<M>& reply,
                              const World<M>& after) {
  if (!is_within_tables(after)) return statements.front();  // world-well-formed
  const World<Concrete> world = lower(before);
  const Call<Concrete> made = lower(call);
  const auto leave = [&](World<Concrete>& now, const Call<Concrete>&) {
    now = lower(after);
    return lower(reply);
  };
  const Transition<Concrete> transition = take_by<Concrete>(leave, world, made);
  for (const Statement* statement : statements) {
    if (meets<Concrete>({statement, Goal::Kind::violation}, profile, transition)) return statement;
  }
  return nullptr;
}

/// Programs as the fuzzer's mutator makes them without coverage: each grown from nothing, or from one that was of use.
class Samples {
 public:
  explicit Samples(const Profile& profile) : profile_(profile) {}

  const Program& next() {
    constexpr std::uint64_t kAnew = 3, kChanges = 24;
    constexpr std::size_t kCalls = 40;
    program_ =
        useful_.empty() || pick_below(random_, kAnew) == 0 ? Program{} : useful_[pick_below(random_, useful_.size())];
    for (std::uint64_t i = pick_below(random_, kChanges) + 1; i > 0; --i) mutate(program_, kCalls, profile_, random_);
    return program_;
  }
  void keep() { useful_.push_back(program_); }

 private:
  Profile profile_;
  Random random_{1};
  Program program_;
  std::vector<Program> useful_;
};

/// Calls in worlds in which what is proved of states holds, whether calls lead there or not.
class CallsInWorlds {
 public:
  CallsInWorlds(const Profile& profile, std::span<const Statement* const> proved) : profile_(profile) {
    std::ranges::copy_if(proved, std::back_inserter(lemmas_), [](const Statement* one) { return one->of_states(); });
  }

  /// Calls try_call(world, call) for so many worlds, some calls in each.
  template <class TryCall>
  void for_each(std::uint64_t worlds, TryCall try_call) const {
    constexpr int kCallsInEach = 100, kSizes = 100;
    for (std::uint64_t i = 0; i < worlds; ++i) {
      const World<Concrete> world = any_world(profile_)(rc::Random(i), static_cast<int>(i % kSizes)).value();
      const auto holds_in_world = [&](const Statement* lemma) { return holds<Concrete>(*lemma, profile_, world); };
      if (!std::ranges::all_of(lemmas_, holds_in_world)) continue;
      const auto any = any_call_in(profile_, world);
      rc::Random random(i);
      for (int call = 0; call < kCallsInEach; ++call) try_call(world, any(random.split(), kSizes).value());
    }
  }

 private:
  Profile profile_;
  std::vector<const Statement*> lemmas_;
};

/// Calls that a kernel's function makes whole, by the function that is proved to do what the rule says.
using ProvedCalls = std::map<CallKind, std::string>;

ProvedCalls prove_calls(const MutantTrialOptions& options) {
  const std::string kernel = to_string(options.profile);
  const KernelCode code(kernel_bitcode(kernel, ""));
  ProvedCalls proved;
  for (const ProvedFunction& function : proved_functions()) {
    if (function.calls == 0) continue;
    if (prove_equal(code, options.profile, function, {kKernelTimeout}).verdict != EqualityVerdict::proved) continue;
    for (const CallInfo& call : kCalls) {
      if (function.calls & kinds({call.kind})) proved[call.kind] = fmt::format("{}() of {}", function.name, kernel);
    }
  }
  return proved;
}

/// Whether a mutant's call does what the kernel is proved not to do: it gives another result than the rule, or leaves
/// its caller other credentials.
bool parts_from_kernel(const Profile& profile, const World<M>& before, const Call<M>& call, const Reply<M>& reply,
                       const World<M>& after) {
  if (before.tasks[call.task].user_ns.inner != 0) return false;
  World<Concrete> world = lower(before);
  const Reply<Concrete> proved = step(profile, world, lower(call));
  Credentials<Concrete> left = lower(after.tasks[call.task].cred);
  const auto value = [](const std::uint64_t* word) { return *word; };
  return proved.result != reply.result.inner ||
         !std::ranges::equal(words_of(left), words_of(world.tasks[call.task].cred), {}, value, value);
}

/// By mutant: an invariant that it breaks, or the kernel's function that does what the mutant does not.
using Broken = std::map<std::size_t, std::string>;

/// Mutants of calls that the kernel is proved to make as the rules say, in worlds in which what is proved of states
/// holds. Those that are broken already are passed over.
void part_from_kernel(const Mutants& mutants, const MutantTrialOptions& options,
                      std::span<const Statement* const> statements, std::span<const std::size_t> runners,
                      Broken& broken) {
  const ProvedCalls proved = prove_calls(options);
  std::vector<std::size_t> left;
  std::ranges::copy_if(runners, std::back_inserter(left), [&](std::size_t mutant) {
    return !broken.contains(mutant) && proved.contains(mutants.all()[mutant].kind);
  });
  MutantRace race(options.profile, mutants, left,
                  [&](const World<M>& before, const Call<M>& call, const Reply<M>& reply, const World<M>& after) {
                    return parts_from_kernel(options.profile, before, call, reply, after);
                  });
  CallsInWorlds(options.profile, statements).for_each(options.worlds, [&](const auto& world, const auto& call) {
    if (!proved.contains(call.kind)) return;
    for (const std::size_t mutant : race.run(world, call)) broken[mutant] = proved.at(call.kind);
  });
}

Broken break_invariants(const Mutants& mutants, const MutantTrialOptions& options,
                        const std::vector<std::string>& proved, std::span<const std::size_t> runners,
                        MutantProver& prover) {
  const auto statements = statements_named(proved);
  if (statements.empty() || statements.front()->info != Induction::foundation().info) {
    throw std::runtime_error(fmt::format("{} must be proved before mutants are tried on invariants; see capcheck prove",
                                         Induction::foundation().info->name));
  }
  Broken broken;
  std::vector<const Statement*> found;  // in the order of the mutants killed
  MutantRace race(options.profile, mutants, runners,
                  [&](const World<M>& before, const Call<M>& call, const Reply<M>& reply, const World<M>& after) {
                    const Statement* const one = first_broken(options.profile, statements, before, call, reply, after);
                    if (one) found.push_back(one);
                    return one != nullptr;
                  });
  Samples samples(options.profile);
  for (std::uint64_t i = 0; i < options.samples && race.alive() != 0; ++i) {
    found.clear();
    const auto& killed = race.run(samples.next());
    for (std::size_t k = 0; k < killed.size(); ++k) broken[killed[k]] = found[k]->info->name;
    if (!killed.empty()) samples.keep();
  }
  options.on_progress(fmt::format("{} break an invariant in sampled worlds", broken.size()));
  CallsInWorlds(options.profile, statements).for_each(options.worlds, [&](const auto& world, const auto& call) {
    found.clear();
    const auto& killed = race.run(world, call);
    for (std::size_t k = 0; k < killed.size(); ++k) broken[killed[k]] = found[k]->info->name;
  });
  options.on_progress(fmt::format("{} break an invariant in arbitrary worlds", broken.size()));
  part_from_kernel(mutants, options, statements, runners, broken);
  options.on_progress(fmt::format("{} break an invariant or do what the kernel is proved not to do", broken.size()));
  const auto start = Clock::now();
  // In an order that comes to every kind of call early, should the time not do for all.
  constexpr std::size_t kStride = 7919;
  for (std::size_t i = 0; i < runners.size() && Clock::now() - start < options.solver_budget / 3; ++i) {
    const std::size_t mutant = runners[i * kStride % runners.size()];
    if (broken.contains(mutant)) continue;
    const Breaks breaks = prover.breaks(mutants.all()[mutant]);
    if (!breaks.broken.empty()) broken[mutant] = breaks.broken.front()->name;
  }
  return broken;
}

[[noreturn]] void disagree(const std::string& report) {
  throw std::runtime_error(
      fmt::format("kernel and model must agree while mutants are tried, and do not; see to this first:\n{}", report));
}

/// Programs drawn by RapidCheck, of all the sizes that a property goes through.
Kills try_by_properties(const Mutants& mutants, const MutantTrialOptions& options,
                        std::span<const std::size_t> runners) {
  Differential differential(options.profile, options.kernel);
  MutantRace race(options.profile, mutants, runners);
  Kills kills;
  const auto start = Clock::now();
  constexpr int kSizes = 100;
  for (std::uint64_t i = 0; i < options.properties && race.alive() != 0; ++i) {
    const Program program = any_program(options.profile)(rc::Random(i), static_cast<int>(i % kSizes)).value();
    if (const auto divergence = differential.run(program)) disagree(differential.explain(*divergence, program, ""));
    for (const std::size_t mutant : race.run(program)) kills[mutant] = {seconds_since(start), i + 1};
  }
  return kills;
}

Kills try_by_fuzzer(const MutantTrialOptions& options, std::span<const std::size_t> runners, std::uint64_t& programs) {
  const TemporaryDirectory work("capcheck-mutants");
  FuzzOptions fuzzing;
  fuzzing.profile = options.profile;
  fuzzing.kernel = options.kernel;
  fuzzing.findings = work.path() / "findings";
  fuzzing.mutants = work.path() / "mutants";
  fuzzing.seconds = options.fuzz_seconds;
  write_runners(fuzzing.mutants, runners);
  const FuzzOutcome outcome = fuzz(fuzzing);
  if (outcome.interrupted) throw std::runtime_error("interrupted");
  if (outcome.found()) disagree(reports(outcome));
  programs = outcome.programs;
  return read_kills(fuzzing.mutants);
}

/// The mutants but those that give the same terms as the rules. Whatever some program tells apart has other ones.
std::vector<std::size_t> leave_out_same_form(const Mutants& mutants, const Profile& profile,
                                             std::vector<std::size_t> all, MutantProver& prover) {
  MutantRace race(profile, mutants, all);
  Samples samples(profile);
  constexpr int kPrograms = 1000;
  for (int i = 0; i < kPrograms; ++i) {
    if (!race.run(samples.next()).empty()) samples.keep();
  }
  std::erase_if(
      all, [&](std::size_t mutant) { return race.is_alive(mutant) && prover.has_same_form(mutants.all()[mutant]); });
  return all;
}

/// Those that nobody killed, of calls of which few are left first: questions about these are small.
std::vector<MutantResult*> survivors(MutantTrial& trial, const Mutants& mutants) {
  std::vector<MutantResult*> found;
  std::map<CallKind, std::size_t> left;
  const auto kind = [&](const MutantResult* result) { return mutants.all()[result->mutant].kind; };
  for (MutantResult& result : trial.results) {
    if (result.killed()) continue;
    found.push_back(&result);
    ++left[kind(&result)];
  }
  std::ranges::sort(found, {}, [&](const MutantResult* result) {
    return std::tuple(left.at(kind(result)), kind(result), result->mutant);
  });
  return found;
}

/// Asks of those that nobody killed whether they are mutants at all. Most that are show it in some drawn world.
void settle(MutantTrial& trial, const Mutants& mutants, const MutantTrialOptions& options,
            const std::vector<std::string>& proved, MutantProver& prover) {
  const std::vector<MutantResult*> left = survivors(trial, mutants);
  std::vector<std::size_t> unsettled;
  std::ranges::transform(left, std::back_inserter(unsettled), &MutantResult::mutant);
  MutantRace race(options.profile, mutants, unsettled);
  CallsInWorlds(options.profile, statements_named(proved))
      .for_each(options.worlds, [&](const auto& world, const auto& call) { race.run(world, call); });
  options.on_progress(
      fmt::format("{} survive, {} of them differ in a drawn world", unsettled.size(), unsettled.size() - race.alive()));
  const auto start = Clock::now();
  for (MutantResult* result : left) {
    const bool has_time = Clock::now() - start < options.solver_budget;
    if (!race.is_alive(result->mutant)) {
      result->equality = Equality::different;
    } else {
      result->equality = has_time ? prover.equality(mutants.all()[result->mutant]) : Equality::unanswered;
    }
  }
}

}  // namespace

std::vector<std::size_t> mutants_to_try(const Mutants& mutants, const std::vector<std::string>& calls) {
  std::vector<std::size_t> all(mutants.all().size());
  std::iota(all.begin(), all.end(), 0);
  std::erase_if(all, [&](std::size_t mutant) {
    return !calls.empty() && std::ranges::find(calls, info(mutants.all()[mutant].kind).name) == calls.end();
  });
  return all;
}

std::vector<std::string> proved_names(const Profile& profile) {
  ProveOptions options;
  options.timeout = kProofTimeout;
  std::vector<std::string> names;
  for (const ProofResult& result : prove_statements(profile, options, statements_for_mutants())) {
    if (result.verdict == ProofVerdict::proved) names.emplace_back(result.info->name);
  }
  return names;
}

MutantTrial try_mutants(const Mutants& mutants, const MutantTrialOptions& options) {
  const auto start = Clock::now();
  const std::vector<std::size_t> tried = mutants_to_try(mutants, options.calls);
  MutantTrial trial{tried.size(), {}, 0, 0};

  const std::vector<std::string> proved = proved_names(options.profile);
  MutantProver prover(options.profile, proved, options.timeout);
  const std::vector<std::size_t> runners = leave_out_same_form(mutants, options.profile, tried, prover);
  options.on_progress(fmt::format("{} mutants, {} of them of another form", tried.size(), runners.size()));

  // Z3's terms belong to the thread that makes them: all questions are asked here, and programs run elsewhere.
  std::pair<Kills, Kills> by_programs;
  auto running = std::async(std::launch::async, [&] {
    by_programs.first = try_by_fuzzer(options, runners, trial.fuzzer_programs);
    by_programs.second = try_by_properties(mutants, options, runners);
  });
  const Broken broken = break_invariants(mutants, options, proved, runners, prover);
  options.on_progress(fmt::format("{} break an invariant", broken.size()));
  running.get();
  const auto& [fuzzer, properties] = by_programs;
  for (const std::size_t mutant : runners) {
    MutantResult result{mutant, {}, {}, {}, {}};
    if (const auto kill = fuzzer.find(mutant); kill != fuzzer.end()) result.fuzzer = kill->second;
    if (const auto kill = properties.find(mutant); kill != properties.end()) result.properties = kill->second;
    if (const auto found = broken.find(mutant); found != broken.end()) result.solver = found->second;
    trial.results.push_back(std::move(result));
  }
  options.on_progress(fmt::format("fuzzer {}, properties {}", fuzzer.size(), properties.size()));
  settle(trial, mutants, options, proved, prover);
  trial.seconds = seconds_since(start);
  return trial;
}

}  // namespace capcheck
