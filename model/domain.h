// SPDX-License-Identifier: GPL-2.0-only
// The value domain over which every rule is written.
//
// A rule never names uint64_t or bool: it computes with D::Word and D::Bool. Over Concrete it runs on machine integers,
// over Symbolic (solver/symbolic.h) the same text builds Z3 terms. So a rule has no branch on a domain value, only
// select().
#ifndef CAPCHECK_MODEL_DOMAIN_H_
#define CAPCHECK_MODEL_DOMAIN_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace capcheck {

/// What a domain offers. Word is an unsigned 64-bit value with C's operators; Bool has &, | and !.
template <class D>
concept Domain = requires(typename D::Word word, typename D::Bool condition) {
  typename D::Word;
  typename D::Bool;
  { typename D::Word(std::uint64_t{}) };
  { word& word } -> std::convertible_to<typename D::Word>;
  { word | word } -> std::convertible_to<typename D::Word>;
  { word ^ word } -> std::convertible_to<typename D::Word>;
  { ~word } -> std::convertible_to<typename D::Word>;
  { word + word } -> std::convertible_to<typename D::Word>;
  { word - word } -> std::convertible_to<typename D::Word>;
  { word >> 1u } -> std::convertible_to<typename D::Word>;
  { word == word } -> std::convertible_to<typename D::Bool>;
  { word < word } -> std::convertible_to<typename D::Bool>;
  { condition& condition } -> std::convertible_to<typename D::Bool>;
  { condition | condition } -> std::convertible_to<typename D::Bool>;
  { !condition } -> std::convertible_to<typename D::Bool>;
  { D::select(condition, word, word) } -> std::convertible_to<typename D::Word>;
  { D::bit(word) } -> std::convertible_to<typename D::Word>;
  { D::at_end(condition, word) } -> std::convertible_to<typename D::Word>;
};

/// Machine integers.
struct Concrete {
  using Word = std::uint64_t;
  using Bool = bool;

  /// A table indexed by Words; the model's tables are small and of fixed size, so that a world needs no allocation.
  template <class T, std::size_t Size>
  using Table = std::array<T, Size>;

  static constexpr Word select(Bool condition, Word yes, Word no) { return condition ? yes : no; }

  /// The word with one bit set; 0 for a position above 63, as a shift in SMT-LIB gives.
  static constexpr Word bit(Word position) { return static_cast<Word>(position < 64) << (position & 63); }

  template <class T, std::size_t Size>
  static constexpr const T& at(const std::array<T, Size>& table, Word index) {
    return table[index];
  }

  template <class T, std::size_t Size>
  static constexpr void store(std::array<T, Size>& table, Bool condition, Word index, const T& value) {
    if (condition) table.at(index) = value;
  }

  /// `target = condition ? value : target`.
  template <class T>
  static constexpr void assign(T& target, Bool condition, const T& value) {
    if (condition) target = value;
  }

  /// Takes a step again and again for as long as it says that there is more to do. A step with nothing to do changes
  /// nothing. A domain may stop early: what depends on the end is at_end() of what the last step said.
  template <class Step>
  static constexpr void repeat(Step step) {
    while (step()) {
    }
  }

  /// A word that a repetition leaves; any value where that goes on, having been stopped early.
  static constexpr Word at_end(Bool /*goes_on*/, Word word) { return word; }
};
static_assert(Domain<Concrete>);

/// a ⊆ b, for sets of capabilities held as words.
template <Domain D>
constexpr typename D::Bool subset(const typename D::Word& a, const typename D::Word& b) {
  return (a & ~b) == typename D::Word(0);
}

/// capability ∈ set. A number above 63 is in no set.
template <Domain D>
constexpr typename D::Bool has(const typename D::Word& set, const typename D::Word& capability) {
  return !((set & D::bit(capability)) == typename D::Word(0));
}

/// Where the premise holds, the conclusion does.
template <Domain D>
constexpr typename D::Bool implies(const typename D::Bool& premise, const typename D::Bool& conclusion) {
  return !premise | conclusion;
}

/// What f gives: the model's own bookkeeping (which guard failed first, the number of a new task), which is no kernel's
/// rule. A domain that looks at what rules compute passes over it.
template <Domain D, class F>
constexpr auto bookkeeping(F f) {
  if constexpr (requires { D::bookkeeping(f); }) {
    return D::bookkeeping(f);
  } else {
    return f();
  }
}

/// What f gives: the rule that stands for a function of the kernel, by its name, which it is proved equal to
/// (solver/kernel/functions.h). `left` is what f changes besides. A domain that compares the two sees where the rule
/// begins and ends, and what comes of it.
template <Domain D, class F, class... Left>
constexpr auto kernel_function(std::string_view name, F f, const Left&... left) {
  if constexpr (requires { D::kernel_function(name, f, left...); }) {
    return D::kernel_function(name, f, left...);
  } else {
    return f();
  }
}

/// kernel_function() of what depends on a part of the world and on these words alone. A domain can have a name for what
/// it gives, the same for the same of them.
template <Domain D, class F, class Part, class... Words>
constexpr auto kernel_function_of(std::string_view name, F f, const Part& part, const Words&... words) {
  if constexpr (requires { D::kernel_function_of(name, f, part, words...); }) {
    return D::kernel_function_of(name, f, part, words...);
  } else {
    return kernel_function<D>(name, f);
  }
}

/// What f(inputs...) gives, which depends on nothing else: words among the inputs are ids, or counts of them, less than
/// 2³⁸; maps are well-formed. A domain that compares rules can look at it by itself.
template <Domain D, class F, class... Inputs>
constexpr auto function_of(F f, const Inputs&... inputs) {
  if constexpr (requires { D::function_of(f, inputs...); }) {
    return D::function_of(f, inputs...);
  } else {
    return f(inputs...);
  }
}

/// Calls f(0), …, f(count - 1): the same place of a rule, each time of another task.
template <Domain D, class F>
constexpr void for_each_number(std::size_t count, F f) {
  if constexpr (requires { D::for_each_number(count, f); }) {
    D::for_each_number(count, f);
  } else {
    for (std::size_t number = 0; number < count; ++number) f(number);
  }
}

/// A C truth value: 1 or 0.
template <Domain D>
constexpr typename D::Word as_word(const typename D::Bool& condition) {
  return D::select(condition, typename D::Word(1), typename D::Word(0));
}

/// Every word of a value, in the order of its zip_words().
template <template <Domain> class T, Domain D>
std::vector<typename D::Word*> words_of(T<D>& value) {
  std::vector<typename D::Word*> words;
  zip_words(value, value, [&](typename D::Word& word, const typename D::Word&) { words.push_back(&word); });
  return words;
}

}  // namespace capcheck

#endif
