// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/replay.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct ReplayOptions {
  std::vector<fs::path> paths;
  std::vector<std::string> profiles;
  fs::path kernel;
  bool rewrite = false;
  bool json = false;
};

/// Writes the trace again, expecting what the model does.
void rewrite(const fs::path& file, const TraceText& trace) {
  const Profile& profile = trace.profiles.front();
  TraceText expected = expect_observed(profile, trace.program, run_model(profile, trace.program), trace.intent);
  expected.profiles = trace.profiles;
  write_file(file, print_trace(expected));
}

void print_json(const std::vector<Replayed>& all) {
  auto rows = nlohmann::json::array();
  for (const Replayed& one : all) {
    rows.push_back({{"file", one.file.string()},
                    {"profile", one.profile},
                    {"kernel", one.kernel},
                    {"agrees", one.problem.empty()},
                    {"problem", one.problem}});
  }
  fmt::print("{}\n", rows.dump(2));
}

int run(const ReplayOptions& options) {
  Kernels kernels(options.kernel);
  std::vector<Replayed> all;
  const std::vector<fs::path> files = find_traces(options.paths);
  for (const fs::path& file : files) {
    TraceText trace = load_trace(file, Profile{.features = {.userns = true}});
    if (!options.profiles.empty()) {
      trace.profiles.clear();
      for (const std::string& name : options.profiles) trace.profiles.push_back(parse_profile(name));
    }
    if (options.rewrite) rewrite(file, trace);
    if (options.rewrite) trace = load_trace(file, trace.profiles.front());
    for (const Profile& profile : trace.profiles) all.push_back(replay(file, trace, kernels.of(profile)));
  }
  const auto failed = std::ranges::count_if(all, [](const Replayed& one) { return !one.problem.empty(); });
  if (options.json) {
    print_json(all);
  } else {
    for (const Replayed& one : all) {
      if (!one.problem.empty()) fmt::print("{} on {}\n{}\n", one.file.string(), one.kernel, one.problem);
    }
    fmt::print("{} traces, {} runs on {} kernels: {}\n", files.size(), all.size(), kernels.count(),
               failed == 0 ? "model, kernel and expectations agree" : fmt::format("{} runs do not agree", failed));
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace

void add_replay_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay", "Run traces on the model and on a kernel, and compare");
  command->add_option("paths", options->paths, "Traces, fuzzer artifacts, or directories of traces")->required();
  command->add_option("--profile", options->profiles, "Run for this profile instead of the ones the trace names");
  command->add_option("--kernel", options->kernel, "Run on this kernel instead of the profile's own");
  command->add_flag("--rewrite", options->rewrite, "Write each trace again, expecting what the model does");
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck replay corpus/seeds corpus/counterexamples");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
