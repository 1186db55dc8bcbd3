// SPDX-License-Identifier: GPL-2.0-only
#include "corpus/checks.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "corpus/files.h"

namespace capcheck {
namespace {

using Json = nlohmann::ordered_json;

Json location(const Place& place) {
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", std::filesystem::path(place.file).generic_string()}}},
            {"region", {{"startLine", place.line}}}}}};
}

Json rule_json(const CheckRule& rule) {
  return {{"id", rule.id},
          {"shortDescription", {{"text", rule.words}}},
          {"fullDescription", {{"text", rule.help.empty() ? rule.words : rule.help}}},
          {"defaultConfiguration", {{"level", "error"}}}};
}

/// SARIF's kind and level; a level other than "none" needs the kind "fail".
std::pair<std::string_view, std::string_view> kind_and_level(CheckStatus status) {
  switch (status) {
    case CheckStatus::passed:
      return {"pass", "none"};
    case CheckStatus::failed:
      return {"fail", "error"};
    case CheckStatus::error:
      return {"open", "none"};
    case CheckStatus::skipped:
      return {"notApplicable", "none"};
  }
  __builtin_unreachable();
}

std::string title(const Check& check) {
  return fmt::format("{} on {}", check.name, check.group);
}

std::size_t rule_index(const Checks& checks, const std::string& id) {
  const auto found = std::ranges::find(checks.rules, id, &CheckRule::id);
  if (found == checks.rules.end()) throw std::logic_error(fmt::format("a check is of the unknown rule '{}'", id));
  return static_cast<std::size_t>(found - checks.rules.begin());
}

Json result_json(const Checks& checks, const Check& check) {
  const auto [kind, level] = kind_and_level(check.status);
  const std::size_t rule = rule_index(checks, check.rule);
  Json result = {{"ruleId", check.rule},
                 {"ruleIndex", rule},
                 {"kind", kind},
                 {"level", level},
                 {"message", {{"text", check.message.empty() ? title(check) : title(check) + ": " + check.message}}},
                 {"locations", Json::array({location(check.place)})},
                 {"partialFingerprints", {{"capcheck/v1", check.group + "/" + check.name + "/" + check.rule}}}};
  if (const Place& stated = checks.rules[rule].place; stated.file != check.place.file && !stated.file.empty()) {
    Json related = location(stated);
    related["message"] = {{"text", "the rule"}};
    result["relatedLocations"] = Json::array({related});
  }
  return result;
}

}  // namespace

Place place_of(const std::source_location& location) {
  return {location.file_name(), location.line()};
}

std::string to_sarif(const Checks& checks) {
  auto rules = Json::array(), results = Json::array();
  for (const CheckRule& rule : checks.rules) rules.push_back(rule_json(rule));
  for (const Check& check : checks.checks) results.push_back(result_json(checks, check));
  const Json log = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                    {"version", "2.1.0"},
                    {"runs",
                     {{{"tool", {{"driver", {{"name", "capcheck"}, {"rules", rules}}}}},
                       {"automationDetails", {{"id", "capcheck/" + checks.command + "/"}}},
                       {"columnKind", "unicodeCodePoints"},
                       {"results", results}}}}};
  return log.dump(2) + "\n";
}

std::string to_junit(const Checks& checks) {
  pugi::xml_document document;
  pugi::xml_node suites = document.append_child("testsuites");
  suites.append_attribute("name") = fmt::format("capcheck {}", checks.command).c_str();
  std::map<std::string, std::vector<const Check*>> groups;
  for (const Check& check : checks.checks) groups[check.group].push_back(&check);
  for (const auto& [group, members] : groups) {
    const auto count = [&](CheckStatus status) { return std::ranges::count(members, status, &Check::status); };
    pugi::xml_node suite = suites.append_child("testsuite");
    suite.append_attribute("name") = group.c_str();
    suite.append_attribute("tests") = members.size();
    suite.append_attribute("failures") = count(CheckStatus::failed);
    suite.append_attribute("errors") = count(CheckStatus::error);
    suite.append_attribute("skipped") = count(CheckStatus::skipped);
    for (const Check* check : members) {
      pugi::xml_node test = suite.append_child("testcase");
      test.append_attribute("name") = check->name.c_str();
      test.append_attribute("classname") = group.c_str();
      test.append_attribute("time") = fmt::format("{:.3f}", check->seconds).c_str();
      if (check->status == CheckStatus::passed) continue;
      pugi::xml_node why = test.append_child(check->status == CheckStatus::failed  ? "failure"
                                             : check->status == CheckStatus::error ? "error"
                                                                                   : "skipped");
      why.append_attribute("message") = check->message.substr(0, check->message.find('\n')).c_str();
      if (check->status != CheckStatus::skipped) why.text() = check->message.c_str();
    }
  }
  std::ostringstream out;
  document.save(out, "  ");
  return out.str();
}

std::string to_tap(const Checks& checks) {
  std::string text = fmt::format("TAP version 14\n1..{}\n", checks.checks.size());
  for (std::size_t i = 0; i < checks.checks.size(); ++i) {
    const Check& check = checks.checks[i];
    const bool ok = check.status == CheckStatus::passed || check.status == CheckStatus::skipped;
    std::string name = title(check);
    for (std::size_t at = 0; (at = name.find_first_of("#\\", at)) != std::string::npos; at += 2)
      name.insert(at, 1, '\\');
    text += fmt::format("{} {} - {}", ok ? "ok" : "not ok", i + 1, name);
    if (check.status == CheckStatus::skipped) {
      text += fmt::format(" # SKIP {}", check.message.substr(0, check.message.find('\n')));
    }
    text += '\n';
    if (!ok) {
      std::istringstream lines(check.message);
      for (std::string line; std::getline(lines, line);) text += fmt::format("# {}\n", line);
    }
  }
  return text;
}

void add_check_files(CLI::App& command, CheckFiles& files) {
  command.add_option("--sarif", files.sarif, "A file to write the results to as SARIF 2.1.0, for code scanning");
  command.add_option("--junit", files.junit, "The same as JUnit XML");
  command.add_option("--tap", files.tap, "The same as TAP");
}

void write_checks(const CheckFiles& files, const Checks& checks) {
  if (!files.sarif.empty()) write_file(files.sarif, to_sarif(checks));
  if (!files.junit.empty()) write_file(files.junit, to_junit(checks));
  if (!files.tap.empty()) write_file(files.tap, to_tap(checks));
}

}  // namespace capcheck
