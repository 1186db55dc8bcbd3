// SPDX-License-Identifier: GPL-2.0-only
#include "solver/symmetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <stdexcept>

#include "model/capability.h"
#include "model/rules/commoncap.h"

namespace capcheck {
namespace {

using testing::Contains;
using testing::ElementsAre;

using Capabilities = std::vector<std::uint64_t>;

constexpr std::chrono::seconds kTimeout{60};

Alike alike(CallKind kind, Fault fault = Fault::none, std::string_view profile = "6.12+userns") {
  return find_alike(parse_profile(profile), fault, kind, kTimeout);
}

Capabilities all_from(std::uint64_t first, std::uint64_t last) {
  Capabilities all;
  for (std::uint64_t capability = first; capability <= last; ++capability) all.push_back(capability);
  return all;
}

Capabilities members_of(std::uint64_t set) {
  Capabilities members;
  for (std::uint64_t capability = 0; capability < 64; ++capability) {
    if (set >> capability & 1) members.push_back(capability);
  }
  return members;
}

TEST(Symmetry, NamesWhatTheRulesAskFor) {
  const std::map<CallKind, Capabilities> asked = {
      {CallKind::capbset_drop, {CAP_SETPCAP}},
      {CallKind::set_securebits, {CAP_SETPCAP}},
      {CallKind::get_keepcaps, {}},
      {CallKind::unshare, {CAP_SETFCAP}},
      {CallKind::chroot, {CAP_SYS_CHROOT}},
      {CallKind::write_setgroups, {CAP_DAC_OVERRIDE, CAP_SYS_ADMIN}},
      {CallKind::setns, {CAP_SYS_ADMIN}},
      {CallKind::ns_capable, {}},
      {CallKind::setresuid, {CAP_SETUID}},
      {CallKind::setgroups, {CAP_SETGID}},
      {CallKind::write_umh_bset, {CAP_SETPCAP, CAP_SYS_MODULE}},
      {CallKind::usermodehelper, {}},
      {CallKind::userfaultfd, {CAP_SYS_PTRACE}},
  };
  for (const auto& [kind, expected] : asked) {
    SCOPED_TRACE(info(kind).name);
    const Alike found = alike(kind);
    EXPECT_EQ(found.asked, expected);
    EXPECT_EQ(found.classes.size(), expected.size() + 1);
    EXPECT_EQ(found.witnesses_of_success + found.witnesses_of_output, 0u);
  }
}

TEST(Symmetry, FindsTheClassThatFollowsFsuid) {
  const Alike found = alike(CallKind::setfsuid);
  EXPECT_THAT(found.asked, ElementsAre(CAP_SETUID));
  EXPECT_EQ(found.classes.at(1), members_of(kFsSet));
  EXPECT_THAT(found.classes.at(2), ElementsAre(CAP_SETUID));
}

/// Version 1 carries the first word of each set alone.
TEST(Symmetry, OfCapsetTellsWordsApartAndNeedsAWitnessOnlyWhereItFails) {
  const Alike found = alike(CallKind::capset);
  EXPECT_EQ(found.classes.at(1), all_from(32, 40));
  EXPECT_THAT(found.asked, ElementsAre(CAP_SETPCAP));
  EXPECT_EQ(found.witnesses_of_success, 0u);
  EXPECT_EQ(found.witnesses_of_output, 0u);
  EXPECT_EQ(found.witnesses_of_failure, 1u);
}

/// One for each task that may be the tracee: which it is, is not known.
TEST(Symmetry, OfPtraceNeedsAWitnessOnlyWhereItFails) {
  const Alike found = alike(CallKind::ptrace_seize);
  EXPECT_THAT(found.asked, ElementsAre(CAP_SYS_PTRACE));
  EXPECT_EQ(found.witnesses_of_success, 0u);
  EXPECT_EQ(found.witnesses_of_failure, kMaxTasks - 1);
}

TEST(Symmetry, FindsAFaultThatTreatsACapabilityOtherwise) {
  EXPECT_EQ(alike(CallKind::setfsuid, Fault::fs_set_lacks_mknod).classes.at(1),
            members_of(kFsSet & ~cap_bit(CAP_MKNOD)));
  EXPECT_THAT(alike(CallKind::capbset_read, Fault::capbset_read_misses_last_cap).classes, Contains(Capabilities{40}));
  EXPECT_EQ(alike(CallKind::capbset_read).classes.size(), 1u);
}

TEST(Symmetry, FindsAFaultThatAsksForOneMoreCapability) {
  constexpr std::string_view kProfile = "6.12+userfaultfd-cap";
  EXPECT_THAT(alike(CallKind::uffdio_api, Fault::none, kProfile).asked, ElementsAre(CAP_SYS_PTRACE));
  EXPECT_THAT(alike(CallKind::uffdio_api, Fault::event_fork_by_userfaultfd_capability, kProfile).asked,
              ElementsAre(CAP_SYS_PTRACE, kCapUserfaultfd));
}

TEST(SymmetryOfAnImpatientQuestion, IsAnError) {
  EXPECT_THROW(find_alike({}, Fault::none, CallKind::capset, std::chrono::milliseconds(0)), std::runtime_error);
}

}  // namespace
}  // namespace capcheck
