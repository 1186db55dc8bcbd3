// SPDX-License-Identifier: GPL-2.0-only
// The domain over which the model's templates build Z3 terms instead of computing.
//
// A value is a numeral or a term. Numerals need no context and fold at once, so a rule over numerals costs little more
// than over Concrete, and what a call cannot change keeps its very term: most obligations are settled by that alone.
#ifndef CAPCHECK_SOLVER_SYMBOLIC_H_
#define CAPCHECK_SOLVER_SYMBOLIC_H_

#include <z3++.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/domain.h"

namespace capcheck {

/// The Z3 context in which this thread builds its terms, from construction to destruction. Scopes nest; a term belongs
/// to the scope that was innermost when it was built, and must not outlive it.
class TermScope {
 public:
  /// Enough for a chain of five namespaces, which takes 13 calls to build: each level but the first needs two maps to
  /// be written before it.
  static constexpr int kUnrolling = 5;

  /// `unrolling` is how often Symbolic::repeat() takes a step.
  explicit TermScope(int unrolling = kUnrolling);
  ~TermScope();
  TermScope(const TermScope&) = delete;
  TermScope& operator=(const TermScope&) = delete;

  /// The innermost scope's. Throws std::logic_error outside of every scope.
  static z3::context& context();
  /// The innermost scope's.
  static int unrolling();
  /// A number that the innermost scope has not given before. Throws std::logic_error outside of every scope.
  static unsigned next_number();

 private:
  z3::context context_;
  unsigned numbers_ = 0;
  int unrolling_;
  TermScope* outer_;
};

/// Whether it is put together of numbers of bits, the highest of which are known: what masks make of it is plain.
bool has_known_high_bits(const z3::expr& bits);

/// A Z3 term, or none. Assigning lets go of the term that was there, which z3::expr does not where it is moved to (in
/// z3++.h 4.8.12): what is never let go makes its context larger and slower, and most of all its end.
class Term {
 public:
  Term() = default;
  Term(z3::expr term) : term_(std::move(term)) {}
  Term(const Term&) = default;
  Term(Term&&) noexcept = default;
  Term& operator=(Term other) noexcept {
    term_.swap(other.term_);
    return *this;
  }
  ~Term() = default;

  explicit operator bool() const { return term_.has_value(); }
  const z3::expr& operator*() const { return *term_; }
  const z3::expr* operator->() const { return &*term_; }

 private:
  std::optional<z3::expr> term_;
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
  Term term_;
};

/// Conditions that all have to hold for this one to hold, and do if it does: as many as its form shows.
std::vector<SymbolicBool> conjuncts(const SymbolicBool& condition);

/// What the last part of a conjunction comes to where the other parts hold, together with those of them that are small:
/// it follows from the whole, and is false only if that is. Only what is in it as a part by its form is made use of;
/// where that does not make it far smaller, this is the whole.
SymbolicBool plain_parts_of(const SymbolicBool& condition);
inline std::vector<bool> conjuncts(bool condition) {
  return {condition};
}

/// An unsigned 64-bit value: a numeral or a bit-vector term.
class SymbolicWord {
 public:
  SymbolicWord() = default;
  SymbolicWord(std::uint64_t value) : numeral_(value) {}
  explicit SymbolicWord(z3::expr term) : term_(std::move(term)) {}

  /// The value, unless it is a term.
  std::optional<std::uint64_t> numeral() const { return term_ ? std::nullopt : std::optional(numeral_); }
  z3::expr term() const { return term_ ? *term_ : TermScope::context().bv_val(numeral_, 64); }

  struct Case;
  /// Of a choice between words (of choices, …): the words between which it is, each with the condition for it. Of any
  /// other word: itself. One of the conditions holds, and no other.
  std::vector<Case> cases() const;

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
  Term term_;
};

/// The bits that a term of 64 can have, as far as its form shows: of x & mask, those of the mask.
std::uint64_t possible_bits(const z3::expr& term);

/// The unknown values that a term depends on, in order of their AST's numbers; but for those of which only a few bits
/// matter, which say where in a table something stands.
using Unknowns = std::vector<unsigned>;
Unknowns unknowns_of(const SymbolicBool& condition);
bool have_common(const Unknowns& a, const Unknowns& b);

// Found for words that are made of these, too.
bool identical(const SymbolicBool& a, const SymbolicBool& b);
bool identical(const SymbolicWord& a, const SymbolicWord& b);

struct SymbolicWord::Case {
  SymbolicBool condition;
  SymbolicWord word;
};

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
    if (const Slot* slot = find(index)) return slot->value;
    throw std::logic_error("a symbolic table was read where nothing was stored");
  }

  /// Adds a slot. Where one of the others has that index, that one's value stands.
  void add(const SymbolicWord& index, T value);
  std::deque<Slot>& slots() { return slots_; }
  const std::deque<Slot>& slots() const { return slots_; }

  /// What stands under an index: the same terms for as long as nothing is stored that may change them.
  T at(const SymbolicWord& index) const;
  /// What is stored where the table has no slot is forgotten: it then reads as unknown.
  void store(const SymbolicBool& condition, const SymbolicWord& index, const T& value);
  /// The same table of other values, as `convert` makes them; so is what is read where the table has no slot.
  template <class U, class Convert>
  SymbolicTable<U> converted(Convert convert) const;
  /// What was read so far where the table has no slot, of it or of a copy to which nothing was stored.
  std::span<const Slot> read_elsewhere() const { return elsewhere_->read; }
  /// Forgets what was read after the first so many of these.
  void forget_after(std::size_t count) const { elsewhere_->read.resize(std::min(count, elsewhere_->read.size())); }
  /// Forgets all that was read where the table has no slot.
  void forget() { elsewhere_ = std::make_shared<Elsewhere>(); }

 private:
  /// The unknown values that were read where the table has no slot. Copies of a table share them.
  struct Elsewhere {
    std::vector<Slot> read{};
    std::shared_ptr<Elsewhere> older{};              ///< before a store that changed some words
    std::vector<bool> forgotten{};                   ///< those words
    std::function<T(const SymbolicWord&)> origin{};  ///< of a table that was converted: what the other has there
  };
  static const T& read_elsewhere(Elsewhere& elsewhere, const SymbolicWord& index);
  T at_case(const SymbolicWord& index) const;

  template <class U>
  friend class SymbolicTable;

  Slot* find(const SymbolicWord& index) {
    const auto found = std::ranges::find_if(slots_, [&](const Slot& slot) { return identical(slot.index, index); });
    return found == slots_.end() ? nullptr : &*found;
  }
  const Slot* find(const SymbolicWord& index) const { return const_cast<SymbolicTable*>(this)->find(index); }

  std::deque<Slot> slots_;  ///< references to slots stay good while others are added
  std::shared_ptr<Elsewhere> elsewhere_ = std::make_shared<Elsewhere>();
};

/// What a word of a table is that is one of two: see Symbolic::select().
inline SymbolicWord chosen(const SymbolicBool& condition, const SymbolicWord& yes, const SymbolicWord& no);

/// If it is set: what stands for a word that the rule gives which is a function of the kernel's (kernel_function()).
inline thread_local std::function<SymbolicWord(std::string_view, const SymbolicWord&)> word_of_function{};

/// What a truth value that the rule gives depends on (kernel_function_of()): a part of a world, and words.
struct FunctionInputs {
  const void* part;
  std::vector<SymbolicWord> words;
};
/// If it is set: what stands for such a truth value, which the last argument gives.
inline thread_local std::function<SymbolicBool(std::string_view, const FunctionInputs&,
                                               const std::function<SymbolicBool()>&)>
    truth_of_function{};

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
    zip_words(target, value, [&](auto& to, const auto& from) { to = chosen(condition, from, to); });
  }

  template <class T>
  static T at(const SymbolicTable<T>& table, const Word& index) {
    return table.at(index);
  }
  template <class T>
  static void store(SymbolicTable<T>& table, const Bool& condition, const Word& index, const T& value) {
    table.store(condition, index, value);
  }

  /// Takes a step until it certainly has no more to do, TermScope::unrolling() times at the most.
  template <class Step>
  static void repeat(Step step) {
    const int unrolling = TermScope::unrolling();
    for (int i = 0; i < unrolling && !Bool(step()).is_false(); ++i) {
    }
  }

  /// The word where a repetition ended, an unknown value where it goes on.
  static Word at_end(const Bool& goes_on, const Word& word) {
    return goes_on.is_false() ? word : select(goes_on, Word::anything(), word);
  }

  template <class F, class... Left>
  static auto kernel_function(std::string_view name, F f, const Left&... /*left*/) {
    if constexpr (std::same_as<std::invoke_result_t<F>, Word>) {
      return word_of_function ? word_of_function(name, f()) : f();
    } else {
      return f();
    }
  }

  template <class F, class Part, class... Words>
  static Bool kernel_function_of(std::string_view name, F f, const Part& part, const Words&... words) {
    return truth_of_function ? truth_of_function(name, {&part, {words...}}, f) : f();
  }
};
static_assert(Domain<Symbolic>);

inline SymbolicWord chosen(const SymbolicBool& condition, const SymbolicWord& yes, const SymbolicWord& no) {
  return Symbolic::select(condition, yes, no);
}

template <class T>
void SymbolicTable<T>::add(const SymbolicWord& index, T value) {
  for (const Slot& slot : slots_) Symbolic::assign(value, slot.index == index, slot.value);
  slots_.push_back({index, std::move(value)});
}

template <class T>
const T& SymbolicTable<T>::read_elsewhere(Elsewhere& elsewhere, const SymbolicWord& index) {
  for (const Slot& slot : elsewhere.read) {
    if (identical(slot.index, index)) return slot.value;
  }
  T value{};
  if (elsewhere.origin) value = elsewhere.origin(index);
  if (elsewhere.older) value = read_elsewhere(*elsewhere.older, index);
  const auto words = words_of(value);
  for (std::size_t i = 0; i < words.size() && !elsewhere.origin; ++i) {
    if (!elsewhere.older || elsewhere.forgotten[i]) *words[i] = SymbolicWord::anything();
  }
  return elsewhere.read.emplace_back(index, std::move(value)).value;
}

template <class T>
T SymbolicTable<T>::at_case(const SymbolicWord& index) const {
  if (const Slot* slot = find(index)) return slot->value;
  T found = read_elsewhere(*elsewhere_, index);
  for (const Slot& slot : slots_) Symbolic::assign(found, slot.index == index, slot.value);
  return found;
}

template <class T>
T SymbolicTable<T>::at(const SymbolicWord& index) const {
  const auto cases = index.cases();
  T found = at_case(cases.front().word);
  for (const auto& [condition, word] : std::span(cases).subspan(1)) Symbolic::assign(found, condition, at_case(word));
  return found;
}

template <class T>
void SymbolicTable<T>::store(const SymbolicBool& condition, const SymbolicWord& index, const T& value) {
  if (condition.is_false()) return;
  T old = at(index), stored = value;
  const auto before = words_of(old), after = words_of(stored);
  std::vector<bool> changed(after.size());
  for (std::size_t i = 0; i < after.size(); ++i) changed[i] = !identical(*before[i], *after[i]);

  const auto cases = index.cases();
  for (Slot& slot : slots_) {
    SymbolicBool here = false;
    for (const auto& [taken, word] : cases) here = here | (taken & (slot.index == word));
    const auto to = words_of(slot.value);
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (changed[i]) *to[i] = chosen(condition & here, *after[i], *to[i]);
    }
  }
  if (std::ranges::all_of(cases, [&](const auto& each) { return find(each.word) != nullptr; })) return;
  elsewhere_ = std::make_shared<Elsewhere>(std::vector<Slot>{}, elsewhere_, std::move(changed));
}

template <class T>
template <class U, class Convert>
SymbolicTable<U> SymbolicTable<T>::converted(Convert convert) const {
  SymbolicTable<U> table;
  for (const Slot& slot : slots_) table.slots_.push_back({slot.index, convert(slot.value)});
  table.elsewhere_->origin = [convert, elsewhere = elsewhere_](const SymbolicWord& index) {
    return convert(read_elsewhere(*elsewhere, index));
  };
  return table;
}

/// A value all of whose words are unknown: NAME.0, NAME.1, …
template <template <Domain> class T>
T<Symbolic> unknown_value(const std::string& name) {
  T<Symbolic> value;
  std::size_t index = 0;
  for (SymbolicWord* word : words_of(value)) *word = SymbolicWord::unknown(name + "." + std::to_string(index++));
  return value;
}

}  // namespace capcheck

#endif
