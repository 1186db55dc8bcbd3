// SPDX-License-Identifier: GPL-2.0-only
// Invariants of how tasks stand to each other: threads, parents and tracers, shared fs_structs, session keyrings. They
// decide about credentials (who is alone may enter a namespace, who is traced gains nothing by an exec).
#ifndef CAPCHECK_MODEL_TASK_INVARIANTS_H_
#define CAPCHECK_MODEL_TASK_INVARIANTS_H_

#include <cstddef>
#include <cstdint>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "model/world_step.h"

namespace capcheck::invariant {

/// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING and KEYCTL_SESSION_TO_PARENT. An exec by a thread goes on as the leader.
struct SessionKeyringsAreJoinedOrOffered {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "session-keyrings-are-joined-or-offered",
      "keyring(t)' = what waited for the caller t, else keyring(t), but for JOIN_SESSION_KEYRING; what waits for t is "
      "the keyring of a child that offered it",
      "A task's session keyring is the one it had, one that it joins, or one that its child offered it, which it has "
      "from its next call on.",
      "key_change_session_keyring"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return of_caller(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Task<D> caller = caller_in_call(step);
    const Bool offers = is(step, CallKind::session_to_parent) & succeeded(step);
    Bool all(true);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>&before = step.world->tasks[i], &left = step.left->tasks[i];
      const Bool goes_on = typename D::Bool(i == step.call.task) | (executed(step) & (caller.leader == Word(i)));
      const auto expected = [&](Word Task<D>::* part) { return D::select(goes_on, caller.*part, before.*part); };
      const Bool joined = Bool(i == step.call.task) & is(step, CallKind::join_session_keyring),
                 offered = offers & (caller.parent == Word(i)) & !(expected(&Task<D>::session) == caller.session);
      const auto is_so = [&](Word Task<D>::* part, const Bool& other, const Word& instead) {
        return left.*part == D::select(other, instead, expected(part));
      };
      all =
          all & implies<D>(lives(before) & lives(left), is_so(&Task<D>::session, joined, step.left->session_count) &
                                                            is_so(&Task<D>::session_uid, joined, caller.cred.uid) &
                                                            is_so(&Task<D>::pending_session, offered, caller.session) &
                                                            is_so(&Task<D>::pending_uid, offered, caller.session_uid));
    }
    return all;
  }
};

/// keyctl(2), KEYCTL_SESSION_TO_PARENT.
struct KeyringsAreOfferedToTheOwnParent {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "keyrings-are-offered-to-the-own-parent",
      "SESSION_TO_PARENT succeeds ⇔ the parent is a single-threaded task and has the keyring already, or all its ids "
      "and both keyrings are of the caller's effective ids; else EPERM",
      "Only a single-threaded parent that is of the same user throughout gets a session keyring from its child.",
      "keyctl_session_to_parent"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::session_to_parent);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    World<D> world = *step.world;
    const Task<D> caller = world.tasks[step.call.task] = caller_in_call(step), parent = parent_of(world, caller);
    const Credentials<D>&own = caller.cred, &its = parent.cred;
    Bool same_user = (parent.session_uid == own.euid) & (caller.session_uid == own.euid);
    for (const auto id : {&Credentials<D>::uid, &Credentials<D>::euid, &Credentials<D>::suid})
      same_user = same_user & (its.*id == own.euid);
    for (const auto id : {&Credentials<D>::gid, &Credentials<D>::egid, &Credentials<D>::sgid})
      same_user = same_user & (its.*id == own.egid);
    const Bool has_it = caller.session == parent.session;
    const Bool may = !(caller.parent == Word(kOutside)) & is_alone(world, parent, caller.parent) & (has_it | same_user);
    return equivalent<D>(succeeded(step), may) & implies<D>(failed(step), gives(step, EPERM));
  }
};

/// exit_group(2).
struct ExitEndsTheOwnGroup {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "exit-ends-the-own-group",
      "exit_group ⇒ (t lives' ⇔ t lives ∧ leader(t) ≠ the caller's), and t is as it "
      "was but for its parent and tracer",
      "exit_group ends the caller's thread group, and leaves all others what they have.", "do_group_exit"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::exit_group);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    typename D::Bool all(step.result == Word(0));
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>&task = step.world->tasks[i], &left = step.left->tasks[i];
      const typename D::Bool stays = lives(task) & !(task.leader == caller_before(step).leader);
      all = all & equivalent<D>(lives(left), stays) & implies<D>(stays, keeps_all_but_relatives(task, left));
    }
    return all;
  }
};

/// wait(2): who loses its parent becomes a child of init; ptrace(2): who loses its tracer is untraced. What is outside
/// the world stands for init.
struct RelativesChangeOnlyByDeath {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "relatives-change-only-by-death",
      "success ⇒ parent(t)' = parent(t) while that lives, else outside, or after an exec its leader; tracer(t) "
      "likewise, but "
      "that t is untraced; PTRACE_TRACEME and PTRACE_SEIZE give one",
      "A task has its parent and its tracer for as long as these live; to become a tracer takes a call.",
      "forget_original_parent"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return of_caller(step) & succeeded(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Word own(step.call.task), leader = caller_before(step).leader;
    // By an exec, a thread takes the place of its leader, which ends as all others of the group do.
    const Bool exits = is(step, CallKind::exit_group), executes = is(step, CallKind::execve),
               replaces = executes & !(leader == own);
    Word gone(0), ended(0);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>& task = step.world->tasks[i];
      const Bool of_group = lives(task) & (task.leader == leader), is_own = own == Word(i);
      const Word bit(std::uint64_t{1} << i);
      gone = gone | D::select(of_group & (exits | (executes & !(leader == Word(i)))), bit, Word(0));
      ended = ended | D::select(of_group & (exits | (executes & !is_own)), bit, Word(0));
    }
    const Word heir = D::select(executes, leader, Word(kOutside));
    Bool all(true);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Task<D>&task = step.world->tasks[i], &left = step.left->tasks[i];
      const Bool attached = (is(step, CallKind::ptrace_traceme) & Bool(i == step.call.task)) |
                            (is(step, CallKind::ptrace_seize) & (step.call.args[0] == Word(i)));
      const Bool untraced = has<D>(ended, task.tracer);
      const Word parent = D::select(has<D>(gone, task.parent), heir, task.parent),
                 tracer =
                     D::select(untraced, Word(kOutside), D::select(has<D>(gone, task.tracer), leader, task.tracer)),
                 traced = D::select(untraced, Word(0), task.traced);
      const Bool is_it = lives(task) & lives(left) & !(replaces & (leader == Word(i)));
      all = all & implies<D>(is_it, left.parent == parent) &
            implies<D>(is_it & !attached, (left.tracer == tracer) & (left.traced == traced));
    }
    return all;
  }
};

/// ptrace(2): PTRACE_TRACEME makes the parent the tracer, PTRACE_SEIZE the caller.
struct TracersAreWhoAsked {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "tracers-are-who-asked",
      "PTRACE_TRACEME succeeds ⇒ untraced before, tracer' = parent; PTRACE_SEIZE t ⇒ t lives, untraced, of another "
      "group, tracer(t)' = the caller; to a parent of the same namespace ⇔ P ⊆ P(parent) or it has SYS_PTRACE; one "
      "that "
      "does not live gives ESRCH, all else EPERM",
      "A task gets one tracer, its parent or who attaches from another thread group, and keeps the caller's "
      "credentials of that moment; to its parent it shows no capability that is not there.",
      "ptrace_link"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::ptrace_traceme) | is(step, CallKind::ptrace_seize);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const bool seizes = step.call.kind == CallKind::ptrace_seize;
    const Word own(step.call.task), number = seizes ? step.call.args[0] : own;
    const Task<D>& caller = caller_before(step);
    const Task<D> tracee = D::at(step.world->tasks, number), left = D::at(step.left->tasks, number);
    const Bool there = lives(tracee), free = tracee.traced == Word(0), other = !(tracee.leader == caller.leader);
    const Word bits = (left.traced ^ Word(1)) | (left.tracer ^ (seizes ? own : caller.parent)) |
                      (left.tracer_user_ns ^ caller.user_ns) | (left.tracer_euid ^ caller.cred.euid) |
                      (left.tracer_effective ^ caller.cred.effective);
    const Bool outside = caller.parent == Word(kOutside);
    const Task<D> parent = parent_of(*step.world, caller);
    const Bool shows_nothing = subset<D>(caller.cred.permitted, parent.cred.permitted) |
                               has<D>(parent.cred.effective, Word(CAP_SYS_PTRACE)),
               neighbours = !outside & (parent.user_ns == caller.user_ns);
    return implies<D>(succeeded(step), there & free & (bits == Word(0)) & (Bool(!seizes) | other)) &
           equivalent<D>(!there, gives(step, ESRCH)) & implies<D>(there & failed(step), gives(step, EPERM)) &
           implies<D>(Bool(!seizes) & outside & free, succeeded(step)) &
           implies<D>(Bool(!seizes) & neighbours & free, equivalent<D>(shows_nothing, succeeded(step)));
  }
};

/// clone(2).
struct ChildSharesWhatWasAskedFor {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "child-shares-what-was-asked-for",
      "clone ⇒ CLONE_THREAD ? group and parent of the child are the creator's : it leads its own, and the creator is "
      "its parent; CLONE_FS ? its fs is the creator's : a new one; untraced, nothing waits, no userfaultfd",
      "A child shares with its creator the thread group and the fs_struct if that was asked for, has its keyring and "
      "the state of its address space, and nothing of what belongs to one task.",
      "copy_process"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return typename D::Bool(step.whose == Whose::child);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Task<D> creator = caller_in_call(step), leader = D::at(step.world->tasks, creator.leader);
    const Word number = step.result - Word(kFirstThreadId), own(step.call.task), &flags = step.call.args[0];
    const typename D::Bool is_thread = asks_for<D>(flags, CLONE_THREAD), shares_fs = asks_for<D>(flags, CLONE_FS);
    Task<D> expected = creator;
    expected.cred = step.after.cred;
    expected.user_ns = D::select(asks_for<D>(flags, CLONE_NEWUSER), step.world->namespace_count, creator.user_ns);
    expected.leader = D::select(is_thread, creator.leader, number);
    expected.parent = D::select(is_thread, creator.parent, own);
    expected.fs = D::select(shares_fs, creator.fs, step.world->fs_count);
    expected.dumpable = leader.dumpable;
    expected.mm_user_ns = leader.mm_user_ns;
    expected.traced = expected.tracer_user_ns = expected.tracer_euid = expected.tracer_effective = Word(0);
    expected.tracer = Word(kOutside);
    expected.userfaultfd = no_userfaultfd<D>();
    return differing<D>(expected, D::at(step.left->tasks, number)) == Word(0);
  }
};

/// What makes a task gives its number, where there is room for one.
struct NewTasksWereFree {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "new-tasks-were-free",
      "clone or a helper succeeds ⇒ the task it gives lives now and did not before, and no other begins to live; "
      "EAGAIN ⇒ all live",
      "A new task takes the place of none that lives, and none is refused where there is room.", "copy_process"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return of_caller(step) & (is(step, CallKind::clone) | is(step, CallKind::usermodehelper));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const Word number = step.result - Word(kFirstThreadId);
    Bool all(true), full(true);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      const Bool lived = lives(step.world->tasks[i]), is_new = succeeded(step) & (number == Word(i));
      full = full & lived;
      all = all & equivalent<D>(lives(step.left->tasks[i]), lived | is_new) & !(lived & is_new);
    }
    return all & implies<D>(succeeded(step), number < Word(kMaxTasks)) & implies<D>(gives(step, EAGAIN), full);
  }
};

}  // namespace capcheck::invariant

#endif
