// SPDX-License-Identifier: GPL-2.0-only
// The domain over which the model's templates build Z3 terms instead of computing.
//
// A value is a numeral or a term. Numerals need no context and fold at once, so a rule over numerals costs little more
// than over Concrete, and what a call cannot change keeps its very term: most obligations are settled by that alone.
#ifndef CAPCHECK_SOLVER_SYMBOLIC_H_
#define CAPCHECK_SOLVER_SYMBOLIC_H_

#include <z3++.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/domain.h"

namespace capcheck {

/// The Z3 context in which this thread builds its terms, from construction to destruction. Scopes nest; a term belongs
/// to the scope that was innermost when it was built, and must not outlive it.
class TermScope {
 public:
  TermScope();
  ~TermScope();
  TermScope(const TermScope&) = delete;
  TermScope& operator=(const TermScope&) = delete;

  /// The innermost scope's. Throws std::logic_error outside of every scope.
  static z3::context& context();

 private:
  z3::context context_;
  TermScope* outer_;
};

/// A truth value: true, false or a term.
class SymbolicBool {
 public:
  SymbolicBool() = default;
  template <std::same_as<bool> B>
  SymbolicBool(B value) : constant_(value) {}
  explicit SymbolicBool(z3::expr term) : term_(std::move(term)) {}

  bool is_true() const { return !term_ && constant_; }
  bool is_false() const { return !term_ && !constant_; }
  z3::expr term() const { return term_ ? *term_ : TermScope::context().bool_val(constant_); }

  /// An unknown value. The same name gives the same value.
  static SymbolicBool unknown(const std::string& name);

  /// Both are the same constant or the very same term.
  friend bool identical(const SymbolicBool& a, const SymbolicBool& b);

  friend SymbolicBool operator!(const SymbolicBool& a);
  friend SymbolicBool operator&(const SymbolicBool& a, const SymbolicBool& b);
  friend SymbolicBool operator|(const SymbolicBool& a, const SymbolicBool& b);

 private:
  bool constant_ = false;
  std::optional<z3::expr> term_;
};

/// An unsigned 64-bit value: a numeral or a bit-vector term.
class SymbolicWord {
 public:
  SymbolicWord() = default;
  SymbolicWord(std::uint64_t value) : numeral_(value) {}
  explicit SymbolicWord(z3::expr term) : term_(std::move(term)) {}

  /// The value, unless it is a term.
  std::optional<std::uint64_t> numeral() const { return term_ ? std::nullopt : std::optional(numeral_); }
  z3::expr term() const { return term_ ? *term_ : TermScope::context().bv_val(numeral_, 64); }

  /// An unknown value. The same name gives the same value.
  static SymbolicWord unknown(const std::string& name);
  /// An unknown value that nothing else is equal to by construction.
  static SymbolicWord anything();

  /// Both are the same numeral or the very same term. What differs in form may still be equal.
  friend bool identical(const SymbolicWord& a, const SymbolicWord& b);

  friend SymbolicWord operator&(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicWord operator|(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicWord operator^(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicWord operator~(const SymbolicWord& a);
  friend SymbolicWord operator+(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicWord operator-(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicWord operator>>(const SymbolicWord& a, unsigned count);
  friend SymbolicBool operator==(const SymbolicWord& a, const SymbolicWord& b);
  friend SymbolicBool operator<(const SymbolicWord& a, const SymbolicWord& b);

 private:
  bool is(std::uint64_t value) const { return !term_ && numeral_ == value; }

  std::uint64_t numeral_ = 0;
  std::optional<z3::expr> term_;
};

/// Every word of a value, in the order of its zip_words().
template <template <Domain> class T, Domain D>
std::vector<typename D::Word*> words_of(T<D>& value) {
  std::vector<typename D::Word*> words;
  zip_words(value, value, [&](typename D::Word& word, const typename D::Word&) { words.push_back(&word); });
  return words;
}

/// Of a table, the slots that a query is about, each under its index, which may be a term. Where two indices are equal,
/// so are their slots. Any other index reads as unknown values, so what is proved of the slots holds whatever else the
/// table has in it.
template <class T>
class SymbolicTable {
 public:
  struct Slot {
    SymbolicWord index;
    T value;
  };

  /// The slot with that numeral for an index; made if there is none.
  T& operator[](std::size_t index) {
    if (Slot* slot = find(index)) return slot->value;
    return slots_.emplace_back(SymbolicWord(index), T{}).value;
  }
  /// Throws std::logic_error if there is none.
  const T& operator[](std::size_t index) const {
    if (const Slot* slot = const_cast<SymbolicTable*>(this)->find(index)) return slot->value;
    throw std::logic_error("a symbolic table was read where nothing was stored");
  }

  /// Adds a slot. Where one of the others has that index, that one's value stands.
  void add(const SymbolicWord& index, T value);
  std::deque<Slot>& slots() { return slots_; }
  const std::deque<Slot>& slots() const { return slots_; }

 private:
  Slot* find(const SymbolicWord& index) {
    for (Slot& slot : slots_) {
      if (identical(slot.index, index)) return &slot;
    }
    return nullptr;
  }

  std::deque<Slot> slots_;  ///< references to slots stay good while others are added
};

/// Z3 terms.
struct Symbolic {
  using Word = SymbolicWord;
  using Bool = SymbolicBool;

  template <class T, std::size_t Size>
  using Table = SymbolicTable<T>;

  static Word select(const Bool& condition, const Word& yes, const Word& no);

  /// The word with one bit set; 0 for a position above 63.
  static Word bit(const Word& position);

  template <class T>
  static void assign(T& target, const Bool& condition, const T& value) {
    if (condition.is_false()) return;
    zip_words(target, value, [&](Word& to, const Word& from) { to = select(condition, from, to); });
  }

  template <class T>
  static T at(const SymbolicTable<T>& table, const Word& index) {
    for (const auto& slot : table.slots()) {
      if (identical(slot.index, index)) return slot.value;
    }
    T found{};
    for (Word* word : words_of(found)) *word = Word::anything();
    for (const auto& slot : table.slots()) assign(found, slot.index == index, slot.value);
    return found;
  }

  /// A value stored where the table has no slot is forgotten: it then reads as unknown.
  template <class T>
  static void store(SymbolicTable<T>& table, const Bool& condition, const Word& index, const T& value) {
    for (auto& slot : table.slots()) assign(slot.value, condition & (slot.index == index), value);
  }
};
static_assert(Domain<Symbolic>);

template <class T>
void SymbolicTable<T>::add(const SymbolicWord& index, T value) {
  for (const Slot& slot : slots_) Symbolic::assign(value, slot.index == index, slot.value);
  slots_.push_back({index, std::move(value)});
}

}  // namespace capcheck

#endif
