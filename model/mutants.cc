// SPDX-License-Identifier: GPL-2.0-only
#include "model/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace capcheck {
namespace {

using M = MutantDomain<Concrete>;

struct OperationInfo {
  Operation operation;
  std::string_view name;
  std::vector<Mutation> mutations;
};

/// What can be done at a site, beside reading another set.
const std::vector<OperationInfo>& operations() {
  using enum Mutation;
  static const std::vector<OperationInfo> table = {
      {Operation::guard, "guard", {drop, swap_next}},
      {Operation::assignment, "assignment", {drop, always}},
      {Operation::conjunction, "&", {left, right, disjoin}},
      {Operation::disjunction, "|", {left, right, conjoin}},
      {Operation::negation, "!", {drop}},
      {Operation::intersection, "& of words", {left, right, disjoin}},
      {Operation::union_, "| of words", {left, right, conjoin}},
      {Operation::difference, "^ of words", {left, right, disjoin}},
      {Operation::complement, "~", {drop}},
      {Operation::addition, "+", {left, opposite}},
      {Operation::subtraction, "-", {left, opposite}},
      {Operation::shift, ">>", {drop}},
      {Operation::equality, "==", {negate}},
      {Operation::less, "<", {negate, or_equal, next}},
      {Operation::choice, "select", {left, right, swap_arms}},
      {Operation::bit, "bit", {next}},
      {Operation::whole_call, "what the call leaves", {}},
  };
  return table;
}

const OperationInfo& info(Operation operation) {
  return operations()[static_cast<std::size_t>(operation)];
}

/// An operand that is one set, with each other set in its place.
void add_reads(Mutation mutation, std::optional<std::uint8_t> set, std::vector<Change>& changes) {
  if (!set) return;
  for (std::uint8_t other = 0; other < kSetCount; ++other) {
    if (other != *set) changes.push_back({mutation, other});
  }
}

std::vector<Change> changes_of(const SiteVisit& visit) {
  std::vector<Change> changes;
  for (const Mutation mutation : info(visit.operation).mutations) changes.push_back({mutation, 0});
  add_reads(Mutation::read_left_as, visit.left, changes);
  add_reads(Mutation::read_right_as, visit.right, changes);
  return changes;
}

}  // namespace

void lift(const World<Concrete>& from, World<M>& to) {
  std::vector<std::uint64_t> words;
  const auto copy_words = [&](auto from_value, auto& to_value) {
    words.clear();
    zip_words(from_value, from_value, [&](std::uint64_t word, std::uint64_t) { words.push_back(word); });
    auto next = words.begin();
    zip_words(to_value, to_value, [&](M::Word& word, const M::Word&) { word = M::Word(*next++); });
  };
  for (std::size_t i = 0; i < kMaxTasks; ++i) copy_words(from.tasks[i], to.tasks[i]);
  for (std::size_t i = 0; i < from.namespace_count; ++i) copy_words(from.namespaces[i], to.namespaces[i]);
  to.namespace_count = from.namespace_count;
  to.fs_count = from.fs_count;
  to.session_count = from.session_count;
  copy_words(from.sysctls, to.sysctls);
}

Call<M> lift(const Call<Concrete>& call) {
  Call<M> same_call{call.kind, call.task, {}};
  std::ranges::copy(call.args, same_call.args.begin());
  return same_call;
}

World<Concrete> lower(const World<M>& world) {
  World<Concrete> lowered{};
  for (std::size_t i = 0; i < kMaxTasks; ++i) lowered.tasks[i] = lower(world.tasks[i]);
  for (std::size_t i = 0; i < std::min<std::size_t>(world.namespace_count.inner, kMaxNamespaces); ++i) {
    lowered.namespaces[i] = lower(world.namespaces[i]);
  }
  lowered.namespace_count = world.namespace_count.inner;
  lowered.fs_count = world.fs_count.inner;
  lowered.session_count = world.session_count.inner;
  lowered.sysctls = lower(world.sysctls);
  return lowered;
}

Call<Concrete> lower(const Call<M>& call) {
  Call<Concrete> lowered{call.kind, call.task, {}};
  std::ranges::transform(call.args, lowered.args.begin(), &MutantWord<Concrete>::inner);
  return lowered;
}

std::string_view to_string(Mutation mutation) {
  switch (mutation) {
    case Mutation::none:
      return "unchanged";
    case Mutation::drop:
      return "dropped";
    case Mutation::swap_next:
      return "tested after the next";
    case Mutation::always:
      return "always made";
    case Mutation::left:
      return "left side alone";
    case Mutation::right:
      return "right side alone";
    case Mutation::disjoin:
      return "| instead";
    case Mutation::conjoin:
      return "& instead";
    case Mutation::negate:
      return "negated";
    case Mutation::or_equal:
      return "<= instead";
    case Mutation::next:
      return "off by one";
    case Mutation::swap_arms:
      return "arms swapped";
    case Mutation::opposite:
      return "sign swapped";
    case Mutation::read_left_as:
      return "left side reads";
    case Mutation::read_right_as:
      return "right side reads";
    case Mutation::keep:
      return "caller keeps";
    case Mutation::keep_in_child:
      return "child has its creator's";
  }
  __builtin_unreachable();
}

std::string_view to_string(Operation operation) {
  return info(operation).name;
}

/// Takes down the sites of one kind of call, and the mutants at each.
class SiteList : public SiteObserver {
 public:
  SiteList(CallKind kind, Mutants& mutants)
      : kind_(kind), mutants_(mutants), own_(mutants.kinds_[static_cast<std::size_t>(kind)]) {}

  std::span<const Mutant> visit(const SiteVisit& visit) override {
    if (visit.number < own_.sites.size()) return {};  // a loop's second iteration
    own_.sites.push_back({visit.operation, visit.guard, last_, Guard::none, visit.in_loop, visit.function});
    own_.first.push_back(mutants_.all_.size());
    if (visit.operation == Operation::guard) pass(visit.guard);
    for (const Change& change : changes_of(visit)) mutants_.all_.push_back({kind_, visit.number, change});
    return {};
  }

  void differs(const Mutant&, std::uint64_t) override {}

  /// Adds what is of no site. A last guard has no next one to be swapped with.
  void finish() {
    std::erase_if(mutants_.all_, [&](const Mutant& mutant) {
      return mutant.kind == kind_ && mutant.change.mutation == Mutation::swap_next && mutant.site == last_guard_;
    });
    for (std::size_t site = last_guard_ + 1; site < own_.sites.size() && last_guard_ != kNoSite; ++site)
      --own_.first[site];
    own_.first.push_back(mutants_.all_.size());
    constexpr std::uint8_t kFields = kCredentialFields<Concrete>.size();
    for (std::uint8_t field = 0; field < kFields; ++field) {
      mutants_.all_.push_back({kind_, kNoSite, {Mutation::keep, field}});
      if (kind_ == CallKind::clone) mutants_.all_.push_back({kind_, kNoSite, {Mutation::keep_in_child, field}});
    }
    own_.end = mutants_.all_.size();
  }

 private:
  void pass(Guard guard) {
    for (std::size_t site = open_; site < own_.sites.size(); ++site) own_.sites[site].before = guard;
    open_ = own_.sites.size();
    last_ = guard;
    last_guard_ = own_.sites.size() - 1;
  }

  CallKind kind_;
  Mutants& mutants_;
  Mutants::OfKind& own_;
  Guard last_ = Guard::none;
  std::size_t last_guard_ = kNoSite;
  std::size_t open_ = 0;  ///< the first site after the last guard
};

Mutants::Mutants(const Profile& profile) {
  for (const CallInfo& call : kCalls) {
    SiteList list(call.kind, *this);
    MutantRun<Concrete> run;
    MutantRun<Concrete>* const outer = std::exchange(mutant_run<Concrete>, &run);
    run.paused = 1;
    World<M> world{};
    begin(world, profile);
    mutant_run<Concrete> = outer;
    run.observer = &list;
    mutated_step<Concrete>(profile, run, world, {call.kind, 0, {}});
    list.finish();
  }
}

std::span<const Mutant> Mutants::of(CallKind kind) const {
  const OfKind& own = of_kind(kind);
  return {all_.data() + own.first.front(), all_.data() + own.end};
}

std::span<const Mutant> Mutants::of(CallKind kind, std::size_t site) const {
  const OfKind& own = of_kind(kind);
  if (site == kNoSite) return {all_.data() + own.first.back(), all_.data() + own.end};
  return {all_.data() + own.first[site], all_.data() + own.first[site + 1]};
}

std::size_t Mutants::index(const Mutant& mutant) const {
  const auto own = of(mutant.kind);
  const auto found = std::ranges::find(own, mutant);
  if (found == own.end()) throw std::invalid_argument("no such mutant on this profile");
  return static_cast<std::size_t>(&*found - all_.data());
}

std::set<std::string_view> Mutants::functions() const {
  std::set<std::string_view> found;
  for (const OfKind& kind : kinds_) {
    for (const Site& site : kind.sites) found.insert(site.function);
  }
  found.erase("");
  return found;
}

Operation Mutants::operation(const Mutant& mutant) const {
  return mutant.site == kNoSite ? Operation::whole_call : of_kind(mutant.kind).sites.at(mutant.site).operation;
}

std::string_view Mutants::function(const Mutant& mutant) const {
  return mutant.site == kNoSite ? std::string_view() : of_kind(mutant.kind).sites.at(mutant.site).function;
}

std::string Mutants::describe(const Mutant& mutant) const {
  const Change change = mutant.change;
  const bool names_field = change.mutation >= Mutation::read_left_as;
  const std::string what = fmt::format("{}{}{}", to_string(change.mutation), names_field ? " " : "",
                                       names_field ? kCredentialFields<Concrete>[change.detail].name : "");
  const std::string_view name = capcheck::info(mutant.kind).name;
  if (mutant.site == kNoSite) return fmt::format("{}: {}", name, what);
  const Site& site = of_kind(mutant.kind).sites.at(mutant.site);
  if (site.operation == Operation::guard) {
    const GuardInfo& guard = capcheck::info(site.guard);
    return fmt::format("{} #{}: guard \"{}\" ({}) {}", name, mutant.site, guard.name, guard.function, what);
  }
  std::string place = site.function.empty() ? "" : fmt::format(", in {}()", site.function);
  if (site.after != Guard::none) place += fmt::format(", after \"{}\"", capcheck::info(site.after).name);
  if (site.before != Guard::none) place += fmt::format(", for \"{}\"", capcheck::info(site.before).name);
  return fmt::format("{} #{}: {} {}{}{}", name, mutant.site, to_string(site.operation), what,
                     site.in_loop ? ", in a loop" : "", place);
}

}  // namespace capcheck
