// SPDX-License-Identifier: GPL-2.0-only
#include "solver/refuted.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace capcheck {
namespace {

using Numbers = std::unordered_map<unsigned, std::size_t>;

/// Writes terms part by part, each once, and gives them numbers, after those that others have.
class Writer {
 public:
  /// An unknown has its name only if `names` says so.
  Writer(bool names, const Numbers& others, const NewestCapability* newest)
      : names_(names), others_(others), newest_(newest) {}

  std::size_t write(const z3::expr& term) {
    for (const Numbers* known : {&others_, static_cast<const Numbers*>(&numbers_)}) {
      if (const auto found = known->find(term.id()); found != known->end()) return found->second;
    }
    std::vector<std::size_t> parts;
    for (unsigned i = 0; i < term.num_args(); ++i) parts.push_back(write(term.arg(i)));
    const z3::func_decl operation = term.decl();
    const Z3_decl_kind kind = operation.decl_kind();
    const unsigned bits = term.is_bv() ? term.get_sort().bv_size() : 0;
    add(';', bits);
    if (term.is_numeral()) {
      const std::uint64_t numeral = term.get_numeral_uint64();
      const auto without = newest_ && bits == 64 ? newest_->without(numeral) : std::nullopt;
      without ? add('*', *without) : add('=', numeral);
    } else if (kind == Z3_OP_UNINTERPRETED) {
      text_.append("?").append(names_ ? operation.name().str() : "");
    } else {
      add(':', kind);
      for (unsigned i = 0; i < Z3_get_decl_num_parameters(term.ctx(), operation); ++i) {
        add('#', static_cast<std::uint64_t>(Z3_get_decl_int_parameter(term.ctx(), operation, i)));
      }
      for (const std::size_t part : parts) add(' ', part);
    }
    return numbers_.emplace(term.id(), others_.size() + numbers_.size()).first->second;
  }

  std::string take_text() { return std::move(text_); }
  Numbers take_numbers() { return std::move(numbers_); }

 private:
  void add(char what, std::uint64_t number) { text_.append(1, what).append(std::to_string(number)); }

  bool names_;
  const Numbers& others_;
  const NewestCapability* newest_;
  Numbers numbers_{};
  std::string text_{};
};

using Refutation = std::vector<std::string>;  ///< the facts, in order

std::mutex mutex;
std::unordered_map<std::string, std::vector<Refutation>> refuted;  ///< by goal

std::vector<Refutation> refutations_of(const std::string& goal) {
  const std::lock_guard lock(mutex);
  const auto known = refuted.find(goal);
  return known == refuted.end() ? std::vector<Refutation>{} : known->second;
}

}  // namespace

Refutable::Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts) : Refutable(goal, facts, nullptr) {}

Refutable::Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts, const NewestCapability& newest)
    : Refutable(goal, facts, &newest) {}

Refutable::Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts, const NewestCapability* newest)
    : facts_(facts), newest_(newest) {
  const Numbers none;
  Writer writer(false, none, newest_);
  writer.write(goal.term());
  goal_ = writer.take_text();
  numbers_ = writer.take_numbers();
}

std::string Refutable::text_of(const SymbolicBool& fact) const {
  Writer writer(true, numbers_, newest_);
  const std::size_t top = writer.write(fact.term());
  return writer.take_text().append("/").append(std::to_string(top));
}

std::optional<std::vector<std::size_t>> Refutable::find_refutation() const {
  const std::vector<Refutation> known = refutations_of(goal_);
  if (known.empty()) return std::nullopt;
  if (std::ranges::any_of(known, &Refutation::empty)) return std::vector<std::size_t>{};
  std::unordered_map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < facts_.size(); ++i) numbers.emplace(text_of(facts_[i]), i);
  for (const Refutation& refutation : known) {
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
