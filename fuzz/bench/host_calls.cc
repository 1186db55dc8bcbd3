// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/bench/host_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include "fuzz/sut/perform.h"

namespace capcheck {
namespace {

/// A system call with its errno as the kernel returned it.
template <class... Arguments>
long raw(long number, Arguments... arguments) {
  const long result = syscall(number, arguments...);
  return result == -1 ? -errno : result;
}

struct HostCalls {
  static long capget(void* header, void* data) { return raw(SYS_capget, header, data); }
  static long capset(void* header, const void* data) { return raw(SYS_capset, header, data); }
  static long prctl(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
                    unsigned long arg5) {
    return raw(SYS_prctl, option, arg2, arg3, arg4, arg5);
  }
  static long unshare(unsigned long flags) { return raw(SYS_unshare, flags); }
  static long chroot() { return raw(SYS_chroot, "/proc"); }
  /// The bench's programs have one task, so whose file it is and who opens it say nothing.
  static long write_proc_file(capcheck_proc_file file, unsigned, unsigned, const char* text, unsigned long size) {
    constexpr std::array kPaths = {"/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups"};
    const long descriptor = raw(SYS_openat, AT_FDCWD, kPaths[file], O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return descriptor;
    const long result = raw(SYS_write, descriptor, text, size);
    raw(SYS_close, descriptor);
    return result;
  }
};

int own_pid(int pid) {
  return pid == static_cast<int>(thread_id(0)) ? static_cast<int>(raw(SYS_gettid)) : pid;
}

/// The calls that a task alone makes, about itself.
bool is_made_here(const Call<Concrete>& call) {
  return call.kind <= CallKind::write_setgroups && call.task == 0;
}

void make(const Call<Concrete>& call) {
  switch (info(call.kind).form) {
    case Form::capability_header:
      perform_header_call(HostCalls{}, call, own_pid(static_cast<int>(call.args[1])));
      return;
    case Form::prctl:
      HostCalls::prctl(info(call.kind).option, call.args[0], call.args[1], call.args[2], call.args[3]);
      return;
    case Form::proc_file:
      perform_proc_write(HostCalls{}, call);
      return;
    default:
      if (call.kind == CallKind::unshare) HostCalls::unshare(call.args[0]);
      if (call.kind == CallKind::chroot) HostCalls::chroot();
  }
}

struct Work {
  const Program& program;
  Looking looking;
};

int child(void* argument) {
  const Work& work = *static_cast<const Work*>(argument);
  if (work.looking == Looking::away) {
    for (const Call<Concrete>& call : work.program.calls) make(call);
    return 0;
  }
  const int status = static_cast<int>(raw(SYS_openat, AT_FDCWD, "/proc/thread-self/status", O_RDONLY | O_CLOEXEC));
  const auto look = [&] {
    static std::array<char, 8192> text;
    raw(SYS_pread64, status, text.data(), text.size(), 0);
    raw(SYS_prctl, PR_GET_SECUREBITS);
    raw(SYS_prctl, PR_GET_DUMPABLE);
  };
  look();
  for (const Call<Concrete>& call : work.program.calls) {
    make(call);
    look();
  }
  return 0;
}

}  // namespace

void run_on_host(const Program& program, Looking looking) {
  if (!std::ranges::all_of(program.calls, is_made_here)) {
    throw std::invalid_argument("a call of the program cannot be made on the host by one task alone");
  }
  alignas(16) static std::array<char, std::size_t{256} * 1024> stack;
  Work work{program, looking};
  const int pid = clone(child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &work);
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "clone");
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0)
    throw std::runtime_error("a child ended otherwise than by its end");
}

}  // namespace capcheck
