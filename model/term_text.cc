// SPDX-License-Identifier: GPL-2.0-only
#include "model/term_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "model/constants.h"
#include "model/rules/commoncap.h"
#include "model/rules/uidgid.h"

namespace capcheck {
namespace {

constexpr int kFewNames = 3;
/// All that the first version of a header or an attribute carries.
constexpr std::uint64_t kLowWord = 0xffffffff;

bool is_known(const Term& term) {
  return taken_arm(term).kind == Term::Kind::known;
}

/// A set, or bits, that came out as none.
bool is_none(const Term& term) {
  return is_known(term) && taken_arm(term).value == 0 && taken_arm(term).name.empty();
}

Role role_of(const Term& term, Role role) {
  return term.meaning == Role::number ? role : term.meaning;
}

std::string capability(std::uint64_t bit) {
  const auto number = static_cast<std::uint64_t>(std::countr_zero(bit));
  return capability_name(number).value_or(fmt::format("{}", number));
}

std::string braced(std::uint64_t value) {
  std::vector<std::string> names;
  std::uint64_t rest = value;
  for (; rest != 0 && names.size() < kFewNames; rest &= rest - 1) names.push_back(capability(rest & -rest));
  if (rest != 0) return fmt::format("{{{} and {} more}}", fmt::join(names, ", "), std::popcount(rest));
  return fmt::format("{{{}}}", fmt::join(names, ", "));
}

}  // namespace

const Term& taken_arm(const Term& term) {
  return term.kind == Term::Kind::choice ? taken_arm(*term.left) : term;
}

TermWriter::TermWriter(const Profile& profile)
    : full_(profile.full_set()),
      securebits_(profile.release->securebits | profile.release->securebits << 1),
      strict_(profile.strict_securebit()) {}

void TermWriter::give_name(const ExplainedWord& word, std::string name) {
  const Term* term = word.term().get();
  if (!word.is_constant() && term->kind != Term::Kind::variable) names_.emplace(term, std::move(name));
}

std::string TermWriter::formula(const Term& term, Role role) const {
  return operation(taken_arm(term), role_of(term, role), 0);
}

std::string TermWriter::comparison(const Condition& condition) const {
  const Term *left = &taken_arm(*condition.left), *right = &taken_arm(*condition.right);
  const Role role = detail::meaning_of(*left, *right);
  if (condition.kind == Condition::Kind::less) {
    return fmt::format("{} {} {}", part(*condition.left, role, 1), condition.holds ? "<" : "≥",
                       part(*condition.right, role, 1));
  }
  if (is_none(*right) && left->kind == Term::Kind::intersection) {
    return is_none(*left->left) || is_none(*left->right) ? "" : emptiness(*left, condition.holds);
  }
  const Term *first = condition.left.get(), *second = condition.right.get();
  if (is_known(*first) && !is_known(*second)) std::swap(first, second);
  return fmt::format("{} {} {}", part(*first, role, 1), condition.holds ? "=" : "≠", part(*second, role, 1));
}

std::string TermWriter::set(std::uint64_t value) const {
  if (value == 0) return "∅";
  if ((value & full_) == full_) return "FULL";
  if (value == kFsSet) return "CAP_FS_SET";
  if (value == kLowWord) return "{0 to 31}";
  const std::uint64_t missing = full_ & ~value;
  if (std::popcount(missing) <= kFewNames) return fmt::format("FULL ∖ {}", braced(missing));
  return braced(value);
}

std::string TermWriter::number(std::uint64_t value, Role role) const {
  if (role == Role::set) return set(value);
  if (role == Role::id && value == kInvalidId) return "(uid_t)-1";
  if (role == Role::securebits && value != 0) return bits(value);
  return value > kInvalidId ? fmt::format("{:#x}", value) : fmt::format("{}", value);
}

std::string TermWriter::bits(std::uint64_t value) const {
  const std::uint64_t all = value;
  std::vector<std::string> names;
  // Later releases have other names for what this one has not, or has of the proposal.
  if (value & strict_) names.emplace_back("SECBIT_USERNS_STRICT_CAPS");
  if (value & strict_ << 1) names.emplace_back("SECBIT_USERNS_STRICT_CAPS_LOCKED");
  value &= ~(strict_ | strict_ << 1);
  for (const Constant& constant : constants(Role::securebits, false)) {
    if (value & securebits_ & constant.value) {
      names.emplace_back(constant.name);
      value &= ~constant.value;
    }
  }
  if (value != 0) names.push_back(fmt::format("{:#x}", value));
  return names.size() > kFewNames ? fmt::format("{:#x}", all) : fmt::format("{}", fmt::join(names, " | "));
}

std::string TermWriter::part(const Term& term, Role role, int tight) const {
  for (const Term* at = &term;; at = at->left.get()) {
    if (const auto found = names_.find(at); found != names_.end()) return found->second;
    if (at->kind != Term::Kind::choice) break;
  }
  return operation(taken_arm(term), role_of(term, role), tight);
}

std::string TermWriter::operation(const Term& term, Role role, int tight) const {
  const bool of_sets = role == Role::set;
  const auto bound = [&](int own, std::string text) { return own < tight ? fmt::format("({})", text) : text; };
  // What mixes signs has parentheses, whatever binds how tightly.
  const auto operand = [&](const Term& of, int own) {
    return part(of, role, taken_arm(of).kind == term.kind ? own : 3);
  };
  const auto both = [&](int own, std::string_view sign) {
    return bound(own, fmt::format("{} {} {}", operand(*term.left, own), sign, operand(*term.right, own)));
  };
  switch (term.kind) {
    case Term::Kind::known:
      return term.name.empty() ? number(term.value, role) : term.name;
    case Term::Kind::variable:
      return term.name;
    case Term::Kind::intersection:
      if (of_sets) return bound(2, intersection(term));
      if (is_known(*term.right) && std::popcount(~taken_arm(*term.right).value) == 1) {
        return bound(2, fmt::format("{} & ~{}", operand(*term.left, 2), number(~taken_arm(*term.right).value, role)));
      }
      return both(2, "&");
    case Term::Kind::union_:
      if (is_none(*term.left)) return part(*term.right, role, tight);
      if (is_none(*term.right)) return part(*term.left, role, tight);
      return both(1, of_sets ? "∪" : "|");
    case Term::Kind::difference:
      return both(1, "^");
    case Term::Kind::complement:
      return fmt::format("{}{}", of_sets ? "∁" : "~", part(*term.left, role, 3));
    case Term::Kind::sum:
      return both(1, "+");
    case Term::Kind::minus:
      return bound(1, fmt::format("{} - {}", part(*term.left, role, 1), part(*term.right, role, 2)));
    case Term::Kind::shift:
      return bound(2, fmt::format("{} >> {}", part(*term.left, role, 3), taken_arm(*term.right).value));
    case Term::Kind::choice:
      return operation(taken_arm(term), role, tight);
  }
  __builtin_unreachable();
}

std::string TermWriter::intersection(const Term& term) const {
  const Term *left = term.left.get(), *right = term.right.get();
  if (is_known(*left) || taken_arm(*left).kind == Term::Kind::complement) std::swap(left, right);
  const auto operand = [&](const Term& of) {
    return part(of, Role::set, taken_arm(of).kind == Term::Kind::intersection ? 2 : 3);
  };
  const std::string first = operand(*left);
  const Term& other = taken_arm(*right);
  if (other.kind == Term::Kind::complement) return fmt::format("{} ∖ {}", first, part(*other.left, Role::set, 3));
  const std::uint64_t missing = full_ & ~other.value;
  if (missing != 0 && is_known(other) && (std::popcount(missing) <= kFewNames || missing == (kFsSet & full_))) {
    return fmt::format("{} ∖ {}", first, missing == kFsSet ? "CAP_FS_SET" : braced(missing));
  }
  return fmt::format("{} ∩ {}", first, operand(*right));
}

std::string TermWriter::emptiness(const Term& term, bool empty) const {
  const Term *left = term.left.get(), *right = term.right.get();
  if (is_known(*left) && taken_arm(*right).kind != Term::Kind::complement) std::swap(left, right);
  const Term& other = taken_arm(*right);
  if (other.kind == Term::Kind::complement) {
    const std::string inclusion =
        fmt::format("{} {} {}", part(*left, Role::set, 2), empty ? "⊆" : "⊄", part(*other.left, Role::set, 2));
    return empty ? inclusion : fmt::format("{} by {}", inclusion, braced(term.value));
  }
  const Role role = role_of(term, Role::number);
  if (is_known(other) && std::has_single_bit(other.value) && (role == Role::set || role == Role::securebits)) {
    return fmt::format("{} {} {}", role == Role::set ? capability(other.value) : bits(other.value), empty ? "∉" : "∈",
                       part(*left, role, 3));
  }
  if (role == Role::set) return fmt::format("{} {} ∅", intersection(term), empty ? "=" : "≠");
  return fmt::format("{} & {} {} 0", part(*left, role, 2), part(*right, role, 2), empty ? "=" : "≠");
}

std::vector<const Condition*> deciding_comparisons(const Condition& condition) {
  const bool both = condition.kind == Condition::Kind::conjunction ? condition.holds : !condition.holds;
  switch (condition.kind) {
    case Condition::Kind::equal:
    case Condition::Kind::less:
      return {&condition};
    case Condition::Kind::negation:
      return deciding_comparisons(*condition.a);
    case Condition::Kind::conjunction:
    case Condition::Kind::disjunction:
      break;
  }
  if (both) {
    auto all = deciding_comparisons(*condition.a);
    std::ranges::copy(deciding_comparisons(*condition.b), std::back_inserter(all));
    return all;
  }
  if (condition.a->holds != condition.holds) return deciding_comparisons(*condition.b);
  auto a = deciding_comparisons(*condition.a);
  if (condition.b->holds != condition.holds) return a;
  auto b = deciding_comparisons(*condition.b);
  return b.size() < a.size() ? b : a;
}

void add_reasons(const Condition& condition, const TermWriter& writer, std::vector<std::string>& reasons) {
  for (const Condition* comparison : deciding_comparisons(condition)) {
    std::string text = writer.comparison(*comparison);
    if (text.empty() || std::ranges::find(reasons, text) != reasons.end()) continue;
    reasons.push_back(std::move(text));
  }
}

void add_reasons(const Term& term, const TermWriter& writer, std::vector<std::string>& reasons) {
  if (term.condition) add_reasons(*term.condition, writer, reasons);
  if (term.left) add_reasons(*term.left, writer, reasons);
  if (term.right && term.kind != Term::Kind::choice) add_reasons(*term.right, writer, reasons);
}

}  // namespace capcheck
