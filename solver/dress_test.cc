// SPDX-License-Identifier: GPL-2.0-only
#include "solver/dress.h"

#include <gtest/gtest.h>

#include "model/capability.h"
#include "model/constants.h"
#include "model/world.h"
#include "solver/replay.h"

namespace capcheck {
namespace {

Credentials<Concrete> dressed(const Profile& profile, const Credentials<Concrete>& wanted) {
  World<Concrete> world = initial_world(profile);
  for (const Call<Concrete>& call : dress(profile, wanted).calls) step(profile, world, call);
  return world.tasks[0].cred;
}

void expect_reached(const Profile& profile, const Credentials<Concrete>& wanted) {
  const Credentials<Concrete> reached = dressed(profile, wanted);
  for (const auto& field : kCredentialFields<Concrete>) {
    EXPECT_EQ(reached.*field.member, wanted.*field.member) << field.name;
  }
}

TEST(Dress, AUserWithFewCapabilities) {
  const Profile profile = parse_profile("6.12+userns");
  Credentials<Concrete> wanted = observe(initial_world(profile), 0).cred;
  wanted.uid = wanted.euid = wanted.suid = wanted.fsuid = 1000;
  wanted.gid = wanted.egid = wanted.sgid = wanted.fsgid = 1000;
  wanted.group_count = 1;
  wanted.group0 = 7;
  wanted.permitted = cap_bit(CAP_NET_RAW) | cap_bit(CAP_CHOWN);
  wanted.effective = wanted.inheritable = wanted.ambient = cap_bit(CAP_NET_RAW);
  wanted.bounding &= ~cap_bit(CAP_SYS_ADMIN);
  wanted.userns &= ~cap_bit(CAP_KILL);
  wanted.securebits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
  wanted.no_new_privs = 1;
  expect_reached(profile, wanted);
}

TEST(Dress, RootWithoutCapabilities) {
  const Profile profile = parse_profile("6.12");
  Credentials<Concrete> wanted = observe(initial_world(profile), 0).cred;
  wanted.permitted = wanted.effective = 0;
  wanted.fsuid = 5;
  expect_reached(profile, wanted);
}

}  // namespace
}  // namespace capcheck
