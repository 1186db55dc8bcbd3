// SPDX-License-Identifier: GPL-2.0-only
#include "solver/obligation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/invariants.h"
#include "solver/induction.h"
#include "solver/other_solver.h"
#include "solver/statement.h"
#include "solver/symbolic.h"

namespace capcheck {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view kProfile = "6.12+userns";

/// All worlds and calls, with one lemma, which statements may assume.
class Obligations {
 public:
  explicit Obligations(Fault fault = Fault::none)
      : fault_(fault), induction_(profile_, fault, 10s), lemma_(induction_.add_lemma(lemma())) {}

  static const Statement& lemma() {
    static const Statement effective = statement<invariant::EffectiveWithinPermitted>();
    return effective;
  }
  Obligation of(const Statement& about, CallKind kind, bool with_lemma = false) const {
    const std::array<std::string_view, 1> names{lemma().info->name};
    const std::size_t count = with_lemma ? 1 : 0;
    return write_obligation(profile_, fault_, *about.info, kind, std::span(names).first(count),
                            induction_.obligation(about, kind, std::span(&lemma_, count)));
  }

 private:
  const TermScope scope_{Induction::kUnrolling};
  const Profile profile_ = parse_profile(kProfile);
  Fault fault_;
  Induction induction_;
  Lemma lemma_;
};

Answer::Kind ask_cvc5(const Obligation& obligation) {
  return OtherSolver("cvc5", 60s).ask(obligation).kind;
}

TEST(Obligation, HasAFileNameOfItsOwn) {
  std::set<std::string> names;
  for (const CallInfo& call : kCalls) {
    EXPECT_TRUE(names.insert(file_name_of(call.kind)).second) << call.name;
    EXPECT_THAT(file_name_of(call.kind), testing::Not(HasSubstr("/")));
  }
}

TEST(Obligation, IsConfirmedOfWhatHolds) {
  const Obligations all;
  const Statement raise = statement<invariant::UsernsRaiseIsExact>();
  const Obligation obligation = all.of(raise, CallKind::cap_userns);
  EXPECT_EQ(obligation.name, "6.12+userns/userns-raise-is-exact.PR_CAP_USERNS");
  EXPECT_THAT(obligation.smt2, HasSubstr(std::string("; ").append(raise.info->formula)));
  EXPECT_THAT(obligation.smt2, HasSubstr("world before it: nothing."));
  EXPECT_FALSE(obligation.is_plain);
  EXPECT_EQ(ask_cvc5(obligation), Answer::Kind::no);
}

TEST(Obligation, IsDeniedOfAFault) {
  const Obligations all(Fault::raise_gate_dropped);
  const Obligation obligation = all.of(statement<invariant::UsernsRaiseIsExact>(), CallKind::cap_userns);
  EXPECT_EQ(obligation.name, "6.12+userns.raise-gate-dropped/userns-raise-is-exact.PR_CAP_USERNS");
  EXPECT_EQ(ask_cvc5(obligation), Answer::Kind::yes);
}

TEST(Obligation, IsWholeWhereTheInductionAsksNothing) {
  const Obligations all;
  const Obligation obligation = all.of(all.lemma(), CallKind::capget, true);
  EXPECT_FALSE(obligation.is_plain);
  EXPECT_THAT(obligation.smt2, HasSubstr("world before it: effective-within-permitted."));
  EXPECT_EQ(ask_cvc5(obligation), Answer::Kind::no);
  EXPECT_EQ(ask_cvc5(all.of(all.lemma(), CallKind::capget)), Answer::Kind::yes) << "without what it assumes";
}

TEST(Obligation, AsksOfEveryStandingOfTasks) {
  const Obligations all;
  for (const auto& [kind, cases] : {std::pair(CallKind::capset, 2u), std::pair(CallKind::clone, 4u)}) {
    const Obligation obligation = all.of(all.lemma(), kind, true);
    EXPECT_EQ(obligation.cases, cases);
    std::size_t asked = 0;
    for (std::size_t at = 0; (at = obligation.smt2.find("(check-sat)\n", at)) != std::string::npos; ++at) ++asked;
    EXPECT_EQ(asked, cases);
  }
}

TEST(Obligation, SaysWhereNothingIsLeftToAsk) {
  const Obligation obligation = Obligations().of(statement<invariant::UsernsRaiseIsExact>(), CallKind::capget);
  EXPECT_TRUE(obligation.is_plain);
  EXPECT_THAT(obligation.smt2, HasSubstr("; No way to break it is left.\n"));
  EXPECT_EQ(ask_cvc5(obligation), Answer::Kind::no);
}

}  // namespace
}  // namespace capcheck
