// SPDX-License-Identifier: GPL-2.0-only
// Programs of one task, in a child that shares the executor's memory and descriptors. The executor stands still until
// the child has ended, so the child may use all that is the executor's, but no memory is allocated and nothing is
// thrown in it.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "fuzz/executor/counting.h"
#include "fuzz/executor/raw.h"
#include "fuzz/executor/runner.h"
#include "fuzz/executor/shared.h"
#include "fuzz/executor/status.h"
#include "fuzz/sut/perform.h"

namespace capcheck {
namespace {

constexpr char kOwnNamespace[] = "thread-self/ns/user";

/// The system calls of a task about itself; the members are those of capcheck_kernel.
struct OwnCalls {
  const Environment& environment;
  const OpenNamespaces& namespaces;
  const TaskState<Concrete>& state;

  static long capget(void* header, void* data) { return raw(SYS_capget, header, data); }
  static long capset(void* header, const void* data) { return raw(SYS_capset, header, data); }
  static long prctl(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
                    unsigned long arg5) {
    return raw(SYS_prctl, option, arg2, arg3, arg4, arg5);
  }
  long unshare(unsigned long flags) const {
    const auto call = [&] { return raw(SYS_unshare, flags); };
    return nests_deep(state) ? call() : insist(-ENOSPC, call);
  }
  long chroot() const { return raw(SYS_chroot, environment.jail); }
  static long write_proc_file(capcheck_proc_file file, unsigned target, unsigned opener, const char* text,
                              unsigned long size) {
    constexpr std::array kPaths = {"thread-self/uid_map", "thread-self/gid_map", "thread-self/setgroups"};
    if (opener != 0) return -EBADF;
    if (target != 0) return -ENOENT;
    return open_and_write(kPaths[file], text, size);
  }
  static long write_sysctl(capcheck_sysctl file, const char* text, unsigned long size) {
    return open_and_write(kSysctlNames[file], text, size);
  }
  static long clone(unsigned long) { return -ENOSYS; }  // programs that clone or execute are not run here
  static long execve(capcheck_executable*) { return -ENOSYS; }
  static void exit_group() {}  // the child ends when its program has
  long setns(unsigned user_ns, unsigned long flags) const {
    if (user_ns >= namespaces.count()) return -EBADF;
    return raw(SYS_setns, namespaces.descriptor(user_ns), flags);
  }
  static long ns_capable(unsigned, unsigned) { return -ENOSYS; }
  static long setuid(unsigned uid) { return raw(SYS_setuid, uid); }
  static long setreuid(unsigned ruid, unsigned euid) { return raw(SYS_setreuid, ruid, euid); }
  static long setresuid(unsigned ruid, unsigned euid, unsigned suid) { return raw(SYS_setresuid, ruid, euid, suid); }
  static long setfsuid(unsigned uid) { return raw(SYS_setfsuid, uid); }
  static long setgid(unsigned gid) { return raw(SYS_setgid, gid); }
  static long setregid(unsigned rgid, unsigned egid) { return raw(SYS_setregid, rgid, egid); }
  static long setresgid(unsigned rgid, unsigned egid, unsigned sgid) { return raw(SYS_setresgid, rgid, egid, sgid); }
  static long setfsgid(unsigned gid) { return raw(SYS_setfsgid, gid); }
  static long setgroups(unsigned long count, const unsigned* groups) { return raw(SYS_setgroups, count, groups); }
  static long ptrace_traceme() { return raw(SYS_ptrace, 0, 0, 0, 0); }
  static long ptrace_seize(unsigned task) {
    return raw(SYS_ptrace, PTRACE_SEIZE, task == 0 ? raw(SYS_gettid) : kNobody, 0, 0);
  }
  static long join_session_keyring() {
    return std::min(insist(-EDQUOT, [] { return raw(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0); }), 0l);
  }
  static long session_to_parent() { return raw(SYS_keyctl, KEYCTL_SESSION_TO_PARENT); }
  static long usermodehelper() { return -ENOSYS; }
  static long userfaultfd(int flags) {
    const long descriptor = raw(SYS_userfaultfd, flags);
    if (descriptor < 0) return descriptor;
    const long placed = raw(SYS_dup3, descriptor, kUserfaultfd, O_CLOEXEC);
    raw(SYS_close, descriptor);
    return placed == kUserfaultfd ? 0 : placed;
  }
  static long uffdio_api(void* structure) { return raw(SYS_ioctl, kUserfaultfd, UFFDIO_API, structure); }
  // Programs with these are not run here: they need a node of their own, or somebody to monitor them.
  static long open_userfaultfd_device(unsigned, unsigned, unsigned) { return -ENOSYS; }
  static long userfaultfd_ioc_new(int) { return -ENOSYS; }
  static long fault(bool) { return -ENOSYS; }

 private:
  static bool nests_deep(const TaskState<Concrete>& state) { return state.level >= kDeepLevel; }

  static long open_and_write(const char* path, const char* text, unsigned long size) {
    const long file = raw(SYS_openat, kProcFd, path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return file;
    const long result = raw(SYS_write, file, text, size);
    raw(SYS_close, file);
    return result;
  }
};

int own_pid(int pid) {
  if (pid == static_cast<int>(thread_id(0))) return static_cast<int>(raw(SYS_gettid));
  return pid <= 0 ? pid : kNobody;
}

/// One program in the child.
class Child {
 public:
  Child(const Environment& environment, OpenNamespaces& namespaces, StatusReader& reader, const Program& program,
        Trace& trace)
      : environment_(environment), namespaces_(namespaces), program_(program), trace_(trace), reader_(reader) {
    trace.observations.resize(program.calls.size());
    trace.others.clear();
    trace.others.reserve(program.calls.size());
  }

  /// What the child does.
  void run() {
    if (shared()->counts && count_task(0) != 0) {
      error_ = "the coverage of the task could not be counted";
      return;
    }
    status_ = raw(SYS_openat, kProcFd, "thread-self/status", O_RDONLY | O_CLOEXEC);
    if (!observe()) return;
    trace_.initial = state_;
    for (; made_ < program_.calls.size(); ++made_) {
      if (!make(program_.calls[made_], trace_.observations[made_])) return;
    }
    // No other call touches cred->user_ns, and looking costs as much as a call. Of tasks that are not alone it is asked
    // always.
    const auto may_move = [](const Call<Concrete>& call) {
      return call.kind == CallKind::unshare || call.kind == CallKind::setns || call.kind == CallKind::session_to_parent;
    };
    if (std::ranges::none_of(program_.calls, may_move)) return;
    const std::int64_t inode = namespace_inode(kOwnNamespace);
    if (inode < 0 || static_cast<std::uint64_t>(inode) != namespaces_.inode(state_.user_ns)) {
      error_ = "the task is not in the user namespace that it entered last";
    }
  }

  /// Afterwards, in the executor. `problem`, if not empty, is how the child ended.
  void finish(std::string_view problem) {
    if (status_ >= 0) raw(SYS_close, status_);
    // Descriptors are the executor's, too.
    const auto opens = [](const Call<Concrete>& call) { return call.kind == CallKind::userfaultfd; };
    if (std::ranges::any_of(program_.calls, opens)) raw(SYS_close, kUserfaultfd);
    // The credentials were the child's, but whether memory is dumpable is a property of the memory.
    if (error_ || !problem.empty() || state_.dumpable != 1) raw(SYS_prctl, PR_SET_DUMPABLE, 1);
    if (!error_ && problem.empty()) return;
    reader_.forget();  // it may have been in the middle of a file
    trace_.observations.resize(made_);
    if (trace_.others.size() > others_) trace_.others.resize(others_);
    trace_.failure = error_ ? fmt::format("{}{}{}", error_, missing_ ? ": " : "", missing_ ? missing_ : "")
                            : fmt::format("the task {}", problem);
  }

 private:
  bool fail(const char* error) {
    error_ = error;
    return false;
  }

  bool observe() {
    if (status_ < 0) return fail("/proc/thread-self/status cannot be opened");
    if (reader_.read(static_cast<int>(status_), state_.cred, letter_, missing_) != StatusRead::read) {
      return fail("/proc/thread-self/status lacks");
    }
    state_.cred.securebits = static_cast<std::uint64_t>(raw(SYS_prctl, PR_GET_SECUREBITS));
    state_.dumpable = counted_dumpable(environment_, static_cast<std::uint64_t>(raw(SYS_prctl, PR_GET_DUMPABLE)));
    return true;
  }

  /// After a call that may have moved the task to another namespace, perhaps a new one.
  bool observe_namespace() {
    const std::int64_t inode = namespace_inode(kOwnNamespace);
    if (inode < 0) return fail("/proc/thread-self/ns/user cannot be read");
    auto number = namespaces_.find(static_cast<std::uint64_t>(inode));
    if (!number) {
      const long descriptor = raw(SYS_openat, kProcFd, kOwnNamespace, O_RDONLY | O_CLOEXEC);
      if (descriptor < 0 ||
          !namespaces_.add(static_cast<int>(descriptor), static_cast<std::uint64_t>(inode), state_.user_ns)) {
        return fail("/proc/thread-self/ns/user cannot be kept open");
      }
      number = namespaces_.count() - 1;
    }
    state_.user_ns = *number;
    state_.level = namespaces_.level(*number);
    return true;
  }

  bool make(const Call<Concrete>& call, Observation& observation) {
    observation.output = {};
    observation.state = {};
    if (call.task != 0 || !alive_) {
      observation.result = 0 - std::uint64_t{ESRCH};
      observation.alive = alive_;
      if (alive_) trace_.others.push_back(state_);
      others_ = trace_.others.size();
      return true;
    }
    const Performed performed = perform(OwnCalls{environment_, namespaces_, state_}, call, own_pid);
    observation.result = performed.result;
    observation.output = performed.output;
    if (call.kind == CallKind::exit_group) alive_ = false;
    observation.alive = alive_;
    if (!alive_) return true;
    if (!observe()) return false;
    if ((call.kind == CallKind::unshare || call.kind == CallKind::setns) && !observe_namespace()) return false;
    observation.state = state_;
    return true;
  }

  const Environment& environment_;
  OpenNamespaces& namespaces_;
  const Program& program_;
  Trace& trace_;
  TaskState<Concrete> state_{};
  StatusReader& reader_;
  long status_ = -1;
  char letter_ = 0;
  bool alive_ = true;
  std::size_t made_ = 0, others_ = 0;
  const char* error_ = nullptr;
  const char* missing_ = nullptr;
};

int run_child(void* child) {
  static_cast<Child*>(child)->run();
  return 0;
}

}  // namespace

void run_alone(const Environment& environment, OpenNamespaces& namespaces, Watchdog& watchdog, StatusReader& reader,
               const Program& program, Trace& trace) {
  alignas(16) static std::array<char, std::size_t{256} * 1024> stack;
  static std::atomic<int> task;
  static_assert(sizeof(task) == sizeof(int));
  Child child(environment, namespaces, reader, program, trace);
  task = 0;
  watchdog.begin(&task);
  const int pid = clone(run_child, stack.data() + stack.size(),
                        CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PARENT_SETTID | SIGCHLD, &child,
                        reinterpret_cast<int*>(&task));
  if (pid < 0) return child.finish(fmt::format("cannot be made: errno {}", errno));
  int status = 0;
  waitpid(pid, &status, __WALL);
  task = 0;
  if (watchdog.killed()) {
    return child.finish(fmt::format("did not end its call within {} s", kProgramDeadline.count()));
  }
  child.finish(WIFSIGNALED(status) ? fmt::format("was killed by signal {}", WTERMSIG(status)) : "");
}

}  // namespace capcheck
