// SPDX-License-Identifier: GPL-2.0-only
#include "solver/symbolic.h"

#include <map>
#include <set>

namespace capcheck {
namespace {

constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

/// A word of no greater value is a number, of tasks or namespaces.
constexpr std::uint64_t kMostOfANumber = 0xff;

/// A word of no greater value is looked at value by value.
constexpr std::uint64_t kFew = 3;

thread_local TermScope* innermost = nullptr;

bool same_term(const z3::expr& a, const z3::expr& b) {
  return z3::eq(a, b);
}

/// a is the operator (that of a complement) applied to b.
bool is_complement(Z3_decl_kind complement, const z3::expr& a, const z3::expr& b) {
  return a.is_app() && a.decl().decl_kind() == complement && same_term(a.arg(0), b);
}

bool are_complements(Z3_decl_kind complement, const z3::expr& a, const z3::expr& b) {
  return is_complement(complement, a, b) || is_complement(complement, b, a);
}

/// Of terms a | b and ~(a | c): they have no bit in common.
bool are_disjoint(const z3::expr& a, const z3::expr& b) {
  if (are_complements(Z3_OP_BNOT, a, b)) return true;
  const auto excludes = [](const z3::expr& outer, const z3::expr& inner) {
    if (!outer.is_app() || outer.decl().decl_kind() != Z3_OP_BNOT) return false;
    const z3::expr excluded = outer.arg(0);
    if (!excluded.is_app() || excluded.decl().decl_kind() != Z3_OP_BOR) return false;
    return same_term(excluded.arg(0), inner) || same_term(excluded.arg(1), inner);
  };
  return excludes(a, b) || excludes(b, a);
}

SymbolicWord word_of(const z3::expr& term) {
  return term.is_numeral() ? SymbolicWord(term.get_numeral_uint64()) : SymbolicWord(term);
}

/// A choice and all between which it is, those above before those below.
std::vector<z3::expr> choices_downwards(const z3::expr& top) {
  std::vector<z3::expr> upwards;
  std::set<unsigned> seen;
  const auto visit = [&](const auto& self, const z3::expr& term) -> void {
    if (!seen.insert(term.id()).second) return;
    if (term.is_ite()) {
      self(self, term.arg(1));
      self(self, term.arg(2));
    }
    upwards.push_back(term);
  };
  visit(visit, top);
  return {upwards.rbegin(), upwards.rend()};
}

/// word & bits == value, bit by bit: so that conditions for several values exclude each other by their form.
SymbolicBool has_bits(const SymbolicWord& word, std::uint64_t bits, std::uint64_t value) {
  SymbolicBool has = true;
  for (; bits != 0; bits &= bits - 1) {
    const std::uint64_t bit = bits & -bits;
    const SymbolicBool clear = (word & bit) == SymbolicWord(0);
    has = has & ((value & bit) != 0 ? !clear : clear);
  }
  return has;
}

SymbolicBool choose(const SymbolicBool& condition, const SymbolicBool& yes, const SymbolicBool& no) {
  return identical(yes, no) ? yes : (condition & yes) | (!condition & no);
}
SymbolicWord choose(const SymbolicBool& condition, const SymbolicWord& yes, const SymbolicWord& no) {
  return Symbolic::select(condition, yes, no);
}

/// Of a choice between words (of choices, …): the choice between what f makes of each.
template <class F>
auto of_each(const z3::expr& top, F f) {
  std::map<unsigned, decltype(f(SymbolicWord()))> made;
  const auto make = [&](const auto& self, const z3::expr& term) {
    if (const auto found = made.find(term.id()); found != made.end()) return found->second;
    const auto result = term.is_ite()
                            ? choose(SymbolicBool(term.arg(0)), self(self, term.arg(1)), self(self, term.arg(2)))
                            : f(word_of(term));
    return made.emplace(term.id(), result).first->second;
  };
  return make(make, top);
}

/// One of the words between which a choice is is the other word, or has no bit in common with it.
bool choice_meets(const z3::expr& choice, const z3::expr& other) {
  return choice.is_ite() && std::ranges::any_of(choices_downwards(choice), [&](const z3::expr& word) {
           return same_term(word, other) || (!word.is_ite() && are_disjoint(word, other));
         });
}

/// An operation on words. It is taken into the choices of one word if the other is a numeral, or meets it; two choices
/// by one condition become one. So what does not depend on a condition comes out without it.
template <class Operation, class OnTerms>
auto operate(const SymbolicWord& a, const SymbolicWord& b, Operation operation, OnTerms on_terms) {
  const z3::expr x = a.term(), y = b.term();
  if (x.is_ite() && (b.numeral() || choice_meets(x, y)))
    return of_each(x, [&](const SymbolicWord& word) { return operation(word, b); });
  if (y.is_ite() && (a.numeral() || choice_meets(y, x)))
    return of_each(y, [&](const SymbolicWord& word) { return operation(a, word); });
  if (x.is_ite() && y.is_ite() && same_term(x.arg(0), y.arg(0))) {
    return choose(SymbolicBool(x.arg(0)), operation(word_of(x.arg(1)), word_of(y.arg(1))),
                  operation(word_of(x.arg(2)), word_of(y.arg(2))));
  }
  return on_terms(x, y);
}

}  // namespace

std::uint64_t possible_bits(const z3::expr& term) {
  if (term.is_numeral()) return term.get_numeral_uint64();
  if (!term.is_app() || term.decl().decl_kind() != Z3_OP_BAND || term.num_args() != 2) return kAllBits;
  for (unsigned i = 0; i < 2; ++i) {
    if (term.arg(i).is_numeral()) return term.arg(i).get_numeral_uint64();
  }
  return kAllBits;
}

bool has_known_high_bits(const z3::expr& bits) {
  return bits.is_app() && bits.decl().decl_kind() == Z3_OP_CONCAT && bits.arg(0).is_numeral();
}

TermScope::TermScope(int unrolling) : unrolling_(unrolling), outer_(innermost) {
  innermost = this;
}

TermScope::~TermScope() {
  innermost = outer_;
}

z3::context& TermScope::context() {
  if (innermost == nullptr) throw std::logic_error("a Z3 term was built outside of every TermScope");
  return innermost->context_;
}

int TermScope::unrolling() {
  return innermost ? innermost->unrolling_ : kUnrolling;
}

unsigned TermScope::next_number() {
  if (innermost == nullptr) throw std::logic_error("a number was asked for outside of every TermScope");
  return innermost->numbers_++;
}

SymbolicBool SymbolicBool::unknown(const std::string& name) {
  return SymbolicBool(TermScope::context().bool_const(name.c_str()));
}

bool identical(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.term_ && b.term_) return same_term(*a.term_, *b.term_);
  return !a.term_ && !b.term_ && a.constant_ == b.constant_;
}

SymbolicBool operator!(const SymbolicBool& a) {
  if (!a.term_) return SymbolicBool(!a.constant_);
  return SymbolicBool(a.term_->is_not() ? a.term_->arg(0) : !*a.term_);
}

SymbolicBool operator&(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.is_false() || b.is_true()) return a;
  if (b.is_false() || a.is_true()) return b;
  if (are_complements(Z3_OP_NOT, *a.term_, *b.term_)) return false;
  return same_term(*a.term_, *b.term_) ? a : SymbolicBool(*a.term_ && *b.term_);
}

SymbolicBool operator|(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.is_true() || b.is_false()) return a;
  if (b.is_true() || a.is_false()) return b;
  if (are_complements(Z3_OP_NOT, *a.term_, *b.term_)) return true;
  return same_term(*a.term_, *b.term_) ? a : SymbolicBool(*a.term_ || *b.term_);
}

std::vector<SymbolicBool> conjuncts(const SymbolicBool& condition) {
  if (condition.is_true() || condition.is_false()) return {condition};
  std::vector<SymbolicBool> found;
  const auto split = [&](const auto& self, const z3::expr& term) -> void {
    if (!term.is_and()) {
      found.push_back(SymbolicBool(term));
      return;
    }
    for (unsigned i = 0; i < term.num_args(); ++i) self(self, term.arg(i));
  };
  split(split, condition.term());
  return found;
}

namespace {

/// How many operations on truth values are in a term, counted up to a limit.
unsigned connectives(const z3::expr& term, unsigned limit) {
  unsigned count = 0;
  const auto visit = [&](const auto& self, const z3::expr& part) -> void {
    if (!part.is_bool() || count >= limit || !(part.is_and() || part.is_or() || part.is_not() || part.is_ite())) return;
    ++count;
    for (unsigned i = 0; i < part.num_args(); ++i) self(self, part.arg(i));
  };
  visit(visit, term);
  return count;
}

/// A word of fewer bits, the highest of which are known.
bool is_of_known_high_bits(const z3::expr& word) {
  return word.is_app() && word.decl().decl_kind() == Z3_OP_ZERO_EXT && has_known_high_bits(word.arg(0));
}

/// How many terms a term consists of, each counted once.
std::size_t size_of(const z3::expr& term) {
  std::set<unsigned> seen;
  const auto visit = [&](const auto& self, const z3::expr& part) -> void {
    if (!seen.insert(part.id()).second || !part.is_app()) return;
    for (unsigned i = 0; i < part.num_args(); ++i) self(self, part.arg(i));
  };
  visit(visit, term);
  return seen.size();
}

}  // namespace

SymbolicBool plain_parts_of(const SymbolicBool& condition) {
  constexpr unsigned kPlain = 24;
  const std::vector<SymbolicBool> parts = conjuncts(condition);
  if (parts.size() < 2) return condition;
  z3::expr_vector terms(TermScope::context()), values(TermScope::context());
  // All in Z3's own form, so that what is the same looks the same. A result asks for the last guard first, and for each
  // where those before it pass: from the back, what these come to is put into the next.
  const auto left_of = [&](const SymbolicBool& part) {
    return part.term().simplify().substitute(terms, values).simplify();
  };
  SymbolicBool plain = true;
  for (std::size_t i = parts.size() - 1; i-- > 0;) {
    for (const SymbolicBool& one : conjuncts(SymbolicBool(left_of(parts[i])))) {
      const z3::expr term = one.term();
      if (term.is_false()) return false;
      if (term.is_true()) continue;
      terms.push_back(term.is_not() ? term.arg(0) : term);
      values.push_back(TermScope::context().bool_val(!term.is_not()));
      if (connectives(term, kPlain) < kPlain) plain = plain & one;
    }
  }
  const z3::expr last = left_of(parts.back());
  if (last.is_true()) return plain;
  if (last.is_false()) return false;
  plain = plain & SymbolicBool(last);
  constexpr std::size_t kWorthwhile = 2;  // else it would mostly be a question more
  return size_of(plain.term()) * kWorthwhile < size_of(condition.term()) ? plain : condition;
}

SymbolicWord SymbolicWord::unknown(const std::string& name) {
  return SymbolicWord(TermScope::context().bv_const(name.c_str(), 64));
}

SymbolicWord SymbolicWord::anything() {
  // Z3's own fresh constants could not be found by their names.
  return unknown("anything." + std::to_string(TermScope::next_number()));
}

std::vector<SymbolicWord::Case> SymbolicWord::cases() const {
  if (!term_) return {{true, *this}};
  std::vector<Case> found;
  const auto add = [&](const SymbolicBool& condition, const SymbolicWord& word) {
    const auto same = std::ranges::find_if(found, [&](const Case& other) { return identical(other.word, word); });
    if (same == found.end()) {
      found.push_back({condition, word});
    } else {
      same->condition = same->condition | condition;
    }
  };
  std::map<unsigned, SymbolicBool> reached{{term_->id(), true}};
  for (const z3::expr& term : choices_downwards(*term_)) {
    const SymbolicBool here = reached.at(term.id());
    if (term.is_ite()) {
      const SymbolicBool condition(term.arg(0));
      for (const auto& [branch, taken] : {std::pair(term.arg(1), condition), std::pair(term.arg(2), !condition)}) {
        SymbolicBool& there = reached.try_emplace(branch.id(), false).first->second;
        there = there | (here & taken);
      }
    } else if (const std::uint64_t bits = possible_bits(term); bits <= kFew) {
      for (std::uint64_t value = 0; value <= bits; ++value) {
        if ((value & ~bits) == 0) add(here & has_bits(SymbolicWord(term), bits, value), value);
      }
    } else {
      add(here, word_of(term));
    }
  }
  return found;
}

bool identical(const SymbolicWord& a, const SymbolicWord& b) {
  if (a.term_ && b.term_) return same_term(*a.term_, *b.term_);
  return !a.term_ && !b.term_ && a.numeral_ == b.numeral_;
}

SymbolicWord operator&(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ & b.numeral_;
  if (a.is(0) || b.is(kAllBits) || identical(a, b)) return a;
  if (b.is(0) || a.is(kAllBits)) return b;
  if (a.term_ && b.term_ && are_disjoint(*a.term_, *b.term_)) return 0;
  if (const auto& term = a.term_ ? a.term_ : b.term_; !(a.term_ && b.term_) && is_of_known_high_bits(*term))
    return word_of((a.term() & b.term()).simplify());
  return operate(
      a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x & y; },
      [](const z3::expr& x, const z3::expr& y) { return SymbolicWord(x & y); });
}

SymbolicWord operator|(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ | b.numeral_;
  if (b.is(0) || a.is(kAllBits) || identical(a, b)) return a;
  if (a.is(0) || b.is(kAllBits)) return b;
  return operate(
      a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x | y; },
      [](const z3::expr& x, const z3::expr& y) { return SymbolicWord(x | y); });
}

SymbolicWord operator^(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ ^ b.numeral_;
  if (b.is(0)) return a;
  if (a.is(0)) return b;
  return identical(a, b) ? SymbolicWord(0)
                         : operate(
                               a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x ^ y; },
                               [](const z3::expr& x, const z3::expr& y) { return SymbolicWord(x ^ y); });
}

SymbolicWord operator~(const SymbolicWord& a) {
  if (!a.term_) return ~a.numeral_;
  if (a.term_->is_ite()) return of_each(*a.term_, [](const SymbolicWord& word) { return ~word; });
  return SymbolicWord(~*a.term_);
}

SymbolicWord operator+(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ + b.numeral_;
  if (b.is(0)) return a;
  return a.is(0) ? b
                 : operate(
                       a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x + y; },
                       [](const z3::expr& x, const z3::expr& y) { return SymbolicWord(x + y); });
}

SymbolicWord operator-(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ - b.numeral_;
  if (b.is(0)) return a;
  return identical(a, b) ? SymbolicWord(0)
                         : operate(
                               a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x - y; },
                               [](const z3::expr& x, const z3::expr& y) { return SymbolicWord(x - y); });
}

SymbolicWord operator>>(const SymbolicWord& a, unsigned count) {
  if (!a.term_) return a.numeral_ >> count;
  if (a.term_->is_ite()) return of_each(*a.term_, [&](const SymbolicWord& word) { return word >> count; });
  return SymbolicWord(z3::lshr(*a.term_, TermScope::context().bv_val(count, 64)));
}

SymbolicBool operator==(const SymbolicWord& a, const SymbolicWord& b) {
  if (identical(a, b)) return true;
  if (!a.term_ && !b.term_) return false;
  if (!b.term_ && (b.numeral_ & ~possible_bits(*a.term_)) != 0) return false;
  if (!a.term_ && (a.numeral_ & ~possible_bits(*b.term_)) != 0) return false;
  return operate(
      a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x == y; },
      [](const z3::expr& x, const z3::expr& y) { return SymbolicBool(x == y); });
}

SymbolicBool operator<(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ < b.numeral_;
  if (identical(a, b) || b.is(0) || a.is(kAllBits)) return false;
  if (!b.term_ && possible_bits(*a.term_) < b.numeral_) return true;
  return operate(
      a, b, [](const SymbolicWord& x, const SymbolicWord& y) { return x < y; },
      [](const z3::expr& x, const z3::expr& y) { return SymbolicBool(z3::ult(x, y)); });
}

Unknowns unknowns_of(const SymbolicBool& condition) {
  std::set<unsigned> seen, found;
  std::vector<z3::expr> open{condition.term()};
  while (!open.empty()) {
    const z3::expr here = open.back();
    open.pop_back();
    if (!seen.insert(here.id()).second) continue;
    if (here.is_const() && !here.is_numeral()) found.insert(here.id());
    if (here.is_bv() && possible_bits(here) <= kMostOfANumber) continue;
    for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
  }
  return {found.begin(), found.end()};
}

bool have_common(const Unknowns& a, const Unknowns& b) {
  return std::ranges::any_of(a, [&](unsigned unknown) { return std::ranges::binary_search(b, unknown); });
}

SymbolicWord Symbolic::select(const Bool& condition, const Word& yes, const Word& no) {
  if (condition.is_true() || identical(yes, no)) return yes;
  if (condition.is_false()) return no;
  return Word(z3::ite(condition.term(), yes.term(), no.term()));
}

SymbolicWord Symbolic::bit(const Word& position) {
  if (const auto numeral = position.numeral()) return Concrete::bit(*numeral);
  return Word(z3::shl(TermScope::context().bv_val(1, 64), position.term()));
}

}  // namespace capcheck
