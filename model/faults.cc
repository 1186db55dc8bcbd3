// SPDX-License-Identifier: GPL-2.0-only
#include "model/faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace capcheck {

const FaultInfo& find_fault(std::string_view name) {
  const auto found = std::ranges::find(kFaults, name, &FaultInfo::name);
  if (found != kFaults.end()) return *found;
  std::vector<std::string_view> known;
  for (const FaultInfo& fault : kFaults) known.push_back(fault.name);
  throw std::invalid_argument(fmt::format("unknown fault '{}' (known: {})", name, fmt::join(known, ", ")));
}

}  // namespace capcheck
