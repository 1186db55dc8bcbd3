// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "corpus/checks.h"
#include "corpus/files.h"
#include "fuzz/machine_options.h"
#include "fuzz/replay.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct ReplayOptions {
  std::vector<fs::path> paths;
  std::vector<std::string> profiles;
  fs::path kernel;
  MachineOptions place;
  bool rewrite = false;
  bool json = false;
  CheckFiles checks;
};

/// Writes the trace again, expecting what the model does, on these profiles or else on those that it names. What it
/// then is.
TraceText rewrite(const fs::path& file, const TraceText& trace, const std::vector<Profile>& profiles) {
  const std::vector<Profile>& named = profiles.empty() ? trace.profiles : profiles;
  const Profile& first = named.front();
  TraceText expected = expect_observed(first, trace.program, run_model(first, trace.program), trace.intent);
  expected.profiles = named;
  expected.known = trace.known;
  write_file(file, print_trace(expected));
  return load_trace(file, first);
}

void print_json(const std::vector<Replayed>& all) {
  auto rows = nlohmann::json::array();
  for (const Replayed& one : all) {
    rows.push_back({{"file", one.file.string()},
                    {"profile", one.profile},
                    {"kernel", one.kernel},
                    {"agrees", one.problem.empty() && one.refused.empty()},
                    {"not_performed", one.refused},
                    {"problem", one.problem}});
  }
  fmt::print("{}\n", rows.dump(2));
}

/// The kernels to run on. Of one that is taken as found, there is but one, of its own profile.
struct Place {
  Kernels kernels;
  std::optional<Profile> found;
};

Place place_of(const ReplayOptions& options) {
  const auto named = options.place.machine();
  if (!named) return {Kernels(options.kernel), std::nullopt};
  const Machine& machine = *named;
  if (!machine.as_found()) {
    return {Kernels([machine](const Profile& profile) { return start_on(machine, profile); }), std::nullopt};
  }
  std::shared_ptr<BootedSystem> kernel = start_on(machine, {});
  const Profile profile = detect_profile(kernel->hello());
  fmt::print(stderr, "environment: {}", describe_environment(*kernel, profile));
  kernel.reset();
  return {Kernels([machine](const Profile&) { return start_on(machine, {}); }), profile};
}

/// The profiles to run traces for: those asked for, or that of the one kernel to boot. None: those that traces name.
std::vector<Profile> profiles_of(const ReplayOptions& options) {
  if (const auto machine = options.place.machine(); options.profiles.empty() && machine && !machine->booted.empty()) {
    return {recorded_profile(*machine)};
  }
  std::vector<Profile> profiles;
  for (const std::string& name : options.profiles) profiles.push_back(parse_profile(name));
  return profiles;
}

/// What was run and agrees, and, told apart, what was not run.
std::string summarise(const std::vector<Replayed>& all, std::size_t failed) {
  const auto refused = std::ranges::count_if(all, [](const Replayed& one) { return !one.refused.empty(); });
  const auto expecting = std::ranges::count_if(all, &Replayed::expects);
  const auto compared = std::ssize(all) - refused - expecting;
  std::string text = failed != 0 ? fmt::format("{} runs do not agree", failed)
                     : expecting ? "model, kernel and expectations agree"
                                 : "model and kernel agree";
  if (expecting != 0 && compared != 0) {
    text += fmt::format("; {} runs are on kernels that their trace expects nothing of", compared);
  }
  if (refused != 0) text += fmt::format("; {} runs could not be performed there", refused);
  return text;
}

/// Runs a trace on the kernel that it asks for. Kernels with planted faults are built for a test alone, so one may not
/// be there.
Replayed replay_one(const ReplayOptions& options, const fs::path& file, const TraceText& trace, const Profile& profile,
                    Kernels& kernels) {
  const std::string kernel = trace.known ? trace.known->kernel : "";
  if (kernel.empty() || !options.kernel.empty() || options.place.machine()) {
    return replay(file, trace, kernels.of(profile));
  }
  const fs::path object = kernel_directory() / (kernel + ".so");
  if (fs::exists(object)) return replay(file, trace, kernels.of(profile, kernel));
  return {.file = file,
          .profile = to_string(profile),
          .kernel = kernel,
          .refused = fmt::format("{}: not built; build the target fault_kernels", object.string())};
}

int run(const ReplayOptions& options) {
  const std::vector<Profile> profiles = profiles_of(options);
  auto [kernels, found] = place_of(options);
  std::vector<Replayed> all;
  const std::vector<fs::path> files = find_traces(options.paths);
  for (const fs::path& file : files) {
    TraceText trace = load_trace(file, Profile{.features = {.userns = true}});
    if (options.rewrite) trace = rewrite(file, trace, profiles);
    const std::vector<Profile> run_for = found ? std::vector{*found} : !profiles.empty() ? profiles : trace.profiles;
    for (const Profile& profile : run_for) all.push_back(replay_one(options, file, trace, profile, kernels));
  }
  const auto failed = std::ranges::count_if(all, [](const Replayed& one) { return !one.problem.empty(); });
  if (options.json) {
    print_json(all);
  } else {
    for (const Replayed& one : all) {
      if (!one.problem.empty()) fmt::print("{} on {}\n{}\n", one.file.string(), one.kernel, one.problem);
      if (!one.refused.empty()) fmt::print("not performed: {} on {}: {}\n", one.file.string(), one.kernel, one.refused);
    }
    fmt::print("{} traces, {} runs on {} kernels: {}\n", files.size(), all.size(), kernels.count(),
               summarise(all, static_cast<std::size_t>(failed)));
  }
  write_checks(options.checks, checks_of(all));
  return failed == 0 ? 0 : 1;
}

}  // namespace

void add_replay_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay", "Run traces on the model and on a kernel, and compare");
  command->add_option("paths", options->paths, "Traces, fuzzer artifacts, or directories of traces")->required();
  command->add_option("--profile", options->profiles, "Run for this profile instead of the ones the trace names");
  CLI::Option* kernel =
      command->add_option("--kernel", options->kernel, "Run on this kernel instead of the profile's own");
  add_machine_options(*command, options->place, *kernel);
  command->add_flag("--rewrite", options->rewrite, "Write each trace again, expecting what the model does");
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  add_check_files(*command, options->checks);
  command->footer("Example: capcheck replay corpus/seeds corpus/counterexamples");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
