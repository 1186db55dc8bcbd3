// SPDX-License-Identifier: GPL-2.0-only
#include "solver/prove_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "corpus/files.h"
#include "model/program.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int status;
  std::string output;
};

Outcome run(const std::string& arguments) {
  int status = -1;
  CLI::App app;
  add_prove_command(app, status);
  testing::internal::CaptureStdout();
  try {
    app.parse("prove " + arguments);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  return {status, testing::internal::GetCapturedStdout()};
}

class Directory : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(path_); }
  void TearDown() override { std::filesystem::remove_all(path_); }

  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("capcheck_prove_" + std::to_string(::getpid()));
};
using ProveCommandSave = Directory;

TEST(ProveCommand, PrintsTheRefutationAndASummary) {
  const Outcome outcome =
      run("--profile 6.12+userns --invariant userns-within-bounding --invariant ids-change-only-by-set-id-or-exec");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("refuted  userns-within-bounding"));
  EXPECT_THAT(outcome.output, HasSubstr("\n             t0: prctl(PR_CAPBSET_DROP, CAP_CHOWN) = 0\n"));
  EXPECT_THAT(outcome.output,
              HasSubstr("2 invariants on 6.12+userns: 1 proved, 1 refuted as expected, 0 surprises in"));
}

TEST(ProveCommand, TakesTheThreeProfilesByDefault) {
  const Outcome outcome = run("--invariant userns-within-bounding --invariant ids-change-only-by-set-id-or-exec");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("1 invariant on 6.12:"));
  EXPECT_THAT(outcome.output, HasSubstr("2 invariants on 6.12+userns:"));
  EXPECT_THAT(outcome.output, HasSubstr("on 6.12+userns+capbset-drop-lowers-userns: 2 proved, 0 refuted"));
}

TEST(ProveCommand, TakesAProfileThatIsNamedTwiceOnce) {
  const Outcome outcome =
      run("--profile 6.12+userns --profile 6.12 --profile 6.12+userns --invariant ids-change-only-by-set-id-or-exec "
          "--json");
  EXPECT_EQ(outcome.status, 0);
  const auto reports = nlohmann::json::parse(outcome.output);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0]["profile"], "6.12+userns");
  EXPECT_EQ(reports[1]["profile"], "6.12");
}

TEST(ProveCommand, SaysOneForASurprise) {
  const Outcome outcome = run("--profile 6.12 --fault capbset-drop-without-setpcap");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("SURPRISE: claimed to hold"));
  EXPECT_THAT(outcome.output, HasSubstr("on 6.12 with capbset-drop-without-setpcap: 71 proved, 3 refuted as expected, "
                                        "1 surprise in"));
}

TEST(ProveCommand, SaysTwoForNoAnswer) {
  const Outcome outcome = run("--profile 6.12 --invariant effective-within-permitted --timeout 0");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.output, HasSubstr("timeout  effective-within-permitted"));
  EXPECT_THAT(outcome.output, HasSubstr("0 surprises, 1 without an answer in"));
}

TEST(ProveCommand, NamesWhatItDoesNotKnow) {
  EXPECT_THAT([] { run("--profile 5.0"); }, testing::ThrowsMessage<std::invalid_argument>(HasSubstr("'5.0'")));
  EXPECT_THAT([] { run("--invariant x"); }, testing::ThrowsMessage<std::invalid_argument>(HasSubstr("known: world-")));
  EXPECT_THAT([] { run("--fault x"); }, testing::ThrowsMessage<std::invalid_argument>(HasSubstr("known: raise-")));
  EXPECT_THROW(run("--bound 0"), CLI::ValidationError);
  EXPECT_THROW(run("--timeout -1"), CLI::ValidationError);
}

TEST(ProveCommand, ProvesSomething) {
  EXPECT_THAT(
      [] { run("--profile 6.12 --invariant userns-within-bounding"); },
      testing::ThrowsMessage<std::invalid_argument>(HasSubstr("userns-within-bounding does not apply to 6.12")));
}

TEST(ProveCommand, PlantsAFaultOnlyWhereItsRuleIs) {
  EXPECT_THROW(run("--profile 6.12 --fault raise-gate-dropped"), std::invalid_argument);
  const Outcome outcome = run("--fault userns-arguments-swapped --invariant userns-lower-is-free");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, Not(HasSubstr("on 6.12 with")));
}

TEST(ProveCommand, ListsInvariantsAndFaults) {
  const Outcome outcome = run("--list");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("userns-within-bounding\n  U ⊆ X\n"));
  EXPECT_THAT(outcome.output, HasSubstr("Claimed, and expected to be refuted, on 6.1+userns, "));
  EXPECT_THAT(outcome.output, HasSubstr("raise-gate-dropped"));
}

TEST(ProveCommand, ExplainsAnInvariantAndProvesIt) {
  const Outcome outcome = run("--profile 6.12 --profile 6.12+userns --explain userns-raise-is-exact");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("Of every call in every reachable state, of its caller"));
  EXPECT_THAT(outcome.output, HasSubstr("Planted faults that break it: raise-gate-dropped (by 3)."));
  EXPECT_THAT(outcome.output, HasSubstr("Does not apply to 6.1, "));
  EXPECT_THAT(outcome.output, HasSubstr("So it is: for every call"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("on 6.12:")));
}

TEST(ProveCommand, ExplainsNoInvariantThatItDoesNotKnow) {
  for (const std::string name : {"", "none-such"}) {
    SCOPED_TRACE(name);
    int status = -1;
    CLI::App app;
    add_prove_command(app, status);
    EXPECT_THAT([&] { app.parse(std::vector<std::string>{name, "--explain", "prove"}); },  // from the last on
                testing::ThrowsMessage<CLI::ValidationError>(HasSubstr("'" + name + "' (known: world-")));
  }
}

TEST(ProveCommand, TakesNoOptionsOfWhichOneWouldBeIgnored) {
  EXPECT_THROW(run("--list --json"), CLI::ExcludesError);
  EXPECT_THROW(run("--list --explain userns-raise-is-exact"), CLI::ExcludesError);
  EXPECT_THROW(run("--explain userns-raise-is-exact --json"), CLI::ExcludesError);
}

TEST(ProveCommand, PrintsJson) {
  const Outcome outcome = run("--profile 6.12+userns --invariant entry-within-bounding --json");
  EXPECT_EQ(outcome.status, 0);
  const auto reports = nlohmann::json::parse(outcome.output);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0]["profile"], "6.12+userns");
  const auto& invariant = reports[0]["invariants"][0];
  EXPECT_EQ(invariant["verdict"], "refuted");
  EXPECT_EQ(invariant["as_claimed"], true);
  EXPECT_EQ(invariant["counterexample"]["calls"].size(), 2u);
  EXPECT_TRUE(invariant["witness"].is_null());
}

using ProveCommandConfirm = Directory;

TEST_F(ProveCommandConfirm, PutsObligationsToCvc5AndWritesThem) {
  const Outcome outcome =
      run("--profile 6.12 --invariant bounding-read-is-exact --json --confirm-with cvc5 --smt2 " + path_.string());
  EXPECT_EQ(outcome.status, 0);
  const auto report = nlohmann::json::parse(outcome.output)[0]["invariants"][0];
  EXPECT_EQ(report["verdict"], "proved");
  EXPECT_EQ(report["confirmed"], true);
  EXPECT_GT(report["obligations_confirmed"], 0);
  EXPECT_GT(report["slowest_obligation_seconds"], 0);
  EXPECT_LE(report["slowest_obligation_seconds"], report["seconds"]);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_ / "6.12"), {}),
            2 * static_cast<std::ptrdiff_t>(kCalls.size()));
  const std::string text = read_file(path_ / "6.12" / "bounding-read-is-exact.PR_CAPBSET_READ.smt2");
  EXPECT_THAT(text, testing::AllOf(HasSubstr("; bounding-read-is-exact on 6.12\n"), HasSubstr("(set-logic QF_BV)\n"),
                                   HasSubstr("(set-info :status unsat)\n")));
}

TEST_F(ProveCommandConfirm, SaysTwoWhereTheOtherSolverDisagrees) {
  const auto program = path_ / "solver";
  write_file(program,
             "#!/bin/sh\ntext=$(cat)\ncase $text in\n*PR_CAPBSET_READ*) echo sat ;;\n"
             "*) echo \"$text\" | cvc5 ;;\nesac\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const Outcome outcome = run("--profile 6.12 --invariant bounding-read-is-exact --confirm-with " + program.string());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.output, HasSubstr("unconfirmed bounding-read-is-exact"));
  EXPECT_THAT(outcome.output, HasSubstr("(NO ANSWER)"));
  EXPECT_THAT(outcome.output, HasSubstr("Proved by Z3 alone: of 6.12/"));
  EXPECT_THAT(outcome.output, HasSubstr("disagrees: it said 'sat' and ended with status 0."));
  EXPECT_THAT(outcome.output, HasSubstr("0 proved, 0 refuted as expected, 0 surprises, 1 without an answer, "));
}

TEST(ProveCommand, NamesASolverThatIsMissing) {
  EXPECT_THROW(run("--profile 6.12 --invariant bounding-read-is-exact --confirm-with ''"), CLI::ParseError);
  EXPECT_THROW(run("--profile 6.12 --invariant bounding-read-is-exact --confirm-with ' '"), CLI::ValidationError);
  EXPECT_THAT([] { run("--profile 6.12 --confirm-with no-such-solver"); },
              testing::ThrowsMessage<std::system_error>(HasSubstr("no-such-solver: cannot start")));
}

/// The model meets all that a saved trace expects.
void expect_met(const TraceText& trace) {
  const Trace seen = run_model(trace.profiles.at(0), trace.program);
  for_each_step(trace.program, seen, [&](const TraceStep& step) {
    EXPECT_THAT(unmet(trace.expectations[step.index], step), testing::IsEmpty());
    return true;
  });
}

TEST_F(ProveCommandSave, WritesCounterexamplesAsTraces) {
  run("--profile 6.12+userns --invariant entry-within-bounding --invariant ids-change-only-by-set-id-or-exec --save " +
      path_.string());
  const auto file = path_ / "6.12+userns.entry-within-bounding.trace";
  const TraceText trace = parse_trace(read_file(file), file.string());
  EXPECT_EQ(trace.program.calls.size(), 2u);
  EXPECT_THAT(trace.intent, testing::AllOf(HasSubstr("entry-within-bounding"),
                                           HasSubstr("a trace of 2 calls breaks it, and no shorter one does")));
  expect_met(trace);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
}

TEST_F(ProveCommandSave, ExpectsTheRulesOfATraceThatAFaultBreaks) {
  run("--profile 6.12 --fault capbset-drop-without-setpcap --invariant bounding-shrinks-only-with-setpcap --save " +
      path_.string());
  const auto file = path_ / "6.12.capbset-drop-without-setpcap.bounding-shrinks-only-with-setpcap.trace";
  const TraceText trace = parse_trace(read_file(file), file.string());
  EXPECT_EQ(trace.expectations.back().result, static_cast<std::uint64_t>(-EPERM));
  expect_met(trace);
}

TEST_F(ProveCommandSave, NamesTheFileThatItCannotWrite) {
  write_file(path_ / "file", "");
  EXPECT_THAT([&] { run("--profile 6.12 --invariant entry-within-bounding --save " + (path_ / "file").string()); },
              testing::ThrowsMessage<std::system_error>(HasSubstr((path_ / "file").string())));
}

}  // namespace
}  // namespace capcheck
