// SPDX-License-Identifier: GPL-2.0-only
#include "solver/prove.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/replay.h"
#include "solver/statement.h"
#include "solver/well_formed.h"

namespace capcheck {

std::ostream& operator<<(std::ostream& out, ProofVerdict verdict) {
  return out << to_string(verdict);
}

namespace {

using testing::HasSubstr;

const ProofResult& find(const std::vector<ProofResult>& results, std::string_view name) {
  const auto found = std::ranges::find(results, name, [](const ProofResult& result) { return result.info->name; });
  if (found == results.end()) throw std::out_of_range(std::string(name));
  return *found;
}

const Statement& find_statement(std::string_view name) {
  const auto& all = all_statements();
  return *std::ranges::find(all, name, [](const Statement& statement) { return statement.info->name; });
}

ProofResult prove(std::string_view profile, std::string_view name, ProveOptions options = {}) {
  options.invariants = {std::string(name)};
  return prove_catalogue(parse_profile(profile), options).at(0);
}

std::vector<std::string> calls_of(const Program& program) {
  std::vector<std::string> calls;
  for (const Call<Concrete>& call : program.calls) calls.push_back(print_call(call));
  return calls;
}

class Catalogue : public testing::TestWithParam<std::string_view> {};

TEST_P(Catalogue, ComesOutAsClaimed) {
  const Profile profile = parse_profile(GetParam());
  const auto results = prove_catalogue(profile);
  for (const ProofResult& result : results) {
    EXPECT_TRUE(result.as_claimed()) << result.info->name << ": " << to_string(result.verdict) << ", " << result.detail;
  }
  const auto applies = [&](const Statement& statement) { return statement.claim(profile) != Claim::not_applicable; };
  EXPECT_EQ(std::ssize(results), std::ranges::count_if(all_statements(), applies));
}

TEST_P(Catalogue, ComesWithTracesThatReplay) {
  const Profile profile = parse_profile(GetParam());
  for (const ProofResult& result : prove_catalogue(profile)) {
    SCOPED_TRACE(result.info->name);
    const Statement& statement = find_statement(result.info->name);
    ASSERT_EQ(result.counterexample.has_value(), result.verdict == ProofVerdict::refuted);
    ASSERT_EQ(result.witness.has_value(), result.verdict == ProofVerdict::proved && !statement.of_states());
    if (result.counterexample) {
      EXPECT_TRUE(replays(profile, Fault::none, {&statement, Goal::Kind::violation}, *result.counterexample));
      EXPECT_EQ(result.calls, result.counterexample->calls.size());
    }
    if (result.witness) {
      EXPECT_TRUE(replays(profile, Fault::none, {&statement, Goal::Kind::premise}, *result.witness));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, Catalogue,
                         testing::Values("6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"),
                         [](const auto& parameter) { return "Profile" + std::to_string(parameter.index); });

TEST(Prove, RefutesTheProposalsClaimWithOneCall) {
  const ProofResult result = prove("6.12+userns", "userns-within-bounding");
  EXPECT_EQ(result.verdict, ProofVerdict::refuted);
  EXPECT_THAT(calls_of(result.counterexample.value()), testing::ElementsAre("t0: prctl(PR_CAPBSET_DROP, CAP_CHOWN)"));
}

TEST(Prove, RefutesWhatANamespaceGrantsWithTwoCalls) {
  const ProofResult result = prove("6.12+userns", "entry-within-bounding");
  EXPECT_EQ(result.verdict, ProofVerdict::refuted);
  EXPECT_THAT(calls_of(result.counterexample.value()),
              testing::ElementsAre("t0: prctl(PR_CAPBSET_DROP, CAP_CHOWN)", "t0: unshare(CLONE_NEWUSER)"));
}

TEST(Prove, GivesTheSameProgramWhateverElseIsProved) {
  const ProveOptions options{.fault = Fault::entry_effective_unassigned};
  const auto all = prove_catalogue(parse_profile("6.12+userns"), options);
  ProveOptions from_last = options;
  from_last.from_last = true;
  const auto again = prove_catalogue(parse_profile("6.12+userns"), from_last);
  int alone = 3;  // each takes seconds
  for (const ProofResult& result : all) {
    SCOPED_TRACE(result.info->name);
    EXPECT_EQ(find(again, result.info->name).verdict, result.verdict);
    EXPECT_EQ(find(again, result.info->name).counterexample, result.counterexample);
    EXPECT_EQ(find(again, result.info->name).witness, result.witness);
    if (result.verdict != ProofVerdict::refuted || alone-- <= 0) continue;
    EXPECT_EQ(prove("6.12+userns", result.info->name, options).counterexample, result.counterexample);
  }
}

TEST(Prove, ReportsResultsAsTheyCome) {
  std::vector<std::string_view> reported;
  ProveOptions options;
  options.invariants = {"effective-within-permitted", "ids-change-only-by-set-id-or-exec"};
  options.on_result = [&](const ProofResult& result) { reported.push_back(result.info->name); };
  EXPECT_EQ(prove_catalogue(parse_profile("6.12"), options).size(), 2u);
  EXPECT_THAT(reported, testing::ElementsAre("effective-within-permitted", "ids-change-only-by-set-id-or-exec"));
}

TEST(Prove, NamesTheInvariantsItKnows) {
  EXPECT_THAT([] { prove("6.12", "no-such"); }, testing::ThrowsMessage<std::invalid_argument>(testing::AllOf(
                                                    HasSubstr("'no-such'"), HasSubstr("effective-within-permitted"))));
}

// Statements made for the tests, in the form of model/invariants.h.

struct Base {
  static constexpr Claim claim(const Profile&) { return Claim::holds; }
};

/// Broken by four calls: two of them nest a namespace, two write its maps.
struct LevelBelowTwo : Base {
  static constexpr InvariantInfo info{"level-below-two", "level < 2", "No namespace nests in another.", ""};
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return state.level < typename D::Word(2);
  }
};

/// Broken by traces so long that none is sampled.
struct LevelBelowNine : Base {
  static constexpr InvariantInfo info{"level-below-nine", "level < 9", "Namespaces nest eight deep at most.", ""};
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return state.level < typename D::Word(9);
  }
};

/// Kept by every call, but not so initially.
struct NoNewPrivsIsSet : Base {
  static constexpr InvariantInfo info{"no-new-privs-is-set", "NNP", "no_new_privs is always set.", ""};
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return state.cred.no_new_privs == typename D::Word(1);
  }
};

/// With this, LevelBelowNine would be inductive; but it does not hold.
struct LevelIsZero : Base {
  static constexpr InvariantInfo info{"level-is-zero", "level = 0", "No namespace is ever entered.", ""};
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return state.level == typename D::Word(0);
  }
};

/// Its premise needs a level that no namespace has.
struct DeepTasksGainEverything : Base {
  static constexpr InvariantInfo info{"deep-tasks-gain-everything", "level > 33 ⇒ X' ⊃ FULL", "Of no task.", ""};
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !(step.before.level < typename D::Word(34));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return step.after.cred.bounding == ~typename D::Word(0);
  }
};

/// False, of a call whose arguments are the prime factors of a large number: out of reach of a SAT solver in the time
/// given.
struct FactorsStayUnknown : Base {
  static constexpr InvariantInfo info{"factors-stay-unknown", "arg2 · arg3 ≠ 2147483647 · 2147483629", "Hard.", ""};
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return invariant::is(step, CallKind::get_keepcaps);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Word limit(std::uint64_t{1} << 31);
    const Word &a = step.call.args[0], &b = step.call.args[1];
    Word product(0), shifted = a;
    for (unsigned bit = 0; bit < 32; ++bit) {
      product = product + D::select(has<D>(b, Word(bit)), shifted, Word(0));
      shifted = shifted + shifted;
    }
    return !((a < b) & (b < limit) & (product == Word(std::uint64_t{2147483647} * 2147483629)));
  }
};

template <class I>
ProofResult prove_with_lemmas(const ProveOptions& options = {}) {
  const std::array statements{statement<WorldWellFormed>(), statement<invariant::NestingWithinLimit>(), statement<I>()};
  const auto results = prove_statements(parse_profile("6.12+userns"), options, statements);
  EXPECT_EQ(results.at(0).verdict, ProofVerdict::proved);
  return results.at(2);
}

TEST(Verdict, IsUnknownWhereNoTraceIsFound) {
  const ProofResult result = prove_with_lemmas<LevelBelowNine>({.bound = 1});
  EXPECT_EQ(result.verdict, ProofVerdict::unknown);
  EXPECT_EQ(result.calls, 2u);
  EXPECT_THAT(result.detail, testing::AllOf(HasSubstr("unshare"), HasSubstr("up to 2 calls")));
  EXPECT_FALSE(result.as_claimed());
}

TEST(Verdict, IsRefutedByATraceThatIsNotClaimedToBeShortest) {
  const ProofResult result = prove_with_lemmas<LevelBelowTwo>();
  ASSERT_EQ(result.verdict, ProofVerdict::refuted) << result.detail;
  EXPECT_EQ(result.detail, "a trace of 4 calls breaks it, and no shorter one was found");
  EXPECT_THAT(calls_of(*result.counterexample),
              testing::ElementsAre(HasSubstr("(CLONE_NEWUSER)"), HasSubstr("uid_map"), HasSubstr("gid_map"),
                                   HasSubstr("(CLONE_NEWUSER)")));
}

TEST(Verdict, RestsOnNothingThatWasRefuted) {
  const std::array statements{statement<WorldWellFormed>(), statement<invariant::NestingWithinLimit>(),
                              statement<LevelBelowNine>(), statement<LevelIsZero>()};
  const auto results = prove_statements(parse_profile("6.12"), {.bound = 1}, statements);
  EXPECT_EQ(results.at(1).verdict, ProofVerdict::proved);
  EXPECT_EQ(results.at(2).verdict, ProofVerdict::unknown);
  EXPECT_EQ(results.at(3).verdict, ProofVerdict::refuted);
}

TEST(Verdict, IsRefutedByTheInitialState) {
  const ProofResult result = prove_with_lemmas<NoNewPrivsIsSet>();
  EXPECT_EQ(result.verdict, ProofVerdict::refuted);
  EXPECT_EQ(result.counterexample, Program{});
}

TEST(Verdict, IsVacuousWhereNothingMeetsThePremise) {
  const ProofResult result = prove_with_lemmas<DeepTasksGainEverything>({.bound = 1});
  EXPECT_EQ(result.verdict, ProofVerdict::vacuous);
  EXPECT_THAT(result.detail, HasSubstr("no trace of up to 2 calls"));
  EXPECT_FALSE(result.as_claimed());
}

TEST(Verdict, IsTimeoutWhereZ3FindsNoAnswerInTime) {
  const std::array statements{statement<FactorsStayUnknown>()};
  const auto results = prove_statements(parse_profile("6.12"), {.timeout = std::chrono::milliseconds(200)}, statements);
  const ProofResult& result = results.at(0);
  EXPECT_EQ(result.verdict, ProofVerdict::timeout);
  EXPECT_THAT(result.detail, HasSubstr("200 ms"));
  EXPECT_FALSE(result.as_claimed());
  EXPECT_FALSE(result.counterexample.has_value());
}

TEST(Verdict, IsTimeoutWhereNoTimeIsGiven) {
  ProveOptions options{.timeout = std::chrono::milliseconds(0)};
  options.invariants = {"effective-within-permitted", "failed-call-changes-nothing", "helper-within-sysctls"};
  const auto results = prove_catalogue(parse_profile("6.12"), options);
  ASSERT_EQ(results.size(), 3u);
  for (const ProofResult& result : results) {
    EXPECT_EQ(result.verdict, ProofVerdict::timeout) << result.info->name;
    EXPECT_FALSE(result.as_claimed());
  }
}

/// A step that any world can make, so that it is proved from nothing.
using OfNothing = invariant::UsernsRaiseIsExact;
/// Proved from world-well-formed, and from itself.
using OfALemma = invariant::NestingWithinLimit;

/// The answer is to each obligation whose name has `part` in it; the others are confirmed.
ProveOptions confirm_all_but(std::string_view part, const Answer& answer) {
  return {.confirm = [=](const Obligation& obligation) {
    return obligation.name.find(part) == std::string::npos ? Answer{Answer::Kind::no, ""} : answer;
  }};
}

std::vector<ProofResult> prove_with_obligations(const ProveOptions& options) {
  const std::array statements{statement<WorldWellFormed>(), statement<OfALemma>(), statement<OfNothing>()};
  return prove_statements(parse_profile("6.12+userns"), options, statements);
}

TEST(Confirmation, IsAskedOfEveryObligationOnce) {
  std::vector<std::string> shown, asked;
  ProveOptions options;
  options.on_obligation = [&](const Obligation& obligation) { shown.push_back(obligation.name); };
  options.confirm = [&](const Obligation& obligation) {
    EXPECT_FALSE(obligation.is_plain);
    asked.push_back(obligation.name);
    return Answer{Answer::Kind::no, ""};
  };
  const auto results = prove_with_obligations(options);
  for (const ProofResult& result : results) EXPECT_EQ(result.verdict, ProofVerdict::proved);
  EXPECT_EQ(shown.size(), 3 * kCalls.size());
  EXPECT_EQ(std::set(shown.begin(), shown.end()).size(), shown.size());
  EXPECT_THAT(asked, testing::IsSubsetOf(shown));
  EXPECT_THAT(asked, testing::AllOf(testing::Contains("6.12+userns/world-well-formed.unshare"),
                                    testing::Contains("6.12+userns/nesting-within-limit.unshare"),
                                    testing::Contains("6.12+userns/userns-raise-is-exact.PR_CAP_USERNS")));
  EXPECT_EQ(results[0].confirmed + results[1].confirmed + results[2].confirmed, asked.size());
  EXPECT_EQ(results[2].confirmed, 1u);
}

TEST(Confirmation, IsAskedOfWhatAReportedProofRestsOn) {
  std::set<std::string> shown;
  ProveOptions options;
  options.invariants = {std::string(OfNothing::info.name)};
  options.on_obligation = [&](const Obligation& obligation) { shown.insert(obligation.name); };
  EXPECT_EQ(prove_with_obligations(options).size(), 1u);
  EXPECT_EQ(shown.size(), 2 * kCalls.size()) << "its own, and world-well-formed's";
  EXPECT_TRUE(shown.contains("6.12+userns/world-well-formed.capget"));
}

TEST(Confirmation, DecidesWhetherAProofStands) {
  for (const Answer::Kind kind : {Answer::Kind::yes, Answer::Kind::timeout, Answer::Kind::unknown}) {
    const auto results = prove_with_obligations(confirm_all_but("/nesting-within-limit.unshare", {kind, "it fails"}));
    EXPECT_EQ(results[0].verdict, ProofVerdict::proved);
    EXPECT_EQ(results[1].verdict, ProofVerdict::unconfirmed);
    EXPECT_EQ(results[1].detail, "of 6.12+userns/nesting-within-limit.unshare, it fails");
    EXPECT_FALSE(results[1].as_claimed());
    EXPECT_EQ(results[2].verdict, ProofVerdict::proved) << "which does not rest on it";
  }
}

TEST(Confirmation, IsWantedOfEveryLemma) {
  const auto results = prove_with_obligations(confirm_all_but("/world-well-formed.", {Answer::Kind::yes, "it fails"}));
  for (const ProofResult& result : results) {
    EXPECT_EQ(result.verdict, ProofVerdict::unconfirmed) << result.info->name;
    EXPECT_THAT(result.detail, HasSubstr("of 6.12+userns/world-well-formed."));
  }
}

TEST(Confirmation, IsNotAskedOfARefutation) {
  ProveOptions options;
  options.confirm = [](const Obligation& obligation) {
    ADD_FAILURE() << obligation.name;
    return Answer{Answer::Kind::yes, ""};
  };
  options.invariants = {std::string(NoNewPrivsIsSet::info.name)};
  const std::array statements{statement<WorldWellFormed>(), statement<NoNewPrivsIsSet>()};
  EXPECT_EQ(prove_statements(parse_profile("6.12"), options, statements).at(0).verdict, ProofVerdict::refuted);
}

}  // namespace
}  // namespace capcheck
