// SPDX-License-Identifier: GPL-2.0-only
#include "solver/symbolic.h"

namespace capcheck {
namespace {

constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

thread_local TermScope* innermost = nullptr;

bool same_term(const z3::expr& a, const z3::expr& b) {
  return z3::eq(a, b);
}

bool is_complement(const z3::expr& a, const z3::expr& b) {
  return a.is_app() && a.decl().decl_kind() == Z3_OP_BNOT && same_term(a.arg(0), b);
}

}  // namespace

TermScope::TermScope() : outer_(innermost) {
  innermost = this;
}

TermScope::~TermScope() {
  innermost = outer_;
}

z3::context& TermScope::context() {
  if (innermost == nullptr) throw std::logic_error("a Z3 term was built outside of every TermScope");
  return innermost->context_;
}

SymbolicBool SymbolicBool::unknown(const std::string& name) {
  return SymbolicBool(TermScope::context().bool_const(name.c_str()));
}

bool identical(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.term_ && b.term_) return same_term(*a.term_, *b.term_);
  return !a.term_ && !b.term_ && a.constant_ == b.constant_;
}

SymbolicBool operator!(const SymbolicBool& a) {
  return a.term_ ? SymbolicBool(!*a.term_) : SymbolicBool(!a.constant_);
}

SymbolicBool operator&(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.is_false() || b.is_true()) return a;
  if (b.is_false() || a.is_true()) return b;
  return same_term(*a.term_, *b.term_) ? a : SymbolicBool(*a.term_ && *b.term_);
}

SymbolicBool operator|(const SymbolicBool& a, const SymbolicBool& b) {
  if (a.is_true() || b.is_false()) return a;
  if (b.is_true() || a.is_false()) return b;
  return same_term(*a.term_, *b.term_) ? a : SymbolicBool(*a.term_ || *b.term_);
}

SymbolicWord SymbolicWord::unknown(const std::string& name) {
  return SymbolicWord(TermScope::context().bv_const(name.c_str(), 64));
}

SymbolicWord SymbolicWord::anything() {
  z3::context& context = TermScope::context();
  return SymbolicWord(z3::expr(context, Z3_mk_fresh_const(context, "any", context.bv_sort(64))));
}

bool identical(const SymbolicWord& a, const SymbolicWord& b) {
  if (a.term_ && b.term_) return same_term(*a.term_, *b.term_);
  return !a.term_ && !b.term_ && a.numeral_ == b.numeral_;
}

SymbolicWord operator&(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ & b.numeral_;
  if (a.is(0) || b.is(kAllBits) || identical(a, b)) return a;
  if (b.is(0) || a.is(kAllBits)) return b;
  if (a.term_ && b.term_ && (is_complement(*a.term_, *b.term_) || is_complement(*b.term_, *a.term_))) return 0;
  return SymbolicWord(a.term() & b.term());
}

SymbolicWord operator|(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ | b.numeral_;
  if (b.is(0) || a.is(kAllBits) || identical(a, b)) return a;
  if (a.is(0) || b.is(kAllBits)) return b;
  return SymbolicWord(a.term() | b.term());
}

SymbolicWord operator^(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ ^ b.numeral_;
  if (b.is(0)) return a;
  if (a.is(0)) return b;
  return identical(a, b) ? SymbolicWord(0) : SymbolicWord(a.term() ^ b.term());
}

SymbolicWord operator~(const SymbolicWord& a) {
  return a.term_ ? SymbolicWord(~*a.term_) : SymbolicWord(~a.numeral_);
}

SymbolicWord operator+(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ + b.numeral_;
  if (b.is(0)) return a;
  return a.is(0) ? b : SymbolicWord(a.term() + b.term());
}

SymbolicWord operator-(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ - b.numeral_;
  if (b.is(0)) return a;
  return identical(a, b) ? SymbolicWord(0) : SymbolicWord(a.term() - b.term());
}

SymbolicWord operator>>(const SymbolicWord& a, unsigned count) {
  if (!a.term_) return a.numeral_ >> count;
  return SymbolicWord(z3::lshr(*a.term_, TermScope::context().bv_val(count, 64)));
}

SymbolicBool operator==(const SymbolicWord& a, const SymbolicWord& b) {
  if (identical(a, b)) return true;
  if (!a.term_ && !b.term_) return false;
  return SymbolicBool(a.term() == b.term());
}

SymbolicBool operator<(const SymbolicWord& a, const SymbolicWord& b) {
  if (!a.term_ && !b.term_) return a.numeral_ < b.numeral_;
  if (identical(a, b) || b.is(0) || a.is(kAllBits)) return false;
  return SymbolicBool(z3::ult(a.term(), b.term()));
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
