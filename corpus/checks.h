// SPDX-License-Identifier: GPL-2.0-only
// What a run checked and what came of it, in the forms that services for continuous integration read.
#ifndef CAPCHECK_CORPUS_CHECKS_H_
#define CAPCHECK_CORPUS_CHECKS_H_

#include <cstdint>
#include <filesystem>
#include <source_location>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace capcheck {

/// A line of a file. The file is relative to the project where it is of the project.
struct Place {
  std::string file;
  unsigned line = 1;
};

/// The same of a line of the project's own code.
Place place_of(const std::source_location& location);

/// What a check holds something to: an invariant, or that model and kernel agree about one call.
struct CheckRule {
  std::string id;     ///< "userns-within-bounding", "divergence/capset"
  std::string words;  ///< one sentence
  std::string help;   ///< what else a reader needs: a formula, the kernel function guarded
  Place place;        ///< where the model states it
};

enum class CheckStatus : std::uint8_t {
  passed,
  failed,   ///< a finding
  error,    ///< no answer: timeout, a missing piece
  skipped,  ///< could not be done here
};

/// One check.
struct Check {
  std::string group;  ///< what it was held against: a kernel
  std::string name;   ///< of an invariant, of a file
  std::string rule;   ///< a CheckRule's id; empty: that of no one rule
  CheckStatus status{};
  std::string message;  ///< why, or what was found
  Place place;          ///< what shows it: a trace; or the rule's own
  double seconds = 0;
};

struct Checks {
  std::string command;  ///< "prove"
  std::vector<CheckRule> rules{};
  std::vector<Check> checks{};
};

/// SARIF 2.1.0. A check that passed is a result of kind "pass", so that a reader sees what was looked at.
std::string to_sarif(const Checks& checks);
/// JUnit: a suite for each group.
std::string to_junit(const Checks& checks);
/// TAP version 14. What is not answered is "not ok".
std::string to_tap(const Checks& checks);

/// Where to write them; an empty path is not written.
struct CheckFiles {
  std::filesystem::path sarif, junit, tap;

  bool any() const { return !sarif.empty() || !junit.empty() || !tap.empty(); }
};

/// Adds --sarif, --junit and --tap to a command.
void add_check_files(CLI::App& command, CheckFiles& files);

/// Writes the files asked for, each whole or not at all. Throws std::system_error that names the one that cannot be
/// written.
void write_checks(const CheckFiles& files, const Checks& checks);

}  // namespace capcheck

#endif
