// SPDX-License-Identifier: GPL-2.0-only
#include "solver/grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "model/capability.h"

namespace capcheck {
namespace {

using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::IsEmpty;

Grant find(const std::vector<Grant>& grants, std::string_view operation) {
  for (const Grant& grant : grants) {
    if (grant.operation == operation) return grant;
  }
  throw std::invalid_argument(std::string(operation));
}

class Grants : public testing::TestWithParam<const char*> {
 protected:
  const Profile profile_ = parse_profile(GetParam());
  const std::vector<Grant> grants_ = find_grants(profile_, 10s);
};

TEST_P(Grants, UserfaultfdIsForSysPtraceAndTheProposalsCapability) {
  const Grant grant = find(grants_, "userfaultfd(0), vm.unprivileged_userfaultfd is 0");
  EXPECT_EQ(grant.to_no_capability, Granted::never);
  EXPECT_EQ(grant.to_all_in_child, Granted::never);
  EXPECT_THAT(grant.maybe_single, IsEmpty());
  if (profile_.features.userfaultfd_cap) {
    EXPECT_THAT(grant.to_single, ElementsAre(CAP_SYS_PTRACE, kCapUserfaultfd));
  } else {
    EXPECT_THAT(grant.to_single, ElementsAre(CAP_SYS_PTRACE));
  }
}

TEST_P(Grants, UserModeOnlyIsForEverybody) {
  const Grant grant = find(grants_, "userfaultfd(UFFD_USER_MODE_ONLY)");
  EXPECT_EQ(grant.to_no_capability, Granted::always);
  EXPECT_TRUE(grant.to_every_single);
  EXPECT_EQ(grant.to_all_in_child, Granted::always);
}

TEST_P(Grants, EventForkAndNeighboursAreForSysPtrace) {
  for (const char* operation :
       {"ioctl(UFFDIO_API, UFFD_FEATURE_EVENT_FORK)", "ptrace(PTRACE_SEIZE) of one with the same ids that has more"}) {
    const Grant grant = find(grants_, operation);
    EXPECT_EQ(grant.to_no_capability, Granted::never) << operation;
    EXPECT_THAT(grant.to_single, ElementsAre(CAP_SYS_PTRACE)) << operation;
    EXPECT_THAT(grant.maybe_single, IsEmpty()) << operation;
  }
}

TEST_P(Grants, RootsDeviceIsForDacOverride) {
  const Grant grant = find(grants_, "open(/dev/userfaultfd), 0600 and root's");
  EXPECT_THAT(grant.to_single, ElementsAre(CAP_DAC_OVERRIDE));
  EXPECT_EQ(grant.to_all_in_child, Granted::depends);  // on which ids have names there
}

TEST_P(Grants, NothingMakesUserModeOnlyStopTheKernel) {
  const Grant grant = find(grants_, "a fault of the kernel, handed to a UFFD_USER_MODE_ONLY's");
  EXPECT_EQ(grant.to_no_capability, Granted::never);
  EXPECT_FALSE(grant.to_every_single);
  EXPECT_THAT(grant.to_single, IsEmpty());
  EXPECT_THAT(grant.maybe_single, IsEmpty());
  EXPECT_EQ(grant.to_all_in_child, Granted::never);
}

INSTANTIATE_TEST_SUITE_P(Profiles, Grants,
                         testing::Values("6.12", "6.12+userfaultfd-cap", "6.1+userns+userfaultfd-cap"),
                         [](const auto& parameter) {
                           return std::string("profile_") + std::to_string(parameter.index);
                         });

TEST(GrantsOfAnImpatientQuestion, AreAnError) {
  EXPECT_THROW(find_grants(parse_profile("6.12"), 0s), std::runtime_error);
}

}  // namespace
}  // namespace capcheck
