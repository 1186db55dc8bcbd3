// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/triage_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "corpus/files.h"
#include "fuzz/machine_options.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/triage.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct TriageArguments {
  fs::path file, kernel;
  std::string profile;
  MachineOptions place;
  unsigned times = 10;
};

int run(const TriageArguments& arguments) {
  const TraceText trace = load_trace(arguments.file, parse_profile("6.12+userns"));
  const Profile profile = arguments.profile.empty() ? trace.profiles.front() : parse_profile(arguments.profile);
  fs::path kernel = arguments.kernel;
  std::string signature;
  if (trace.known) {
    signature = trace.known->signature;
    if (kernel.empty() && !trace.known->kernel.empty()) kernel = kernel_directory() / (trace.known->kernel + ".so");
  }
  Triage triage(profile, kernel, arguments.place.machine());
  const Judged judged = triage.judge_program(trace.program, signature, arguments.times);
  const std::string verdict = describe(judged.blame, judged.replays);
  if (!judged.blame) {
    throw std::runtime_error(fmt::format("{}: {}; one system alone tells nothing: see `capcheck kernel list`",
                                         arguments.file.string(), verdict));
  }
  if (std::ranges::all_of(judged.replays, [](const Replays& one) { return one.hits == 0; })) {
    fmt::print("{}: model and kernels agree: {}\n", arguments.file.string(), verdict);
    return 0;
  }
  fmt::print("{}: {}\n", arguments.file.string(), verdict);
  return 1;
}

}  // namespace

void add_triage_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<TriageArguments>();
  CLI::App* command = app.add_subcommand("triage", "Replay a divergence on every kernel at hand, and say whose it is");
  command->add_option("file", arguments->file, "A trace, or an artifact of the fuzzer")->required();
  command->add_option("--profile", arguments->profile, "The rules to apply, if not the trace's own");
  CLI::Option* kernel =
      command->add_option("--kernel", arguments->kernel, "The kernel it was found on, if not the profile's own");
  add_machine_options(*command, arguments->place, *kernel);
  command->add_option("--times", arguments->times, "How often to run it on each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->footer("Example: capcheck triage findings/found.trace --kernel my-kernel.so");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
