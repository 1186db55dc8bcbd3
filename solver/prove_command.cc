// SPDX-License-Identifier: GPL-2.0-only
#include "solver/prove_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/files.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/counterexample.h"
#include "solver/prove.h"
#include "solver/replay.h"

namespace capcheck {
namespace {

constexpr int kAsClaimed = 0, kSurprise = 1, kNoAnswer = 2;
constexpr std::size_t kLongestSearch = 12;

struct CommandOptions {
  std::vector<std::string> profiles{"6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"};
  std::vector<std::string> invariants;
  std::string fault;
  double timeout = 10;
  std::size_t bound = ProveOptions{}.bound;
  std::filesystem::path save;
  bool list = false;
  bool json = false;
};

/// What was proved and refuted of one profile.
struct Report {
  Profile profile;
  const FaultInfo* fault;
  std::vector<ProofResult> results;
  double seconds;
};

const FaultInfo* find_fault(std::string_view name) {
  if (name.empty()) return nullptr;
  const auto found = std::ranges::find(kFaults, name, &FaultInfo::name);
  if (found != kFaults.end()) return &*found;
  std::vector<std::string_view> known;
  for (const FaultInfo& fault : kFaults) known.push_back(fault.name);
  throw std::invalid_argument(fmt::format("unknown fault '{}' (known: {})", name, fmt::join(known, ", ")));
}

/// "6.12+userns", "6.12+userns with raise-gate-dropped".
std::string describe_rules(const Report& report) {
  std::string text = to_string(report.profile);
  return report.fault ? fmt::format("{} with {}", text, report.fault->name) : text;
}

bool is_answer(ProofVerdict verdict) {
  return verdict != ProofVerdict::unknown && verdict != ProofVerdict::timeout;
}

/// What the verdict is against the claim, in words.
std::string_view describe_claim(const ProofResult& result) {
  if (result.as_claimed()) return result.claim == Claim::refuted ? "  (as expected)" : "";
  if (!is_answer(result.verdict)) return "  (NO ANSWER)";
  return result.claim == Claim::refuted ? "  (SURPRISE: claimed to be false)" : "  (SURPRISE: claimed to hold)";
}

/// What the verdict makes of the invariant's words.
std::string_view describe_verdict(ProofVerdict verdict) {
  switch (verdict) {
    case ProofVerdict::proved:
      return "So it is";
    case ProofVerdict::refuted:
      return "Not so";
    case ProofVerdict::vacuous:
      return "True of nothing";
    case ProofVerdict::unknown:
    case ProofVerdict::timeout:
      return "Undecided";
  }
  __builtin_unreachable();
}

/// A trace as text, from its first call on.
std::string trace_body(const Report& report, const Program& program) {
  const Fault fault = report.fault ? report.fault->fault : Fault::none;
  const Trace trace = run_model(report.profile, fault, program);
  const std::string text = print_trace(expect_observed(report.profile, program, trace, ""));
  return text.substr(text.find("\n\n") + 2);
}

std::size_t widest_name() {
  std::size_t width = 0;
  for (const Statement& statement : all_statements()) width = std::max(width, statement.info->name.size());
  return width;
}

std::string indent(std::string_view text, std::string_view margin) {
  std::string indented;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    indented.append(margin).append(text.substr(0, end));
    text.remove_prefix(end);
  }
  return indented;
}

void print_result(const Report& report, const ProofResult& result) {
  static const std::size_t name_width = widest_name();
  fmt::print("  {:<8} {:<{}} {:5.2f} s  {}{}\n", to_string(result.verdict), result.info->name, name_width,
             result.seconds, result.info->formula, describe_claim(result));
  if (!result.as_claimed() || result.counterexample) {
    fmt::print("           {} {}: {}.\n", result.info->words, describe_verdict(result.verdict), result.detail);
  }
  if (result.counterexample) fmt::print("{}", indent(trace_body(report, *result.counterexample), "             "));
  std::fflush(stdout);
}

std::string counted(std::ptrdiff_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void print_summary(const Report& report) {
  const auto count = [&](auto condition) { return std::ranges::count_if(report.results, condition); };
  const auto unanswered = count([](const ProofResult& r) { return !is_answer(r.verdict); });
  fmt::print("{} on {}: {} proved, {} refuted as expected, {}{} in {:.1f} s\n\n",
             counted(std::ssize(report.results), "invariant"), describe_rules(report),
             count([](const ProofResult& r) { return r.as_claimed() && r.verdict == ProofVerdict::proved; }),
             count([](const ProofResult& r) { return r.as_claimed() && r.verdict == ProofVerdict::refuted; }),
             counted(count([](const ProofResult& r) { return !r.as_claimed() && is_answer(r.verdict); }), "surprise"),
             unanswered == 0 ? "" : fmt::format(", {} without an answer", unanswered), report.seconds);
}

void save(const Report& report, const ProofResult& result, const std::filesystem::path& directory) {
  write_file(directory / counterexample_name(report.profile, report.fault, result),
             print_trace(counterexample_trace(report.profile, report.fault, result)));
}

std::string_view to_string(Claim claim) {
  switch (claim) {
    case Claim::not_applicable:
      return "does not apply";
    case Claim::holds:
      return "holds";
    case Claim::refuted:
      return "is refuted";
  }
  __builtin_unreachable();
}

nlohmann::json program_as_json(const Report& report, const std::optional<Program>& program) {
  if (!program) return nullptr;
  auto calls = nlohmann::json::array();
  for (const Call<Concrete>& call : program->calls) calls.push_back(print_call(call));
  return {{"calls", calls}, {"trace", trace_body(report, *program)}};
}

nlohmann::json report_as_json(const Report& report) {
  auto rows = nlohmann::json::array();
  for (const ProofResult& result : report.results) {
    rows.push_back({{"name", result.info->name},
                    {"formula", result.info->formula},
                    {"words", result.info->words},
                    {"claim", to_string(result.claim)},
                    {"verdict", to_string(result.verdict)},
                    {"as_claimed", result.as_claimed()},
                    {"detail", result.detail},
                    {"counterexample", program_as_json(report, result.counterexample)},
                    {"witness", program_as_json(report, result.witness)},
                    {"calls", result.calls},
                    {"queries", result.queries},
                    {"seconds", result.seconds}});
  }
  return {{"profile", to_string(report.profile)},
          {"fault", report.fault ? nlohmann::json(report.fault->name) : nlohmann::json(nullptr)},
          {"seconds", report.seconds},
          {"invariants", rows}};
}

void print_list(const CommandOptions& options) {
  for (const Statement& statement : all_statements()) {
    const InvariantInfo& info = *statement.info;
    fmt::print("{}\n  {}\n  {}\n  Guards {}().\n", info.name, info.formula, info.words, info.function);
    for (const std::string& name : options.profiles) {
      fmt::print("  On {} it {}.\n", name, to_string(statement.claim(parse_profile(name))));
    }
  }
  fmt::print("\nFaults to plant:\n");
  for (const FaultInfo& fault : kFaults) {
    fmt::print("  {:<32} in {}{}\n", fault.name, info(fault.call).name, fault.needs_userns ? ", needs userns" : "");
  }
}

Report prove_profile(const CommandOptions& options, const Profile& profile, const FaultInfo* fault) {
  Report report{profile, fault, {}, 0};
  ProveOptions proving;
  proving.fault = fault ? fault->fault : Fault::none;
  proving.timeout = std::chrono::milliseconds(std::llround(options.timeout * 1000));
  proving.bound = options.bound;
  proving.invariants = options.invariants;
  proving.on_result = [&, first = true](const ProofResult& result) mutable {
    if (!options.json && first) fmt::print("{}\n", describe_rules(report));
    first = false;
    if (!options.json) print_result(report, result);
    if (!options.save.empty() && result.counterexample) save(report, result, options.save);
  };
  const auto start = std::chrono::steady_clock::now();
  report.results = prove_catalogue(profile, proving);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!options.json) print_summary(report);
  return report;
}

/// The profiles asked for. A fault that needs a feature is planted in those that have it.
std::vector<Profile> selected_profiles(const CommandOptions& options, const FaultInfo* fault) {
  std::vector<Profile> profiles;
  for (const std::string& name : options.profiles) {
    const Profile profile = parse_profile(name);
    if (!fault || !fault->needs_userns || profile.features.userns) profiles.push_back(profile);
  }
  if (profiles.empty()) {
    throw std::invalid_argument(
        fmt::format("fault '{}' is in a rule of the userns feature, which no profile given has", fault->name));
  }
  return profiles;
}

int status_of(const std::vector<Report>& reports) {
  int status = kAsClaimed;
  for (const Report& report : reports) {
    for (const ProofResult& result : report.results) {
      if (!result.as_claimed() && is_answer(result.verdict)) return kSurprise;
      if (!result.as_claimed()) status = kNoAnswer;
    }
  }
  return status;
}

int run(const CommandOptions& options) {
  const FaultInfo* fault = find_fault(options.fault);
  const std::vector<Profile> profiles = selected_profiles(options, fault);
  if (options.list) {
    print_list(options);
    return kAsClaimed;
  }
  std::vector<Report> reports;
  for (const Profile& profile : profiles) reports.push_back(prove_profile(options, profile, fault));
  if (std::ranges::all_of(reports, [](const Report& report) { return report.results.empty(); })) {
    throw std::invalid_argument(
        fmt::format("{} does not apply to {}", fmt::join(options.invariants, ", "), fmt::join(options.profiles, ", ")));
  }
  if (options.json) {
    auto rows = nlohmann::json::array();
    for (const Report& report : reports) rows.push_back(report_as_json(report));
    fmt::print("{}\n", rows.dump(2));
  }
  return status_of(reports);
}

}  // namespace

void add_prove_command(CLI::App& app, int& status) {
  auto options = std::make_shared<CommandOptions>();
  CLI::App* command =
      app.add_subcommand("prove", "Prove the invariants of a profile, or refute them by shortest traces");
  command->add_option("--profile", options->profiles, "The kernels whose rules to prove them of")
      ->capture_default_str();
  command->add_option("--invariant", options->invariants, "The invariants to report (all of them)");
  command->add_option("--fault", options->fault, "A fault to plant in the model first");
  command->add_flag("--list", options->list, "List the invariants, what is claimed of them, and the faults");
  command->add_option("--timeout", options->timeout, "Seconds for each question to Z3")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command->add_option("--bound", options->bound, "The most calls of a trace that is searched for")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kLongestSearch));
  command->add_option("--save", options->save, "A directory to save counterexamples in, as PROFILE.NAME.trace");
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer(
      "Example: capcheck prove --profile 6.12+userns --invariant userns-within-bounding --save findings\n"
      "Exit status: 0 all as claimed, 1 a claim came out otherwise, 2 one found no answer.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
