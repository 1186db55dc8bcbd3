// SPDX-License-Identifier: GPL-2.0-only
// The inductive step: one call of any kind, with any arguments, by any task, in any world.
//
// Tasks and namespaces have no names that a rule could tell apart, but that a free task is the first one, the next
// namespace the one after the last, and the initial namespace 0. So it is enough to look at calls of task 0, led by
// itself or by task 1, that create (if anything) the next task, in worlds in which the few namespaces that matter to a
// call have small numbers: any other call is one of these with tasks and namespaces numbered otherwise. A test checks
// that step() and the statements do not care.
#ifndef CAPCHECK_SOLVER_INDUCTION_H_
#define CAPCHECK_SOLVER_INDUCTION_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "solver/any_world.h"
#include "solver/concrete_world.h"
#include "solver/difference.h"
#include "solver/lazy_query.h"
#include "solver/newest_capability.h"
#include "solver/obligation.h"
#include "solver/query.h"
#include "solver/statement.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// Of every reachable world, known or under test. An index into what Induction was given.
using Lemma = std::size_t;

/// Whether one kind of call can break a statement: `no` is a proof for that kind.
struct Inductive {
  Answer answer;
  std::vector<Lemma> used;  ///< after `no`: the lemmas that the proof used
};

/// Arbitrary worlds and every call in them. Lives within one TermScope.
class Induction {
 public:
  /// The TermScope's: a proof looks no further up a chain of namespaces.
  static constexpr int kUnrolling = 2;

  /// What all its worlds are like, besides what lemmas say: world-well-formed. If that does not hold, no proof counts.
  static const Statement& foundation();

  /// How much is told apart from the start: nothing, or, of writes to files of /proc, tasks and namespaces by number.
  /// That takes many worlds, and small questions.
  enum class Worlds : std::uint8_t { any, by_number };

  Induction(const Profile& profile, Fault fault, std::chrono::milliseconds timeout);
  /// By other rules than step()'s; of these calls alone.
  Induction(const Profile& profile, const Stepper<Symbolic>& rules, std::chrono::milliseconds timeout,
            CallKinds calls = kEveryKind, Worlds worlds = Worlds::any);

  /// Makes a statement of states available for breaks(). Lemmas are numbered from 0. The statement lives as long.
  Lemma add_lemma(const Statement& statement);

  /// Can a call of that kind break the statement, in a world in which the lemmas hold? Of a statement of steps: is
  /// there a step that meets the premise and not the conclusion. Of states: is it broken after the call.
  Inductive breaks(const Statement& statement, CallKind kind, std::span<const Lemma> lemmas);

  /// Has what lemmas say of namespaces used of those, too, that calls look up by way of tasks: the namespaces of those
  /// they name, of address spaces, of tracers, and the parents of these. To be called when all lemmas are added.
  /// breaks() does so itself where a statement of namespaces can be broken otherwise.
  void look_up_namespaces();

  /// What breaks() decides, as a whole and without its shortcuts: where it said `no` and used these lemmas, no case can
  /// be.
  std::vector<ObligationCase> obligation(const Statement& statement, CallKind kind,
                                         std::span<const Lemma> lemmas) const;

  /// A call of a kind in an arbitrary world, and what lemmas say of that world.
  struct ArbitraryCall {
    struct Fact {
      SymbolicBool holds;
      Unknowns unknowns;  ///< of which it speaks
    };
    const Transition<Symbolic>* transition;  ///< lives as long as the Induction
    std::vector<Fact> facts;
  };
  /// Together, all calls of that kind in all worlds in which the lemmas hold. The caller is task 0.
  std::vector<ArbitraryCall> calls_of(CallKind kind, std::span<const Lemma> lemmas) const;

  std::size_t asked() const;

  /// How long a question may take: most that are not answered soon never are.
  enum class Effort : std::uint8_t { brief, full };

  class Variant;
  /// Calls of one kind by other rules, in the same worlds. Lives no longer than this. `deviated` tells of the last call
  /// when it can have gone otherwise than by the rules proper; not set: always.
  Variant variant(CallKind kind, const Stepper<Symbolic>& rules, const std::function<SymbolicBool()>& deviated = {});

  /// Whether the other rules give the very same terms.
  static bool same_form(const Variant& variant);
  /// The same, which ends with the first world in which they do not.
  bool same_form(CallKind kind, const Stepper<Symbolic>& rules) const;

  /// Can a goal be met in the call of that number (of those by the other rules), in a world in which the lemmas hold?
  /// Only `no` is certain.
  Answer can_be(const Variant& variant, std::size_t call, const SymbolicBool& goal, std::span<const Lemma> lemmas,
                Effort effort = Effort::brief);

  /// Can a call by the other rules give or leave anything else, in a world in which the lemmas hold? `no` is a proof
  /// that nothing tells the two apart.
  Answer differs(Variant& variant, std::span<const Lemma> lemmas);

  /// Whether a call by the other rules gives or leaves anything else there.
  using Tells = std::function<bool(const ConcreteCall&)>;

  /// What differs() decides, from the smallest parts on that differ, each asked about where it matters. `yes` only if
  /// `tells` is true of a call in a world in which the lemmas hold.
  Answer tells_apart(Variant& variant, std::span<const Lemma> lemmas, const Tells& tells);

  /// Statements, of those that calls by the rules proper keep, that a call by the other rules can break, where the
  /// lemmas hold: at least one, if there is any; more, if one world shows it of more. `unanswered` is set if Z3 gave no
  /// answer to some question.
  std::vector<const Statement*> broken(Variant& variant, std::span<const Statement* const> kept,
                                       std::span<const Lemma> lemmas, bool& unanswered);

 private:
  /// One thing that a lemma says of a world.
  struct Fact {
    Lemma lemma;
    SymbolicBool holds;
    Unknowns unknowns;  ///< of which it speaks
  };
  /// Namespaces that were read where a world's table has no slot.
  struct Reads {
    std::vector<Fact> facts{};        ///< what lemmas say of them
    std::vector<std::size_t> ends{};  ///< places of those that were read only for what is said of others
  };
  /// An arbitrary world, but for how its tasks stand to each other.
  struct Setting {
    std::string standing;  ///< how they do, in words
    World<Symbolic> world;
    std::vector<SymbolicWord> namespaces{};               ///< of which lemmas are to speak
    std::vector<std::vector<SymbolicBool>> conditions{};  ///< of each lemma: any_conditions()
    std::vector<Fact> facts{};
    Reads reads{};  ///< by calls by the rules proper, and by what lemmas say
    std::size_t read = 0;
  };
  /// What is asked of Z3 about one call.
  struct Questions {
    std::chrono::milliseconds timeout{};          ///< for each
    std::optional<Query> query{};                 ///< made when there is something to ask
    std::map<std::size_t, SymbolicBool> facts{};  ///< the names of those asked for
  };
  /// A world found for a question, in which what lemmas say of other unknowns need not hold.
  struct Nearby {
    z3::model model;
    std::map<std::size_t, bool> facts;  ///< which hold, of those that were looked at
  };
  /// A call of one kind in such a world.
  struct Case {
    const Setting& setting;
    Transition<Symbolic> transition;
    Questions questions{};
    std::map<const Statement*, std::vector<SymbolicBool>> ways{};  ///< ways_to_break(), for variants to compare with
    Questions nearby_questions{};
    std::vector<Nearby> nearby{};
    std::vector<z3::model> models{};  ///< worlds in which all lemmas hold, found for some variant
    bool has_looked_up = false;
    std::vector<Fact> of_lookups{};  ///< then: what lemmas say of namespaces that the call looks up by way of tasks

    std::size_t facts() const { return setting.facts.size() + of_lookups.size(); }
    const Fact& fact(std::size_t i) const {
      return i < setting.facts.size() ? setting.facts[i] : of_lookups[i - setting.facts.size()];
    }
  };
  /// A goal, and what may speak against it.
  struct Doubt {
    SymbolicBool goal;
    std::vector<std::size_t> numbers;  ///< of Case::fact()
    std::vector<SymbolicBool> facts;   ///< these
  };
  /// Why a goal cannot be met.
  struct Refutation {
    std::vector<std::size_t> numbers{};  ///< of Case::fact()
    bool is_general = true;              ///< with the newest capability and without it
  };
  /// A way to break a statement that calls by the rules proper have not.
  struct NewWay {
    const Statement* statement;
    SymbolicBool way;
  };

  /// Where two calls differ, and what of it may be seen.
  struct Seen {
    Differences found;
    std::vector<bool> same;             ///< of each part: it differs nowhere where that would matter
    std::vector<std::size_t> possible;  ///< parts of which Z3 found that they may
    bool nothing = false;               ///< none of the words differs
  };

  Setting& setting_of(CallerStanding standing);
  void add_case(const Setting& setting, const Stepper<Symbolic>& rules, const Call<Symbolic>& call);
  void add_writes(CallerStanding standing, const Stepper<Symbolic>& rules, const CallInfo& call_info);
  std::vector<SymbolicBool> any_conditions(const Statement& statement, const World<Symbolic>& world) const;
  std::vector<SymbolicBool> all_ways_to_break(const Transition<Symbolic>& transition, const Statement& statement) const;
  std::vector<SymbolicBool> ways_to_break(const Setting& setting, const Transition<Symbolic>& transition,
                                          const Statement& statement, std::span<const Lemma> lemmas,
                                          std::vector<Lemma>& used) const;
  std::vector<NewWay> new_ways(Case& here, const Transition<Symbolic>& other, std::span<const Statement* const> kept,
                               std::span<const Lemma> lemmas) const;
  void look_up_namespaces(Case& here) const;
  template <class Shows>
  static std::optional<z3::model> known_world(Case& here, Shows shows);
  static bool is_shown_nearby(Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas);
  bool are_same_nearby(Case& here, std::span<const WordPair> pairs, std::span<const Lemma> lemmas);
  void look_up_what_is_read(const World<Symbolic>& world, std::size_t first, Reads& reads) const;
  std::vector<SymbolicBool> facts_of(const Case& here, const Reads& reads, std::span<const Lemma> lemmas) const;
  Seen what_is_seen(std::span<const WordPair> pairs, std::span<const SymbolicBool> facts);
  Answer find_shown(const Case& here, const Reads& reads, const SymbolicBool& goal, std::span<const SymbolicBool> facts,
                    std::span<const Lemma> lemmas, const Tells& tells);
  Answer find_world(Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas,
                    std::optional<z3::model>& found);
  static Doubt doubt(const Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas, bool all_facts);
  std::optional<Refutation> known_refutation(const Doubt& doubt) const;
  void note_refutation(const Doubt& doubt, const Refutation& refutation) const;
  Answer ask(const Case& here, Questions& questions, const Doubt& doubt, Refutation& refutation);
  Answer ask(const Case& here, Questions& questions, const SymbolicBool& goal, std::span<const Lemma> lemmas,
             bool all_facts);
  bool is_known_to_be(const Case& here, const std::string& question, const SymbolicBool& goal,
                      std::span<const Lemma> lemmas) const;
  std::optional<Refutation> refute_plain_parts(Case& here, const SymbolicBool& way, std::span<const Lemma> lemmas);
  Answer can_break(Case& here, const Statement& statement, const SymbolicBool& way, std::span<const Lemma> lemmas,
                   std::vector<std::size_t>& used);

  Profile profile_;
  NewestCapability newest_;
  std::vector<const Statement*> statements_{};  ///< by lemma
  SymbolicWord any_namespace_;                  ///< an index about which nothing is known
  std::chrono::milliseconds timeout_;
  Query::Subject subject_{};
  LazyQuery lazy_;
  std::deque<Setting> settings_;
  std::deque<Case> cases_;
};

/// A call by other rules, in each of the worlds in which calls of its kind are looked at.
class Induction::Variant {
 private:
  friend Induction;
  struct Call {
    Case* proper;
    Transition<Symbolic> transition;
    SymbolicBool deviated;
  };
  std::vector<Call> calls_;
};

}  // namespace capcheck

#endif
