// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz_command.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/sut/in_process_kernel.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct FuzzArguments {
  std::string profile = "6.12+userns";
  fs::path kernel, corpus, findings = "findings";
  std::vector<fs::path> seeds;
  bool empty = false;
  unsigned seconds = 60, jobs = 1, seed = 1;
  bool json = false;
};

/// $CAPCHECK_CACHE, or capcheck below the user's cache directory.
fs::path cache_directory() {
  if (const char* cache = std::getenv("CAPCHECK_CACHE")) return cache;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "capcheck";
  const char* home = std::getenv("HOME");
  if (!home) throw std::runtime_error("neither CAPCHECK_CACHE, XDG_CACHE_HOME nor HOME is set: name a --corpus");
  return fs::path(home) / ".cache/capcheck";
}

FuzzOptions options_from(const FuzzArguments& arguments) {
  FuzzOptions options;
  options.profile = parse_profile(arguments.profile);
  options.kernel = arguments.kernel.empty() ? kernel_file(options.profile) : arguments.kernel;
  if (!arguments.seeds.empty()) options.seeds = find_traces(arguments.seeds);
  if (!arguments.empty) {
    options.corpus = arguments.corpus.empty() ? cache_directory() / "corpus" / arguments.profile : arguments.corpus;
  }
  options.findings = arguments.findings;
  options.seconds = arguments.seconds;
  options.jobs = arguments.jobs;
  options.seed = arguments.seed;
  return options;
}

void print_json(const FuzzOptions& options, const FuzzOutcome& outcome) {
  auto findings = nlohmann::json::array();
  for (const fs::path& file : outcome.findings) findings.push_back(file.string());
  const nlohmann::json row = {{"profile", to_string(options.profile)},
                              {"kernel", options.kernel.string()},
                              {"programs", outcome.programs},
                              {"calls", outcome.calls},
                              {"seconds", outcome.seconds},
                              {"coverage", outcome.coverage},
                              {"findings", findings},
                              {"report", outcome.report}};
  fmt::print("{}\n", row.dump(2));
}

int run(const FuzzArguments& arguments) {
  const FuzzOptions options = options_from(arguments);
  const FuzzOutcome outcome = fuzz(options);
  if (arguments.json) {
    print_json(options, outcome);
    return outcome.report.empty() ? 0 : 1;
  }
  if (!outcome.report.empty()) {
    fmt::print("{}", outcome.report);
    for (const fs::path& file : outcome.findings) fmt::print("saved: {}\n", file.string());
  }
  fmt::print("{}: {}: {}{}\n", options.kernel.stem().string(), describe_rate(outcome),
             outcome.report.empty() ? "no divergence" : "DIVERGENCE", outcome.interrupted ? " (interrupted)" : "");
  return outcome.report.empty() ? 0 : 1;
}

}  // namespace

void add_fuzz_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<FuzzArguments>();
  CLI::App* command = app.add_subcommand("fuzz", "Fuzz a kernel in this process against the model");
  command->add_option("--profile", arguments->profile, "Kernel and rules")->capture_default_str();
  command->add_option("--kernel", arguments->kernel, "Run this kernel instead of the profile's own");
  command->add_option("--seeds", arguments->seeds, "Traces, or directories of them, to start from");
  command->add_option("--corpus", arguments->corpus,
                      "Where programs are kept between runs (corpus/PROFILE in the cache directory)");
  command->add_flag("--empty", arguments->empty, "Start from nothing and keep no corpus");
  command->add_option("--findings", arguments->findings, "Where findings are saved")->capture_default_str();
  command->add_option("--seconds", arguments->seconds, "How long")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--jobs", arguments->jobs, "Processes side by side")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", arguments->seed, "Seed of the random numbers")->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON object instead of text");
  command->footer("Example: capcheck fuzz --profile 6.12+userns --seeds corpus/seeds --seconds 600 --jobs 2");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
