// SPDX-License-Identifier: GPL-2.0-only
// Mutants: the rules with one operation wrong, whichever it is; generated, where faults.h has them by hand.
//
// Mutant<D> is a domain whose words and truth values are D's, and whose operations are counted while step() runs. A
// rule has no branch on a domain value, so in a call of one kind on one profile the operation of some number is always
// the same place in the rules: a site. A mutant is a kind of call, a site, and what is done there instead. All of a
// loop's iterations, and the same of each task, are one site. What bookkeeping() computes is no site.
#ifndef CAPCHECK_MODEL_MUTANT_H_
#define CAPCHECK_MODEL_MUTANT_H_

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/domain.h"
#include "model/faults.h"
#include "model/guard.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck {

/// What a site does.
enum class Operation : std::uint8_t {
  guard,
  assignment,  ///< of a task or a namespace, where a condition holds
  conjunction,
  disjunction,
  negation,
  intersection,
  union_,
  difference,  ///< ^
  complement,
  addition,
  subtraction,
  shift,
  equality,
  less,
  choice,  ///< select()
  bit,
  whole_call,  ///< none: what the call leaves in the credentials
};

/// What is done instead.
enum class Mutation : std::uint8_t {
  none,
  drop,           ///< a guard, an assignment, a !, a ~, a shift
  swap_next,      ///< a guard is tested after the next one
  always,         ///< an assignment whatever the condition
  left,           ///< the left operand, or the first arm
  right,          ///< the right operand, or the second arm
  disjoin,        ///< | instead of & or ^
  conjoin,        ///< & instead of |
  negate,         ///< == is !=, < is >=
  or_equal,       ///< < is <=
  next,           ///< a < b is a + 1 < b; bit(n) is bit(n + 1)
  swap_arms,      ///< of a choice
  opposite,       ///< + is -, - is +
  read_left_as,   ///< the left operand is a set of a task's credentials: another one is read
  read_right_as,  ///< the same of the right one
  keep,           ///< the caller keeps a field of its credentials although the call succeeded
  keep_in_child,  ///< the child has a field as its creator has it although it should differ
};

/// Of a guard that is tested late: right before the next one, and not after it.
inline constexpr std::uint8_t kInItsOrder = 1;

/// A change to one site. `detail` says which set is read, or which field is kept: its place in kCredentialFields.
struct Change {
  Mutation mutation = Mutation::none;
  std::uint8_t detail = 0;

  auto operator<=>(const Change&) const = default;
};

/// No site: of what is not wrong at any one.
inline constexpr std::uint16_t kNoSite = 0xffff;

/// A rule that is wrong at one site.
struct Mutant {
  CallKind kind{};
  std::uint16_t site = 0;
  Change change{};

  auto operator<=>(const Mutant&) const = default;
};

/// A site as a step() over machine integers comes by it.
struct SiteVisit {
  std::uint16_t number;
  Operation operation;
  Guard guard;                              ///< of a guard
  std::optional<std::uint8_t> left, right;  ///< the operands that are sets of a task's credentials
  bool in_loop;                             ///< of D::repeat()
  std::string_view function;                ///< the innermost kernel_function() around it; empty if there is none
};

/// Told of every site of a step over machine integers, and asked which changes to try there.
class SiteObserver {
 public:
  SiteObserver() = default;
  SiteObserver(const SiteObserver&) = delete;
  SiteObserver& operator=(const SiteObserver&) = delete;
  virtual ~SiteObserver() = default;
  virtual std::span<const Mutant> visit(const SiteVisit& visit) = 0;
  /// That one of them gives another value here. Of a guard, which says nothing but how it is changed.
  virtual void differs(const Mutant& mutant, std::uint64_t value) = 0;
};

/// The sets of capabilities come first among kCredentialFields.
inline constexpr std::size_t kSetCount = 6;
static_assert([] {
  for (std::size_t i = 0; i < kCredentialFields<Concrete>.size(); ++i) {
    if (kCredentialFields<Concrete>[i].is_set != (i < kSetCount)) return false;
  }
  return true;
}());

template <Domain D>
struct MutantWord;
template <Domain D>
struct MutantBool;
template <Domain D>
struct MutantDomain;

/// What came of a rule that stands for a function of the kernel: the errno of its verdict, what it gave, what it left.
template <Domain D>
struct FunctionOutcome {
  std::string_view function;
  std::vector<typename D::Word> words{};
};

/// A guard as it was tested: whether those before it had passed, and whether it holds. One that is left out holds.
template <Domain D>
struct GuardTest {
  std::uint16_t site;
  Guard guard;
  typename D::Bool passed, holds;
};

/// A function of its inputs alone (function_of() of domain.h) in which a changed site is, of unknown inputs: what it
/// gives by the rules, and with the change.
template <Domain D>
struct FunctionPart {
  std::pair<std::uint16_t, std::uint16_t> sites;  ///< its first and the one after its last
  std::vector<IdMap<D>> maps{};
  std::vector<typename D::Word> words{};
  typename D::Word proper{}, changed{};
};

/// A step under way.
template <Domain D>
struct MutantRun {
  using Word = typename D::Word;
  using Bool = typename D::Bool;

  Mutant mutant{};
  SiteObserver* observer = nullptr;
  /// What stands for a word that a loop left unfinished: which loop of the rules it is, the condition, the word.
  /// Not set: as D has it.
  std::function<Word(const std::source_location&, const Bool&, const Word&)> unfinished{};

  std::uint16_t sites = 0;         ///< passed so far
  std::uint16_t target = 0;        ///< the site of the mutant; none if it is the whole call
  unsigned paused = 0;             ///< in bookkeeping
  unsigned loops = 0;              ///< around this place
  bool changed_loop = false;       ///< it is the site of some loop
  bool changed_last_loop = false;  ///< of the last that was begun
  bool deferred = false;           ///< a guard waits for the next one
  std::uint16_t deferred_site = 0;
  Guard deferred_guard = Guard::none;
  Bool deferred_holds{false};
  /// Over terms: that the mutant's site gave another value than it should, or that a guard failed there and counted.
  Bool deviates{false};
  /// Over terms: the guards in the order in which they were tested, and what stands for what the first of them hold.
  std::vector<GuardTest<D>> tests{};
  std::vector<Bool> stand_ins{};
  /// Over terms: the functions around the changed site, the inner ones first. Their inputs are what this gives for
  /// those in place of which they stand; a number stands for itself. Not set: none is looked at.
  std::function<Word(std::size_t, const Word&)> any_input{};
  std::vector<FunctionPart<D>> parts{};
  std::vector<std::string_view> functions{};  ///< of the kernel, around this place
  std::uint16_t watched = kNoSite;
  std::vector<FunctionOutcome<D>> outcomes{};  ///< of the functions around the watched site, the inner ones first
  /// The sets of tasks: of the number of each first, then of those between which a choice was made.
  std::vector<std::array<Word, kSetCount>> sets{};
};

/// The step under way in this thread.
template <Domain D>
inline thread_local MutantRun<D>* mutant_run = nullptr;

/// A word of D's, and, if it is a set of a task's credentials, which: `row` of MutantRun::sets, counted from 1.
template <Domain D>
struct MutantWord {
  using Inner = typename D::Word;
  Inner inner{};
  std::uint16_t row = 0;
  std::uint16_t set = 0;

  constexpr MutantWord() = default;
  constexpr MutantWord(std::uint64_t number) : inner(number) {}
  template <std::same_as<Inner> W>
    requires(!std::same_as<W, std::uint64_t>)
  MutantWord(const W& word) : inner(word) {}
  operator const Inner&() const { return inner; }

  std::optional<std::uint8_t> which_set() const {
    return row == 0 ? std::nullopt : std::optional(static_cast<std::uint8_t>(set));
  }
  /// As a change reads it.
  const Inner& read(bool changed, std::uint8_t as) const {
    return changed && row != 0 ? mutant_run<D>->sets[row - 1u][as] : inner;
  }
};

template <Domain D>
struct MutantBool {
  using Inner = typename D::Bool;
  Inner inner{};

  constexpr MutantBool() = default;
  template <std::same_as<bool> B>
  constexpr MutantBool(B value) : inner(value) {}
  template <std::same_as<Inner> B>
    requires(!std::same_as<B, bool>)
  MutantBool(const B& value) : inner(value) {}
  operator const Inner&() const { return inner; }
};

namespace detail {

/// The operands of an operation.
template <Domain D>
struct Operands {
  const MutantWord<D>&left, &right;
  /// What f makes of them, if a change does no more than read another set.
  template <class F>
  auto read(Change change, F f) const {
    return f(left.read(change.mutation == Mutation::read_left_as, change.detail),
             right.read(change.mutation == Mutation::read_right_as, change.detail));
  }
};

template <Domain D>
std::string_view innermost_function(const MutantRun<D>& run) {
  return run.functions.empty() ? std::string_view() : run.functions.back();
}

template <Domain D, class T, class Changed>
[[gnu::noinline]] void observe_site(MutantRun<D>& run, const SiteVisit& visit, const T& value, Changed changed) {
  if constexpr (std::same_as<D, Concrete>) {
    for (const Mutant& mutant : run.observer->visit(visit)) {
      const T other = changed(mutant.change);
      if (other != value) run.observer->differs(mutant, other);
    }
  }
}

template <Domain D>
typename D::Bool same_value(const typename D::Word& a, const typename D::Word& b) {
  return a == b;
}
template <Domain D>
typename D::Bool same_value(const typename D::Bool& a, const typename D::Bool& b) {
  return (a & b) | (!a & !b);
}

/// Machine integers have an observer for this.
template <Domain D, class Deviates>
void note_deviation(MutantRun<D>& run, Deviates deviates) {
  if constexpr (!std::same_as<D, Concrete>) run.deviates = run.deviates | deviates();
}

/// An operation that gives `value`, or what changed(change) is. `operands` are those that can be sets.
template <Domain D, class T, class Changed>
T at_site(Operation operation, const T& value, Changed changed, const MutantWord<D>* left = nullptr,
          const MutantWord<D>* right = nullptr) {
  MutantRun<D>& run = *mutant_run<D>;
  if (run.paused) return value;
  const std::uint16_t number = run.sites++;
  if (run.observer) {
    const auto set = [](const MutantWord<D>* word) { return word ? word->which_set() : std::nullopt; };
    observe_site(run, {number, operation, Guard::none, set(left), set(right), run.loops != 0, innermost_function(run)},
                 value, changed);
  }
  if (number != run.target) [[likely]]
    return value;
  if (run.loops != 0) run.changed_loop = run.changed_last_loop = true;
  const T other = changed(run.mutant.change);
  note_deviation(run, [&] { return !same_value<D>(value, other); });
  return other;
}

/// A binary operation of words, each of which may be a set.
template <Domain D, class F, class Changed>
auto at_site_of_words(Operation operation, const MutantWord<D>& a, const MutantWord<D>& b, F f, Changed changed) {
  return at_site<D>(
      operation, f(a.inner, b.inner),
      [&](Change change) {
        const auto other = changed(change.mutation);
        return other ? *other : Operands<D>{a, b}.read(change, f);
      },
      &a, &b);
}

}  // namespace detail

template <Domain D>
MutantWord<D> operator&(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  return detail::at_site_of_words<D>(
      Operation::intersection, a, b, [](const W& x, const W& y) { return W(x & y); },
      [&](Mutation mutation) -> std::optional<W> {
        if (mutation == Mutation::left) return a.inner;
        if (mutation == Mutation::right) return b.inner;
        if (mutation == Mutation::disjoin) return W(a.inner | b.inner);
        return std::nullopt;
      });
}

template <Domain D>
MutantWord<D> operator|(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  return detail::at_site_of_words<D>(
      Operation::union_, a, b, [](const W& x, const W& y) { return W(x | y); },
      [&](Mutation mutation) -> std::optional<W> {
        if (mutation == Mutation::left) return a.inner;
        if (mutation == Mutation::right) return b.inner;
        if (mutation == Mutation::conjoin) return W(a.inner & b.inner);
        return std::nullopt;
      });
}

template <Domain D>
MutantWord<D> operator^(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  return detail::at_site_of_words<D>(
      Operation::difference, a, b, [](const W& x, const W& y) { return W(x ^ y); },
      [&](Mutation mutation) -> std::optional<W> {
        if (mutation == Mutation::left) return a.inner;
        if (mutation == Mutation::right) return b.inner;
        if (mutation == Mutation::disjoin) return W(a.inner | b.inner);
        return std::nullopt;
      });
}

template <Domain D>
MutantWord<D> operator~(const MutantWord<D>& a) {
  using W = typename D::Word;
  return detail::at_site<D>(
      Operation::complement, W(~a.inner),
      [&](Change change) {
        if (change.mutation == Mutation::drop) return a.inner;
        return W(~a.read(change.mutation == Mutation::read_left_as, change.detail));
      },
      &a);
}

template <Domain D>
MutantWord<D> operator+(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  return detail::at_site<D>(Operation::addition, W(a.inner + b.inner), [&](Change change) {
    return change.mutation == Mutation::left ? a.inner : W(a.inner - b.inner);
  });
}

template <Domain D>
MutantWord<D> operator-(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  return detail::at_site<D>(Operation::subtraction, W(a.inner - b.inner), [&](Change change) {
    return change.mutation == Mutation::left ? a.inner : W(a.inner + b.inner);
  });
}

template <Domain D>
MutantWord<D> operator>>(const MutantWord<D>& a, unsigned count) {
  using W = typename D::Word;
  return detail::at_site<D>(Operation::shift, W(a.inner >> count), [&](Change) { return a.inner; });
}

template <Domain D>
MutantBool<D> operator==(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  using B = typename D::Bool;
  return detail::at_site_of_words<D>(
      Operation::equality, a, b, [](const W& x, const W& y) { return B(x == y); },
      [&](Mutation mutation) -> std::optional<B> {
        if (mutation == Mutation::negate) return B(!(a.inner == b.inner));
        return std::nullopt;
      });
}

template <Domain D>
MutantBool<D> operator<(const MutantWord<D>& a, const MutantWord<D>& b) {
  using W = typename D::Word;
  using B = typename D::Bool;
  return detail::at_site_of_words<D>(
      Operation::less, a, b, [](const W& x, const W& y) { return B(x < y); },
      [&](Mutation mutation) -> std::optional<B> {
        if (mutation == Mutation::negate) return B(!(a.inner < b.inner));
        if (mutation == Mutation::or_equal) return B(!(b.inner < a.inner));
        if (mutation == Mutation::next) return B(a.inner + W(1) < b.inner);
        return std::nullopt;
      });
}

template <Domain D>
MutantBool<D> operator&(const MutantBool<D>& a, const MutantBool<D>& b) {
  using B = typename D::Bool;
  return detail::at_site<D>(Operation::conjunction, B(a.inner & b.inner), [&](Change change) -> B {
    if (change.mutation == Mutation::left) return a.inner;
    if (change.mutation == Mutation::right) return b.inner;
    return B(a.inner | b.inner);
  });
}

template <Domain D>
MutantBool<D> operator|(const MutantBool<D>& a, const MutantBool<D>& b) {
  using B = typename D::Bool;
  return detail::at_site<D>(Operation::disjunction, B(a.inner | b.inner), [&](Change change) -> B {
    if (change.mutation == Mutation::left) return a.inner;
    if (change.mutation == Mutation::right) return b.inner;
    return B(a.inner & b.inner);
  });
}

template <Domain D>
MutantBool<D> operator!(const MutantBool<D>& a) {
  using B = typename D::Bool;
  return detail::at_site<D>(Operation::negation, B(!a.inner), [&](Change) { return a.inner; });
}

namespace detail {

// What functions of the kernel give and leave, as words: what they give is of no account where they fail.

template <Domain D, class T>
typename D::Bool succeeded(const T&) {
  return typename D::Bool(true);
}
template <Domain D>
typename D::Bool succeeded(const Verdict<MutantDomain<D>>& verdict) {
  return verdict.passed().inner;
}

template <Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts, const MutantWord<D>& word) {
  words.push_back(D::select(counts, word.inner, typename D::Word(0)));
}
template <Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts, const MutantBool<D>& condition) {
  words.push_back(as_word<D>(counts & condition.inner));
}
template <Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool&, const Verdict<MutantDomain<D>>& verdict) {
  words.push_back(verdict.error().inner);
}
template <template <Domain> class T, Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts, const T<MutantDomain<D>>& value) {
  zip_words(const_cast<T<MutantDomain<D>>&>(value), value,
            [&](const MutantWord<D>& word, const MutantWord<D>&) { add_words(words, counts, word); });
}
template <Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts,
               const CapgetReply<MutantDomain<D>>& reply) {
  for (const MutantWord<D>& set : {reply.effective, reply.permitted, reply.inheritable}) add_words(words, counts, set);
}
template <Domain D>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts,
               const ExecCreds<MutantDomain<D>>& creds) {
  add_words(words, counts, creds.cred);
  add_words(words, counts, creds.secure);
}
template <Domain D, class After>
void add_words(std::vector<typename D::Word>& words, const typename D::Bool& counts,
               const Outcome<MutantDomain<D>, After>& outcome) {
  add_words(words, counts, outcome.verdict);
  add_words(words, outcome.verdict.passed().inner, outcome.value);
  add_words(words, outcome.verdict.passed().inner, outcome.after);
}

}  // namespace detail

/// Without what mutants add to words.
template <template <Domain> class T, Domain D>
T<D> lower(const T<MutantDomain<D>>& value) {
  T<MutantDomain<D>> copy = value;
  T<D> lowered;
  const auto from = words_of(copy);
  const auto to = words_of(lowered);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = from[i]->inner;
  return lowered;
}

/// The domain D with a mutant in it: that of mutant_run<D>, without which nothing can be computed.
template <Domain D>
struct MutantDomain {
  using Word = MutantWord<D>;
  using Bool = MutantBool<D>;
  using Run = MutantRun<D>;

  template <class T, std::size_t Size>
  using Table = typename D::template Table<T, Size>;

  static Word select(const Bool& condition, const Word& yes, const Word& no) {
    using W = typename D::Word;
    return detail::at_site<D>(
        Operation::choice, W(D::select(condition.inner, yes.inner, no.inner)),
        [&](Change change) -> W {
          if (change.mutation == Mutation::left) return yes.inner;
          if (change.mutation == Mutation::right) return no.inner;
          if (change.mutation == Mutation::swap_arms) return D::select(condition.inner, no.inner, yes.inner);
          return detail::Operands<D>{yes, no}.read(
              change, [&](const W& y, const W& n) { return W(D::select(condition.inner, y, n)); });
        },
        &yes, &no);
  }

  static Word bit(const Word& position) {
    using W = typename D::Word;
    return detail::at_site<D>(Operation::bit, W(D::bit(position.inner)),
                              [&](Change) { return W(D::bit(position.inner + W(1))); });
  }

  /// A mutant can come to a number that no table has.
  template <class Table>
  static decltype(auto) at(const Table& table, const Word& index) {
    if constexpr (std::same_as<D, Concrete>) {
      return D::at(table, index.inner < table.size() ? index.inner : table.size() - 1);
    } else {
      return D::at(table, index.inner);
    }
  }

  template <class Table, class T>
  static void store(Table& table, const Bool& condition, const Word& index, const T& value) {
    const Bool stores = assigns(condition);
    if constexpr (std::same_as<D, Concrete>) {
      if (index.inner >= table.size()) return;
    }
    D::store(table, stores.inner, index.inner, value);
  }

  template <class T>
  static void assign(T& target, const Bool& condition, const T& value) {
    D::assign(target, assigns(condition).inner, value);
  }

  /// A mutant's loop may have no end; of the rules' own, none takes so many steps.
  template <class Step>
  static void repeat(Step step) {
    Run& run = *mutant_run<D>;
    const std::uint16_t first = run.sites;
    std::size_t steps = 0;
    ++run.loops;
    run.changed_last_loop = false;
    D::repeat([&]() -> typename D::Bool {
      if (steps++ == 2 * kMaxNamespaces) return typename D::Bool(false);
      run.sites = first;
      return step().inner;
    });
    --run.loops;
  }

  static Word at_end(const Bool& goes_on, const Word& word,
                     const std::source_location& loop = std::source_location::current()) {
    Run& run = *mutant_run<D>;
    if (run.unfinished && !run.changed_last_loop) return run.unfinished(loop, goes_on.inner, word.inner);
    return D::at_end(goes_on.inner, word.inner);
  }

  template <class F>
  static auto bookkeeping(F f) {
    ++mutant_run<D>->paused;
    auto result = f();
    --mutant_run<D>->paused;
    return result;
  }

  template <class F, class... Left>
  static auto kernel_function(std::string_view name, F f, const Left&... left) {
    Run& run = *mutant_run<D>;
    const std::uint16_t first = run.sites;
    run.functions.push_back(name);
    const auto end = [&](const auto&... values) {
      run.functions.pop_back();
      if (run.paused || run.watched < first || run.watched >= run.sites) return;
      const typename D::Bool counts = (typename D::Bool(true) & ... & detail::succeeded<D>(left));
      FunctionOutcome<D> outcome{name};
      (detail::add_words(outcome.words, counts, left), ...);
      (detail::add_words(outcome.words, counts, values), ...);
      run.outcomes.push_back(std::move(outcome));
    };
    if constexpr (std::is_void_v<decltype(f())>) {
      f();
      end();
    } else {
      auto value = f();
      end(value);
      return value;
    }
  }

  template <class F, class... Inputs>
  static auto function_of(F f, const Inputs&... inputs) {
    Run& run = *mutant_run<D>;
    const std::uint16_t first = run.sites;
    auto value = f(inputs...);
    if constexpr (!std::same_as<D, Concrete>) {
      const bool is_changed = !run.paused && first <= run.target && run.target < run.sites;
      if (is_changed && run.any_input) run.parts.push_back(part_of(run, {first, run.sites}, f, inputs...));
    }
    return value;
  }

  template <class F>
  static void for_each_number(std::size_t count, F f) {
    const std::uint16_t first = mutant_run<D>->sites;
    for (std::size_t number = 0; number < count; ++number) {
      mutant_run<D>->sites = first;
      f(number);
    }
  }

  template <class V>
  static void require(V& verdict, Guard guard, const Bool& holds) {
    Run& run = *mutant_run<D>;
    const std::uint16_t number = run.sites++;
    if (run.observer) observe_guard(run, number, guard, holds);
    const Mutation mutation = number == run.target ? run.mutant.change.mutation : Mutation::none;
    ++run.paused;
    if (mutation != Mutation::none) {
      detail::note_deviation(run, [&] { return verdict.passed().inner & !holds.inner; });
    }
    if (mutation == Mutation::swap_next) {
      run.deferred = true;
      run.deferred_site = number;
      run.deferred_guard = guard;
      run.deferred_holds = holds.inner;
    } else {
      const bool in_order = run.deferred && run.mutant.change.detail == kInItsOrder, late = run.deferred && !in_order;
      if (in_order) add_test(run, verdict, run.deferred_site, run.deferred_guard, run.deferred_holds);
      add_test(run, verdict, number, guard, mutation == Mutation::drop ? typename D::Bool(true) : holds.inner);
      if (late) add_test(run, verdict, run.deferred_site, run.deferred_guard, run.deferred_holds);
      run.deferred = false;
    }
    --run.paused;
  }

 private:
  static Bool assigns(const Bool& condition) {
    using B = typename D::Bool;
    return detail::at_site<D>(Operation::assignment, condition.inner,
                              [&](Change change) { return B(change.mutation == Mutation::always); });
  }

  /// The function with and without the change, of other inputs; the step goes on as if it had not been looked at.
  template <class F, class... Inputs>
  static FunctionPart<D> part_of(Run& run, std::pair<std::uint16_t, std::uint16_t> sites, F f,
                                 const Inputs&... inputs) {
    const Run before = run;
    FunctionPart<D> part{.sites = sites};
    std::size_t number = 0;
    const auto any = [&](const auto& input) { return any_input(before, part, number, input); };
    const std::tuple others{any(inputs)...};
    run.any_input = {};
    run.sites = sites.first;
    part.changed = as_inner_word(std::apply(f, others));
    run.sites = sites.first;
    run.target = kNoSite;
    part.proper = as_inner_word(std::apply(f, others));
    run = before;
    return part;
  }
  static Word any_input(const Run& run, FunctionPart<D>& part, std::size_t& number, const Word& word) {
    part.words.push_back(run.any_input(number++, word.inner));
    return part.words.back();
  }
  static Bool any_input(const Run& run, FunctionPart<D>&, std::size_t& number, const Bool& condition) {
    const auto word = run.any_input(number++, as_word<D>(condition.inner));
    return Bool(!(word == typename D::Word(0)));
  }
  template <class Map>
  static Map any_input(const Run& run, FunctionPart<D>& part, std::size_t& number, const Map& map) {
    Map other = map;
    for (Word* word : words_of(other)) *word = run.any_input(number++, word->inner);
    part.maps.push_back(lower(other));
    return other;
  }
  static typename D::Word as_inner_word(const Word& word) { return word.inner; }
  static typename D::Word as_inner_word(const Bool& condition) { return as_word<D>(condition.inner); }

  template <class V>
  static void add_test(Run& run, V& verdict, std::uint16_t site, Guard guard, typename D::Bool holds) {
    if constexpr (!std::same_as<D, Concrete>) {
      run.tests.push_back({site, guard, verdict.passed().inner, holds});
      if (run.tests.size() <= run.stand_ins.size()) holds = run.stand_ins[run.tests.size() - 1];
    }
    verdict.add(guard, Bool(holds));
  }

  static void observe_guard(Run& run, std::uint16_t number, Guard guard, const Bool& holds) {
    if constexpr (std::same_as<D, Concrete>) {
      for (const Mutant& mutant :
           run.observer->visit({number, Operation::guard, guard, {}, {}, false, detail::innermost_function(run)})) {
        if (!holds.inner) run.observer->differs(mutant, static_cast<std::uint64_t>(mutant.change.mutation));
      }
    }
  }
};

/// A choice between two words of one set is the same set of a choice between two tasks.
template <Domain D>
MutantWord<D> chosen(const typename D::Bool& condition, const MutantWord<D>& yes, const MutantWord<D>& no) {
  MutantWord<D> word;
  word.inner = D::select(condition, yes.inner, no.inner);
  if (yes.row == 0 || no.row == 0 || yes.set != no.set) return word;
  word.set = yes.set;
  word.row = yes.row;
  if (yes.row == no.row) return word;
  auto& sets = mutant_run<D>->sets;
  std::array<typename D::Word, kSetCount> both;
  for (std::size_t i = 0; i < kSetCount; ++i)
    both[i] = D::select(condition, sets[yes.row - 1u][i], sets[no.row - 1u][i]);
  sets.push_back(std::move(both));
  word.row = static_cast<std::uint16_t>(sets.size());
  return word;
}

namespace detail {

/// Says of the sets of all tasks which they are, and that other words are none.
template <Domain D>
void mark_sets(MutantRun<D>& run, World<MutantDomain<D>>& world) {
  run.sets.resize(kMaxTasks);
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    Credentials<MutantDomain<D>>& cred = world.tasks[number].cred;
    for (std::size_t set = 0; set < kSetCount; ++set) {
      MutantWord<D>& word = cred.*kCredentialFields<MutantDomain<D>>[set].member;
      run.sets[number][set] = word.inner;
      word.row = static_cast<std::uint16_t>(number + 1);
      word.set = static_cast<std::uint16_t>(set);
    }
  }
}

/// A task keeps a field that another (or itself) had before the call, where that succeeded.
template <Domain D>
void keep_field(const Mutant& mutant, const Credentials<MutantDomain<D>>& before, const Reply<MutantDomain<D>>& reply,
                const Call<MutantDomain<D>>& call, World<MutantDomain<D>>& world, const MutantWord<D>& survivor) {
  using M = MutantDomain<D>;
  const bool in_child = mutant.change.mutation == Mutation::keep_in_child;
  const auto passed = reply.result >> 63u == typename M::Word(0);
  const typename M::Word born = M::select(passed, reply.result - typename M::Word(kFirstThreadId), call.task);
  const typename M::Word number = in_child ? born : survivor;
  Task<M> task = M::at(world.tasks, number);
  const auto member = kCredentialFields<M>[mutant.change.detail].member;
  task.cred.*member = M::select(passed, before.*member, task.cred.*member);
  M::store(world.tasks, passed, number, task);
}

}  // namespace detail

/// step() by the run's mutant. The run's counts begin anew.
template <Domain D>
Reply<MutantDomain<D>> mutated_step(const Profile& profile, MutantRun<D>& run, World<MutantDomain<D>>& world,
                                    const Call<MutantDomain<D>>& call) {
  using M = MutantDomain<D>;
  const bool concerned = run.mutant.kind == call.kind && run.mutant.change.mutation != Mutation::none;
  const bool keeps =
      run.mutant.change.mutation == Mutation::keep || run.mutant.change.mutation == Mutation::keep_in_child;
  run.target = concerned && !keeps ? run.mutant.site : kNoSite;
  run.sites = 0;
  run.paused = run.loops = 0;
  run.changed_loop = run.changed_last_loop = run.deferred = false;
  run.tests.clear();
  run.parts.clear();
  run.outcomes.clear();
  run.deviates = typename D::Bool(false);
  MutantRun<D>* const outer = std::exchange(mutant_run<D>, &run);
  detail::mark_sets(run, world);
  Reply<M> reply;
  if (concerned && keeps) {
    const Credentials<M> before = world.tasks[call.task].cred;
    const typename M::Word leader = world.tasks[call.task].leader;
    reply = step<M>(profile, world, call);
    ++run.paused;
    const bool moves = call.kind == CallKind::execve;
    const auto passed = reply.result >> 63u == typename M::Word(0);
    const typename M::Word survivor = moves ? M::select(passed, leader, call.task) : typename M::Word(call.task);
    detail::keep_field<D>(run.mutant, before, reply, call, world, survivor);
  } else {
    reply = step<M>(profile, world, call);
  }
  mutant_run<D> = outer;
  return reply;
}

template <Domain D>
Reply<D> lower(const Reply<MutantDomain<D>>& reply) {
  const Output<MutantDomain<D>>& output = reply.output;
  return {reply.code.inner,
          reply.result.inner,
          {output.version.inner, output.effective.inner, output.permitted.inner, output.inheritable.inner,
           output.secure.inner, output.features.inner}};
}

}  // namespace capcheck

#endif
