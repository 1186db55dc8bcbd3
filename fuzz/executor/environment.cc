// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "fuzz/executor/kcov.h"
#include "fuzz/executor/raw.h"
#include "fuzz/executor/shared.h"
#include "fuzz/executor/status.h"

// The program that execve() starts, whole. CMake builds it first and says where it is.
asm(".section .rodata\n"
    ".balign 16\n"
    ".globl capcheck_task_program\n"
    "capcheck_task_program: .incbin \"" CAPCHECK_TASK_PROGRAM
    "\"\n"
    ".globl capcheck_task_program_end\n"
    "capcheck_task_program_end:\n"
    ".previous\n");
extern "C" const char capcheck_task_program[], capcheck_task_program_end[];

namespace capcheck {
namespace {

[[noreturn]] void fail(std::string_view what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// A file's text, as much as fits; empty if it cannot be read.
std::string read_text(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text(4096, '\0');
  const ssize_t size = read(file, text.data(), text.size());
  close(file);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void write_text(const char* path, std::string_view text, int mode = 0644) {
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) fail(path);
  const bool whole = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  if (!whole) fail(path);
}

/// For settings that a kernel may lack: what fails is told by the programs that need it.
void try_to_set(const char* path, std::string_view text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, text.data(), text.size()) < 0) fmt::print(stderr, "executor: {}: {}\n", path, std::strerror(errno));
  close(file);
}

std::uint64_t read_number(const char* path, std::uint64_t otherwise) {
  const std::string text = read_text(path);
  std::uint64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void make_directory(const char* path) {
  if (mkdir(path, 0755) != 0 && errno != EEXIST) fail(path);
}

void mount_at(const char* type, const char* path, unsigned long flags, const char* options) {
  make_directory(path);
  if (mount(type, path, type, flags, options) != 0 && errno != EBUSY)
    fail(fmt::format("mounting {} on {}", type, path));
}

/// Puts a descriptor where tasks expect it, to stay open in programs executed.
void place_descriptor(int descriptor, int where) {
  if (descriptor < 0 || dup3(descriptor, where, 0) < 0) fail(fmt::format("descriptor {}", where));
  close(descriptor);
}

void share_memory() {
  const int memory = memfd_create("capcheck", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, sizeof(Shared)) != 0) fail("memfd_create");
  place_descriptor(memory, kSharedFd);
  void* const wanted = shared();
  if (mmap(wanted, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, kSharedFd, 0) != wanted) {
    fail("mapping the shared memory");
  }
  shared()->exits_alone = 60;
}

std::string_view task_program() {
  return {capcheck_task_program, static_cast<std::size_t>(capcheck_task_program_end - capcheck_task_program)};
}

/// The program as a file that no path leads to. It is not written to any more when it is executed.
void keep_program() {
  const int writable = memfd_create("capcheck-task", MFD_CLOEXEC);
  if (writable < 0) fail("memfd_create");
  const std::string_view program = task_program();
  if (write(writable, program.data(), program.size()) != static_cast<ssize_t>(program.size())) fail("memfd");
  if (fchmod(writable, 0755) != 0) fail("fchmod of a memfd");
  place_descriptor(open(fmt::format("/proc/self/fd/{}", writable).c_str(), O_RDONLY | O_CLOEXEC), kProgramFd);
  fcntl(kProgramFd, F_SETFD, FD_CLOEXEC);
  close(writable);
}

/// The files to be executed: a directory, and the same directory on a mount with MNT_NOSUID.
void make_files() {
  const std::string_view program = task_program();
  if (chdir("/tmp") != 0) fail("/tmp");
  for (const char* directory : {"plain", "nosuid", "jail"}) make_directory(directory);
  write_text("plain/program", program, 0755);
  write_text("plain/interpreter", program, 0755);
  // An interpreter's name is looked up from the working directory.
  write_text("plain/script", "#!plain/interpreter\n", 0755);
  write_text("plain/nosuid-script", "#!nosuid/interpreter\n", 0755);
  if (mount("plain", "nosuid", nullptr, MS_BIND, nullptr) != 0 ||
      mount(nullptr, "nosuid", nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr) != 0) {
    fail("mounting /tmp/nosuid");
  }
  place_descriptor(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kFilesFd);
}

/// What f() gives in a child of its own.
template <class F>
std::uint64_t in_child(F f) {
  auto* answer = static_cast<std::uint64_t*>(
      mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (answer == MAP_FAILED) fail("mmap");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    *answer = f();
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  const std::uint64_t value = *answer;
  munmap(answer, sizeof(std::uint64_t));
  return value;
}

/// Which of the securebits, without their locks, can be set.
std::uint64_t settable_securebits() {
  std::uint64_t bits = 0;
  const auto now = static_cast<std::uint64_t>(raw(SYS_prctl, PR_GET_SECUREBITS));
  for (unsigned bit = 0; bit < 32; bit += 2) {
    const std::uint64_t with = now | std::uint64_t{1} << bit;
    if (raw(SYS_prctl, PR_SET_SECUREBITS, with) == 0) bits |= std::uint64_t{1} << bit;
    raw(SYS_prctl, PR_SET_SECUREBITS, now);
  }
  return bits;
}

Credentials<Concrete> own_credentials() {
  Credentials<Concrete> cred{};
  char state = 0;
  const char* missing = nullptr;
  const int file = openat(kProcFd, "thread-self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) fail("/proc/thread-self/status");
  const StatusRead seen = read_status(file, cred, state, missing);
  close(file);
  if (seen != StatusRead::read) {
    throw std::runtime_error(fmt::format("/proc/thread-self/status: no line {}", missing ? missing : ""));
  }
  return cred;
}

bool bounding_drop_lowers_userns() {
  const std::uint64_t set = own_credentials().userns;
  if (set == 0) return false;
  const int lowest = __builtin_ctzll(set);
  return raw(SYS_prctl, PR_CAPBSET_DROP, lowest) == 0 && own_credentials().userns != set;
}

/// Makes the node of the device userfaultfd, to which each program gives an owner and a mode.
void make_userfaultfd_device() {
  std::istringstream devices(read_text("/proc/misc"));
  unsigned minor = 0;
  std::string name;
  while (devices >> minor >> name) {
    if (name != "userfaultfd") continue;
    constexpr unsigned kMiscMajor = 10;
    if (mknod("plain/userfaultfd", S_IFCHR | S_IRUSR | S_IWUSR, makedev(kMiscMajor, minor)) != 0) fail("mknod");
    return;
  }
  throw std::runtime_error("/proc/misc has no userfaultfd; has this kernel CONFIG_USERFAULTFD?");
}

constexpr std::uint64_t bit_of(CallKind kind) {
  return std::uint64_t{1} << static_cast<unsigned>(kind);
}

std::uint64_t performed_kinds(const Environment& environment) {
  constexpr std::uint64_t kAll = (std::uint64_t{1} << kCalls.size()) - 1;
  // Events that no system call makes.
  std::uint64_t performed = kAll & ~bit_of(CallKind::ns_capable) & ~bit_of(CallKind::usermodehelper);
  if (!environment.privileged()) performed &= ~bit_of(CallKind::execve);
  if (!environment.system_changes) {
    for (const CallInfo& call : kCalls) {
      if (call.form == Form::sysctl || call.form == Form::flag_sysctl) performed &= ~bit_of(call.kind);
    }
  }
  // Allowed to everybody by UFFD_USER_MODE_ONLY, and then refused for its flags; otherwise there is none, or a filter.
  if (raw(SYS_userfaultfd, -1) != -EINVAL) {
    performed &= ~bit_of(CallKind::userfaultfd) & ~bit_of(CallKind::uffdio_api) &
                 ~bit_of(CallKind::write_unprivileged_userfaultfd) & ~bit_of(CallKind::user_fault) &
                 ~bit_of(CallKind::kernel_fault);
  }
  // Elsewhere the files to open are on a mount with MNT_NODEV.
  if (environment.place != Place::guest) {
    performed &= ~bit_of(CallKind::open_userfaultfd_device) & ~bit_of(CallKind::userfaultfd_ioc_new);
  }
  return performed;
}

/// What may make calls come out otherwise than the kernel's own rules say.
std::string describe_interference() {
  std::string notes;
  const auto note = [&](const char* path, std::string_view harmless) {
    const std::string value = read_text(path);
    if (!value.empty() && value != harmless) notes += fmt::format("{} is {}\n", path, value);
  };
  note("/sys/kernel/security/lsm", "capability");
  note("/proc/sys/kernel/yama/ptrace_scope", "0");
  note("/proc/sys/kernel/unprivileged_userns_clone", "1");
  note("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0");
  note("/proc/sys/fs/suid_dumpable", "0");
  if (prctl(PR_GET_SECCOMP) != 0) notes += "a seccomp filter is in force\n";
  return notes;
}

/// Why no program can be run here; empty if one can.
std::string find_obstacle(const Environment& environment, const Credentials<Concrete>& cred) {
  std::string map = read_text("/proc/self/uid_map");
  map.erase(std::unique(map.begin(), map.end(), [](char a, char b) { return a == ' ' && b == ' '; }), map.end());
  if (map != " 0 0 4294967295") return "this is not the initial user namespace; programs begin there";
  if (environment.suid_dumpable == 1) return "fs.suid_dumpable is 1; the model's is 0 (sysctl fs.suid_dumpable=0)";
  if (cred.group_count > kMaxGroups) {
    return fmt::format("the user has {} supplementary groups, the model at most {} (try: setpriv --clear-groups)",
                       cred.group_count, kMaxGroups);
  }
  return {};
}

void raise_limits() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_NPROC, &unlimited);
  try_to_set("/proc/sys/user/max_user_namespaces", "1000000");
  for (const char* path : {"/proc/sys/kernel/keys/maxkeys", "/proc/sys/kernel/keys/root_maxkeys"}) {
    try_to_set(path, "1000000");
  }
  for (const char* path : {"/proc/sys/kernel/keys/maxbytes", "/proc/sys/kernel/keys/root_maxbytes"}) {
    try_to_set(path, "250000000");
  }
}

/// A mask as the kernel prints it: two decimal words, the low one first.
std::uint64_t read_mask(const char* path) {
  const std::string text = read_text(path);
  std::uint64_t low = 0, high = 0;
  const char* const end = text.data() + text.size();
  const auto [middle, error] = std::from_chars(text.data(), end, low);
  if (error != std::errc()) return ~std::uint64_t{0};
  std::from_chars(std::find_if(middle, end, [](char c) { return c != ' ' && c != '\t'; }), end, high);
  return high << 32 | low;
}

int open_link() {
  constexpr std::string_view kOption = "capcheck.link=";
  const std::string line = read_text("/proc/cmdline");
  const std::size_t start = line.find(kOption);
  if (start == std::string::npos) {
    throw std::runtime_error("the kernel's command line names no link: capcheck.link=/dev/…");
  }
  const std::size_t end = line.find_first_of(" \n", start);
  const std::string device = line.substr(start + kOption.size(), end - start - kOption.size());
  // A driver may find its device some time after init has begun.
  constexpr int kTries = 1000;
  int link = -1;
  for (int i = 0; i < kTries && link < 0; ++i) {
    link = open(device.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (link < 0) usleep(10'000);
  }
  if (link < 0) fail(device);
  termios settings;
  if (tcgetattr(link, &settings) == 0) {  // not every device is a terminal
    cfmakeraw(&settings);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (tcsetattr(link, TCSANOW, &settings) != 0) fail(device);
  }
  return link;
}

}  // namespace

int become_init() {
  mount_at("proc", "/proc", 0, nullptr);
  mount_at("devtmpfs", "/dev", 0, nullptr);
  mount_at("tmpfs", "/tmp", 0, "mode=755");
  return open_link();
}

Place isolate() {
  if (unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) {
    if (errno != EPERM) fail("unshare(CLONE_NEWNS | CLONE_NEWPID)");
    // Orphans of programs come to this process, so that it can wait for them.
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) fail("prctl(PR_SET_CHILD_SUBREAPER)");
    return Place::unprivileged;
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("making / private");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child != 0) {
    close(STDIN_FILENO);  // the end of the link must be seen when the child ends
    close(STDOUT_FILENO);
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) fail("mounting /proc");
  if (mount("tmpfs", "/tmp", "tmpfs", MS_NODEV, "mode=755") != 0) fail("mounting a tmpfs on /tmp");
  return Place::isolated;
}

Environment prepare(Place place, bool system_changes) {
  Environment environment;
  environment.place = place;
  environment.system_changes = system_changes;
  share_memory();
  place_descriptor(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kProcFd);
  keep_program();
  if (place == Place::guest) raise_limits();
  if (environment.privileged()) {
    make_files();
    if (place == Place::guest) make_userfaultfd_device();
    environment.jail = "jail";
    if (setgroups(0, nullptr) != 0) fail("setgroups");
  } else {
    if (chdir("/") != 0) fail("/");
    environment.jail = "proc";  // searchable, and not the root
  }
  // Programs begin with a session keyring; that of the executor, which nothing of theirs can change.
  if (raw(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0) < 0) {
    throw std::runtime_error("keyctl(KEYCTL_JOIN_SESSION_KEYRING) fails; has this kernel CONFIG_KEYS?");
  }

  const Credentials<Concrete> cred = own_credentials();
  environment.suid_dumpable = read_number("/proc/sys/fs/suid_dumpable", 0);
  environment.user_mode_linux = read_text("/proc/cpuinfo").find("User Mode Linux") != std::string::npos;
  Hello& hello = environment.hello;
  hello.alphabet = kAlphabet;
  hello.performs = performed_kinds(environment);
  hello.last_cap = read_number("/proc/sys/kernel/cap_last_cap", 0);
  hello.securebits = in_child(settable_securebits);
  hello.has_userns_set = read_text("/proc/self/status").find("\nCapUNs:") != std::string::npos;
  hello.drop_lowers_userns = static_cast<std::uint8_t>(in_child(bounding_drop_lowers_userns));
  hello.has_userns_mask = access("/proc/sys/kernel/cap_userns_mask", F_OK) == 0;
  hello.privileged = environment.privileged();
  hello.gives_coverage = place == Place::guest && Kcov::open_for_tasks();
  utsname names;
  uname(&names);
  std::strncpy(hello.release.data(), names.release, hello.release.size() - 1);
  environment.notes = describe_interference();
  const std::string obstacle = find_obstacle(environment, cred);
  hello.usable = obstacle.empty();
  if (!obstacle.empty()) environment.notes = obstacle + "\n" + environment.notes;
  return environment;
}

constexpr const char* kUnprivilegedUserfaultfd = "/proc/sys/vm/unprivileged_userfaultfd";

Sysctls<Concrete> read_masks() {
  return {read_mask("/proc/sys/kernel/usermodehelper/bset"), read_mask("/proc/sys/kernel/usermodehelper/inheritable"),
          read_mask("/proc/sys/kernel/usermodehelper/userns"), read_mask("/proc/sys/kernel/cap_userns_mask"),
          read_number(kUnprivilegedUserfaultfd, 0)};
}

void restore_flags(const Sysctls<Concrete>& sysctls) {
  const std::string text = fmt::format("{}\n", sysctls.unprivileged_userfaultfd);
  const long file = raw(SYS_openat, AT_FDCWD, kUnprivilegedUserfaultfd, O_WRONLY | O_CLOEXEC);
  const long written = file < 0 ? file : raw(SYS_write, file, text.data(), text.size());
  if (file >= 0) raw(SYS_close, file);
  if (written < 0) {
    throw std::runtime_error(
        fmt::format("{}: cannot be given back its value: errno {}", kUnprivilegedUserfaultfd, -written));
  }
}

std::uint64_t counted_dumpable(const Environment& environment, std::uint64_t dumpable) {
  return dumpable == environment.suid_dumpable ? 0 : dumpable;
}

}  // namespace capcheck
