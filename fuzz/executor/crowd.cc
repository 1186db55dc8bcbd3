// SPDX-License-Identifier: GPL-2.0-only
// Programs of several tasks, or of one that executes files. Each task is a process or thread of its own that waits
// until it is told a call (task.cc). The executor keeps its privileges, reads of /proc what it says of every task after
// each call, and has the caller report what only itself can read. Tasks that make no call sleep in the kernel and are
// not woken: what the kernel has put off until a task returns to user mode (a session keyring from its child) happens
// then.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/keyctl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz/executor/raw.h"
#include "fuzz/executor/runner.h"
#include "fuzz/executor/shared.h"
#include "fuzz/executor/source.h"
#include "fuzz/executor/status.h"
#include "fuzz/sut/perform.h"

namespace capcheck {
namespace {

static_assert(kTaskSlots == kMaxTasks);

/// The program cannot be finished; what() is the trace's failure.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Member {
  bool alive = false;
  int id = 0;                   ///< its thread id here
  int status = -1;              ///< its open status file
  unsigned leader = 0;          ///< the task that leads its thread group
  bool user_mode_only = false;  ///< its userfaultfd has UFFD_USER_MODE_ONLY
  /// Something may wait for its return to user mode; it is not woken but for a call of its own.
  bool may_have_pending = false;
  TaskState<Concrete> state{};
};

enum class Patience : std::uint8_t {
  call,   ///< the call returns as calls do
  death,  ///< the call ends tasks, which may have to be reaped by others
  fault,  ///< the call may wait for the executor to handle a fault
};

class Crowd {
 public:
  Crowd(const Environment& environment, OpenNamespaces& namespaces, TaskSource& source)
      : environment_(environment), namespaces_(namespaces), source_(source) {}
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (Member& member : members_) {
      if (member.alive) kill(member.id, SIGKILL);
      forget(member);
    }
    // Threads that the executor traces hold up the end of their process. A task's children come to the executor when it
    // has died, so they are waited for after it. What is not the executor's to wait for is gone already.
    for (const int thread : threads_) waitpid(thread, nullptr, __WALL);
    for (const int process : processes_) waitpid(process, nullptr, __WALL);
    if (finished_) return;
    // There may be tasks that nothing is known of. Process 1 of a PID namespace, as the executor is in a guest and
    // where it has isolated itself, kills all others so.
    if (environment_.privileged()) kill(-1, SIGKILL);
    source_.start_again();
  }

  /// Nothing has gone wrong: when all tasks that are known are dead, all are.
  void finish() {
    check_all();
    if (const int error = shared()->count_error) {
      throw Failure(fmt::format("the coverage of a task could not be counted: errno {}", -error));
    }
    finished_ = true;
  }

  void begin(Trace& trace) {
    shared()->count_error = 0;
    prepare_slot(0);
    const long id = source_.make(0);
    if (id < 0) throw Failure(fmt::format("the first task cannot be made: errno {}", -id));
    adopt(0, static_cast<int>(id), 0);
    trace.initial = members_[0].state;
  }

  void make(const Call<Concrete>& call, Trace& trace);

  const Environment& environment() const { return environment_; }
  const OpenNamespaces& namespaces() const { return namespaces_; }
  const Member& member(unsigned task) const { return members_[task]; }
  static Slot& slot(unsigned task) { return shared()->slots[task]; }

  /// Has a task do something; returns when it has done it. `meanwhile` is called again and again until then.
  template <class F>
  long tell(unsigned task, Op op, Patience patience, F meanwhile);
  long tell(unsigned task, Op op, Patience patience = Patience::call) {
    return tell(task, op, patience, [] {});
  }
  long call(unsigned task, long number, std::initializer_list<std::uint64_t> arguments);

  long clone(unsigned task, std::uint64_t flags);
  void exit_group(unsigned task);
  long execve(unsigned task, capcheck_executable& file);
  long setns(unsigned task, unsigned user_ns, std::uint64_t flags);
  long write_proc_file(unsigned task, capcheck_proc_file file, unsigned target, unsigned opener, const char* text,
                       unsigned long size);
  long write_sysctl(unsigned task, capcheck_sysctl file, const char* text, unsigned long size);
  long ptrace_seize(unsigned task, unsigned tracee);
  long open_userfaultfd_device(unsigned task, unsigned uid, unsigned gid, unsigned mode);
  /// Has a task use a page that is registered with its userfaultfd, which this process monitors meanwhile.
  long fault(unsigned task, bool in_user_mode);
  /// A userfaultfd that the task has got takes its place, and that of the one before.
  long place_userfaultfd(unsigned task, long descriptor, int flags);

 private:
  /// Every task that lives still has what it was last seen to have.
  void check_all() {
    for (unsigned task = 0; task < kMaxTasks; ++task) {
      Member& member = members_[task];
      if (!member.alive) continue;
      tell(task, Op::report);
      const TaskState<Concrete> before = member.state;
      observe(task);
      if (std::memcmp(&before, &member.state, sizeof(before)) != 0) {
        throw Failure(fmt::format("the state of t{} changed while it made no call", task));
      }
      if (namespace_of(task) != member.state.user_ns) {
        throw Failure(fmt::format("t{} is not in the user namespace that it entered last", task));
      }
    }
  }

  static void prepare_slot(unsigned task) {
    slot(task) = {};
    slot(task).command = 1;  // the answer to this is the report of a task just born
    slot(task).op = Op::report;
  }

  void forget(Member& member) {
    if (member.status >= 0) close(member.status);
    member = {};
  }

  /// Takes in a task just born.
  void adopt(unsigned task, int id, unsigned leader);
  void observe(unsigned task);
  void take_report(unsigned task) {
    members_[task].state.cred.securebits = slot(task).securebits;
    members_[task].state.dumpable = counted_dumpable(environment_, slot(task).dumpable);
  }
  /// The number of the namespace that a task is in; a new one is entered from that of `parent`.
  std::size_t namespace_of(unsigned task);
  void settle_namespace(unsigned task);

  template <class Done>
  void wait_until(unsigned task, Patience patience, Done done);
  bool died(unsigned task) const;
  bool is_gone(const Member& member, bool remains_count) const;
  void reap(unsigned except);
  void await_deaths(unsigned leader, unsigned except);
  void send(int descriptor) const;
  long place(unsigned task, long descriptor, int where, std::uint64_t flags);
  long use_monitored(unsigned task, bool in_user_mode, const uffdio_range& page);
  int receive() const;
  void set_text(const char* text, unsigned long size);
  /// A call that fails before its caller comes to it. The caller enters the kernel all the same: what was put off until
  /// it returns to user mode has happened then.
  long fails_without(unsigned task, long error);
  void check_passing(long error) const {
    if (error != 0) throw Failure(fmt::format("a descriptor could not be passed: errno {}", -error));
  }
  bool lowest_free(unsigned& task) const {
    for (task = 0; task < kMaxTasks; ++task) {
      if (!members_[task].alive) return true;
    }
    return false;
  }
  template <class F>
  void for_group(unsigned leader, F f) {
    for (unsigned task = 0; task < kMaxTasks; ++task) {
      if (members_[task].alive && members_[task].leader == leader) f(task);
    }
  }

  const Environment& environment_;
  OpenNamespaces& namespaces_;
  std::array<Member, kMaxTasks> members_{};
  unsigned last_told_ = kMaxTasks;
  TaskSource& source_;
  std::vector<int> processes_, threads_;  ///< all that were made, in this order
  bool finished_ = false;
};

template <class Done>
void Crowd::wait_until(unsigned task, Patience patience, Done done) {
  Deadline deadline;
  const long slice = patience == Patience::call ? 100 : patience == Patience::death ? 2 : 1;
  for (;;) {
    const std::uint32_t seen = __atomic_load_n(&shared()->answers, __ATOMIC_ACQUIRE);
    if (done()) return;
    if (await_answer(seen, slice)) continue;
    if (died(task)) throw Failure(fmt::format("t{} died in its call", task));
    if (deadline.passed()) {
      throw Failure(fmt::format("t{} did not end its call within {} s", task, kProgramDeadline.count()));
    }
    if (patience == Patience::death) reap(task);
  }
}

template <class F>
long Crowd::tell(unsigned task, Op op, Patience patience, F meanwhile) {
  Slot& told = slot(task);
  Member& member = members_[task];
  const bool by_itself = op != Op::open_send && op != Op::reap && op != Op::report && op != Op::send_userfaultfd;
  if (by_itself) {
    member.may_have_pending = false;
  } else if (op != Op::report && member.may_have_pending) {
    throw Refusal(fmt::format("t{} would return to user mode before its next call", task));
  }
  told.op = op;
  told.report_before = task != last_told_;
  last_told_ = task;
  shared()->executed = 0;
  const std::uint32_t command = give_command(told);
  wait_until(task, patience, [&] {
    meanwhile();
    return __atomic_load_n(&told.finished, __ATOMIC_ACQUIRE) == command ||
           __atomic_load_n(&shared()->executed, __ATOMIC_ACQUIRE) != 0;
  });
  if (told.report_before && (told.securebits_before != member.state.cred.securebits ||
                             counted_dumpable(environment_, told.dumpable_before) != member.state.dumpable)) {
    throw Failure(fmt::format("the securebits or dumpability of t{} changed while it made no call: {:#x} and {}", task,
                              told.securebits_before, told.dumpable_before));
  }
  if (!shared()->executed) take_report(task);
  return told.result;
}

long Crowd::call(unsigned task, long number, std::initializer_list<std::uint64_t> arguments) {
  Slot& told = slot(task);
  told.number = number;
  std::ranges::fill(told.args, 0);
  std::ranges::copy(arguments, told.args);
  return tell(task, Op::call);
}

/// Whether a task that makes a call is dead. A thread that executes a file takes its leader's id; before that the
/// leader is dead for as long as another thread's remains are still to be reaped. So the leader is looked at last.
bool Crowd::died(unsigned task) const {
  const Member &member = members_[task], &leader = members_[member.leader];
  return member.alive && is_gone(member, true) && is_gone(leader, true);
}

/// Whether a task is dead. If not even its remains may be there, they must have been taken away too.
bool Crowd::is_gone(const Member& member, bool remains_count) const {
  Credentials<Concrete> cred;
  char letter = 0;
  const char* missing = nullptr;
  const StatusRead seen = read_status(member.status, cred, letter, missing);
  return seen == StatusRead::gone && (remains_count || letter == 0);
}

/// Reads of /proc what a task has. Its last command is done, but only once it sleeps is it sure to have returned to
/// user mode and to be back.
void Crowd::observe(unsigned task) {
  Member& member = members_[task];
  const std::uint64_t securebits = member.state.cred.securebits;
  Deadline deadline;
  for (;;) {
    char letter = 0;
    const char* missing = nullptr;
    switch (read_status(member.status, member.state.cred, letter, missing)) {
      case StatusRead::gone:
        throw Failure(fmt::format("t{} died after its call", task));
      case StatusRead::unreadable:
        throw Failure(fmt::format("the status file of t{} lacks {}", task, missing));
      case StatusRead::read:
        break;
    }
    member.state.cred.securebits = securebits;
    if (letter == 'S') return;
    if (deadline.passed()) throw Failure(fmt::format("t{} does not come to rest", task));
    sched_yield();
  }
}

std::size_t Crowd::namespace_of(unsigned task) {
  std::array<char, 64> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "{}/ns/user", members_[task].id);
  const std::int64_t inode = namespace_inode(path.data());
  if (inode < 0) throw Failure(fmt::format("the user namespace of t{} cannot be seen: errno {}", task, -inode));
  if (const auto number = namespaces_.find(static_cast<std::uint64_t>(inode))) return *number;
  const int descriptor = openat(kProcFd, path.data(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 || !namespaces_.add(descriptor, static_cast<std::uint64_t>(inode), members_[task].state.user_ns)) {
    throw Failure(fmt::format("the user namespace of t{} cannot be kept open: {}", task, std::strerror(errno)));
  }
  return namespaces_.count() - 1;
}

void Crowd::settle_namespace(unsigned task) {
  TaskState<Concrete>& state = members_[task].state;
  state.user_ns = namespace_of(task);
  state.level = namespaces_.level(state.user_ns);
}

void Crowd::adopt(unsigned task, int id, unsigned leader) {
  Member& member = members_[task];
  member.alive = true;
  member.id = id;
  member.leader = leader;
  (leader == task ? processes_ : threads_).push_back(id);
  std::array<char, 64> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "{}/status", id);
  member.status = openat(kProcFd, path.data(), O_RDONLY | O_CLOEXEC);
  if (member.status < 0) throw Failure(fmt::format("the status file of t{}: {}", task, std::strerror(errno)));
  wait_until(task, Patience::call, [&] { return __atomic_load_n(&slot(task).finished, __ATOMIC_ACQUIRE) == 1; });
  take_report(task);
  observe(task);
}

long Crowd::clone(unsigned task, std::uint64_t flags) {
  unsigned child = 0;
  const bool free = lowest_free(child);
  if (free) prepare_slot(child);
  Slot& told = slot(task);
  const auto attempt = [&] {
    told.args[0] = flags;
    told.args[1] = free ? child : kNoSlot;
    return tell(task, Op::clone);
  };
  const bool deep = members_[task].state.level >= kDeepLevel;
  const long result = insist(-EAGAIN, [&] { return deep ? attempt() : insist(-ENOSPC, attempt); });
  if (result < 0) return result;
  if (!free) {
    if (!(flags & CLONE_THREAD)) processes_.push_back(static_cast<int>(result));
    Member remains;
    std::array<char, 64> path{};
    fmt::format_to_n(path.data(), path.size() - 1, "{}/status", result);
    remains.status = openat(kProcFd, path.data(), O_RDONLY | O_CLOEXEC);
    while (remains.status >= 0 && !is_gone(remains, !(flags & CLONE_THREAD))) sched_yield();
    forget(remains);
    return -EAGAIN;
  }
  // Its namespace is counted as entered from its creator's.
  members_[child].state = members_[task].state;
  adopt(child, static_cast<int>(result), (flags & CLONE_THREAD) ? members_[task].leader : child);
  settle_namespace(child);
  return static_cast<long>(thread_id(child));
}

/// The dead whose tracer or parent is a task are reaped by that task, as far as it may be woken. One task is left out:
/// that which does something already.
void Crowd::reap(unsigned except) {
  while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
  }
  for (unsigned task = 0; task < kMaxTasks; ++task) {
    const Member& member = members_[task];
    Slot& told = slot(task);
    if (task == except || !member.alive || member.may_have_pending || told.finished != told.command) continue;
    told.op = Op::reap;
    told.report_before = 0;
    const std::uint32_t command = give_command(told);
    while (__atomic_load_n(&told.finished, __ATOMIC_ACQUIRE) != command && !is_gone(member, true)) sched_yield();
  }
}

/// Waits until all tasks of a thread group but one are dead, and forgets them.
void Crowd::await_deaths(unsigned leader, unsigned except) {
  Deadline deadline;
  for_group(leader, [&](unsigned task) {
    if (task == except) return;
    Member& member = members_[task];
    for (unsigned tries = 0; !is_gone(member, true); ++tries) {
      if (deadline.passed()) throw Failure(fmt::format("t{} does not die with its thread group", task));
      if (tries > 100) reap(except);
      sched_yield();
    }
  });
  for_group(leader, [&](unsigned task) {
    if (task != except) forget(members_[task]);
  });
}

void Crowd::exit_group(unsigned task) {
  Slot& told = slot(task);
  members_[task].may_have_pending = false;
  told.op = Op::call;
  told.number = SYS_exit_group;
  std::ranges::fill(told.args, 0);
  told.report_before = 0;
  give_command(told);
  await_deaths(members_[task].leader, kMaxTasks);
}

/// Makes the files as the call describes its own. A chown clears what the others set, so it comes first.
void prepare_file(const char* path, const capcheck_executable& file) {
  constexpr const char* kAttribute = "security.capability";
  const auto check = [](int result, const char* step) {
    if (result != 0) throw Refusal(fmt::format("{} of the file to execute: {}", step, std::strerror(errno)));
  };
  check(chown(path, file.uid, file.gid), "chown");
  check(chmod(path, file.mode), "chmod");
  if (file.has_capability) {
    check(setxattr(path, kAttribute, file.capability, file.capability_size, 0), "setxattr");
  } else if (removexattr(path, kAttribute) != 0 && errno != ENODATA) {
    check(-1, "removexattr");
  }
}

long Crowd::execve(unsigned task, capcheck_executable& file) {
  const char* const name = !file.script ? "program" : file.nosuid ? "nosuid-script" : "script";
  // The supervisor's working directory is that of the files.
  prepare_file(fmt::format("plain/{}", name).c_str(), file);
  fmt::format_to_n(shared()->path, sizeof(shared()->path), "{}/{}{}", file.nosuid ? "nosuid" : "plain", name, '\0');
  const unsigned leader = members_[task].leader;
  shared()->executing = task;
  shared()->leader = leader;
  const long result = tell(task, Op::execute, Patience::death);
  if (!shared()->executed) return result;
  if (task != leader) {
    // The thread is now what its leader was.
    members_[leader].state = members_[task].state;
    members_[leader].user_mode_only = members_[task].user_mode_only;
    forget(members_[task]);
  }
  await_deaths(leader, leader);
  members_[leader].may_have_pending = false;
  last_told_ = leader;
  take_report(leader);
  observe(leader);
  settle_namespace(leader);
  file.secure = static_cast<unsigned>(slot(leader).secure);
  return 0;
}

void Crowd::send(int descriptor) const {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{nullptr, 0, &data, 1, control.data(), control.size(), 0};
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  if (sendmsg(source_.socket(), &message, 0) < 0) check_passing(-errno);
}

int Crowd::receive() const {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{nullptr, 0, &data, 1, control.data(), control.size(), 0};
  if (recvmsg(source_.socket(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0) check_passing(-errno);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) check_passing(-EBADMSG);
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
  return descriptor;
}

long Crowd::setns(unsigned task, unsigned user_ns, std::uint64_t flags) {
  if (user_ns >= namespaces_.count()) return call(task, SYS_setns, {static_cast<std::uint64_t>(-1), flags});
  send(namespaces_.descriptor(user_ns));
  slot(task).args[0] = flags;
  const long result = tell(task, Op::receive_setns);
  check_passing(static_cast<long>(slot(task).args[0]));
  return result;
}

void Crowd::set_text(const char* text, unsigned long size) {
  if (size > sizeof(shared()->text)) throw Failure("a text that is too long for the shared memory");
  std::memcpy(shared()->text, text, size);
  shared()->size = static_cast<std::uint32_t>(size);
}

long Crowd::fails_without(unsigned task, long error) {
  call(task, SYS_getpid, {});
  return error;
}

long Crowd::write_proc_file(unsigned task, capcheck_proc_file file, unsigned target, unsigned opener, const char* text,
                            unsigned long size) {
  if (!members_[opener].alive) return fails_without(task, -EBADF);
  if (!members_[target].alive) return fails_without(task, -ENOENT);
  fmt::format_to_n(shared()->path, sizeof(shared()->path), "{}/{}{}", members_[target].id, kProcFileNames[file], '\0');
  set_text(text, size);
  if (opener == task) return tell(task, Op::open_write);
  const long opened = tell(opener, Op::open_send);
  check_passing(static_cast<long>(slot(opener).args[0]));
  observe(opener);
  if (opened < 0) return fails_without(task, opened);
  const int descriptor = receive();
  send(descriptor);
  close(descriptor);
  const long result = tell(task, Op::receive_write);
  check_passing(static_cast<long>(slot(task).args[0]));
  return result;
}

long Crowd::write_sysctl(unsigned task, capcheck_sysctl file, const char* text, unsigned long size) {
  fmt::format_to_n(shared()->path, sizeof(shared()->path), "{}{}", kSysctlNames[file], '\0');
  set_text(text, size);
  return tell(task, Op::open_write);
}

long Crowd::ptrace_seize(unsigned task, unsigned tracee) {
  const Member& member = members_[tracee];
  const auto id = static_cast<std::uint64_t>(member.alive ? member.id : kNobody);
  return call(task, SYS_ptrace, {PTRACE_SEIZE, id, 0, 0});
}

long Crowd::place(unsigned task, long descriptor, int where, std::uint64_t flags) {
  if (descriptor < 0) return descriptor;
  const auto number = static_cast<std::uint64_t>(descriptor);
  const long placed = call(task, SYS_dup3, {number, static_cast<std::uint64_t>(where), flags});
  if (placed != where) throw Failure(fmt::format("dup3 of a userfaultfd or its device: errno {}", -placed));
  call(task, SYS_close, {number});
  return 0;
}

long Crowd::place_userfaultfd(unsigned task, long descriptor, int flags) {
  if (descriptor >= 0) members_[task].user_mode_only = flags & UFFD_USER_MODE_ONLY;
  return place(task, descriptor, kUserfaultfd, static_cast<std::uint64_t>(flags & O_CLOEXEC));
}

long Crowd::open_userfaultfd_device(unsigned task, unsigned uid, unsigned gid, unsigned mode) {
  constexpr const char* kNode = "plain/userfaultfd";
  if (chown(kNode, uid, gid) != 0 || chmod(kNode, mode) != 0) {
    throw Refusal(fmt::format("the device's node cannot be given its owner and mode: {}", std::strerror(errno)));
  }
  std::strcpy(shared()->path, kNode);
  const auto path = reinterpret_cast<std::uint64_t>(shared()->path);
  const long descriptor = call(task, SYS_openat, {kFilesFd, path, O_RDWR | O_CLOEXEC});
  return place(task, descriptor, kUserfaultfdDevice, O_CLOEXEC);
}

/// Handles what faults a userfaultfd reports of one page, by filling it with zeros.
class Monitor {
 public:
  Monitor(int descriptor, const uffdio_range& page) : descriptor_(descriptor), page_(page) {
    // The task may be done without a fault: a read must not wait for one.
    if (fcntl(descriptor_, F_SETFL, O_NONBLOCK) != 0) fail("F_SETFL");
  }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor() { close(descriptor_); }

  void handle_faults() {
    uffd_msg message;
    const ssize_t size = read(descriptor_, &message, sizeof(message));
    if (size < 0 && errno == EAGAIN) return;
    if (size != sizeof(message)) fail("read");
    const std::uint64_t offset = message.arg.pagefault.address - page_.start;
    if (message.event != UFFD_EVENT_PAGEFAULT || offset >= page_.len) {
      throw Failure(fmt::format("a userfaultfd reports event {:#x}, and no fault of its page", message.event));
    }
    ++faults_;
    uffdio_zeropage zero{page_, 0, 0};
    if (ioctl(descriptor_, UFFDIO_ZEROPAGE, &zero) != 0) fail("UFFDIO_ZEROPAGE");
  }

  unsigned faults() const { return faults_; }

 private:
  [[noreturn]] static void fail(const char* step) {
    throw Failure(fmt::format("monitoring a userfaultfd: {}: {}", step, std::strerror(errno)));
  }

  int descriptor_;
  uffdio_range page_;
  unsigned faults_ = 0;
};

long Crowd::fault(unsigned task, bool in_user_mode) {
  constexpr std::uint64_t kPage = 4096, kNone = ~std::uint64_t{0};
  const long page = call(task, SYS_mmap, {0, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, kNone, 0});
  if (page < 0) throw Failure(fmt::format("no page can be mapped: errno {}", -page));
  const auto address = static_cast<std::uint64_t>(page);
  uffdio_register& registered = shared()->page;
  registered = {{address, kPage}, UFFDIO_REGISTER_MODE_MISSING, 0};
  const auto argument = reinterpret_cast<std::uint64_t>(&registered);
  long result = call(task, SYS_ioctl, {kUserfaultfd, UFFDIO_REGISTER, argument});
  if (result == 0) {
    if (!in_user_mode && members_[task].user_mode_only && environment_.user_mode_linux) {
      throw Refusal(
          "user-mode Linux takes the kernel's own accesses for the task's (maybe_map), so that there is no such fault");
    }
    result = use_monitored(task, in_user_mode, registered.range);
    // An area that is unmapped while it is registered may be one more thing to be reported.
    const long released = call(task, SYS_ioctl, {kUserfaultfd, UFFDIO_UNREGISTER, argument});
    if (released != 0) throw Failure(fmt::format("UFFDIO_UNREGISTER: errno {}", -released));
  }
  call(task, SYS_munmap, {address, kPage});
  return result;
}

long Crowd::use_monitored(unsigned task, bool in_user_mode, const uffdio_range& page) {
  check_passing(tell(task, Op::send_userfaultfd));
  Monitor monitor(receive(), page);
  Slot& told = slot(task);
  std::ranges::fill(told.args, 0);
  if (in_user_mode) {
    told.args[0] = page.start;
  } else {
    told.number = SYS_pread64;
    told.args[0] = kSharedFd;
    told.args[1] = page.start;
    told.args[2] = 1;
  }
  const long result = tell(task, in_user_mode ? Op::load : Op::call, Patience::fault, [&] { monitor.handle_faults(); });
  const unsigned expected = result == 1 ? 1 : 0;
  if (monitor.faults() != expected) {
    throw Failure(fmt::format("a use of a registered page that gives {} was reported {} times to its monitor", result,
                              monitor.faults()));
  }
  return result == 1 ? 0 : result;
}

/// The system calls of a task; the members are those of capcheck_kernel. What calls point to is copied to where the
/// task sees it.
struct TaskCalls {
  Crowd& crowd;
  unsigned task;

  long call(long number, std::initializer_list<std::uint64_t> arguments) const {
    return crowd.call(task, number, arguments);
  }

  long capget(void* header, void* data) const {
    const long result = cap_call(SYS_capget, header, data);
    if (data) std::memcpy(data, shared()->data, sizeof(shared()->data));
    return result;
  }
  long capset(void* header, const void* data) const { return cap_call(SYS_capset, header, data); }
  long prctl(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
             unsigned long arg5) const {
    return call(SYS_prctl, {option, arg2, arg3, arg4, arg5});
  }
  long unshare(unsigned long flags) const {
    const auto once = [&] { return call(SYS_unshare, {flags}); };
    return crowd.member(task).state.level >= kDeepLevel ? once() : insist(-ENOSPC, once);
  }
  long chroot() const {
    std::strcpy(shared()->path, crowd.environment().jail);
    return call(SYS_chroot, {reinterpret_cast<std::uint64_t>(shared()->path)});
  }
  long write_proc_file(capcheck_proc_file file, unsigned target, unsigned opener, const char* text,
                       unsigned long size) const {
    return crowd.write_proc_file(task, file, target, opener, text, size);
  }
  long write_sysctl(capcheck_sysctl file, const char* text, unsigned long size) const {
    return crowd.write_sysctl(task, file, text, size);
  }
  long clone(unsigned long flags) const { return crowd.clone(task, flags); }
  long execve(capcheck_executable* file) const { return crowd.execve(task, *file); }
  void exit_group() const { crowd.exit_group(task); }
  long setns(unsigned user_ns, unsigned long flags) const { return crowd.setns(task, user_ns, flags); }
  static long ns_capable(unsigned, unsigned) { return -ENOSYS; }  // refused before
  long setuid(unsigned uid) const { return call(SYS_setuid, {uid}); }
  long setreuid(unsigned ruid, unsigned euid) const { return call(SYS_setreuid, {ruid, euid}); }
  long setresuid(unsigned ruid, unsigned euid, unsigned suid) const { return call(SYS_setresuid, {ruid, euid, suid}); }
  long setfsuid(unsigned uid) const { return call(SYS_setfsuid, {uid}); }
  long setgid(unsigned gid) const { return call(SYS_setgid, {gid}); }
  long setregid(unsigned rgid, unsigned egid) const { return call(SYS_setregid, {rgid, egid}); }
  long setresgid(unsigned rgid, unsigned egid, unsigned sgid) const { return call(SYS_setresgid, {rgid, egid, sgid}); }
  long setfsgid(unsigned gid) const { return call(SYS_setfsgid, {gid}); }
  long setgroups(unsigned long count, const unsigned* groups) const {
    std::memcpy(shared()->groups, groups, sizeof(shared()->groups));
    return call(SYS_setgroups, {count, reinterpret_cast<std::uint64_t>(shared()->groups)});
  }
  long ptrace_traceme() const { return call(SYS_ptrace, {0, 0, 0, 0}); }
  long join_session_keyring() const {
    return std::min(insist(-EDQUOT, [&] { return call(SYS_keyctl, {KEYCTL_JOIN_SESSION_KEYRING, 0}); }), 0l);
  }
  long session_to_parent() const { return call(SYS_keyctl, {KEYCTL_SESSION_TO_PARENT}); }
  static long usermodehelper() { return -ENOSYS; }  // refused before
  long ptrace_seize(unsigned tracee) const { return crowd.ptrace_seize(task, tracee); }
  long userfaultfd(int flags) const {
    return crowd.place_userfaultfd(task, call(SYS_userfaultfd, {static_cast<std::uint64_t>(flags)}), flags);
  }
  long open_userfaultfd_device(unsigned uid, unsigned gid, unsigned mode) const {
    return crowd.open_userfaultfd_device(task, uid, gid, mode);
  }
  long userfaultfd_ioc_new(int flags) const {
    const long descriptor =
        call(SYS_ioctl, {kUserfaultfdDevice, USERFAULTFD_IOC_NEW, static_cast<std::uint64_t>(flags)});
    return crowd.place_userfaultfd(task, descriptor, flags);
  }
  long fault(bool in_user_mode) const { return crowd.fault(task, in_user_mode); }
  long uffdio_api(void* structure) const {
    auto& api = shared()->api;
    std::memcpy(&api, structure, sizeof(api));
    const long result = call(SYS_ioctl, {kUserfaultfd, UFFDIO_API, reinterpret_cast<std::uint64_t>(&api)});
    std::memcpy(structure, &api, sizeof(api));
    return result;
  }

 private:
  long cap_call(long number, void* header, const void* data) const {
    Shared& memory = *shared();
    if (header) std::memcpy(&memory.header, header, sizeof(memory.header));
    if (data) std::memcpy(memory.data, data, sizeof(memory.data));
    const long result = call(number, {header ? reinterpret_cast<std::uint64_t>(&memory.header) : 0,
                                      data ? reinterpret_cast<std::uint64_t>(memory.data) : 0});
    if (header) std::memcpy(header, &memory.header, sizeof(memory.header));
    return result;
  }
};

void Crowd::make(const Call<Concrete>& call, Trace& trace) {
  Observation observation;
  // A call that fails changes nothing of other tasks; that it has not is seen at the program's end.
  bool look_at_others = false;
  if (!members_[call.task].alive) {
    observation.result = 0 - std::uint64_t{ESRCH};
  } else {
    const auto translate = [&](int pid) {
      if (pid <= 0) return pid;
      const std::uint64_t task = static_cast<std::uint64_t>(pid) - kFirstThreadId;
      return task < kMaxTasks && members_[task].alive ? members_[task].id : kNobody;
    };
    const Performed performed = perform(TaskCalls{*this, call.task}, call, translate);
    observation.result = performed.result;
    observation.output = performed.output;
    look_at_others = static_cast<std::int64_t>(performed.result) >= 0;
    if (members_[call.task].alive && (call.kind == CallKind::unshare || call.kind == CallKind::setns)) {
      settle_namespace(call.task);
    }
    if (call.kind == CallKind::session_to_parent && performed.result == 0) {
      for (unsigned task = 0; task < kMaxTasks; ++task) members_[task].may_have_pending |= task != call.task;
    }
  }
  for (unsigned task = 0; task < kMaxTasks; ++task) {
    Member& member = members_[task];
    if (!member.alive) continue;
    observation.alive |= std::uint64_t{1} << task;
    if (look_at_others || task == call.task) observe(task);
    // Memory, with what it says of itself, is the whole thread group's.
    const Member& caller = members_[call.task];
    if (caller.alive && caller.leader == member.leader) member.state.dumpable = caller.state.dumpable;
    if (task == call.task) {
      observation.state = member.state;
    } else {
      trace.others.push_back(member.state);
    }
  }
  trace.observations.push_back(observation);
}

}  // namespace

void run_crowd(const Environment& environment, OpenNamespaces& namespaces, TaskSource& source, const Program& program,
               Trace& trace) {
  try {
    Crowd crowd(environment, namespaces, source);
    crowd.begin(trace);
    for (const Call<Concrete>& call : program.calls) crowd.make(call, trace);
    crowd.finish();
  } catch (const Failure& failure) {
    std::size_t others = 0;
    for (std::size_t i = 0; i < trace.observations.size(); ++i) {
      const std::uint64_t own = std::uint64_t{1} << program.calls[i].task;
      others += static_cast<std::size_t>(std::popcount(trace.observations[i].alive & ~own));
    }
    trace.others.resize(others);
    trace.failure = failure.what();
  }
}

}  // namespace capcheck
