// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_trial.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/kernel_proofs.h"
#include "fuzz/mutant_race.h"
#include "fuzz/mutant_worlds.h"
#include "fuzz/mutator.h"
#include "fuzz/values.h"
#include "props/generators.h"
#include "solver/induction.h"
#include "solver/prove.h"
#include "solver/statement.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;
using M = MutantDomain<Concrete>;

/// For each question about what is true of worlds.
constexpr std::chrono::seconds kProofTimeout{60};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
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
                              const MutantRace::Attempt& attempt) {
  // Outside, something is of a namespace or task that is not there. That no call of the rules does that is proved, or
  // proved_names() throws.
  if (!is_within_tables(attempt.after)) return &Induction::foundation();
  const World<Concrete> world = lower(attempt.before);
  const Call<Concrete> made = lower(attempt.call);
  const auto leave = [&](World<Concrete>& now, const Call<Concrete>&) {
    now = lower(attempt.after);
    return lower(attempt.reply);
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

/// By mutant: an invariant that it breaks, or the kernel's function that does what the mutant does not.
using Broken = std::map<std::size_t, Refutation>;

/// Tells of calls that part from what the kernel is proved to do, and notes from which function.
MutantRace::Oracle parting_from(const KernelProofs& proofs, const Mutants& mutants, Broken& broken) {
  return [&](const MutantRace::Attempt& attempt) {
    std::string function = proofs.parted_from(mutants.all()[attempt.mutant], attempt);
    const bool parts = !function.empty();
    if (parts) broken[attempt.mutant] = {std::move(function), true, attempt.came_to_the_same};
    return parts;
  };
}

/// Mutants of what the kernel is proved to do as the rules say. Those that are broken already are passed over.
void part_from_kernel(const Mutants& mutants, const MutantTrialOptions& options, const KernelProofs& proofs,
                      std::span<const Statement* const> statements, std::span<const std::size_t> runners,
                      Broken& broken) {
  const CallsInWorlds calls(options.profile, statements);
  for (const WorldForm form : kWorldForms) {
    std::vector<std::size_t> left;
    std::ranges::copy_if(runners, std::back_inserter(left), [&](std::size_t one) { return !broken.contains(one); });
    MutantRace race(options.profile, mutants, left, parting_from(proofs, mutants, broken));
    calls.run(race, options.kernel_worlds, form);
  }
}

/// Questions to Z3 about mutants. Those of one kind of call go to a prover of its own, in a thread of its own: Z3's
/// terms belong to the thread that makes them, and what is known of one kind is of no use for another.
class Questions {
 public:
  Questions(const Mutants& mutants, const MutantTrialOptions& options, const std::vector<std::string>& proved)
      : mutants_(mutants), options_(options), proved_(proved) {}

  /// When to begin no more, and how long Z3 may take for each.
  struct Limits {
    std::optional<Clock::time_point> end{};
    std::chrono::milliseconds timeout;
  };

  /// Calls ask_of(prover, mutant) for each, in several threads; of calls with few mutants first, whose questions are
  /// small. What ask_of throws is thrown again.
  template <class AskOf>
  void ask(std::span<const std::size_t> which, const Limits& limits, AskOf ask_of) const {
    const std::vector<std::vector<std::size_t>> kinds_of = by_kind(which);
    const auto is_over = [&] { return limits.end && Clock::now() >= *limits.end; };
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < kinds_of.size(); i = next++) {
        const CallKind kind = mutants_.all()[kinds_of[i].front()].kind;
        if (is_over()) return;
        MutantProver prover(options_.profile, proved_, limits.timeout, kinds({kind}));
        for (const std::size_t mutant : kinds_of[i]) {
          if (is_over()) return;
          ask_of(prover, mutant);
        }
      }
    };
    std::vector<std::future<void>> workers;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
      workers.push_back(std::async(std::launch::async, work));
    for (std::future<void>& worker : workers) worker.get();
  }

 private:
  std::vector<std::vector<std::size_t>> by_kind(std::span<const std::size_t> which) const {
    std::map<CallKind, std::vector<std::size_t>> found;
    for (const std::size_t mutant : which) found[mutants_.all()[mutant].kind].push_back(mutant);
    std::vector<std::vector<std::size_t>> ordered;
    std::ranges::move(std::views::values(found), std::back_inserter(ordered));
    std::ranges::sort(ordered, {}, [](const auto& own) { return std::pair(own.size(), own.front()); });
    return ordered;
  }

  const Mutants& mutants_;
  const MutantTrialOptions& options_;
  const std::vector<std::string>& proved_;
};

Broken break_invariants(const Mutants& mutants, const MutantTrialOptions& options, const KernelProofs& proofs,
                        const std::vector<std::string>& proved, std::span<const std::size_t> runners,
                        const Questions& questions) {
  const auto statements = statements_named(proved);
  Broken broken;
  MutantRace race(options.profile, mutants, runners, [&](const MutantRace::Attempt& attempt) {
    const Statement* const one = first_broken(options.profile, statements, attempt);
    if (one) broken[attempt.mutant] = {std::string(one->info->name), false};
    return one != nullptr;
  });
  Samples samples(options.profile);
  for (std::uint64_t i = 0; i < options.samples && race.alive() != 0; ++i) {
    if (!race.run(samples.next()).empty()) samples.keep();
  }
  options.on_progress(fmt::format("{} break an invariant in sampled worlds", broken.size()));
  CallsInWorlds(options.profile, statements).run(race, options.worlds);
  options.on_progress(fmt::format("{} break an invariant in arbitrary worlds", broken.size()));
  part_from_kernel(mutants, options, proofs, statements, runners, broken);
  options.on_progress(fmt::format("{} break an invariant or do what the kernel is proved not to do", broken.size()));
  std::vector<std::size_t> left;
  std::ranges::copy_if(runners, std::back_inserter(left), [&](std::size_t one) { return !broken.contains(one); });
  std::mutex mutex;
  const Questions::Limits limits{Clock::now() + options.solver_budget / 3, options.timeout};
  questions.ask(left, limits, [&](MutantProver& prover, std::size_t one) {
    const Breaks breaks = prover.breaks(mutants.all()[one]);
    if (breaks.broken.empty()) return;
    const std::lock_guard lock(mutex);
    broken[one] = {std::string(breaks.broken.front()->name), false};
  });
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

/// Ends the program as the signal would have, which fuzzing has taken: other engines are at work, do not look for it,
/// and have nothing to leave behind.
[[noreturn]] void end_by(int signal) {
  std::raise(signal);
  throw std::runtime_error("interrupted");  // a signal that has a handler
}

Kills try_by_fuzzer(const MutantTrialOptions& options, std::span<const std::size_t> runners, std::uint64_t& programs) {
  std::optional<TemporaryDirectory> work("capcheck-mutants");
  FuzzOptions fuzzing;
  fuzzing.profile = options.profile;
  fuzzing.kernel = options.kernel;
  fuzzing.findings = work->path() / "findings";
  fuzzing.mutants = work->path() / "mutants";
  fuzzing.seconds = options.fuzz_seconds;
  write_runners(fuzzing.mutants, runners);
  const FuzzOutcome outcome = fuzz(fuzzing);
  if (outcome.interrupted()) {
    work.reset();
    end_by(outcome.stopped_by);
  }
  if (outcome.found()) disagree(reports(outcome));
  programs = outcome.programs;
  return read_kills(fuzzing.mutants);
}

/// The mutants but those that give the same terms as the rules. Whatever some program tells apart has other ones.
std::vector<std::size_t> leave_out_same_form(const Mutants& mutants, const MutantTrialOptions& options,
                                             const std::vector<std::size_t>& all, const Questions& questions) {
  MutantRace race(options.profile, mutants, all);
  Samples samples(options.profile);
  constexpr int kPrograms = 1000;
  for (int i = 0; i < kPrograms; ++i) {
    if (!race.run(samples.next()).empty()) samples.keep();
  }
  std::vector<std::size_t> unseen, others;
  std::ranges::copy_if(all, std::back_inserter(unseen), [&](std::size_t mutant) { return race.is_alive(mutant); });
  std::set<std::size_t> same_form;
  std::mutex mutex;
  questions.ask(unseen, {{}, options.timeout}, [&](MutantProver& prover, std::size_t mutant) {
    if (!prover.has_same_form(mutants.all()[mutant])) return;
    const std::lock_guard lock(mutex);
    same_form.insert(mutant);
  });
  std::ranges::copy_if(all, std::back_inserter(others), [&](std::size_t one) { return !same_form.contains(one); });
  return others;
}

using Equalities = std::map<std::size_t, Equality>;

std::vector<std::size_t> unanswered_of(const Equalities& settled) {
  std::vector<std::size_t> unanswered;
  for (const auto& [mutant, equality] : settled) {
    if (equality == Equality::unanswered) unanswered.push_back(mutant);
  }
  return unanswered;
}

/// Whether these are mutants at all. Most that are show it in some drawn world. Of the others Z3 is asked, and where it
/// gives no answer, in what is left of the time, once more and longer.
Equalities settle(const Mutants& mutants, const MutantTrialOptions& options, const CallsInWorlds& calls,
                  std::span<const std::size_t> survivors, const Questions& questions) {
  Equalities settled;
  for (const std::size_t mutant : survivors) settled[mutant] = Equality::unanswered;
  MutantRace race(options.profile, mutants, survivors);
  for (const auto form : {WorldForm::as_drawn, WorldForm::files_to_write}) calls.run(race, options.worlds, form);
  for (auto& [mutant, equality] : settled) {
    if (!race.is_alive(mutant)) equality = Equality::different;
  }
  const auto end = Clock::now() + options.solver_budget;
  for (const unsigned longer : {1, 8}) {
    const std::vector<std::size_t> unanswered = unanswered_of(settled);
    options.on_progress(
        fmt::format("{} survive, of {} it is not known whether they differ", settled.size(), unanswered.size()));
    questions.ask(unanswered, {end, longer * options.timeout}, [&](MutantProver& prover, std::size_t mutant) {
      settled.at(mutant) = prover.equality(mutants.all()[mutant]);
    });
  }
  return settled;
}

/// Of mutants that are not proved equal: which part, in some call, from what a function of the kernel is proved to do
/// for its caller, though the call may come to the same.
Broken refute_by_functions(const Mutants& mutants, const MutantTrialOptions& options, const KernelProofs& proofs,
                           const CallsInWorlds& calls, const Equalities& settled) {
  std::vector<std::size_t> left;
  for (const auto& [mutant, equality] : settled) {
    if (equality != Equality::proved) left.push_back(mutant);
  }
  Broken refuted;
  MutantRace race(options.profile, mutants, left, parting_from(proofs, mutants, refuted), MutantRace::Asked::all);
  for (const WorldForm form : kWorldForms) calls.run(race, options.worlds, form);
  return refuted;
}

/// Of those that nobody killed: whether they are mutants at all, and what else there is against them.
void judge_survivors(MutantTrial& trial, const Mutants& mutants, const MutantTrialOptions& options,
                     const KernelProofs& proofs, const std::vector<std::string>& proved, const Questions& questions) {
  std::vector<std::size_t> survivors;
  for (const MutantResult& result : trial.results) {
    if (!result.killed()) survivors.push_back(result.mutant);
  }
  const auto statements = statements_named(proved);
  const CallsInWorlds calls(options.profile, statements);
  const Equalities settled = settle(mutants, options, calls, survivors, questions);
  const Broken refuted = refute_by_functions(mutants, options, proofs, calls, settled);
  for (MutantResult& result : trial.results) {
    if (result.killed()) continue;
    result.equality = settled.at(result.mutant);
    if (const auto found = refuted.find(result.mutant); found != refuted.end()) result.solver = found->second;
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
    if (!result.as_claimed()) {
      throw std::runtime_error(fmt::format("{} must come out as claimed before mutants are tried, and does not: {}",
                                           result.info->name, result.detail));
    }
    if (result.verdict == ProofVerdict::proved) names.emplace_back(result.info->name);
  }
  return names;
}

MutantTrial try_mutants(const Mutants& mutants, const MutantTrialOptions& options) {
  const auto start = Clock::now();
  const std::vector<std::size_t> tried = mutants_to_try(mutants, options.calls);
  MutantTrial trial{tried.size(), {}, {}, 0, 0};

  const std::vector<std::string> proved = proved_names(options.profile);
  const Questions questions(mutants, options, proved);
  const std::vector<std::size_t> runners = leave_out_same_form(mutants, options, tried, questions);
  options.on_progress(fmt::format("{} mutants, {} of them of another form", tried.size(), runners.size()));

  std::pair<Kills, Kills> by_programs;
  auto running = std::async(std::launch::async, [&] {
    by_programs.first = try_by_fuzzer(options, runners, trial.fuzzer_programs);
    by_programs.second = try_by_properties(mutants, options, runners);
  });
  const KernelProofs proofs(options.profile);
  trial.unproved = proofs.unproved();
  const Broken broken = break_invariants(mutants, options, proofs, proved, runners, questions);
  options.on_progress(fmt::format("{} break an invariant", broken.size()));
  running.get();
  const auto& [fuzzer, properties] = by_programs;
  for (const std::size_t mutant : runners) {
    MutantResult result{.mutant = mutant};
    if (const auto kill = fuzzer.find(mutant); kill != fuzzer.end()) result.fuzzer = kill->second;
    if (const auto kill = properties.find(mutant); kill != properties.end()) result.properties = kill->second;
    if (const auto found = broken.find(mutant); found != broken.end()) result.solver = found->second;
    trial.results.push_back(std::move(result));
  }
  options.on_progress(fmt::format("fuzzer {}, properties {}", fuzzer.size(), properties.size()));
  judge_survivors(trial, mutants, options, proofs, proved, questions);
  trial.seconds = seconds_since(start);
  return trial;
}

}  // namespace capcheck
