// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/aimed_calls.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "fuzz/id_lines.h"
#include "model/faults.h"
#include "model/program.h"
#include "model/rules/uidgid.h"
#include "model/rules/user_namespace.h"
#include "model/step.h"

namespace capcheck {
namespace {

template <class Values>
auto pick_of(const Values& values, Random& random) {
  return values[pick_below(random, values.size())];
}

constexpr std::array kIdFields = {&Credentials<Concrete>::uid,    &Credentials<Concrete>::euid,
                                  &Credentials<Concrete>::suid,   &Credentials<Concrete>::fsuid,
                                  &Credentials<Concrete>::gid,    &Credentials<Concrete>::egid,
                                  &Credentials<Concrete>::sgid,   &Credentials<Concrete>::fsgid,
                                  &Credentials<Concrete>::group0, &Credentials<Concrete>::group1};

std::span<const UserNamespace<Concrete>> namespaces_of(const World<Concrete>& world) {
  return std::span(world.namespaces).first(world.namespace_count);
}

std::vector<std::uint64_t> living_tasks(const World<Concrete>& world) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 0; number < kMaxTasks; ++number) {
    if (world.tasks[number].alive != 0) numbers.push_back(number);
  }
  return numbers;
}

/// The lines of a map as they are named from below: in its own terms.
std::vector<IdLine> own_lines(const IdMap<Concrete>& map) {
  std::vector<IdLine> lines;
  for (const IdExtent<Concrete>& line : {map.line0, map.line1}) {
    if (line.count != 0) lines.push_back({line.first, line.lower_first, line.count});
  }
  return lines;
}

/// An id of some task or namespace, or at the edge of a map, as the kernel counts.
std::uint64_t pick_kernel_id(const World<Concrete>& world, Random& random) {
  const Credentials<Concrete>& cred = world.tasks[pick_living_task(world, random)].cred;
  const UserNamespace<Concrete>& ns = pick_of(namespaces_of(world), random);
  const std::vector<IdLine> lines = own_lines(pick_below(random, 2) ? ns.uid_map : ns.gid_map);
  switch (pick_below(random, 4)) {
    case 0:
      return pick_below(random, 2) ? ns.owner : ns.group;
    case 1:
    case 2:
      return cred.*pick_of(kIdFields, random);
    default:
      if (lines.empty()) return ns.owner;
      const IdLine line = pick_of(lines, random);
      return pick_edge(line.lower_first, line.count, random);
  }
}

/// An id as a namespace has names for it, or for what it has none.
std::uint64_t pick_name_of_id(const World<Concrete>& world, const UserNamespace<Concrete>& ns, Random& random) {
  const IdMap<Concrete>& map = pick_below(random, 2) ? ns.uid_map : ns.gid_map;
  const std::vector<IdLine> lines = own_lines(map);
  if (lines.empty() || pick_below(random, 2)) return map_id_up<Concrete>(map, pick_kernel_id(world, random));
  const IdLine line = pick_of(lines, random);
  return pick_edge(line.first, line.count, random);
}

/// One of the sets, which come first among the fields.
std::uint64_t pick_set_of(const Credentials<Concrete>& cred, Random& random) {
  constexpr auto kFields = kCredentialFields<Concrete>;
  constexpr auto kSets = static_cast<std::uint64_t>(std::ranges::count_if(kFields, &CredentialField<Concrete>::is_set));
  return cred.*kFields[pick_below(random, kSets)].member;
}

/// A capability in which two sets of a task differ; else one that every release has.
std::uint64_t pick_telling_capability(const Credentials<Concrete>& cred, Random& random) {
  const auto set = [&] { return pick_set_of(cred, random); };
  std::uint64_t apart = set() ^ set();
  if (apart == 0) return pick_below(random, kLastCapEverywhere + 1);
  for (std::uint64_t skip = pick_below(random, static_cast<std::uint64_t>(std::popcount(apart))); skip > 0; --skip)
    apart &= apart - 1;
  return static_cast<std::uint64_t>(std::countr_zero(apart));
}

/// A set that a task has, or what two of its sets come to together, perhaps but for one capability.
std::uint64_t pick_own_set(const Credentials<Concrete>& cred, Random& random) {
  const auto set = [&] { return pick_set_of(cred, random); };
  const std::array<std::uint64_t, 4> some = {set(), set() & set(), set() | set(), cred.permitted};
  const std::uint64_t picked = pick_of(some, random);
  return pick_below(random, 2) ? picked : picked ^ std::uint64_t{1} << pick_telling_capability(cred, random);
}

/// The namespace of a task, its parent, one below it, or any, or the next that is made.
std::uint64_t pick_namespace(const World<Concrete>& world, std::uint64_t own, Random& random) {
  switch (pick_below(random, 4)) {
    case 0:
      return own;
    case 1:
      return world.namespaces[own].parent;
    default:
      return pick_below(random, world.namespace_count + 1);
  }
}

bool names_ids_in_namespace(CallKind kind) {
  return kind != CallKind::execve && kind != CallKind::open_userfaultfd_device;
}

std::uint64_t pick_aimed_value(const World<Concrete>& world, Role role, const Call<Concrete>& call,
                               std::uint64_t otherwise, Random& random) {
  const Task<Concrete>& task = world.tasks[call.task];
  switch (role) {
    case Role::id:
      return names_ids_in_namespace(call.kind) ? pick_name_of_id(world, world.namespaces[task.user_ns], random)
                                               : pick_kernel_id(world, random);
    case Role::set:
      return pick_own_set(task.cred, random);
    case Role::capability:
    case Role::valid_capability:
      return pick_telling_capability(task.cred, random);
    case Role::securebits:
      return task.cred.securebits ^ std::uint64_t{1} << pick_below(random, 8);
    case Role::user_ns:
      return pick_namespace(world, task.user_ns, random);
    case Role::task:
      return pick_living_task(world, random);
    default:
      return otherwise;
  }
}

const MapFile<Concrete>& file_of(const Call<Concrete>& call) {
  return call.kind == CallKind::write_uid_map ? kUidMap<Concrete> : kGidMap<Concrete>;
}

/// The map above that which a call writes to.
const IdMap<Concrete>& parent_map(const Call<Concrete>& call, const World<Concrete>& world) {
  const UserNamespace<Concrete>& ns = world.namespaces[world.tasks[call.args[0]].user_ns];
  return world.namespaces[ns.parent].*file_of(call).map;
}

/// The opener's own id by its name there.
std::uint64_t own_id(const Call<Concrete>& call, const World<Concrete>& world) {
  return map_id_up<Concrete>(parent_map(call, world), world.tasks[call.args[1]].cred.*file_of(call).own_id);
}

/// A write to a map of a task's namespace, one that has none yet if there is any, in terms of the map above.
void aim_at_map(Call<Concrete>& call, const World<Concrete>& world, Random& random) {
  const auto map = file_of(call).map;
  std::vector<std::uint64_t> targets = living_tasks(world);
  const auto has_map = [&](std::uint64_t task) {
    return (world.namespaces[world.tasks[task].user_ns].*map).line0.count != 0;
  };
  if (!std::ranges::all_of(targets, has_map) && pick_below(random, 8)) std::erase_if(targets, has_map);
  call.args[0] = pick_of(targets, random);
  const std::vector<IdLine> lines = own_lines(parent_map(call, world));
  if (lines.empty()) return;
  const IdLine own{pick_below(random, 2), own_id(call, world), 1};
  set_lines(call, pick_below(random, 3) ? pick_lines(lines, random) : std::vector{own});
}

Call<Concrete> pick_once(const World<Concrete>& world, const Profile& profile, CallKind kind, std::uint8_t task,
                         Random& random) {
  Call<Concrete> call = pick_call(random, profile, kind, task);
  for (std::size_t i = 0; i < info(kind).argument_count; ++i) {
    const std::uint64_t aimed = pick_aimed_value(world, info(kind).roles[i], call, call.args[i], random);
    if (pick_below(random, 4)) call.args[i] = aimed;
  }
  if (info(kind).form == Form::proc_file && pick_below(random, 2)) call.args[1] = task;
  if ((kMapWrites & kinds({kind})) != 0 && pick_below(random, 4)) aim_at_map(call, world, random);
  canonicalise(call);
  return call;
}

bool has_room_for(const World<Concrete>& world, const Call<Concrete>& call) {
  return world.namespace_count < kMaxNamespaces || !asks_for_namespace(call);
}

/// How far a call gets: up to which guard, the later ones being higher; further than any if it succeeds.
unsigned progress_of(const World<Concrete>& world, const Profile& profile, const Call<Concrete>& call) {
  if (!has_room_for(world, call)) return 0;
  World<Concrete> after = world;
  const Guard failed = failed_guard(step<Concrete>(profile, after, call).code);
  return failed == Guard::none ? std::numeric_limits<unsigned>::max() : static_cast<unsigned>(failed);
}

}  // namespace

void give_attribute_of_root(Call<Concrete>& call, const World<Concrete>& world, const Profile& profile,
                            Random& random) {
  auto& [uid, gid, mode, flags, magic, permitted, inheritable, rootid] = call.args;
  const UserNamespace<Concrete>& ns = world.namespaces[pick_below(random, world.namespace_count)];
  if (pick_below(random, 4)) rootid = map_id_down<Concrete>(ns.uid_map, 0);
  mode = S_IXGRP;
  flags = kExecCapability;
  magic = VFS_CAP_REVISION_3 | (pick_below(random, 2) ? VFS_CAP_FLAGS_EFFECTIVE : 0);
  permitted = pick_below(random, 4) ? profile.full_set() : permitted;
}

void map_own_id_and_first(Call<Concrete>& call, const World<Concrete>& world, Random& random) {
  const std::uint64_t count = 1 + pick_below(random, 3);
  const std::array lines{IdLine{count + pick_below(random, 2), own_id(call, world), 1}, IdLine{0, 0, count}};
  set_lines(call, lines);
}

World<Concrete> world_after(std::span<const Call<Concrete>> calls, const Profile& profile) {
  World<Concrete> world{};
  begin(world, profile);
  for (const Call<Concrete>& call : calls) advance(world, profile, call);
  return world;
}

void advance(World<Concrete>& world, const Profile& profile, const Call<Concrete>& call) {
  if (world.tasks[call.task].alive != 0 && has_room_for(world, call)) step<Concrete>(profile, world, call);
}

std::uint8_t pick_living_task(const World<Concrete>& world, Random& random) {
  const std::vector<std::uint64_t> living = living_tasks(world);
  return living.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(pick_of(living, random));
}

Call<Concrete> pick_furthest_call(const World<Concrete>& world, const Profile& profile, CallKind kind,
                                  std::uint8_t task, unsigned of, Random& random) {
  if (world.tasks[task].alive == 0) return pick_call(random, profile, kind, task);
  Call<Concrete> best = pick_once(world, profile, kind, task, random);
  if (of <= 1) return best;
  unsigned furthest = progress_of(world, profile, best);
  for (unsigned drawn = 1; drawn < of; ++drawn) {
    const Call<Concrete> call = pick_once(world, profile, kind, task, random);
    const unsigned progress = progress_of(world, profile, call);
    if (progress <= furthest) continue;
    furthest = progress;
    best = call;
  }
  return best;
}

Call<Concrete> pick_aimed_call(const World<Concrete>& world, const Profile& profile, CallKind kind, std::uint8_t task,
                               Random& random) {
  constexpr unsigned kFew = 6;
  return pick_furthest_call(world, profile, kind, task, pick_below(random, 2) ? 1 : kFew, random);
}

Call<Concrete> pick_aimed_call(const World<Concrete>& world, const Profile& profile, Random& random) {
  const auto kind = static_cast<CallKind>(pick_below(random, kCalls.size()));
  return pick_aimed_call(world, profile, kind, pick_living_task(world, random), random);
}

}  // namespace capcheck
