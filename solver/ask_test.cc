// SPDX-License-Identifier: GPL-2.0-only
#include "solver/ask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "solver/question.h"

namespace capcheck {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> invariant_of(const AskAnswer& answer) {
  std::vector<std::string> parts;
  for (const PredicatePtr& part : answer.invariant) parts.push_back(to_string(*part));
  return parts;
}

/// Questions about one profile, so that its lemmas are proved once.
class Ask : public testing::Test {
 protected:
  static void SetUpTestSuite() { asker_ = std::make_unique<Asker>(parse_profile("6.12+userns"), AskOptions{}); }
  static void TearDownTestSuite() { asker_.reset(); }

  static AskAnswer ask(const std::string& text) { return asker_->ask(parse_question(text, "question")); }

  static inline std::unique_ptr<Asker> asker_;
};

TEST_F(Ask, NeverComesWithWhatEveryCallKeeps) {
  const AskAnswer answer = ask("capability c from any where c not in U and c not in X reach c in U");
  EXPECT_EQ(answer.kind, AskAnswer::Kind::never);
  EXPECT_THAT(invariant_of(answer), ElementsAre("c not in U", "c not in X"));
  EXPECT_FALSE(answer.trace.has_value());
}

TEST_F(Ask, YesComesWithTheShortestTraceAndItsStart) {
  const AskAnswer answer = ask("capability c from any where c not in U reach c in U");
  ASSERT_EQ(answer.kind, AskAnswer::Kind::yes);
  EXPECT_EQ(answer.trace->calls.size(), 2u);
  EXPECT_EQ(answer.start, 1u);
  EXPECT_THAT(answer.variables, ElementsAre(CAP_CHOWN));
  EXPECT_EQ(answer.looked_at, 1u);
}

TEST_F(Ask, FromRootIsTheInitialState) {
  EXPECT_EQ(ask("from root calls capset reach P = none").trace->calls.size(), 1u);
  const AskAnswer never = ask("from root calls capset reach X != all");
  EXPECT_EQ(never.kind, AskAnswer::Kind::never);
}

TEST_F(Ask, OnlyCallsThatAreAllowedCount) {
  EXPECT_EQ(ask("capability c from any where c not in U calls all but PR_CAP_USERNS_RAISE reach c in U").kind,
            AskAnswer::Kind::never);
  const AskAnswer by_entry = ask("capability c from any where c not in X reach c in X by clone");
  ASSERT_EQ(by_entry.kind, AskAnswer::Kind::yes);
  EXPECT_EQ(by_entry.trace->calls.back().kind, CallKind::clone);
}

TEST_F(Ask, OneTaskHasNoChildren) {
  const std::string from = "capability c from any where c not in X calls clone ";
  EXPECT_EQ(ask(from + "tasks several reach c in X").kind, AskAnswer::Kind::yes);
  EXPECT_EQ(ask(from + "tasks one reach c in X").kind, AskAnswer::Kind::never);
  EXPECT_EQ(ask("calls clone tasks one reach uid = 0").kind, AskAnswer::Kind::never);
}

TEST_F(Ask, NoTaskToStartFromIsNoNever) {
  EXPECT_EQ(ask("capability c from any where c in P and c not in P reach c in P").kind, AskAnswer::Kind::vacuous);
  EXPECT_EQ(ask("from any where level > 40 reach uid = 7").kind, AskAnswer::Kind::vacuous);
}

/// No sampled program comes upon such a user by itself.
TEST_F(Ask, StartsFromAUserWithCertainSets) {
  const AskAnswer answer =
      ask("from any where uid = 1000 and euid = 1000 and suid = 1000 and P = {cap_net_raw} reach P = all");
  ASSERT_EQ(answer.kind, AskAnswer::Kind::yes);
  EXPECT_EQ(answer.trace->calls.size(), 4u);
  EXPECT_EQ(answer.start, 3u);
}

TEST_F(Ask, TwoVariablesAreTwoCapabilities) {
  const AskAnswer answer = ask("capability c, d from root reach c not in P and d in P and CAP_KILL not in X");
  ASSERT_EQ(answer.kind, AskAnswer::Kind::yes);
  ASSERT_EQ(answer.variables.size(), 2u);
  EXPECT_NE(answer.variables[0], answer.variables[1]);
}

/// True, of a condition that no candidate speaks of, and out of reach of any trace.
TEST_F(Ask, UnknownSaysHowFarItLooked) {
  const AskAnswer answer = ask("from root reach level > 20");
  EXPECT_EQ(answer.kind, AskAnswer::Kind::unknown);
  EXPECT_EQ(answer.looked_at, 2u);
  EXPECT_THAT(answer.invariant, IsEmpty());
}

TEST(AskWithoutTime, IsNoAnswer) {
  Asker asker(parse_profile("6.12"), {.timeout = std::chrono::milliseconds(0)});
  const AskAnswer answer = asker.ask(parse_question("from root calls capset reach X != all", "question"));
  EXPECT_NE(answer.kind, AskAnswer::Kind::never);
  EXPECT_NE(answer.kind, AskAnswer::Kind::yes);
}

/// A helper that gets the number of a task that ended is not of its lineage.
TEST(Lineage, EndsWithTheTask) {
  const Profile profile = parse_profile("6.12");
  const Question question =
      parse_question("capability c from any where level > 0 and c not in P | X reach c in P", "question");
  const std::uint64_t version = _LINUX_CAPABILITY_VERSION_3;
  Program program{{{CallKind::unshare, 0, {CLONE_NEWUSER}},
                   {CallKind::capbset_drop, 0, {CAP_CHOWN}},
                   {CallKind::capset, 0, {version, 0, 0, 0, 0, 0}},
                   {CallKind::usermodehelper, 0, {}},
                   {CallKind::exit_group, 0, {}},
                   {CallKind::usermodehelper, 1, {}},
                   {CallKind::capget, 0, {version, 0, 0}}}};
  std::vector<std::uint64_t> variables;
  std::size_t start = 0;
  EXPECT_FALSE(answers_yes(profile, question, program, variables, start));
}

std::string cell_of(const ExpectedAnswer& expected) {
  if (expected.kind == ExpectedAnswer::Kind::yes) return "yes, " + std::to_string(expected.calls);
  if (expected.kind == ExpectedAnswer::Kind::vacuous) return "vacuous";
  return expected.kind == ExpectedAnswer::Kind::never ? "never" : "unknown";
}

/// The README's table is what the files expect; other tests hold that against what the tool answers.
TEST(QuestionsOfTheCorpus, AreInTheReadme) {
  const std::filesystem::path root = CAPCHECK_SOURCE_DIR;
  const std::string readme = read_file(root / "README.md");
  std::size_t questions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "corpus/questions")) {
    const Question question = parse_question(read_file(entry.path()), entry.path().string());
    std::string row = "| " + question.intent.substr(0, question.intent.find('\n')) + " |";
    for (const ExpectedAnswer& expected : question.expected) row += " " + cell_of(expected) + " |";
    EXPECT_THAT(readme, testing::HasSubstr(row));
    EXPECT_EQ(question.expected.size(), 6u) << entry.path();
    ++questions;
  }
  EXPECT_EQ(questions, 15u);
}

}  // namespace
}  // namespace capcheck
