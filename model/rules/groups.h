// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/groups.c: supplementary groups.
#ifndef CAPCHECK_MODEL_RULES_GROUPS_H_
#define CAPCHECK_MODEL_RULES_GROUPS_H_

#include "model/domain.h"
#include "model/outcome.h"
#include "model/rules/commoncap.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// in_group_p(): the group is fsgid or a supplementary one.
template <Domain D>
constexpr typename D::Bool in_group_p(const Credentials<D>& cred, const typename D::Word& gid) {
  using Word = typename D::Word;
  return (gid == cred.fsgid) | ((Word(0) < cred.group_count) & (gid == cred.group0)) |
         ((Word(1) < cred.group_count) & (gid == cred.group1));
}

/// The arguments of setgroups(2): a count of at most kMaxGroups, or one above NGROUPS_MAX.
template <Domain D>
struct GroupsRequest {
  typename D::Word count, gid0, gid1;
};

/// sys_setgroups(), with may_setgroups() and groups_sort().
template <Domain D>
constexpr Outcome<D, Credentials<D>> sys_setgroups(const Credentials<D>& old, const UserNamespace<D>& ns,
                                                   const GroupsRequest<D>& request) {
  return kernel_function<D>("sys_setgroups", [&] {
    using Word = typename D::Word;
    const Word none(0);
    const typename D::Bool has0 = none < request.count, has1 = Word(1) < request.count;
    const Word gid0 = map_id_down(ns.gid_map, request.gid0), gid1 = map_id_down(ns.gid_map, request.gid1);

    Verdict<D> verdict;
    verdict.require(Guard::setgroups_permitted, capable_in_own_ns(old, CAP_SETGID) & !(ns.gid_map.line0.count == none) &
                                                    !(ns.setgroups_allowed == none));
    verdict.require(Guard::groups_within_limit, request.count < Word(kNgroupsMax + 1));
    verdict.require(Guard::id_mapped, implies<D>(has0, !(gid0 == Word(kInvalidId))));
    verdict.require(Guard::id_mapped, implies<D>(has1, !(gid1 == Word(kInvalidId))));

    const typename D::Bool swap = has1 & (gid1 < gid0);
    Credentials<D> cred = old;
    cred.group_count = request.count;
    cred.group0 = D::select(has0, D::select(swap, gid1, gid0), none);
    cred.group1 = D::select(has1, D::select(swap, gid0, gid1), none);
    return Outcome<D, Credentials<D>>{verdict, none, cred};
  });
}

}  // namespace capcheck

#endif
