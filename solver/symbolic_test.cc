// SPDX-License-Identifier: GPL-2.0-only
// The two domains agree: a step built as Z3 terms, with numerals put in for its unknowns, is the step computed.
#include "solver/symbolic.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/prove.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

constexpr std::size_t kNamespaces = 3;

template <Domain D>
std::vector<typename D::Word*> words_of_world(World<D>& world) {
  auto& [cred, user_ns, chrooted] = world.tasks[0];
  std::vector<typename D::Word*> words = words_of(cred);
  words.insert(words.end(), {&user_ns, &chrooted, &world.namespace_count});
  for (std::size_t i = 0; i <= kNamespaces; ++i) {
    for (auto* word : words_of(world.namespaces[i])) words.push_back(word);
  }
  return words;
}

template <Domain D>
std::vector<typename D::Word> words_seen(Transition<D> transition) {
  std::vector<typename D::Word> words{transition.result, transition.before.level, transition.after.level};
  for (const auto* word : words_of_world(transition.world)) words.push_back(*word);
  return words;
}

/// Random worlds and calls, at the edges more often than not.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t end) { return engine_() % end; }

  std::uint64_t word() {
    switch (below(4)) {
      case 0:
        return std::array<std::uint64_t, 8>{0, 1, 2, 4, 40, 41, 63, 64}[below(8)];
      case 1:
        return std::uint64_t{1} << below(64);
      case 2:
        return std::array<std::uint64_t, 6>{
            kFull, ~std::uint64_t{0}, kFull >> 1, 0xffffffff, 0xfffffffe, ~kFull}[below(6)];
      default:
        return engine_();
    }
  }

  World<Concrete> world() {
    World<Concrete> world{};
    for (std::uint64_t* member : words_of_world(world)) *member = word();
    Task<Concrete>& task = world.tasks[0];
    task.user_ns = below(kNamespaces);
    task.chrooted = below(2);
    task.cred.no_new_privs = below(2);
    if (below(2) != 0) task.cred.effective |= kFull;
    world.namespace_count = kNamespaces;
    for (std::size_t i = 0; i < kNamespaces; ++i) namespace_of(task.cred, world.namespaces[i]);
    return world;
  }

  Call<Concrete> call(CallKind kind) {
    Call<Concrete> call{kind, 0, {}};
    for (std::size_t i = 0; i < info(kind).argument_count; ++i) {
      const Role role = info(kind).roles[i];
      call.args[i] = role == Role::version && below(4) != 0 ? _LINUX_CAPABILITY_VERSION_3
                     : below(3) == 0                        ? below(5)
                                                            : word();
      call.args[i] = canonical<Concrete>(role, call.args[i]);
    }
    return call;
  }

 private:
  static constexpr std::uint64_t kFull = 0x1ffffffffff;

  void namespace_of(const Credentials<Concrete>& cred, UserNamespace<Concrete>& ns) {
    ns.parent = below(kNamespaces);
    ns.level = below(36);
    ns.setgroups_allowed = below(2);
    ns.parent_could_setfcap = below(2);
    if (below(2) != 0) ns.owner = cred.euid;
    if (below(2) != 0) ns.uid_map = {0, cred.euid, 1};
    if (below(2) != 0) ns.gid_map = below(2) != 0 ? IdMap<Concrete>{0, cred.egid, 1} : IdMap<Concrete>{};
  }

  std::mt19937_64 engine_;
};

/// A step over unknowns, built once, and put in numbers as often as wanted.
class UnknownStep {
 public:
  UnknownStep(const Profile& profile, Fault fault, CallKind kind)
      : profile_(profile), variables_(TermScope::context()) {
    World<Symbolic> world;
    for (SymbolicWord* word : words_of_world(world)) *word = unknown();
    Call<Symbolic> call{kind, 0, {}};
    for (std::size_t i = 0; i < info(kind).argument_count; ++i) call.args[i] = unknown();
    const Transition<Symbolic> transition = take(profile, fault, world, call);
    words_ = words_seen(transition);
    for (const Statement& statement : all_statements()) {
      const Goal goal{&statement, Goal::Kind::violation};
      words_.push_back(as_word<Symbolic>(meets(goal, profile, transition)));
    }
  }

  std::vector<std::uint64_t> values(World<Concrete> world, const Call<Concrete>& call) {
    z3::expr_vector numerals(TermScope::context());
    for (const std::uint64_t* word : words_of_world(world)) numerals.push_back(SymbolicWord(*word).term());
    for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
      numerals.push_back(SymbolicWord(call.args[i]).term());
    }
    std::vector<std::uint64_t> values;
    for (const SymbolicWord& word : words_) {
      values.push_back(word.numeral() ? *word.numeral()
                                      : word.term().substitute(variables_, numerals).simplify().get_numeral_uint64());
    }
    return values;
  }

 private:
  SymbolicWord unknown() {
    const auto word = SymbolicWord::unknown("v" + std::to_string(variables_.size()));
    variables_.push_back(word.term());
    return word;
  }

  Profile profile_;
  z3::expr_vector variables_;
  std::vector<SymbolicWord> words_;
};

std::vector<std::uint64_t> computed(const Profile& profile, Fault fault, const World<Concrete>& world,
                                    const Call<Concrete>& call) {
  const Transition<Concrete> transition = take(profile, fault, world, call);
  std::vector<std::uint64_t> values = words_seen(transition);
  for (const Statement& statement : all_statements()) {
    const Goal goal{&statement, Goal::Kind::violation};
    values.push_back(as_word<Concrete>(meets(goal, profile, transition)));
  }
  return values;
}

/// The same step over numerals, which must fold to numerals.
std::vector<std::uint64_t> folded(const Profile& profile, Fault fault, World<Concrete> world,
                                  const Call<Concrete>& call) {
  World<Symbolic> numerals;
  const auto to = words_of_world(numerals);
  const auto from = words_of_world(world);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = *from[i];
  Call<Symbolic> symbolic{call.kind, 0, {}};
  for (std::size_t i = 0; i < kMaxArguments; ++i) symbolic.args[i] = call.args[i];
  const Transition<Symbolic> transition = take(profile, fault, numerals, symbolic);
  std::vector<std::uint64_t> values;
  for (const SymbolicWord& word : words_seen(transition)) values.push_back(word.numeral().value());
  for (const Statement& statement : all_statements()) {
    const Goal goal{&statement, Goal::Kind::violation};
    values.push_back(as_word<Symbolic>(meets(goal, profile, transition)).numeral().value());
  }
  return values;
}

void expect_agreement(const Profile& profile, Fault fault, const CallInfo& call_info, int cases) {
  const TermScope scope;
  Random random(static_cast<unsigned>(call_info.kind) + 1);
  UnknownStep unknown(profile, fault, call_info.kind);
  for (int i = 0; i < cases; ++i) {
    const World<Concrete> world = random.world();
    const Call<Concrete> call = random.call(call_info.kind);
    const auto expected = computed(profile, fault, world, call);
    ASSERT_EQ(folded(profile, fault, world, call), expected) << print_call(call) << " in case " << i;
    ASSERT_EQ(unknown.values(world, call), expected) << print_call(call) << " in case " << i;
  }
}

class Agreement : public testing::TestWithParam<std::string_view> {};

TEST_P(Agreement, OfEveryCall) {
  for (const CallInfo& call : kCalls) {
    SCOPED_TRACE(call.name);
    expect_agreement(parse_profile(GetParam()), Fault::none, call, 30);
  }
}

TEST_P(Agreement, OfEveryFault) {
  for (const FaultInfo& fault : kFaults) {
    SCOPED_TRACE(fault.name);
    expect_agreement(parse_profile(GetParam()), fault.fault, info(fault.call), 30);
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, Agreement,
                         testing::Values("6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"),
                         [](const auto& parameter) { return "Profile" + std::to_string(parameter.index); });

TEST(Symbolic, TermsNeedAScope) {
  EXPECT_THROW(SymbolicWord::unknown("x"), std::logic_error);
  EXPECT_EQ((SymbolicWord(6) & SymbolicWord(3)).numeral(), 2u);
}

TEST(Symbolic, ScopesNest) {
  const TermScope outer;
  const z3::context* context = &TermScope::context();
  {
    const TermScope inner;
    EXPECT_NE(&TermScope::context(), context);
  }
  EXPECT_EQ(&TermScope::context(), context);
}

using Values = std::vector<std::pair<SymbolicWord, std::uint64_t>>;

/// The value of a term where its unknowns have these values. Throws z3::exception if it depends on others.
std::uint64_t value_of(const SymbolicWord& term, const Values& values) {
  z3::expr_vector from(TermScope::context()), to(TermScope::context());
  for (const auto& [unknown, value] : values) {
    from.push_back(unknown.term());
    to.push_back(SymbolicWord(value).term());
  }
  return term.term().substitute(from, to).simplify().get_numeral_uint64();
}

TEST(Symbolic, OperatorsAreUnsignedAndOf64Bits) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x");
  const std::uint64_t top = std::uint64_t{1} << 63;
  EXPECT_EQ(value_of(x >> 63u, {{x, top}}), 1u);
  EXPECT_EQ(value_of(as_word<Symbolic>(x < SymbolicWord(1)), {{x, top}}), 0u);
  EXPECT_EQ(value_of(Symbolic::bit(x), {{x, 63}}), top);
  for (const std::uint64_t position :
       {std::uint64_t{64}, std::uint64_t{65}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    EXPECT_EQ(value_of(Symbolic::bit(x), {{x, position}}), Concrete::bit(position)) << position;
  }
}

TEST(Symbolic, ATableKnowsNothingOfOtherIndices) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x");
  SymbolicTable<UserNamespace<Symbolic>> table;
  table[0].level = 7;
  table[1].level = 8;
  EXPECT_EQ(Symbolic::at(table, 1).level.numeral(), 8u);
  const SymbolicWord level = Symbolic::at(table, x).level;
  EXPECT_EQ(value_of(level, {{x, 0}}), 7u);
  EXPECT_EQ(value_of(level, {{x, 1}}), 8u);
  EXPECT_ANY_THROW(value_of(level, {{x, 2}}));
  EXPECT_THROW(std::as_const(table)[2], std::logic_error);
}

TEST(Symbolic, AStoreReachesEverySlotOfThatIndex) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  SymbolicTable<UserNamespace<Symbolic>> table;
  UserNamespace<Symbolic> value;
  value.level = 1;
  table.add(x, value);
  value.level = 2;
  table.add(y, value);
  // Where y = x, the first slot's value stands in both.
  EXPECT_EQ(value_of(Symbolic::at(table, y).level, {{x, 5}, {y, 5}}), 1u);
  EXPECT_EQ(value_of(Symbolic::at(table, y).level, {{x, 5}, {y, 6}}), 2u);

  value.level = 3;
  Symbolic::store(table, true, y, value);
  EXPECT_EQ(value_of(Symbolic::at(table, x).level, {{x, 5}, {y, 5}}), 3u);
  EXPECT_EQ(value_of(Symbolic::at(table, x).level, {{x, 5}, {y, 6}}), 1u);
}

}  // namespace
}  // namespace capcheck
