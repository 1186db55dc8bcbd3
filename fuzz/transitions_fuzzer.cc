// SPDX-License-Identifier: GPL-2.0-only
// The libFuzzer target: runs a program on the model and on a kernel in this process, and compares after every call.
//
//   transitions_fuzzer [--profile=6.12+userns] [--kernel=FILE.so] [--findings=DIR] [libFuzzer's own flags]
//
// Coverage is the kernel's (its shared object is instrumented), the model's, and one counter for each (call, guard).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/mutator.h"
#include "model/trace_text.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace capcheck {
namespace {

/// libFuzzer reads these as coverage: which guard, if any, stopped which call.
__attribute__((section("__libfuzzer_extra_counters"))) std::array<std::uint8_t, kCalls.size() * kGuards.size()>
    guard_counters;

struct Target {
  Target(const Profile& profile, std::filesystem::path kernel, std::filesystem::path findings_directory)
      : differential(profile, std::move(kernel)), findings(std::move(findings_directory)) {}

  Differential differential;
  std::filesystem::path findings;
  Program program;
  std::uint64_t calls = 0;  ///< made so far
};
std::unique_ptr<Target> target;

/// The value of --NAME=VALUE among the arguments. libFuzzer passes over flags that begin with two dashes.
std::optional<std::string> flag(std::span<char*> arguments, std::string_view name) {
  const std::string start = fmt::format("--{}=", name);
  for (const std::string_view argument : arguments) {
    if (argument.starts_with(start)) return std::string(argument.substr(start.size()));
  }
  return std::nullopt;
}

void count_guards(const Program& program, const Trace& model) {
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const auto row = static_cast<std::size_t>(program.calls[i].kind),
               column = static_cast<std::size_t>(model.guards[i]);
    guard_counters[row * kGuards.size() + column] = 1;
  }
}

/// Saves the program as a trace that expects what the model does, tells the reader, and stops the fuzzer.
[[noreturn]] void report(const Divergence& divergence) {
  const Differential& differential = target->differential;
  const TraceText trace =
      expect_observed(differential.profile(), target->program, differential.model_trace(),
                      fmt::format("Found by fuzzing {}: {}.", target->differential.kernel().file().stem().string(),
                                  summarise(divergence)));
  const std::string text = print_trace(trace);
  const auto file = target->findings / fmt::format("divergence-{:016x}.trace", std::hash<std::string>{}(text));
  write_file(file, text);
  const std::string replay =
      fmt::format("capcheck replay --kernel {} {}", target->differential.kernel().file().string(), file.string());
  fmt::print(stderr, "\n{}", differential.explain(divergence, target->program, replay));
  std::abort();
}

void set_up(std::span<char*> arguments) {
  const Profile profile = parse_profile(flag(arguments, "profile").value_or("6.12+userns"));
  const auto kernel = flag(arguments, "kernel");
  target = std::make_unique<Target>(profile, kernel ? std::filesystem::path(*kernel) : kernel_file(profile),
                                    flag(arguments, "findings").value_or("."));
  std::atexit([] { fmt::print(stderr, "{} {}\n", kCallsLabel, target->calls); });
}

Random seeded(unsigned seed) {
  return Random(seed);
}

/// Writes a program over a fuzzer's buffer, without the last calls that do not fit whole; returns its size.
std::size_t replace(std::uint8_t* data, std::size_t max_size, Program program) {
  std::vector<std::uint8_t> bytes = encode(program);
  while (bytes.size() > max_size && program.calls.size() > 1) {
    program.calls.pop_back();
    bytes = encode(program);
  }
  const std::size_t size = std::min(bytes.size(), max_size);
  std::memcpy(data, bytes.data(), size);
  return size;
}

/// As many calls as may fit in so many bytes; at least one.
std::size_t calls_that_may_fit(std::size_t size) {
  constexpr std::size_t kUsualCall = 16;
  return std::clamp<std::size_t>(size / kUsualCall, 1, kMaxCalls);
}

}  // namespace
}  // namespace capcheck

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  try {
    capcheck::set_up({*argv, static_cast<std::size_t>(*argc)});
  } catch (const std::exception& error) {
    fmt::print(stderr, "transitions_fuzzer: {}\n", error.what());
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  capcheck::Target& target = *capcheck::target;
  capcheck::decode({data, size}, target.program);
  target.calls += target.program.calls.size();
  const auto divergence = target.differential.run(target.program);
  capcheck::count_guards(target.program, target.differential.model_trace());
  if (divergence) capcheck::report(*divergence);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  capcheck::Random random = capcheck::seeded(seed);
  // Now and then libFuzzer's own mutations, which know of the constants that the kernel compared with.
  if (capcheck::pick_below(random, 8) == 0) return LLVMFuzzerMutate(data, size, max_size);
  capcheck::Program program = capcheck::decode({data, size});
  capcheck::mutate(program, capcheck::calls_that_may_fit(max_size), capcheck::target->differential.profile(), random);
  return capcheck::replace(data, max_size, program);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data1, std::size_t size1,
                                                 const std::uint8_t* data2, std::size_t size2, std::uint8_t* out,
                                                 std::size_t max_out_size, unsigned seed) {
  capcheck::Random random = capcheck::seeded(seed);
  return capcheck::replace(out, max_out_size,
                           capcheck::cross_over(capcheck::decode({data1, size1}), capcheck::decode({data2, size2}),
                                                capcheck::calls_that_may_fit(max_out_size), random));
}
