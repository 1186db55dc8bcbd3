// SPDX-License-Identifier: GPL-2.0-only
// Every rule but those that climb from a namespace to its ancestors (cap_capable and what asks it), compiled over
// Concrete as a function of its own, for check_straight_code.sh to look at.
#include "model/step.h"

namespace capcheck::straight {

using C = Concrete;
using Result = Outcome<C, Credentials<C>>;

Result rule_sys_capset(const Profile& p, const Credentials<C>& old, const CapHeader<C>& h, const CapsetRequest<C>& r) {
  return sys_capset<C>(p, old, 1, h, r);
}
Outcome<C, CapgetReply<C>> rule_sys_capget(const Credentials<C>& target, bool exists, const CapHeader<C>& h) {
  return sys_capget<C>(target, exists, h);
}
Result rule_capbset_read(const Profile& p, const Credentials<C>& old, std::uint64_t c) {
  return capbset_read<C>(p, old, c);
}
Result rule_cap_prctl_drop(const Profile& p, const Credentials<C>& old, std::uint64_t c) {
  return cap_prctl_drop<C>(p, old, c);
}
Result rule_set_securebits(const Profile& p, const Credentials<C>& old, std::uint64_t want) {
  return set_securebits<C>(p, old, want);
}
Result rule_get_securebits(const Credentials<C>& old) {
  return get_securebits<C>(old);
}
Result rule_set_keepcaps(const Credentials<C>& old, std::uint64_t keep) {
  return set_keepcaps<C>(old, keep);
}
Result rule_get_keepcaps(const Credentials<C>& old) {
  return get_keepcaps<C>(old);
}
Result rule_cap_ambient(const Profile& p, const Credentials<C>& old, const SetRequest<C>& r) {
  return cap_ambient<C>(p, old, r);
}
Result rule_cap_userns(const Profile& p, const Credentials<C>& old, const SetRequest<C>& r) {
  return cap_userns<C>(p, old, r);
}
Result rule_set_no_new_privs(const Credentials<C>& old, const PrctlArguments<C>& a) {
  return set_no_new_privs<C>(old, a);
}
Result rule_get_no_new_privs(const Credentials<C>& old, const PrctlArguments<C>& a) {
  return get_no_new_privs<C>(old, a);
}
Outcome<C, std::uint64_t> rule_sys_chroot(const Credentials<C>& cred) {
  return sys_chroot<C>(cred);
}
Outcome<C, Unshared<C>> rule_sys_unshare(const Profile& p, const Sysctls<C>& sysctls, const Task<C>& task,
                                         const UserNamespace<C>& parent, std::uint64_t flags, bool alone) {
  return sys_unshare<C>(p, sysctls, task, parent, flags, alone);
}
Outcome<C, Unshared<C>> rule_copy_process(const Profile& p, const Sysctls<C>& sysctls, const Task<C>& task,
                                          const UserNamespace<C>& parent, std::uint64_t flags, bool free) {
  return copy_process<C>(p, sysctls, task, parent, flags, free, 2);
}
Result rule_set_id(const Credentials<C>& old, const UserNamespace<C>& ns, std::uint64_t id) {
  return set_id(kUserIds<C>, old, ns, id);
}
Result rule_set_re_id(const Credentials<C>& old, const UserNamespace<C>& ns, std::uint64_t r, std::uint64_t e) {
  return set_re_id(kUserIds<C>, old, ns, r, e);
}
Result rule_set_res_id(const Credentials<C>& old, const UserNamespace<C>& ns, std::uint64_t r, std::uint64_t e,
                       std::uint64_t s) {
  return set_res_id(kUserIds<C>, old, ns, r, e, s);
}
Result rule_set_fs_id(const Credentials<C>& old, const UserNamespace<C>& ns, std::uint64_t id) {
  return set_fs_id(kUserIds<C>, old, ns, id);
}
Result rule_sys_setgroups(const Credentials<C>& old, const UserNamespace<C>& ns, const GroupsRequest<C>& r) {
  return sys_setgroups<C>(old, ns, r);
}
bool rule_inode_permission(const Credentials<C>& cred, const UserNamespace<C>& ns, const Inode<C>& inode) {
  return inode_permission<C>(cred, ns, inode, Permission::execute);
}
Credentials<C> rule_bprm_fill_uid(const Credentials<C>& old, const UserNamespace<C>& ns, const Executable<C>& file) {
  return bprm_fill_uid<C>(old, ns, file);
}
ExecCreds<C> rule_cap_bprm_creds_from_file(const Profile& p, const Credentials<C>& old, const UserNamespace<C>& ns,
                                           const Credentials<C>& ids, const FileCaps<C>& caps,
                                           const ExecSafety<C>& safety, bool in_new_group) {
  return cap_bprm_creds_from_file<C>(p, old, ns, ids, caps, safety, in_new_group);
}
Outcome<C, Task<C>> rule_session_to_parent(const Task<C>& task, const Task<C>& parent, bool single) {
  return session_to_parent<C>(task, parent, single);
}
void rule_key_change_session_keyring(Task<C>& task) {
  key_change_session_keyring<C>(task);
}

}  // namespace capcheck::straight
