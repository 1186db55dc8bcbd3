// SPDX-License-Identifier: GPL-2.0-only
#include "solver/refuted.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace capcheck {
namespace {

using Numbers = std::unordered_map<unsigned, std::size_t>;

/// Writes a term part by part, each once, and gives them numbers. An unknown has its name only if `names` says so.
std::size_t write(const z3::expr& term, bool names, Numbers& numbers, std::string& text) {
  if (const auto found = numbers.find(term.id()); found != numbers.end()) return found->second;
  const auto add = [&](char what, std::uint64_t number) { text.append(1, what).append(std::to_string(number)); };
  std::vector<std::size_t> parts;
  for (unsigned i = 0; i < term.num_args(); ++i) parts.push_back(write(term.arg(i), names, numbers, text));
  const z3::func_decl operation = term.decl();
  const Z3_decl_kind kind = operation.decl_kind();
  add(';', term.is_bv() ? term.get_sort().bv_size() : 0);
  if (term.is_numeral()) {
    add('=', term.get_numeral_uint64());
  } else if (kind == Z3_OP_UNINTERPRETED) {
    text.append("?").append(names ? term.decl().name().str() : "");
  } else {
    add(':', kind);
    for (unsigned i = 0; i < Z3_get_decl_num_parameters(term.ctx(), operation); ++i) {
      add('#', static_cast<std::uint64_t>(Z3_get_decl_int_parameter(term.ctx(), operation, i)));
    }
    for (const std::size_t part : parts) add(' ', part);
  }
  return numbers.emplace(term.id(), numbers.size()).first->second;
}

using Refutation = std::vector<std::string>;  ///< the facts, in order

std::mutex mutex;
std::unordered_map<std::string, std::vector<Refutation>> refuted;  ///< by goal

}  // namespace

Refutable::Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts) : facts_(facts) {
  write(goal.term(), false, numbers_, goal_);
}

std::string Refutable::text_of(const SymbolicBool& fact) const {
  Numbers numbers = numbers_;
  std::string text;
  const std::size_t top = write(fact.term(), true, numbers, text);
  return text.append("/").append(std::to_string(top));
}

std::optional<std::vector<std::size_t>> Refutable::find_refutation() const {
  const std::lock_guard lock(mutex);
  const auto known = refuted.find(goal_);
  if (known == refuted.end()) return std::nullopt;
  if (std::ranges::any_of(known->second, &Refutation::empty)) return std::vector<std::size_t>{};
  std::map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < facts_.size(); ++i) numbers.emplace(text_of(facts_[i]), i);
  for (const Refutation& refutation : known->second) {
    std::vector<std::size_t> found;
    for (const std::string& fact : refutation) {
      if (const auto number = numbers.find(fact); number != numbers.end()) found.push_back(number->second);
    }
    if (found.size() == refutation.size()) return found;
  }
  return std::nullopt;
}

void Refutable::add_refutation(std::span<const std::size_t> facts) const {
  Refutation refutation;
  for (const std::size_t fact : facts) refutation.push_back(text_of(facts_[fact]));
  const std::lock_guard lock(mutex);
  refuted[goal_].push_back(std::move(refutation));
}

}  // namespace capcheck
