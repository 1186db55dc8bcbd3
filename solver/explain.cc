// SPDX-License-Identifier: GPL-2.0-only
#include "solver/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/faults.h"

namespace capcheck {
namespace {

constexpr std::string_view kNamespaces = "every reachable state, of every live task and every user namespace";

std::string describe_faults(const InvariantInfo& info) {
  std::vector<std::string> faults;
  for (const FaultInfo& fault : kFaults) {
    if (fault.invariant == info.name) faults.push_back(fmt::format("{} (by {})", fault.name, fault.refuted_by));
  }
  return faults.empty() ? "" : fmt::format("  Planted faults that break it: {}.\n", fmt::join(faults, ", "));
}

std::string describe_claim(const Statement& statement, Claim claim, std::string_view words) {
  std::vector<std::string> there;
  const std::vector<Profile> profiles = profiles_to_claim_for();
  for (const Profile& profile : profiles) {
    if (statement.claim(profile) == claim) there.push_back(to_string(profile));
  }
  if (there.empty()) return "";
  if (there.size() == profiles.size()) return fmt::format("  {} every profile.\n", words);
  return fmt::format("  {} {}.\n", words, fmt::join(there, ", "));
}

}  // namespace

std::string_view describe_scope(const Statement& statement) {
  if (statement.of_states())
    return statement.concrete.of_namespace ? kNamespaces : "every reachable state, of every live task";
  if (statement.of_helpers) return "every call that starts a user-mode helper, of the helper";
  return "every call in every reachable state, of its caller and of a child that it creates: so of a whole lineage";
}

std::vector<Profile> profiles_to_claim_for() {
  std::vector<Profile> profiles;
  for (const Release& release : kReleases) {
    profiles.push_back({&release, {}});
    Features all;
    for (const FeatureInfo& feature : kFeatures) {
      Features alone;
      alone.*feature.member = all.*feature.member = true;
      if (feature.needs) alone.*feature.needs = true;
      profiles.push_back({&release, alone});
    }
    profiles.push_back({&release, all});
  }
  return profiles;
}

std::string explain(const Statement& statement) {
  const InvariantInfo& info = *statement.info;
  return fmt::format("{}\n  {}\n  {}\n  Of {}.\n  Guards {}().\n{}{}{}{}", info.name, info.formula, info.words,
                     describe_scope(statement), info.function, describe_faults(info),
                     describe_claim(statement, Claim::holds, "Claimed to hold on"),
                     describe_claim(statement, Claim::refuted, "Claimed, and expected to be refuted, on"),
                     describe_claim(statement, Claim::not_applicable, "Does not apply to"));
}

}  // namespace capcheck
