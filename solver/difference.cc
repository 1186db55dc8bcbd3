// SPDX-License-Identifier: GPL-2.0-only
#include "solver/difference.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace capcheck {
namespace {

/// Collects parts in an order in which each comes after those within it.
class Collector {
 public:
  std::size_t add(const z3::expr& a, const z3::expr& b) {
    const auto key = std::pair(a.id(), b.id());
    if (const auto known = places_.find(key); known != places_.end()) return known->second;
    PartPair pair{a, b};
    const bool same_operation = a.is_app() && b.is_app() && a.num_args() == b.num_args() && z3::eq(a.decl(), b.decl());
    for (unsigned i = 0; same_operation && i < a.num_args(); ++i) {
      if (z3::eq(a.arg(i), b.arg(i))) continue;
      pair.within.push_back(add(a.arg(i), b.arg(i)));
      pair.height = std::max(pair.height, parts_[pair.within.back()].height + 1);
    }
    parts_.push_back(std::move(pair));
    places_.emplace(key, parts_.size() - 1);
    return parts_.size() - 1;
  }

  const std::vector<PartPair>& parts() const { return parts_; }

 private:
  std::vector<PartPair> parts_;
  std::map<std::pair<unsigned, unsigned>, std::size_t> places_;
};

}  // namespace

SymbolicBool differ(const SymbolicBool& a, const SymbolicBool& b) {
  return (a & !b) | (!a & b);
}

SymbolicBool PartPair::differ() const {
  if (a.is_bool()) return capcheck::differ(SymbolicBool(a), SymbolicBool(b));
  return !(SymbolicWord(a) == SymbolicWord(b));
}

Differences differences(std::span<const WordPair> pairs) {
  Collector collector;
  Differences found;
  for (const WordPair& pair : pairs) found.wholes.push_back(collector.add(pair.a.term(), pair.b.term()));
  std::vector<std::size_t> order(collector.parts().size()), place(order.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t part) { return std::pair(collector.parts()[part].height, part); });
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  const auto renumber = [&](std::vector<std::size_t>& parts) {
    for (std::size_t& part : parts) part = place[part];
  };
  for (const std::size_t part : order) {
    found.parts.push_back(collector.parts()[part]);
    renumber(found.parts.back().within);
  }
  renumber(found.wholes);
  return found;
}

}  // namespace capcheck
