// SPDX-License-Identifier: GPL-2.0-only
// Questions about states and traces: from a state like this, by calls like these, is a state like that reachable?
// Their text: solver/QUESTION.md.
#ifndef CAPCHECK_SOLVER_QUESTION_H_
#define CAPCHECK_SOLVER_QUESTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/call.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/symbolic.h"

namespace capcheck {

/// A field of a task that questions speak of: those of kCredentialFields, in their order, then these two.
using FieldIndex = std::size_t;
inline constexpr FieldIndex kSetFields = 6;
inline constexpr FieldIndex kLevelField = kCredentialFields<Concrete>.size(), kNamespaceField = kLevelField + 1;

/// A field before the transition, or (primed) after it.
struct Field {
  FieldIndex index;
  bool primed = false;
  bool operator==(const Field&) const = default;
};

/// A set of capabilities, as a formula.
struct SetFormula;
using SetFormulaPtr = std::shared_ptr<const SetFormula>;
struct Full {};  ///< 0 to CAP_LAST_CAP
struct Complement {
  SetFormulaPtr of;
};
struct Union {
  SetFormulaPtr a, b;
};
struct Intersection {
  SetFormulaPtr a, b;
};
struct SetFormula {
  std::variant<Field, std::uint64_t, Full, Complement, Union, Intersection> form;
};

/// A capability: by number, or by the number of a variable: those of the question, then those of quantifiers, outer
/// ones first.
struct CapabilityVariable {
  std::size_t number;
  std::string name;
};
using CapabilityFormula = std::variant<std::uint64_t, CapabilityVariable>;

/// A condition on a state, or on a transition.
struct Predicate;
using PredicatePtr = std::shared_ptr<const Predicate>;
struct Member {
  CapabilityFormula capability;
  SetFormulaPtr set;
};
struct Subset {
  SetFormulaPtr a, b;
};
struct SameSet {
  SetFormulaPtr a, b;
};
using NumberFormula = std::variant<Field, std::uint64_t>;
struct Compare {
  enum class Relation : std::uint8_t { equal, less } relation;
  NumberFormula a, b;
};
struct SecurebitSet {
  std::string name;    ///< "SECBIT_NOROOT"
  std::uint64_t bits;  ///< of which one at least is set
  bool primed;
};
struct Not {
  PredicatePtr of;
};
struct And {
  PredicatePtr a, b;
};
struct Or {
  PredicatePtr a, b;
};
/// Of every capability up to CAP_LAST_CAP, or of some.
struct Quantified {
  bool every;
  std::string variable;
  PredicatePtr of;
};
struct Predicate {
  std::variant<Member, Subset, SameSet, Compare, SecurebitSet, Not, And, Or, Quantified> form;
};

/// A kind of call, or of prctl(PR_CAP_AMBIENT or PR_CAP_USERNS) one operation.
struct CallPattern {
  CallKind kind;
  std::optional<std::uint64_t> operation;
};

/// Some calls, or all but some.
struct CallFilter {
  bool all_but = true;
  std::vector<CallPattern> patterns{};
};

/// What somebody expects for an answer.
struct ExpectedAnswer {
  std::string profile;  ///< as to_string() writes it
  enum class Kind : std::uint8_t { never, yes, unknown, vacuous } kind;
  std::size_t calls = 0;  ///< of yes: the trace's
};

/// From a task like `from`, by allowed calls, can a task of its lineage (itself, its children, …) come to `reach`?
struct Question {
  std::string intent;                    ///< the comment lines that open it, without '#'
  std::vector<std::string> variables{};  ///< capabilities, the same everywhere in the question, whichever they are
  PredicatePtr from{};                   ///< of any reachable state; null: any state, or the initial one
  bool from_root = true;                 ///< from the initial state: root with every capability
  CallFilter calls{};                    ///< those that may be made, by any task
  bool one_task = false;                 ///< all calls are made by that one task, which creates none
  PredicatePtr reach{};                  ///< of a transition; one without primes, of the state after it
  CallFilter by{};                       ///< the calls by which it is to be reached
  std::vector<ExpectedAnswer> expected{};
};

/// A mistake in a question's text. what() is "FILE:LINE:COLUMN: message".
class QuestionError : public std::runtime_error {
 public:
  QuestionError(std::string_view file, std::size_t line, std::size_t column, std::string_view message);
  std::size_t line, column;  ///< from 1
};

/// Reads a question. `file` is for error messages. Throws QuestionError.
Question parse_question(std::string_view text, std::string_view file);

/// As it is written in a question.
std::string to_string(const Predicate& predicate);

/// Whether it speaks of a state after a transition.
bool has_primes(const Predicate& predicate);
/// The same predicate of the state after a transition.
PredicatePtr primed(const Predicate& predicate);

/// One part for each thing that has to hold: of c not in P | X, that it is not in P, and that it is not in X.
std::vector<PredicatePtr> conjuncts(const PredicatePtr& predicate);

PredicatePtr negation(const PredicatePtr& predicate);

/// Truth over Concrete, of up to 64 capabilities at once: bit n where the last of a question's variables is n.
struct Lanes {
  using D = Concrete;
  using Word = std::uint64_t;
  using Truth = std::uint64_t;
  struct Capability {
    bool is_lane;
    std::uint64_t bit;  ///< of any other
  };
  static Truth truth(bool condition) { return condition ? ~std::uint64_t{0} : 0; }
  static Truth negate(Truth a) { return ~a; }
  static Capability number(std::uint64_t capability) { return {false, std::uint64_t{1} << capability}; }
  static Truth member(Word set, Capability c) { return c.is_lane ? set : truth((set & c.bit) != 0); }
};

/// Truth over Symbolic.
struct Terms {
  using D = Symbolic;
  using Word = SymbolicWord;
  using Truth = SymbolicBool;
  using Capability = SymbolicWord;  ///< its bit
  static Truth truth(const SymbolicBool& condition) { return condition; }
  static Truth negate(const Truth& a) { return !a; }
  static Capability number(std::uint64_t capability) { return SymbolicWord(std::uint64_t{1} << capability); }
  static Truth member(const Word& set, const Capability& c) { return !((set & c) == SymbolicWord(0)); }
};

/// What a predicate is asked of. A state alone is its own state after.
template <class L>
struct Viewed {
  const Profile& profile;
  const TaskState<typename L::D>& before;
  const TaskState<typename L::D>& after;
  std::vector<typename L::Capability> capabilities;  ///< of variables, by number
};

namespace detail {

template <class L>
typename L::Word value_of(const Viewed<L>& viewed, const Field& field) {
  const auto& state = field.primed ? viewed.after : viewed.before;
  if (field.index == kLevelField) return state.level;
  if (field.index == kNamespaceField) return state.user_ns;
  return state.cred.*kCredentialFields<typename L::D>[field.index].member;
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

template <class L>
typename L::Word value_of(const Viewed<L>& viewed, const SetFormula& set) {
  using Word = typename L::Word;
  Word full(viewed.profile.full_set());
  return std::visit(Overloaded{
                        [&](const Field& field) { return value_of(viewed, field); },
                        [&](std::uint64_t constant) { return Word(constant); },
                        [&](const Full&) { return full; },
                        [&](const Complement& c) { return Word(full & ~value_of(viewed, *c.of)); },
                        [&](const Union& u) { return Word(value_of(viewed, *u.a) | value_of(viewed, *u.b)); },
                        [&](const Intersection& i) { return Word(value_of(viewed, *i.a) & value_of(viewed, *i.b)); },
                    },
                    set.form);
}

template <class L>
typename L::Word value_of(const Viewed<L>& viewed, const NumberFormula& number) {
  if (const auto* field = std::get_if<Field>(&number)) return value_of(viewed, *field);
  return typename L::Word(std::get<std::uint64_t>(number));
}

template <class L>
typename L::Capability capability_of(const Viewed<L>& viewed, const CapabilityFormula& capability) {
  if (const auto* number = std::get_if<std::uint64_t>(&capability)) return L::number(*number);
  return viewed.capabilities.at(std::get<CapabilityVariable>(capability).number);
}

}  // namespace detail

/// Whether a predicate holds.
template <class L>
typename L::Truth holds(const Predicate& predicate, const Viewed<L>& viewed) {
  using Truth = typename L::Truth;
  using Word = typename L::Word;
  const auto quantified = [&](const Quantified& q) {
    Truth all = L::truth(q.every);
    for (std::uint64_t number = 0; number <= viewed.profile.last_cap(); ++number) {
      Viewed<L> inner = viewed;
      inner.capabilities.push_back(L::number(number));
      const Truth one = holds<L>(*q.of, inner);
      all = q.every ? Truth(all & one) : Truth(all | one);
    }
    return all;
  };
  return std::visit(
      detail::Overloaded{
          [&](const Member& m) {
            return L::member(detail::value_of(viewed, *m.set), detail::capability_of(viewed, m.capability));
          },
          [&](const Subset& s) {
            return L::truth(subset<typename L::D>(detail::value_of(viewed, *s.a), detail::value_of(viewed, *s.b)));
          },
          [&](const SameSet& s) { return L::truth(detail::value_of(viewed, *s.a) == detail::value_of(viewed, *s.b)); },
          [&](const Compare& c) {
            const Word a = detail::value_of(viewed, c.a), b = detail::value_of(viewed, c.b);
            return L::truth(c.relation == Compare::Relation::equal ? a == b : a < b);
          },
          [&](const SecurebitSet& s) {
            const Word bits = (s.primed ? viewed.after : viewed.before).cred.securebits & Word(s.bits);
            return L::negate(L::truth(bits == Word(0)));
          },
          [&](const Not& n) { return L::negate(holds<L>(*n.of, viewed)); },
          [&](const And& a) { return Truth(holds<L>(*a.a, viewed) & holds<L>(*a.b, viewed)); },
          [&](const Or& o) { return Truth(holds<L>(*o.a, viewed) | holds<L>(*o.b, viewed)); },
          quantified,
      },
      predicate.form);
}

/// Whether a call is one of those.
template <Domain D>
typename D::Bool matches(const CallFilter& filter, const Call<D>& call) {
  typename D::Bool any(false);
  for (const CallPattern& pattern : filter.patterns) {
    if (pattern.kind != call.kind) continue;
    any = any | (pattern.operation ? typename D::Bool(call.args[0] == typename D::Word(*pattern.operation))
                                   : typename D::Bool(true));
  }
  return filter.all_but ? typename D::Bool(!any) : any;
}

}  // namespace capcheck

#endif
