// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_trial.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
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
#include "fuzz/mutant_race.h"
#include "fuzz/mutator.h"
#include "fuzz/values.h"
#include "props/generators.h"
#include "solver/kernel/bounds.h"
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
                              const MutantRace::Attempt& attempt) {
  if (!is_within_tables(attempt.after)) return statements.front();  // world-well-formed
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

// What proofs of the kernel's functions are bounded by, few drawn worlds keep to. So each is looked at again in other
// forms.

using Form = void (*)(World<Concrete>& world, Random& random);

template <class Change>
void change_maps(World<Concrete>& world, Change change) {
  for (UserNamespace<Concrete>& ns : std::span(world.namespaces).subspan(1, world.namespace_count - 1)) {
    for (IdMap<Concrete>* map : {&ns.uid_map, &ns.gid_map}) change(*map);
  }
}

void as_drawn(World<Concrete>&, Random&) {}

void with_maps_of_one_line(World<Concrete>& world, Random&) {
  change_maps(world, [](IdMap<Concrete>& map) { map.line1 = {}; });
}

void with_identity_maps(World<Concrete>& world, Random&) {
  change_maps(world, [&](IdMap<Concrete>& map) { map = world.namespaces[0].uid_map; });
}

/// Files of /proc can be written by everybody, and of namespaces every other one has no maps yet.
void with_files_to_write(World<Concrete>& world, Random&) {
  for (Task<Concrete>& task : world.tasks) {
    if (task.alive == 0) continue;
    task.dumpable = 1;
    task.cred.euid = task.cred.fsuid = world.tasks[0].cred.euid;
    task.cred.egid = task.cred.fsgid = world.tasks[0].cred.egid;
  }
  for (std::size_t ns = world.namespace_count - 1; ns > 0; --ns) {
    if (ns % 2 == world.namespace_count % 2) continue;
    world.namespaces[ns].uid_map = world.namespaces[ns].gid_map = {};
  }
}

/// The last namespace has no maps yet; task 0 is in its parent, the others in it, and all may write them.
void with_a_map_to_write(World<Concrete>& world, Random& random) {
  with_files_to_write(world, random);
  constexpr std::uint64_t kAsked =
      cap_bit(CAP_SYS_ADMIN) | cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID) | cap_bit(CAP_SETFCAP);
  const std::uint64_t last = world.namespace_count - 1;
  if (last == 0) return;
  world.namespaces[last].uid_map = world.namespaces[last].gid_map = {};
  for (Task<Concrete>& task : world.tasks) {
    if (task.alive == 0) continue;
    task.user_ns = last;
    for (const auto set : {&Credentials<Concrete>::permitted, &Credentials<Concrete>::effective,
                           &Credentials<Concrete>::bounding, &Credentials<Concrete>::userns})
      task.cred.*set |= kAsked;
  }
  world.tasks[0].user_ns = world.namespaces[last].parent;
}

/// Files of /proc belong to who has one name too few: namespaces have all ids of one kind and none of the other, or the
/// owner has no group; and those who ask for them may pass over ids.
void with_owners_half_named(World<Concrete>& world, Random&) {
  constexpr std::uint64_t kMany = 100'000;
  for (std::size_t ns = 1; ns < world.namespace_count; ++ns) {
    IdMap<Concrete> all{{0, 0, kMany}, {}}, none{{0, kMany, 1}, {}};
    if (ns % 2 != 0) std::swap(all, none);
    world.namespaces[ns].uid_map = all;
    world.namespaces[ns].gid_map = none;
  }
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    Task<Concrete>& task = world.tasks[number];
    if (task.alive == 0) continue;
    Credentials<Concrete>& cred = task.cred;
    task.dumpable = 1;
    if (number == kMaxTasks - 1) cred.egid = kInvalidId;
    cred.fsuid = cred.euid;
    cred.fsgid = cred.egid;
    cred.permitted |= cap_bit(CAP_DAC_OVERRIDE);
    cred.effective |= cap_bit(CAP_DAC_OVERRIDE);
  }
}

/// Three namespaces, each below the one before: a task of each, of which the last's may be written to by the one above
/// it and by the first. The owner has an id at the edge of a line, and one of those that are asked may lack what it
/// takes to map other ids than its own.
void with_a_map_to_write_from_above(World<Concrete>& world, Random& random) {
  constexpr std::uint64_t kLast = 3;
  constexpr IdMap<Concrete> kLines{{0, 0, 1000}, {5000, 5000, 10}}, kSwapped{kLines.line1, kLines.line0};
  constexpr std::uint64_t kEdges[] = {0, 1, 999, 1000, 5000, 5001, 5009, 5010};
  const auto edge = [&] { return kEdges[pick_below(random, std::size(kEdges))]; };
  world.namespace_count = kLast + 1;
  for (std::uint64_t number = 1; number <= kLast; ++number) {
    UserNamespace<Concrete>& ns = world.namespaces[number];
    ns.parent = number - 1;
    ns.level = number;
    ns.owner = edge();
    ns.uid_map = ns.gid_map = number == kLast ? IdMap<Concrete>{} : pick_below(random, 2) ? kLines : kSwapped;
  }
  for (std::uint64_t number = 0; number < kMaxTasks; ++number) {
    Task<Concrete>& task = world.tasks[number];
    if (task.alive == 0) continue;
    Credentials<Concrete>& cred = task.cred;
    task.user_ns = std::min(number + 1, kLast);
    task.mm_user_ns = task.tracer_user_ns = 0;
    task.dumpable = 1;
    cred.euid = cred.fsuid = pick_below(random, 2) ? world.namespaces[kLast].owner : edge();
    cred.egid = cred.fsgid = edge();
    std::uint64_t caps = cap_bit(CAP_SYS_ADMIN) | cap_bit(CAP_DAC_OVERRIDE) | cap_bit(CAP_SETFCAP);
    if (pick_below(random, 4)) caps |= cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID);
    cred.permitted |= caps;
    cred.effective = (cred.effective & ~(cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID))) | caps;
  }
}

/// Calls in worlds in which what is proved of states holds, whether calls lead there or not.
class CallsInWorlds {
 public:
  CallsInWorlds(const Profile& profile, std::span<const Statement* const> proved) : profile_(profile) {
    std::ranges::copy_if(proved, std::back_inserter(lemmas_), [](const Statement* one) { return one->of_states(); });
  }

  /// Lets a race make some calls in each of so many worlds, of the kinds whose mutants are alive.
  void run(MutantRace& race, std::uint64_t worlds, Form form = as_drawn) const {
    constexpr int kCallsInEach = 100, kSizes = 100;
    for (std::uint64_t i = 0; i < worlds && race.alive() != 0; ++i) {
      World<Concrete> world = any_world(profile_)(rc::Random(i), static_cast<int>(i % kSizes)).value();
      Random picks(static_cast<unsigned>(i + 1));
      form(world, picks);
      const auto holds_in_world = [&](const Statement* lemma) { return holds<Concrete>(*lemma, profile_, world); };
      if (!std::ranges::all_of(lemmas_, holds_in_world)) continue;
      const auto any = any_call_in(profile_, world, race.alive_kinds());
      rc::Random random(i);
      for (int call = 0; call < kCallsInEach; ++call) race.run(world, any(random.split(), kSizes).value());
    }
  }

 private:
  Profile profile_;
  std::vector<const Statement*> lemmas_;
};

/// What the kernel of the profile is proved to do as the rules say.
class KernelProofs {
 public:
  explicit KernelProofs(const Profile& profile) : profile_(profile), kernel_(to_string(profile)) {
    const KernelCode code(kernel_bitcode(kernel_, ""));
    for (const ProvedFunction& function : proved_functions()) {
      if (prove_equal(code, profile, function, {kKernelTimeout}).verdict == EqualityVerdict::proved) {
        proved_.push_back(&function);
      } else {
        unproved_.emplace_back(function.name);
      }
    }
  }

  const std::vector<std::string>& unproved() const { return unproved_; }

  /// The function of the kernel, proved without a bound, that a mutant which differs somewhere must part from: it is
  /// nothing but that rule changed. Empty if there is none.
  std::string parted_from(std::string_view function) const {
    const auto found = std::ranges::find(proved_, function, &ProvedFunction::name);
    return found != proved_.end() && is_unbounded(function) ? name_of(**found) : "";
  }

  /// The function of the kernel that a mutant parts from by what it did; empty if there is none.
  std::string parted_from(const Mutant& mutant, const MutantRace::Attempt& attempt) const {
    const World<Concrete> world = lower(attempt.before);
    const Call<Concrete> call = lower(attempt.call);
    for (const ProvedFunction* function : proved_) {
      if (function->calls & kinds({call.kind}) && is_within_bound(function->name, world, call) &&
          parts_as_call(attempt, world, call))
        return name_of(*function);
    }
    if (mutant.site == kNoSite) return "";
    const Outcomes proper = outcomes_around(mutant.site, {}, attempt),
                   its = outcomes_around(mutant.site, mutant, attempt);
    for (const ProvedFunction* function : proved_) {
      const bool parts = of(*function, proper) != of(*function, its);
      if (parts && is_within_bound(function->name, world, call)) return name_of(*function);
    }
    return "";
  }

 private:
  using Outcomes = std::vector<FunctionOutcome<Concrete>>;

  /// What functions around a site give in a call.
  Outcomes outcomes_around(std::uint16_t site, const Mutant& mutant, const MutantRace::Attempt& attempt) const {
    MutantRun<Concrete> run;
    run.mutant = mutant;
    run.watched = site;
    World<M> world = attempt.before;
    mutated_step<Concrete>(profile_, run, world, attempt.call);
    return run.outcomes;
  }

  /// The first that the function gives. Up to there nothing is changed but within it.
  static std::vector<std::uint64_t> of(const ProvedFunction& function, const Outcomes& outcomes) {
    const auto found = std::ranges::find(outcomes, function.name, &FunctionOutcome<Concrete>::function);
    return found == outcomes.end() ? std::vector<std::uint64_t>{} : found->words;
  }

  /// Whether it gives another result than the rule, or leaves its caller other credentials.
  bool parts_as_call(const MutantRace::Attempt& attempt, World<Concrete> world, const Call<Concrete>& call) const {
    const Reply<Concrete> proved = step(profile_, world, call);
    Credentials<Concrete> left = lower(attempt.after.tasks[call.task].cred);
    const auto value = [](const std::uint64_t* word) { return *word; };
    return proved.result != attempt.reply.result.inner ||
           !std::ranges::equal(words_of(left), words_of(world.tasks[call.task].cred), {}, value, value);
  }

  std::string name_of(const ProvedFunction& function) const {
    return fmt::format("{}() of {}", function.name, kernel_);
  }

  Profile profile_;
  std::string kernel_;
  std::vector<const ProvedFunction*> proved_;
  std::vector<std::string> unproved_;
};

/// By mutant: an invariant that it breaks, or the kernel's function that does what the mutant does not.
using Broken = std::map<std::size_t, Refutation>;

/// Mutants of what the kernel is proved to do as the rules say. Those that are broken already are passed over.
void part_from_kernel(const Mutants& mutants, const MutantTrialOptions& options, const KernelProofs& proofs,
                      std::span<const Statement* const> statements, std::span<const std::size_t> runners,
                      Broken& broken) {
  const CallsInWorlds calls(options.profile, statements);
  for (const auto form : {as_drawn, with_maps_of_one_line, with_identity_maps, with_files_to_write, with_a_map_to_write,
                          with_owners_half_named, with_a_map_to_write_from_above}) {
    std::vector<std::size_t> left;
    std::ranges::copy_if(runners, std::back_inserter(left), [&](std::size_t one) { return !broken.contains(one); });
    MutantRace race(options.profile, mutants, left, [&](const MutantRace::Attempt& attempt) {
      std::string function = proofs.parted_from(mutants.all()[attempt.mutant], attempt);
      const bool parts = !function.empty();
      if (parts) broken[attempt.mutant] = {std::move(function), true};
      return parts;
    });
    calls.run(race, options.kernel_worlds, form);
  }
}

/// Questions to Z3 about mutants. Those of one kind of call go to a prover of its own, in a thread of its own: Z3's
/// terms belong to the thread that makes them, and what is known of one kind is of no use for another.
class Questions {
 public:
  Questions(const Mutants& mutants, const MutantTrialOptions& options, const std::vector<std::string>& proved)
      : mutants_(mutants), options_(options), proved_(proved) {}

  /// Calls ask_of(prover, mutant) for each, in several threads; of calls with few mutants first, whose questions are
  /// small. After `budget`, if there is one, no more are begun. What ask_of throws is thrown again.
  template <class AskOf>
  void ask(std::span<const std::size_t> which, std::optional<std::chrono::seconds> budget, AskOf ask_of) const {
    const std::vector<std::vector<std::size_t>> kinds_of = by_kind(which);
    const auto start = Clock::now();
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < kinds_of.size(); i = next++) {
        const CallKind kind = mutants_.all()[kinds_of[i].front()].kind;
        if (budget && Clock::now() - start >= *budget) return;
        MutantProver prover(options_.profile, proved_, options_.timeout, kinds({kind}));
        for (const std::size_t mutant : kinds_of[i]) {
          if (budget && Clock::now() - start >= *budget) return;
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
  questions.ask(left, options.solver_budget / 3, [&](MutantProver& prover, std::size_t one) {
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
  questions.ask(unseen, std::nullopt, [&](MutantProver& prover, std::size_t mutant) {
    if (!prover.has_same_form(mutants.all()[mutant])) return;
    const std::lock_guard lock(mutex);
    same_form.insert(mutant);
  });
  std::ranges::copy_if(all, std::back_inserter(others), [&](std::size_t one) { return !same_form.contains(one); });
  return others;
}

/// Asks of those that nobody killed whether they are mutants at all. Most that are show it in some drawn world.
void settle(MutantTrial& trial, const Mutants& mutants, const MutantTrialOptions& options, const KernelProofs& proofs,
            const std::vector<std::string>& proved, const Questions& questions) {
  std::map<std::size_t, Equality> settled;
  for (const MutantResult& result : trial.results) {
    if (!result.killed()) settled[result.mutant] = Equality::unanswered;
  }
  std::vector<std::size_t> unsettled;
  std::ranges::copy(std::views::keys(settled), std::back_inserter(unsettled));
  MutantRace race(options.profile, mutants, unsettled);
  const auto statements = statements_named(proved);
  const CallsInWorlds calls(options.profile, statements);
  for (const auto form : {as_drawn, with_files_to_write}) calls.run(race, options.worlds, form);
  std::erase_if(unsettled, [&](std::size_t mutant) {
    if (race.is_alive(mutant)) return false;
    settled[mutant] = Equality::different;
    return true;
  });
  options.on_progress(
      fmt::format("{} survive, {} of them differ in a drawn world", settled.size(), settled.size() - unsettled.size()));
  questions.ask(unsettled, options.solver_budget, [&](MutantProver& prover, std::size_t mutant) {
    settled.at(mutant) = prover.equality(mutants.all()[mutant]);
  });
  for (MutantResult& result : trial.results) {
    if (result.killed()) continue;
    result.equality = settled.at(result.mutant);
    if (result.equality != Equality::different) continue;
    std::string function = proofs.parted_from(mutants.function(mutants.all()[result.mutant]));
    if (!function.empty()) result.solver = Refutation{std::move(function), true};
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
  settle(trial, mutants, options, proofs, proved, questions);
  trial.seconds = seconds_since(start);
  return trial;
}

}  // namespace capcheck
