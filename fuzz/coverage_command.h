// SPDX-License-Identifier: GPL-2.0-only
// The transition table: which outcomes of which calls the corpus reaches.
#ifndef CAPCHECK_FUZZ_COVERAGE_COMMAND_H_
#define CAPCHECK_FUZZ_COVERAGE_COMMAND_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/guard.h"
#include "model/profile.h"

namespace capcheck {

/// One row of the transition table: an outcome that the rule of a call provides for.
struct TransitionRow {
  CallKind call;
  Guard outcome;                       ///< Guard::none for success, else the guard that stops the call
  std::vector<std::uint64_t> reached;  ///< how often the programs reach it, by profile
  std::vector<bool> applies;           ///< whether the rule provides for it, by profile

  /// A profile provides for it, and no program reaches it on any.
  bool missing() const;
};

/// The transition table of some profiles, with how often the traces (and fuzzers' artifacts) reach each row on the
/// model, each on the profiles it names. Rows are in the order of kCalls, outcomes in that of Guard. Throws as
/// load_trace() does.
std::vector<TransitionRow> transition_table(std::span<const Profile> profiles,
                                            std::span<const std::filesystem::path> traces);

/// A call's name in tables: "execve", "PR_CAPBSET_DROP", "write uid_map".
std::string call_name(CallKind kind);

/// capcheck coverage: prints the table; status 1 if the programs leave a row unreached.
void add_coverage_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
