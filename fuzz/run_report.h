// SPDX-License-Identifier: GPL-2.0-only
// What a whole run came to, as one JSON document and one HTML page.
#ifndef CAPCHECK_FUZZ_RUN_REPORT_H_
#define CAPCHECK_FUZZ_RUN_REPORT_H_

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "fuzz/coverage_command.h"
#include "fuzz/fuzz_run.h"
#include "fuzz/triage.h"
#include "model/profile.h"
#include "solver/prove.h"

namespace capcheck {

/// A counterexample on kernels.
struct ReportedCounterexample {
  std::filesystem::path file;
  std::string profile, claim;
  std::string in_process, booted;  ///< "follows it", or what happened there
};

/// The corpus on the kernels of one place.
struct ReportedReplay {
  std::string where;  ///< "in process", "booted"
  std::size_t traces = 0, runs = 0, kernels = 0, disagreeing = 0, refused = 0;
};

struct ReportedFuzzing {
  std::string profile;
  FuzzOutcome outcome;
  std::vector<Judged> judged{};  ///< its findings, in their order
};

/// All of `capcheck verdict`.
struct RunReport {
  std::vector<ProfileProofs> proofs;
  double proof_seconds = 0;
  std::vector<ReportedCounterexample> counterexamples{};
  std::vector<ReportedReplay> replays{};
  std::vector<ReportedFuzzing> fuzzing{};
  std::map<std::string, std::string> releases{};  ///< of the kernels in process, by profile: "6.12.117"
  std::vector<Profile> profiles{};                ///< of the transitions
  std::vector<TransitionRow> transitions{};       ///< that the corpus reaches
  bool good = false;                              ///< nothing in it is otherwise than it should be
};

/// The report as JSON, with the versions of what made it. Numbers of seconds are seconds, coverage is edges.
nlohmann::json json_of(const RunReport& report);

/// The page of such a document: no scripts, nothing from elsewhere, legible in light and dark and on paper. Where the
/// document has "mutants" (what `capcheck mutants --json` prints), their scores. Throws nlohmann::json::exception if it
/// is not such a document.
std::string html_of(const nlohmann::json& report);

}  // namespace capcheck

#endif
