// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/faults_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz/fuzz_run.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/faults.h"
#include "solver/prove.h"

namespace capcheck {
namespace {

struct FaultsOptions {
  std::vector<std::string> names;
  unsigned seconds = 60;
  std::filesystem::path findings = "findings/faults";
  bool json = false;
};

/// What became of one planted fault.
struct FaultResult {
  const FaultInfo* fault;
  FuzzOutcome fuzzed;
  std::vector<std::string_view> refuted;  ///< the invariants that the solver refutes with the fault in the model
};

const Profile kFaultProfile{.features = {.userns = true}};

std::vector<const FaultInfo*> selected(const std::vector<std::string>& names) {
  std::vector<const FaultInfo*> faults;
  for (const FaultInfo& fault : kFaults) {
    if (names.empty() || std::ranges::find(names, fault.name) != names.end()) faults.push_back(&fault);
  }
  for (const std::string& name : names) {
    if (std::ranges::find(kFaults, name, &FaultInfo::name) != kFaults.end()) continue;
    std::vector<std::string_view> known;
    for (const FaultInfo& fault : kFaults) known.push_back(fault.name);
    throw std::invalid_argument(fmt::format("unknown fault '{}' (known: {})", name, fmt::join(known, ", ")));
  }
  return faults;
}

/// The claims that hold, but not once the fault is planted in the model.
std::vector<std::string_view> refuted_by_solver(const FaultInfo& fault) {
  ProveOptions options;
  options.fault = fault.fault;
  std::vector<std::string_view> names;
  for (const ProofResult& result : prove_catalogue(kFaultProfile, options)) {
    if (result.claim == Claim::holds && result.verdict == ProofVerdict::refuted) names.push_back(result.info->name);
  }
  return names;
}

FaultResult examine(const FaultInfo& fault, const FaultsOptions& options) {
  FuzzOptions fuzzing;
  fuzzing.profile = kFaultProfile;
  fuzzing.kernel = kernel_file(kFaultProfile, fault.name);
  fuzzing.findings = options.findings / fault.name;
  fuzzing.seconds = options.seconds;
  FaultResult result{&fault, fuzz(fuzzing), {}};
  if (!result.fuzzed.interrupted) result.refuted = refuted_by_solver(fault);
  return result;
}

/// "state after call 3": the first line of the target's report.
std::string first_words(const std::string& report) {
  const std::string line = report.substr(0, report.find('\n'));
  const std::size_t start = line.find(' ');
  return line.substr(start + 1, line.find(':') - start - 1);
}

void print_row(const FaultResult& result) {
  const bool found = !result.fuzzed.report.empty();
  fmt::print(
      "{:<32} {:>9} {:>9}  {:<24} {}\n", result.fault->name,
      found ? fmt::format("{:.1f} s", result.fuzzed.seconds) : "NOT FOUND", result.fuzzed.programs,
      found ? first_words(result.fuzzed.report) : "",
      result.refuted.empty() ? "no stated invariant sees it" : fmt::format("{}", fmt::join(result.refuted, ", ")));
  std::fflush(stdout);
}

void print_json(const std::vector<FaultResult>& results) {
  auto rows = nlohmann::json::array();
  for (const FaultResult& result : results) {
    rows.push_back({{"fault", result.fault->name},
                    {"found", !result.fuzzed.report.empty()},
                    {"seconds", result.fuzzed.seconds},
                    {"programs", result.fuzzed.programs},
                    {"report", result.fuzzed.report},
                    {"refuted", result.refuted}});
  }
  fmt::print("{}\n", rows.dump(2));
}

int run(const FaultsOptions& options) {
  std::vector<FaultResult> results;
  if (!options.json) {
    fmt::print("{:<32} {:>9} {:>9}  {:<24} {}\n", "fault planted", "fuzzer", "programs", "first seen in",
               "invariants the solver refutes with it in the model");
  }
  for (const FaultInfo* fault : selected(options.names)) {
    results.push_back(examine(*fault, options));
    if (!options.json) print_row(results.back());
    if (results.back().fuzzed.interrupted) throw std::runtime_error("interrupted");
  }
  const auto found = std::ranges::count_if(results, [](const auto& result) { return !result.fuzzed.report.empty(); });
  const auto refuted = std::ranges::count_if(results, [](const auto& result) { return !result.refuted.empty(); });
  if (options.json) {
    print_json(results);
  } else {
    fmt::print("{} of {} faults found by the fuzzer from an empty corpus within {} s each; {} refuted by the solver\n",
               found, results.size(), options.seconds, refuted);
  }
  return found == std::ssize(results) ? 0 : 1;
}

}  // namespace

void add_faults_command(CLI::App& app, int& status) {
  auto options = std::make_shared<FaultsOptions>();
  CLI::App* command = app.add_subcommand("faults", "Plant every fault, and see who finds it and how fast");
  command->add_option("names", options->names, "The faults to plant (all of them)");
  command->add_option("--seconds", options->seconds, "How long to fuzz for each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--findings", options->findings, "Where findings are saved")->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck faults raise-ignores-bounding --seconds 30");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
