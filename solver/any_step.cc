// SPDX-License-Identifier: GPL-2.0-only
#include "solver/any_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace capcheck {
namespace {

using SymbolicWorld = World<Symbolic>;

std::vector<SymbolicWord*> sets_of(Credentials<Symbolic>& cred) {
  std::vector<SymbolicWord*> sets;
  for (const auto& field : kCredentialFields<Symbolic>) {
    if (field.is_set) sets.push_back(&(cred.*field.member));
  }
  return sets;
}

/// Every set of capabilities in a world.
std::vector<SymbolicWord*> sets_of(SymbolicWorld& world) {
  std::vector<SymbolicWord*> sets;
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    Task<Symbolic>& task = world.tasks[number];
    std::ranges::copy(sets_of(task.cred), std::back_inserter(sets));
    sets.push_back(&task.tracer_effective);
  }
  Sysctls<Symbolic>& sysctls = world.sysctls;
  for (SymbolicWord* mask :
       {&sysctls.umh_bset, &sysctls.umh_inheritable, &sysctls.umh_userns, &sysctls.cap_userns_mask}) {
    sets.push_back(mask);
  }
  return sets;
}

/// Every word of a world.
std::vector<SymbolicWord*> words_of_world(SymbolicWorld& world) {
  std::vector<SymbolicWord*> words{&world.namespace_count, &world.fs_count, &world.session_count};
  for (std::size_t number = 0; number < kMaxTasks; ++number)
    std::ranges::copy(words_of(world.tasks[number]), std::back_inserter(words));
  for (auto& slot : world.namespaces.slots()) std::ranges::copy(words_of(slot.value), std::back_inserter(words));
  std::ranges::copy(words_of(world.sysctls), std::back_inserter(words));
  return words;
}

/// A number of a task, or of none: kOutside.
SymbolicWord any_task_or_outside(const std::string& name) {
  return Symbolic::select(SymbolicBool::unknown(name + ".outside"), kOutside,
                          SymbolicWord::unknown(name) & (kMaxTasks - 1));
}

/// Of the namespaces there is one slot, for any index: what holds of it holds of all.
SymbolicWorld any_world() {
  SymbolicWorld world;
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    const std::string name = fmt::format("task{}", number);
    Task<Symbolic>& task = world.tasks[number] = unknown_value<Task>(name);
    task.leader = SymbolicWord::unknown(name + ".leader") & (kMaxTasks - 1);
    task.parent = any_task_or_outside(name + ".parent");
    task.tracer = any_task_or_outside(name + ".tracer");
  }
  world.tasks[0].alive = 1;
  world.namespace_count = SymbolicWord::unknown("namespace_count");
  world.fs_count = SymbolicWord::unknown("fs_count");
  world.session_count = SymbolicWord::unknown("session_count");
  world.sysctls = unknown_value<Sysctls>("sysctls");
  world.namespaces.add(SymbolicWord::unknown("any_namespace"), unknown_value<UserNamespace>("any"));
  return world;
}

/// The unknown sets of which a set is made: of a choice, those between which it is.
void find_unknown_sets(const z3::expr& set, std::set<unsigned>& seen, std::vector<SymbolicWord>& found) {
  if (!set.is_bv() || set.is_numeral() || !seen.insert(set.id()).second) return;
  switch (set.decl().decl_kind()) {
    case Z3_OP_UNINTERPRETED:
      found.push_back(SymbolicWord(set));
      return;
    case Z3_OP_ITE:
    case Z3_OP_BAND:
    case Z3_OP_BOR:
    case Z3_OP_BXOR:
    case Z3_OP_BNOT:
      for (unsigned i = 0; i < set.num_args(); ++i) find_unknown_sets(set.arg(i), seen, found);
      return;
    default:
      return;
  }
}

bool is_capability(Role role) {
  return role == Role::capability || role == Role::valid_capability;
}

}  // namespace

AnyStep::AnyStep(const Profile& profile, Fault fault, CallKind kind) : is_proper(true), succeeds(true) {
  const CallInfo& call_info = info(kind);
  Call<Symbolic> call{kind, 0, {}};
  SymbolicBool names_capability(true);
  for (std::size_t i = 0; i < call_info.argument_count; ++i) {
    const Role role = call_info.roles[i];
    const SymbolicWord any = SymbolicWord::unknown(fmt::format("arg.{}", i));
    // A capability stands for itself, so that it can be another one: it is bounded by a condition instead.
    call.args[i] = is_capability(role) ? any : canonical<Symbolic>(role, any);
    if (role == Role::valid_capability) is_proper = is_proper & (any < SymbolicWord(profile.last_cap() + 1));
    if (role == Role::set_operation) names_capability = !(any == SymbolicWord(kClearAll));
    if (role == Role::set) sets.push_back(any);
    if (is_capability(role)) capabilities.push_back({any, names_capability});
  }

  SymbolicWorld world = any_world();
  for (SymbolicWord* set : sets_of(world)) sets.push_back(*set);
  const Reply<Symbolic> reply = faulty_step(profile, fault, world, call);
  succeeds = reply.result >> 63u == SymbolicWord(0);

  const std::vector<SymbolicWord*> sets_after = sets_of(world);
  for (SymbolicWord* word : words_of_world(world))
    state.push_back({*word, std::ranges::find(sets_after, word) != sets_after.end()});
  result = {{reply.code, false}, {reply.result, false}};
  const Output<Symbolic>& written = reply.output;
  output = {{written.version, false},    {written.effective, true}, {written.permitted, true},
            {written.inheritable, true}, {written.secure, false},   {written.features, false}};
  add_sets_of_other_tasks();
}

/// A table is read as unknown where it has no slot. What is so read of a task that there is not is a set where a set
/// comes of it.
void AnyStep::add_sets_of_other_tasks() {
  std::set<unsigned> seen;
  std::vector<SymbolicWord> found;
  for (const auto* consequences : {&state, &output}) {
    for (const Consequence& each : *consequences) {
      if (each.is_set) find_unknown_sets(each.word.term(), seen, found);
    }
  }
  for (const SymbolicWord& unknown : found) {
    if (std::ranges::none_of(sets, [&](const SymbolicWord& set) { return identical(set, unknown); }))
      sets.push_back(unknown);
  }
}

SymbolicWord substitute(const SymbolicWord& word, std::span<const SymbolicWord> from,
                        std::span<const SymbolicWord> to) {
  if (word.numeral()) return word;
  z3::context& context = TermScope::context();
  z3::expr_vector sources(context), destinations(context);
  for (const SymbolicWord& source : from) sources.push_back(source.term());
  for (const SymbolicWord& destination : to) destinations.push_back(destination.term());
  z3::expr term = word.term();
  return SymbolicWord(term.substitute(sources, destinations));
}

}  // namespace capcheck
