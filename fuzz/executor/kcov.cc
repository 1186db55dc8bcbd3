// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/kcov.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>

#include "fuzz/executor/counting.h"

namespace capcheck {
namespace {

constexpr const char* kDirectory = "/debug";
constexpr const char* kFile = "/debug/kcov";
/// The first is their number; what does not fit is not recorded. The longest programs take about half of it.
constexpr std::size_t kWords = std::size_t{1} << 16;

[[noreturn]] void fail(const char* step) {
  throw std::runtime_error(fmt::format("{}: {}: {}", kFile, step, std::strerror(errno)));
}

}  // namespace

bool Kcov::open_for_tasks() {
  if (mkdir(kDirectory, 0700) != 0 && errno != EEXIST) fail("mkdir");
  if (mount("debugfs", kDirectory, "debugfs", 0, nullptr) != 0 && errno != EBUSY) return false;
  if (access(kFile, F_OK) != 0) return false;
  for (int task = 0; task < static_cast<int>(kTaskSlots); ++task) {
    const int file = open(kFile, O_RDWR | O_CLOEXEC);
    if (file < 0) fail("open");
    if (ioctl(file, kKcovInitTrace, kWords) != 0) fail("KCOV_INIT_TRACE");
    if (dup3(file, kCoverageFd + task, 0) < 0) fail("dup3");
    close(file);
  }
  shared()->counts = 1;
  return true;
}

Kcov::Kcov() {
  if (!shared()->counts) return;
  for (std::size_t task = 0; task < kTaskSlots; ++task) {
    void* const area = mmap(nullptr, kWords * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                            kCoverageFd + static_cast<int>(task), 0);
    if (area == MAP_FAILED) fail("mmap");
    areas_[task] = static_cast<std::uint64_t*>(area);
  }
}

void Kcov::begin() const {
  for (std::uint64_t* area : areas_) {
    if (area) __atomic_store_n(area, 0, __ATOMIC_RELAXED);
  }
}

void Kcov::read(Coverage& coverage) const {
  coverage.clear();
  for (const std::uint64_t* area : areas_) {
    if (!area) continue;
    const std::size_t count = std::min<std::uint64_t>(__atomic_load_n(area, __ATOMIC_ACQUIRE), kWords - 1);
    fold_path(std::span(area + 1, count), coverage);
  }
}

}  // namespace capcheck
