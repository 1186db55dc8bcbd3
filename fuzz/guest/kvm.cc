// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/kvm.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "corpus/files.h"
#include "fuzz/cache.h"
#include "fuzz/guest/child.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kQemu = "qemu-system-x86_64";
constexpr std::chrono::seconds kDeadline{5};

fs::path find_in_path(std::string_view program) {
  const char* variable = std::getenv("PATH");
  const std::string path = variable ? variable : "";
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    const fs::path candidate = fs::path(path.substr(start, end - start)) / program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    start = end + 1;
  }
  return {};
}

/// What the answer depends on.
std::string describe_machine() {
  utsname system;
  uname(&system);
  std::ifstream processors("/proc/cpuinfo");
  std::string model, line;
  while (model.empty() && std::getline(processors, line)) {
    if (line.starts_with("model name")) model = line;
  }
  const fs::path qemu = find_in_path(kQemu);
  return fmt::format("{}, {}, {}, {} bytes of {}", system.nodename, system.release, model, fs::file_size(qemu),
                     qemu.string());
}

/// Without an initramfs a kernel that has come up panics for want of a root, and QEMU ends.
bool boots_with_kvm(const fs::path& kernel_image) {
  Pipe console;
  Child guest({std::string(kQemu), "-M", "pc,accel=kvm", "-cpu", "host", "-m", "128M", "-no-user-config", "-nodefaults",
               "-display", "none", "-no-reboot", "-kernel", kernel_image.string(), "-append", "console=ttyS0 panic=-1",
               "-serial", "stdio"},
              {.input = -1, .output = console.write_end(), .error = -1});
  console.close_write_end();
  const Clock::time_point deadline = Clock::now() + kDeadline;
  std::string text;
  while (Clock::now() < deadline) {
    pollfd ready{.fd = console.read_end(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 100) <= 0) continue;
    std::array<char, 4096> bytes;
    const ssize_t count = read(console.read_end(), bytes.data(), bytes.size());
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text.find("Kernel panic - not syncing: ") != std::string::npos;
}

}  // namespace

bool is_in_path(std::string_view program) {
  return !find_in_path(program).empty();
}

bool kvm_works(const fs::path& kernel_image) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) return false;
  const fs::path file = cache_directory() / "bootable" / "kvm";
  const std::string machine = describe_machine();
  if (fs::exists(file)) {
    const std::string known = read_file(file);
    if (known == "works: " + machine + "\n") return true;
    if (known == "fails: " + machine + "\n") return false;
  }
  const bool works = boots_with_kvm(kernel_image);
  write_file(file, fmt::format("{}: {}\n", works ? "works" : "fails", machine));
  return works;
}

}  // namespace capcheck
