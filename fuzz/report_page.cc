// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/html_page.h"
#include "fuzz/run_report.h"
#include "fuzz/score.h"

namespace capcheck {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// A number of something. Throws for any that is not whole, which get<>() would convert, whatever came of it.
std::uint64_t count_of(const json& value) {
  return static_cast<std::uint64_t>(value.get_ref<const json::number_integer_t&>());
}

struct ClaimRow {
  std::string name, formula, statement;
  bool operator==(const ClaimRow&) const = default;
};

/// Claims as rows, profiles as columns.
void add_proofs(pugi::xml_node body, const json& report) {
  set(add(body, "h2", "Claims"), "id", "Claims");
  const json& proofs = report.at("proofs");
  pugi::xml_node kernels = add(body, "ol", {}, "kernels");
  std::vector<std::string> columns{"claim", "formula"};
  std::vector<ClaimRow> claims;
  std::map<std::pair<std::string, std::string>, const json*> found;
  for (const json& proved : proofs) {
    add(kernels, "li", text_of(proved.at("profile")));
    columns.push_back(std::to_string(columns.size() - 1));
    for (const json& claim : proved.at("claims")) {
      found[{claim.at("name"), proved.at("profile")}] = &claim;
      ClaimRow row{claim.at("name"), claim.at("formula"), claim.at("statement")};
      if (std::ranges::find(claims, row) == claims.end()) claims.push_back(std::move(row));
    }
  }
  pugi::xml_node rows = add_table(body, columns);
  for (const ClaimRow& claim : claims) {
    pugi::xml_node row = add(rows, "tr");
    pugi::xml_node details = add(add(row, "td", {}, "claim"), "details");
    add(add(details, "summary"), "code", claim.name);
    add(details, "p", claim.statement);
    add(row, "td", claim.formula);
    for (const json& proved : proofs) {
      const auto result = found.find({claim.name, proved.at("profile")});
      if (result == found.end()) {
        add(row, "td", "–", "faint");
        continue;
      }
      const json& said = *result->second;
      std::string text = said.at("verdict");
      if (text == "refuted") text += fmt::format(" by {}", count_of(said.at("calls")));
      const bool as_claimed = said.at("as_claimed");
      pugi::xml_node cell = add(row, "td", as_claimed ? text : text + " (!)", as_claimed ? "good" : "bad");
      cell.append_attribute("title") = text_of(said.at("detail")).c_str();
    }
  }
  add(body, "p", fmt::format("All proofs together took {:.1f} s.", report.at("proof_seconds").get<double>()), "faint");
}

void add_counterexamples(pugi::xml_node body, const json& report) {
  set(add(body, "h2", "Counterexamples on kernels"), "id", "Counterexamples");
  pugi::xml_node rows = add_table(body, {"claim", "kernel", "in process", "booted", "trace"});
  for (const json& one : report.at("counterexamples")) {
    pugi::xml_node row = add(rows, "tr");
    add(add(row, "td"), "code", text_of(one.at("claim")));
    add(row, "td", text_of(one.at("profile")));
    for (const char* where : {"in_process", "booted"}) {
      const std::string said = text_of(one.at(where));
      const bool good = said == "follows it", asked = !said.starts_with("not ");
      add(row, "td", said, good ? "good" : asked ? "bad" : "faint");
    }
    add(add(row, "td"), "code", text_of(one.at("file")));
  }
}

void add_replays(pugi::xml_node body, const json& report) {
  set(add(body, "h2", "Corpus"), "id", "Corpus");
  pugi::xml_node rows = add_table(body, {"where", "traces", "runs", "kernels", "not performed", "do not agree"});
  for (const json& one : report.at("replays")) {
    pugi::xml_node row = add(rows, "tr");
    add(row, "td", text_of(one.at("where")));
    for (const char* number : {"traces", "runs", "kernels", "not_performed"}) {
      add(row, "td", text_of(one.at(number)), "number");
    }
    add(row, "td", text_of(one.at("disagreeing")), one.at("disagreeing") == 0 ? "number good" : "number bad");
  }
}

struct Point {
  double seconds, value;
};

std::vector<Point> coverage_of(const json& samples) {
  std::vector<Point> points;
  for (const json& sample : samples) points.push_back({sample.at("seconds"), sample.at("coverage")});
  return points;
}

/// Programs a second, between each sample and the one before.
std::vector<Point> rates_of(const json& samples) {
  std::vector<Point> points;
  Point last{0, 0};
  for (const json& sample : samples) {
    const Point now{sample.at("seconds"), sample.at("programs")};
    if (now.seconds > last.seconds) {
      points.push_back({now.seconds, (now.value - last.value) / (now.seconds - last.seconds)});
    }
    last = now;
  }
  return points;
}

/// A curve over seconds.
void add_plot(pugi::xml_node parent, std::string_view title, const std::vector<Point>& points) {
  constexpr double kWidth = 340, kHeight = 120, kLeft = 52, kBottom = 100, kTop = 18, kRight = 330;
  double longest = 0, highest = 0, lowest = points.empty() ? 0 : points.front().value;
  for (const Point& point : points) {
    longest = std::max(longest, point.seconds);
    highest = std::max(highest, point.value);
    lowest = std::min(lowest, point.value);
  }
  // What changes little is shown from its lowest, which the axis names.
  if (lowest < highest / 2 || lowest == highest) lowest = 0;
  if (longest == 0 || highest == 0) return;
  pugi::xml_node plot = add(parent, "svg");
  plot.append_attribute("viewBox") = fmt::format("0 0 {} {}", kWidth, kHeight).c_str();
  plot.append_attribute("width") = kWidth;
  plot.append_attribute("role") = "img";
  plot.append_attribute("aria-label") = fmt::format("{}: up to {:.0f}, in {:.0f} s", title, highest, longest).c_str();
  const auto write = [&](double x, double y, const std::string& text, const char* anchor) {
    pugi::xml_node node = add(plot, "text", text);
    node.append_attribute("x") = x;
    node.append_attribute("y") = y;
    node.append_attribute("text-anchor") = anchor;
  };
  write(kLeft, 11, std::string(title), "start");
  write(kLeft - 5, kTop + 8, fmt::format("{:.0f}", highest), "end");
  write(kLeft - 5, kBottom, fmt::format("{:.0f}", lowest), "end");
  write(kRight, kBottom + 14, fmt::format("{:.0f} s", longest), "end");
  std::string path;
  for (const Point& point : points) {
    path +=
        fmt::format("{}{:.1f},{:.1f}", path.empty() ? "M" : " L", kLeft + point.seconds / longest * (kRight - kLeft),
                    kBottom - (point.value - lowest) / (highest - lowest) * (kBottom - kTop));
  }
  pugi::xml_node axis = add(plot, "path", {}, "axis");
  axis.append_attribute("d") = fmt::format("M{0},{1} V{2} H{3}", kLeft, kTop, kBottom, kRight).c_str();
  axis.append_attribute("fill") = "none";
  add(plot, "path", {}, "curve").append_attribute("d") = path.c_str();
}

void add_fuzzing(pugi::xml_node body, const json& report) {
  set(add(body, "h2", "Fuzzing"), "id", "Fuzzing");
  pugi::xml_node rows = add_table(body, {"kernel", "programs", "a second", "edges covered", "divergences"});
  for (const json& one : report.at("fuzzing")) {
    pugi::xml_node row = add(rows, "tr");
    add(row, "td", text_of(one.at("profile")));
    add(row, "td", text_of(one.at("programs")), "number");
    add(row, "td", fmt::format("{:.0f}", one.at("programs").get<double>() / one.at("seconds").get<double>()), "number");
    add(row, "td", text_of(one.at("coverage")), "number");
    const std::size_t found = one.at("findings").size() + (text_of(one.at("crash")).empty() ? 0 : 1);
    add(row, "td", std::to_string(found), found == 0 ? "number good" : "number bad");
  }
  for (const json& one : report.at("fuzzing")) {
    pugi::xml_node figure = add(body, "div", {}, "figure");
    add(figure, "h3", text_of(one.at("profile")));
    add_plot(figure, "edges covered", coverage_of(one.at("samples")));
    add_plot(figure, "programs a second", rates_of(one.at("samples")));
    for (const json& finding : one.at("findings")) {
      add(add(body, "p", {}, "bad"), "code", text_of(finding.at("signature")));
      add(body, "pre", text_of(finding.at("report")));
      add(body, "p", text_of(finding.at("triage")));
    }
    if (!text_of(one.at("crash")).empty()) add(body, "pre", text_of(one.at("crash")));
  }
}

void add_transitions(pugi::xml_node body, const json& report) {
  const json& rows = report.at("transitions");
  const auto missing = std::ranges::count_if(rows, [](const json& row) { return row.at("missing").get<bool>(); });
  set(add(body, "h2", "Transitions"), "id", "Transitions");
  add(body, "p",
      fmt::format("The corpus reaches {} of {} outcomes of calls.", rows.size() - static_cast<std::size_t>(missing),
                  rows.size()),
      missing == 0 ? "good" : "bad");
  pugi::xml_node table = add_table(add(body, "details"), {"call", "outcome", "kernel function", "times reached"});
  table.parent().parent().parent().prepend_child("summary").append_child(pugi::node_pcdata).set_value("All of them");
  for (const json& one : rows) {
    std::uint64_t times = 0;
    for (const json& count : one.at("reached")) times += count_of(count);
    pugi::xml_node row = add(table, "tr");
    add(row, "td", text_of(one.at("call")));
    add(row, "td", text_of(one.at("outcome")));
    add(add(row, "td"), "code", text_of(one.at("function")));
    add(row, "td", std::to_string(times), one.at("missing").get<bool>() ? "number bad" : "number");
  }
}

/// Of those that are not equivalent, how many each engine kills.
void add_mutants(pugi::xml_node body, const json& report) {
  add(body, "h2", "Mutants of the rules");
  if (!report.contains("mutants")) {
    add(body, "p", "Not measured in this run: capcheck mutants --json, then capcheck report --mutants.", "faint");
    return;
  }
  std::size_t all = 0, solver = 0, properties = 0, fuzzer = 0, any = 0;
  for (const json& one : report.at("mutants").at("mutants")) {
    if (one.at("equivalent").get<bool>()) continue;
    const bool by_solver = !one.at("solver").is_null(), by_properties = !one.at("properties").is_null(),
               by_fuzzer = !one.at("fuzzer").is_null();
    ++all;
    solver += by_solver;
    properties += by_properties;
    fuzzer += by_fuzzer;
    any += by_solver || by_properties || by_fuzzer;
  }
  pugi::xml_node rows = add_table(body, {"engine", "killed", "of", "score"});
  const std::vector<std::pair<const char*, std::size_t>> engines{
      {"solver", solver}, {"properties", properties}, {"fuzzer", fuzzer}, {"together", any}};
  for (const auto& [engine, killed] : engines) {
    pugi::xml_node row = add(rows, "tr");
    add(row, "td", engine);
    add(row, "td", std::to_string(killed), "number");
    add(row, "td", std::to_string(all), "number");
    add(row, "td", score(killed, all), "number");
  }
}

void add_versions(pugi::xml_node body, const json& report) {
  add(body, "h2", "Versions");
  const json& versions = report.at("versions");
  pugi::xml_node rows = add_table(body, {"", ""});
  const auto line = [&](std::string_view what, const json& version) {
    pugi::xml_node row = add(rows, "tr");
    add(row, "td", what);
    add(row, "td", text_of(version));
  };
  for (const char* tool : {"capcheck", "z3", "clang"}) line(tool, versions.at(tool));
  for (const auto& [profile, release] : versions.at("kernels").items()) line("Linux as " + profile, release);
}

/// How many of an array are so.
template <class Is>
std::size_t count_if(const json& array, Is is) {
  return static_cast<std::size_t>(std::ranges::count_if(array, is));
}

/// One line of each part, with a link to it.
void add_summary(pugi::xml_node body, const json& report) {
  pugi::xml_node table = add(add(body, "table", {}, "summary"), "tbody");
  const auto line = [&](const char* part, std::string_view text, bool good) {
    pugi::xml_node row = add(table, "tr");
    pugi::xml_node link = add(add(row, "td"), "a", part);
    set(link, "href", fmt::format("#{}", part));
    add(row, "td", good ? text : fmt::format("{} (!)", text), good ? "good" : "bad");
  };
  std::size_t claims = 0, surprises = 0, found = 0, programs = 0, disagreeing = 0, runs = 0;
  for (const json& proved : report.at("proofs")) {
    claims += proved.at("claims").size();
    surprises += count_if(proved.at("claims"), [](const json& claim) { return !claim.at("as_claimed").get<bool>(); });
  }
  line("Claims", fmt::format("{} on {} kernels, {} not as claimed", claims, report.at("proofs").size(), surprises),
       surprises == 0);
  const json& shown = report.at("counterexamples");
  const std::size_t followed = count_if(shown, [](const json& one) { return one.at("in_process") == "follows it"; });
  line("Counterexamples", fmt::format("{} of {} followed by the kernel in process", followed, shown.size()),
       followed == shown.size());
  for (const json& one : report.at("replays")) {
    runs += count_of(one.at("runs"));
    disagreeing += count_of(one.at("disagreeing"));
  }
  line("Corpus", fmt::format("{} runs of traces, {} do not agree", runs, disagreeing), disagreeing == 0);
  for (const json& one : report.at("fuzzing")) {
    programs += count_of(one.at("programs"));
    found += one.at("findings").size() + (text_of(one.at("crash")).empty() ? 0 : 1);
  }
  line("Fuzzing", fmt::format("{} programs, {} divergence{}", programs, found, found == 1 ? "" : "s"), found == 0);
  const std::size_t missing =
      count_if(report.at("transitions"), [](const json& row) { return row.at("missing").get<bool>(); });
  line("Transitions", fmt::format("{} outcomes of calls, {} not reached", report.at("transitions").size(), missing),
       missing == 0);
}

constexpr std::string_view kStyle = R"(
td.claim { white-space: nowrap; } td.claim p { white-space: normal; max-width: 24rem; margin: .2rem 0 .4rem; }
td.claim summary { cursor: pointer; } ol.kernels { columns: 20rem; font-size: .87rem; padding-left: 1.6rem; }
h3 { font-size: .95rem; margin: 1rem 0 .2rem; } .figure { break-inside: avoid; display: inline-block; margin-right: 1.5rem; }
.figure svg { margin-right: 1rem; } .summary td:first-child { padding-right: 1.5rem; }
@page { size: A4 landscape; margin: 10mm; }
@media (max-width: 45rem) { td.claim { white-space: normal; } }
)";

}  // namespace

std::string html_of(const json& report) {
  pugi::xml_document document;
  pugi::xml_node body = begin_page(document, "capcheck: what a run came to", kStyle);
  add(body, "h1", "Linux capability transitions: what a run came to");
  const bool good = report.at("good");
  add(body, "p",
      good ? "Every claim came out as it was made, and model and kernels agree on everything that was run."
           : "Something below is not as it should be.",
      good ? "good" : "bad");
  add_summary(body, report);
  add_proofs(body, report);
  add_counterexamples(body, report);
  add_replays(body, report);
  add_fuzzing(body, report);
  add_transitions(body, report);
  add_mutants(body, report);
  add_versions(body, report);
  return text_of_page(document);
}

}  // namespace capcheck
