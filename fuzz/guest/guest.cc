// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/guest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <system_error>

#include "corpus/files.h"
#include "fuzz/cache.h"
#include "fuzz/guest/kvm.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kQemu = "qemu-system-x86_64";

/// What fuzz/kernel/build_bootable fills.
fs::path bootable_directory() {
  return cache_directory() / "bootable";
}

/// The lock that a build holds (fuzz/kernel/build.d/common.sh). Not taken where there has been no build.
class BuildLock {
 public:
  BuildLock() : fd_(open((bootable_directory() / "lock").c_str(), O_RDONLY | O_CLOEXEC)) {
    taken_ = fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) == 0;
  }
  BuildLock(const BuildLock&) = delete;
  BuildLock& operator=(const BuildLock&) = delete;
  ~BuildLock() {
    if (fd_ >= 0) close(fd_);
  }
  bool taken() const { return taken_; }

 private:
  int fd_;
  bool taken_;
};

/// Lines "FIELD: VALUE".
std::map<std::string, std::string, std::less<>> read_record(const fs::path& file) {
  std::map<std::string, std::string, std::less<>> fields;
  const std::string text = read_file(file);
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
    start = end + 1;
  }
  return fields;
}

BootedKernel read_kernel(const fs::path& record, Architecture architecture) {
  auto fields = read_record(record);
  for (const std::string_view field : {"profile", "release", "image", "workspace"}) {
    if (fields.find(field) != fields.end()) continue;
    throw std::runtime_error(
        fmt::format("{}: no field '{}'; remove the file and build the kernel again", record.string(), field));
  }
  return {.name = record.stem().string(),
          .architecture = architecture,
          .profile = fields["profile"],
          .release = fields["release"],
          .fault = fields["fault"],
          .options = fields["options"],
          .patches = fields["patches"],
          .source = fields["source"],
          .tree = fields["tree"].empty() ? fs::path() : bootable_directory() / "trees" / fields["tree"] / "source",
          .image = bootable_directory() / "images" / fields["image"],
          .workspace = bootable_directory() / "workspaces" / fields["workspace"],
          .record = record};
}

std::string build_command(std::string_view name, Architecture architecture) {
  return fmt::format("capcheck kernel build {}{}", name, architecture == Architecture::um ? "" : " --arch x86_64");
}

unsigned default_memory(const BootedKernel& kernel) {
  constexpr unsigned kPlain = 128, kShadowed = 512;  // KASAN's shadow, and what it keeps back of freed memory
  return kernel.options.find("kasan") == std::string::npos ? kPlain : kShadowed;
}

/// user-mode Linux reads its own options and the kernel's from one list.
std::vector<std::string> um_command(const BootedKernel& kernel, const fs::path& initramfs,
                                    const GuestOptions& options) {
  const fs::path scratch = options.scratch.empty() ? fs::temp_directory_path() / "capcheck-uml" : options.scratch;
  std::vector<std::string> command = {
      kernel.image.string(),
      fmt::format("mem={}M", options.memory_mib ? options.memory_mib : default_memory(kernel)),
      "initrd=" + initramfs.string(),
      fmt::format("uml_dir={}/", scratch.string()),
      "con=null",
      "ssl=null",
      "console=tty0",
      "panic=-1",
  };
  if (options.wiring == Wiring::link) {
    command.insert(command.end(), {"con0=null,fd:2", "ssl0=fd:0,fd:1", "capcheck.link=/dev/ttyS0"});
  } else {
    command.emplace_back("con0=fd:0,fd:1");
  }
  return command;
}

std::vector<std::string> x86_64_command(const BootedKernel& kernel, const fs::path& initramfs,
                                        const GuestOptions& options) {
  if (!is_in_path(kQemu)) {
    throw std::runtime_error(fmt::format("{} is not installed; on Debian: apt install qemu-system-x86", kQemu));
  }
  const bool kvm = options.accelerator ? *options.accelerator == Accelerator::kvm : kvm_works(kernel.image);
  std::string words = "console=ttyS0 panic=-1";
  std::vector<std::string> command = {
      std::string(kQemu),
      "-M",
      fmt::format("pc,accel={}", kvm ? "kvm" : "tcg"),
      "-cpu",
      kvm ? "host" : "max",
      "-m",
      fmt::format("{}M", options.memory_mib ? options.memory_mib : default_memory(kernel)),
      "-no-user-config",
      "-nodefaults",
      "-display",
      "none",
      "-no-reboot",
      "-kernel",
      kernel.image.string(),
      "-initrd",
      initramfs.string(),
  };
  if (options.wiring == Wiring::link) {
    words += " capcheck.link=/dev/vport0p1";
    command.insert(command.end(), {"-chardev", "stdio,id=link,signal=off",                    //
                                   "-chardev", "file,id=console,path=/dev/stderr,append=on",  //
                                   "-serial", "chardev:console",                              //
                                   "-device", "virtio-serial-pci",                            //
                                   "-device", "virtserialport,chardev=link"});
  } else {
    command.insert(command.end(), {"-chardev", "stdio,id=console", "-serial", "chardev:console"});
  }
  command.insert(command.end(), {"-append", words});
  return command;
}

}  // namespace

std::string_view to_string(Architecture architecture) {
  return architecture == Architecture::um ? "um" : "x86_64";
}

Architecture parse_architecture(std::string_view text) {
  for (const Architecture architecture : kArchitectures) {
    if (to_string(architecture) == text) return architecture;
  }
  throw std::invalid_argument(fmt::format("unknown architecture '{}' (known: um, x86_64)", text));
}

std::string_view to_string(KernelState state) {
  switch (state) {
    case KernelState::ready:
      return "ready";
    case KernelState::building:
      return "building";
    case KernelState::unfinished:
      return "unfinished";
  }
  return "?";
}

std::vector<BootedKernel> booted_kernels() {
  std::vector<BootedKernel> kernels;
  const bool building = !BuildLock().taken();
  for (const Architecture architecture : kArchitectures) {
    const fs::path directory = bootable_directory() / "kernels" / to_string(architecture);
    if (!fs::exists(directory)) continue;
    for (const auto& entry : fs::directory_iterator(directory)) {
      const fs::path& file = entry.path();
      if (file.extension() == ".kernel") {
        kernels.push_back(read_kernel(file, architecture));
        if (!fs::exists(kernels.back().image)) kernels.back().state = KernelState::unfinished;
      } else if (file.extension() == ".unfinished" && !fs::exists(fs::path(file).replace_extension(".kernel"))) {
        kernels.push_back({.name = file.stem().string(),
                           .architecture = architecture,
                           .state = building ? KernelState::building : KernelState::unfinished,
                           .profile = {},
                           .release = {},
                           .fault = {},
                           .options = {},
                           .patches = {},
                           .source = {},
                           .tree = {},
                           .image = {},
                           .workspace = {},
                           .record = file});
      }
    }
  }
  std::ranges::sort(kernels, {},
                    [](const BootedKernel& kernel) { return std::pair(kernel.architecture, kernel.name); });
  return kernels;
}

BootedKernel find_booted_kernel(std::string_view name, Architecture architecture) {
  for (BootedKernel& kernel : booted_kernels()) {
    if (kernel.name != name || kernel.architecture != architecture) continue;
    if (kernel.state == KernelState::ready) return std::move(kernel);
    throw std::runtime_error(
        fmt::format("kernel {}: its build has not come to its end; run: {}", name, build_command(name, architecture)));
  }
  throw std::runtime_error(fmt::format("there is no kernel {} for {} that boots; run: {}", name,
                                       to_string(architecture), build_command(name, architecture)));
}

void remove_booted_kernel(const BootedKernel& kernel) {
  const BuildLock lock;
  if (!lock.taken()) throw std::runtime_error("a kernel is being built; try again when it is done");
  fs::remove(kernel.record);
  bool image_used = kernel.image.empty(), workspace_used = kernel.workspace.empty();
  for (const BootedKernel& other : booted_kernels()) {
    image_used |= other.image == kernel.image;
    workspace_used |= other.workspace == kernel.workspace;
  }
  if (!image_used) {
    fs::remove(kernel.image);
    fs::remove(kernel.image.string() + ".facts");
  }
  if (!workspace_used) fs::remove_all(kernel.workspace);
}

Processors guest_processors(const BootedKernel& kernel) {
  return kernel.architecture == Architecture::um ? Processors::one : Processors::all;
}

std::vector<std::string> guest_command(const BootedKernel& kernel, const fs::path& initramfs,
                                       const GuestOptions& options) {
  return kernel.architecture == Architecture::um ? um_command(kernel, initramfs, options)
                                                 : x86_64_command(kernel, initramfs, options);
}

}  // namespace capcheck
