// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/verdict_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "corpus/files.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/replay.h"
#include "fuzz/report_command.h"
#include "fuzz/run_report.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "fuzz/triage.h"
#include "solver/counterexample.h"
#include "solver/prove.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

/// How often a finding is replayed on each system.
constexpr unsigned kReplays = 10;

struct VerdictOptions {
  std::vector<std::string> profiles{"6.12",
                                    "6.12+userns",
                                    "6.12+userns+capbset-drop-lowers-userns",
                                    "6.12+userns+userns-strict",
                                    "6.12+userns+userns-mask",
                                    "6.12+userfaultfd-cap",
                                    "6.1+userns"};
  std::vector<std::string> booted;
  fs::path corpus = "corpus", findings = "findings", report;
  unsigned seconds = 20, jobs = 1;
};

/// The kernels that programs are run on: each profile's in this process, and some booted on user-mode Linux.
struct Systems {
  Kernels in_process;
  std::vector<Profile> booted_profiles;
  Kernels booted{[](const Profile& profile) { return start_on(parse_machine("uml"), profile); }};

  bool boots(const Profile& profile) const {
    return std::ranges::find(booted_profiles, to_string(profile),
                             [](const Profile& known) { return to_string(known); }) != booted_profiles.end();
  }
};

Systems systems_for(const VerdictOptions& options) {
  Systems systems;
  for (const std::string& name : options.booted) systems.booted_profiles.push_back(parse_profile(name));
  return systems;
}

/// What a trace came to on a kernel, as a line's end.
std::string outcome_of(const Replayed& replayed) {
  if (!replayed.refused.empty()) return "not performed there: " + replayed.refused;
  return replayed.problem.empty() ? "follows it" : "DOES NOT FOLLOW IT\n" + replayed.problem;
}

void progress(std::string_view line) {
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K{}", line);
}

void heading(std::string_view text) {
  progress("");
  fmt::print("\n{}\n\n", text);
  std::fflush(stdout);
}

std::vector<ProfileProofs> prove_all(const VerdictOptions& options) {
  std::vector<Profile> profiles;
  for (const std::string& name : options.profiles) profiles.push_back(parse_profile(name));
  ProofObserver observer;
  observer.on_result = [&](std::size_t index, const ProofResult& result) {
    progress(fmt::format("proved of {}: {}", options.profiles[index], result.info->name));
  };
  auto proofs = prove_profiles(profiles, {}, options.jobs, observer);
  progress("");
  return proofs;
}

std::string cell(const ProfileProofs& proved, const InvariantInfo& invariant) {
  const auto result = std::ranges::find(proved.results, &invariant, &ProofResult::info);
  if (result == proved.results.end()) return "-";
  std::string text(to_string(result->verdict));
  if (result->verdict == ProofVerdict::refuted) text += fmt::format(" by {}", result->calls);
  return result->as_claimed() ? text : text + " (!)";
}

/// Claims as rows, profiles as columns.
void print_matrix(const std::vector<ProfileProofs>& all, double seconds) {
  for (std::size_t i = 0; i < all.size(); ++i) fmt::print("  [{}] {}\n", i + 1, to_string(all[i].profile));
  std::size_t width = 0;
  for (const Statement& statement : all_statements()) width = std::max(width, statement.info->name.size());
  fmt::print("\n  {:<{}}", "claim", width);
  for (std::size_t i = 0; i < all.size(); ++i) fmt::print(" {:<14}", fmt::format("[{}]", i + 1));
  fmt::print("\n");
  for (const Statement& statement : all_statements()) {
    fmt::print("  {:<{}}", statement.info->name, width);
    for (const ProfileProofs& proved : all) fmt::print(" {:<14}", cell(proved, *statement.info));
    fmt::print("{}\n", statement.info->formula);
  }
  std::size_t surprises = 0;
  for (const ProfileProofs& proved : all) {
    for (const ProofResult& result : proved.results) surprises += !result.as_claimed();
  }
  fmt::print("\n  {} in {:.1f} s\n",
             surprises == 0 ? "Every claim came out as it was made,"
                            : fmt::format("{} CLAIMS CAME OUT OTHERWISE (!),", surprises),
             seconds);
}

bool all_as_claimed(const std::vector<ProfileProofs>& all) {
  return std::ranges::all_of(
      all, [](const ProfileProofs& proved) { return std::ranges::all_of(proved.results, &ProofResult::as_claimed); });
}

/// What came of a trace on the kernel's own code in this process and, if one of its profile is booted, there.
struct Confirmation {
  std::string here, there;
  bool follows;  ///< no kernel does otherwise
};

/// A line for each.
Confirmation print_confirmation(const fs::path& file, const TraceText& trace, const Profile& profile,
                                Systems& systems) {
  const Replayed here = replay(file, trace, systems.in_process.of(profile));
  Confirmation confirmation{outcome_of(here), "not asked: no such kernel was named", here.problem.empty()};
  fmt::print("      in process, Linux {}: {}\n", systems.in_process.of(profile).system().release(), confirmation.here);
  if (!systems.boots(profile)) {
    fmt::print("      booted: no such kernel was asked for\n");
    return confirmation;
  }
  const Replayed there = replay(file, trace, systems.booted.of(profile));
  confirmation.there = outcome_of(there);
  confirmation.follows &= there.problem.empty();
  fmt::print("      booted, {}: {}\n", there.kernel, confirmation.there);
  return confirmation;
}

void print_counterexample(const ProfileProofs& proved, const ProofResult& result, const TraceText& trace) {
  const Trace model = run_model(proved.profile, trace.program);
  fmt::print("  {} ({}) on {}: refuted: {}.\n", result.info->name, result.info->formula, to_string(proved.profile),
             result.detail);
  for (std::size_t i = 0; i < trace.program.calls.size(); ++i) {
    fmt::print("      {} = {}\n", print_call(trace.program.calls[i]),
               print_result(trace.program.calls[i], model.observations.at(i).result));
  }
  const TaskState<Concrete>& state = model.observations.back().state;
  const std::uint64_t full = proved.profile.full_set();
  fmt::print("      then CapBnd is {}", describe_set(state.cred.bounding, full));
  if (proved.profile.features.userns) fmt::print(", CapUNs is {}", describe_set(state.cred.userns, full));
  fmt::print("\n");
}

/// Saves each counterexample of the report's proofs in the corpus, and replays it on kernels. True if they follow all.
bool print_counterexamples(const VerdictOptions& options, Systems& systems, RunReport& report) {
  bool follow_all = true;
  for (const ProfileProofs& proved : report.proofs) {
    for (const ProofResult& result : proved.results) {
      if (!result.counterexample) continue;
      const TraceText trace = counterexample_trace(proved.profile, nullptr, result);
      const fs::path file = options.corpus / "counterexamples" / counterexample_name(proved.profile, nullptr, result);
      write_file(file, print_trace(trace));
      print_counterexample(proved, result, trace);
      fmt::print("      {}\n", file.string());
      const Confirmation confirmation = print_confirmation(file, trace, proved.profile, systems);
      follow_all &= confirmation.follows;
      report.counterexamples.push_back(
          {file, to_string(proved.profile), std::string(result.info->name), confirmation.here, confirmation.there});
      fmt::print("\n");
    }
  }
  return follow_all;
}

/// Replays every trace on the kernels of its profiles that are asked for.
template <class Wanted>
ReportedReplay print_replay(const std::vector<fs::path>& files, Kernels& kernels, std::string_view where,
                            Wanted wanted) {
  ReportedReplay all{.where = std::string(where), .traces = files.size()};
  for (const fs::path& file : files) {
    const TraceText trace = load_trace(file, Profile{});
    for (const Profile& profile : trace.profiles) {
      if (!wanted(profile)) continue;
      const Replayed replayed = replay(file, trace, kernels.of(profile));
      ++all.runs;
      all.refused += !replayed.refused.empty();
      if (replayed.problem.empty()) continue;
      ++all.disagreeing;
      fmt::print("  {} on {}\n{}\n", file.string(), replayed.kernel, replayed.problem);
    }
  }
  all.kernels = kernels.count();
  fmt::print(
      "  {}: {} traces, {} runs on {} kernels: {}{}\n", where, all.traces, all.runs, all.kernels,
      all.disagreeing == 0 ? "model, kernel and expectations agree" : fmt::format("{} DO NOT AGREE", all.disagreeing),
      all.refused == 0 ? "" : fmt::format("; {} could not be performed there", all.refused));
  return all;
}

bool print_corpus(const VerdictOptions& options, Systems& systems, RunReport& report) {
  const std::vector<fs::path> files = find_traces(std::vector<fs::path>{options.corpus});
  report.replays.push_back(print_replay(files, systems.in_process, "in process", [](const Profile&) { return true; }));
  if (!systems.booted_profiles.empty()) {
    report.replays.push_back(
        print_replay(files, systems.booted, "booted", [&](const Profile& profile) { return systems.boots(profile); }));
  }
  report.transitions = transition_table(report.profiles, files);
  return std::ranges::all_of(report.replays, [](const ReportedReplay& replay) { return replay.disagreeing == 0; });
}

/// What fuzzing found, replayed on every system at hand. It is a finding whatever they say.
std::vector<Judged> print_findings(const FuzzOutcome& outcome, const Profile& profile, Systems& systems) {
  std::vector<Judged> all;
  if (!outcome.findings.empty()) {
    systems.in_process = Kernels();  // a kernel is loaded into a process but once
    Triage triage(profile, kernel_file(profile), std::nullopt);
    for (const Finding& finding : outcome.findings) {
      Judged judged = triage.judge_program(load_trace(finding.file, profile).program, finding.signature, kReplays);
      fmt::print("      {}: {}\n", finding.file.string(), describe(judged.blame, judged.replays));
      all.push_back(std::move(judged));
    }
  }
  for (const fs::path& file : outcome.artifacts) fmt::print("      {}\n", file.string());
  return all;
}

bool print_fuzzing(const VerdictOptions& options, Systems& systems, RunReport& report) {
  bool clean = true;
  for (const std::string& name : options.profiles) {
    FuzzOptions fuzzing;
    fuzzing.profile = parse_profile(name);
    fuzzing.kernel = kernel_file(fuzzing.profile);
    fuzzing.seeds = find_traces(std::vector<fs::path>{options.corpus});
    fuzzing.findings = options.findings;
    fuzzing.seconds = options.seconds;
    fuzzing.jobs = options.jobs;
    const FuzzOutcome outcome = fuzz(fuzzing);
    clean &= !outcome.found();
    fmt::print("  {}: {}: {}\n", name, describe_rate(outcome),
               outcome.found() ? "DIVERGENCE\n" + reports(outcome) : "no divergence");
    std::vector<Judged> judged = print_findings(outcome, fuzzing.profile, systems);
    std::fflush(stdout);
    report.fuzzing.push_back({name, outcome, std::move(judged)});
    if (outcome.interrupted()) throw std::runtime_error("interrupted; what was found so far is said above");
  }
  return clean;
}

/// One sentence for each claim of which some profile has a refutation.
void print_conclusion(const std::vector<ProfileProofs>& all) {
  for (const Statement& statement : all_statements()) {
    std::vector<std::string> refuted, proved_of;
    for (const ProfileProofs& proved : all) {
      const auto result = std::ranges::find(proved.results, statement.info, &ProofResult::info);
      if (result == proved.results.end()) continue;
      if (result->verdict == ProofVerdict::refuted) refuted.push_back(to_string(proved.profile));
      if (result->verdict == ProofVerdict::proved) proved_of.push_back(to_string(proved.profile));
    }
    if (refuted.empty()) continue;
    fmt::print("  {} ({}): refuted on {}; proved on {}.\n", statement.info->formula, statement.info->name,
               fmt::join(refuted, ", "), proved_of.empty() ? "none" : fmt::format("{}", fmt::join(proved_of, ", ")));
  }
}

int run(const VerdictOptions& options) {
  Systems systems = systems_for(options);
  heading("1. Proofs, for call sequences of any length");
  const auto start = std::chrono::steady_clock::now();
  RunReport report;
  for (const std::string& name : options.profiles) report.profiles.push_back(parse_profile(name));
  report.proofs = prove_all(options);
  report.proof_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  print_matrix(report.proofs, report.proof_seconds);
  heading("2. The counterexamples on the kernel's own code");
  const bool followed = print_counterexamples(options, systems, report);
  heading("3. The corpus on the kernel's own code");
  const bool replays = print_corpus(options, systems, report);
  heading("4. Fuzzing the kernel's own code against the model");
  const bool clean = print_fuzzing(options, systems, report);
  heading("Verdict");
  print_conclusion(report.proofs);
  report.good = all_as_claimed(report.proofs) && followed && replays && clean;
  fmt::print("  {}\n", report.good ? "Model and kernel agree on everything that was run."
                                   : "SOMETHING ABOVE IS NOT AS IT SHOULD BE.");
  if (!options.report.empty()) {
    for (const Profile& profile : report.profiles) {
      report.releases[to_string(profile)] = systems.in_process.of(profile).system().release();
    }
    write_report(options.report, json_of(report));
    fmt::print("  Report: {}\n", (options.report / "report.html").string());
  }
  return report.good ? 0 : 1;
}

}  // namespace

void add_verdict_command(CLI::App& app, int& status) {
  auto options = std::make_shared<VerdictOptions>();
  CLI::App* command = app.add_subcommand("verdict", "Prove, replay and fuzz, and say what came of it");
  command->add_option("--profile", options->profiles, "The kernels to judge")->capture_default_str();
  command->add_option("--booted", options->booted,
                      "Run traces on this kernel as it boots on user-mode Linux, too (see capcheck kernel build)");
  command->add_option("--corpus", options->corpus, "The corpus; counterexamples are saved below it")
      ->capture_default_str();
  command->add_option("--findings", options->findings, "Where findings are saved")->capture_default_str();
  command->add_option("--report", options->report, "A directory to write report.html and report.json to");
  command->add_option("--seconds", options->seconds, "How long to fuzz each kernel")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--jobs", options->jobs, "Fuzzing processes side by side")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->footer("Example: capcheck verdict --seconds 60 --jobs 2");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
