// SPDX-License-Identifier: GPL-2.0-only
#include "solver/prove.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <utility>

#include "model/world.h"
#include "model/world_invariants.h"
#include "solver/induction.h"
#include "solver/replay.h"
#include "solver/search.h"
#include "solver/symbolic.h"
#include "solver/well_formed.h"

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class Range, class T>
bool contains(const Range& range, const T& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

/// What the induction over every kind of call said of one statement.
struct InductionResult {
  std::vector<Answer> answers{kCalls.size(), {Answer::Kind::no, ""}};
  std::vector<std::set<Lemma>> used{kCalls.size()};
  std::vector<double> seconds_by_kind = std::vector<double>(kCalls.size());
  std::size_t queries = 0;

  double seconds() const { return std::accumulate(seconds_by_kind.begin(), seconds_by_kind.end(), 0.0); }

  /// The first kind for which there is no proof.
  std::optional<CallKind> open() const {
    const auto found = std::ranges::find_if(answers, [](const Answer& a) { return a.kind != Answer::Kind::no; });
    if (found == answers.end()) return std::nullopt;
    return kCalls[static_cast<std::size_t>(found - answers.begin())].kind;
  }
  const Answer& answer(CallKind kind) const { return answers[static_cast<std::size_t>(kind)]; }
};

class Prover {
 public:
  Prover(const Profile& profile, const ProveOptions& options, std::span<const Statement> statements)
      : profile_(profile),
        options_(options),
        induction_(profile, options.fault, options.timeout),
        search_(profile, options.fault, options.timeout) {
    for (const Statement& statement : statements) {
      if (statement.claim(profile) != Claim::not_applicable) statements_.push_back(&statement);
      if (statement.info == Induction::foundation().info) foundation_ = &statement;
    }
  }

  std::vector<ProofResult> run() {
    prove_states();
    if (options_.from_last) {
      for (const Statement* statement : statements_ | std::views::reverse) {
        if (wanted(*statement) && !statement->of_states()) of_steps_.emplace(statement, induct_step(*statement));
      }
    }
    std::vector<ProofResult> results;
    for (const Statement* statement : statements_) {
      if (!wanted(*statement)) continue;
      results.push_back(decide(*statement));
      if (options_.on_result) options_.on_result(results.back());
    }
    return results;
  }

 private:
  /// A statement of states that may be assumed, for as long as it stands.
  struct Candidate {
    const Statement* statement;
    Lemma lemma;
    InductionResult induction;
    bool stands;
  };

  bool wanted(const Statement& statement) const {
    return options_.invariants.empty() || contains(options_.invariants, statement.info->name);
  }

  std::vector<Lemma> standing() const {
    std::vector<Lemma> lemmas;
    for (const Candidate& candidate : candidates_) {
      if (candidate.stands) lemmas.push_back(candidate.lemma);
    }
    return lemmas;
  }

  const Candidate* candidate_of(const Statement& statement) const {
    const auto found = std::ranges::find(candidates_, &statement, &Candidate::statement);
    return found == candidates_.end() ? nullptr : &*found;
  }

  /// The largest set of statements of states that hold initially and are kept by every call, each assuming all of them.
  /// Starts with all; drops those that fail, until none does. A proof that used no lemma since dropped need not be
  /// repeated.
  void prove_states() {
    std::vector<const Statement*> of_states{foundation_};
    std::ranges::copy_if(statements_, std::back_inserter(of_states), [&](const Statement* statement) {
      return statement->of_states() && statement != foundation_;
    });
    for (const Statement* statement : of_states) {
      const Goal broken{statement, Goal::Kind::violation};
      candidates_.push_back(
          {statement, induction_.add_lemma(*statement), {}, !replays(profile_, options_.fault, broken, {})});
    }
    std::set<Lemma> dropped;
    for (const Candidate& candidate : candidates_) {
      if (!candidate.stands) dropped.insert(candidate.lemma);
    }
    for (bool first = true, settled = false; !settled; first = false) {
      settled = true;
      for (Candidate& candidate : candidates_) {
        if (!candidate.stands) continue;
        const std::vector<Lemma> lemmas = standing();
        induct(*candidate.statement, lemmas, candidate.induction, [&](const std::set<Lemma>& used) {
          return first || std::ranges::any_of(used, [&](Lemma lemma) { return dropped.contains(lemma); });
        });
        if (!candidate.induction.open()) continue;
        candidate.stands = false;
        dropped.insert(candidate.lemma);
        settled = false;
      }
    }
  }

  /// Whether proofs by induction count: the worlds that they look at are all that the model can be in.
  bool is_founded() const { return candidate_of(*foundation_)->stands; }

  /// Asks for each kind of call that is due, and stops at the first without a proof.
  template <class Due>
  void induct(const Statement& statement, std::span<const Lemma> lemmas, InductionResult& result, Due due) {
    const std::size_t asked = induction_.asked();
    const auto ask_about = [&](std::size_t index) {
      const auto start = Clock::now();
      Inductive step = induction_.breaks(statement, kCalls[index].kind, lemmas);
      result.seconds_by_kind[index] += seconds_since(start);
      result.answers[index] = std::move(step.answer);
      result.used[index] = {step.used.begin(), step.used.end()};
      return result.answers[index].kind == Answer::Kind::no;
    };
    std::vector<std::size_t> due_kinds;
    for (std::size_t index = 0; index < kCalls.size(); ++index) {
      if (due(result.used[index])) due_kinds.push_back(index);
    }
    // The first kind without a proof is the same wherever the questions begin.
    if (!options_.from_last || !std::ranges::all_of(due_kinds | std::views::reverse, ask_about)) {
      std::ranges::all_of(due_kinds, ask_about);
    }
    result.queries += induction_.asked() - asked;
  }

  InductionResult induct_step(const Statement& statement) {
    InductionResult result;
    induct(statement, standing(), result, [](const auto&) { return true; });
    return result;
  }

  ProofResult decide(const Statement& statement) {
    const Candidate* candidate = candidate_of(statement);
    if (candidate == nullptr && !of_steps_.contains(&statement)) of_steps_.emplace(&statement, induct_step(statement));
    const InductionResult* induction = candidate ? &candidate->induction : &of_steps_.at(&statement);
    const bool inductive = candidate ? candidate->stands : !induction->open();
    const auto start = Clock::now();
    const std::size_t asked = search_.asked();
    ProofResult result{statement.info, statement.claim(profile_), ProofVerdict::unknown, "", {}, {}, 0, 0, 0, 0, 0};
    if (inductive && is_founded()) {
      conclude_proved(statement, *induction, result);
      if (result.verdict == ProofVerdict::proved) show_obligations(statement, *induction, result);
    } else {
      conclude_open(statement, *induction, result);
    }
    result.queries = induction->queries + search_.asked() - asked;
    result.seconds = seconds_since(start) + induction->seconds();
    result.slowest_obligation = std::ranges::max(induction->seconds_by_kind);
    return result;
  }

  Quest quest(const Goal& goal) const { return quest_for(profile_, options_.fault, goal); }

  void conclude_proved(const Statement& statement, const InductionResult& induction, ProofResult& result) {
    result.verdict = ProofVerdict::proved;
    result.detail = describe_proof(statement, induction);
    if (statement.of_states()) return;
    Found found = search_.any(quest({&statement, Goal::Kind::premise}), options_.bound);
    if (found.program) {
      result.calls = found.program->calls.size();
      result.witness = std::move(found.program);
    } else if (found.answer.kind == Answer::Kind::no) {
      result.verdict = ProofVerdict::vacuous;
      result.calls = found.looked_at;
      result.detail = fmt::format("no trace of up to {} meets its premise, nor does any that was sampled",
                                  describe_calls(found.looked_at));
    } else {
      set_unanswered(found.answer, "the search for a trace that meets its premise", result);
    }
  }

  /// Shows what a proof rests on to those who are to be shown it. It stands only if all of it is confirmed.
  void show_obligations(const Statement& statement, const InductionResult& induction, ProofResult& result) {
    if (!options_.on_obligation && !options_.confirm) return;
    std::optional<std::string> doubt = show_own_obligations(statement, induction, result);
    for (const Lemma lemma : foundations(induction)) {
      const Candidate& candidate = *std::ranges::find(candidates_, lemma, &Candidate::lemma);
      const auto& other = show_own_obligations(*candidate.statement, candidate.induction, result);
      if (!doubt) doubt = other;
    }
    if (!doubt) return;
    result.verdict = ProofVerdict::unconfirmed;
    result.detail = *doubt;
  }

  /// The lemmas that a proof used, those that their proofs used, and so on; and the one that every proof assumes.
  std::set<Lemma> foundations(const InductionResult& induction) const {
    std::set<Lemma> found;
    std::vector<Lemma> open{candidate_of(*foundation_)->lemma};
    const auto open_used = [&](const InductionResult& proof) {
      for (const auto& used : proof.used) open.insert(open.end(), used.begin(), used.end());
    };
    open_used(induction);
    while (!open.empty()) {
      const Lemma lemma = open.back();
      open.pop_back();
      if (found.insert(lemma).second) open_used(std::ranges::find(candidates_, lemma, &Candidate::lemma)->induction);
    }
    return found;
  }

  /// As show_obligations(), of the statement alone, the first time. What is not confirmed, if anything; no more is
  /// asked of the statement then.
  const std::optional<std::string>& show_own_obligations(const Statement& statement, const InductionResult& induction,
                                                         ProofResult& result) {
    const auto [found, is_first] = doubts_.try_emplace(&statement);
    std::optional<std::string>& doubt = found->second;
    if (!is_first) return doubt;
    for (const CallInfo& call : kCalls) {
      const auto& used = induction.used[static_cast<std::size_t>(call.kind)];
      const Obligation obligation = obligation_of(statement, call.kind, used);
      if (options_.on_obligation) options_.on_obligation(obligation);
      if (!options_.confirm || doubt || obligation.is_plain) continue;
      const Answer answer = options_.confirm(obligation);
      if (answer.kind == Answer::Kind::no) {
        ++result.confirmed;
      } else {
        doubt = fmt::format("of {}, {}", obligation.name, answer.reason);
      }
    }
    return doubt;
  }

  Obligation obligation_of(const Statement& statement, CallKind kind, const std::set<Lemma>& used) const {
    const std::vector<Lemma> lemmas(used.begin(), used.end());
    return write_obligation(profile_, options_.fault, *statement.info, kind, names_of(used),
                            induction_.obligation(statement, kind, lemmas));
  }

  std::vector<std::string_view> names_of(const std::set<Lemma>& lemmas) const {
    std::vector<std::string_view> names;
    for (const Candidate& candidate : candidates_) {
      if (lemmas.contains(candidate.lemma)) names.push_back(candidate.statement->info->name);
    }
    return names;
  }

  void conclude_open(const Statement& statement, const InductionResult& induction, ProofResult& result) {
    const std::vector<CallKind> last = open_kinds(statement);
    Found found = search_.shortest(quest({&statement, Goal::Kind::violation}), options_.bound, last);
    if (found.program) {
      result.verdict = ProofVerdict::refuted;
      result.calls = found.program->calls.size();
      result.detail = describe_refutation(result.calls, found.looked_at);
      result.counterexample = std::move(found.program);
      return;
    }
    if (found.answer.kind != Answer::Kind::no) {
      set_unanswered(found.answer, "the search for a counterexample", result);
      return;
    }
    const bool open_itself = induction.open().has_value();
    const InductionResult& gap = open_itself ? induction : candidate_of(*foundation_)->induction;
    const CallKind kind = gap.open().value();
    const std::string_view name = info(kind).name;
    if (gap.answer(kind).kind != Answer::Kind::yes) {
      set_unanswered(gap.answer(kind), fmt::format("the induction over {}", name), result);
      return;
    }
    result.calls = found.looked_at;
    result.detail = fmt::format(
        "not inductive: {} breaks {} in some state, but no trace of up to {} reaches one, nor does any that was "
        "sampled",
        name, open_itself ? "it" : foundation_->info->name, describe_calls(found.looked_at));
  }

  /// The kinds of calls that are not proved to keep a statement where it holds: the first call to break it is one of
  /// them.
  std::vector<CallKind> open_kinds(const Statement& statement) {
    std::vector<Lemma> lemmas = standing();
    if (const Candidate* candidate = candidate_of(statement)) lemmas.push_back(candidate->lemma);
    std::vector<CallKind> open;
    for (const CallInfo& call : kCalls) {
      if (!is_founded() || induction_.breaks(statement, call.kind, lemmas).answer.kind != Answer::Kind::no)
        open.push_back(call.kind);
    }
    return open;
  }

  void set_unanswered(const Answer& answer, std::string_view question, ProofResult& result) const {
    result.verdict = answer.kind == Answer::Kind::timeout ? ProofVerdict::timeout : ProofVerdict::unknown;
    result.detail = answer.kind == Answer::Kind::timeout
                        ? fmt::format("{} had no answer in {} ms", question, options_.timeout.count())
                        : fmt::format("{} had no answer: {}", question, answer.reason);
  }

  static std::string describe_refutation(std::size_t calls, std::size_t looked_at) {
    if (calls == 0) return "the initial state breaks it";
    return fmt::format("a trace of {} breaks it, and no shorter one {}", describe_calls(calls),
                       looked_at + 1 >= calls ? "does" : "was found");
  }

  static std::string describe_calls(std::size_t count) {
    return fmt::format("{} call{}", count, count == 1 ? "" : "s");
  }

  std::string describe_proof(const Statement& statement, const InductionResult& induction) const {
    std::set<Lemma> used;
    for (const auto& lemmas : induction.used) used.insert(lemmas.begin(), lemmas.end());
    if (const Candidate* own = candidate_of(statement)) used.erase(own->lemma);
    const std::vector<std::string_view> names = names_of(used);
    const std::string_view proof = statement.of_states() ? "initially, and kept by every call" : "for every call";
    return names.empty() ? std::string(proof) : fmt::format("{}; from {}", proof, fmt::join(names, ", "));
  }

  const Profile profile_;
  const ProveOptions& options_;
  const TermScope scope_{Induction::kUnrolling};
  Induction induction_;
  Search search_;
  const Statement* foundation_ = &Induction::foundation();
  std::vector<const Statement*> statements_;
  std::vector<Candidate> candidates_;
  std::map<const Statement*, InductionResult> of_steps_;
  std::map<const Statement*, std::optional<std::string>> doubts_;  ///< of those whose obligations were shown
};

void check_names(const std::vector<std::string>& names, std::span<const Statement> statements) {
  std::vector<std::string_view> known;
  for (const Statement& statement : statements) known.push_back(statement.info->name);
  for (const std::string& name : names) {
    if (contains(known, name)) continue;
    throw std::invalid_argument(fmt::format("unknown invariant '{}' (known: {})", name, fmt::join(known, ", ")));
  }
}

/// Calls f with each number below `count`, by up to `jobs` threads. The first exception is thrown on, once all have
/// stopped.
template <class F>
void for_each_index(std::size_t count, unsigned jobs, F f) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t index = next++; index < count; index = next++) f(index);
  };
  std::vector<std::future<void>> workers;
  for (unsigned job = 1; job < jobs && job < count; ++job) workers.push_back(std::async(std::launch::async, work));
  work();
  for (std::future<void>& worker : workers) worker.get();
}

}  // namespace

std::string_view to_string(ProofVerdict verdict) {
  switch (verdict) {
    case ProofVerdict::proved:
      return "proved";
    case ProofVerdict::refuted:
      return "refuted";
    case ProofVerdict::unknown:
      return "unknown";
    case ProofVerdict::vacuous:
      return "vacuous";
    case ProofVerdict::timeout:
      return "timeout";
    case ProofVerdict::unconfirmed:
      return "unconfirmed";
  }
  __builtin_unreachable();
}

bool is_answer(ProofVerdict verdict) {
  return verdict != ProofVerdict::unknown && verdict != ProofVerdict::timeout && verdict != ProofVerdict::unconfirmed;
}

bool ProofResult::as_claimed() const {
  return (claim == Claim::holds && verdict == ProofVerdict::proved) ||
         (claim == Claim::refuted && verdict == ProofVerdict::refuted);
}

const std::vector<Statement>& all_statements() {
  static const std::vector<Statement> statements = [] {
    std::vector<Statement> all{Induction::foundation()};
    for (const bool of_states : {true, false}) {  // proofs of steps assume those of states
      const auto add = [&]<class I>() {
        const Statement made = statement<I>();
        if (made.of_states() == of_states) all.push_back(made);
      };
      for_each_invariant(add);
      for_each_world_invariant(add);
    }
    return all;
  }();
  return statements;
}

std::vector<ProofResult> prove_catalogue(const Profile& profile, const ProveOptions& options) {
  return prove_statements(profile, options, all_statements());
}

std::vector<ProfileProofs> prove_profiles(std::span<const Profile> profiles, const ProveOptions& options, unsigned jobs,
                                          const ProofObserver& observer) {
  std::vector<ProfileProofs> proofs(profiles.size());
  std::mutex observed;
  for_each_index(profiles.size(), jobs, [&](std::size_t index) {
    ProveOptions of_profile = options;
    // Two threads that ask the same in the same order learn nothing of each other; from both ends, each asks half.
    of_profile.from_last = index % 2 == 1;
    of_profile.on_result = [&](const ProofResult& result) {
      const std::lock_guard lock(observed);
      observer.on_result(index, result);
    };
    const auto start = Clock::now();
    ProfileProofs& proved = proofs[index];
    proved.profile = profiles[index];
    proved.results = prove_catalogue(proved.profile, of_profile);
    proved.seconds = seconds_since(start);
    const std::lock_guard lock(observed);
    observer.on_profile(index, proved);
  });
  return proofs;
}

std::vector<ProofResult> prove_statements(const Profile& profile, const ProveOptions& options,
                                          std::span<const Statement> statements) {
  check_names(options.invariants, statements);
  return Prover(profile, options, statements).run();
}

}  // namespace capcheck
