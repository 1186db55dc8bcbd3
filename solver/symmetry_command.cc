// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/trace_text.h"
#include "solver/symmetry.h"

namespace capcheck {
namespace {

struct SymmetryOptions {
  std::string profile = "6.12+userns";
  std::string fault;
  std::vector<std::string> calls;
  double timeout = 10;
  bool json = false;
};

std::string describe(const std::vector<std::uint64_t>& capabilities, const Profile& profile) {
  constexpr std::size_t kFew = 8;
  if (capabilities.size() > kFew && capabilities.back() - capabilities.front() + 1 == capabilities.size())
    return fmt::format("{} to {}", capabilities.front(), capabilities.back());
  std::uint64_t set = 0;
  for (const std::uint64_t capability : capabilities) set |= Concrete::bit(capability);
  return describe_set(set, profile.full_set());
}

std::string describe_classes(const Alike& alike, const Profile& profile) {
  std::vector<std::string> apart;
  for (std::size_t i = 1; i < alike.classes.size(); ++i) apart.push_back(describe(alike.classes[i], profile));
  return apart.empty() ? "none" : fmt::format("{}", fmt::join(apart, "; "));
}

constexpr const char* kRow = "{:<28} {:<7} {:<8} {:<8} {:<44} {}\n";

void print_head(const Profile& profile) {
  fmt::print(
      "{}: which capabilities each call treats apart from all others, which it asks for, and how many witnesses a cut "
      "of "
      "the world needs; proved for any arguments in any world\n\n",
      to_string(profile));
  fmt::print(kRow, "", "witness", "and its", "if it", "", "");
  fmt::print(kRow, "call", "of it", "output", "fails", "asks for", "treated apart");
}

void print_row(const Profile& profile, const Alike& alike) {
  fmt::print(kRow, info(alike.kind).name, alike.witnesses_of_success, alike.witnesses_of_output,
             alike.witnesses_of_failure, describe(alike.asked, profile), describe_classes(alike, profile));
  std::fflush(stdout);
}

nlohmann::json as_json(const Alike& alike) {
  return {{"call", std::string(info(alike.kind).name)},
          {"classes", alike.classes},
          {"asks_for", alike.asked},
          {"witnesses_of_success", alike.witnesses_of_success},
          {"witnesses_of_output", alike.witnesses_of_output},
          {"witnesses_of_failure", alike.witnesses_of_failure},
          {"questions", alike.questions}};
}

bool is_wanted(const SymmetryOptions& options, const CallInfo& call) {
  return options.calls.empty() || std::ranges::find(options.calls, call.name) != options.calls.end();
}

void check_calls(const std::vector<std::string>& calls) {
  std::vector<std::string_view> known;
  for (const CallInfo& call : kCalls) known.push_back(call.name);
  for (const std::string& call : calls) {
    if (std::ranges::find(known, call) != known.end()) continue;
    throw std::invalid_argument(fmt::format("unknown call '{}' (known: {})", call, fmt::join(known, ", ")));
  }
}

void run(const SymmetryOptions& options) {
  check_calls(options.calls);
  const Profile profile = parse_profile(options.profile);
  const Fault fault = options.fault.empty() ? Fault::none : find_fault(options.fault).fault;
  const std::chrono::milliseconds timeout(std::llround(options.timeout * 1000));
  if (!options.json) print_head(profile);
  auto rows = nlohmann::json::array();
  std::size_t questions = 0;
  for (const CallInfo& call : kCalls) {
    if (!is_wanted(options, call)) continue;
    const Alike alike = find_alike(profile, fault, call.kind, timeout);
    questions += alike.questions;
    if (options.json) {
      rows.push_back(as_json(alike));
    } else {
      print_row(profile, alike);
    }
  }
  if (options.json) {
    fmt::print("{}\n", rows.dump(2));
  } else {
    fmt::print("\n{} questions\n", questions);
  }
}

}  // namespace

void add_symmetry_command(CLI::App& app, int& status) {
  auto options = std::make_shared<SymmetryOptions>();
  CLI::App* command =
      app.add_subcommand("symmetry", "Which capabilities each call treats alike, and how few stand for all; proved");
  command->add_option("--profile", options->profile, "The kernel whose rules to ask")->capture_default_str();
  command->add_option("--call", options->calls, "The calls to ask about, by name; all if none is given");
  command->add_option("--fault", options->fault, "A fault planted in the model");
  command->add_option("--timeout", options->timeout, "Seconds for each question to Z3")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck symmetry --profile 6.12 --call capset --call execve");
  command->callback([options, &status] {
    run(*options);
    status = 0;
  });
}

}  // namespace capcheck
