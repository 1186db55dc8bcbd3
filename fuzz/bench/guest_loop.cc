// SPDX-License-Identifier: GPL-2.0-only
// The hand-written loop of host_calls.h as the first process of a guest: makes the calls of the programs in the file
// /programs again and again, and writes to the console how many programs it ran a second.
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/reboot.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <vector>

#include "fuzz/bench/host_calls.h"

namespace capcheck {
namespace {

/// Each is its size as 32 bits, and the program as encode() gives it.
std::vector<Program> read_programs(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<Program> programs;
  for (std::span<const std::uint8_t> rest = bytes; !rest.empty();) {
    std::uint32_t size = 0;
    if (rest.size() < sizeof(size)) throw std::runtime_error("/programs ends in the middle of a size");
    std::memcpy(&size, rest.data(), sizeof(size));
    rest = rest.subspan(sizeof(size));
    if (size > rest.size()) throw std::runtime_error("/programs ends in the middle of a program");
    programs.push_back(decode(rest.first(size)));
    rest = rest.subspan(size);
  }
  if (programs.empty()) throw std::runtime_error("/programs holds none");
  return programs;
}

/// In the fastest of some rounds, as the benchmarks outside take it.
double programs_a_second(const std::vector<Program>& programs, Looking looking) {
  using Clock = std::chrono::steady_clock;
  std::array<double, kLoopRounds> rates{};
  for (double& rate : rates) {
    const auto start = Clock::now();
    for (const Program& program : programs) run_on_host(program, looking);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    rate = static_cast<double>(programs.size()) / seconds;
  }
  return *std::ranges::max_element(rates);
}

void measure() {
  if (mount("proc", "/proc", "proc", 0, nullptr) != 0) throw std::runtime_error("/proc cannot be mounted");
  const std::vector<Program> programs = read_programs("/programs");
  fmt::print("calls {:.1f}\n", programs_a_second(programs, Looking::away));
  fmt::print("calls_with_state {:.1f}\n", programs_a_second(programs, Looking::at_state));
}

}  // namespace
}  // namespace capcheck

int main() {
  try {
    capcheck::measure();
  } catch (const std::exception& error) {
    fmt::print("guest_loop: {}\n", error.what());
  }
  std::fflush(stdout);
  reboot(RB_POWER_OFF);
  return 1;
}
