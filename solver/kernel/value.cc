// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/value.h"

#include <stdexcept>

namespace capcheck {
namespace {

constexpr unsigned kPointerBits = 64;

bool is_numeral_choice(const z3::expr& term) {
  return term.is_ite() && term.arg(1).is_numeral() && term.arg(2).is_numeral();
}

/// A comparison with a choice between two numerals is the condition of the choice, or its opposite, or settled.
std::optional<SymbolicBool> compare_choice(const z3::expr& a, const z3::expr& b) {
  if (!is_numeral_choice(a) || !b.is_numeral()) return std::nullopt;
  const bool yes = z3::eq(a.arg(1), b), no = z3::eq(a.arg(2), b);
  SymbolicBool condition(a.arg(0));
  if (yes && no) return SymbolicBool(true);
  if (yes) return condition;
  return no ? !condition : SymbolicBool(false);
}

void add_target(Pointer& pointer, const Target& target) {
  if (target.condition.is_false()) return;
  for (Target& other : pointer.targets) {
    const bool same_number = !other.object && !target.object && z3::eq(*other.number, *target.number);
    const bool same_place =
        other.object && target.object && *other.object == *target.object && other.offset == target.offset;
    if (same_number || same_place) {
      other.condition = other.condition | target.condition;
      return;
    }
  }
  pointer.targets.push_back(target);
}

}  // namespace

Pointer as_pointer(const Value& value) {
  if (const auto* pointer = std::get_if<Pointer>(&value.content)) return *pointer;
  if (const auto* bits = std::get_if<z3::expr>(&value.content);
      bits != nullptr && bits->get_sort().bv_size() == kPointerBits) {
    return Pointer::of_number(*bits);
  }
  throw std::logic_error("a choice between a pointer and what is none");
}

Pointer Pointer::null() {
  return of_number(bits_of(0, kPointerBits));
}

z3::expr bits_of(std::uint64_t number, unsigned width) {
  return TermScope::context().bv_val(number, width);
}

z3::expr any_bits(const char* name, unsigned width) {
  z3::context& context = TermScope::context();
  return {context, Z3_mk_fresh_const(context, name, context.bv_sort(width))};
}

z3::expr fold(const z3::expr& term) {
  if (!term.is_app() || term.num_args() == 0) return term;
  for (unsigned i = 0; i < term.num_args(); ++i) {
    const z3::expr part = term.arg(i);
    if (!part.is_numeral() && !part.is_true() && !part.is_false() && !has_known_high_bits(part)) return term;
  }
  return term.simplify();
}

std::optional<std::uint64_t> numeral_of(const z3::expr& bits) {
  std::uint64_t number = 0;
  return bits.is_numeral_u64(number) ? std::optional(number) : std::nullopt;
}

z3::expr low_bits(const SymbolicWord& word, unsigned width) {
  if (const auto number = word.numeral())
    return bits_of(width == 64 ? *number : *number & ((1ULL << width) - 1), width);
  z3::expr term = word.term();
  if (width == term.get_sort().bv_size()) return term;
  if (term.is_app() && term.decl().decl_kind() == Z3_OP_ZERO_EXT && term.arg(0).get_sort().bv_size() == width)
    return term.arg(0);
  return term.extract(width - 1, 0);
}

SymbolicWord word_of_bits(const z3::expr& bits) {
  if (const auto number = numeral_of(bits)) return *number;
  const unsigned width = bits.get_sort().bv_size();
  return SymbolicWord(width == kPointerBits ? bits : z3::zext(bits, kPointerBits - width));
}

z3::expr bits_of(const SymbolicBool& condition, unsigned width) {
  return choose(condition, bits_of(1, width), bits_of(std::uint64_t{0}, width));
}

SymbolicBool condition_of(const z3::expr& term) {
  const z3::expr folded = fold(term);
  if (folded.is_true()) return true;
  return folded.is_false() ? SymbolicBool(false) : SymbolicBool(folded);
}

SymbolicBool equal(const z3::expr& a, const z3::expr& b) {
  if (z3::eq(a, b)) return true;
  if (const auto settled = compare_choice(a, b)) return *settled;
  if (const auto settled = compare_choice(b, a)) return *settled;
  return condition_of(a == b);
}

SymbolicBool choose(const SymbolicBool& condition, const SymbolicBool& yes, const SymbolicBool& no) {
  if (condition.is_true() || identical(yes, no)) return yes;
  return condition.is_false() ? no : (condition & yes) | (!condition & no);
}

z3::expr choose(const SymbolicBool& condition, const z3::expr& yes, const z3::expr& no) {
  if (condition.is_true() || z3::eq(yes, no)) return yes;
  return condition.is_false() ? no : z3::ite(condition.term(), yes, no);
}

Pointer choose(const SymbolicBool& condition, const Pointer& yes, const Pointer& no) {
  Pointer chosen;
  for (Target target : yes.targets) {
    target.condition = target.condition & condition;
    add_target(chosen, target);
  }
  for (Target target : no.targets) {
    target.condition = target.condition & !condition;
    add_target(chosen, target);
  }
  // A pointer that is the same either way does not depend on the condition.
  if (chosen.targets.size() == 1) chosen.targets.front().condition = true;
  return chosen;
}

Value choose(const SymbolicBool& condition, const Value& yes, const Value& no) {
  if (condition.is_true()) return yes;
  if (condition.is_false()) return no;
  if (std::holds_alternative<Pointer>(yes.content) || std::holds_alternative<Pointer>(no.content))
    return choose(condition, as_pointer(yes), as_pointer(no));
  if (yes.content.index() != no.content.index()) throw std::logic_error("a choice between values of different kinds");
  if (const auto* truth = std::get_if<SymbolicBool>(&yes.content))
    return choose(condition, *truth, std::get<SymbolicBool>(no.content));
  if (const auto* bits = std::get_if<z3::expr>(&yes.content))
    return choose(condition, *bits, std::get<z3::expr>(no.content));
  Aggregate chosen;
  const auto& from_yes = std::get<Aggregate>(yes.content).members;
  const auto& from_no = std::get<Aggregate>(no.content).members;
  if (from_yes.size() != from_no.size()) throw std::logic_error("a choice between different structures");
  for (std::size_t i = 0; i < from_yes.size(); ++i)
    chosen.members.push_back(choose(condition, from_yes[i], from_no[i]));
  return chosen;
}

namespace {

SymbolicBool same_place(const Target& a, const Target& b) {
  if (a.object && b.object) return *a.object == *b.object && a.offset == b.offset;
  if (!a.object && !b.object) return equal(*a.number, *b.number);
  const z3::expr& number = a.object ? *b.number : *a.number;
  if (number.is_numeral()) return false;
  // What nothing is known of may be the address of any object.
  z3::context& context = TermScope::context();
  return SymbolicBool(z3::expr(context, Z3_mk_fresh_const(context, "same", context.bool_sort())));
}

}  // namespace

SymbolicBool equal(const Pointer& a, const Pointer& b) {
  SymbolicBool same = false;
  for (const Target& x : a.targets) {
    for (const Target& y : b.targets) {
      same = same | (x.condition & y.condition & same_place(x, y));
    }
  }
  return same;
}

}  // namespace capcheck
