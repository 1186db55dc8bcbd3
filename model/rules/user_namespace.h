// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/user_namespace.c, and of ksys_unshare() in kernel/fork.c as far as it leads there.
#ifndef CAPCHECK_MODEL_RULES_USER_NAMESPACE_H_
#define CAPCHECK_MODEL_RULES_USER_NAMESPACE_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// The kernel id that `id` stands for in a namespace with this map: map_id_down(). kAllIds (an invalid id) if none.
template <Domain D>
constexpr typename D::Word map_id_down(const IdMap<D>& map, const typename D::Word& id) {
  using Word = typename D::Word;
  return D::select(!(id < map.first) & (id - map.first < map.count), map.lower_first + (id - map.first), Word(kAllIds));
}

/// kuid_has_mapping(), kgid_has_mapping(): the namespace has a name for this kernel id.
template <Domain D>
constexpr typename D::Bool has_mapping(const IdMap<D>& map, const typename D::Word& kernel_id) {
  return !(kernel_id < map.lower_first) & (kernel_id - map.lower_first < map.count);
}

/// set_cred_user_ns(): credentials as they enter a user namespace. P' = E' = X' = FULL in mainline, U with proposal 1.
template <Domain D>
constexpr Credentials<D> set_cred_user_ns(const Profile& profile, const Credentials<D>& old) {
  using Word = typename D::Word;
  const Word granted = profile.features.userns ? old.userns : Word(profile.full_set());
  Credentials<D> cred = old;
  cred.securebits = Word(0);
  cred.inheritable = Word(0);
  cred.permitted = granted;
  cred.effective = granted;
  cred.ambient = Word(0);
  cred.bounding = granted;
  return cred;
}

/// The flags of unshare(2) that check_unshare_flags() knows.
inline constexpr std::uint64_t kUnshareKnownFlags =
    CLONE_THREAD | CLONE_FS | CLONE_NEWNS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | CLONE_NEWUTS |
    CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWTIME;

/// The known flags that the model follows; for a task with one thread, CLONE_THREAD and CLONE_FS change nothing.
/// The other namespaces and shared resources carry no capability state.
inline constexpr std::uint64_t kUnshareModelledFlags = CLONE_NEWUSER | CLONE_THREAD | CLONE_FS;

/// A task that has entered a user namespace it created, and that namespace. `entered` is false where CLONE_NEWUSER was
/// not asked for.
template <Domain D>
struct Unshared {
  typename D::Bool entered;
  Credentials<D> cred;
  UserNamespace<D> child;
};

/// sys_unshare() with create_user_ns(), for flags within kUnshareModelledFlags or not known at all.
template <Domain D>
constexpr Outcome<D, Unshared<D>> sys_unshare(const Profile& profile, const Task<D>& task,
                                              const UserNamespace<D>& parent, const typename D::Word& flags) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Credentials<D>& old = task.cred;
  const Bool enters = !((flags & Word(CLONE_NEWUSER)) == Word(0));

  Verdict<D> verdict;
  verdict.require(Guard::unshare_flags_known, subset<D>(flags, Word(kUnshareKnownFlags)));
  verdict.require(Guard::nesting_within_limit,
                  implies<D>(enters, parent.level < Word(profile.release->max_parent_level + 1)));
  verdict.require(Guard::not_chrooted, implies<D>(enters, task.chrooted == Word(0)));
  verdict.require(Guard::creator_mapped,
                  implies<D>(enters, has_mapping(parent.uid_map, old.euid) & has_mapping(parent.gid_map, old.egid)));

  const IdMap<D> unwritten{Word(0), Word(0), Word(0)};
  const UserNamespace<D> child{.parent = task.user_ns,
                               .level = parent.level + Word(1),
                               .owner = old.euid,
                               .group = old.egid,
                               .parent_could_setfcap = as_word<D>(has<D>(old.effective, Word(CAP_SETFCAP))),
                               .setgroups_allowed = parent.setgroups_allowed,
                               .uid_map = unwritten,
                               .gid_map = unwritten};
  return {verdict, Word(0), {enters, set_cred_user_ns(profile, old), child}};
}

/// One line of uid_map or gid_map as it is written: three 32-bit numbers, the second in terms of the parent.
template <Domain D>
struct MapLine {
  typename D::Word first, lower_first, count;
};

/// What write(2) of a map line returns: every line is written in the form in which the kernel prints it,
/// "%10u %10u %10u\n".
inline constexpr std::uint64_t kMapLineSize = 33;

/// map_write(): what uid_map and gid_map have in common, for a task of the namespace that opened the file itself.
/// Such a task has no capability over the parent, so only an owner's line of its own id can pass.
template <Domain D>
constexpr Outcome<D, IdMap<D>> map_write(const Credentials<D>& opener, const UserNamespace<D>& ns, const IdMap<D>& map,
                                         const MapLine<D>& line, const typename D::Bool& root_mapping_allowed,
                                         const typename D::Bool& maps_own_id, const typename D::Word& own_id) {
  using Word = typename D::Word;
  const Word limit(kAllIds);
  // 32-bit arithmetic: first + count must not wrap.
  const auto proper = [&](const Word& first) { return first < ((first + line.count) & limit) & first < limit; };

  Verdict<D> verdict;
  verdict.require(Guard::has_parent, !(ns.level == Word(0)));
  verdict.require(Guard::map_unwritten, map.count == Word(0));
  verdict.require(Guard::opener_has_sys_admin, capable_in_own_ns(opener, CAP_SYS_ADMIN));
  verdict.require(Guard::extent_valid, proper(line.first) & proper(line.lower_first));
  verdict.require(Guard::root_mapping_allowed, root_mapping_allowed);
  verdict.require(Guard::mapping_permitted, (line.count == Word(1)) & (ns.owner == opener.euid) & maps_own_id);
  return {verdict, Word(kMapLineSize), {line.first, own_id, line.count}};
}

/// proc_uid_map_write(). verify_root_map(): parent uid 0 may be mapped if the creator had SETFCAP.
template <Domain D>
constexpr Outcome<D, IdMap<D>> proc_uid_map_write(const Credentials<D>& opener, const UserNamespace<D>& ns,
                                                  const UserNamespace<D>& parent, const MapLine<D>& line) {
  using Word = typename D::Word;
  const typename D::Bool root_allowed = implies<D>(line.lower_first == Word(0), ns.parent_could_setfcap == Word(1));
  return map_write<D>(opener, ns, ns.uid_map, line, root_allowed,
                      map_id_down(parent.uid_map, line.lower_first) == opener.euid, opener.euid);
}

/// proc_gid_map_write(): the gid form needs setgroups denied first.
template <Domain D>
constexpr Outcome<D, IdMap<D>> proc_gid_map_write(const Credentials<D>& opener, const UserNamespace<D>& ns,
                                                  const UserNamespace<D>& parent, const MapLine<D>& line) {
  using Word = typename D::Word;
  const typename D::Bool own = map_id_down(parent.gid_map, line.lower_first) == opener.egid;
  return map_write<D>(opener, ns, ns.gid_map, line, typename D::Bool(true), own & (ns.setgroups_allowed == Word(0)),
                      opener.egid);
}

/// What is written to /proc/PID/setgroups: "deny" or "allow"; write(2) returns its length.
inline constexpr std::uint64_t kDenySize = 4, kAllowSize = 5;

/// proc_setgroups_open() and proc_setgroups_write(). `after` is the namespace's setgroups_allowed.
template <Domain D>
constexpr Outcome<D, typename D::Word> proc_setgroups_write(const Credentials<D>& opener, const UserNamespace<D>& ns,
                                                            const typename D::Word& allow) {
  using Word = typename D::Word;
  const typename D::Bool allows = !(allow == Word(0));
  Verdict<D> verdict;
  verdict.require(Guard::setgroups_opener_has_sys_admin, capable_in_own_ns(opener, CAP_SYS_ADMIN));
  verdict.require(Guard::setgroups_not_reenabled, implies<D>(allows, ns.setgroups_allowed == Word(1)));
  verdict.require(Guard::setgroups_before_gid_map, implies<D>(!allows, ns.gid_map.count == Word(0)));
  return {verdict, D::select(allows, Word(kAllowSize), Word(kDenySize)), as_word<D>(allows)};
}

}  // namespace capcheck

#endif
