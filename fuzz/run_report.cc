// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/run_report.h"

#include <fmt/format.h>
#include <z3.h>

#include <nlohmann/json.hpp>

#include "model/constants.h"
#include "solver/statement.h"

namespace capcheck {
namespace {

nlohmann::json versions_of(const RunReport& report) {
  return {{"capcheck", CAPCHECK_VERSION},
          {"z3", Z3_get_full_version()},
          {"clang", __clang_version__},
          {"kernels", report.releases}};
}

nlohmann::json json_of(const ProfileProofs& proved) {
  auto claims = nlohmann::json::array();
  for (const ProofResult& result : proved.results) {
    claims.push_back({{"name", result.info->name},
                      {"formula", result.info->formula},
                      {"statement", result.info->words},
                      {"verdict", to_string(result.verdict)},
                      {"calls", result.calls},
                      {"as_claimed", result.as_claimed()},
                      {"detail", result.detail},
                      {"seconds", result.seconds}});
  }
  return {{"profile", to_string(proved.profile)}, {"claims", claims}};
}

nlohmann::json json_of(const ReportedFuzzing& fuzzing) {
  const FuzzOutcome& outcome = fuzzing.outcome;
  auto findings = nlohmann::json::array();
  for (std::size_t i = 0; i < outcome.findings.size(); ++i) {
    const Finding& finding = outcome.findings[i];
    const Judged& judged = fuzzing.judged.at(i);
    findings.push_back({{"signature", finding.signature},
                        {"file", finding.file.string()},
                        {"report", finding.report},
                        {"blame", judged.blame ? nlohmann::json(blame_name(*judged.blame)) : nlohmann::json()},
                        {"triage", describe(judged.blame, judged.replays)}});
  }
  auto samples = nlohmann::json::array();
  for (const FuzzSample& sample : outcome.samples) {
    samples.push_back({{"seconds", sample.seconds}, {"programs", sample.programs}, {"coverage", sample.coverage}});
  }
  return {{"profile", fuzzing.profile},   {"programs", outcome.programs},
          {"calls", outcome.calls},       {"seconds", outcome.seconds},
          {"coverage", outcome.coverage}, {"findings", findings},
          {"crash", outcome.crash},       {"samples", samples}};
}

nlohmann::json json_of(const std::vector<Profile>& profiles, const TransitionRow& row) {
  auto reached = nlohmann::json::object();
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (row.applies[i]) reached[to_string(profiles[i])] = row.reached[i];
  }
  return {{"call", call_name(row.call)},
          {"outcome", info(row.outcome).name},
          {"function", info(row.outcome).function},
          {"missing", row.missing()},
          {"reached", reached}};
}

}  // namespace

nlohmann::json json_of(const RunReport& report) {
  auto proofs = nlohmann::json::array(), counterexamples = nlohmann::json::array(), replays = nlohmann::json::array(),
       fuzzing = nlohmann::json::array(), transitions = nlohmann::json::array();
  for (const ProfileProofs& proved : report.proofs) proofs.push_back(json_of(proved));
  for (const ReportedCounterexample& one : report.counterexamples) {
    counterexamples.push_back({{"file", one.file.string()},
                               {"profile", one.profile},
                               {"claim", one.claim},
                               {"in_process", one.in_process},
                               {"booted", one.booted}});
  }
  for (const ReportedReplay& one : report.replays) {
    replays.push_back({{"where", one.where},
                       {"traces", one.traces},
                       {"runs", one.runs},
                       {"kernels", one.kernels},
                       {"disagreeing", one.disagreeing},
                       {"not_performed", one.refused}});
  }
  for (const ReportedFuzzing& one : report.fuzzing) fuzzing.push_back(json_of(one));
  for (const TransitionRow& row : report.transitions) transitions.push_back(json_of(report.profiles, row));
  return {{"good", report.good},
          {"versions", versions_of(report)},
          {"proofs", proofs},
          {"proof_seconds", report.proof_seconds},
          {"counterexamples", counterexamples},
          {"replays", replays},
          {"fuzzing", fuzzing},
          {"transitions", transitions}};
}

}  // namespace capcheck
