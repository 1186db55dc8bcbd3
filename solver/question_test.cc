// SPDX-License-Identifier: GPL-2.0-only
#include "solver/question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "model/world.h"

namespace capcheck {
namespace {

std::string reach_of(const std::string& condition) {
  return to_string(*parse_question("capability c, d reach " + condition, "q").reach);
}

TEST(Question, SaysWhatItReads) {
  EXPECT_EQ(reach_of("c not in X"), "c not in X");
  EXPECT_EQ(reach_of("c ∉ CapBnd ∪ CapUNs'"), "c not in X | U'");
  EXPECT_EQ(reach_of("SYS_ADMIN in P & X and uid != 0"), "CAP_SYS_ADMIN in P & X and uid != 0");
  EXPECT_EQ(reach_of("not (c in P or d in P)"), "not (c in P or d in P)");
  EXPECT_EQ(reach_of("c in P implies c in X"), "c not in P or c in X");
  EXPECT_EQ(reach_of("c in P implies c in X implies c in U"), "c not in P or (c not in X or c in U)");
  EXPECT_EQ(reach_of("uid = 010 or uid = 0x10"), "uid = 10 or uid = 16");
  EXPECT_EQ(reach_of("P - {chown, cap_kill} subset of ~X"), "P & ~{CAP_CHOWN, CAP_KILL} subset of ~X");
  EXPECT_EQ(reach_of("every x (x in E implies x in P)"), "every x (x not in E or x in P)");
  EXPECT_EQ(reach_of("level' > level"), "level < level'");
  EXPECT_EQ(reach_of("SECBIT_NOROOT not in securebits'"), "SECBIT_NOROOT not in securebits'");
  EXPECT_EQ(reach_of("P = all # all of them\n or P = none"), "P = all or P = none");
}

TEST(Question, HasAllItsParts) {
  const Question question = parse_question(
      "# Words.\n# More.\ncapability c\nfrom any where c in P\ncalls all but execve, PR_CAP_USERNS_RAISE\ntasks one\n"
      "reach c in X by unshare\nexpect 6.12+userns-strict+userns yes 3\nexpect 6.12 never\n",
      "q");
  EXPECT_EQ(question.intent, "Words.\nMore.");
  EXPECT_EQ(question.variables, std::vector<std::string>{"c"});
  EXPECT_FALSE(question.from_root);
  EXPECT_EQ(to_string(*question.from), "c in P");
  EXPECT_TRUE(question.calls.all_but);
  ASSERT_EQ(question.calls.patterns.size(), 2u);
  EXPECT_EQ(question.calls.patterns[1].kind, CallKind::cap_userns);
  EXPECT_EQ(question.calls.patterns[1].operation, kRaise);
  EXPECT_TRUE(question.one_task);
  EXPECT_FALSE(question.by.all_but);
  ASSERT_EQ(question.expected.size(), 2u);
  EXPECT_EQ(question.expected[0].profile, "6.12+userns+userns-strict");
  EXPECT_EQ(question.expected[0].calls, 3u);
  EXPECT_EQ(question.expected[1].kind, ExpectedAnswer::Kind::never);
}

struct Mistake {
  std::string text, message;
};

TEST(Question, MistakesAreLocated) {
  const std::array mistakes = {
      Mistake{"", "q:1:1: expected one of capability, from, calls, tasks, reach"},
      Mistake{"from root\nreach CAP_FOO in P", "q:2:7: unknown capability 'CAP_FOO'"},
      Mistake{"reach P subset X", "q:1:16: expected a condition"},
      Mistake{"reach (P | I) subset of", "q:1:24: expected a set"},
      Mistake{"reach c in P", "q:1:7: unknown capability 'c'; a name for any capability is declared first"},
      Mistake{"capability c reach c in U by foo", "q:1:30: unknown call 'foo'"},
      Mistake{"from any where P' = X reach uid = 0", "q:1:16: a state to start from has no primes"},
      Mistake{"reach uid = X", "q:1:13: 'X' is a set, not a number"},
      Mistake{"reach uid in X", "q:1:7: unknown capability 'uid'"},
      Mistake{"reach kill in uid", "q:1:15: 'uid' is not a set of capabilities"},
      Mistake{"reach kill in Y", "q:1:15: unknown field 'Y'"},
      Mistake{"reach SECBIT_FOO in securebits", "q:1:7: unknown securebit"},
      Mistake{"reach SECBIT_NOROOT in P", "q:1:24: a securebit is in securebits"},
      Mistake{"reach every c (c in P", "q:1:22: expected )"},
      Mistake{"capability kill reach kill in P", "q:1:12: 'kill' is a capability"},
      Mistake{"capability c, c reach c in P", "q:1:15: 'c' is there already"},
      Mistake{"reach kill in P expect 7.0 never", "q:1:24: profile '7.0': unknown release"},
      Mistake{"reach kill in P expect 6.12 maybe", "q:1:29: expected never, unknown, vacuous, or yes"},
      Mistake{"reach kill in P and", "q:1:20: expected a condition"},
      Mistake{"reach kill in P tasks one", "q:1:17: expected and, or, by, expect, or the end"},
      Mistake{"reach kill in P expect 6.12 never expect 6.12 yes 1", "q:1:42: something is expected of 6.12 already"},
      Mistake{"reach kill in P expect 6.12 yes 99999999999999999999", "q:1:33: the number is too large"},
      Mistake{"reach uid = 99999999999999999999", "q:1:13: the number is too large"},
      Mistake{"capability c reach P = {c}", "q:1:25: 'c' stands for any capability"},
      Mistake{"reach A ⊆ Q", "q:1:11: unknown field 'Q'"},
      Mistake{"reach A ⊆", "q:1:10: expected a set"},
      Mistake{"reach (P = none", "q:1:16: expected )"},
      Mistake{"calls reach kill in P", "q:1:13: expected all, all but"},
  };
  for (const Mistake& mistake : mistakes) {
    try {
      parse_question(mistake.text, "q");
      ADD_FAILURE() << mistake.text << ": no error";
    } catch (const QuestionError& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(mistake.message)) << mistake.text;
    }
  }
}

/// A task with P = {0, 1}, X = {1, 2}, uid 5.
TaskState<Concrete> some_state() {
  TaskState<Concrete> state{};
  state.cred.permitted = 3;
  state.cred.bounding = 6;
  state.cred.uid = 5;
  return state;
}

std::uint64_t lanes_where(const std::string& condition, const TaskState<Concrete>& after = some_state()) {
  const Question question = parse_question("capability c reach " + condition, "q");
  const Profile profile;
  const TaskState<Concrete> before = some_state();
  return holds<Lanes>(*question.reach, {profile, before, after, {{true, 0}}}) & profile.full_set();
}

TEST(Question, HoldsOfTheRightCapabilities) {
  const std::uint64_t full = Profile{}.full_set();
  EXPECT_EQ(lanes_where("c in P & X"), 2u);
  EXPECT_EQ(lanes_where("c in P - X"), 1u);
  EXPECT_EQ(lanes_where("c not in P | X"), full & ~std::uint64_t{7});
  EXPECT_EQ(lanes_where("c in ~P"), full & ~std::uint64_t{3});
  EXPECT_EQ(lanes_where("c in P and uid = 5"), 3u);
  EXPECT_EQ(lanes_where("c in P and uid < 5"), 0u);
  EXPECT_EQ(lanes_where("P subset of X"), 0u);
  EXPECT_EQ(lanes_where("P & X subset of X"), full);
  EXPECT_EQ(lanes_where("every d (d in P implies d in X)"), 0u);
  EXPECT_EQ(lanes_where("some d (d in P and d in X) and c in X"), 6u);
  TaskState<Concrete> after = some_state();
  after.cred.permitted = 4;
  EXPECT_EQ(lanes_where("c in P' and c not in P", after), 4u);
  EXPECT_EQ(lanes_where("P' != P", after), full);
}

TEST(Question, IsTakenApart) {
  const auto parts = [](const std::string& condition) {
    std::vector<std::string> texts;
    for (const auto& part : conjuncts(parse_question("capability c reach " + condition, "q").reach)) {
      texts.push_back(to_string(*part));
    }
    return texts;
  };
  using testing::ElementsAre;
  EXPECT_THAT(parts("c not in P | I and uid != 0"), ElementsAre("c not in P", "c not in I", "uid != 0"));
  EXPECT_THAT(parts("c in P & I"), ElementsAre("c in P", "c in I"));
  EXPECT_THAT(parts("not (c in P or uid = 0)"), ElementsAre("c not in P", "uid != 0"));
  EXPECT_THAT(parts("c in P | I"), ElementsAre("c in P | I"));
}

}  // namespace
}  // namespace capcheck
