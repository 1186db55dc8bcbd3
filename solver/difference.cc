// SPDX-License-Identifier: GPL-2.0-only
#include "solver/difference.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
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

  /// Finds the conditions of each part, given those of the wholes. To be called when all are added.
  void set_conditions(std::span<const WordPair> pairs, std::span<const std::size_t> wholes) {
    std::vector<std::optional<Literals>> found(parts_.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) meet(found[wholes[i]], literals_of(pairs[i].counts.term(), true));
    for (std::size_t i = parts_.size(); i-- > 0;) {
      for (const std::size_t inner : parts_[i].within) meet(found[inner], conditions_within(i, inner, *found[i]));
      for (const z3::expr& literal : std::views::values(*found[i]))
        parts_[i].conditions.push_back(SymbolicBool(literal));
    }
  }

 private:
  /// Conditions, by the numbers of their terms.
  using Literals = std::map<unsigned, z3::expr>;

  /// What is said by a condition that is true, or false.
  static Literals literals_of(const z3::expr& condition, bool value) {
    Literals found;
    const auto split = [&](const auto& self, const z3::expr& term, bool is) -> void {
      if (term.is_not()) return self(self, term.arg(0), !is);
      if (is ? term.is_and() : term.is_or()) {
        for (unsigned i = 0; i < term.num_args(); ++i) self(self, term.arg(i), is);
      } else if (is ? !term.is_true() : !term.is_false()) {
        const z3::expr literal = is ? term : !term;
        found.emplace(literal.id(), literal);
      }
    };
    split(split, condition, value);
    return found;
  }

  /// What holds in both ways by which a part comes to matter.
  static void meet(std::optional<Literals>& known, Literals also) {
    if (!known) {
      known = std::move(also);
    } else {
      std::erase_if(*known, [&](const auto& literal) { return !also.contains(literal.first); });
    }
  }

  /// What holds where a difference of the inner part makes one of the outer.
  Literals conditions_within(std::size_t outer, std::size_t inner, Literals known) const {
    const z3::expr &a = parts_[outer].a, &b = parts_[outer].b;
    const z3::expr &inner_a = parts_[inner].a, &inner_b = parts_[inner].b;
    const auto is_inner = [&](unsigned i) { return z3::eq(a.arg(i), inner_a) && z3::eq(b.arg(i), inner_b); };
    if (a.is_ite()) {
      // The arm that is taken in both, unless the conditions differ.
      if (is_inner(0) || is_inner(1) == is_inner(2)) return known;
      known.merge(literals_of(a.arg(0), is_inner(1)));
      known.merge(literals_of(b.arg(0), is_inner(1)));
    } else if (a.is_and() || a.is_or()) {
      for (unsigned i = 0; i < a.num_args(); ++i) {
        if (z3::eq(a.arg(i), b.arg(i))) known.merge(literals_of(a.arg(i), a.is_and()));
      }
    }
    return known;
  }

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
  collector.set_conditions(pairs, found.wholes);
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
