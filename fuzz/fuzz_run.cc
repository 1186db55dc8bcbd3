// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "corpus/files.h"
#include "fuzz/programs.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// How long a job may take to stop after its time is up or it was told to; longer where a guest may hang that long, be
/// started again and hang again.
constexpr std::chrono::seconds kGrace{30}, kGraceOfGuests{150};
/// The exit status of a target that has no system to run programs on, or none any more.
constexpr int kTargetCannotGoOn = 2;

std::atomic<int> stopping_signal = 0;

/// Turns SIGINT, SIGTERM and SIGHUP into a request to stop, while it lives; but not those that are ignored, as by
/// nohup.
class StopSignals {
 public:
  StopSignals() {
    stopping_signal = 0;
    struct sigaction action{};
    action.sa_handler = [](int signal) { stopping_signal = signal; };
    for (Disposition& one : dispositions_) {
      sigaction(one.signal, nullptr, &one.before);
      if (!one.is_ignored()) sigaction(one.signal, &action, nullptr);
    }
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() {
    for (const Disposition& one : dispositions_) {
      if (!one.is_ignored()) sigaction(one.signal, &one.before, nullptr);
    }
  }

 private:
  struct Disposition {
    int signal;
    struct sigaction before{};

    bool is_ignored() const { return before.sa_handler == SIG_IGN; }
  };
  std::array<Disposition, 3> dispositions_{{{SIGINT}, {SIGTERM}, {SIGHUP}}};
};

/// A running target. Killed if it is still there when its owner goes.
class Job {
 public:
  Job(const std::vector<std::string>& command, fs::path log) : log_(std::move(log)) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    // A group of its own: a Ctrl-C reaches it through us, once.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int error = posix_spawn(&pid_, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::system_error(error, std::generic_category(), command[0] + ": cannot start");
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    if (status_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  bool ended() {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return status_.has_value();
  }
  /// Ends the job after the program it runs. Not by SIGINT: libFuzzer answers that inside the handler, where printing
  /// its statistics waits for ever if malloc was what the signal came into.
  void ask_to_stop() {
    if (!status_) kill(pid_, kStop);
  }
  bool succeeded() const { return status_ && WIFEXITED(*status_) && WEXITSTATUS(*status_) == 0; }
  /// Told to stop before libFuzzer was ready to answer; nothing was found.
  bool stopped_before_it_began() const { return status_ && WIFSIGNALED(*status_) && WTERMSIG(*status_) == kStop; }
  bool could_not_go_on() const { return status_ && WIFEXITED(*status_) && WEXITSTATUS(*status_) == kTargetCannotGoOn; }
  std::string log() const { return read_file(log_); }

 private:
  static constexpr int kStop = SIGUSR1;

  pid_t pid_ = 0;
  std::optional<int> status_;
  fs::path log_;
};

/// The number after the last `label` in a log; 0 if there is none.
std::uint64_t last_number(std::string_view log, std::string_view label) {
  std::uint64_t value = 0;
  const std::size_t start = log.rfind(label);
  if (start == std::string_view::npos) return 0;
  log.remove_prefix(std::min(log.find_first_not_of(' ', start + label.size()), log.size()));
  std::from_chars(log.data(), log.data() + log.size(), value);
  return value;
}

/// libFuzzer's running count: the last number after a '#' that opens a line. It ends with other lines that do.
std::uint64_t running_count(std::string_view log) {
  for (std::size_t at = log.rfind("\n#"); at != std::string_view::npos; at = log.rfind("\n#")) {
    if (const std::uint64_t count = last_number(log, "\n#"); count != 0) return count;
    log = log.substr(0, at);
  }
  return 0;
}

/// How many programs a job ran: by its own word, or, if it was stopped, by libFuzzer's last.
std::uint64_t programs_in(const std::string& log) {
  const std::uint64_t own = last_number(log, kProgramsLabel);
  return own != 0 ? own : running_count(log);
}

/// The target's reports: of each signature that on the shortest program, which is the last.
void add_findings(const std::string& log, const fs::path& directory, std::vector<Finding>& findings) {
  for (std::size_t at = 0; (at = log.find(kSignatureLabel, at)) != std::string::npos;) {
    const std::size_t line_end = log.find('\n', at), replay = log.find("\nreplay: ", at);
    if (line_end == std::string::npos || replay == std::string::npos) return;  // it was stopped in the middle
    const std::size_t end = log.find('\n', replay + 1);
    std::istringstream line(log.substr(at + kSignatureLabel.size(), line_end - at - kSignatureLabel.size()));
    Finding finding;
    line >> finding.calls >> finding.signature;
    finding.report = log.substr(line_end + 1, end - line_end);
    finding.file = directory / (finding.signature + ".trace");
    const auto known = std::ranges::find(findings, finding.signature, &Finding::signature);
    if (known == findings.end()) {
      findings.push_back(std::move(finding));
    } else if (finding.calls <= known->calls) {
      *known = std::move(finding);
    }
    at = end;
  }
}

/// What a target said that ended without a report of its own: a sanitizer's, or a crash. Its beginning says most.
std::string crash_in(const std::string& log) {
  constexpr std::size_t kExcerpt = 6000;
  const std::size_t error = std::min(log.find("ERROR: "), log.size());
  return log.substr(error == log.size() ? log.size() - std::min(log.size(), kExcerpt) : error, kExcerpt);
}

/// What a target said last in its own name; the log, if it said nothing.
std::string last_words_in(const std::string& log) {
  const std::size_t start = log.rfind("transitions_fuzzer: ");
  return start == std::string::npos ? log : log.substr(start);
}

/// What libFuzzer saved in a directory.
std::set<fs::path> artifacts_in(const fs::path& directory) {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().extension() != ".trace") files.insert(entry.path());
  }
  return files;
}

/// Writes the seeds as a fuzzer reads them.
void write_seeds(const std::vector<fs::path>& seeds, const Profile& profile, const fs::path& directory) {
  fs::create_directories(directory);
  std::size_t number = 0;
  for (const fs::path& seed : seeds) {
    const std::vector<std::uint8_t> bytes = encode(load_trace(seed, profile).program);
    write_file(directory / fmt::format("{:04}-{}", number++, seed.stem().string()),
               {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
}

/// After how many programs that find nothing new, times a logarithm of the length, programs may grow. Programs of some
/// 40 calls at most (-max_len), and soon: short ones run at a higher rate and cover the same, but most of what no
/// coverage tells takes several tasks and namespaces. The nesting limit, which takes 104 calls, is left to replay.
/// A booted kernel runs fewer programs by far, so they grow after fewer.
unsigned length_control(const FuzzOptions& options) {
  constexpr unsigned kHere = 10, kBooted = 4;
  return options.machine.empty() ? kHere : kBooted;
}

std::vector<std::string> command_line(const FuzzOptions& options, const fs::path& corpus, const fs::path& seeds,
                                      unsigned job) {
  const fs::path target = program_directory() / "transitions_fuzzer";
  if (!fs::exists(target)) throw std::runtime_error(fmt::format("{}: not built", target.string()));
  std::vector<std::string> command = {
      target.string(), "--profile=" + to_string(options.profile),
      options.machine.empty() ? "--kernel=" + options.kernel.string() : "--on=" + options.machine,
      "--findings=" + options.findings.string(), fmt::format("-artifact_prefix={}/", options.findings.string()),
      "--dies-with-parent=1", fmt::format("--seconds={}", options.seconds),
      fmt::format("-max_total_time={}", options.seconds), fmt::format("-seed={}", options.seed + job), "-max_len=1024",
      // What libFuzzer takes for its own memory is at least what this process had when it started the target.
      "-rss_limit_mb=8192", fmt::format("-len_control={}", length_control(options)), "-print_final_stats=1",
      // The names of functions that are new are for nobody; to look them up takes longer than to find many a fault.
      "-print_funcs=0", "-reload=1", corpus.string(), seeds.string()};
  if (options.start && fs::exists(*options.start)) command.push_back(options.start->string());
  if (!options.mutants.empty()) command.push_back("--mutants=" + options.mutants.string());
  if (!options.booted.empty()) command.push_back("--booted=" + options.booted);
  if (!options.stop_at_first) command.emplace_back("--go-on=1");
  if (options.allow_system_changes) command.emplace_back("--allow-system-changes=1");
  return command;
}

FuzzSample sample(const std::vector<std::unique_ptr<Job>>& jobs, Clock::duration elapsed) {
  FuzzSample now{std::chrono::duration<double>(elapsed).count(), 0, 0};
  for (const auto& job : jobs) {
    const std::string log = job->log();
    now.programs += programs_in(log);
    now.coverage = std::max(now.coverage, last_number(log, " cov: "));
  }
  return now;
}

void show_progress(const FuzzOptions& options, const FuzzSample& now) {
  if (!isatty(STDERR_FILENO)) return;
  fmt::print(stderr, "\r\033[Kfuzzing {}: {:.0f} of {} s, {} programs", to_string(options.profile), now.seconds,
             options.seconds, now.programs);
}

/// Waits until all jobs have ended; the first to find something, or a request to stop, ends the others. How far they
/// had come, at most a few hundred times.
std::vector<FuzzSample> wait_for(const FuzzOptions& options, std::vector<std::unique_ptr<Job>>& jobs) {
  constexpr std::chrono::milliseconds kTick{20}, kProgress{500};
  constexpr unsigned kMostSamples = 200;
  const auto interval = std::max<Clock::duration>(kProgress, std::chrono::seconds(options.seconds) / kMostSamples);
  std::vector<FuzzSample> samples;
  const Clock::time_point start = Clock::now();
  const std::chrono::seconds grace = options.machine.empty() ? kGrace : kGraceOfGuests;
  Clock::time_point deadline = start + std::chrono::seconds(options.seconds) + grace, shown = start;
  bool stopping = false;
  while (std::ranges::any_of(jobs, [](auto& job) { return !job->ended(); })) {
    const Clock::time_point now = Clock::now();
    const bool found = std::ranges::any_of(jobs, [](auto& job) { return job->ended() && !job->succeeded(); });
    if (!stopping && (found || stopping_signal != 0)) {
      for (auto& job : jobs) job->ask_to_stop();
      stopping = true;
      deadline = now + kGrace;
    }
    if (now > deadline) throw std::runtime_error("the fuzz target did not stop in time; it was killed");
    if (now - shown > interval) {
      samples.push_back(sample(jobs, now - start));
      show_progress(options, samples.back());
      shown = now;
    }
    std::this_thread::sleep_for(kTick);
  }
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K");
  samples.push_back(sample(jobs, Clock::now() - start));
  return samples;
}

}  // namespace

std::string describe_rate(const FuzzOutcome& outcome) {
  const auto programs = static_cast<double>(outcome.programs);
  const std::string length =
      outcome.calls == 0 ? "" : fmt::format(" of {:.1f} calls", static_cast<double>(outcome.calls) / programs);
  const std::string refused = outcome.refused == 0 ? "" : fmt::format(", {} of them not performed", outcome.refused);
  const std::string lost = outcome.losses == 0 ? ""
                                               : fmt::format(", {} guest{} lost and started again", outcome.losses,
                                                             outcome.losses == 1 ? "" : "s");
  const std::string covered = outcome.covered == 0 ? "" : fmt::format(", {} of the booted kernel", outcome.covered);
  return fmt::format("{} programs{} in {:.1f} s, {:.0f} a second, {} edges covered{}{}{}", outcome.programs, length,
                     outcome.seconds, programs / outcome.seconds, outcome.coverage, covered, refused, lost);
}

std::string reports(const FuzzOutcome& outcome) {
  std::string text;
  for (const Finding& finding : outcome.findings) text += fmt::format("{}\n{}\n", finding.signature, finding.report);
  return text + outcome.crash;
}

FuzzOutcome fuzz(const FuzzOptions& options) {
  const TemporaryDirectory work("capcheck-fuzz");
  const fs::path corpus = options.corpus.value_or(work.path() / "corpus"), seeds = work.path() / "seeds";
  fs::create_directories(corpus);
  fs::create_directories(options.findings);
  write_seeds(options.seeds, options.profile, seeds);
  const std::set<fs::path> artifacts_before = artifacts_in(options.findings);

  const StopSignals signals;
  const Clock::time_point start = Clock::now();
  std::vector<std::unique_ptr<Job>> jobs;
  for (unsigned i = 0; i < options.jobs; ++i) {
    jobs.push_back(
        std::make_unique<Job>(command_line(options, corpus, seeds, i), work.path() / fmt::format("job-{}.log", i)));
  }
  FuzzOutcome outcome;
  outcome.samples = wait_for(options, jobs);
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  outcome.stopped_by = stopping_signal;
  for (const auto& job : jobs) {
    const std::string log = job->log();
    if (job->could_not_go_on()) throw std::runtime_error(last_words_in(log));
    outcome.programs += programs_in(log);
    outcome.calls += last_number(log, kCallsLabel);
    outcome.refused += last_number(log, kRefusedLabel);
    outcome.losses += last_number(log, kLossesLabel);
    outcome.covered = std::max(outcome.covered, last_number(log, kCoveredLabel));
    outcome.coverage = std::max(outcome.coverage, last_number(log, " cov: "));
    add_findings(log, options.findings, outcome.findings);
    const bool crashed = !job->succeeded() && !job->stopped_before_it_began();
    const bool stopped_at_finding = options.stop_at_first && log.find(kSignatureLabel) != std::string::npos;
    if (crashed && !stopped_at_finding && outcome.crash.empty()) outcome.crash = crash_in(log);
  }
  std::ranges::sort(outcome.findings, {}, &Finding::signature);
  std::ranges::set_difference(artifacts_in(options.findings), artifacts_before, std::back_inserter(outcome.artifacts));
  return outcome;
}

}  // namespace capcheck
