// SPDX-License-Identifier: GPL-2.0-only
// Drives the libFuzzer target: starts it, watches it, and tells what came of it.
#ifndef CAPCHECK_FUZZ_FUZZ_RUN_H_
#define CAPCHECK_FUZZ_FUZZ_RUN_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"

namespace capcheck {

/// Before the number of programs run, in what the target prints at its end.
inline constexpr std::string_view kProgramsLabel = "capcheck::programs:";
/// The same of the calls made.
inline constexpr std::string_view kCallsLabel = "capcheck::calls:";
/// The same of the programs that a system did not run.
inline constexpr std::string_view kRefusedLabel = "capcheck::refused:";

/// The same of how often a system was lost, whenever it is.
inline constexpr std::string_view kLossesLabel = "capcheck::losses:";
/// And of the edges of its own that a booted kernel said were reached.
inline constexpr std::string_view kCoveredLabel = "capcheck::covered:";

/// Opens a report in what the target prints: then come the number of calls of the program and its signature.
inline constexpr std::string_view kSignatureLabel = "capcheck::signature:";

struct FuzzOptions {
  Profile profile;
  std::filesystem::path kernel;
  std::string machine;  ///< if not empty, programs run there (Machine) and not on `kernel`
  std::string booted;   ///< the kernel to boot there; empty: that of the profile
  bool allow_system_changes = false;
  std::vector<std::filesystem::path> seeds;     ///< traces to start from
  std::optional<std::filesystem::path> start;   ///< a corpus to start from as well, which stays as it is
  std::optional<std::filesystem::path> corpus;  ///< programs of earlier runs; new ones are added. None: nothing is kept
  std::filesystem::path findings = ".";         ///< where a finding is saved
  std::filesystem::path mutants = {};           ///< if not empty, mutants to try each program on (MutantKills)
  unsigned seconds = 60;
  unsigned jobs = 1;
  unsigned seed = 1;
  bool stop_at_first = false;  ///< finding; else fuzzing goes on
};

/// One of the divergences found: the shortest program of its signature.
struct Finding {
  std::string signature;  ///< signature.h
  std::size_t calls;
  std::string report;          ///< as the target printed it
  std::filesystem::path file;  ///< the trace
};

/// How far a run had come.
struct FuzzSample {
  double seconds;          ///< since the first process's start
  std::uint64_t programs;  ///< run by then, by all jobs
  std::uint64_t coverage;  ///< edges reached by then, by the best job
};

struct FuzzOutcome {
  std::uint64_t programs = 0;  ///< programs run, by all jobs
  std::uint64_t calls = 0;     ///< calls made by jobs that ran to their end
  std::uint64_t refused = 0;   ///< programs that the system did not run
  std::uint64_t losses = 0;    ///< how often a guest died or hung and was started again
  double seconds = 0;          ///< from the first process's start to the last one's end
  std::uint64_t coverage = 0;  ///< edges of the kernel and the model reached, by the best job
  std::uint64_t covered = 0;   ///< edges that a booted kernel said were reached, by the best job that ran to its end
  std::vector<FuzzSample> samples{};  ///< while it ran
  std::vector<Finding> findings{};    ///< by signature
  std::string crash{};                ///< what a target printed that ended by itself, and so found something, too
  std::vector<std::filesystem::path> artifacts{};  ///< saved by libFuzzer in this run
  int stopped_by = 0;                              ///< SIGINT, SIGTERM or SIGHUP, if one came; else 0

  bool interrupted() const { return stopped_by != 0; }
  bool found() const { return !findings.empty() || !crash.empty(); }
};

/// "679441 programs of 8.2 calls in 9.1 s, 75056 a second, 728 edges covered".
std::string describe_rate(const FuzzOutcome& outcome);

/// All reports, one after the other.
std::string reports(const FuzzOutcome& outcome);

/// Fuzzes until the time is up, a job ends (which it does by itself only when it crashes, or is to stop at the first
/// finding), or SIGINT, SIGTERM or SIGHUP comes. Shows progress if standard
/// error is a terminal. Throws std::runtime_error if the target cannot start or ends otherwise than by its own word.
FuzzOutcome fuzz(const FuzzOptions& options);

}  // namespace capcheck

#endif
