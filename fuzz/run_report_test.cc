// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "model/profile.h"
#include "solver/prove.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunReport small_report() {
  const Profile profile = parse_profile("6.12+userns");
  ProveOptions options;
  options.invariants = {"effective-within-permitted", "userns-within-bounding"};
  RunReport report{.proofs = {{profile, prove_catalogue(profile, options), 0}}, .proof_seconds = 1.5};
  report.counterexamples = {{"a.trace", "6.12+userns", "userns-within-bounding", "follows it", "DOES NOT FOLLOW IT"}};
  report.replays = {{"in process", 3, 4, 2, 1, 1}};
  FuzzOutcome outcome{.programs = 300, .seconds = 2, .coverage = 70};
  outcome.findings = {{"unshare.state.CapEff", 2, "<report> & more", "found.trace"}};
  outcome.samples = {{0.5, 100, 60}, {1, 200, 70}};
  const std::vector<Replays> replays = {{"6.12+userns in process", Replays::Kind::in_process, 10, 10},
                                        {"uml 6.12+userns", Replays::Kind::booted, 10, 10},
                                        {"host", Replays::Kind::as_found, 0, 0, "its kernel is 6.17"}};
  report.fuzzing = {{"6.12+userns", outcome, {{judge(replays), replays}}}};
  report.releases = {{"6.12+userns", "6.12.117"}};
  report.profiles = {profile};
  report.transitions = transition_table(report.profiles, {});
  return report;
}

TEST(RunReport, SaysAllOfARun) {
  const nlohmann::json report = json_of(small_report());
  EXPECT_EQ(report.at("good"), false);
  EXPECT_EQ(report.at("proofs")[0].at("claims")[0].at("verdict"), "proved");
  EXPECT_EQ(report.at("proofs")[0].at("claims")[1].at("verdict"), "refuted");
  EXPECT_EQ(report.at("fuzzing")[0].at("samples").size(), 2u);
  EXPECT_EQ(report.at("fuzzing")[0].at("findings")[0].at("blame"), "model");
  EXPECT_THAT(report.at("versions").at("kernels").at("6.12+userns").get<std::string>(), HasSubstr("6.12."));
  EXPECT_EQ(report.at("transitions")[0].at("missing"), true);  // of no trace
}

TEST(RunReport, ThePageIsWellFormedAndSelfContained) {
  const std::string page = html_of(json_of(small_report()));
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(page.c_str(), pugi::parse_default | pugi::parse_doctype));
  EXPECT_EQ(document.select_nodes("//h2").size(), 7u);
  EXPECT_EQ(document.select_nodes("//svg").size(), 2u);
  EXPECT_EQ(document.select_nodes("//td[@class='bad' and text()='DOES NOT FOLLOW IT']").size(), 1u);
  EXPECT_EQ(document.select_nodes("//td[@class='good' and text()='refuted by 1']").size(), 1u);
  EXPECT_STREQ(document.select_node("//pre").node().text().get(), "<report> & more");
  EXPECT_THAT(page, HasSubstr("model: 10 of 10 on 6.12+userns in process, 10 of 10 on uml 6.12+userns, host not asked "
                              "(its kernel is 6.17)"));
  EXPECT_THAT(page, Not(HasSubstr("http:")));
  EXPECT_THAT(page, Not(HasSubstr("https:")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(RunReport, ScoresOnlyMutantsThatAreNotEquivalent) {
  nlohmann::json report = json_of(small_report());
  const auto mutant = [](bool by_solver, bool by_properties, bool equivalent) {
    return nlohmann::json{{"solver", by_solver ? nlohmann::json{{"by", "x"}} : nlohmann::json()},
                          {"properties", by_properties ? nlohmann::json{{"seconds", 1}} : nlohmann::json()},
                          {"fuzzer", nullptr},
                          {"equivalent", equivalent}};
  };
  report["mutants"]["mutants"] = {mutant(true, true, false), mutant(false, true, false), mutant(false, false, false),
                                  mutant(false, false, false), mutant(false, false, true)};
  const std::string page = html_of(report);
  EXPECT_THAT(
      page,
      HasSubstr(
          "<td>solver</td><td class=\"number\">1</td><td class=\"number\">4</td><td class=\"number\">25.0 %</td>"));
  EXPECT_THAT(
      page,
      HasSubstr(
          "<td>together</td><td class=\"number\">2</td><td class=\"number\">4</td><td class=\"number\">50.0 %</td>"));
}

TEST(RunReport, AnotherDocumentIsRefused) {
  EXPECT_THROW(html_of(nlohmann::json::object()), nlohmann::json::exception);
}

}  // namespace
}  // namespace capcheck
