// SPDX-License-Identifier: GPL-2.0-only
// A domain of machine integers that keep how they came to be: the operations of a rule on what there was before the
// call, as a small tree. A step over it is the explanation of a call, by the rules themselves.
//
// What a call's arguments, a namespace's maps and the rules' own constants come to is a number, not a tree; what
// compares such numbers is decided before the state is looked at, and is no reason for anything. A choice is the arm
// that was taken, with the condition and the other arm.
#ifndef CAPCHECK_MODEL_EXPLAINED_H_
#define CAPCHECK_MODEL_EXPLAINED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/domain.h"
#include "model/guard.h"

namespace capcheck {

struct Term;
struct Condition;
using TermPointer = std::shared_ptr<const Term>;
using ConditionPointer = std::shared_ptr<const Condition>;

/// How a word came to be.
struct Term {
  enum class Kind : std::uint8_t {
    known,     ///< a number: an argument, a constant, what a map makes of an id
    variable,  ///< what there was before the call, by name
    intersection,
    union_,
    difference,  ///< ^
    complement,
    sum,
    minus,
    shift,
    choice,  ///< left was taken, right was not
  };
  Kind kind = Kind::known;
  std::uint64_t value = 0;
  Role meaning = Role::number;  ///< how its values are written
  bool given = true;            ///< arguments, maps and constants alone decide its value
  bool mapped = false;          ///< a map of ids had part in it
  std::string name{};           ///< of a variable; of a known word where it has one
  TermPointer left{}, right{};
  ConditionPointer condition{};  ///< of a choice
};

/// How a truth value came to be. Its comparisons are of words that depend on what there was before the call.
struct Condition {
  enum class Kind : std::uint8_t { equal, less, negation, conjunction, disjunction };
  Kind kind;
  bool holds;
  TermPointer left{}, right{};  ///< of a comparison
  ConditionPointer a{}, b{};    ///< of the others
};

/// A word with its term; without one it is a constant of the rules.
class ExplainedWord {
 public:
  ExplainedWord() = default;
  ExplainedWord(std::uint64_t value) : value_(value) {}

  static ExplainedWord of(Term term) {
    ExplainedWord word(term.value);
    word.term_ = std::make_shared<const Term>(std::move(term));
    return word;
  }

  std::uint64_t value() const { return value_; }
  bool is_constant() const { return !term_; }
  /// Never null.
  TermPointer term() const { return term_ ? term_ : std::make_shared<const Term>(Term{.value = value_}); }
  /// Of one and the same origin, so that they are equal whatever there was before.
  bool same_as(const ExplainedWord& other) const { return term_ == other.term_ && (term_ || value_ == other.value_); }

 private:
  std::uint64_t value_ = 0;
  TermPointer term_;
};

struct ExplainedBool {
  bool value = false;
  ConditionPointer why{};  ///< null where the state before the call does not matter

  ExplainedBool() = default;
  ExplainedBool(bool known) : value(known) {}
  ExplainedBool(Condition condition)
      : value(condition.holds), why(std::make_shared<const Condition>(std::move(condition))) {}
};

namespace detail {

/// The bits of the capabilities that every release has.
inline constexpr std::uint64_t kEveryCapability = (std::uint64_t{2} << kLastCapEverywhere) - 1;

inline Role meaning_of(const Term& a, const Term& b) {
  if (a.meaning == Role::set || b.meaning == Role::set) return Role::set;
  return a.meaning == Role::number ? b.meaning : a.meaning;
}

/// What an operation gives: a number where that is all its operands are.
inline ExplainedWord operation(Term::Kind kind, std::uint64_t value, const ExplainedWord& a, const ExplainedWord& b) {
  if (a.is_constant() && b.is_constant()) return value;
  const TermPointer left = a.term(), right = b.term();
  const bool arithmetic = kind == Term::Kind::sum || kind == Term::Kind::minus || kind == Term::Kind::shift;
  const bool mapped = left->mapped || right->mapped;
  Term term{
      .value = value, .meaning = meaning_of(*left, *right), .given = left->given && right->given, .mapped = mapped};
  const bool known = left->kind == Term::Kind::known && right->kind == Term::Kind::known;
  if (!known && !(arithmetic && mapped)) {
    term.kind = kind;
    term.left = left;
    term.right = right;
  } else {
    term.given = true;
  }
  return ExplainedWord::of(std::move(term));
}

/// A comparison; nothing but its value where the state before the call has no part in it. That two ids are one does,
/// if a map had.
inline ExplainedBool comparison(Condition::Kind kind, bool holds, const ExplainedWord& a, const ExplainedWord& b) {
  const TermPointer left = a.term(), right = b.term();
  const bool mapped = left->mapped || right->mapped, constant = a.is_constant() || b.is_constant();
  const bool same_id = kind == Condition::Kind::equal && mapped && !constant;
  const bool decided = (left->given && right->given) || (mapped && kind == Condition::Kind::less);
  if (decided && !same_id) return holds;
  return Condition{.kind = kind, .holds = holds, .left = left, .right = right};
}

}  // namespace detail

inline ExplainedWord operator&(const ExplainedWord& a, const ExplainedWord& b) {
  const std::uint64_t value = a.value() & b.value();
  // A mask of everything that there is says nothing.
  const auto masks_nothing = [](const ExplainedWord& word, const ExplainedWord& mask) {
    return mask.is_constant() && (mask.value() & detail::kEveryCapability) == detail::kEveryCapability &&
           (word.value() & ~mask.value()) == 0;
  };
  if (a.same_as(b) || masks_nothing(a, b)) return a;
  if (masks_nothing(b, a)) return b;
  if ((a.is_constant() && a.value() == 0) || (b.is_constant() && b.value() == 0)) return 0;
  return detail::operation(Term::Kind::intersection, value, a, b);
}

inline ExplainedWord operator|(const ExplainedWord& a, const ExplainedWord& b) {
  if (a.same_as(b) || (b.is_constant() && b.value() == 0)) return a;
  if (a.is_constant() && a.value() == 0) return b;
  return detail::operation(Term::Kind::union_, a.value() | b.value(), a, b);
}

inline ExplainedWord operator^(const ExplainedWord& a, const ExplainedWord& b) {
  return detail::operation(Term::Kind::difference, a.value() ^ b.value(), a, b);
}

inline ExplainedWord operator~(const ExplainedWord& a) {
  return detail::operation(Term::Kind::complement, ~a.value(), a, ExplainedWord{});
}

inline ExplainedWord operator+(const ExplainedWord& a, const ExplainedWord& b) {
  return detail::operation(Term::Kind::sum, a.value() + b.value(), a, b);
}

inline ExplainedWord operator-(const ExplainedWord& a, const ExplainedWord& b) {
  return detail::operation(Term::Kind::minus, a.value() - b.value(), a, b);
}

inline ExplainedWord operator>>(const ExplainedWord& a, unsigned count) {
  return detail::operation(Term::Kind::shift, a.value() >> count, a, ExplainedWord(count));
}

inline ExplainedBool operator!(const ExplainedBool& a) {
  if (!a.why) return !a.value;
  return Condition{.kind = Condition::Kind::negation, .holds = !a.value, .a = a.why};
}

inline ExplainedBool operator&(const ExplainedBool& a, const ExplainedBool& b) {
  if (!a.why) return a.value ? b : a;
  if (!b.why) return b.value ? a : b;
  return Condition{.kind = Condition::Kind::conjunction, .holds = a.value && b.value, .a = a.why, .b = b.why};
}

inline ExplainedBool operator|(const ExplainedBool& a, const ExplainedBool& b) {
  if (!a.why) return a.value ? a : b;
  if (!b.why) return b.value ? b : a;
  return Condition{.kind = Condition::Kind::disjunction, .holds = a.value || b.value, .a = a.why, .b = b.why};
}

inline ExplainedBool operator==(const ExplainedWord& a, const ExplainedWord& b) {
  if (a.same_as(b)) return true;
  // A truth value that was made a number says what it said before.
  const TermPointer left = a.term();
  if (left->kind == Term::Kind::choice && b.is_constant() && left->left->kind == Term::Kind::known &&
      left->right->kind == Term::Kind::known) {
    const bool taken = left->left->value == b.value(), other = left->right->value == b.value();
    if (taken == other) return taken;
    const ExplainedBool condition(*left->condition);
    return condition.value == taken ? condition : !condition;
  }
  return detail::comparison(Condition::Kind::equal, a.value() == b.value(), a, b);
}

inline ExplainedBool operator<(const ExplainedWord& a, const ExplainedWord& b) {
  if (a.same_as(b)) return false;
  return detail::comparison(Condition::Kind::less, a.value() < b.value(), a, b);
}

/// A test that a step came to.
struct AskedGuard {
  Guard guard;
  ExplainedBool holds;
};

/// Where the tests of a step in this thread are noted, in their order; null if nowhere.
inline thread_local std::vector<AskedGuard>* asked_guards = nullptr;

struct Explained {
  using Word = ExplainedWord;
  using Bool = ExplainedBool;

  template <class T, std::size_t Size>
  using Table = std::array<T, Size>;

  static Word select(const Bool& condition, const Word& yes, const Word& no) {
    const Word& taken = condition.value ? yes : no;
    if (!condition.why || yes.same_as(no)) return taken;
    const TermPointer left = taken.term(), right = (condition.value ? no : yes).term();
    return Word::of({.kind = Term::Kind::choice,
                     .value = left->value,
                     .meaning = detail::meaning_of(*left, *right),
                     .given = false,
                     .mapped = left->mapped,
                     .left = left,
                     .right = right,
                     .condition = condition.why});
  }

  static Word bit(const Word& position) {
    const std::uint64_t value = Concrete::bit(position.value());
    if (position.is_constant()) return value;
    return Word::of({.value = value, .meaning = Role::set, .given = position.term()->given});
  }

  template <class T, std::size_t Size>
  static const T& at(const std::array<T, Size>& table, const Word& index) {
    return table.at(index.value());
  }
  template <class T, std::size_t Size>
  static void store(std::array<T, Size>& table, const Bool& condition, const Word& index, const T& value) {
    if (condition.value) table.at(index.value()) = value;
  }
  template <class T>
  static void assign(T& target, const Bool& condition, const T& value) {
    if (condition.value) target = value;
  }

  template <class Step>
  static void repeat(Step step) {
    while (step().value) {
    }
  }
  static Word at_end(const Bool&, const Word& word) { return word; }

  /// That all tests passed is said by the call's success, and is no reason for what it leaves.
  template <class V>
  static void require(V& verdict, Guard guard, const Bool& holds) {
    if (asked_guards) asked_guards->push_back({guard, holds});
    verdict.add(guard, Bool(holds.value));
  }
};
static_assert(Domain<Explained>);

}  // namespace capcheck

#endif
