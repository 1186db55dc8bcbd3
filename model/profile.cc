// SPDX-License-Identifier: GPL-2.0-only
#include "model/profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace capcheck {
namespace {

template <class Table>
auto find_named(const Table& table, std::string_view name, std::string_view what, std::string_view whole) {
  const auto found = std::ranges::find(table, name, [](const auto& row) { return row.name; });
  if (found != table.end()) return &*found;
  std::vector<std::string_view> known;
  for (const auto& row : table) known.push_back(row.name);
  throw std::invalid_argument(
      fmt::format("profile '{}': unknown {} '{}' (known: {})", whole, what, name, fmt::join(known, ", ")));
}

}  // namespace

Profile parse_profile(std::string_view text) {
  Profile profile;
  std::size_t end = text.find('+');
  profile.release = find_named(kReleases, text.substr(0, end), "release", text);
  while (end != std::string_view::npos) {
    const std::size_t start = end + 1;
    end = text.find('+', start);
    const auto* feature = find_named(kFeatures, text.substr(start, end - start), "feature", text);
    profile.features.*feature->member = true;
  }
  for (const FeatureInfo& feature : kFeatures) {
    if (profile.features.*feature.member && feature.needs && !(profile.features.*feature.needs)) {
      const auto needed = std::ranges::find(kFeatures, feature.needs, &FeatureInfo::member);
      throw std::invalid_argument(
          fmt::format("profile '{}': feature '{}' needs '{}'", text, feature.name, needed->name));
    }
  }
  return profile;
}

std::string to_string(const Profile& profile) {
  std::string text(profile.release->name);
  for (const FeatureInfo& feature : kFeatures) {
    if (profile.features.*feature.member) text.append("+").append(feature.name);
  }
  return text;
}

}  // namespace capcheck
