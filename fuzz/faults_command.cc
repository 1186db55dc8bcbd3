// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/faults_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz_run.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/faults.h"
#include "solver/prove.h"

namespace capcheck {
namespace {

struct FaultsOptions {
  std::vector<std::string> names;
  std::string shard;
  unsigned seconds = 60;
  std::filesystem::path findings = "findings/faults";
  bool json = false;
};

/// What became of one planted fault.
struct FaultResult {
  const FaultInfo* fault;
  FuzzOutcome fuzzed;
  ProofResult proof;  ///< of the invariant that the fault names, with the fault in the model

  bool found() const { return fuzzed.found(); }
  bool refuted() const {
    return proof.claim == Claim::holds && proof.verdict == ProofVerdict::refuted && proof.calls == fault->refuted_by;
  }
};

const Profile kFaultProfile{.features = {.userns = true, .userfaultfd_cap = true}};

/// "K/N": every N-th of a list, from the K-th on.
struct Shard {
  std::size_t index = 1, count = 1;
};

Shard parse_shard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  int end = 0;
  if (std::sscanf(text.c_str(), "%3zu/%3zu%n", &shard.index, &shard.count, &end) != 2 ||
      static_cast<std::size_t>(end) != text.size() || shard.index == 0 || shard.index > shard.count) {
    throw std::invalid_argument(fmt::format("--shard {}: expected K/N with 1 <= K <= N, e.g. 1/2", text));
  }
  return shard;
}

std::vector<const FaultInfo*> selected(const FaultsOptions& options) {
  const std::vector<std::string>& names = options.names;
  const Shard shard = parse_shard(options.shard);
  std::vector<const FaultInfo*> faults;
  for (const std::string& name : names) find_fault(name);
  for (std::size_t number = 0; const FaultInfo& fault : kFaults) {
    if (!names.empty() && std::ranges::find(names, fault.name) == names.end()) continue;
    if (number++ % shard.count == shard.index - 1) faults.push_back(&fault);
  }
  return faults;
}

ProofResult prove_with(const FaultInfo& fault) {
  ProveOptions options;
  options.fault = fault.fault;
  options.invariants = {std::string(fault.invariant)};
  return prove_catalogue(kFaultProfile, options).at(0);
}

/// Fuzzes and proves side by side.
FaultResult examine(const FaultInfo& fault, const FaultsOptions& options) {
  FuzzOptions fuzzing;
  fuzzing.profile = kFaultProfile;
  fuzzing.kernel = kernel_file(kFaultProfile, fault.name);
  fuzzing.findings = options.findings / fault.name;
  fuzzing.seconds = options.seconds;
  fuzzing.stop_at_first = true;
  std::future<ProofResult> proof = std::async(std::launch::async, prove_with, std::cref(fault));
  FuzzOutcome fuzzed = fuzz(fuzzing);
  return {&fault, std::move(fuzzed), proof.get()};
}

/// The signature of what was found; of a crash, that it is one.
std::string first_words(const FuzzOutcome& outcome) {
  return outcome.findings.empty() ? "a crash" : outcome.findings.front().signature;
}

std::string describe_refutation(const FaultResult& result) {
  if (result.refuted()) return fmt::format("by {}", result.proof.calls);
  return fmt::format("NOT REFUTED BY {}: {}", result.fault->refuted_by, result.proof.detail);
}

void print_row(const FaultResult& result) {
  fmt::print("{:<40} {:>9} {:>9}  {:<24} {} {}\n", result.fault->name,
             result.found() ? fmt::format("{:.1f} s", result.fuzzed.seconds) : "NOT FOUND", result.fuzzed.programs,
             result.found() ? first_words(result.fuzzed) : "", result.fault->invariant, describe_refutation(result));
  std::fflush(stdout);
}

void print_json(const std::vector<FaultResult>& results) {
  auto rows = nlohmann::json::array();
  for (const FaultResult& result : results) {
    rows.push_back({{"fault", result.fault->name},
                    {"found", result.found()},
                    {"seconds", result.fuzzed.seconds},
                    {"programs", result.fuzzed.programs},
                    {"report", reports(result.fuzzed)},
                    {"invariant", result.fault->invariant},
                    {"refuted", result.refuted()},
                    {"calls", result.proof.calls}});
  }
  fmt::print("{}\n", rows.dump(2));
}

int run(const FaultsOptions& options) {
  std::vector<FaultResult> results;
  if (!options.json) {
    fmt::print("{:<40} {:>9} {:>9}  {:<24} {}\n", "fault planted", "fuzzer", "programs", "first seen in",
               "invariant that the solver refutes with it in the model, and calls it takes");
  }
  for (const FaultInfo* fault : selected(options)) {
    results.push_back(examine(*fault, options));
    if (results.back().fuzzed.interrupted()) throw std::runtime_error("interrupted");
    if (!options.json) print_row(results.back());
  }
  const auto found = std::ranges::count_if(results, &FaultResult::found);
  const auto refuted = std::ranges::count_if(results, &FaultResult::refuted);
  if (options.json) {
    print_json(results);
  } else {
    fmt::print("{} of {} faults found by the fuzzer from an empty corpus within {} s each; {} refuted by the solver\n",
               found, results.size(), options.seconds, refuted);
  }
  return found == std::ssize(results) && refuted == std::ssize(results) ? 0 : 1;
}

}  // namespace

void add_faults_command(CLI::App& app, int& status) {
  auto options = std::make_shared<FaultsOptions>();
  CLI::App* command = app.add_subcommand("faults", "Plant every fault, and see who finds it and how fast");
  command->add_option("names", options->names, "The faults to plant (all of them)");
  command->add_option("--shard", options->shard, "K/N: every N-th of them from the K-th on, for N runs side by side");
  command->add_option("--seconds", options->seconds, "How long to fuzz for each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--findings", options->findings, "Where findings are saved")->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck faults raise-ignores-bounding --seconds 30");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
