// SPDX-License-Identifier: GPL-2.0-only
#include "solver/replay.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/constants.h"
#include "solver/quest.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

/// Whether a program is still good.
using Keep = std::function<bool(const Program&)>;

std::vector<std::uint64_t> numbers_below(std::uint64_t end) {
  std::vector<std::uint64_t> numbers(end);
  for (std::uint64_t i = 0; i < end; ++i) numbers[i] = i;
  return numbers;
}

std::vector<std::uint64_t> readable_sets(const Profile& profile) {
  std::vector<std::uint64_t> sets{0};
  for (unsigned c = 0; c <= profile.last_cap(); ++c) sets.push_back(cap_bit(c));
  sets.push_back(profile.full_set());
  for (unsigned c = 0; c <= profile.last_cap(); ++c) sets.push_back(profile.full_set() & ~cap_bit(c));
  return sets;
}

std::vector<std::uint64_t> named_values(Role role) {
  std::vector<std::uint64_t> values;
  for (const Constant& constant : constants(role, false)) values.push_back(constant.value);
  return values;
}

/// The values of a role that read best, the best first.
std::vector<std::uint64_t> readable_values(const Profile& profile, Role role) {
  std::vector<std::uint64_t> values{0};
  switch (role) {
    case Role::version:
      return {_LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_1, 0};
    case Role::set_operation:
      values = named_values(role);
      values.push_back(0);
      return values;
    case Role::capability:
    case Role::valid_capability:
      return numbers_below(profile.last_cap() + 2);
    case Role::set:
      return readable_sets(profile);
    case Role::securebits:
    case Role::unshare_flags:
    case Role::clone_flags:
    case Role::setns_type:
    case Role::exec_mode:
    case Role::device_mode:
    case Role::exec_flags:
    case Role::capability_magic:
    case Role::userfaultfd_flags:
    case Role::userfaultfd_api:
    case Role::userfaultfd_features:
    case Role::pid:
      std::ranges::copy(named_values(role), std::back_inserter(values));
      return values;
    case Role::pointers:
    case Role::value:
    case Role::number:
    case Role::id:
    case Role::boolean:
    case Role::task:
    case Role::user_ns:
    case Role::group_count:
      return {0, 1, 2};
  }
  __builtin_unreachable();
}

/// Puts 0 for as many of a call's arguments as keeps the program good, from the last one back.
void clear_arguments(Program& program, std::array<std::uint64_t, kMaxArguments>& args, const Keep& keep) {
  const auto old = args;
  for (std::size_t kept = 0; kept <= args.size(); ++kept) {
    args = old;
    std::fill(args.begin() + static_cast<std::ptrdiff_t>(kept), args.end(), 0);
    if (args == old || keep(program)) break;
  }
}

/// Puts the best value that keeps the program good in place of `arg`, which is one of its arguments. Failing all the
/// values that read well, clears what bits it can.
bool improve_argument(const std::vector<std::uint64_t>& values, Program& program, std::uint64_t& arg,
                      const Keep& keep) {
  const std::uint64_t old = arg;
  for (const std::uint64_t value : values) {
    arg = value;
    if (value == old) return false;
    if (keep(program)) return true;
  }
  arg = old;
  for (std::uint64_t rest = old; rest != 0; rest &= rest - 1) {
    const std::uint64_t kept = arg;
    arg = kept & ~(rest & -rest);
    if (!keep(program)) arg = kept;
  }
  return arg != old;
}

std::uint64_t swap_bits(std::uint64_t word, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t differ = (word >> a ^ word >> b) & 1;
  return word ^ (differ << a | differ << b);
}

bool names_capability(Role role) {
  return role == Role::capability || role == Role::valid_capability;
}

/// The program with one capability in place of another: as an argument, and in the sets, where the two change places.
Program rename_capability(Program program, std::uint64_t from, std::uint64_t to) {
  for (Call<Concrete>& call : program.calls) {
    for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
      std::uint64_t& arg = call.args[i];
      const Role role = info(call.kind).roles[i];
      if (role == Role::set) arg = swap_bits(arg, from, to);
      if (names_capability(role) && arg == from) arg = to;
    }
  }
  return program;
}

/// Gives a capability that the program names the smallest number that keeps it good.
bool improve_capability(Program& program, std::uint64_t capability, const Keep& keep) {
  if (capability > 63) return false;
  for (std::uint64_t smaller = 0; smaller < capability; ++smaller) {
    Program renamed = rename_capability(program, capability, smaller);
    if (!keep(renamed)) continue;
    program = std::move(renamed);
    return true;
  }
  return false;
}

}  // namespace

World<Concrete> initial_world(const Profile& profile) {
  World<Concrete> world{};
  begin(world, profile);
  return world;
}

bool replays(const Profile& profile, Fault fault, const Goal& goal, const Program& program) {
  World<Concrete> world = initial_world(profile);
  if (program.calls.empty()) return goal.statement->of_states() && !holds(*goal.statement, profile, world);
  for (const Call<Concrete>& call : program.calls) {
    if (world.tasks[call.task].alive == 0) return false;
    if (&call == &program.calls.back()) return meets(goal, profile, take(profile, fault, world, call));
    faulty_step(profile, fault, world, call);
  }
  __builtin_unreachable();
}

Quest quest_for(const Profile& profile, Fault fault, const Goal& goal) {
  const auto watch = [=](const World<Symbolic>&) {
    return Watch{true, [=](const Transition<Symbolic>& made) { return meets(goal, profile, made); },
                 [](const Transition<Symbolic>&) {}};
  };
  const auto beginning = [=](const Program& program) -> std::optional<Program> {
    World<Concrete> world = initial_world(profile);
    Program made;
    for (const Call<Concrete>& call : program.calls) {
      if (!world.tasks[call.task].alive) continue;
      if (world.namespace_count + 1 >= kMaxNamespaces) return std::nullopt;
      const Transition<Concrete> transition = take(profile, fault, world, call);
      made.calls.push_back(call);
      if (meets(goal, profile, transition)) return made;
      world = transition.after;
    }
    return std::nullopt;
  };
  return {std::string(goal.statement->info->name), watch,
          [=](const Program& program) { return replays(profile, fault, goal, program); }, beginning};
}

Program make_readable(const Profile& profile, const Quest& quest, Program program) {
  const Keep keep = [&](const Program& candidate) {
    Program canonical_form = candidate;
    for (Call<Concrete>& call : canonical_form.calls) canonicalise(call);
    return canonical_form == candidate && quest.replays(candidate);
  };
  // Once, and first: what reads best need not be 0.
  for (std::size_t call = 0; call < program.calls.size(); ++call) {
    clear_arguments(program, program.calls[call].args, keep);
  }
  bool improved = true;
  while (improved) {
    improved = false;
    for (std::size_t call = 0; call < program.calls.size(); ++call) {
      const CallInfo& call_info = info(program.calls[call].kind);
      for (std::size_t i = 0; i < call_info.argument_count; ++i) {
        const Role role = call_info.roles[i];
        if (names_capability(role)) improved |= improve_capability(program, program.calls[call].args[i], keep);
        improved |= improve_argument(readable_values(profile, role), program, program.calls[call].args[i], keep);
      }
    }
  }
  return program;
}

}  // namespace capcheck
