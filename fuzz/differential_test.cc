// SPDX-License-Identifier: GPL-2.0-only
// The comparison finds every kind of divergence, and only those.
#include "fuzz/differential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/divergence_explanation.h"

namespace capcheck {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Profile kProfile{.features = {.userns = true}};
const Program kProgram{{{CallKind::capbset_drop, 0, {CAP_SYS_ADMIN}},
                        {CallKind::capget, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0}},
                        {CallKind::unshare, 0, {CLONE_NEWUSER}}}};

/// The divergence found once the kernel's trace is changed.
std::optional<Divergence> after_change(const std::function<void(Trace&)>& change) {
  const Trace model = run_model(kProfile, kProgram);
  Trace kernel = model;
  change(kernel);
  return find_divergence(Oracles(kProfile), kProgram, model, kernel);
}

TEST(Differential, EqualTracesAgree) {
  EXPECT_FALSE(after_change([](Trace&) {}).has_value());
}

TEST(Differential, FindsEveryKind) {
  using Kind = Divergence::Kind;
  const auto expect = [](Kind kind, std::size_t call, const std::function<void(Trace&)>& change) {
    const auto found = after_change(change);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->kind, kind);
    EXPECT_EQ(found->call, call);
  };
  expect(Kind::initial_state, 0, [](Trace& kernel) { kernel.initial.cred.bounding = 0; });
  expect(Kind::result, 0, [](Trace& kernel) { kernel.observations[0].result = 1; });
  expect(Kind::output, 1, [](Trace& kernel) { kernel.observations[1].output.permitted ^= 1; });
  expect(Kind::failure, 1, [](Trace& kernel) {
    kernel.observations.resize(1);
    kernel.failure = "BUG";
  });
  for (std::size_t field = 0; field < kCredentialFields<Concrete>.size(); ++field) {
    expect(Kind::state, 2,
           [&](Trace& kernel) { kernel.observations[2].state.cred.*kCredentialFields<Concrete>[field].member ^= 1; });
  }
  expect(Kind::state, 2, [](Trace& kernel) { ++kernel.observations[2].state.level; });
}

TEST(Differential, HoldsTheKernelsStatesAgainstTheInvariants) {
  // Both sides wrong in the same way: only an oracle can tell.
  Trace wrong = run_model(kProfile, kProgram);
  wrong.observations[2].state.cred.effective |= cap_bit(50);
  const auto found = find_divergence(Oracles(kProfile), kProgram, wrong, wrong);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->kind, Divergence::Kind::invariant);
  EXPECT_EQ(found->invariant->name, "effective-within-permitted");
}

TEST(Differential, ExplainsInNamesSideBySide) {
  const Trace model = run_model(kProfile, kProgram);
  Trace kernel = model;
  kernel.observations[2].state.cred.bounding &= ~cap_bit(CAP_SYS_ADMIN);
  const auto found = find_divergence(Oracles(kProfile), kProgram, model, kernel);
  ASSERT_TRUE(found.has_value());
  const std::string text =
      explain(*found, kProfile, kProgram, model, kernel, "some kernel", "capcheck replay some.trace");
  EXPECT_THAT(text, HasSubstr("> t0: unshare(CLONE_NEWUSER) = 0\n"));
  EXPECT_THAT(text, HasSubstr("* CapBnd       000001ffffffffff     000001ffffdfffff\n"));
  EXPECT_THAT(text, HasSubstr("only in the model: cap_sys_admin"));
  EXPECT_THAT(text, HasSubstr("  CapPrm       000001ffffffffff     000001ffffffffff\n"));
  EXPECT_THAT(text, HasSubstr("why: set_cred_user_ns: X' = U\n     CapBnd: 000001ffffffffff by the model, "
                              "000001ffffdfffff by the kernel, which X' = X would give; less by {CAP_SYS_ADMIN}\n"));
  EXPECT_THAT(text, HasSubstr("replay: capcheck replay some.trace"));
  EXPECT_THAT(text, Not(HasSubstr("* CapPrm")));
}

TEST(Differential, NamesTheTermOfEveryKind) {
  const Trace model = run_model(kProfile, kProgram);
  const auto explained = [&](const std::function<void(Trace&)>& change) {
    Trace kernel = model;
    change(kernel);
    const auto found = find_divergence(Oracles(kProfile), kProgram, model, kernel);
    return found ? explain_term(*found, kProfile, kProgram, model, kernel) : std::vector<std::string>{};
  };
  EXPECT_THAT(explained([](Trace& kernel) { kernel.observations[0].result = 0 - std::uint64_t{EPERM}; }),
              ElementsAre("the model's tests all pass",
                          "a test that gives EPERM: cap_prctl_drop asks: SETPCAP in E "
                          "(EPERM); here CAP_SETPCAP ∈ E"));
  EXPECT_THAT(explained([](Trace& kernel) { kernel.observations[1].output.permitted = 1; }),
              ElementsAre("permitted = P", "permitted: 000001ffffffffff by the model, 0000000000000001 by the kernel"));
  EXPECT_THAT(explained([](Trace& kernel) { kernel.initial.cred.bounding = 0; }), ElementsAre());
  // Of a claim that is broken, all that the call does.
  EXPECT_THAT(explain_term({Divergence::Kind::invariant, 2}, kProfile, kProgram, model, model),
              Contains("create_user_ns: user_ns' = 1"));
  // A model's trace that is not of these rules cannot be explained by them.
  Trace wrong = model;
  wrong.observations[0].result = 7;
  EXPECT_THAT(explain_term({Divergence::Kind::state, 2}, kProfile, kProgram, wrong, model),
              ElementsAre(HasSubstr("began elsewhere")));
}

/// A system that follows the model, but whose traces all come at the end; and one that begins programs with a smaller
/// bounding set than the model's task has.
class LateSystem final : public System {
 public:
  explicit LateSystem(bool as_found) : as_found_(as_found) {}
  void run(const Program&, Trace&) override { throw std::logic_error("not asked for"); }
  void submit(const Program& program, const Receiver&) override { programs_.push_back(program); }
  void finish(const Receiver& receiver) override {
    for (const Program& program : programs_) {
      Trace trace = run_model(kProfile, {});
      Start start{trace.initial, {~0ull, ~0ull, ~0ull, ~0ull, 0}};
      if (as_found_) start.state.cred.bounding = cap_bit(CAP_CHOWN);
      run_model(kProfile, start, program, trace);
      trace.sysctls = start.sysctls;
      if (program.calls.size() == wrong_) trace.observations.back().result ^= 1;
      receiver(program, trace);
    }
    programs_.clear();
  }
  bool makes_all() const override { return false; }
  bool begins_as_found() const override { return as_found_; }
  std::string name() const override { return "late"; }
  std::string replay_options() const override { return {}; }
  std::string release() const override { return "6.12"; }
  void answer_wrongly(std::size_t calls) { wrong_ = calls; }

 private:
  bool as_found_;
  std::size_t wrong_ = kMaxCalls + 1;
  std::vector<Program> programs_;
};

/// A program of so many calls.
Program drops(std::uint64_t count) {
  Program program;
  for (std::uint64_t c = 0; c < count; ++c) program.calls.push_back({CallKind::capbset_drop, 0, {c}});
  return program;
}

TEST(Differential, RunsTheModelAtOnceAndComparesWhenTracesCome) {
  for (const bool as_found : {false, true}) {
    auto system = std::make_unique<LateSystem>(as_found);
    system->answer_wrongly(3);
    Differential differential(kProfile, std::move(system));
    std::size_t answered = 0;
    const auto receiver = [&](const Program& program, const std::optional<Divergence>& divergence) {
      EXPECT_EQ(program.calls.size(), ++answered);
      EXPECT_EQ(divergence.has_value(), answered == 3) << answered;
      EXPECT_EQ(differential.model_trace().observations.size(), answered);
    };
    for (std::uint64_t calls = 1; calls <= 5; ++calls) {
      differential.submit(drops(calls), receiver);
      EXPECT_EQ(differential.model_of_submitted().observations.size(), calls);
      EXPECT_EQ(differential.model_of_submitted().guards.size(), calls);
    }
    EXPECT_EQ(answered, 0u);
    differential.finish(receiver);
    EXPECT_EQ(answered, 5u);
    // Where programs begin has been seen now.
    differential.submit(drops(1), receiver);
    EXPECT_EQ(differential.model_of_submitted().initial.cred.bounding,
              as_found ? cap_bit(CAP_CHOWN) : kProfile.full_set());
  }
}

}  // namespace
}  // namespace capcheck
