// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corpus/checks.h"
#include "corpus/files.h"
#include "fuzz/cache.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/machine_options.h"
#include "fuzz/replay.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/sut/machine.h"
#include "fuzz/triage.h"

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
  std::vector<fs::path> known;
  unsigned times = 10;
  bool json = false;
  CheckFiles checks;
};

/// A divergence found, and what became of it when it was replayed.
struct JudgedFinding {
  Finding finding;
  Judged judged;
  fs::path known;  ///< the trace that shows it already; empty: it is new

  std::string verdict() const { return describe(judged.blame, judged.replays); }
};

/// All that a run says.
struct Verdicts {
  std::vector<JudgedFinding> findings;
  std::vector<Replayed> gone;  ///< known divergences that are not as known any more
  std::string crash;

  /// Divergences that nobody knows of, a crash among them.
  std::size_t news() const {
    return static_cast<std::size_t>(
               std::ranges::count_if(findings, [](const JudgedFinding& one) { return one.known.empty(); })) +
           (crash.empty() ? 0 : 1);
  }
  bool fails() const { return news() != 0 || !gone.empty(); }
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

/// What is known of the kernel that is fuzzed, by file.
std::map<fs::path, TraceText> known_of(const FuzzArguments& arguments, const FuzzOptions& options) {
  std::map<fs::path, TraceText> known;
  if (arguments.known.empty()) return known;
  for (const fs::path& file : find_traces(arguments.known)) {
    TraceText trace = load_trace(file, options.profile);
    if (!trace.known) throw std::runtime_error(fmt::format("{}: no 'divergence' line", file.string()));
    const std::string kernel = trace.known->kernel.empty() ? to_string(trace.profiles.front()) : trace.known->kernel;
    const bool of_profile = std::ranges::find(trace.profiles, options.profile) != trace.profiles.end();
    if (of_profile && options.machine.empty() && options.kernel.stem() == kernel) known.emplace(file, std::move(trace));
  }
  return known;
}

/// Replays what was found on every system at hand.
std::vector<JudgedFinding> judge_findings(const FuzzArguments& arguments, const FuzzOptions& options,
                                          const std::vector<Finding>& findings,
                                          const std::map<fs::path, TraceText>& known) {
  std::vector<JudgedFinding> all;
  if (findings.empty()) return all;
  Triage triage(options.profile, options.kernel, arguments.place.machine());
  for (const Finding& finding : findings) {
    const Program program = load_trace(finding.file, options.profile).program;
    all.push_back({finding, triage.judge_program(program, finding.signature, arguments.times), {}});
    for (const auto& [file, trace] : known) {
      const bool same = trace.known->signature == finding.signature;
      if (same && trace.known->state != KnownDivergence::State::fixed) all.back().known = file;
    }
  }
  return all;
}

/// Replays what is known of the kernel that was fuzzed; gives what is not as known.
std::vector<Replayed> judge_known(const FuzzOptions& options, const std::map<fs::path, TraceText>& known) {
  std::vector<Replayed> gone;
  if (known.empty()) return gone;
  Differential kernel(options.profile, options.kernel);
  for (const auto& [file, trace] : known) {
    Replayed replayed = replay(file, trace, kernel);
    if (!replayed.problem.empty()) gone.push_back(std::move(replayed));
  }
  return gone;
}

Verdicts judge_outcome(const FuzzArguments& arguments, const FuzzOptions& options, const FuzzOutcome& outcome) {
  const auto known = known_of(arguments, options);
  // One after the other: a kernel is not loaded twice.
  std::vector<JudgedFinding> findings = judge_findings(arguments, options, outcome.findings, known);
  return {std::move(findings), judge_known(options, known), outcome.crash};
}

nlohmann::json json_of(const Verdicts& verdicts) {
  auto findings = nlohmann::json::array();
  for (const JudgedFinding& one : verdicts.findings) {
    auto replays = nlohmann::json::array();
    for (const Replays& replay : one.judged.replays) {
      replays.push_back(
          {{"system", replay.system}, {"hits", replay.hits}, {"runs", replay.runs}, {"not_performed", replay.refused}});
    }
    findings.push_back({{"signature", one.finding.signature},
                        {"calls", one.finding.calls},
                        {"file", one.finding.file.string()},
                        {"report", one.finding.report},
                        {"verdict", one.judged.blame ? blame_name(*one.judged.blame) : ""},
                        {"replays", replays},
                        {"known", one.known.string()}});
  }
  return findings;
}

void print_json(const FuzzOptions& options, const FuzzOutcome& outcome, const Verdicts& verdicts) {
  auto artifacts = nlohmann::json::array();
  for (const fs::path& file : outcome.artifacts) artifacts.push_back(file.string());
  auto gone = nlohmann::json::array();
  for (const Replayed& known : verdicts.gone)
    gone.push_back({{"file", known.file.string()}, {"problem", known.problem}});
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
                              {"findings", json_of(verdicts)},
                              {"known_but_gone", gone},
                              {"crash", outcome.crash},
                              {"artifacts", artifacts}};
  fmt::print("{}\n", row.dump(2));
}

/// That the kernel follows the model: one check, or one for each signature of a divergence.
Checks checks_of(const FuzzOptions& options, const FuzzOutcome& outcome, const Verdicts& verdicts) {
  const std::string rule = "follows-the-model",
                    kernel = options.machine.empty() ? options.kernel.stem().string() : options.machine;
  const Place rules{"model/step.h", 1};
  Checks checks{"fuzz",
                {{rule, "The kernel does what the model does.",
                  "Result, errno, output and the complete state are the same after every call.", rules}}};
  for (const JudgedFinding& one : verdicts.findings) {
    const std::string known = one.known.empty() ? "" : fmt::format("\nknown: {}", one.known.generic_string());
    checks.checks.push_back({kernel,
                             one.finding.signature,
                             rule,
                             one.known.empty() ? CheckStatus::failed : CheckStatus::skipped,
                             fmt::format("{}\n{}{}", one.finding.report, one.verdict(), known),
                             {one.finding.file.generic_string(), 1},
                             outcome.seconds});
  }
  for (const Replayed& gone : verdicts.gone) {
    const std::string file = gone.file.generic_string();
    checks.checks.push_back({kernel, file, rule, CheckStatus::failed, gone.problem, {file, 1}, gone.seconds});
  }
  if (!outcome.crash.empty()) {
    checks.checks.push_back({kernel, "crash", rule, CheckStatus::failed, outcome.crash, rules, outcome.seconds});
  }
  if (!verdicts.fails()) {
    checks.checks.push_back({kernel, rule, rule, CheckStatus::passed, describe_rate(outcome), rules, outcome.seconds});
  }
  return checks;
}

/// "no divergence", "2 DIVERGENCES"; then those that are known.
std::string describe_found(const Verdicts& verdicts) {
  const std::size_t news = verdicts.news(), known = verdicts.findings.size() + (verdicts.crash.empty() ? 0 : 1) - news;
  std::string text = news == 0 ? "no divergence" : fmt::format("{} DIVERGENCE{}", news, news == 1 ? "" : "S");
  if (known != 0) text += fmt::format("{} {} known", news == 0 ? " but" : ",", known);
  if (!verdicts.gone.empty()) text += fmt::format(", {} NOT AS KNOWN", verdicts.gone.size());
  return text;
}

int run(const FuzzArguments& arguments) {
  const FuzzOptions options = options_from(arguments);
  known_of(arguments, options);  // what is wrong there is said before hours of fuzzing
  const FuzzOutcome outcome = fuzz(options);
  const Verdicts verdicts = judge_outcome(arguments, options, outcome);
  write_checks(arguments.checks, checks_of(options, outcome, verdicts));
  if (arguments.json) {
    print_json(options, outcome, verdicts);
    return verdicts.fails() ? 1 : 0;
  }
  fmt::print("{}", reports(outcome));
  for (const Replayed& gone : verdicts.gone) fmt::print("{}", gone.problem);
  for (const JudgedFinding& one : verdicts.findings) {
    fmt::print("{}: {}\n{}: {}\n", one.finding.signature, one.verdict(), one.known.empty() ? "saved" : "known",
               one.known.empty() ? one.finding.file.string() : one.known.string());
  }
  for (const fs::path& file : outcome.artifacts) fmt::print("saved: {}\n", file.string());
  fmt::print("{}: {}: {}{}\n", options.machine.empty() ? options.kernel.stem().string() : options.machine,
             describe_rate(outcome), describe_found(verdicts), outcome.interrupted() ? " (interrupted)" : "");
  return verdicts.fails() ? 1 : 0;
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
  command->add_option("--known", arguments->known,
                      "Traces of divergences that are known (corpus/divergences): those alone do not fail, and they "
                      "must still show");
  command->add_option("--times", arguments->times, "How often to replay what was found, on each system at hand")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "Print one JSON object instead of text");
  add_check_files(*command, arguments->checks);
  command->footer("Example: capcheck fuzz --profile 6.12+userns --seeds corpus/seeds --seconds 600 --jobs 2");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace capcheck
