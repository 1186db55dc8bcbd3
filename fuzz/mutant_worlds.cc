// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_worlds.h"

#include <rapidcheck.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "fuzz/values.h"
#include "model/capability.h"
#include "model/rules/uidgid.h"
#include "props/generators.h"

namespace capcheck {
namespace {

template <class Change>
void change_maps(World<Concrete>& world, Change change) {
  for (UserNamespace<Concrete>& ns : std::span(world.namespaces).subspan(1, world.namespace_count - 1)) {
    for (IdMap<Concrete>* map : {&ns.uid_map, &ns.gid_map}) change(*map);
  }
}

void leave_as_drawn(World<Concrete>&, Random&) {}

void give_maps_of_one_line(World<Concrete>& world, Random&) {
  change_maps(world, [](IdMap<Concrete>& map) { map.line1 = {}; });
}

void give_identity_maps(World<Concrete>& world, Random&) {
  change_maps(world, [&](IdMap<Concrete>& map) { map = world.namespaces[0].uid_map; });
}

/// Files of /proc can be written by everybody, and of namespaces every other one has no maps yet.
void give_files_to_write(World<Concrete>& world, Random&) {
  for (Task<Concrete>& task : world.tasks) {
    if (task.alive == 0) continue;
    task.dumpable = 1;
    task.cred.euid = task.cred.fsuid = world.tasks[0].cred.euid;
    task.cred.egid = task.cred.fsgid = world.tasks[0].cred.egid;
  }
  for (std::size_t ns = world.namespace_count - 1; ns > 0; --ns) {
    if (ns % 2 == world.namespace_count % 2) continue;
    world.namespaces[ns].uid_map = world.namespaces[ns].gid_map = {};
  }
}

/// The last namespace has no maps yet; task 0 is in its parent, the others in it, and all may write them.
void give_a_map_to_write(World<Concrete>& world, Random& random) {
  give_files_to_write(world, random);
  constexpr std::uint64_t kAsked =
      cap_bit(CAP_SYS_ADMIN) | cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID) | cap_bit(CAP_SETFCAP);
  const std::uint64_t last = world.namespace_count - 1;
  if (last == 0) return;
  world.namespaces[last].uid_map = world.namespaces[last].gid_map = {};
  for (Task<Concrete>& task : world.tasks) {
    if (task.alive == 0) continue;
    task.user_ns = last;
    for (const auto set : {&Credentials<Concrete>::permitted, &Credentials<Concrete>::effective,
                           &Credentials<Concrete>::bounding, &Credentials<Concrete>::userns})
      task.cred.*set |= kAsked;
  }
  world.tasks[0].user_ns = world.namespaces[last].parent;
}

/// Files of /proc belong to who has one name too few: namespaces have all ids of one kind and none of the other, or the
/// owner has no group or is nobody; and those who ask for them may pass over ids.
void give_owners_half_named(World<Concrete>& world, Random& random) {
  constexpr std::uint64_t kMany = 100'000;
  for (std::size_t ns = 1; ns < world.namespace_count; ++ns) {
    IdMap<Concrete> all{{0, 0, kMany}, {}}, none{{0, kMany, 1}, {}};
    if (ns % 2 != 0) std::swap(all, none);
    world.namespaces[ns].uid_map = all;
    world.namespaces[ns].gid_map = none;
  }
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    Task<Concrete>& task = world.tasks[number];
    if (task.alive == 0) continue;
    Credentials<Concrete>& cred = task.cred;
    task.dumpable = 1;
    if (number == kMaxTasks - 1) (pick_below(random, 2) ? cred.egid : cred.euid) = kInvalidId;
    cred.fsuid = cred.euid;
    cred.fsgid = cred.egid;
    cred.permitted |= cap_bit(CAP_DAC_OVERRIDE);
    cred.effective |= cap_bit(CAP_DAC_OVERRIDE);
  }
}

/// Three namespaces, each below the one before, and a fourth beside the first: a task of each of the three, of which
/// the last's may be written to by the one above it and by the first, which may be in the fourth instead. The owner has
/// an id at the edge of a line, and one of those that are asked may lack what it takes to map other ids than its own.
void give_a_map_to_write_from_above(World<Concrete>& world, Random& random) {
  constexpr std::uint64_t kLast = 3;
  constexpr IdMap<Concrete> kLines{{0, 0, 1000}, {5000, 5000, 10}}, kSwapped{kLines.line1, kLines.line0};
  constexpr std::uint64_t kEdges[] = {0, 1, 999, 1000, 5000, 5001, 5009, 5010};
  const auto edge = [&] { return kEdges[pick_below(random, std::size(kEdges))]; };
  constexpr std::uint64_t kBeside = kLast + 1;
  world.namespace_count = kBeside + 1;
  for (std::uint64_t number = 1; number <= kLast; ++number) {
    UserNamespace<Concrete>& ns = world.namespaces[number];
    ns.parent = number - 1;
    ns.level = number;
    ns.owner = edge();
    ns.uid_map = ns.gid_map = number == kLast ? IdMap<Concrete>{} : pick_below(random, 2) ? kLines : kSwapped;
  }
  world.namespaces[kBeside] = world.namespaces[1];
  for (std::uint64_t number = 0; number < kMaxTasks; ++number) {
    Task<Concrete>& task = world.tasks[number];
    if (task.alive == 0) continue;
    Credentials<Concrete>& cred = task.cred;
    task.user_ns = std::min(number + 1, kLast);
    task.mm_user_ns = task.tracer_user_ns = 0;
    task.dumpable = 1;
    cred.euid = cred.fsuid = pick_below(random, 2) ? world.namespaces[kLast].owner : edge();
    cred.egid = cred.fsgid = edge();
    std::uint64_t caps = cap_bit(CAP_SYS_ADMIN) | cap_bit(CAP_DAC_OVERRIDE) | cap_bit(CAP_SETFCAP);
    if (pick_below(random, 4)) caps |= cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID);
    cred.permitted |= caps;
    cred.effective = (cred.effective & ~(cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID))) | caps;
  }
  if (!pick_below(random, 4)) world.tasks[0].user_ns = kBeside;
}

using Change = void (*)(World<Concrete>& world, Random& random);

static_assert(kWorldForms.size() == static_cast<std::size_t>(WorldForm::a_map_to_write_from_above) + 1);

/// By WorldForm.
constexpr std::array<Change, kWorldForms.size()> kChanges = {
    leave_as_drawn,         give_maps_of_one_line,         give_identity_maps, give_files_to_write, give_a_map_to_write,
    give_owners_half_named, give_a_map_to_write_from_above};

constexpr int kSizes = 100;

}  // namespace

CallsInWorlds::CallsInWorlds(const Profile& profile, std::span<const Statement* const> proved) : profile_(profile) {
  std::ranges::copy_if(proved, std::back_inserter(lemmas_), [](const Statement* one) { return one->of_states(); });
}

std::optional<World<Concrete>> CallsInWorlds::draw(std::uint64_t number, WorldForm form) const {
  World<Concrete> world = any_world(profile_)(rc::Random(number), static_cast<int>(number % kSizes)).value();
  Random picks(static_cast<unsigned>(number + 1));
  kChanges[static_cast<std::size_t>(form)](world, picks);
  const auto holds_in_world = [&](const Statement* lemma) { return holds<Concrete>(*lemma, profile_, world); };
  if (!std::ranges::all_of(lemmas_, holds_in_world)) return std::nullopt;
  return world;
}

void CallsInWorlds::run(MutantRace& race, std::uint64_t worlds, WorldForm form) const {
  constexpr int kCallsInEach = 100;
  for (std::uint64_t i = 0; i < worlds && race.alive() != 0; ++i) {
    const auto world = draw(i, form);
    if (!world) continue;
    const auto any = any_call_in(profile_, *world, race.alive_kinds());
    rc::Random random(i);
    for (int call = 0; call < kCallsInEach; ++call) race.run(*world, any(random.split(), kSizes).value());
  }
}

}  // namespace capcheck
