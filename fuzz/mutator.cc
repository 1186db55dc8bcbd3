// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "fuzz/aimed_calls.h"
#include "fuzz/id_lines.h"
#include "model/rules/namei.h"
#include "model/rules/uidgid.h"

namespace capcheck {
namespace {

using Calls = std::vector<Call<Concrete>>;

Calls::iterator pick_position(Calls& calls, Random& random) {
  return calls.begin() + static_cast<std::ptrdiff_t>(pick_below(random, calls.size()));
}

void insert_call(Calls& calls, const Call<Concrete>& call, Random& random) {
  const auto position = static_cast<std::ptrdiff_t>(pick_below(random, calls.size() + 1));
  calls.insert(calls.begin() + position, call);
}

/// Removes up to eight calls that stand together.
void erase_run(Calls& calls, Random& random) {
  const auto first = pick_position(calls, random);
  const auto longest = std::min<std::ptrdiff_t>(8, calls.end() - first);
  calls.erase(first, first + 1 + static_cast<std::ptrdiff_t>(pick_below(random, static_cast<std::uint64_t>(longest))));
}

/// An id that a line of a map has at an edge, inside or below; else any.
std::uint64_t pick_mapped_id(const Calls& calls, const Profile& profile, Random& random) {
  const std::vector<IdLine> lines = lines_of(calls[pick_below(random, calls.size())]);
  if (lines.empty()) return pick_value(random, Role::id, profile);
  const IdLine& line = lines[pick_below(random, lines.size())];
  return pick_edge(pick_below(random, 2) ? line.first : line.lower_first, line.count, random);
}

/// Gives the ids of a call values at which the maps of the program make a difference.
void map_ids(Call<Concrete>& call, const Calls& calls, const Profile& profile, Random& random) {
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    if (info(call.kind).roles[i] == Role::id && pick_below(random, 2)) {
      call.args[i] = pick_mapped_id(calls, profile, random);
    }
  }
  canonicalise(call);
}

/// Replaces an argument, or moves it a little: values next to a boundary, or one bit apart.
void change_argument(Call<Concrete>& call, const Profile& profile, Random& random) {
  const CallInfo& call_info = info(call.kind);
  if (call_info.argument_count == 0) return;
  const std::size_t index = pick_below(random, call_info.argument_count);
  std::uint64_t& value = call.args[index];
  switch (pick_below(random, 6)) {
    case 0:
      value ^= std::uint64_t{1} << pick_below(random, 64);
      break;
    case 1:
      value += pick_below(random, 2) ? 1 : ~std::uint64_t{0};
      break;
    default:
      value = pick_value(random, call_info.roles[index], profile);
  }
  canonicalise(call);
}

/// Gives arguments the values that those of the same role have in another call: each that `shares` says.
template <class Shares>
void share_arguments(Call<Concrete>& to, const Call<Concrete>& from, Shares shares) {
  for (std::size_t i = 0; i < info(to.kind).argument_count; ++i) {
    for (std::size_t j = 0; j < info(from.kind).argument_count; ++j) {
      const Role role = info(to.kind).roles[i];
      if (role == info(from.kind).roles[j] && shares(role)) to.args[i] = from.args[j];
    }
  }
  canonicalise(to);
}

void share_argument(Calls& calls, Random& random) {
  auto& to = *pick_position(calls, random);
  const Call<Concrete> from = *pick_position(calls, random);
  share_arguments(to, from, [&](Role) { return pick_below(random, 2) != 0; });
}

/// A task that may live: task 0, or one that a call of the program may have given birth to.
std::uint8_t pick_task(const Calls& calls, Random& random) {
  const auto births = std::ranges::count_if(calls, gives_birth, &Call<Concrete>::kind);
  const auto tasks = std::min<std::uint64_t>(static_cast<std::uint64_t>(births) + 1, kMaxTasks);
  return static_cast<std::uint8_t>(pick_below(random, tasks));
}

/// A task to give birth to: probably the next one that is free.
std::uint8_t pick_child(const Calls& calls, Random& random) {
  const auto births = static_cast<std::uint64_t>(std::ranges::count_if(calls, gives_birth, &Call<Concrete>::kind));
  return static_cast<std::uint8_t>(1 +
                                   (pick_below(random, 2) ? births : pick_below(random, kMaxTasks)) % (kMaxTasks - 1));
}

Call<Concrete> pick_call_of_some_task(const Calls& calls, const Profile& profile, Random& random) {
  return pick_call(random, profile, pick_task(calls, random));
}

/// A call about what another one is about: the same capability, or ids, or set.
void insert_related(Calls& calls, const Profile& profile, Random& random) {
  Call<Concrete> related = pick_call_of_some_task(calls, profile, random);
  const auto about = [](Role role) { return role == Role::capability || role == Role::id || role == Role::set; };
  share_arguments(related, *pick_position(calls, random), about);
  insert_call(calls, related, random);
}

/// A call that makes a difference where it stands.
void insert_aimed(Calls& calls, const Profile& profile, Random& random) {
  const std::size_t before = pick_below(random, 2) ? calls.size() : pick_below(random, calls.size() + 1);
  const Call<Concrete> call = pick_aimed_call(world_after(std::span(calls).first(before), profile), profile, random);
  calls.insert(calls.begin() + static_cast<std::ptrdiff_t>(before), call);
}

// Idioms: calls that mean something only together, as programs make them.

Call<Concrete> write_lines(CallKind kind, std::uint64_t by, std::uint64_t target, std::span<const IdLine> lines) {
  Call<Concrete> call{kind, static_cast<std::uint8_t>(by), {target, by}};
  set_lines(call, lines);
  return call;
}

/// Calls that follow others, and the world that they lead to.
struct Continuation {
  const Profile& profile;
  World<Concrete> world;
  Calls calls{};

  void add(const Call<Concrete>& call) {
    calls.push_back(call);
    advance(world, profile, call);
  }
  /// The furthest of some, mostly.
  void add(CallKind kind, std::uint8_t task, Random& random) {
    constexpr unsigned kSome = 8;
    add(pick_furthest_call(world, profile, kind, task, pick_below(random, 8) ? kSome : 1, random));
  }
  /// The number of a task that is made next; if there can be none, the last one's.
  std::uint8_t next_task() const {
    std::uint8_t number = 0;
    while (number < kMaxTasks - 1 && world.tasks[number].alive != 0) ++number;
    return number;
  }
  /// Makes a task in a namespace of its own, mostly with both maps; gives its number.
  std::uint8_t add_container(std::uint8_t creator, Random& random) {
    constexpr std::uint64_t kMostly = 16;
    const std::uint8_t child = next_task();
    add({CallKind::clone, creator, {CLONE_NEWUSER}});
    if (pick_below(random, kMostly)) add(CallKind::write_uid_map, creator, random);
    if (pick_below(random, kMostly)) add(CallKind::write_gid_map, creator, random);
    return child;
  }
};

/// A namespace in a namespace, both with maps of several lines, and calls there that look ids up.
Calls map_lines(const Calls& before, std::uint8_t task, const Profile& profile, Random& random, Idioms idioms) {
  Continuation more{profile, world_after(before, profile)};
  std::uint8_t within = more.add_container(task, random);
  for (std::uint64_t deeper = pick_below(random, 3); deeper > 0; --deeper) {
    if (pick_below(random, 4)) more.add(CallKind::setresgid, within, random);
    if (pick_below(random, 4)) more.add(CallKind::setresuid, within, random);
    within = more.add_container(within, random);
  }
  constexpr std::array kLookUp = {CallKind::setuid,    CallKind::setreuid,  CallKind::setresuid, CallKind::setfsuid,
                                  CallKind::setgid,    CallKind::setregid,  CallKind::setresgid, CallKind::setfsgid,
                                  CallKind::setgroups, CallKind::setgroups, CallKind::execve,    CallKind::execve};
  for (std::uint64_t i = pick_below(random, 6); i > 0; --i) {
    const CallKind kind = kLookUp[pick_below(random, kLookUp.size())];
    Call<Concrete> call = pick_aimed_call(more.world, profile, kind, within, random);
    const bool may_have_attribute = idioms == Idioms::all && kind == CallKind::execve;
    if (may_have_attribute && pick_below(random, 2)) give_attribute_of_root(call, more.world, profile, random);
    more.add(call);
  }
  return more.calls;
}

/// A task with a few capabilities in E, of those that a write to a file of /proc asks for, and all in P; perhaps of
/// another user.
void lower_for_maps(Calls& calls, std::uint8_t task, const Profile& profile, Random& random) {
  std::uint64_t effective = profile.full_set();
  for (const unsigned capability : {CAP_SETUID, CAP_SETGID, CAP_SETFCAP, CAP_SYS_ADMIN, CAP_DAC_OVERRIDE}) {
    if (pick_below(random, 3) == 0) effective &= ~cap_bit(capability);
  }
  constexpr std::array<std::uint64_t, 3> kIds = {kInvalidId, 0, 1000};
  const auto id = [&] { return kIds[pick_below(random, kIds.size())]; };
  if (pick_below(random, 3) == 0) calls.push_back({CallKind::setresgid, task, {id(), id(), id()}});
  if (pick_below(random, 3) == 0) calls.push_back({CallKind::setresuid, task, {id(), id(), id()}});
  const std::uint64_t permitted = pick_below(random, 4) ? profile.full_set() : effective;
  if (pick_below(random, 4)) {
    calls.push_back({CallKind::capset, task, {_LINUX_CAPABILITY_VERSION_3, 0, 0, effective, permitted, 0}});
  }
}

/// Writes to the files that set up a task's namespace, each opened and written by some of these tasks.
void write_map_files(Calls& calls, std::uint64_t target, const std::array<std::uint64_t, 3>& tasks,
                     std::span<const IdLine> parent, Random& random) {
  const auto some_task = [&] { return tasks[pick_below(random, tasks.size())]; };
  for (std::uint64_t i = 1 + pick_below(random, 4); i > 0; --i) {
    const std::uint64_t opener = some_task(), writer = pick_below(random, 3) ? opener : some_task();
    constexpr std::array kFiles = {CallKind::write_uid_map, CallKind::write_uid_map, CallKind::write_gid_map,
                                   CallKind::write_gid_map, CallKind::write_setgroups};
    const CallKind kind = kFiles[pick_below(random, kFiles.size())];
    constexpr std::array<std::uint64_t, 2> kOwn = {0, 1000};
    const std::vector<IdLine> own{{0, kOwn[pick_below(random, kOwn.size())], 1}};
    Call<Concrete> call = write_lines(kind, writer, target, pick_below(random, 2) ? own : pick_lines(parent, random));
    if (kind == CallKind::write_setgroups) {
      call.args = {target, opener, pick_below(random, 2)};
    } else {
      call.args[1] = opener;
    }
    calls.push_back(call);
  }
}

/// A child in a namespace, whose maps it, its parent or its brother write, with or without what that takes.
Calls write_maps_with_less(std::uint64_t task, std::uint64_t child, const Profile& profile, Random& random) {
  const std::uint64_t brother = child % (kMaxTasks - 1) + 1;
  const auto by = static_cast<std::uint8_t>(task);
  const std::array tasks{task, child, brother};
  Calls calls;
  if (pick_below(random, 3) == 0) lower_for_maps(calls, by, profile, random);
  calls.push_back({CallKind::clone, by, {CLONE_NEWUSER}});
  calls.push_back({CallKind::clone, by, {pick_below(random, 4) ? 0 : std::uint64_t{CLONE_NEWUSER}}});
  for (const std::uint64_t each : tasks) {
    if (pick_below(random, 2)) lower_for_maps(calls, static_cast<std::uint8_t>(each), profile, random);
  }
  write_map_files(calls, child, tasks, kAllIdLines, random);
  return calls;
}

/// Perhaps gives a task the ids of who owns another's files in /proc, and perhaps takes DAC_OVERRIDE, which passes over
/// ids.
void own_files_of(std::uint8_t target, std::uint8_t task, Continuation& more, Random& random) {
  const auto& tasks = more.world.tasks;
  const Inode<Concrete> file =
      proc_pid_inode<Concrete>(more.world.namespaces, tasks[target], tasks[tasks[target].leader]);
  const UserNamespace<Concrete>& ns = more.world.namespaces[tasks[task].user_ns];
  const std::uint64_t uid = map_id_up<Concrete>(ns.uid_map, file.uid), gid = map_id_up<Concrete>(ns.gid_map, file.gid);
  if (pick_below(random, 2)) more.add({CallKind::setfsgid, task, {gid}});
  if (pick_below(random, 2)) more.add({CallKind::setfsuid, task, {uid}});
  const Credentials<Concrete>& cred = tasks[task].cred;
  if (pick_below(random, 2)) {
    const std::uint64_t effective = cred.effective & ~cap_bit(CAP_DAC_OVERRIDE);
    more.add(
        {CallKind::capset, task, {_LINUX_CAPABILITY_VERSION_3, 0, 0, effective, cred.permitted, cred.inheritable}});
  }
}

/// Tasks of a container, of several ids and with more or less privilege, who write to each other's files in /proc. Such
/// a file belongs to its task, or, where that may not be dumped, to root of the namespace of its address space.
Calls write_files_within(const Calls& before, std::uint8_t task, const Profile& profile, Random& random) {
  Continuation more{profile, world_after(before, profile)};
  const std::uint8_t root = more.add_container(task, random), child = more.next_task();
  if (pick_below(random, 4)) more.add(CallKind::setresgid, root, random);
  if (pick_below(random, 4)) more.add(CallKind::setresuid, root, random);
  if (pick_below(random, 2)) more.add({CallKind::execve, root, {0, 0, S_IXGRP}});
  more.add({CallKind::clone, root, {pick_below(random, 3) ? 0 : std::uint64_t{CLONE_NEWUSER}}});
  constexpr std::array kChange = {CallKind::setresuid, CallKind::setresgid, CallKind::setresuid, CallKind::setresgid,
                                  CallKind::setgroups, CallKind::setfsuid,  CallKind::setfsgid,  CallKind::execve,
                                  CallKind::unshare,   CallKind::capset};
  for (std::uint64_t i = pick_below(random, 5); i > 0; --i) {
    const std::uint8_t who = pick_below(random, 3) ? child : root;
    more.add(kChange[pick_below(random, kChange.size())], who, random);
  }
  constexpr std::array kFiles = {CallKind::write_uid_map, CallKind::write_gid_map, CallKind::write_setgroups};
  for (std::uint64_t i = 1 + pick_below(random, 4); i > 0; --i) {
    const std::uint8_t writer = pick_living_task(more.world, random), target = pick_living_task(more.world, random);
    Call<Concrete> call =
        pick_aimed_call(more.world, profile, kFiles[pick_below(random, kFiles.size())], writer, random);
    if (pick_below(random, 2)) {
      own_files_of(target, writer, more, random);
      call.args[0] = target;
      call.args[1] = writer;
    }
    more.add(call);
  }
  return more.calls;
}

/// One namespace below the other, one more than there may be.
Calls nest_to_limit(std::uint64_t task, const Profile& profile) {
  const auto by = static_cast<std::uint8_t>(task);
  Calls calls{{CallKind::unshare, by, {CLONE_NEWUSER}}, {CallKind::write_setgroups, by, {task, task, 0}}};
  for (std::uint64_t level = 1; level < profile.release->max_parent_level + 2; ++level) {
    calls.push_back({CallKind::write_uid_map, by, {task, task, 0, 0, 1}});
    calls.push_back({CallKind::write_gid_map, by, {task, task, 0, 0, 1}});
    calls.push_back({CallKind::unshare, by, {CLONE_NEWUSER}});
  }
  return calls;
}

/// A namespace with its ids mapped, as `unshare --map-root-user` makes one: from it the next can be made.
Calls unshare_map_root(std::uint64_t task) {
  const auto by = static_cast<std::uint8_t>(task);
  return {{CallKind::unshare, by, {CLONE_NEWUSER}},
          {CallKind::write_setgroups, by, {task, task, 0}},
          {CallKind::write_uid_map, by, {task, task, 0, 0, 1}},
          {CallKind::write_gid_map, by, {task, task, 0, 0, 1}}};
}

/// A child in a namespace whose ids its parent maps, and which becomes root there, as container runtimes do.
Calls clone_and_map(std::uint64_t task, std::uint64_t child) {
  const auto by = static_cast<std::uint8_t>(task), root = static_cast<std::uint8_t>(child);
  return {{CallKind::clone, by, {CLONE_NEWUSER}},
          {CallKind::write_uid_map, by, {child, task, 0, 1000, 1, 1, 100000, 65536}},
          {CallKind::write_gid_map, by, {child, task, 0, 1000, 1, 1, 100000, 65536}},
          {CallKind::setresgid, root, {0, 0, 0}},
          {CallKind::setresuid, root, {0, 0, 0}}};
}

/// From root to an ordinary user.
Calls become_user(std::uint64_t task) {
  const auto by = static_cast<std::uint8_t>(task);
  return {{CallKind::setresgid, by, {1000, 1000, 1000}}, {CallKind::setresuid, by, {1000, 1000, 1000}}};
}

/// A container within a container, of which an ordinary user outside asks what it may do there.
Calls nest_containers(std::uint64_t task, std::uint64_t child, Random& random) {
  Calls calls = clone_and_map(task, child);
  calls.push_back({CallKind::unshare, static_cast<std::uint8_t>(child), {CLONE_NEWUSER}});
  std::ranges::copy(become_user(task), std::back_inserter(calls));
  constexpr std::uint64_t kFew = 4;
  calls.push_back(
      {CallKind::ns_capable, static_cast<std::uint8_t>(task), {1 + pick_below(random, kFew), CAP_SYS_ADMIN}});
  return calls;
}

/// An ambient capability.
Calls raise_ambient(std::uint64_t task, const Profile& profile) {
  const auto by = static_cast<std::uint8_t>(task);
  return {{CallKind::capset,
           by,
           {_LINUX_CAPABILITY_VERSION_3, 0, 0, profile.full_set(), profile.full_set(), profile.full_set()}},
          {CallKind::cap_ambient, by, {kRaise, CAP_SYS_RAWIO}}};
}

/// A capability that some call of the program names; else any.
std::uint64_t pick_named_capability(const Calls& calls, const Profile& profile, Random& random) {
  std::vector<std::uint64_t> named;
  for (const Call<Concrete>& call : calls) {
    for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
      if (info(call.kind).roles[i] == Role::capability) named.push_back(call.args[i]);
    }
  }
  return named.empty() ? pick_below(random, profile.last_cap() + 1) : named[pick_below(random, named.size())];
}

/// A task that gives up a capability for good, and of the others some for now.
Call<Concrete> give_up(std::uint8_t task, std::uint64_t capability, const Profile& profile, Random& random) {
  const std::uint64_t kept = profile.full_set() & ~cap_bit(capability & 63);
  const std::array<std::uint64_t, 3> effective = {kept, kept & ~cap_bit(CAP_SETPCAP), 0};
  return {CallKind::capset,
          task,
          {_LINUX_CAPABILITY_VERSION_3, 0, 0, effective[pick_below(random, effective.size())], kept,
           pick_below(random, 2) ? kept : 0}};
}

/// A task that has a capability in no set any more but perhaps the userns set, and then a namespace where it may come
/// back.
Calls give_up_all(std::uint64_t task, std::uint64_t capability, const Profile& profile) {
  const auto by = static_cast<std::uint8_t>(task);
  const std::uint64_t kept = profile.full_set() & ~cap_bit(capability & 63);
  return {{CallKind::capset, by, {_LINUX_CAPABILITY_VERSION_3, 0, 0, kept, kept, 0}},
          {CallKind::capbset_drop, by, {capability & 63}},
          {CallKind::unshare, by, {CLONE_NEWUSER}}};
}

/// A task that gives up a capability for itself and for namespaces below it, and tries to have it back there.
Calls give_up_and_raise(std::uint64_t task, std::uint64_t capability) {
  const auto by = static_cast<std::uint8_t>(task);
  return {{CallKind::capbset_drop, by, {capability}},
          {CallKind::cap_userns, by, {kLower, capability}},
          {CallKind::cap_userns, by, {kRaise, capability}}};
}

/// A child that gives its parent a new session keyring, and a call of the parent, which takes it; and again. Either of
/// them may have other ids by then than when it got its keyring.
Calls session_to_parent_idiom(std::uint64_t task, std::uint8_t child, const Profile& profile, Random& random) {
  const auto by = static_cast<std::uint8_t>(task);
  Calls calls{{CallKind::clone, by, {}}};
  const auto maybe = [&](const Call<Concrete>& call) {
    if (pick_below(random, 2)) calls.push_back(call);
  };
  const auto change_ids = [&] {
    constexpr std::array<std::uint64_t, 4> kIds = {kInvalidId, kInvalidId, 0, 1000};
    Call<Concrete> call{
        pick_below(random, 3) ? CallKind::setresuid : CallKind::setresgid, pick_below(random, 2) ? by : child, {}};
    for (std::size_t i = 0; i < 3; ++i) call.args[i] = kIds[pick_below(random, kIds.size())];
    maybe(call);
  };
  change_ids();
  maybe({CallKind::join_session_keyring, by, {}});
  change_ids();
  calls.push_back({CallKind::join_session_keyring, child, {}});
  change_ids();
  change_ids();
  calls.push_back({CallKind::session_to_parent, child, {}});
  calls.push_back(pick_call(random, profile, by));  // whatever it is: the keyring is taken first
  maybe({CallKind::join_session_keyring, child, {}});
  change_ids();
  maybe({CallKind::session_to_parent, child, {}});
  return calls;
}

/// A userfaultfd made ready and used, maybe by a task with but one capability.
Calls use_userfaultfd(std::uint64_t task, const Profile& profile, Random& random) {
  const auto by = static_cast<std::uint8_t>(task);
  const auto pick = [&](CallKind kind) { return pick_call(random, profile, kind, by); };
  Calls calls;
  if (pick_below(random, 2)) {
    const std::array<std::uint64_t, 3> some = {CAP_SYS_PTRACE, profile.last_cap(), CAP_DAC_OVERRIDE};
    const std::uint64_t one = cap_bit(some[pick_below(random, some.size())]);
    calls.push_back({CallKind::capset, by, {_LINUX_CAPABILITY_VERSION_3, 0, 0, one, one, 0}});
  }
  if (pick_below(random, 3)) {
    calls.push_back(pick(CallKind::userfaultfd));
  } else {
    calls.push_back(pick(CallKind::open_userfaultfd_device));
    calls.push_back(pick(CallKind::userfaultfd_ioc_new));
  }
  calls.push_back(pick(CallKind::uffdio_api));
  calls.push_back(pick(pick_below(random, 2) ? CallKind::kernel_fault : CallKind::user_fault));
  return calls;
}

void insert_idiom(Calls& calls, const Profile& profile, Random& random, Idioms idioms) {
  const Calls idiom = pick_idiom(calls, profile, random, idioms);
  const auto position = pick_below(random, 2) ? calls.end() : pick_position(calls, random);
  calls.insert(position, idiom.begin(), idiom.end());
}

/// Gives a call to another task; its own files in /proc become that one's.
void change_task(Call<Concrete>& call, std::uint8_t task) {
  if (info(call.kind).form == Form::proc_file) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (call.args[i] == call.task) call.args[i] = task;
    }
  }
  call.task = task;
}

void mutate_once(Calls& calls, const Profile& profile, Random& random, Idioms idioms) {
  if (calls.empty()) {
    calls.push_back(pick_call(random, profile));
    return;
  }
  // Additions and removals balance, so that programs stay short unless length finds something new.
  switch (pick_below(random, 21)) {
    case 0:
      insert_call(calls, pick_call_of_some_task(calls, profile, random), random);
      break;
    case 1:
    case 2:
      insert_related(calls, profile, random);
      break;
    case 3:
      insert_call(calls, Call<Concrete>(*pick_position(calls, random)), random);
      break;
    case 4:
    case 5:
      insert_aimed(calls, profile, random);
      break;
    case 6:
    case 7:
    case 8:
      calls.erase(pick_position(calls, random));
      break;
    case 9:
      erase_run(calls, random);
      break;
    case 10:
      insert_idiom(calls, profile, random, idioms);
      break;
    case 11:
      std::iter_swap(pick_position(calls, random), pick_position(calls, random));
      break;
    case 12:
    case 13:
      share_argument(calls, random);
      break;
    case 14:
      *pick_position(calls, random) = pick_call_of_some_task(calls, profile, random);
      break;
    case 15:
      change_task(*pick_position(calls, random), pick_task(calls, random));
      break;
    case 16:
      map_ids(*pick_position(calls, random), calls, profile, random);
      break;
    default:
      change_argument(*pick_position(calls, random), profile, random);
  }
}

}  // namespace

std::vector<Call<Concrete>> pick_idiom(const std::vector<Call<Concrete>>& before, const Profile& profile,
                                       Random& random, Idioms idioms) {
  const std::uint8_t task = pick_task(before, random), child = pick_child(before, random);
  if (pick_below(random, 256) == 0) return nest_to_limit(task, profile);
  constexpr std::uint64_t kAll = 18, kFirstLong = 11, kLong = 5;
  std::uint64_t idiom = pick_below(random, idioms == Idioms::all ? kAll : kAll - kLong);
  if (idioms == Idioms::short_ones && idiom >= kFirstLong) idiom += kLong;
  switch (idiom) {
    case 0:
      return unshare_map_root(task);
    case 1:
      return clone_and_map(task, child);
    case 2:
      return nest_containers(task, child, random);
    case 3:
      return become_user(task);
    case 4:
      return raise_ambient(task, profile);
    case 5:
      return give_up_all(task, pick_named_capability(before, profile, random), profile);
    case 6:
      return {give_up(task, pick_named_capability(before, profile, random), profile, random)};
    case 7:
      return use_userfaultfd(task, profile, random);
    case 8:
      return give_up_and_raise(task, pick_named_capability(before, profile, random));
    case 9:
    case 10:
    case 11:
      return map_lines(before, task, profile, random, idioms);
    case 12:
    case 13:
      return write_maps_with_less(task, child, profile, random);
    case 14:
    case 15:
      return write_files_within(before, task, profile, random);
    default:
      return session_to_parent_idiom(task, child, profile, random);
  }
}

void mutate(Program& program, std::size_t max_calls, const Profile& profile, Random& random, Idioms idioms) {
  const std::uint64_t changes = 1 + pick_below(random, 4);
  for (std::uint64_t i = 0; i < changes; ++i) mutate_once(program.calls, profile, random, idioms);
  if (program.calls.empty()) program.calls.push_back(pick_call(random, profile));
  cut_to_bounds(program, std::max<std::size_t>(max_calls, 1));
}

Call<Concrete> pick_call_of_any_task(const Profile& profile, Random& random) {
  const std::array<std::uint8_t, 6> tasks = {0, 0, 0, 1, 1, 2};
  return pick_call(random, profile, tasks[pick_below(random, tasks.size())]);
}

namespace {

/// An idiom, or one call: aimed at the world that those before it lead to, or any.
Calls pick_piece(const Calls& before, const World<Concrete>& world, const Profile& profile, Random& random) {
  switch (pick_below(random, 4)) {
    case 0:
      return pick_idiom(before, profile, random);
    case 1:
      return {pick_call_of_any_task(profile, random)};
    default:
      return {pick_aimed_call(world, profile, random)};
  }
}

}  // namespace

Program pick_program(std::uint64_t most_pieces, const Profile& profile, Random& random) {
  Program program;
  World<Concrete> world = world_after({}, profile);
  for (std::uint64_t pieces = pick_below(random, most_pieces + 1); pieces > 0; --pieces) {
    for (const Call<Concrete>& call : pick_piece(program.calls, world, profile, random)) {
      program.calls.push_back(call);
      advance(world, profile, call);
    }
  }
  if (pick_below(random, 2) && !program.calls.empty()) {
    for (std::uint64_t changes = pick_below(random, 8); changes > 0; --changes) {
      mutate(program, kMaxCalls, profile, random);
    }
  }
  cut_to_bounds(program);
  return program;
}

Program cross_over(const Program& a, const Program& b, std::size_t max_calls, Random& random) {
  Program child;
  const Program* from = &a;
  // Alternate between the parents at random places, each from where it was left.
  std::array<std::size_t, 2> next = {0, 0};
  while (child.calls.size() < max_calls) {
    std::size_t& position = next[from == &b];
    if (position == from->calls.size()) break;
    const std::size_t length = std::min(1 + pick_below(random, 4), from->calls.size() - position);
    const auto start = from->calls.begin() + static_cast<std::ptrdiff_t>(position);
    child.calls.insert(child.calls.end(), start, start + static_cast<std::ptrdiff_t>(length));
    position += length;
    from = from == &a ? &b : &a;
  }
  cut_to_bounds(child, max_calls);
  return child;
}

std::size_t calls_that_may_fit(std::size_t size) {
  constexpr std::size_t kUsualCall = 16;
  return std::clamp<std::size_t>(size / kUsualCall, 1, kMaxCalls);
}

Program next_program(std::span<const std::uint8_t> bytes, std::size_t max_size, const Profile& profile,
                     Random& random) {
  const std::size_t max_calls = calls_that_may_fit(max_size);
  const bool anew = pick_below(random, 2) == 0;
  Program program = anew ? pick_program(max_calls / 2, profile, random) : decode(bytes);
  if (!anew || program.calls.empty()) mutate(program, max_calls, profile, random);
  return program;
}

std::size_t write_program(std::uint8_t* buffer, std::size_t max_size, Program program) {
  std::vector<std::uint8_t> bytes = encode(program);
  while (bytes.size() > max_size && program.calls.size() > 1) {
    program.calls.pop_back();
    bytes = encode(program);
  }
  const std::size_t size = std::min(bytes.size(), max_size);
  std::memcpy(buffer, bytes.data(), size);
  return size;
}

}  // namespace capcheck
