// SPDX-License-Identifier: GPL-2.0-only
#include "corpus/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <string>

#include "corpus/files.h"

namespace capcheck {
namespace {

using testing::HasSubstr;

Checks some_checks() {
  Checks checks{"prove"};
  checks.rules = {{"within", "E is within P.", "E ⊆ P", {"model/invariants.h", 7}},
                  {"never", "P never grows.", "", {"model/invariants.h", 9}}};
  checks.checks = {{"6.12", "within", "within", CheckStatus::passed, "proved", {"model/invariants.h", 7}, 0.25},
                   {"6.12", "never", "never", CheckStatus::failed, "refuted\n<t0: setuid(0)>", {"a/b.trace", 3}, 1},
                   {"6.1", "never", "never", CheckStatus::error, "timeout", {"model/invariants.h", 9}, 2},
                   {"6.1", "x #1", "never", CheckStatus::skipped, "no kernel", {"model/invariants.h", 9}, 0}};
  return checks;
}

/// What the specification of SARIF 2.1.0 requires of what we write of it.
void expect_well_formed(const nlohmann::json& log) {
  EXPECT_EQ(log.at("version"), "2.1.0");
  ASSERT_EQ(log.at("runs").size(), 1u);
  const auto& run = log.at("runs")[0];
  const auto& driver = run.at("tool").at("driver");
  EXPECT_FALSE(driver.at("name").get<std::string>().empty());
  for (const auto& result : run.at("results")) {
    EXPECT_FALSE(result.at("message").at("text").get<std::string>().empty());
    const std::size_t index = result.at("ruleIndex");
    ASSERT_LT(index, driver.at("rules").size());
    EXPECT_EQ(driver["rules"][index].at("id"), result.at("ruleId"));
    EXPECT_EQ(result.at("kind") == "fail", result.at("level") != "none");
    for (const auto& location : result.at("locations")) {
      const auto& physical = location.at("physicalLocation");
      EXPECT_THAT(physical.at("artifactLocation").at("uri").get<std::string>(), testing::Not(HasSubstr("\\")));
      EXPECT_GE(physical.at("region").at("startLine").get<int>(), 1);
    }
  }
}

TEST(Sarif, HasARuleForEachAndAResultForEachCheck) {
  const auto log = nlohmann::json::parse(to_sarif(some_checks()));
  expect_well_formed(log);
  const auto& results = log["runs"][0]["results"];
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0]["kind"], "pass");
  EXPECT_EQ(results[1]["kind"], "fail");
  EXPECT_EQ(results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a/b.trace");
  EXPECT_EQ(results[1]["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 9);
  EXPECT_EQ(results[2]["kind"], "open");
  EXPECT_EQ(results[3]["kind"], "notApplicable");
}

TEST(Sarif, OfNoChecksIsStillWellFormed) {
  expect_well_formed(nlohmann::json::parse(to_sarif({"replay"})));
}

TEST(Sarif, NamesNoRuleThatItDoesNotDefine) {
  Checks checks = some_checks();
  checks.checks[0].rule = "absent";
  EXPECT_THROW(to_sarif(checks), std::logic_error);
}

TEST(Junit, HasASuiteForEachGroupWithItsCounts) {
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(to_junit(some_checks()).c_str()));
  const auto suite = [&](const char* name) {
    return document.child("testsuites").find_child_by_attribute("testsuite", "name", name);
  };
  EXPECT_EQ(suite("6.12").attribute("tests").as_int(), 2);
  EXPECT_EQ(suite("6.12").attribute("failures").as_int(), 1);
  EXPECT_EQ(suite("6.1").attribute("errors").as_int(), 1);
  EXPECT_EQ(suite("6.1").attribute("skipped").as_int(), 1);
  const auto failure = suite("6.12").find_child_by_attribute("testcase", "name", "never").child("failure");
  EXPECT_STREQ(failure.attribute("message").value(), "refuted");
  EXPECT_STREQ(failure.text().get(), "refuted\n<t0: setuid(0)>");
}

TEST(Tap, CountsAndSaysWhy) {
  EXPECT_EQ(to_tap(some_checks()),
            "TAP version 14\n"
            "1..4\n"
            "ok 1 - within on 6.12\n"
            "not ok 2 - never on 6.12\n"
            "# refuted\n"
            "# <t0: setuid(0)>\n"
            "not ok 3 - never on 6.1\n"
            "# timeout\n"
            "ok 4 - x \\#1 on 6.1 # SKIP no kernel\n");
}

TEST(CheckFiles, AreWrittenWhereAskedFor) {
  const TemporaryDirectory directory("capcheck-checks");
  const CheckFiles files{directory.path() / "a.sarif", {}, directory.path() / "a.tap"};
  write_checks(files, some_checks());
  EXPECT_EQ(read_file(files.sarif), to_sarif(some_checks()));
  EXPECT_EQ(read_file(files.tap), to_tap(some_checks()));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "a.junit"));
}

TEST(PlaceOf, IsRelativeToTheProject) {
  EXPECT_EQ(place_of(std::source_location::current()).file, "corpus/checks_test.cc");
}

}  // namespace
}  // namespace capcheck
