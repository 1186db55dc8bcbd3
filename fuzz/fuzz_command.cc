// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/checks.h"
#include "corpus/files.h"
#include "fuzz/cache.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/machine_options.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsualProfile = "6.12+userns";

struct FuzzArguments {
  std::string profile;
  fs::path kernel, corpus, findings = "findings";
  MachineOptions place;
  std::vector<fs::path> seeds;
  bool empty = false;
  unsigned seconds = 60, jobs = 1, seed = 1;
  bool stop_at_first = false;
  bool json = false;
  CheckFiles checks;
};

/// The rules: those asked for, or those that the kernel to boot was built by. An error in the names of machine and
/// kernel is said here, not by each job.
Profile profile_of(const FuzzArguments& arguments) {
  std::optional<Profile> recorded;
  if (const auto machine = arguments.place.machine(); machine && !machine->booted.empty()) {
    recorded = recorded_profile(*machine);
  }
  if (!arguments.profile.empty()) return parse_profile(arguments.profile);
  return recorded.value_or(parse_profile(kUsualProfile));
}

/// Where programs are kept, and which others to start from. What one kernel's coverage finds worth keeping says little
/// on another, so each has a corpus of its own; but one in this process finds the most, so the others go on from there.
void choose_corpora(const FuzzArguments& arguments, FuzzOptions& options) {
  if (arguments.empty) return;
  const fs::path all = cache_directory() / "corpus", in_process = all / to_string(options.profile);
  const auto machine = arguments.place.machine();
  if (!arguments.corpus.empty()) {
    options.corpus = arguments.corpus;
  } else if (!machine) {
    options.corpus = in_process;
  } else {
    options.corpus = all / to_string(*machine);
    if (!machine->as_found()) {
      *options.corpus /= machine->booted.empty() ? to_string(options.profile) : machine->booted;
    }
    if (arguments.seeds.empty()) options.start = in_process;
  }
}

FuzzOptions options_from(const FuzzArguments& arguments) {
  FuzzOptions options;
  options.profile = profile_of(arguments);
  options.kernel = arguments.kernel.empty() ? kernel_file(options.profile) : arguments.kernel;
  if (!arguments.seeds.empty()) options.seeds = find_traces(arguments.seeds);
  options.machine = arguments.place.on;
  options.booted = arguments.place.booted;
  options.allow_system_changes = arguments.place.allow_system_changes;
  choose_corpora(arguments, options);
  options.findings = arguments.findings;
  options.seconds = arguments.seconds;
  options.jobs = arguments.jobs;
  options.seed = arguments.seed;
  options.stop_at_first = arguments.stop_at_first;
  return options;
}

void print_json(const FuzzOptions& options, const FuzzOutcome& outcome) {
  auto findings = nlohmann::json::array();
  for (const Finding& finding : outcome.findings) {
    findings.push_back({{"signature", finding.signature},
                        {"calls", finding.calls},
                        {"file", finding.file.string()},
                        {"report", finding.report}});
  }
  auto artifacts = nlohmann::json::array();
  for (const fs::path& file : outcome.artifacts) artifacts.push_back(file.string());
  const nlohmann::json row = {{"profile", to_string(options.profile)},
                              {"kernel", options.kernel.string()},
                              {"programs", outcome.programs},
                              {"calls", outcome.calls},
                              {"machine", options.machine},
                              {"booted", options.booted},
                              {"covered_in_booted", outcome.covered},
                              {"guests_lost", outcome.losses},
                              {"not_performed", outcome.refused},
                              {"seconds", outcome.seconds},
                              {"coverage", outcome.coverage},
                              {"findings", findings},
                              {"crash", outcome.crash},
                              {"artifacts", artifacts}};
  fmt::print("{}\n", row.dump(2));
}

/// That the kernel follows the model: one check, or one for each signature of a divergence.
Checks checks_of(const FuzzOptions& options, const FuzzOutcome& outcome) {
  const std::string rule = "follows-the-model",
                    kernel = options.machine.empty() ? options.kernel.stem().string() : options.machine;
  const Place rules{"model/step.h", 1};
  Checks checks{"fuzz",
                {{rule, "The kernel does what the model does.",
                  "Result, errno, output and the complete state are the same after every call.", rules}}};
  for (const Finding& finding : outcome.findings) {
    checks.checks.push_back({kernel,
                             finding.signature,
                             rule,
                             CheckStatus::failed,
                             finding.report,
                             {finding.file.generic_string(), 1},
                             outcome.seconds});
  }
  if (!outcome.crash.empty()) {
    checks.checks.push_back({kernel, "crash", rule, CheckStatus::failed, outcome.crash, rules, outcome.seconds});
  }
  if (!outcome.found()) {
    checks.checks.push_back({kernel, rule, rule, CheckStatus::passed, describe_rate(outcome), rules, outcome.seconds});
  }
  return checks;
}

/// "no divergence", "2 DIVERGENCES"
std::string describe_found(const FuzzOutcome& outcome) {
  const std::size_t found = outcome.findings.size() + (outcome.crash.empty() ? 0 : 1);
  return found == 0 ? "no divergence" : fmt::format("{} DIVERGENCE{}", found, found == 1 ? "" : "S");
}

int run(const FuzzArguments& arguments) {
  const FuzzOptions options = options_from(arguments);
  const FuzzOutcome outcome = fuzz(options);
  write_checks(arguments.checks, checks_of(options, outcome));
  if (arguments.json) {
    print_json(options, outcome);
    return outcome.found() ? 1 : 0;
  }
  fmt::print("{}", reports(outcome));
  for (const Finding& finding : outcome.findings) fmt::print("saved: {}\n", finding.file.string());
  for (const fs::path& file : outcome.artifacts) fmt::print("saved: {}\n", file.string());
  fmt::print("{}: {}: {}{}\n", options.machine.empty() ? options.kernel.stem().string() : options.machine,
             describe_rate(outcome), describe_found(outcome), outcome.interrupted ? " (interrupted)" : "");
  return outcome.found() ? 1 : 0;
}

}  // namespace

void add_fuzz_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<FuzzArguments>();
  CLI::App* command = app.add_subcommand("fuzz", "Fuzz a kernel against the model");
  command->add_option("--profile", arguments->profile,
                      fmt::format("Kernel and rules ({}; with --booted: as that kernel was built)", kUsualProfile));
  CLI::Option* kernel =
      command->add_option("--kernel", arguments->kernel, "Run this kernel instead of the profile's own");
  add_machine_options(*command, arguments->place, *kernel);
  command->add_option("--seeds", arguments->seeds,
                      "Traces, or directories of them, to start from (with --on and neither this nor --corpus: the "
                      "profile's programs of runs without --on, corpus/PROFILE in the cache directory)");
  command->add_option("--corpus", arguments->corpus,
                      "Where programs are kept between runs (in the cache directory: corpus/PROFILE, or with --on "
                      "corpus/uml/KERNEL, corpus/qemu/KERNEL, corpus/host, corpus/ssh:HOST)");
  command->add_flag("--empty", arguments->empty, "Start from nothing and keep no corpus");
  command->add_option("--findings", arguments->findings, "Where findings are saved")->capture_default_str();
  command->add_option("--seconds", arguments->seconds, "How long")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--jobs", arguments->jobs, "Processes side by side")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", arguments->seed, "Seed of the random numbers")->capture_default_str();
  command->add_flag("--stop-at-first", arguments->stop_at_first, "End with the first divergence");
  command->add_flag("--json", arguments->json, "Print one JSON object instead of text");
  add_check_files(*command, arguments->checks);
  command->footer("Example: capcheck fuzz --profile 6.12+userns --seeds corpus/seeds --seconds 600 --jobs 2");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
