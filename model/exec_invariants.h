// SPDX-License-Identifier: GPL-2.0-only
// Invariants of execve(2): what a new program has, by capabilities(7) and execve(2).
#ifndef CAPCHECK_MODEL_EXEC_INVARIANTS_H_
#define CAPCHECK_MODEL_EXEC_INVARIANTS_H_

#include <cstddef>
#include <cstdint>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "model/world_step.h"

namespace capcheck::invariant {

/// execve(2), "Effect on process attributes".
struct ExecStartsAnew {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exec-starts-anew",
      "execve ⇒ the task leads a group of its own, its address space is of its namespace, suid' = fsuid' = euid', "
      "KEEP_CAPS is clear, no userfaultfd can be used, and all else of it and of other groups is as it was",
      "An exec ends the other threads; the new program has one set of effective ids, an address space of its own "
      "namespace, and no userfaultfd that works.",
      "begin_new_exec"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return executed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Task<D> caller = caller_in_call(step), left = D::at(step.left->tasks, caller.leader);
    Bool others(true);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>&task = step.world->tasks[i], &now = step.left->tasks[i];
      const Bool of_group = task.leader == caller.leader;
      others = others & implies<D>(lives(now) & !(caller.leader == Word(i)), lives(task) & !of_group) &
               implies<D>(lives(task) & !of_group, lives(now) & keeps_all_but_relatives(task, now));
    }
    return others & lives(left) & (left.mm_user_ns == caller.user_ns) & ids_follow(caller.cred, left.cred) &
           userfaultfd_is_useless(caller.userfaultfd, left.userfaultfd) & (rest_differs(caller, left) == Word(0));
  }

  template <Domain D>
  static constexpr typename D::Bool ids_follow(const Credentials<D>& old, const Credentials<D>& cred) {
    using Word = typename D::Word;
    const Word bits = (cred.suid ^ cred.euid) | (cred.fsuid ^ cred.euid) | (cred.sgid ^ cred.egid) |
                      (cred.fsgid ^ cred.egid) | (cred.uid ^ old.uid) | (cred.gid ^ old.gid) |
                      (cred.securebits ^ (old.securebits & ~D::bit(Word(SECURE_KEEP_CAPS))));
    return bits == Word(0);
  }
  template <Domain D>
  static constexpr typename D::Bool userfaultfd_is_useless(const Userfaultfd<D>& old, const Userfaultfd<D>& now) {
    using Word = typename D::Word;
    const typename D::Bool stays = (old.close_on_exec == Word(0)) & !(old.open == Word(0));
    return (now.device_open == Word(0)) & implies<D>(!(now.open == Word(0)), !(now.memory_gone == Word(0))) &
           implies<D>(stays, !(now.open == Word(0)) & (now.user_mode_only == old.user_mode_only) &
                                 (now.initialised == old.initialised)) &
           implies<D>(!(old.close_on_exec == Word(0)), now.open == Word(0));
  }
  /// What is neither of the credentials nor looked at elsewhere.
  template <Domain D>
  static constexpr typename D::Word rest_differs(const Task<D>& caller, const Task<D>& left) {
    typename D::Word bits(0);
    for (const auto part : {&Task<D>::user_ns, &Task<D>::leader, &Task<D>::fs, &Task<D>::chrooted,
                            &Task<D>::tracer_user_ns, &Task<D>::tracer_euid, &Task<D>::tracer_effective})
      bits = bits | (left.*part ^ caller.*part);
    return bits;
  }
};

/// commit_creds() of an exec sees that the address space is not dumpable; so does setup_new_exec() where ids differ.
struct ExecIsDumpableWithoutGain {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exec-is-dumpable-without-gain",
      "execve ⇒ (dumpable' ⇔ uid = euid = euid' = fsuid = fsuid', the same of gid, and P' ⊆ P)",
      "A program that runs with other ids than its user's, or with a capability that was not permitted before, is not "
      "dumpable.",
      "commit_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return executed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>&old = step.before.cred, &cred = step.after.cred;
    const typename D::Bool same_ids = (old.euid == old.uid) & (old.egid == old.gid) & (old.euid == cred.euid) &
                                      (old.egid == cred.egid) & (old.fsuid == cred.fsuid) & (old.fsgid == cred.fsgid),
                           gains = !subset<D>(cred.permitted, old.permitted),
                           dumpable = !(step.after.dumpable == typename D::Word(0));
    return implies<D>(dumpable, same_ids) & implies<D>(dumpable, !gains) & implies<D>(same_ids & !gains, dumpable) &
           (step.after.dumpable < typename D::Word(2));
  }
};

/// The file's permissions, and whose it is.
struct ExecAsksTheFile {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exec-asks-the-file",
      "execve ⇒ the file may be executed, euid' ∈ {euid, uid, S_ISUID: the file's}, egid' ∈ {egid, gid, S_ISGID: the "
      "file's}; one that may not be gives EACCES",
      "What is executed has an execute bit for the task, and new ids come from its set-id bits alone.",
      "inode_permission"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::execve);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Credentials<D>&old = step.before.cred, &cred = step.after.cred;
    const typename D::Bool may =
        inode_permission<D>(old, own_namespace(step), {a[0], a[1], a[2] | Word(kExecMode)}, Permission::execute);
    return equivalent<D>(!may, gives(step, EACCES)) &
           ((cred.euid == old.euid) | (cred.euid == old.uid) | (asks_for<D>(a[2], S_ISUID) & (cred.euid == a[0]))) &
           ((cred.egid == old.egid) | (cred.egid == old.gid) | (asks_for<D>(a[2], S_ISGID) & (cred.egid == a[1])));
  }
};

/// fs->users, as check_unsafe_exec() looks at it.
struct ExecGainsNothingWhileShared {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exec-gains-nothing-while-shared", "execve, fs shared with another thread group ⇒ P' ⊆ P",
      "Whoever shares its root and working directory with another process gains no capability by an exec.",
      "check_unsafe_exec"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return executed(step) & !keeps_fs_in_group(*step.world, caller_before(step));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.permitted, step.before.cred.permitted);
  }
};

/// In the initial namespace, by a user whose ids are all one and not root's: that is uid 0 there, by the map.
template <Domain D>
constexpr typename D::Bool is_ordinary_exec(const Step<D>& step) {
  using Word = typename D::Word;
  const Credentials<D>& cred = step.before.cred;
  const Word root = map_id_down(own_namespace(step).uid_map, Word(0));
  return executed(step) & (step.before.level == Word(0)) & !(cred.uid == root) & (cred.euid == cred.uid) &
         (cred.egid == cred.gid) & (cred.fsgid == cred.gid);
}

/// capabilities(7), "Transformation of capabilities during execve()".
struct FileCapabilitiesAddUp {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "file-capabilities-add-up",
      "execve by an ordinary user of a file with v2 capabilities, nothing unsafe, level 0 ⇒ P' = (X ∩ fP) ∪ (I ∩ fI), "
      "E' = fE ? P' : ∅, and fE ⇒ fP ⊆ P'",
      "A file with capabilities gives those of its permitted set that are in X, those of its inheritable set that are "
      "in I, and all in effect or none.",
      "bprm_caps_from_vfs_caps"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Task<D>& caller = caller_before(step);
    return is_ordinary_exec(step) & (a[2] == Word(S_IXGRP)) & (a[3] == Word(kExecCapability)) &
           ((a[4] & Word(VFS_CAP_REVISION_MASK)) == Word(VFS_CAP_REVISION_2)) & (caller.cred.no_new_privs == Word(0)) &
           (caller.traced == Word(0)) & keeps_fs_in_group(*step.world, caller);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Credentials<D>&old = step.before.cred, &cred = step.after.cred;
    const Word full(profile.full_set()), permitted = a[5] & full, inheritable = a[6] & full;
    const Word granted = (old.bounding & permitted) | (old.inheritable & inheritable);
    const typename D::Bool in_effect = asks_for<D>(a[4], VFS_CAP_FLAGS_EFFECTIVE);
    return (cred.permitted == granted) & (cred.effective == D::select(in_effect, cred.permitted, Word(0))) &
           implies<D>(in_effect, subset<D>(permitted, granted));
  }
};

/// The program runs with the ambient set, and nothing else.
template <Domain D>
constexpr typename D::Bool runs_with_ambient(const Step<D>& step) {
  using Word = typename D::Word;
  const Word ambient = step.before.cred.ambient;
  const Credentials<D>& cred = step.after.cred;
  return (cred.ambient == ambient) & (cred.permitted == ambient) & (cred.effective == ambient) &
         (step.output->secure == Word(0));
}

/// The same, of a file without either.
struct PlainFilesKeepTheAmbient {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "plain-files-keep-the-ambient",
      "execve by an ordinary user of a file without capabilities and set-id bits, level 0 ⇒ P' = E' = A' = A, "
      "AT_SECURE 0",
      "A program that has nothing of its own runs with the ambient set.", "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    const auto& a = step.call.args;
    return is_ordinary_exec(step) & !asks_for<D>(a[3], kExecCapability) & !asks_for<D>(a[2], S_ISUID) &
           !asks_for<D>(a[2], S_ISGID);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return runs_with_ambient(step);
  }
};

/// mount(8), nosuid.
struct NosuidFilesGiveNothing {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "nosuid-files-give-nothing",
      "execve by an ordinary user of a file on a nosuid mount, level 0 ⇒ P' = E' = A' = A, AT_SECURE 0",
      "On a nosuid mount neither set-id bits nor capabilities of a file count.", "mnt_may_suid"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is_ordinary_exec(step) & asks_for<D>(step.call.args[3], kExecNosuid);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return runs_with_ambient(step);
  }
};

/// execve(2), Interpreter scripts.
struct ScriptsGiveNothing {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "scripts-give-nothing", "execve by an ordinary user of a script, level 0 ⇒ P' = E' = A' = A, AT_SECURE 0",
      "Neither set-id bits nor capabilities of a script count.", "bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is_ordinary_exec(step) & asks_for<D>(step.call.args[3], kExecScript);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return runs_with_ambient(step);
  }
};

/// getauxval(3), AT_SECURE.
struct AtSecureTellsOfNewIds {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "at-secure-tells-of-new-ids",
      "execve ⇒ (euid' ≠ uid' ∨ egid' ≠ gid' ⇒ AT_SECURE 1); one that fails tells nothing",
      "The dynamic linker of a program with effective ids that are not its user's is told so.",
      "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::execve);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>& cred = step.after.cred;
    const typename D::Bool as_user = (cred.euid == cred.uid) & (cred.egid == cred.gid);
    return implies<D>(failed(step), step.output->secure == Word(0)) & (step.output->secure < Word(2)) &
           implies<D>(executed(step) & !as_user, step.output->secure == Word(1));
  }
};

}  // namespace capcheck::invariant

#endif
