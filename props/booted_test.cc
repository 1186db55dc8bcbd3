// SPDX-License-Identifier: GPL-2.0-only
// Three-way agreement: over random programs, the model, the kernel's code in this process and the same kernel booted do
// the same; and the kernel that runs this test does what the model says.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "fuzz/differential.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "props/generators.h"

namespace capcheck {
namespace {

/// A program without the calls that a system does not make.
Program any_program_for(const Profile& profile, const System& system) {
  Program program = *any_program(profile);
  std::erase_if(program.calls, [&](const Call<Concrete>& call) { return !system.refusal(call).empty(); });
  return program;
}

/// Runs a program on the model and on a system. A program that the system cannot run as a whole says nothing. What is
/// found is added to `found`, too: it may not be seen again when the program is made smaller.
void assert_agreement(Differential& differential, const Program& program, std::string& found) {
  const auto divergence = differential.run(program);
  if (divergence) {
    found += differential.explain(*divergence, program, "(from the program above)");
    RC_FAIL(found);
  }
  RC_PRE(differential.refused().empty());
}

class ThreeWay : public ::testing::TestWithParam<const char*> {};

TEST_P(ThreeWay, ModelInProcessAndBootedAgree) {
  const Profile profile = parse_profile(GetParam());
  Differential in_process(profile, kernel_file(profile)), booted(profile, start_on(parse_machine("uml"), profile));
  std::string found;
  const bool holds = rc::check([&] {
    const Program program = any_program_for(profile, booted.system());
    assert_agreement(in_process, program, found);
    assert_agreement(booted, program, found);
  });
  EXPECT_TRUE(holds) << found;
}

INSTANTIATE_TEST_SUITE_P(Profiles, ThreeWay,
                         ::testing::Values("6.12", "6.12+userns", "6.12+userns+userfaultfd-cap", "6.1", "6.1+userns",
                                           "6.1+userfaultfd-cap"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::ranges::replace_if(
                               name, [](unsigned char letter) { return !std::isalnum(letter); }, '_');
                           return name;
                         });

TEST(ThisKernel, FollowsTheModel) {
  std::unique_ptr<BootedSystem> system;
  Profile profile;
  try {
    system = start_on(parse_machine("host"), {});
    profile = detect_profile(system->hello());
  } catch (const EnvironmentError& error) {
    GTEST_SKIP() << "environment: " << error.what();
  }
  const std::string environment = describe_environment(*system, profile);
  Differential differential(profile, std::move(system));
  std::string found;
  const bool holds =
      rc::check([&] { assert_agreement(differential, any_program_for(profile, differential.system()), found); });
  EXPECT_TRUE(holds) << environment << found;
}

}  // namespace
}  // namespace capcheck
