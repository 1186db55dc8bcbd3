// SPDX-License-Identifier: GPL-2.0-only
// What the kernel's code computes with: bits, truth values, and pointers into a few objects.
#ifndef CAPCHECK_SOLVER_KERNEL_VALUE_H_
#define CAPCHECK_SOLVER_KERNEL_VALUE_H_

#include <z3++.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "solver/symbolic.h"

namespace capcheck {

/// Something that has an address. An index in Interpreter's table.
using ObjectId = std::size_t;

/// Where a pointer may point. Without an object, it is a number: null, an error, or what nothing is known of.
struct Target {
  SymbolicBool condition;
  std::optional<ObjectId> object;
  std::int64_t offset = 0;              ///< in the object
  std::optional<z3::expr> number = {};  ///< of 64 bits; without an object only
};

/// A choice between targets, of which one condition holds and no other, wherever the pointer is of use.
struct Pointer {
  std::vector<Target> targets;

  static Pointer to(ObjectId object, std::int64_t offset = 0) { return {{{true, object, offset, {}}}}; }
  static Pointer null();
  static Pointer of_number(const z3::expr& number) { return {{{true, {}, 0, number}}}; }
};

struct Value;

/// The members of a structure that a function gives in registers.
struct Aggregate {
  std::vector<Value> members;
};

struct Value {
  std::variant<SymbolicBool, z3::expr, Pointer, Aggregate> content;

  Value(SymbolicBool condition) : content(std::move(condition)) {}
  Value(z3::expr bits) : content(std::move(bits)) {}
  Value(Pointer pointer) : content(std::move(pointer)) {}
  Value(Aggregate aggregate) : content(std::move(aggregate)) {}
};

/// A value as a pointer. Throws std::logic_error if it cannot be one.
Pointer as_pointer(const Value& value);

/// A number of so many bits.
z3::expr bits_of(std::uint64_t number, unsigned width);
/// An unknown number that nothing else is equal to by construction.
z3::expr any_bits(const char* name, unsigned width);

/// The lowest bits of a word, and a word of bits that has zeros above them.
z3::expr low_bits(const SymbolicWord& word, unsigned width);
SymbolicWord word_of_bits(const z3::expr& bits);

/// A term that is a numeral as one; a term of numerals folded.
z3::expr fold(const z3::expr& term);
std::optional<std::uint64_t> numeral_of(const z3::expr& bits);

/// 1 or 0, in so many bits.
z3::expr bits_of(const SymbolicBool& condition, unsigned width);
/// The comparison of terms, folded where its form shows the answer.
SymbolicBool condition_of(const z3::expr& term);
SymbolicBool equal(const z3::expr& a, const z3::expr& b);

/// condition ? yes : no. Throws std::logic_error for values of different kinds.
Value choose(const SymbolicBool& condition, const Value& yes, const Value& no);
SymbolicBool choose(const SymbolicBool& condition, const SymbolicBool& yes, const SymbolicBool& no);
z3::expr choose(const SymbolicBool& condition, const z3::expr& yes, const z3::expr& no);
Pointer choose(const SymbolicBool& condition, const Pointer& yes, const Pointer& no);

/// Two pointers are the same. Different objects are at different addresses, none of which is null or an error; whether
/// a pointer of which nothing is known points to an object is unknown.
SymbolicBool equal(const Pointer& a, const Pointer& b);

}  // namespace capcheck

#endif
