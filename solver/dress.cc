// SPDX-License-Identifier: GPL-2.0-only
#include "solver/dress.h"

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "model/capability.h"
#include "model/constants.h"

namespace capcheck {
namespace {

using Calls = std::vector<Call<Concrete>>;
using Wanted = Credentials<Concrete>;

template <class F>
void for_each_capability(std::uint64_t set, F f) {
  for (std::uint64_t number = 0; set >> number != 0; ++number) {
    if ((set >> number & 1) != 0) f(number);
  }
}

void set_capabilities(Calls& calls, std::uint64_t effective, std::uint64_t permitted, std::uint64_t inheritable) {
  calls.push_back({CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, effective, permitted, inheritable}});
}

void lower_bounds(const Profile& profile, const Wanted& wanted, Calls& calls) {
  const std::uint64_t full = profile.full_set();
  for_each_capability(full & ~wanted.bounding,
                      [&](std::uint64_t capability) { calls.push_back({CallKind::capbset_drop, 0, {capability}}); });
  if (!profile.features.userns) return;
  for_each_capability(full & ~wanted.userns, [&](std::uint64_t capability) {
    calls.push_back({CallKind::cap_userns, 0, {kLower, capability}});
  });
}

/// The filesystem id follows the effective one; it is set where it is to be another.
void set_ids(const Wanted& wanted, Calls& calls) {
  if (wanted.group_count != 0) {
    calls.push_back({CallKind::setgroups, 0, {wanted.group_count, wanted.group0, wanted.group1}});
  }
  if ((wanted.gid | wanted.egid | wanted.sgid) != 0) {
    calls.push_back({CallKind::setresgid, 0, {wanted.gid, wanted.egid, wanted.sgid}});
  }
  if (wanted.fsgid != wanted.egid) calls.push_back({CallKind::setfsgid, 0, {wanted.fsgid}});
  if ((wanted.uid | wanted.euid | wanted.suid) != 0) {
    calls.push_back({CallKind::set_keepcaps, 0, {1}});
    calls.push_back({CallKind::setresuid, 0, {wanted.uid, wanted.euid, wanted.suid}});
  }
  if (wanted.fsuid != wanted.euid) calls.push_back({CallKind::setfsuid, 0, {wanted.fsuid}});
}

}  // namespace

Program dress(const Profile& profile, const Credentials<Concrete>& wanted) {
  const std::uint64_t full = profile.full_set();
  Calls calls;
  if (wanted.inheritable != 0) set_capabilities(calls, full, full, wanted.inheritable);
  lower_bounds(profile, wanted, calls);
  set_ids(wanted, calls);
  set_capabilities(calls, full, full, wanted.inheritable);
  for_each_capability(wanted.ambient, [&](std::uint64_t capability) {
    calls.push_back({CallKind::cap_ambient, 0, {kRaise, capability}});
  });
  calls.push_back({CallKind::set_securebits, 0, {wanted.securebits}});
  if (wanted.no_new_privs != 0) calls.push_back({CallKind::set_no_new_privs, 0, {1}});
  set_capabilities(calls, wanted.effective, wanted.permitted, wanted.inheritable);
  return {calls};
}

}  // namespace capcheck
