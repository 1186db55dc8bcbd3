// SPDX-License-Identifier: GPL-2.0-only
// What lets the induction look at one numbering of tasks and namespaces: the others step alike.
#include "solver/induction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/mutator.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/prove.h"
#include "solver/statement.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

constexpr std::size_t kMaxCallsBefore = 16, kUnusedNumbers = 3;

/// Other numbers for tasks and namespaces. The first free task stays the first, the initial namespace and what follows
/// the last keep their places.
class Renaming {
 public:
  Renaming(const World<Concrete>& world, Random& random) : count_(world.namespace_count) {
    std::iota(tasks_.begin(), tasks_.end(), 0);
    do {
      std::ranges::shuffle(tasks_, random);
    } while (first_free(world) != first_free_renamed(world));
    std::vector<std::uint64_t> numbers(count_ - 1 + kUnusedNumbers);
    std::iota(numbers.begin(), numbers.end(), 1);
    std::ranges::shuffle(numbers, random);
    namespaces_ = {0};
    namespaces_.insert(namespaces_.end(), numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(count_ - 1));
  }

  std::uint64_t task(std::uint64_t number) const { return number < kMaxTasks ? tasks_[number] : number; }
  std::uint64_t user_ns(std::uint64_t number) const {
    return number < count_ ? namespaces_[number] : number + kUnusedNumbers;
  }

  /// A number that may be a thread id.
  std::uint64_t renamed_thread(std::uint64_t id) const {
    return id - thread_id(0) < kMaxTasks ? thread_id(task(id - thread_id(0))) : id;
  }

  World<Concrete> operator()(const World<Concrete>& world) const {
    World<Concrete> renamed{};
    renamed.namespace_count = world.namespace_count + kUnusedNumbers;
    renamed.fs_count = world.fs_count;
    renamed.session_count = world.session_count;
    renamed.sysctls = world.sysctls;
    for (std::size_t i = 0; i < kMaxTasks; ++i) renamed.tasks[task(i)] = (*this)(world.tasks[i]);
    for (std::size_t i = 0; i < world.namespace_count; ++i) {
      UserNamespace<Concrete>& ns = renamed.namespaces[user_ns(i)] = world.namespaces[i];
      ns.parent = user_ns(ns.parent);
    }
    return renamed;
  }

  Call<Concrete> operator()(Call<Concrete> call) const {
    call.task = static_cast<std::uint8_t>(task(call.task));
    for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
      std::uint64_t& arg = call.args[i];
      const Role role = info(call.kind).roles[i];
      if (role == Role::task) arg = task(arg);
      if (role == Role::pid) arg = renamed_thread(arg);
      if (role == Role::user_ns) arg = user_ns(arg);
    }
    return call;
  }

 private:
  static std::size_t first_free(const World<Concrete>& world) {
    return static_cast<std::size_t>(std::countr_one(alive_tasks(world)));
  }
  /// The task that becomes the first free one.
  std::size_t first_free_renamed(const World<Concrete>& world) const {
    std::size_t first = kMaxTasks;
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      if (world.tasks[i].alive == 0 && (first == kMaxTasks || tasks_[i] < tasks_[first])) first = i;
    }
    return first;
  }

  Task<Concrete> operator()(Task<Concrete> old) const {
    for (const auto member : {&Task<Concrete>::leader, &Task<Concrete>::parent, &Task<Concrete>::tracer}) {
      old.*member = task(old.*member);
    }
    for (const auto member : {&Task<Concrete>::user_ns, &Task<Concrete>::mm_user_ns, &Task<Concrete>::tracer_user_ns}) {
      old.*member = user_ns(old.*member);
    }
    return old;
  }

  std::uint64_t count_;
  std::array<std::uint64_t, kMaxTasks> tasks_{};
  std::vector<std::uint64_t> namespaces_;
};

/// A world that a random program reaches.
World<Concrete> some_world(const Profile& profile, Random& random) {
  World<Concrete> world{};
  begin(world, profile);
  Program program;
  for (int i = 0; i < 8; ++i) mutate(program, kMaxCallsBefore, profile, random);
  for (const Call<Concrete>& call : program.calls) {
    if (world.tasks[call.task].alive) step(profile, world, call);
  }
  return world;
}

template <template <Domain> class T>
bool equal(T<Concrete> a, T<Concrete> b) {
  return std::ranges::equal(words_of(a), words_of(b), [](auto* x, auto* y) { return *x == *y; });
}

/// All that lives, or is in use.
void expect_equal(const World<Concrete>& a, const World<Concrete>& b, const Renaming& rename, std::size_t namespaces) {
  EXPECT_EQ(a.namespace_count, b.namespace_count);
  EXPECT_EQ(a.fs_count, b.fs_count);
  EXPECT_EQ(a.session_count, b.session_count);
  EXPECT_TRUE(equal(a.sysctls, b.sysctls));
  ASSERT_EQ(alive_tasks(a), alive_tasks(b));
  for (std::size_t i = 0; i < kMaxTasks; ++i) {
    if (a.tasks[i].alive) EXPECT_TRUE(equal(a.tasks[i], b.tasks[i])) << "t" << i;
  }
  for (std::size_t i = 0; i < namespaces; ++i) {
    EXPECT_TRUE(equal(a.namespaces[rename.user_ns(i)], b.namespaces[rename.user_ns(i)])) << "namespace " << i;
  }
}

TEST(Induction, NamesOfTasksAndNamespacesDoNotMatter) {
  const Profile profile = parse_profile("6.12+userns+userns-strict+userns-mask");
  Random random(1);
  for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i) {
    const World<Concrete> world = some_world(profile, random);
    const std::uint64_t alive = alive_tasks(world);
    const Call<Concrete> call = pick_call(random, profile, static_cast<std::uint8_t>(pick_below(random, kMaxTasks)));
    if (!(alive >> call.task & 1)) continue;
    if (std::ranges::count(info(call.kind).roles, Role::user_ns) != 0 && call.args[0] + kUnusedNumbers > 0xff) continue;
    SCOPED_TRACE(print_call(call));
    const Renaming rename(world, random);
    const World<Concrete> renamed = rename(world);

    const auto old = take(profile, Fault::none, world, call), made = take(profile, Fault::none, renamed, rename(call));
    const bool creates = call.kind == CallKind::clone || call.kind == CallKind::usermodehelper;
    EXPECT_EQ(made.result, creates ? rename.renamed_thread(old.result) : old.result);
    const std::size_t namespaces = world.namespace_count;
    Transition<Concrete> expected = old;
    expected.after.namespace_count = namespaces;  // those that were there: rename() knows no others
    World<Concrete> after = rename(expected.after);
    after.namespace_count = old.after.namespace_count + kUnusedNumbers;
    if (old.after.namespace_count > namespaces) {
      UserNamespace<Concrete>& created = after.namespaces[rename.user_ns(namespaces)] =
          old.after.namespaces[namespaces];
      created.parent = rename.user_ns(created.parent);
    }
    expect_equal(made.after, after, rename, old.after.namespace_count);

    for (const Statement& statement : all_statements()) {
      if (statement.of_states() && statement.concrete.of_namespace) continue;  // of unused numbers too
      const Goal broken{&statement, Goal::Kind::violation};
      EXPECT_EQ(meets(broken, profile, made), meets(broken, profile, old)) << statement.info->name;
    }
  }
}

const Statement& statement_of(std::string_view name) {
  return *std::ranges::find_if(all_statements(), [&](const Statement& one) { return one.info->name == name; });
}

/// Whether dropping a capability from X can break userns-within-bounding, and how much Z3 was asked.
std::pair<Answer::Kind, std::size_t> can_a_drop_break(std::string_view profile) {
  const TermScope scope(Induction::kUnrolling);
  const Statement& within = statement_of("userns-within-bounding");
  Induction induction(parse_profile(profile), Fault::none, std::chrono::seconds(10));
  const std::array lemmas{induction.add_lemma(Induction::foundation()), induction.add_lemma(within)};
  const Inductive drop = induction.breaks(within, CallKind::capbset_drop, lemmas);
  return {drop.answer.kind, induction.asked()};
}

TEST(Induction, AWorldThatWasFoundShowsItAgainWhereItIsSo) {
  EXPECT_EQ(can_a_drop_break("6.12+userns").first, Answer::Kind::yes);
  EXPECT_EQ(can_a_drop_break("6.12+userns"), std::pair(Answer::Kind::yes, std::size_t{0}));
  EXPECT_EQ(can_a_drop_break("6.1+userns"), std::pair(Answer::Kind::yes, std::size_t{0}));
  EXPECT_EQ(can_a_drop_break("6.12+userns+capbset-drop-lowers-userns").first, Answer::Kind::no);
}

TEST(Induction, AWorldThatALemmaRulesOutShowsNothing) {
  const TermScope scope(Induction::kUnrolling);
  const Statement& within = statement_of("effective-within-permitted");
  Induction induction(parse_profile("6.12"), Fault::none, std::chrono::seconds(10));
  const std::array lemmas{induction.add_lemma(Induction::foundation()), induction.add_lemma(within)};
  EXPECT_EQ(induction.breaks(within, CallKind::clone, std::span(lemmas).first(1)).answer.kind, Answer::Kind::yes);
  EXPECT_EQ(induction.breaks(within, CallKind::clone, lemmas).answer.kind, Answer::Kind::no);
}

/// True by the form of its terms where there is no such capability, once they are simplified, and nowhere else.
struct NewestIsOfBothOrNone {
  static constexpr InvariantInfo info{"newest-is-of-both-or-none",
                                      "uid ≠ 0, gid 7 ⇒ (P ∩ all) ⊕ (I ∩ all) has no bit 41",
                                      "Not so where capability 41 is one.", "cap_valid"};
  static constexpr Claim claim(const Profile& profile) { return invariant::always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return !(step.before.cred.uid == Word(0)) & (step.before.cred.gid == Word(7));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Word full(profile.full_set()), newest(std::uint64_t{1} << 41u);
    const Credentials<D>& cred = step.before.cred;
    return (((cred.permitted & full) ^ (cred.inheritable & full)) & newest) == Word(0);
  }
};

TEST(Induction, WhatIsPlainWithoutTheNewestCapabilityIsNotKnownWithIt) {
  const Statement of_both = statement<NewestIsOfBothOrNone>();
  const auto can_break = [&](std::string_view profile) {
    const TermScope scope(Induction::kUnrolling);
    Induction induction(parse_profile(profile), Fault::none, std::chrono::seconds(10));
    return induction.breaks(of_both, CallKind::get_keepcaps, {}).answer.kind;
  };
  EXPECT_EQ(can_break("6.12"), Answer::Kind::no);
  EXPECT_EQ(can_break("6.12+userfaultfd-cap"), Answer::Kind::yes);
}

}  // namespace
}  // namespace capcheck
