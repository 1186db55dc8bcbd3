// SPDX-License-Identifier: GPL-2.0-only
#include "solver/other_solver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "corpus/files.h"

namespace capcheck {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kCannotBe = "(set-info :status unsat)\n(set-logic QF_BV)\n(assert false)\n(check-sat)\n";
constexpr std::string_view kCanBe = "(set-info :status unsat)\n(set-logic QF_BV)\n(assert true)\n(check-sat)\n";

Obligation obligation(std::string_view first, std::string_view second) {
  return {"6.12/some.capget", std::string(first).append("(reset)\n").append(second), 2, false};
}

/// A program in the place of a solver, which does something of its own when it is given an obligation.
class StandIn : public testing::Test {
 protected:
  std::string program(std::string_view does) {
    const auto path = directory_.path() / "stand-in";
    write_file(path, std::string("#!/bin/sh\ncase $(cat) in\n*bvult*) echo sat; echo unsat ;;\n*) ")
                         .append(does)
                         .append(" ;;\nesac\n"));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }
  Answer ask(std::string_view does, std::chrono::milliseconds timeout = 10s) {
    return OtherSolver(program(does), timeout).ask(obligation(kCannotBe, kCannotBe));
  }

  const TemporaryDirectory directory_{"capcheck-stand-in"};
};

TEST(Cvc5, TellsWhatCanBeFromWhatCannot) {
  const OtherSolver cvc5("cvc5", 10s);
  EXPECT_EQ(cvc5.ask(obligation(kCannotBe, kCannotBe)).kind, Answer::Kind::no);
  const Answer answer = cvc5.ask(obligation(kCannotBe, kCanBe));
  EXPECT_EQ(answer.kind, Answer::Kind::yes);
  EXPECT_EQ(answer.reason, "cvc5 disagrees: it said 'unsat sat' and ended with status 0");
}

TEST(Cvc5, DoesNotConfirmWhatItCannotRead) {
  const Answer answer = OtherSolver("cvc5", 10s).ask(obligation(kCannotBe, "(set-logic QF_BV)\n(assert"));
  EXPECT_EQ(answer.kind, Answer::Kind::unknown);
  EXPECT_THAT(answer.reason, HasSubstr("Parse Error"));
}

TEST(Cvc5, MayHaveArguments) {
  EXPECT_EQ(OtherSolver(" cvc5  --bitblast=eager ", 10s).ask(obligation(kCannotBe, kCannotBe)).kind, Answer::Kind::no);
}

TEST_F(StandIn, ConfirmsByUnsatForEachCaseAndNothingElse) {
  EXPECT_EQ(ask("echo unsat; echo unsat").kind, Answer::Kind::no);
}

TEST_F(StandIn, DisagreesBySat) {
  for (const auto* does : {"echo unsat; echo sat", "echo sat; echo unsat", "echo sat", "echo sat; exit 1"}) {
    SCOPED_TRACE(does);
    EXPECT_EQ(ask(does).kind, Answer::Kind::yes);
  }
}

TEST_F(StandIn, ConfirmsNothingByAnythingElse) {
  for (const auto* does : {"echo unknown; echo unsat", "echo unsat; echo unknown", "echo unsat", "true",
                           "echo unsat; echo unsat; echo unsat", "echo unsat; echo unsat; echo warning >&2",
                           "echo unsat; echo unsat; exit 1", "echo unsat; echo unsat; kill -ABRT $$", "echo unsatunsat",
                           "head -c 100000 /dev/zero; echo unsat; echo unsat"}) {
    SCOPED_TRACE(does);
    EXPECT_EQ(ask(does).kind, Answer::Kind::unknown);
  }
}

TEST_F(StandIn, SaysWhatWasSaid) {
  EXPECT_THAT(ask("echo unknown; echo oops >&2; exit 3").reason,
              HasSubstr("stand-in said 'unknown oops' and ended with status 3"));
  EXPECT_THAT(ask("kill -KILL $$").reason, HasSubstr("stand-in said '' and died of signal 9"));
}

TEST_F(StandIn, IsKilledWhenItsTimeIsOver) {
  for (const auto* does :
       {"sleep 60", "echo unsat; echo unsat; sleep 60", "echo unsat; echo unsat; exec >&- 2>&-; sleep 60",
        "trap '' TERM INT; sleep 60 & sleep 60", "yes unsat", "while :; do :; done"}) {
    SCOPED_TRACE(does);
    const auto start = std::chrono::steady_clock::now();
    const Answer answer = ask(does, 100ms);
    EXPECT_EQ(answer.kind, Answer::Kind::timeout);
    EXPECT_THAT(answer.reason, HasSubstr("stand-in had no answer in 200 ms"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
  }
}

TEST_F(StandIn, MayLeaveItsQuestionUnread) {
  const std::string text = std::string(1 << 20, '\n').append(kCannotBe);
  const auto path = directory_.path() / "deaf";
  write_file(path, "#!/bin/sh\nhead -c 100 | grep -q set-logic && echo sat\necho unsat\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  EXPECT_EQ(OtherSolver(path.string(), 10s).ask({"", text, 1, false}).kind, Answer::Kind::no);
}

TEST_F(StandIn, IsNoSolverIfItDoesNotTellWhatCanBe) {
  const auto path = directory_.path() / "yes-man";
  write_file(path, "#!/bin/sh\necho unsat\necho unsat\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  EXPECT_THAT([&] { OtherSolver(path.string(), 10s); },
              testing::ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path.string()), HasSubstr("said 'unsat unsat'"), HasSubstr("'sat unsat'"))));
}

TEST(OtherSolver, IsNamedIfItIsMissing) {
  EXPECT_THAT([] { OtherSolver("no-such-solver", 10s); },
              testing::ThrowsMessage<std::system_error>(HasSubstr("no-such-solver: cannot start")));
  EXPECT_THAT([] { OtherSolver(" ", 10s); }, testing::ThrowsMessage<std::runtime_error>(HasSubstr("cvc5")));
}

}  // namespace
}  // namespace capcheck
