// SPDX-License-Identifier: GPL-2.0-only
// Invariants of what single calls answer, and to whom: as their manual pages have it.
#ifndef CAPCHECK_MODEL_CALL_INVARIANTS_H_
#define CAPCHECK_MODEL_CALL_INVARIANTS_H_

#include <cstddef>
#include <cstdint>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "model/world_step.h"

namespace capcheck::invariant {

/// clone(2), ERRORS.
struct CloneRefusesContradictions {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "clone-refuses-contradictions",
      "clone gives EINVAL ⇔ NEWUSER ∧ (FS ∨ THREAD), or THREAD ∧ ¬SIGHAND, or SIGHAND ∧ ¬VM",
      "A new namespace goes with neither a shared fs_struct nor a thread; threads share signal handlers, and those "
      "memory.",
      "copy_process"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::clone) & of_caller(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto together = [&](std::uint64_t flags) { return (step.call.args[0] & Word(flags)) == Word(flags); };
    const auto without = [&](std::uint64_t flag, std::uint64_t needed) {
      return (step.call.args[0] & Word(flag | needed)) == Word(flag);
    };
    return equivalent<D>(together(CLONE_NEWUSER | CLONE_FS) | together(CLONE_NEWUSER | CLONE_THREAD) |
                             without(CLONE_THREAD, CLONE_SIGHAND) | without(CLONE_SIGHAND, CLONE_VM),
                         gives(step, EINVAL));
  }
};

/// unshare(2).
struct UnshareDetachesWhoIsAlone {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "unshare-detaches-who-is-alone",
      "unshare gives EINVAL ⇔ flags unknown, or NEWUSER ∨ THREAD by who is not single-threaded; on success: NEWUSER ⇔ "
      "a "
      "new namespace, fs' = own; without NEWUSER the credentials stay",
      "Only a single-threaded process enters a new namespace; it then shares its fs_struct with nobody.",
      "ksys_unshare"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::unshare);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Word &flags = step.call.args[0], number(step.call.task);
    const Task<D>&caller = caller_before(step), &left = step.left->tasks[step.call.task];
    const Bool enters = asks_for<D>(flags, CLONE_NEWUSER), asks_fs = asks_for<D>(flags, CLONE_NEWUSER | CLONE_FS),
               alone = is_alone(*step.world, caller, number), own_fs = has_own_fs(*step.world, caller, number);
    const Bool refused =
        asks_for<D>(flags, ~kUnshareKnownFlags) | (asks_for<D>(flags, CLONE_NEWUSER | CLONE_THREAD) & !alone);
    const Word fs = D::select(asks_fs & !own_fs, step.world->fs_count, caller.fs),
               user_ns = D::select(enters, step.world->namespace_count, caller.user_ns);
    return equivalent<D>(refused, gives(step, EINVAL)) &
           implies<D>(succeeded(step), (left.fs == fs) & (left.user_ns == user_ns)) &
           implies<D>(!enters, unchanged(step)) & implies<D>(!enters & !refused, succeeded(step));
  }
};

/// setns(2).
struct SetnsJoinsTheNamedNamespace {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "setns-joins-the-named-namespace",
      "setns(n, type) succeeds ⇒ ns' = n; EBADF ⇔ no n; EINVAL ⇔ n, and type is neither 0 nor NEWUSER, n is the own, "
      "the caller is not single-threaded, or its fs is shared; else EPERM",
      "A single-threaded process joins a namespace that is there and not its own, and that one.", "userns_install"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::setns);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Word &named = step.call.args[0], &type = step.call.args[1], number(step.call.task);
    const Task<D>& caller = caller_before(step);
    const Bool there = named < step.world->namespace_count,
               invalid = !((type == Word(0)) | (type == Word(CLONE_NEWUSER))) | (named == caller.user_ns) |
                         !is_alone(*step.world, caller, number) | !has_own_fs(*step.world, caller, number);
    return equivalent<D>(!there, gives(step, EBADF)) & equivalent<D>(there & invalid, gives(step, EINVAL)) &
           implies<D>(failed(step) & there & !invalid, gives(step, EPERM)) &
           implies<D>(succeeded(step), (step.after.user_ns == named) & ((step.after.dumpable == Word(0)) |
                                                                        (step.after.dumpable == step.before.dumpable)));
  }
};

/// credentials(7) and proc(5), /proc/PID/: who has changed its ids is not dumpable. The namespace stays the same.
struct ChangedIdsEndDumpable {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "changed-ids-end-dumpable",
      "set*uid, set*gid, setgroups ⇒ dumpable' = (euid, fsuid, egid, fsgid as before ∧ P' ⊆ P) ? dumpable : 0",
      "A call that changes an effective id or one for files, and no other, makes the address space not dumpable.",
      "commit_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return sets_user_ids(step) | sets_group_ids(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>&old = step.before.cred, &cred = step.after.cred;
    const typename D::Bool same = (old.euid == cred.euid) & (old.egid == cred.egid) & (old.fsuid == cred.fsuid) &
                                  (old.fsgid == cred.fsgid) & subset<D>(cred.permitted, old.permitted);
    return step.after.dumpable == D::select(same, step.before.dumpable, Word(0));
  }
};

/// The header's version after capget(2) or capset(2): what the kernel knows, or what it would have.
template <Domain D>
constexpr typename D::Word version_to_find(const Step<D>& step) {
  using Word = typename D::Word;
  const auto& a = step.call.args;
  Word found(_LINUX_CAPABILITY_VERSION_3);
  for (const std::uint64_t known : {_LINUX_CAPABILITY_VERSION_1, _LINUX_CAPABILITY_VERSION_2})
    found = D::select(a[0] == Word(known), a[0], found);
  return D::select(asks_for<D>(a[2], kHeaderNull), Word(0), found);
}

/// capget(2).
struct CapgetTellsOfWhomItNames {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "capget-tells-of-whom-it-names",
      "capget(pid) succeeds with data ⇒ it writes E, P, I of the live task of that id, of the caller for 0 (of version "
      "1 the low words); ESRCH ⇒ there is none; it writes the version it knows, else 3",
      "What capget writes are the sets of the task that was named.", "sys_capget"};
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
    const Bool has_data = succeeded(step) & !asks_for<D>(a[2], kDataNull);
    const Word read = D::select(a[0] == Word(_LINUX_CAPABILITY_VERSION_1), Word(0xffffffff), ~Word(0));
    Bool there = a[1] == Word(0), all = step.output->version == version_to_find(step);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>& task = step.world->tasks[i];
      const Bool has_id = lives(task) & (a[1] == Word(thread_id(i))),
                 is_it = has_id | ((a[1] == Word(0)) & Bool(i == step.call.task));
      const Word bits = (step.output->effective ^ (task.cred.effective & read)) |
                        (step.output->permitted ^ (task.cred.permitted & read)) |
                        (step.output->inheritable ^ (task.cred.inheritable & read));
      all = all & (D::select(has_data & is_it, bits, Word(0)) == Word(0));
      there = there | has_id;
    }
    return all & implies<D>(has_data, there) & implies<D>(gives(step, ESRCH), !there);
  }
};

/// capset(2).
struct CapsetWritesTheVersion {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{"capset-writes-the-version",
                                      "capset leaves the version it knows in the header, else 3; a null header gives "
                                      "EFAULT, an unknown version EINVAL, another task EPERM, null data EFAULT",
                                      "What a program needs to know of versions, capset tells it.",
                                      "cap_validate_magic"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::capset);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Word found = version_to_find(step);
    const Bool no_header = asks_for<D>(a[2], kHeaderNull), known = found == a[0],
               own = (a[1] == Word(0)) | (a[1] == Word(thread_id(step.call.task)));
    return (step.output->version == found) & implies<D>(!no_header, equivalent<D>(!known, gives(step, EINVAL))) &
           equivalent<D>(no_header | (known & own & asks_for<D>(a[2], kDataNull)), gives(step, EFAULT)) &
           implies<D>(!no_header & known & !own, gives(step, EPERM));
  }
};

/// chroot(2).
struct ChrootNeedsSysChroot {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "chroot-needs-sys-chroot",
      "chroot succeeds ⇔ SYS_CHROOT ∈ E, else EPERM; then chrooted(t)' ⇔ chrooted(t) ∨ fs(t) = the caller's",
      "Who has CAP_SYS_CHROOT changes the root of all that share its fs_struct, and of nobody else.", "sys_chroot"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::chroot);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const typename D::Bool may = has<D>(step.before.cred.effective, Word(CAP_SYS_CHROOT));
    return equivalent<D>(may, succeeded(step)) & implies<D>(failed(step), gives(step, EPERM)) &
           all_living<D>(*step.left, [&](const Task<D>& left, std::size_t i) {
             const Task<D>& task = step.world->tasks[i];
             const typename D::Bool moves = succeeded(step) & (task.fs == caller_before(step).fs);
             return left.chrooted == D::select(moves, Word(1), task.chrooted);
           });
  }
};

/// userfaultfd(2), and USERFAULTFD_IOC_NEW of the device.
struct UserfaultfdIsAsAskedFor {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "userfaultfd-is-as-asked-for",
      "userfaultfd(flags), IOC_NEW(flags) succeed ⇒ flags known, the descriptor is new, of user mode only ⇔ asked for, "
      "close-on-exec ⇔ asked for; IOC_NEW gives EBADF ⇔ the device is not open",
      "A descriptor has the flags that were asked for, and is not enabled yet.", "new_userfaultfd"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::userfaultfd) | is(step, CallKind::userfaultfd_ioc_new);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Word& flags = step.call.args[0];
    const Userfaultfd<D>&before = caller_before(step).userfaultfd, &left = step.left->tasks[step.call.task].userfaultfd;
    const typename D::Bool needs_device = is(step, CallKind::userfaultfd_ioc_new),
                           has_device = !(before.device_open == Word(0)),
                           unknown = asks_for<D>(flags, ~kUserfaultfdFlags);
    const Userfaultfd<D> asked{Word(1), as_word<D>(asks_for<D>(flags, UFFD_USER_MODE_ONLY)),
                               Word(0), as_word<D>(asks_for<D>(flags, O_CLOEXEC)),
                               Word(0), before.device_open};
    return implies<D>(succeeded(step), !unknown & (differing<D>(asked, left) == Word(0))) &
           equivalent<D>(needs_device & !has_device, gives(step, EBADF)) &
           implies<D>(needs_device & has_device & unknown, gives(step, EINVAL));
  }
};

/// open(2) of /dev/userfaultfd.
struct DeviceOpensByItsMode {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "device-opens-by-its-mode",
      "open(/dev/userfaultfd) succeeds ⇔ the node may be read and written, else EACCES; and leaves the descriptors",
      "The mode of the node decides alone who opens the device.", "inode_permission"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::open_userfaultfd_device);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const typename D::Bool may =
        inode_permission<D>(step.before.cred, own_namespace(step), {a[0], a[1], a[2]}, Permission::read_write);
    Userfaultfd<D> expected = caller_before(step).userfaultfd;
    expected.device_open = D::select(may, Word(1), expected.device_open);
    return equivalent<D>(may, succeeded(step)) & implies<D>(failed(step), gives(step, EACCES)) &
           (differing<D>(expected, step.left->tasks[step.call.task].userfaultfd) == Word(0));
  }
};

/// UFFDIO_API(2).
struct UffdioApiEnablesOnce {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "uffdio-api-enables-once",
      "UFFDIO_API succeeds ⇒ there is a userfaultfd, not enabled yet, which now is, and every feature is written; one "
      "that fails of a userfaultfd writes none; EBADF ⇔ there is no userfaultfd, which leaves what was asked for",
      "The API is enabled once, and tells which features there are.", "userfaultfd_api"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::uffdio_api);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Userfaultfd<D>& before = caller_before(step).userfaultfd;
    const typename D::Bool there = !(before.open == Word(0));
    Userfaultfd<D> enabled = before;
    enabled.initialised = D::select(succeeded(step), Word(1), enabled.initialised);
    const Word features = D::select(succeeded(step), Word(kUserfaultfdFeatures), Word(0)),
               asked = step.call.args[1] & Word(kUserfaultfdFeatures);
    return implies<D>(succeeded(step), before.initialised == Word(0)) &
           (differing<D>(enabled, step.left->tasks[step.call.task].userfaultfd) == Word(0)) &
           (step.output->features == D::select(there, features, asked)) & equivalent<D>(!there, gives(step, EBADF));
  }
};

/// UFFDIO_REGISTER(2), and a fault in the page that was registered.
struct FaultsNeedAnEnabledDescriptor {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "faults-need-an-enabled-descriptor",
      "a fault: EBADF ⇔ no userfaultfd; EINVAL ⇔ one that is not enabled; ENOMEM ⇔ one of before an exec",
      "Faults are handed to an enabled userfaultfd of the same address space, and to no other.",
      "userfaultfd_register"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::user_fault) | is(step, CallKind::kernel_fault);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Userfaultfd<D>& descriptor = caller_before(step).userfaultfd;
    const typename D::Bool there = !(descriptor.open == Word(0)), enabled = !(descriptor.initialised == Word(0)),
                           old = !(descriptor.memory_gone == Word(0));
    return equivalent<D>(!there, gives(step, EBADF)) & equivalent<D>(there & !enabled, gives(step, EINVAL)) &
           equivalent<D>(there & enabled & old, gives(step, ENOMEM));
  }
};

/// PR_SET_NO_NEW_PRIVS(2const), PR_GET_NO_NEW_PRIVS(2const).
struct NoNewPrivsChecksArguments {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "no-new-privs-checks-arguments",
      "SET(1, 0, 0, 0) succeeds, and then NNP'; GET(0, 0, 0, 0) gives NNP; all other arguments give EINVAL",
      "no_new_privs is set and read with the arguments that are documented, and with no others.", "sys_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::set_no_new_privs) | is(step, CallKind::get_no_new_privs);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const bool sets = step.call.kind == CallKind::set_no_new_privs;
    typename D::Bool proper = a[0] == Word(sets ? 1 : 0);
    for (const std::size_t unused : {1u, 2u, 3u}) proper = proper & (a[unused] == Word(0));
    const Word before = step.before.cred.no_new_privs, given = sets ? Word(0) : before;
    return equivalent<D>(proper, succeeded(step)) & implies<D>(failed(step), gives(step, EINVAL)) &
           implies<D>(succeeded(step),
                      (step.result == given) & (step.after.cred.no_new_privs == (sets ? Word(1) : before)));
  }
};

/// user_namespaces(7): the files belong to the task, and keep the credentials of who opened them.
struct FilesOfProcAskTheirOpener {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "files-of-proc-ask-their-opener",
      "uid_map, gid_map, setgroups: EBADF ⇔ no opener; ENOENT ⇔ one, but no target; written ⇒ the opener may write to "
      "a file that is the target's; setgroups' = what was written; other namespaces stay",
      "Who opens a file of /proc/PID must be let by its mode, and what is written there is what is stored.",
      "inode_permission"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::write_uid_map) | is(step, CallKind::write_gid_map) | is(step, CallKind::write_setgroups);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const World<D>& world = *step.world;
    const auto& a = step.call.args;
    const Task<D> target = D::at(world.tasks, a[0]), opener = D::at(world.tasks, a[1]);
    const Bool may = inode_permission<D>(opener.cred, D::at(world.namespaces, opener.user_ns),
                                         proc_pid_inode<D>(world.namespaces, target, D::at(world.tasks, target.leader)),
                                         Permission::write);
    // Of the caller's own namespace, which is looked at in each proof.
    const Word left = D::at(step.left->namespaces, step.before.user_ns).setgroups_allowed;
    const Bool stored = implies<D>(is(step, CallKind::write_setgroups) & (target.user_ns == step.before.user_ns),
                                   left == as_word<D>(!(a[2] == Word(0))));
    return equivalent<D>(!lives(opener), gives(step, EBADF)) &
           equivalent<D>(lives(opener) & !lives(target), gives(step, ENOENT)) &
           implies<D>(succeeded(step), may & stored) &
           implies<D>(lives(opener) & lives(target) & !may, gives(step, EACCES));
  }
};

/// setgroups(2): the kernel keeps groups in order.
struct GroupsAreAsAskedFor {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "groups-are-as-asked-for",
      "setgroups(n, g) succeeds ⇒ n' = n, groups' are those that the namespace has for g, in order, and 0 beyond",
      "A task's supplementary groups are those it was given, and no others.", "sys_setgroups"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::setgroups) & succeeded(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto& a = step.call.args;
    const Credentials<D>& cred = step.after.cred;
    const UserNamespace<D> ns = own_namespace(step);
    const Word first = map_id_down(ns.gid_map, a[1]), second = map_id_down(ns.gid_map, a[2]);
    const auto are = [&](const Word& group0, const Word& group1) {
      return (cred.group0 == group0) & (cred.group1 == group1);
    };
    const Bool one = a[0] == Word(1), two = a[0] == Word(2);
    return (cred.group_count == a[0]) & implies<D>(a[0] == Word(0), are(Word(0), Word(0))) &
           implies<D>(one, are(first, Word(0))) &
           implies<D>(two, (are(first, second) | are(second, first)) & !(cred.group1 < cred.group0)) &
           (one | two | (a[0] == Word(0)));
  }
};

/// Documentation/admin-guide/sysctl/vm.rst: a file of mode 0644.
struct UnprivilegedUserfaultfdIsForRoot {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "unprivileged-userfaultfd-is-for-root",
      "vm.unprivileged_userfaultfd := v succeeds ⇔ euid = 0, else EACCES; then it is v, and no other sysctl changes",
      "Only root opens userfaultfd to everybody.", "test_perm"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::write_unprivileged_userfaultfd);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const typename D::Bool is_root = step.before.cred.euid == Word(0);
    Sysctls<D> expected = step.world->sysctls;
    expected.unprivileged_userfaultfd = D::select(is_root, step.call.args[0], expected.unprivileged_userfaultfd);
    return equivalent<D>(is_root, succeeded(step)) & implies<D>(failed(step), gives(step, EACCES)) &
           (differing<D>(expected, step.left->sysctls) == Word(0));
  }
};

}  // namespace capcheck::invariant

#endif
