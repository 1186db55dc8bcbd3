// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/minimise_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/machine_options.h"
#include "fuzz/minimise.h"
#include "fuzz/signature.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct MinimiseArguments {
  fs::path file, kernel, output;
  std::string profile;
  MachineOptions place;
  unsigned times = 5;
};

std::unique_ptr<System> system_of(const MinimiseArguments& arguments, const Profile& profile) {
  if (const auto machine = arguments.place.machine()) return start_on(*machine, profile);
  return std::make_unique<InProcessKernel>(arguments.kernel.empty() ? kernel_file(profile) : arguments.kernel, profile);
}

int run(const MinimiseArguments& arguments) {
  const TraceText trace = load_trace(arguments.file, parse_profile("6.12+userns"));
  const Profile profile = arguments.profile.empty() ? trace.profiles.front() : parse_profile(arguments.profile);
  Differential differential(profile, system_of(arguments, profile));
  const auto signature = [&](const Program& program) {
    const auto divergence = differential.run(program);
    return divergence ? signature_of(*divergence, program, differential) : std::string();
  };

  const std::string shown = signature(trace.program);
  if (!differential.refused().empty()) {
    throw std::runtime_error(fmt::format("{}: not performed: {}", arguments.file.string(), differential.refused()));
  }
  if (shown.empty()) {
    throw std::runtime_error(fmt::format(
        "{}: model and {} agree, so there is nothing to keep: give the kernel it diverges on by --kernel or "
        "--on, and its rules by --profile",
        arguments.file.string(), differential.system().name()));
  }
  const Program shortest = minimise(trace.program, [&](const Program& program) { return signature(program) == shown; });
  unsigned hits = 0;
  for (unsigned i = 0; i < arguments.times; ++i) hits += signature(shortest) == shown;

  TraceText kept = expect_observed(profile, shortest, run_model(profile, shortest),
                                   fmt::format("Diverges on {}: {}.", differential.system().name(), shown));
  if (!arguments.output.empty()) write_file(arguments.output, print_trace(kept));
  fmt::print("{}\n{}: {} of {} calls, shown by {} of {} runs{}\n", print_trace(kept), shown, shortest.calls.size(),
             trace.program.calls.size(), hits, arguments.times, hits == arguments.times ? "" : ": UNSTABLE");
  return 1;
}

}  // namespace

void add_minimise_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<MinimiseArguments>();
  CLI::App* command = app.add_subcommand("minimise", "Make a program that diverges as short and plain as it goes");
  command->add_option("file", arguments->file, "A trace, or an artifact of the fuzzer")->required();
  command->add_option("--profile", arguments->profile, "The rules to apply, if not the trace's own");
  CLI::Option* kernel =
      command->add_option("--kernel", arguments->kernel, "Run on this kernel instead of the profile's own");
  add_machine_options(*command, arguments->place, *kernel);
  command->add_option("--output", arguments->output, "A file to write the trace to, expecting what the model does");
  command->add_option("--times", arguments->times, "How often to run what is left, to see whether it always diverges")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->footer("Example: capcheck minimise findings/found.trace --output found.min.trace");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
