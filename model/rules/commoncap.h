// SPDX-License-Identifier: GPL-2.0-only
// Rules of security/commoncap.c.
#ifndef CAPCHECK_MODEL_RULES_COMMONCAP_H_
#define CAPCHECK_MODEL_RULES_COMMONCAP_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// cap_valid(), include/linux/capability.h, on all 64 bits of the argument.
template <Domain D>
constexpr typename D::Bool cap_valid(const Profile& profile, const typename D::Word& capability) {
  return capability < typename D::Word(profile.last_cap() + 1);
}

/// cap_capable() where the target is the credentials' own namespace: c ∈ E.
template <Domain D>
constexpr typename D::Bool capable_in_own_ns(const Credentials<D>& cred, unsigned capability) {
  return has<D>(cred.effective, typename D::Word(capability));
}

/// What cap_capable() reads of credentials.
template <Domain D>
struct Subject {
  typename D::Word user_ns, euid, effective;
};

template <Domain D>
constexpr Subject<D> subject_of(const Task<D>& task) {
  return {task.user_ns, task.cred.euid, task.cred.effective};
}

/// The namespace itself or that ancestor of it which has this level; of a level above its own, itself.
template <Domain D>
constexpr typename D::Word ancestor_at_level(const Namespaces<D>& namespaces, const typename D::Word& user_ns,
                                             const typename D::Word& level) {
  typename D::Word ns = user_ns;
  typename D::Bool below(true);
  D::repeat([&] {
    const UserNamespace<D>& here = D::at(namespaces, ns);
    below = level < here.level;
    ns = D::select(below, here.parent, ns);
    return below;
  });
  return D::at_end(below, ns);
}

/// The target is below the subject's namespace, and on the way up from it the last namespace before that one is the
/// subject's own: the rule by which a namespace's creator has every capability in it.
template <Domain D>
constexpr typename D::Bool owns_ancestor(const Namespaces<D>& namespaces, const Subject<D>& subject,
                                         const typename D::Word& target) {
  using Word = typename D::Word;
  const Word level = D::at(namespaces, subject.user_ns).level;
  const UserNamespace<D>& child = D::at(namespaces, ancestor_at_level<D>(namespaces, target, level + Word(1)));
  return (level < D::at(namespaces, target).level) & (child.parent == subject.user_ns) & (child.owner == subject.euid);
}

/// cap_capable(): in its own namespace, c ∈ E; in one below it, c ∈ E as well, and any c for the owner.
template <Domain D>
constexpr typename D::Bool cap_capable(const Namespaces<D>& namespaces, const Subject<D>& subject,
                                       const typename D::Word& target, const typename D::Word& capability) {
  const auto is_capable = [&] {
    using Word = typename D::Word;
    const Word level = D::at(namespaces, subject.user_ns).level;
    const UserNamespace<D>& child = D::at(namespaces, ancestor_at_level<D>(namespaces, target, level + Word(1)));
    const typename D::Bool below = (level < D::at(namespaces, target).level) & (child.parent == subject.user_ns);
    return (((target == subject.user_ns) | below) & has<D>(subject.effective, capability)) |
           (below & (child.owner == subject.euid));
  };
  return kernel_function_of<D>("cap_capable", is_capable, namespaces, subject.user_ns, subject.euid, subject.effective,
                               target, capability);
}

/// The three sets that capset(2) asks for.
template <Domain D>
struct CapsetRequest {
  typename D::Word effective, permitted, inheritable;
};

/// cap_capset(): adds its guards to those of sys_capset() and gives the new credentials.
template <Domain D>
constexpr Credentials<D> cap_capset(Verdict<D>& verdict, const Credentials<D>& old, const CapsetRequest<D>& want) {
  verdict.require(Guard::inheritable_capped,
                  capable_in_own_ns(old, CAP_SETPCAP) | subset<D>(want.inheritable, old.inheritable | old.permitted));
  verdict.require(Guard::inheritable_bounded, subset<D>(want.inheritable, old.inheritable | old.bounding));
  verdict.require(Guard::permitted_not_raised, subset<D>(want.permitted, old.permitted));
  verdict.require(Guard::effective_within_permitted, subset<D>(want.effective, want.permitted));

  Credentials<D> cred = old;
  cred.effective = want.effective;
  cred.inheritable = want.inheritable;
  cred.permitted = want.permitted;
  cred.ambient = old.ambient & want.permitted & want.inheritable;
  return cred;
}

/// cap_task_prctl(), PR_CAPBSET_READ: 1 if c ∈ X.
template <Domain D>
constexpr Outcome<D, Credentials<D>> capbset_read(const Profile& profile, const Credentials<D>& old,
                                                  const typename D::Word& capability) {
  Verdict<D> verdict;
  verdict.require(Guard::capability_valid, cap_valid<D>(profile, capability));
  return {verdict, as_word<D>(has<D>(old.bounding, capability)), old};
}

/// cap_prctl_drop(): X' = X ∖ c. With capbset-drop-lowers-userns, U' = U ∖ c as well.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_prctl_drop(const Profile& profile, const Credentials<D>& old,
                                                    const typename D::Word& capability) {
  Verdict<D> verdict;
  verdict.require(Guard::drop_has_setpcap, capable_in_own_ns(old, CAP_SETPCAP));
  verdict.require(Guard::capability_valid, cap_valid<D>(profile, capability));

  Credentials<D> cred = old;
  cred.bounding = old.bounding & ~D::bit(capability);
  if (profile.features.capbset_drop_lowers_userns) cred.userns = old.userns & ~D::bit(capability);
  return {verdict, typename D::Word(0), cred};
}

/// cap_task_prctl(), PR_SET_SECUREBITS. SETPCAP is asked even where nothing would change; without it, only securebits
/// that are unprivileged may change, with their locks.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_securebits(const Profile& profile, const Credentials<D>& old,
                                                    const typename D::Word& want) {
  using Word = typename D::Word;
  const Word bits(profile.securebits()), locks(profile.securebits() << 1);
  const Word held_locks = old.securebits & locks, changed = old.securebits ^ want;
  const std::uint64_t unprivileged = profile.release->unprivileged_securebits;

  Verdict<D> verdict;
  verdict.require(Guard::securebits_unlocked, ((held_locks >> 1u) & changed) == Word(0));
  verdict.require(Guard::locks_kept, subset<D>(held_locks, want));
  verdict.require(Guard::securebits_supported, subset<D>(want, bits | locks));
  verdict.require(Guard::securebits_has_setpcap,
                  capable_in_own_ns(old, CAP_SETPCAP) |
                      (!(changed == Word(0)) & subset<D>(changed, Word(unprivileged | unprivileged << 1))));

  Credentials<D> cred = old;
  cred.securebits = want;
  return {verdict, Word(0), cred};
}

/// cap_task_prctl(), PR_GET_SECUREBITS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> get_securebits(const Credentials<D>& old) {
  return {{}, old.securebits, old};
}

/// cap_task_prctl(), PR_SET_KEEPCAPS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_keepcaps(const Credentials<D>& old, const typename D::Word& keep) {
  using Word = typename D::Word;
  const Word bit(SECBIT_KEEP_CAPS);

  Verdict<D> verdict;
  verdict.require(Guard::keepcaps_is_boolean, keep < Word(2));
  verdict.require(Guard::keepcaps_unlocked, (old.securebits & Word(SECBIT_KEEP_CAPS_LOCKED)) == Word(0));

  Credentials<D> cred = old;
  cred.securebits = D::select(keep == Word(0), old.securebits & ~bit, old.securebits | bit);
  return {verdict, Word(0), cred};
}

/// cap_task_prctl(), PR_GET_KEEPCAPS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> get_keepcaps(const Credentials<D>& old) {
  return {{}, as_word<D>(has<D>(old.securebits, typename D::Word(SECURE_KEEP_CAPS))), old};
}

/// The arguments of prctl(PR_CAP_AMBIENT, …) and prctl(PR_CAP_USERNS, …), which share their form.
template <Domain D>
struct SetRequest {
  typename D::Word operation, capability, arg4, arg5;
};

/// What the two have in common: the argument checks, in the kernel's order; RAISE's permission (`may_raise`, checked as
/// `raise_guard`); and the set as IS_SET reads it or the operation leaves it.
template <Domain D>
constexpr Outcome<D, typename D::Word> operate_on_set(const Profile& profile, const typename D::Word& set,
                                                      const SetRequest<D>& request, Guard raise_guard,
                                                      const typename D::Bool& may_raise) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Word none(0), bit = D::bit(request.capability);
  const Bool is_set = request.operation == Word(kIsSet), raise = request.operation == Word(kRaise),
             lower = request.operation == Word(kLower), clear_all = request.operation == Word(kClearAll);
  const Bool rest_zero = (request.arg4 | request.arg5) == none;

  Verdict<D> verdict;
  verdict.require(Guard::arguments_zero, rest_zero & ((clear_all & (request.capability == none)) |
                                                      (!clear_all & cap_valid<D>(profile, request.capability))));
  verdict.require(Guard::operation_known, is_set | raise | lower | clear_all);
  verdict.require(raise_guard, implies<D>(raise, may_raise));

  const Word changed = D::select(raise, set | bit, D::select(lower, set & ~bit, none));
  return {verdict, as_word<D>(is_set & has<D>(set, request.capability)), D::select(is_set, set, changed)};
}

/// cap_task_prctl(), PR_CAP_AMBIENT. RAISE needs c ∈ P ∩ I; X is not asked.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_ambient(const Profile& profile, const Credentials<D>& old,
                                                 const SetRequest<D>& request) {
  const typename D::Bool may_raise = has<D>(old.permitted & old.inheritable, request.capability) &
                                     !has<D>(old.securebits, typename D::Word(SECURE_NO_CAP_AMBIENT_RAISE));
  const auto set = operate_on_set<D>(profile, old.ambient, request, Guard::ambient_raise_allowed, may_raise);

  Credentials<D> cred = old;
  cred.ambient = set.after;
  return {set.verdict, set.value, cred};
}

/// cap_task_prctl(), PR_CAP_USERNS (proposal 1): p'U = (pE & SETPCAP) ? X : (X & pP), joined with U.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_userns(const Profile& profile, const Credentials<D>& old,
                                                const SetRequest<D>& request) {
  if (!profile.features.userns) {
    Outcome<D, Credentials<D>> unknown{{}, typename D::Word(0), old};
    unknown.verdict.require(Guard::userns_option_known, typename D::Bool(false));
    return unknown;
  }
  const auto raisable = D::select(capable_in_own_ns(old, CAP_SETPCAP), old.bounding, old.bounding & old.permitted);
  const typename D::Bool may_raise = has<D>(old.userns | raisable, request.capability);
  const auto set = operate_on_set<D>(profile, old.userns, request, Guard::userns_raise_allowed, may_raise);

  Credentials<D> cred = old;
  cred.userns = set.after;
  return {set.verdict, set.value, cred};
}

/// CAP_FS_SET, include/linux/capability.h: the capabilities that follow fsuid.
inline constexpr std::uint64_t kFsSet = cap_bit(CAP_CHOWN) | cap_bit(CAP_MKNOD) | cap_bit(CAP_DAC_OVERRIDE) |
                                        cap_bit(CAP_DAC_READ_SEARCH) | cap_bit(CAP_FOWNER) | cap_bit(CAP_FSETID) |
                                        cap_bit(CAP_MAC_OVERRIDE) | cap_bit(CAP_LINUX_IMMUTABLE);

/// cap_task_fix_setuid() for set[re[s]]uid, with cap_emulate_setxuid(): `ids` are the old credentials with the new ids.
/// Root is the namespace's uid 0.
template <Domain D>
constexpr Credentials<D> fix_setuid(const Credentials<D>& old, const UserNamespace<D>& ns, const Credentials<D>& ids) {
  return kernel_function<D>("cap_task_fix_setuid", [&] {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Word none(0), root = map_id_down(ns.uid_map, none);
    const auto any_root = [&](const Credentials<D>& cred) {
      return (cred.uid == root) | (cred.euid == root) | (cred.suid == root);
    };
    const Bool fixes = !has<D>(old.securebits, Word(SECURE_NO_SETUID_FIXUP)),
               leaves_root = any_root(old) & !any_root(ids),
               clears = fixes & leaves_root & !has<D>(old.securebits, Word(SECURE_KEEP_CAPS)),
               euid_leaves = fixes & (old.euid == root) & !(ids.euid == root),
               euid_becomes = fixes & !(old.euid == root) & (ids.euid == root);

    Credentials<D> cred = ids;
    cred.permitted = D::select(clears, none, old.permitted);
    cred.ambient = D::select(fixes & leaves_root, none, old.ambient);
    cred.effective = D::select(euid_becomes, cred.permitted, D::select(clears | euid_leaves, none, old.effective));
    return cred;
  });
}

/// cap_task_fix_setuid() for setfsuid.
template <Domain D>
constexpr Credentials<D> fix_setfsuid(const Credentials<D>& old, const UserNamespace<D>& ns,
                                      const Credentials<D>& ids) {
  return kernel_function<D>("cap_task_fix_setuid", [&] {
    using Word = typename D::Word;
    const Word root = map_id_down(ns.uid_map, Word(0)), fs_set(kFsSet);
    const typename D::Bool fixes = !has<D>(old.securebits, Word(SECURE_NO_SETUID_FIXUP)),
                           leaves = fixes & (old.fsuid == root) & !(ids.fsuid == root),
                           becomes = fixes & !(old.fsuid == root) & (ids.fsuid == root);
    Credentials<D> cred = ids;
    cred.effective = D::select(leaves, old.effective & ~fs_set,
                               D::select(becomes, old.effective | (old.permitted & fs_set), old.effective));
    return cred;
  });
}

/// The attribute security.capability of a file, as it lies on disk, and the mount's say in it.
template <Domain D>
struct FileCapability {
  typename D::Bool present;    ///< it is there, and the mount lets it count: mnt_may_suid()
  typename D::Bool truncated;  ///< its size is not the one of its revision
  typename D::Word magic;      ///< magic_etc: revision and VFS_CAP_FLAGS_EFFECTIVE
  typename D::Word permitted, inheritable;
  typename D::Word rootid;  ///< of revision 3
};

/// What file capabilities do at an exec: get_file_caps().
template <Domain D>
struct FileCaps {
  typename D::Bool applies;    ///< has_fcap
  typename D::Bool effective;  ///< fE
  typename D::Word permitted;  ///< P1
};

/// rootid_owns_currentns(): the kernel id is uid 0 of the namespace or of an ancestor. -1 is neither: no map leads to
/// it.
template <Domain D>
constexpr typename D::Bool rootid_owns_currentns(const Namespaces<D>& namespaces, const typename D::Word& user_ns,
                                                 const typename D::Word& root) {
  using Word = typename D::Word;
  Word ns = user_ns, owned(0);
  typename D::Bool goes_on(true);
  D::repeat([&] {
    const UserNamespace<D>& here = D::at(namespaces, ns);
    owned = D::select(map_id_up(here.uid_map, root) == Word(0), Word(1), owned);
    goes_on = !(here.level == Word(0));
    ns = here.parent;
    return goes_on;
  });
  return !(D::at_end(goes_on, owned) == Word(0));
}

/// get_file_caps(), with get_vfs_caps_from_disk() and bprm_caps_from_vfs_caps(), for a file system of the initial
/// namespace: P1 = (X ∩ fP) ∪ (I ∩ fI).
template <Domain D>
constexpr FileCaps<D> get_file_caps(Verdict<D>& verdict, const Profile& profile, const Namespaces<D>& namespaces,
                                    const typename D::Word& user_ns, const Credentials<D>& old,
                                    const FileCapability<D>& file) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Word revision = file.magic & Word(VFS_CAP_REVISION_MASK);
  const Bool is_v1 = revision == Word(VFS_CAP_REVISION_1), is_v2 = revision == Word(VFS_CAP_REVISION_2),
             is_v3 = revision == Word(VFS_CAP_REVISION_3);
  verdict.require(Guard::file_capability_well_formed,
                  implies<D>(file.present, (is_v1 | is_v2 | is_v3) & !file.truncated));

  const Word root = D::select(is_v3, file.rootid, Word(0));
  const Bool applies = file.present & rootid_owns_currentns<D>(namespaces, user_ns, root);
  const Word carried = D::select(is_v1, Word(0xffffffff), ~Word(0)) & Word(profile.full_set());
  const Word file_permitted = file.permitted & carried, file_inheritable = file.inheritable & carried;
  const Word granted = (old.bounding & file_permitted) | (old.inheritable & file_inheritable);
  const Bool effective = applies & !((file.magic & Word(VFS_CAP_FLAGS_EFFECTIVE)) == Word(0));
  verdict.require(Guard::file_capabilities_obtained, implies<D>(effective, subset<D>(file_permitted, granted)));
  return {applies, effective, D::select(applies, granted, Word(0))};
}

/// What decides an exec besides the file: what check_unsafe_exec() found, and the tracer.
template <Domain D>
struct ExecSafety {
  typename D::Bool unsafe;           ///< LSM_UNSAFE_SHARE or LSM_UNSAFE_NO_NEW_PRIVS
  typename D::Bool ptracer_capable;  ///< no tracer, or one that has SYS_PTRACE in the namespace
};

/// The credentials after an exec, and AT_SECURE.
template <Domain D>
struct ExecCreds {
  Credentials<D> cred;
  typename D::Bool secure;
};

/// cap_bprm_creds_from_file() after get_file_caps(), with handle_privileged_root(). `ids` are the old credentials with
/// euid and egid as bprm_fill_uid() left them.
template <Domain D>
constexpr ExecCreds<D> cap_bprm_creds_from_file(const Profile& profile, const Credentials<D>& old,
                                                const UserNamespace<D>& ns, const Credentials<D>& ids,
                                                const FileCaps<D>& caps, const ExecSafety<D>& safety,
                                                const typename D::Bool& in_new_group) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Word root = map_id_down(ns.uid_map, Word(0));
  const Bool is_real = ids.uid == root, is_effective = ids.euid == root,
             root_privileged = !has<D>(old.securebits, Word(SECURE_NOROOT)) & !(caps.applies & !is_real & is_effective);
  const Word permitted =
      D::select(root_privileged & (is_real | is_effective), old.bounding | old.inheritable, caps.permitted);
  const Bool effective = caps.effective | (root_privileged & is_effective);

  const Bool from_real = !(ids.euid == old.uid) | !(ids.egid == old.gid);
  const Bool is_setid =
      profile.release->exec_compares_effective_ids ? Bool(!(ids.euid == old.euid) | !in_new_group) : from_real;
  const Bool downgrade = (is_setid | !subset<D>(permitted, old.permitted)) & (safety.unsafe | !safety.ptracer_capable);
  const Bool resets_ids = downgrade & (!capable_in_own_ns(old, CAP_SETUID) | !(old.no_new_privs == Word(0)));
  const Bool after_real = profile.release->exec_compares_effective_ids ? Bool(!resets_ids & from_real) : Bool(false);

  Credentials<D> cred = ids;
  cred.euid = D::select(resets_ids, ids.uid, ids.euid);
  cred.egid = D::select(resets_ids, ids.gid, ids.egid);
  cred.suid = cred.fsuid = cred.euid;
  cred.sgid = cred.fsgid = cred.egid;
  cred.ambient = D::select(caps.applies | is_setid, Word(0), old.ambient);
  cred.permitted = D::select(downgrade, permitted & old.permitted, permitted) | cred.ambient;
  cred.effective = D::select(effective, cred.permitted, cred.ambient);
  cred.securebits = old.securebits & ~Word(SECBIT_KEEP_CAPS);
  const Bool secure = is_setid | after_real | (!is_real & (effective | !subset<D>(cred.permitted, cred.ambient)));
  return {cred, secure};
}

/// cap_ptrace_traceme(), and with the access of ptrace(2) cap_ptrace_access_check(): a task may trace one of its own
/// namespace that has no capability more than it has itself.
template <Domain D>
constexpr typename D::Bool cap_ptrace_access_check(const Namespaces<D>& namespaces, const Task<D>& tracer,
                                                   const Task<D>& tracee) {
  return kernel_function<D>("cap_ptrace_access_check", [&] {
    return ((tracer.user_ns == tracee.user_ns) & subset<D>(tracee.cred.permitted, tracer.cred.permitted)) |
           cap_capable<D>(namespaces, subject_of(tracer), tracee.user_ns, typename D::Word(CAP_SYS_PTRACE));
  });
}

}  // namespace capcheck

#endif
