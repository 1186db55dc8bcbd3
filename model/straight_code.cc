// SPDX-License-Identifier: GPL-2.0-only
// Every rule, compiled over Concrete as a function of its own, for check_straight_code.sh to look at.
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
Outcome<C, Unshared<C>> rule_sys_unshare(const Profile& p, const Task<C>& task, const UserNamespace<C>& parent,
                                         std::uint64_t flags) {
  return sys_unshare<C>(p, task, parent, flags);
}
Outcome<C, IdMap<C>> rule_proc_uid_map_write(const Credentials<C>& opener, const UserNamespace<C>& ns,
                                             const UserNamespace<C>& parent, const MapLine<C>& line) {
  return proc_uid_map_write<C>(opener, ns, parent, line);
}
Outcome<C, IdMap<C>> rule_proc_gid_map_write(const Credentials<C>& opener, const UserNamespace<C>& ns,
                                             const UserNamespace<C>& parent, const MapLine<C>& line) {
  return proc_gid_map_write<C>(opener, ns, parent, line);
}
Outcome<C, std::uint64_t> rule_proc_setgroups_write(const Credentials<C>& opener, const UserNamespace<C>& ns,
                                                    std::uint64_t allow) {
  return proc_setgroups_write<C>(opener, ns, allow);
}

}  // namespace capcheck::straight
