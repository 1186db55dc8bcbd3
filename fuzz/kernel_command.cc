// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/kernel_command.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "corpus/files.h"
#include "fuzz/guest/child.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"
#include "fuzz/programs.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct BuildArguments {
  std::string name, version, source, architecture = "um", fault;
  std::optional<std::string> only;
  std::vector<std::string> features, patches;
  bool kcov = false, kasan = false, ubsan = false, lockdep = false, selinux = false, verbose = false;
};

struct KernelArguments {
  std::string name, architecture = "um";
  fs::path init;
  std::string accelerator;
  bool json = false;
  double seconds = 20;
};

/// Hands over to the script, which then has the terminal and its signals to itself.
[[noreturn]] void build_kernel(const BuildArguments& arguments) {
  std::vector<std::string> command = {bootable_kernel_script().string(), arguments.name, "--arch",
                                      arguments.architecture};
  const auto add = [&command](const char* option, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {option, value});
  };
  add("--version", arguments.version);
  add("--source", arguments.source);
  add("--plant", arguments.fault);
  if (arguments.only) command.insert(command.end(), {"--only", *arguments.only});
  for (const std::string& feature : arguments.features) add("--feature", feature);
  for (const std::string& patch : arguments.patches) add("--patch", patch);
  if (arguments.kcov) command.emplace_back("--kcov");
  if (arguments.kasan) command.emplace_back("--kasan");
  if (arguments.ubsan) command.emplace_back("--ubsan");
  if (arguments.lockdep) command.emplace_back("--lockdep");
  if (arguments.selinux) command.emplace_back("--selinux");
  if (arguments.verbose) command.emplace_back("--verbose");
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  execv(words[0], words.data());
  throw std::system_error(errno, std::generic_category(),
                          fmt::format("{}: cannot run; is the source tree still there?", command[0]));
}

std::uintmax_t size_on_disk(const BootedKernel& kernel) {
  std::uintmax_t size = kernel.image.empty() || !fs::exists(kernel.image) ? 0 : fs::file_size(kernel.image);
  return size;
}

/// "planted raise-ignores-bounding, kcov".
std::string describe_extras(const BootedKernel& kernel) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  };
  add(kernel.options);
  add(kernel.fault.empty() ? "" : "planted: " + kernel.fault);
  add(kernel.patches.empty() ? "" : "patches: " + kernel.patches);
  return text;
}

void list_kernels(const KernelArguments& arguments) {
  const std::vector<BootedKernel> kernels = booted_kernels();
  if (arguments.json) {
    auto rows = nlohmann::json::array();
    for (const BootedKernel& kernel : kernels) {
      rows.push_back({{"name", kernel.name},
                      {"architecture", to_string(kernel.architecture)},
                      {"state", to_string(kernel.state)},
                      {"profile", kernel.profile},
                      {"release", kernel.release},
                      {"options", kernel.options},
                      {"fault", kernel.fault},
                      {"patches", kernel.patches},
                      {"source", kernel.source},
                      {"image", kernel.image.string()},
                      {"bytes", size_on_disk(kernel)}});
    }
    fmt::print("{}\n", rows.dump(2));
    return;
  }
  fmt::print("{:<24} {:<7} {:<10} {:<24} {:<10} {:>8}  {}\n", "name", "arch", "release", "profile", "state", "size",
             "built with");
  for (const BootedKernel& kernel : kernels) {
    fmt::print("{:<24} {:<7} {:<10} {:<24} {:<10} {:>4.1f} MiB  {}\n", kernel.name, to_string(kernel.architecture),
               kernel.release, kernel.profile, to_string(kernel.state),
               static_cast<double>(size_on_disk(kernel)) / (1 << 20), describe_extras(kernel));
  }
}

void remove_kernel(const KernelArguments& arguments) {
  const Architecture architecture = parse_architecture(arguments.architecture);
  for (const BootedKernel& kernel : booted_kernels()) {
    if (kernel.name != arguments.name || kernel.architecture != architecture) continue;
    remove_booted_kernel(kernel);
    return;
  }
  throw std::runtime_error(fmt::format("there is no kernel {} for {}; capcheck kernel list tells which there are",
                                       arguments.name, arguments.architecture));
}

std::atomic<bool> stop_requested = false;

/// Turns signals that end a process into a request to stop, so that the guest is ended first.
void catch_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stop_requested = true; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

/// A directory of its own that is removed, and the terminal's settings, which are put back.
class BootPlace {
 public:
  BootPlace() : directory_("capcheck-guest"), terminal_(tcgetattr(STDIN_FILENO, &settings_) == 0) {}
  BootPlace(const BootPlace&) = delete;
  BootPlace& operator=(const BootPlace&) = delete;
  ~BootPlace() {
    if (terminal_) tcsetattr(STDIN_FILENO, TCSANOW, &settings_);
  }
  const fs::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  termios settings_{};
  bool terminal_;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// "exit status 1", "signal 6".
std::string describe_end(int status) {
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit status {}", WEXITSTATUS(status));
}

/// A person's init has the console.
int boot_interactively(const std::vector<std::string>& command) {
  Child guest(command, {.input = STDIN_FILENO, .output = STDOUT_FILENO, .error = STDERR_FILENO});
  std::optional<int> ended;
  while (!(ended = guest.ended()) && !stop_requested) poll(nullptr, 0, 20);
  if (stop_requested) return 2;
  if (*ended != 0) fmt::print(stderr, "the guest ended with {}\n", describe_end(*ended));
  return *ended == 0 ? 0 : 2;
}

/// Boots the executor, and lets it go once it has said its first word.
int boot_executor(const std::vector<std::string>& command, const BootedKernel& kernel, double seconds) {
  Pipe to_guest, from_guest;
  const Clock::time_point start = Clock::now();
  Child guest(command, {.input = to_guest.read_end(), .output = from_guest.write_end(), .error = STDERR_FILENO});
  to_guest.close_read_end();
  from_guest.close_write_end();
  double first_word = 0;
  while (!guest.ended() && !stop_requested && seconds_since(start) < seconds) {
    pollfd ready{.fd = from_guest.read_end(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    std::array<char, 4096> bytes;
    if (read(from_guest.read_end(), bytes.data(), bytes.size()) <= 0) {
      poll(nullptr, 0, 5);  // its end comes next
    } else if (first_word == 0) {
      first_word = seconds_since(start);
      to_guest.close_write_end();  // the end of the link is the end of the executor
    }
  }
  if (stop_requested) return 2;
  if (first_word == 0) {
    throw std::runtime_error(fmt::format("kernel {} did not boot as far as /init: {}; see the console above",
                                         kernel.name,
                                         guest.ended() ? "it ended with " + describe_end(*guest.ended())
                                                       : fmt::format("nothing on the link in {} s", seconds)));
  }
  if (!guest.ended()) throw std::runtime_error("the guest did not power off; it was killed");
  fmt::print("{} ({}, {}): /init answered after {:.2f} s, powered off after {:.2f} s\n", kernel.name,
             to_string(kernel.architecture), kernel.release, first_word, seconds_since(start));
  return 0;
}

int boot_kernel(const KernelArguments& arguments) {
  const BootedKernel kernel = find_booted_kernel(arguments.name, parse_architecture(arguments.architecture));
  const bool interactive = !arguments.init.empty();
  const fs::path init = interactive ? arguments.init : program_directory() / "executor";
  catch_signals();
  const BootPlace place;
  const fs::path initramfs = place.path() / "initramfs.cpio";
  write_file(initramfs, initramfs_with_init(init).bytes());
  GuestOptions options;
  options.scratch = place.path();
  options.wiring = interactive ? Wiring::console : Wiring::link;
  if (!arguments.accelerator.empty()) {
    options.accelerator = arguments.accelerator == "kvm" ? Accelerator::kvm : Accelerator::tcg;
  }
  const std::vector<std::string> command = guest_command(kernel, initramfs, options);
  return interactive ? boot_interactively(command) : boot_executor(command, kernel, arguments.seconds);
}

void add_build(CLI::App& kernel) {
  auto arguments = std::make_shared<BuildArguments>();
  CLI::App* command = kernel.add_subcommand("build", "Build a kernel that boots, or go on with an interrupted build");
  command->add_option("name", arguments->name, "As in 6.12+userns; any name with --version or --source")->required();
  command->add_option("--version", arguments->version, "Of Debian's linux-source-VERSION (from the name)");
  command->add_option("--source", arguments->source, "A kernel tree, or a tarball of one");
  command->add_option("--arch", arguments->architecture, "um (user-mode Linux) or x86_64 (QEMU)")
      ->capture_default_str();
  command->add_option("--feature", arguments->features, "A feature to apply (a directory of fuzz/kernel/patches)")
      ->expected(1)
      ->take_all();
  command->add_option("--patch", arguments->patches, "A patch, or a mailbox of them, to apply before the features")
      ->expected(1)
      ->take_all();
  command->add_option("--plant", arguments->fault, "A fault to plant (capcheck faults)");
  command->add_flag("--kcov", arguments->kcov, "With coverage of the files that the suite is about");
  command->add_flag("--kasan", arguments->kasan, "With KASAN");
  command->add_flag("--ubsan", arguments->ubsan, "With UBSAN");
  command->add_flag("--lockdep", arguments->lockdep, "With lockdep");
  command->add_flag("--selinux", arguments->selinux, "With SELinux");
  command->add_option("--only", arguments->only, "Make no kernel; see whether this directory of the source compiles");
  command->add_flag("--verbose", arguments->verbose, "Say what is done");
  command->footer("Example: capcheck kernel build mine --version 6.12 --patch series.mbox");
  command->callback([arguments] { build_kernel(*arguments); });
}

void add_architecture(CLI::App* command, KernelArguments& arguments) {
  command->add_option("--arch", arguments.architecture, "um or x86_64")->capture_default_str();
}

}  // namespace

void add_kernel_command(CLI::App& app, int& status) {
  CLI::App* kernel = app.add_subcommand("kernel", "Build, list, boot and remove kernels that boot");
  kernel->require_subcommand(1);
  add_build(*kernel);

  auto arguments = std::make_shared<KernelArguments>();
  CLI::App* list = kernel->add_subcommand("list", "List the kernels there are");
  list->add_flag("--json", arguments->json, "Print one JSON array instead of text");
  list->callback([arguments, &status] {
    list_kernels(*arguments);
    status = 0;
  });

  CLI::App* boot = kernel->add_subcommand("boot", "Boot a kernel: the executor, until it answers, or your own /init");
  boot->add_option("name", arguments->name, "The kernel")->required();
  add_architecture(boot, *arguments);
  boot->add_option("--init", arguments->init, "A static program to boot instead, on this terminal");
  boot->add_option("--accel", arguments->accelerator, "Of QEMU: kvm or tcg (kvm, where it works)")
      ->check(CLI::IsMember({"kvm", "tcg"}));
  boot->add_option("--seconds", arguments->seconds, "How long the executor may take")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  boot->footer("Example: capcheck kernel boot 6.12+userns");
  boot->callback([arguments, &status] { status = boot_kernel(*arguments); });

  CLI::App* remove = kernel->add_subcommand("rm", "Remove a kernel and what it was built in");
  remove->add_option("name", arguments->name, "The kernel")->required();
  add_architecture(remove, *arguments);
  remove->callback([arguments, &status] {
    remove_kernel(*arguments);
    status = 0;
  });
}

}  // namespace capcheck
