// SPDX-License-Identifier: GPL-2.0-only
// One call of one task, applied to the world: finds what the rule asks for, applies it, and keeps what it leaves.
#ifndef CAPCHECK_MODEL_STEP_H_
#define CAPCHECK_MODEL_STEP_H_

#include <array>
#include <cstddef>

#include "model/call.h"
#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/capability.h"
#include "model/rules/commoncap.h"
#include "model/rules/exec.h"
#include "model/rules/fork.h"
#include "model/rules/groups.h"
#include "model/rules/namei.h"
#include "model/rules/nsproxy.h"
#include "model/rules/open.h"
#include "model/rules/process_keys.h"
#include "model/rules/ptrace.h"
#include "model/rules/sys.h"
#include "model/rules/umh.h"
#include "model/rules/user_namespace.h"
#include "model/rules/userfaultfd.h"
#include "model/world.h"

namespace capcheck {

/// What a call gave besides its result: the header's version and the sets of capget(2), AT_SECURE of execve(2), and the
/// features of UFFDIO_API (of kUserfaultfdFeatures). 0 where nothing was given.
template <Domain D>
struct Output {
  typename D::Word version, effective, permitted, inheritable, secure, features;
};

/// What a call returned and wrote, and why.
template <Domain D>
struct Reply {
  typename D::Word code;    ///< Verdict::code(): the guard that failed first
  typename D::Word result;  ///< the value, or the negated errno
  Output<D> output;
};

namespace detail {

template <Domain D>
constexpr Output<D> no_output() {
  const typename D::Word none(0);
  return {none, none, none, none, none, none};
}

template <Domain D, class After>
constexpr Reply<D> reply_of(const Outcome<D, After>& outcome) {
  return {outcome.verdict.code(), outcome.result(), no_output<D>()};
}

// What the tasks of a world have to do with each other. A world has few tasks, so all of them are asked.

/// Calls f(task, its number) for every task.
template <Domain D, class F>
constexpr void for_each_task(World<D>& world, F f) {
  for_each_number<D>(kMaxTasks, [&](std::size_t number) { f(world.tasks[number], number); });
}

/// Whether a live task other than `self` is such that is(task).
template <Domain D, class Is>
constexpr typename D::Bool any_other_task(const World<D>& world, const typename D::Word& self, Is is) {
  using Word = typename D::Word;
  typename D::Bool any(false);
  for_each_number<D>(kMaxTasks, [&](std::size_t number) {
    const Task<D>& task = world.tasks[number];
    any = any | (!(self == Word(number)) & !(task.alive == Word(0)) & is(task));
  });
  return any;
}

/// thread_group_empty(): a leader without other threads. A thread that is not the leader is never alone.
template <Domain D>
constexpr typename D::Bool thread_group_empty(const World<D>& world, const Task<D>& task,
                                              const typename D::Word& number) {
  return (task.leader == number) &
         !any_other_task(world, number, [&](const Task<D>& other) { return other.leader == task.leader; });
}

/// fs->users != 1.
template <Domain D>
constexpr typename D::Bool fs_shared(const World<D>& world, const Task<D>& task, const typename D::Word& number) {
  return any_other_task(world, number, [&](const Task<D>& other) { return other.fs == task.fs; });
}

/// The free task of the lowest number, and whether there is one.
template <Domain D>
struct FreeTask {
  typename D::Bool exists;
  typename D::Word number;
};

template <Domain D>
constexpr FreeTask<D> free_task(const World<D>& world) {
  using Word = typename D::Word;
  return bookkeeping<D>([&] {
    FreeTask<D> found{typename D::Bool(false), Word(0)};
    for (std::size_t number = kMaxTasks; number-- > 0;) {
      const typename D::Bool free = world.tasks[number].alive == Word(0);
      found = {typename D::Bool(found.exists | free), D::select(free, Word(number), found.number)};
    }
    return found;
  });
}

template <Domain D>
constexpr CapHeader<D> cap_header(const Call<D>& call) {
  using Word = typename D::Word;
  const auto null = [&](std::uint64_t pointer) { return !((call.args[2] & Word(pointer)) == Word(0)); };
  return {call.args[0], call.args[1], null(kHeaderNull), null(kDataNull)};
}

template <Domain D>
constexpr typename D::Word written_version(const CapHeader<D>& header) {
  return D::select(header.header_null, typename D::Word(0), version_after(header));
}

/// Keeps new credentials where the verdict passed, of a call that leaves the address space dumpable.
template <Domain D>
constexpr Reply<D> commit(Credentials<D>& cred, const Outcome<D, Credentials<D>>& outcome) {
  D::assign(cred, outcome.verdict.passed(), outcome.after);
  return reply_of<D>(outcome);
}

/// Whether the address space of a task is dumpable, which its thread group shares.
template <Domain D>
constexpr void set_dumpable(World<D>& world, const Task<D>& task, const typename D::Bool& condition,
                            const typename D::Word& dumpable) {
  Task<D> leader = D::at(world.tasks, task.leader);
  leader.dumpable = dumpable;
  D::store(world.tasks, condition, task.leader, leader);
}

/// commit_creds() of new credentials in a namespace (perhaps another), where the verdict passed.
template <Domain D>
constexpr Reply<D> commit_creds(World<D>& world, Task<D>& task, const Outcome<D, Credentials<D>>& outcome,
                                const typename D::Word& user_ns) {
  const auto passed = outcome.verdict.passed();
  set_dumpable<D>(world, task, passed & !stays_dumpable<D>(world.namespaces, task, outcome.after, user_ns),
                  typename D::Word(0));
  D::assign(task.cred, passed, outcome.after);
  task.user_ns = D::select(passed, user_ns, task.user_ns);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> capget(World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const CapHeader<D> header = cap_header(call);
  const Word own(call.task);
  const typename D::Bool named = in_range<D>(header.pid, Word(kFirstThreadId), Word(kMaxTasks));
  const Task<D>& target = D::at(world.tasks, D::select(named, header.pid - Word(kFirstThreadId), own));
  const typename D::Bool exists = (header.pid == Word(0)) | (named & !(target.alive == Word(0)));
  const auto outcome = sys_capget(target.cred, exists, header);
  return {outcome.verdict.code(),
          outcome.result(),
          {written_version(header), outcome.after.effective, outcome.after.permitted, outcome.after.inheritable,
           Word(0), Word(0)}};
}

template <Domain D>
constexpr Reply<D> capset(const Profile& profile, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const CapHeader<D> header = cap_header(call);
  Credentials<D>& cred = world.tasks[call.task].cred;
  Reply<D> reply = commit(
      cred, sys_capset(profile, cred, Word(thread_id(call.task)), header, {call.args[3], call.args[4], call.args[5]}));
  reply.output.version = written_version(header);
  return reply;
}

/// The next number of a count that goes up where the condition holds.
template <Domain D>
constexpr typename D::Word next_number(typename D::Word& count, const typename D::Bool& condition) {
  using Word = typename D::Word;
  const Word number = count;
  count = bookkeeping<D>([&] { return D::select(condition, number + Word(1), number); });
  return number;
}

/// Gives a new namespace its number, where there is one.
template <Domain D>
constexpr typename D::Word add_namespace(World<D>& world, const typename D::Bool& created,
                                         const UserNamespace<D>& child) {
  using Word = typename D::Word;
  const Word number = world.namespace_count;
  D::store(world.namespaces, created, number, child);
  return next_number<D>(world.namespace_count, created);
}

template <Domain D>
constexpr Reply<D> unshare(const Profile& profile, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  Task<D>& task = world.tasks[call.task];
  const Word number(call.task);
  const auto outcome = sys_unshare(profile, world.sysctls, task, D::at(world.namespaces, task.user_ns), call.args[0],
                                   thread_group_empty(world, task, number));
  const typename D::Bool passed = outcome.verdict.passed(), entered = passed & outcome.after.entered;
  // An fs_struct that nobody else uses is unshared already.
  const typename D::Bool leaves_fs = passed & outcome.after.unshares_fs & fs_shared(world, task, number);
  task.fs = D::select(leaves_fs, next_number<D>(world.fs_count, leaves_fs), task.fs);
  task.user_ns = D::select(entered, add_namespace(world, entered, outcome.after.child), task.user_ns);
  D::assign(task.cred, entered, outcome.after.cred);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> clone(const Profile& profile, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const Task<D>& task = world.tasks[call.task];
  const Word number(call.task), flags = call.args[0];
  const FreeTask<D> free = free_task(world);
  const auto outcome = copy_process(profile, world.sysctls, task, D::at(world.namespaces, task.user_ns), flags,
                                    free.exists, free.number + Word(kFirstThreadId));
  const typename D::Bool passed = outcome.verdict.passed(), entered = passed & outcome.after.entered,
                         thread = asks_for<D>(flags, CLONE_THREAD), new_fs = passed & !asks_for<D>(flags, CLONE_FS);
  const Task<D>& leader = D::at(world.tasks, task.leader);

  Task<D> child = task;
  child.cred = outcome.after.cred;
  child.user_ns = D::select(entered, add_namespace(world, entered, outcome.after.child), task.user_ns);
  child.fs = D::select(new_fs, next_number<D>(world.fs_count, new_fs), task.fs);
  child.leader = D::select(thread, task.leader, free.number);
  child.parent = D::select(thread, task.parent, number);
  child.dumpable = leader.dumpable;
  child.mm_user_ns = leader.mm_user_ns;
  child.pending_session = child.pending_uid = Word(0);
  child.traced = Word(0);
  child.tracer = Word(kOutside);
  child.tracer_user_ns = child.tracer_euid = child.tracer_effective = Word(0);
  child.userfaultfd = no_userfaultfd<D>();
  D::store(world.tasks, passed, free.number, child);
  return reply_of<D>(outcome);
}

/// What becomes of other tasks when `dead(task)` are gone: their children go to `heir`, and their tracees are untraced.
template <Domain D, class Dead>
constexpr void bury(World<D>& world, const typename D::Bool& condition, Dead dead, const typename D::Word& heir) {
  using Word = typename D::Word;
  typename D::Word gone(0);
  for_each_task(world, [&](Task<D>& task, std::size_t number) {
    const typename D::Bool dies = condition & !(task.alive == Word(0)) & dead(task, number);
    gone = gone | D::select(dies, Word(std::uint64_t{1} << number), Word(0));
    task.alive = D::select(dies, Word(0), task.alive);
  });
  for_each_task(world, [&](Task<D>& task, std::size_t) {
    task.parent = D::select(has<D>(gone, task.parent), heir, task.parent);
    const typename D::Bool untraced = has<D>(gone, task.tracer);
    task.traced = D::select(untraced, Word(0), task.traced);
    task.tracer = D::select(untraced, Word(kOutside), task.tracer);
  });
}

template <Domain D>
constexpr Reply<D> exit_group(World<D>& world, const Call<D>& call) {
  const typename D::Word group = world.tasks[call.task].leader;
  bury(
      world, typename D::Bool(true), [&](const Task<D>& task, std::size_t) { return task.leader == group; },
      typename D::Word(kOutside));
  return {typename D::Word(0), typename D::Word(0), no_output<D>()};
}

template <Domain D>
constexpr Reply<D> setns(const Profile& profile, World<D>& world, const Call<D>& call) {
  Task<D>& task = world.tasks[call.task];
  const typename D::Word number(call.task);
  const NamedNamespace<D> target = named_namespace(world, call.args[0]);
  const auto outcome = sys_setns(profile, world, task, target, call.args[1], thread_group_empty(world, task, number),
                                 fs_shared(world, task, number));
  return commit_creds<D>(world, task, outcome, target.number);
}

/// A task whose exec passed: an address space of its own, the other threads gone. A thread that was not the leader goes
/// on as the task of the leader's number: de_thread().
template <Domain D>
constexpr void begin_new_exec(World<D>& world, std::size_t number, const typename D::Bool& passed,
                              const Executed<D>& executed) {
  using Word = typename D::Word;
  const Word own(number), leader = world.tasks[number].leader;
  bury(
      world, passed,
      [&](const Task<D>& task, std::size_t other) { return (task.leader == leader) & !(own == Word(other)); }, leader);

  Task<D>& task = world.tasks[number];
  D::assign(task.cred, passed, executed.cred);
  Task<D> survivor = task;
  survivor.dumpable = executed.dumpable;
  survivor.mm_user_ns = task.user_ns;
  D::assign(survivor.userfaultfd, !(task.userfaultfd.close_on_exec == Word(0)), no_userfaultfd<D>());
  survivor.userfaultfd.memory_gone = survivor.userfaultfd.open;
  survivor.userfaultfd.device_open = Word(0);
  const typename D::Bool moves = passed & !(own == leader);
  task.alive = D::select(moves, Word(0), task.alive);
  for_each_task(world, [&](Task<D>& other, std::size_t) {
    other.parent = D::select(moves & (other.parent == own), leader, other.parent);
    other.tracer = D::select(moves & (other.tracer == own), leader, other.tracer);
  });
  D::store(world.tasks, passed, leader, survivor);
}

template <Domain D>
constexpr Reply<D> execve(const Profile& profile, World<D>& world, const Call<D>& call) {
  const Task<D>& task = world.tasks[call.task];
  const auto& a = call.args;
  const typename D::Word number(call.task);
  const ExecContext<D> context{any_other_task(
      world, number, [&](const Task<D>& other) { return (other.fs == task.fs) & !(other.leader == task.leader); })};
  const auto outcome =
      do_execve<D>(profile, world.namespaces, task, context, {a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]});
  const auto passed = outcome.verdict.passed();
  begin_new_exec(world, call.task, passed, outcome.after);
  Reply<D> reply = reply_of<D>(outcome);
  reply.output.secure = D::select(passed, outcome.after.secure, typename D::Word(0));
  return reply;
}

/// The number of the task's parent; of use only where that is in the world.
template <Domain D>
constexpr typename D::Word parent_of(const Task<D>& task) {
  using Word = typename D::Word;
  return D::select(task.parent == Word(kOutside), Word(0), task.parent);
}

template <Domain D>
constexpr Reply<D> traceme(World<D>& world, const Call<D>& call) {
  Task<D>& task = world.tasks[call.task];
  const auto outcome = ptrace_traceme<D>(world.namespaces, task, D::at(world.tasks, parent_of(task)));
  D::assign(task, outcome.verdict.passed(), outcome.after);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> seize(World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const Word& number = call.args[0];
  const Task<D> tracee = D::at(world.tasks, number);
  const auto outcome = ptrace_seize<D>(world.namespaces, world.tasks[call.task], Word(call.task), tracee,
                                       D::at(world.tasks, tracee.leader));
  D::store(world.tasks, outcome.verdict.passed(), number, outcome.after);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> join_session(World<D>& world, const Call<D>& call) {
  next_number<D>(world.session_count, typename D::Bool(true));
  Task<D>& task = world.tasks[call.task];
  const auto outcome = join_session_keyring(task, world.session_count);
  task = outcome.after;
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> offer_session(World<D>& world, const Call<D>& call) {
  const Task<D>& task = world.tasks[call.task];
  const typename D::Word number = parent_of(task);
  const Task<D> parent = D::at(world.tasks, number);
  const auto outcome = session_to_parent(task, parent, thread_group_empty(world, parent, number));
  D::store(world.tasks, outcome.verdict.passed(), number, outcome.after);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> write_sysctl(const Profile& profile, World<D>& world, const Call<D>& call) {
  const auto write = [&](typename D::Word Sysctls<D>::* mask, bool exists) {
    const auto outcome =
        proc_cap_handler<D>(world.namespaces, world.tasks[call.task], exists, world.sysctls.*mask, call.args[0]);
    world.sysctls.*mask = D::select(outcome.verdict.passed(), outcome.after, world.sysctls.*mask);
    return reply_of<D>(outcome);
  };
  switch (call.kind) {
    case CallKind::write_umh_bset:
      return write(&Sysctls<D>::umh_bset, true);
    case CallKind::write_umh_inheritable:
      return write(&Sysctls<D>::umh_inheritable, true);
    case CallKind::write_umh_userns:
      return write(&Sysctls<D>::umh_userns, profile.features.userns);
    default:
      return write(&Sysctls<D>::cap_userns_mask, profile.features.userns_mask);
  }
}

template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> userfaultfd_call(const Profile& profile, const World<D>& world,
                                                      const Call<D>& call) {
  const Task<D>& task = world.tasks[call.task];
  const auto& a = call.args;
  switch (call.kind) {
    case CallKind::userfaultfd:
      return sys_userfaultfd<D>(profile, world.namespaces, world.sysctls, task, a[0]);
    case CallKind::open_userfaultfd_device:
      return open_userfaultfd_device<D>(world.namespaces, task, {a[0], a[1], a[2]});
    case CallKind::userfaultfd_ioc_new:
      return userfaultfd_dev_ioctl<D>(task, a[0]);
    default:
      return handle_userfault<D>(task, call.kind == CallKind::user_fault);
  }
}

template <Domain D>
constexpr Reply<D> userfaultfd(const Profile& profile, World<D>& world, const Call<D>& call) {
  const auto outcome = userfaultfd_call(profile, world, call);
  D::assign(world.tasks[call.task].userfaultfd, outcome.verdict.passed(), outcome.after);
  return reply_of<D>(outcome);
}

template <Domain D>
constexpr Reply<D> uffdio_api(World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  Task<D>& task = world.tasks[call.task];
  const typename D::Bool open = !(task.userfaultfd.open == Word(0));
  const auto outcome = userfaultfd_api<D>(world.namespaces, task, call.args[0], call.args[1]);
  D::assign(task.userfaultfd, outcome.verdict.passed(), outcome.after);
  Reply<D> reply = reply_of<D>(outcome);
  // The kernel zeroes the structure that it refuses; what it never sees stays as it is.
  const Word reported = D::select(outcome.verdict.passed(), Word(kUserfaultfdFeatures), Word(0));
  reply.output.features = D::select(open, reported, call.args[1] & Word(kUserfaultfdFeatures));
  return reply;
}

template <Domain D>
constexpr Reply<D> write_flag_sysctl(World<D>& world, const Call<D>& call) {
  const auto outcome = write_unprivileged_userfaultfd<D>(world.tasks[call.task], call.args[0]);
  world.sysctls.unprivileged_userfaultfd =
      D::select(outcome.verdict.passed(), outcome.after, world.sysctls.unprivileged_userfaultfd);
  return reply_of<D>(outcome);
}

/// The helper is a task of its own: a kernel thread that executes root's plain file.
template <Domain D>
constexpr Reply<D> usermodehelper(const Profile& profile, World<D>& world) {
  using Word = typename D::Word;
  const FreeTask<D> free = free_task(world);
  Verdict<D> verdict;
  verdict.require(Guard::task_free, free.exists);
  const auto passed = verdict.passed();

  next_number<D>(world.session_count, passed);
  const Word session = world.session_count;
  Task<D> helper = lone_task<D>(call_usermodehelper_exec_async<D>(profile, world.sysctls), free.number,
                                next_number<D>(world.fs_count, passed), session);
  const Word none(0);
  const auto executed = do_execve<D>(profile, world.namespaces, helper, {typename D::Bool(false)},
                                     {none, none, Word(S_IXGRP), none, none, none, none, none});
  helper.cred = executed.after.cred;
  helper.dumpable = executed.after.dumpable;
  D::store(world.tasks, passed, free.number, helper);
  return {verdict.code(), D::select(passed, free.number + Word(kFirstThreadId), Word(0) - verdict.error()),
          no_output<D>()};
}

template <Domain D>
constexpr Reply<D> chroot(World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const Task<D>& task = world.tasks[call.task];
  const auto outcome = sys_chroot(task.cred);
  const auto passed = outcome.verdict.passed();
  const Word fs = task.fs;
  for_each_task(world, [&](Task<D>& other, std::size_t) {
    other.chrooted = D::select(passed & (other.fs == fs), outcome.after, other.chrooted);
  });
  return reply_of<D>(outcome);
}

/// Whether the opener can open a file of the target's in /proc for writing.
template <Domain D>
constexpr Verdict<D> open_proc_file(const World<D>& world, const Task<D>& target, const Task<D>& opener) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::proc_opener_exists, !(opener.alive == Word(0)));
  verdict.require(Guard::proc_target_exists, !(target.alive == Word(0)));
  verdict.require(Guard::proc_file_writable,
                  inode_permission<D>(opener.cred, D::at(world.namespaces, opener.user_ns),
                                      proc_pid_inode<D>(world.namespaces, target, D::at(world.tasks, target.leader)),
                                      Permission::write));
  return verdict;
}

/// A write to one of the files that set up a task's user namespace.
template <Domain D>
constexpr Reply<D> write_proc_file(World<D>& world, const Call<D>& call) {
  const auto& a = call.args;
  const Task<D>& writer = world.tasks[call.task];
  const Task<D>&target = D::at(world.tasks, a[0]), &opener = D::at(world.tasks, a[1]);
  const Verdict<D> opened = open_proc_file(world, target, opener);
  UserNamespace<D> ns = D::at(world.namespaces, target.user_ns);
  const auto keep = [&](auto& part, const auto& outcome) -> Reply<D> {
    part = outcome.after;
    D::store(world.namespaces, outcome.verdict.passed(), target.user_ns, ns);
    return reply_of<D>(outcome);
  };
  const auto write_map = [&](const MapFile<D>& file) {
    return keep(ns.*file.map, map_write<D>(opened, world.namespaces, file, target.user_ns, {opener, writer},
                                           {{a[2], a[3], a[4]}, {a[5], a[6], a[7]}}));
  };
  switch (call.kind) {
    case CallKind::write_uid_map:
      return write_map(kUidMap<D>);
    case CallKind::write_gid_map:
      return write_map(kGidMap<D>);
    default:
      return keep(ns.setgroups_allowed,
                  proc_setgroups_write<D>(opened, world.namespaces, target.user_ns, opener, a[2]));
  }
}

/// The calls that set ids.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_ids(const Credentials<D>& old, const UserNamespace<D>& ns,
                                             const Call<D>& call) {
  const auto& a = call.args;
  switch (call.kind) {
    case CallKind::setuid:
      return set_id(kUserIds<D>, old, ns, a[0]);
    case CallKind::setreuid:
      return set_re_id(kUserIds<D>, old, ns, a[0], a[1]);
    case CallKind::setresuid:
      return set_res_id(kUserIds<D>, old, ns, a[0], a[1], a[2]);
    case CallKind::setfsuid:
      return set_fs_id(kUserIds<D>, old, ns, a[0]);
    case CallKind::setgid:
      return set_id(kGroupIds<D>, old, ns, a[0]);
    case CallKind::setregid:
      return set_re_id(kGroupIds<D>, old, ns, a[0], a[1]);
    case CallKind::setresgid:
      return set_res_id(kGroupIds<D>, old, ns, a[0], a[1], a[2]);
    case CallKind::setfsgid:
      return set_fs_id(kGroupIds<D>, old, ns, a[0]);
    default:
      return sys_setgroups<D>(old, ns, {a[0], a[1], a[2]});
  }
}

}  // namespace detail

/// Applies a call of a live task to the world. Its arguments must be canonical(). What was left for the caller's return
/// to user mode is done first.
template <Domain D>
constexpr Reply<D> step(const Profile& profile, World<D>& world, const Call<D>& call) {
  Task<D>& task = world.tasks[call.task];
  key_change_session_keyring(task);
  Credentials<D>& cred = task.cred;
  const auto& a = call.args;
  switch (call.kind) {
    case CallKind::capget:
      return detail::capget(world, call);
    case CallKind::capset:
      return detail::capset(profile, world, call);
    case CallKind::capbset_read:
      return detail::commit(cred, capbset_read(profile, cred, a[0]));
    case CallKind::capbset_drop:
      return detail::commit(cred, cap_prctl_drop(profile, cred, a[0]));
    case CallKind::cap_ambient:
      return detail::commit(cred, cap_ambient<D>(profile, cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::cap_userns:
      return detail::commit(cred, cap_userns<D>(profile, cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::set_securebits:
      return detail::commit(cred, set_securebits(profile, cred, a[0]));
    case CallKind::get_securebits:
      return detail::commit(cred, get_securebits(cred));
    case CallKind::set_keepcaps:
      return detail::commit(cred, set_keepcaps(cred, a[0]));
    case CallKind::get_keepcaps:
      return detail::commit(cred, get_keepcaps(cred));
    case CallKind::set_no_new_privs:
      return detail::commit(cred, set_no_new_privs<D>(cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::get_no_new_privs:
      return detail::commit(cred, get_no_new_privs<D>(cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::unshare:
      return detail::unshare(profile, world, call);
    case CallKind::chroot:
      return detail::chroot(world, call);
    case CallKind::write_uid_map:
    case CallKind::write_gid_map:
    case CallKind::write_setgroups:
      return detail::write_proc_file(world, call);
    case CallKind::clone:
      return detail::clone(profile, world, call);
    case CallKind::exit_group:
      return detail::exit_group(world, call);
    case CallKind::setns:
      return detail::setns(profile, world, call);
    case CallKind::ns_capable:
      return detail::reply_of<D>(ns_capable<D>(world, task, named_namespace(world, a[0]), a[1]));
    case CallKind::setuid:
    case CallKind::setreuid:
    case CallKind::setresuid:
    case CallKind::setfsuid:
    case CallKind::setgid:
    case CallKind::setregid:
    case CallKind::setresgid:
    case CallKind::setfsgid:
    case CallKind::setgroups:
      return detail::commit_creds<D>(world, task, detail::set_ids(cred, D::at(world.namespaces, task.user_ns), call),
                                     task.user_ns);
    case CallKind::execve:
      return detail::execve(profile, world, call);
    case CallKind::ptrace_traceme:
      return detail::traceme(world, call);
    case CallKind::ptrace_seize:
      return detail::seize(world, call);
    case CallKind::join_session_keyring:
      return detail::join_session(world, call);
    case CallKind::session_to_parent:
      return detail::offer_session(world, call);
    case CallKind::write_umh_bset:
    case CallKind::write_umh_inheritable:
    case CallKind::write_umh_userns:
    case CallKind::write_cap_userns_mask:
      return detail::write_sysctl(profile, world, call);
    case CallKind::usermodehelper:
      return detail::usermodehelper(profile, world);
    case CallKind::userfaultfd:
    case CallKind::open_userfaultfd_device:
    case CallKind::userfaultfd_ioc_new:
    case CallKind::user_fault:
    case CallKind::kernel_fault:
      return detail::userfaultfd(profile, world, call);
    case CallKind::uffdio_api:
      return detail::uffdio_api(world, call);
    case CallKind::write_unprivileged_userfaultfd:
      return detail::write_flag_sysctl(world, call);
  }
  __builtin_unreachable();
}

}  // namespace capcheck

#endif
