// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "model/constants.h"
#include "solver/grants.h"

namespace capcheck {
namespace {

struct GrantsOptions {
  std::string profile = "6.12+userfaultfd-cap";
  std::string against;
  double timeout = 10;
  bool json = false;
};

std::vector<std::string> names_of(const std::vector<std::uint64_t>& capabilities) {
  std::vector<std::string> names;
  for (const std::uint64_t capability : capabilities) {
    names.push_back(capability_name(capability).value_or(fmt::format("{}", capability)));
  }
  return names;
}

std::string describe_singles(const Grant& grant) {
  if (grant.to_every_single) return "any";
  std::vector<std::string> names = names_of(grant.to_single);
  for (const std::string& name : names_of(grant.maybe_single)) names.push_back("maybe " + name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

constexpr const char* kRow = "{:<58} {:<13} {:<32} {}\n";

void print_table(const Profile& profile, const std::vector<Grant>& grants) {
  fmt::print("{}: what succeeds always, never, or depending on what else; proved, one call in any state\n\n",
             to_string(profile));
  fmt::print(kRow, "", "without", "with one of these alone,", "with all of them in");
  fmt::print(kRow, "operation", "capabilities", "and with no other", "a child namespace");
  for (const Grant& grant : grants) {
    fmt::print(kRow, grant.operation, to_string(grant.to_no_capability), describe_singles(grant),
               to_string(grant.to_all_in_child));
  }
}

/// The operations that are granted otherwise than on another kernel.
void print_differences(const Profile& other, const std::vector<Grant>& grants, const std::vector<Grant>& others) {
  fmt::print("\nOn {}:\n", to_string(other));
  std::size_t same = 0;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    if (grants[i] == others[i]) {
      ++same;
    } else {
      fmt::print(kRow, others[i].operation, to_string(others[i].to_no_capability), describe_singles(others[i]),
                 to_string(others[i].to_all_in_child));
    }
  }
  fmt::print("{} of {} are granted to the same.\n", same, grants.size());
}

nlohmann::json as_json(const Profile& profile, const std::vector<Grant>& grants) {
  auto rows = nlohmann::json::array();
  for (const Grant& grant : grants) {
    rows.push_back({{"operation", grant.operation},
                    {"no_capability", std::string(to_string(grant.to_no_capability))},
                    {"every_single", grant.to_every_single},
                    {"single_always", names_of(grant.to_single)},
                    {"single_depends", names_of(grant.maybe_single)},
                    {"all_in_child_namespace", std::string(to_string(grant.to_all_in_child))}});
  }
  return {{"profile", to_string(profile)}, {"grants", rows}};
}

void run(const GrantsOptions& options) {
  const std::chrono::milliseconds timeout(std::llround(options.timeout * 1000));
  std::vector<Profile> profiles{parse_profile(options.profile)};
  if (!options.against.empty()) profiles.push_back(parse_profile(options.against));
  std::vector<std::vector<Grant>> grants;
  for (const Profile& profile : profiles) grants.push_back(find_grants(profile, timeout));
  if (options.json) {
    auto all = nlohmann::json::array();
    for (std::size_t i = 0; i < profiles.size(); ++i) all.push_back(as_json(profiles[i], grants[i]));
    fmt::print("{}\n", all.dump(2));
    return;
  }
  print_table(profiles[0], grants[0]);
  if (profiles.size() > 1) print_differences(profiles[1], grants[0], grants[1]);
}

}  // namespace

void add_grants_command(CLI::App& app, int& status) {
  auto options = std::make_shared<GrantsOptions>();
  CLI::App* command =
      app.add_subcommand("grants", "Which capability grants which use of userfaultfd and ptrace, proved");
  command->add_option("--profile", options->profile, "The kernel whose rules to ask")->capture_default_str();
  command->add_option("--against", options->against, "A kernel to compare it with");
  command->add_option("--timeout", options->timeout, "Seconds for each question to Z3")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck grants --profile 6.12+userfaultfd-cap --against 6.12");
  command->callback([options, &status] {
    run(*options);
    status = 0;
  });
}

}  // namespace capcheck
