// SPDX-License-Identifier: GPL-2.0-only
#include "solver/any_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace capcheck {
namespace {

SymbolicWord any_argument(std::size_t index, Role role) {
  return canonical<Symbolic>(role, SymbolicWord::unknown(fmt::format("arg.{}", index)));
}

void set_standing(World<Symbolic>& world, CallerStanding standing) {
  auto& tasks = world.tasks;
  tasks[0].alive = 1;
  tasks[0].leader = standing.is_thread ? 1 : 0;
  if (standing.is_thread) tasks[1].alive = tasks[1].leader = 1;
  if (standing.free == CallerStanding::Free::next) tasks[standing.is_thread ? 2 : 1].alive = 0;
  if (standing.free == CallerStanding::Free::none) {
    for (auto& slot : tasks.slots()) slot.value.alive = 1;
  }
}

/// What a world's foundation says of the initial namespace, and the rest unknown.
UserNamespace<Symbolic> any_initial_namespace() {
  UserNamespace<Symbolic> ns = unknown_value<UserNamespace>("initial");
  ns.parent = ns.level = 0;
  for (IdMap<Symbolic>* map : {&ns.uid_map, &ns.gid_map}) {
    map->line0 = {0, 0, kAllIds};
    map->line1.count = 0;
  }
  return ns;
}

}  // namespace

bool is_about(CallerStanding standing, CallKind kind) {
  const bool creates = kind == CallKind::clone || kind == CallKind::usermodehelper;
  return creates != (standing.free == CallerStanding::Free::unknown);
}

std::string describe(CallerStanding standing) {
  constexpr std::array<std::string_view, 3> kFree = {"", "; the next task is free", "; no task is free"};
  return fmt::format("task 0 {}{}", standing.is_thread ? "is led by task 1" : "leads itself",
                     kFree[static_cast<std::size_t>(standing.free)]);
}

SymbolicWord named_namespace() {
  return any_argument(0, Role::user_ns);
}

SymbolicWord any_user_ns(std::string_view name) {
  return SymbolicWord::unknown(std::string(name)) & (kNextNamespace - 1);
}

Call<Symbolic> any_call(const CallInfo& call_info) {
  Call<Symbolic> call{call_info.kind, 0, {}};
  for (std::size_t i = 0; i < call_info.argument_count; ++i) call.args[i] = any_argument(i, call_info.roles[i]);
  return call;
}

World<Symbolic> any_world(CallerStanding standing, const SymbolicWord& any_namespace) {
  World<Symbolic> world;
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    world.tasks[task] = unknown_value<Task>(fmt::format("task{}", task));
    world.tasks[task].user_ns = any_user_ns(fmt::format("task{}.user_ns", task));
  }
  set_standing(world, standing);
  world.namespace_count = kNextNamespace;
  world.fs_count = SymbolicWord::unknown("fs_count");
  world.session_count = SymbolicWord::unknown("session_count");
  world.sysctls = unknown_value<Sysctls>("sysctls");
  world.namespaces.add(0, unknown_value<UserNamespace>("initial"));
  world.namespaces.add(world.tasks[0].user_ns, unknown_value<UserNamespace>("own"));
  world.namespaces.add(named_namespace(), unknown_value<UserNamespace>("named"));
  world.namespaces.add(any_namespace, unknown_value<UserNamespace>("any"));
  world.namespaces.add(world.namespace_count, unknown_value<UserNamespace>("new"));
  return world;
}

std::vector<WriteNumbers> all_write_numbers(CallerStanding standing) {
  std::vector<WriteNumbers> all;
  // A namespace that is not the initial one is no parent of its own.
  constexpr std::array<std::pair<std::uint64_t, std::uint64_t>, 3> kTargets{{{0, 0}, {1, 0}, {1, 2}}};
  const std::size_t named = standing.is_thread ? 2 : 1;
  for (std::size_t target = 0; target <= named; ++target) {
    const std::size_t known = std::max(named, target + 1);
    for (std::size_t opener = 0; opener <= std::min(known, kMaxTasks - 1); ++opener) {
      for (const auto& [target_ns, parent_ns] : kTargets) {
        if (opener == target) {
          all.push_back({target, opener, target_ns, parent_ns, target_ns});
          continue;
        }
        for (std::uint64_t opener_ns = 0; opener_ns <= std::max(target_ns, parent_ns) + 1; ++opener_ns)
          all.push_back({target, opener, target_ns, parent_ns, opener_ns});
      }
    }
  }
  return all;
}

World<Symbolic> any_world_of(const WriteNumbers& numbers, CallerStanding standing, const SymbolicWord& any_namespace) {
  World<Symbolic> world = any_world(standing, any_namespace);
  auto& tasks = world.tasks;
  // By the same names wherever they stand: so most questions are the same for all numbers.
  tasks[numbers.opener] = unknown_value<Task>("opener");
  tasks[numbers.target] = unknown_value<Task>("target");
  set_standing(world, standing);
  tasks[numbers.opener].user_ns = numbers.opener_ns;
  tasks[numbers.target].user_ns = numbers.target_ns;

  auto& namespaces = world.namespaces = {};
  namespaces.add(0, any_initial_namespace());
  const auto add = [&](const SymbolicWord& index, const char* name) {
    const bool is_known =
        std::ranges::any_of(namespaces.slots(), [&](const auto& slot) { return identical(slot.index, index); });
    if (!is_known) namespaces.add(index, unknown_value<UserNamespace>(name));
  };
  add(numbers.target_ns, "target_ns");
  add(numbers.parent_ns, "parent_ns");
  add(numbers.opener_ns, "opener_ns");
  namespaces[numbers.target_ns].parent = numbers.parent_ns;
  add(tasks[0].user_ns, "own");
  add(any_namespace, "any");
  add(world.namespace_count, "new");
  return world;
}

}  // namespace capcheck
