// SPDX-License-Identifier: GPL-2.0-only
// Invariants of what no kernel shows in a task's state: what a call gives and leaves as the manual pages have it, and
// what it leaves in the world. The solver proves them and properties test them; the fuzzer, which has only a kernel's
// answers, cannot.
//
// Each is a type as in invariants.h that reads the worlds before and after; `exact` where nothing less than all of a
// rule shows that it holds, which spares the solver to try with less. None computes what a rule computes by the rule's
// own functions: maps of ids are read as relations, and where a manual page speaks of all capabilities or ids by name,
// so does the claim.
#ifndef CAPCHECK_MODEL_WORLD_INVARIANTS_H_
#define CAPCHECK_MODEL_WORLD_INVARIANTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck {
namespace invariant {

/// (uid_t)-1: "leave this one", and no id.
inline constexpr std::uint64_t kNoId = 0xffffffff;

template <Domain D>
constexpr typename D::Bool gives(const Step<D>& step, std::uint64_t error) {
  return step.result == typename D::Word(0) - typename D::Word(error);
}
template <Domain D>
constexpr typename D::Bool equivalent(const typename D::Bool& a, const typename D::Bool& b) {
  return (a & b) | (!a & !b);
}
template <Domain D>
constexpr const Task<D>& caller_before(const Step<D>& step) {
  return step.world->tasks[step.call.task];
}
/// Bits in which two values of one type differ in any word. One word, since each part of a conclusion is a question.
template <Domain D, class T>
constexpr typename D::Word differing(const T& a, const T& b) {
  T copy = a;
  typename D::Word bits(0);
  zip_words(copy, b, [&](const typename D::Word& x, const typename D::Word& y) { bits = bits | (x ^ y); });
  return bits;
}
/// The caller's own namespace, as it was.
template <Domain D>
constexpr UserNamespace<D> own_namespace(const Step<D>& step) {
  return D::at(step.world->namespaces, step.before.user_ns);
}
/// Nobody else lives.
template <Domain D>
constexpr typename D::Bool is_alone(const Step<D>& step) {
  typename D::Bool alone(true);
  for (std::size_t other = 0; other < kMaxTasks; ++other) {
    if (other != step.call.task) alone = alone & (step.world->tasks[other].alive == typename D::Word(0));
  }
  return alone;
}
/// A call that fails leaves the tasks, the own namespace and the sysctls; but a session keyring that waits is taken.
struct FailedCallLeavesTheWorld {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "failed-call-leaves-the-world",
      "result < 0 ⇒ tasks' = tasks, sysctls' = sysctls, and the own namespace stays as it was",
      "A call that fails changes nothing, seen or unseen, of any task.", "abort_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return failed(step) & typename D::Bool(step.whose == Whose::caller);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    Word bits = differing<D>(step.world->sysctls, step.left->sysctls) |
                differing<D>(own_namespace(step), UserNamespace<D>(D::at(step.left->namespaces, step.before.user_ns)));
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      Task<D> task = step.world->tasks[i];
      const Task<D>& left = step.left->tasks[i];
      if (i == step.call.task) {
        task.session = left.session;
        task.session_uid = left.session_uid;
        task.pending_session = left.pending_session;
        task.pending_uid = left.pending_uid;
      }
      bits = bits | D::select(task.alive == Word(0), task.alive ^ left.alive, differing<D>(task, left));
    }
    return bits == Word(0);
  }
};

/// Documentation/admin-guide/sysctl: the masks are for the initial namespace's root with both capabilities.
struct SysctlMasksOnlyShrink {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "sysctl-masks-only-shrink",
      "usermodehelper/* := s succeeds ⇔ it exists, euid = 0, level 0, {SETPCAP, SYS_MODULE} ⊆ E; then mask' = mask ∩ s",
      "Only the initial namespace's root with SETPCAP and SYS_MODULE writes the masks, and only to shorten them.",
      "proc_cap_handler"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::write_umh_bset) | is(step, CallKind::write_umh_inheritable) |
           is(step, CallKind::write_umh_userns) | is(step, CallKind::write_cap_userns_mask);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto mask = [&] {
      if (step.call.kind == CallKind::write_umh_bset) return &Sysctls<D>::umh_bset;
      if (step.call.kind == CallKind::write_umh_inheritable) return &Sysctls<D>::umh_inheritable;
      if (step.call.kind == CallKind::write_umh_userns) return &Sysctls<D>::umh_userns;
      return &Sysctls<D>::cap_userns_mask;
    }();
    const bool exists = step.call.kind == CallKind::write_umh_userns        ? profile.features.userns
                        : step.call.kind == CallKind::write_cap_userns_mask ? profile.features.userns_mask
                                                                            : true;
    const Credentials<D>& cred = step.before.cred;
    const Bool is_root = cred.euid == Word(0), is_capable = (step.before.level == Word(0)) &
                                                            has<D>(cred.effective, Word(CAP_SETPCAP)) &
                                                            has<D>(cred.effective, Word(CAP_SYS_MODULE));
    Sysctls<D> expected = step.world->sysctls;
    expected.*mask = D::select(succeeded(step), expected.*mask & step.call.args[0], expected.*mask);
    return equivalent<D>(succeeded(step), Bool(exists) & is_root & is_capable) &
           (differing<D>(expected, step.left->sysctls) == Word(0)) & unchanged(step) &
           implies<D>(Bool(!exists), gives(step, ENOENT)) & implies<D>(Bool(exists) & !is_root, gives(step, EACCES)) &
           implies<D>(Bool(exists) & is_root & !is_capable, gives(step, EPERM)) &
           implies<D>(succeeded(step), step.result == Word(std::string_view("0000000000 0000000000\n").size()));
  }
};

struct HelperIsRootWithinSysctls {
  static constexpr CallKind about = CallKind::usermodehelper;
  static constexpr bool of_world = true;
  static constexpr bool of_helpers = true;
  static constexpr InvariantInfo info{
      "helper-is-root-within-sysctls",
      "helper ⇒ X' = P' = E' = bset ∩ FULL, I' = A' = ∅, all ids 0, level 0, no securebits, dumpable",
      "A user-mode helper is root in the initial namespace, with what the sysctls leave it and nothing else.",
      "call_usermodehelper_exec_async"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return typename D::Bool(step.whose == Whose::helper);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>& cred = step.after.cred;
    const Sysctls<D>& sysctls = step.world->sysctls;
    const Word full(profile.full_set()), bounding = sysctls.umh_bset & full;
    const Word userns = profile.features.userns ? Word(sysctls.umh_userns & full) : Word(0);
    return (cred.bounding == bounding) & (cred.inheritable == Word(0)) & (cred.permitted == bounding) &
           (cred.effective == bounding) &
           (cred.userns == (profile.features.capbset_drop_lowers_userns ? Word(userns & bounding) : userns)) &
           ((cred.ambient | cred.securebits | cred.no_new_privs | cred.uid | cred.euid | cred.suid | cred.fsuid |
             cred.gid | cred.egid | cred.sgid | cred.fsgid | cred.group_count | step.after.level |
             step.after.user_ns) == Word(0)) &
           (step.after.dumpable == Word(1));
  }
};

/// What the calls that set ids have in common; of users or of groups.
template <Domain D>
struct IdsOf {
  using Member = typename D::Word Credentials<D>::*;
  Member real, effective, saved, filesystem;
  IdMap<D> UserNamespace<D>::* map;
  unsigned capability;
};
template <Domain D>
constexpr IdsOf<D> ids_of(bool users) {
  using C = Credentials<D>;
  if (users) return {&C::uid, &C::euid, &C::suid, &C::fsuid, &UserNamespace<D>::uid_map, CAP_SETUID};
  return {&C::gid, &C::egid, &C::sgid, &C::fsgid, &UserNamespace<D>::gid_map, CAP_SETGID};
}

/// setresuid(2), setreuid(2), setuid(2), setfsuid(2), and those of groups, in the initial namespace, where an id is its
/// own name.
struct SetIdsFollowManual {
  static constexpr bool exact = true;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "set-ids-follow-manual",
      "level 0: set*id(ids) succeeds ⇔ SETUID (SETGID) ∈ E or each is one that the call may take up; then it has them",
      "Without CAP_SETUID a task takes up only ids that it has, real, effective or saved; and it gets those it asked "
      "for.",
      "__sys_setresuid"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  static constexpr bool is_about(CallKind kind, CallKind of_users, CallKind of_groups) {
    return kind == of_users || kind == of_groups;
  }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return (sets_user_ids(step) | sets_group_ids(step)) & !is(step, CallKind::setgroups) &
           (step.before.level == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const CallKind kind = step.call.kind;
    const bool users = kind == CallKind::setuid || kind == CallKind::setreuid || kind == CallKind::setresuid ||
                       kind == CallKind::setfsuid;
    const IdsOf<D> ids = ids_of<D>(users);
    const Credentials<D>&old = step.before.cred, &now = step.after.cred;
    const Word real = old.*ids.real, effective = old.*ids.effective, saved = old.*ids.saved,
               filesystem = old.*ids.filesystem;
    const Bool privileged = has<D>(old.effective, Word(ids.capability));
    const auto& a = step.call.args;
    const auto given = [&](const Word& id) { return !(id == Word(kNoId)); };
    const auto is_now = [&](const Word& r, const Word& e, const Word& s, const Word& f) {
      return (now.*ids.real == r) & (now.*ids.effective == e) & (now.*ids.saved == s) & (now.*ids.filesystem == f);
    };
    const auto or_old = [&](const Word& id, const Word& was) { return D::select(given(id), id, was); };
    if (is_about(kind, CallKind::setuid, CallKind::setgid)) {
      const Bool may = privileged | (a[0] == real) | (a[0] == saved);
      return implies<D>(!given(a[0]), gives(step, EINVAL)) &
             implies<D>(given(a[0]), equivalent<D>(succeeded(step), may)) &
             implies<D>(given(a[0]) & !may, gives(step, EPERM)) &
             implies<D>(succeeded(step) & privileged, is_now(a[0], a[0], a[0], a[0])) &
             implies<D>(succeeded(step) & !privileged, is_now(real, a[0], saved, a[0]));
    }
    if (is_about(kind, CallKind::setreuid, CallKind::setregid)) {
      const auto& r = a[0];
      const auto& e = a[1];
      const Bool may = privileged | ((!given(r) | (r == real) | (r == effective)) &
                                     (!given(e) | (e == real) | (e == effective) | (e == saved)));
      const Word e_now = or_old(e, effective);
      const Bool saves = given(r) | (given(e) & !(e == real));
      return equivalent<D>(succeeded(step), may) & implies<D>(!may, gives(step, EPERM)) &
             implies<D>(succeeded(step), is_now(or_old(r, real), e_now, D::select(saves, e_now, saved), e_now));
    }
    if (is_about(kind, CallKind::setresuid, CallKind::setresgid)) {
      const auto may_take = [&](const Word& id) {
        return !given(id) | (id == real) | (id == effective) | (id == saved);
      };
      const Bool may = privileged | (may_take(a[0]) & may_take(a[1]) & may_take(a[2]));
      const Word e_now = or_old(a[1], effective);
      return equivalent<D>(succeeded(step), may) & implies<D>(!may, gives(step, EPERM)) &
             implies<D>(succeeded(step),
                        unchanged(step) | is_now(or_old(a[0], real), e_now, or_old(a[2], saved), e_now)) &
             implies<D>(succeeded(step), (now.*ids.real == or_old(a[0], real)) & (now.*ids.effective == e_now) &
                                             (now.*ids.saved == or_old(a[2], saved)));
    }
    const Bool may = given(a[0]) & (privileged | (a[0] == real) | (a[0] == effective) | (a[0] == saved));
    return implies<D>(filesystem < Word(kNoId), step.result == filesystem) &
           is_now(real, effective, saved, D::select(may, a[0], filesystem));
  }
};

/// capabilities(7), "Transformation of capabilities during execve()", in the initial namespace, by a task that has
/// nobody to share its state with or to be traced by.
struct ExecFollowsManual {
  static constexpr CallKind about = CallKind::execve;
  static constexpr bool exact = true;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exec-follows-manual",
      "level 0, safe: P'(A) = privileged ? ∅ : P(A), P'(P) = (P(I) ∩ F(I)) ∪ (F(P) ∩ X) ∪ P'(A), P'(E) = F(E) ? P'(P) "
      ": "
      "P'(A)",
      "Of a task alone, an exec gives the sets and ids of the manual page, root's files and set-id bits included.",
      "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return executed(step) & (step.before.level == Word(0)) & (step.before.cred.no_new_privs == Word(0)) &
           (caller_before(step).traced == Word(0)) & is_alone(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Credentials<D>&old = step.before.cred, &now = step.after.cred;
    const auto bit = [&](const Word& word, std::uint64_t bits) { return (word & Word(bits)) == Word(bits); };
    const Bool counts = (a[3] & Word(kExecNosuid | kExecScript)) == Word(0);
    const Bool has_owner = !(a[0] == Word(kNoId)) & !(a[1] == Word(kNoId));
    const Bool setuid = counts & has_owner & bit(a[2], S_ISUID),
               setgid = counts & has_owner & bit(a[2], S_ISGID | S_IXGRP);
    const Word revision = a[4] & Word(VFS_CAP_REVISION_MASK);
    const Bool file_caps =
        counts & bit(a[3], kExecCapability) & (!(revision == Word(VFS_CAP_REVISION_3)) | (a[7] == Word(0)));
    const Word euid = D::select(setuid, a[0], old.euid), egid = D::select(setgid, a[1], old.egid);
    const Bool is_root = (old.uid == Word(0)) | (euid == Word(0)),
               by_root = is_root & !has<D>(old.securebits, Word(SECURE_NOROOT)) &
                         !(file_caps & (euid == Word(0)) & !(old.uid == Word(0)));
    const Word carried = D::select(revision == Word(VFS_CAP_REVISION_1), Word(0xffffffff), Word(profile.full_set()));
    const auto of_file = [&](const Word& set) {
      return D::select(by_root, Word(profile.full_set()), D::select(file_caps, set & carried, Word(0)));
    };
    const Bool effective = (file_caps & bit(a[4], VFS_CAP_FLAGS_EFFECTIVE)) | (by_root & (euid == Word(0)));
    const Bool same_ids =
        (old.uid == old.euid) & (old.gid == old.egid) & (old.gid == old.fsgid) & (euid == old.uid) & (egid == old.gid);
    const Bool new_ids = (setuid & !(a[0] == old.uid) & !(a[0] == old.euid));
    return (now.permitted == ((old.inheritable & of_file(a[6])) | (of_file(a[5]) & old.bounding) | now.ambient)) &
           (now.effective == D::select(effective, now.permitted, now.ambient)) &
           ((now.ambient == Word(0)) | (now.ambient == old.ambient)) &
           implies<D>(file_caps | new_ids, now.ambient == Word(0)) &
           implies<D>(same_ids & !file_caps, now.ambient == old.ambient) &
           (now.securebits == (old.securebits & ~Word(SECBIT_KEEP_CAPS))) & (now.uid == old.uid) &
           (now.gid == old.gid) & (now.euid == euid) & (now.suid == euid) & (now.fsuid == euid) & (now.egid == egid) &
           (now.sgid == egid) & (now.fsgid == egid) &
           (((now.group_count ^ old.group_count) | (now.group0 ^ old.group0) | (now.group1 ^ old.group1)) == Word(0)) &
           implies<D>(new_ids, step.output->secure == Word(1)) &
           implies<D>(same_ids & !file_caps & is_root, step.output->secure == Word(0));
  }
};

/// capset(2) and capget(2).
struct CapsetFollowsManual {
  static constexpr CallKind about = CallKind::capset;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{"capset-follows-manual",
                                      "capset(E', P', I') of oneself succeeds ⇔ P' ⊆ P, E' ⊆ P', I' ⊆ I ∪ X, I' ⊆ I ∪ "
                                      "P or SETPCAP ∈ E; A' = A ∩ P' ∩ I'",
                                      "capset takes what the manual page allows, and ambient capabilities follow.",
                                      "cap_capset"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::capset);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Credentials<D>&old = step.before.cred, &now = step.after.cred;
    const Bool v1 = a[0] == Word(_LINUX_CAPABILITY_VERSION_1),
               known = v1 | (a[0] == Word(_LINUX_CAPABILITY_VERSION_2)) | (a[0] == Word(_LINUX_CAPABILITY_VERSION_3));
    const Bool header = (a[2] & Word(kHeaderNull)) == Word(0), data = (a[2] & Word(kDataNull)) == Word(0);
    const Bool own = (a[1] == Word(0)) | (a[1] == Word(thread_id(step.call.task)));
    const Word valid = D::select(v1, Word(0xffffffff), Word(profile.full_set()));
    const Word e = a[3] & valid, p = a[4] & valid, i = a[5] & valid;
    const Bool may = subset<D>(p, old.permitted) & subset<D>(e, p) & subset<D>(i, old.inheritable | old.bounding) &
                     (subset<D>(i, old.inheritable | old.permitted) | has<D>(old.effective, Word(CAP_SETPCAP)));
    return equivalent<D>(succeeded(step), header & known & own & data & may) &
           equivalent<D>(gives(step, EINVAL), header & !known) &
           equivalent<D>(gives(step, EFAULT), !header | (known & own & !data)) &
           implies<D>(succeeded(step), (now.effective == e) & (now.permitted == p) & (now.inheritable == i) &
                                           (now.ambient == (old.ambient & p & i)) & (now.bounding == old.bounding) &
                                           (now.userns == old.userns)) &
           (step.output->version ==
            D::select(header, D::select(known, a[0], Word(_LINUX_CAPABILITY_VERSION_3)), Word(0)));
  }
};

struct CapgetTellsTheSets {
  static constexpr CallKind about = CallKind::capget;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "capget-tells-the-sets", "capget of a live task gives its E, P, I (of version 1 the lower half); else ESRCH",
      "capget tells the sets of the task that it names, and changes nothing.", "sys_capget"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::capget);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Output<D>& output = *step.output;
    const Bool v1 = a[0] == Word(_LINUX_CAPABILITY_VERSION_1),
               known = v1 | (a[0] == Word(_LINUX_CAPABILITY_VERSION_2)) | (a[0] == Word(_LINUX_CAPABILITY_VERSION_3));
    const Bool header = (a[2] & Word(kHeaderNull)) == Word(0), data = (a[2] & Word(kDataNull)) == Word(0);
    const Word half = D::select(v1, Word(0xffffffff), ~Word(0));
    Bool is_told(true), lives(false);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Credentials<D>& cred = step.world->tasks[i].cred;
      const Bool named = (a[1] == Word(thread_id(i))) | ((a[1] == Word(0)) & Bool(i == step.call.task));
      lives = lives | (named & !(step.world->tasks[i].alive == Word(0)));
      is_told = is_told & implies<D>(named, (output.effective == (cred.effective & half)) &
                                                (output.permitted == (cred.permitted & half)) &
                                                (output.inheritable == (cred.inheritable & half)));
    }
    const Bool asks = header & known & data;
    return implies<D>(asks & succeeded(step), is_told) & implies<D>(asks, equivalent<D>(succeeded(step), lives)) &
           implies<D>(!asks, (output.effective | output.permitted | output.inheritable) == Word(0)) &
           implies<D>(asks & !succeeded(step), gives(step, ESRCH) | (gives(step, EINVAL) & (Word(0x7fffffff) < a[1]))) &
           equivalent<D>(gives(step, EFAULT), !header) & implies<D>(header & !known & data, gives(step, EINVAL)) &
           implies<D>(header & !data, succeeded(step)) &
           (output.version == D::select(header, D::select(known, a[0], Word(_LINUX_CAPABILITY_VERSION_3)), Word(0)));
  }
};

/// prctl(2): PR_CAP_AMBIENT, PR_SET_SECUREBITS, PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, and what reads.
struct PrctlFollowsManual {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "prctl-follows-manual", "PR_CAP_AMBIENT, PR_CAPBSET_DROP, PR_*_SECUREBITS, PR_*_KEEPCAPS, PR_*_NO_NEW_PRIVS",
      "The options of prctl succeed, change and tell what their manual pages say, and no more.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return
        typename D::Bool(capcheck::info(step.call.kind).form == Form::prctl && step.call.kind != CallKind::cap_userns);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Credentials<D>& old = step.before.cred;
    const Bool setpcap = has<D>(old.effective, Word(CAP_SETPCAP)), valid = a[0] < Word(profile.last_cap() + 1);
    Credentials<D> cred = old;
    const auto succeeds_if = [&](const Bool& may) {
      return equivalent<D>(succeeded(step), may) & implies<D>(!may, unchanged(step)) &
             implies<D>(may, differing<D>(cred, step.after.cred) == Word(0));
    };
    switch (step.call.kind) {
      case CallKind::capbset_drop:
        cred.bounding = old.bounding & ~D::bit(a[0]);
        if (profile.features.capbset_drop_lowers_userns) cred.userns = old.userns & ~D::bit(a[0]);
        return succeeds_if(setpcap & valid) & implies<D>(!setpcap, gives(step, EPERM)) &
               implies<D>(setpcap & !valid, gives(step, EINVAL));
      case CallKind::capbset_read:
        return succeeds_if(valid) & implies<D>(!valid, gives(step, EINVAL));
      case CallKind::get_securebits:
        return succeeds_if(Bool(true)) & (step.result == old.securebits);
      case CallKind::get_keepcaps:
        return succeeds_if(Bool(true)) &
               (step.result == as_word<D>(!((old.securebits & Word(SECBIT_KEEP_CAPS)) == Word(0))));
      case CallKind::get_no_new_privs: {
        const Bool proper = (a[0] | a[1] | a[2] | a[3]) == Word(0);
        return succeeds_if(proper) & implies<D>(proper, step.result == old.no_new_privs) &
               implies<D>(!proper, gives(step, EINVAL));
      }
      case CallKind::set_no_new_privs: {
        const Bool proper = (a[0] == Word(1)) & ((a[1] | a[2] | a[3]) == Word(0));
        cred.no_new_privs = Word(1);
        return succeeds_if(proper) & implies<D>(!proper, gives(step, EINVAL));
      }
      case CallKind::set_keepcaps: {
        const Bool flag = (a[0] == Word(0)) | (a[0] == Word(1)),
                   locked = !((old.securebits & Word(SECBIT_KEEP_CAPS_LOCKED)) == Word(0));
        cred.securebits =
            (old.securebits & ~Word(SECBIT_KEEP_CAPS)) | D::select(a[0] == Word(0), Word(0), Word(SECBIT_KEEP_CAPS));
        return succeeds_if(flag & !locked) & implies<D>(!flag, gives(step, EINVAL)) &
               implies<D>(flag & locked, gives(step, EPERM));
      }
      case CallKind::set_securebits: {
        // Locks stay, what they lock stays, and only what is known can be set; with SETPCAP nothing else is asked.
        const Word bits(profile.securebits()), locks(profile.securebits() << 1), held = old.securebits & locks;
        const Bool proper =
            (((held | held >> 1u) & (old.securebits ^ a[0])) == Word(0)) & subset<D>(a[0], bits | locks);
        cred.securebits = a[0];
        return implies<D>(succeeded(step), proper & (differing<D>(cred, step.after.cred) == Word(0))) &
               implies<D>(setpcap, equivalent<D>(succeeded(step), proper)) &
               implies<D>(!succeeded(step), gives(step, EPERM)) &
               implies<D>(succeeded(step) & !setpcap, Bool(profile.release->unprivileged_securebits != 0));
      }
      default: {
        const Bool set = a[0] == Word(kIsSet), raise = a[0] == Word(kRaise), lower = a[0] == Word(kLower),
                   clear = a[0] == Word(kClearAll);
        const Bool in_range = a[1] < Word(profile.last_cap() + 1), rest = (a[2] | a[3]) == Word(0);
        const Bool proper = rest & (((set | raise | lower) & in_range) | (clear & (a[1] == Word(0))));
        const Bool raisable = has<D>(old.permitted, a[1]) & has<D>(old.inheritable, a[1]) &
                              ((old.securebits & Word(SECBIT_NO_CAP_AMBIENT_RAISE)) == Word(0));
        cred.ambient = D::select(
            clear, Word(0),
            D::select(raise, old.ambient | D::bit(a[1]), D::select(lower, old.ambient & ~D::bit(a[1]), old.ambient)));
        return succeeds_if(proper & (!raise | raisable)) & implies<D>(!proper, gives(step, EINVAL)) &
               implies<D>(proper & raise & !raisable, gives(step, EPERM)) &
               implies<D>(proper & set, step.result == as_word<D>(has<D>(old.ambient, a[1]))) &
               implies<D>(succeeded(step) & !set, step.result == Word(0));
      }
    }
  }
};

/// A namespace that unshare(2) or clone(2) makes: user_namespaces(7).
struct NewNamespaceIsBelow {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "new-namespace-is-below",
      "a namespace made ⇒ parent = own, level = own + 1 ≤ 33, owner = euid, group = egid, maps empty, creator mapped, "
      "not chrooted",
      "A new namespace lies below its creator's, belongs to it, has no ids yet, and no freer setgroups.",
      "create_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return (is(step, CallKind::unshare) | is(step, CallKind::clone)) &
           !(step.world->namespace_count == step.left->namespace_count);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const UserNamespace<D> own = own_namespace(step), made = D::at(step.left->namespaces, step.world->namespace_count);
    const Credentials<D>& cred = step.before.cred;
    const auto has_name = [&](const IdMap<D>& map, const Word& id) {
      const auto in = [&](const IdExtent<D>& line) {
        return !(id < line.lower_first) & (id - line.lower_first < line.count);
      };
      return in(map.line0) | in(map.line1);
    };
    const auto is_empty = [](const IdMap<D>& map) {
      return (map.line0.first | map.line0.lower_first | map.line0.count | map.line1.first | map.line1.lower_first |
              map.line1.count) == Word(0);
    };
    return succeeded(step) & (made.parent == step.before.user_ns) & (made.level == step.before.level + Word(1)) &
           (step.before.level < Word(profile.release->max_parent_level + 1)) & (made.owner == cred.euid) &
           (made.group == cred.egid) & (made.setgroups_allowed == own.setgroups_allowed) & is_empty(made.uid_map) &
           is_empty(made.gid_map) & has_name(own.uid_map, cred.euid) & has_name(own.gid_map, cred.egid) &
           (caller_before(step).chrooted == Word(0)) &
           (made.parent_could_setfcap == as_word<D>(has<D>(cred.effective, Word(CAP_SETFCAP))));
  }
};

}  // namespace invariant

/// Every invariant of worlds; those of states first.
using WorldCatalogue =
    std::tuple<invariant::FailedCallLeavesTheWorld, invariant::SysctlMasksOnlyShrink,
               invariant::HelperIsRootWithinSysctls, invariant::SetIdsFollowManual, invariant::ExecFollowsManual,
               invariant::CapsetFollowsManual, invariant::CapgetTellsTheSets, invariant::PrctlFollowsManual,
               invariant::NewNamespaceIsBelow>;

/// Calls f<I>() for every invariant of worlds, in order.
template <class F>
constexpr void for_each_world_invariant(F f) {
  const auto call_with_each = [&]<class... I>(std::tuple<I...>*) { (f.template operator()<I>(), ...); };
  call_with_each(static_cast<WorldCatalogue*>(nullptr));
}

}  // namespace capcheck

#endif
