// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "corpus/files.h"
#include "fuzz/guest/child.h"
#include "fuzz/guest/scratch.h"

namespace capcheck {

std::string run_to_its_end(const BootedKernel& kernel, const Initramfs& files, std::chrono::seconds patience) {
  const Scratch scratch;
  const std::filesystem::path initramfs = scratch.path() / "initramfs.cpio";
  write_file(initramfs, files.bytes());
  GuestOptions options;
  options.wiring = Wiring::console;
  options.scratch = scratch.path();
  Pipe console;
  const Child guest(guest_command(kernel, initramfs, options),
                    {.output = console.write_end(), .error = console.write_end()}, Fate::dies_with_owner,
                    guest_processors(kernel));
  console.close_write_end();

  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string text;
  std::array<char, 4096> buffer{};
  pollfd ready{console.read_end(), POLLIN, 0};
  while (std::chrono::steady_clock::now() < deadline) {
    constexpr int kSliceMs = 100;
    if (poll(&ready, 1, kSliceMs) <= 0) continue;
    const ssize_t size = read(console.read_end(), buffer.data(), buffer.size());
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  constexpr std::size_t kExcerpt = 2000;
  throw std::runtime_error(fmt::format("kernel {}: the guest did not end within {} s; its console ends so:\n{}",
                                       kernel.name, patience.count(),
                                       text.substr(text.size() - std::min(text.size(), kExcerpt))));
}

}  // namespace capcheck
