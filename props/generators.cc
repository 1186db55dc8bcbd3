// SPDX-License-Identifier: GPL-2.0-only
#include "props/generators.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "fuzz/aimed_calls.h"
#include "fuzz/mutator.h"
#include "fuzz/values.h"
#include "model/faults.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

/// The calls that are a little plainer: an argument 0, or, for a set, without its lowest bit.
std::vector<Call<Concrete>> plainer(const Call<Concrete>& call) {
  std::vector<Call<Concrete>> calls;
  const auto add = [&](std::size_t index, std::uint64_t value) {
    Call<Concrete> candidate = call;
    candidate.args[index] = value;
    canonicalise(candidate);
    if (candidate != call) calls.push_back(candidate);
  };
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    if (call.args[i] == 0) continue;
    add(i, 0);
    if (info(call.kind).roles[i] == Role::set) add(i, call.args[i] & (call.args[i] - 1));
  }
  return calls;
}

/// Programs with fewer calls, then those with one that is plainer.
rc::Seq<Program> plainer_programs(const Program& program) {
  std::vector<Program> with_plainer_call;
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    for (const Call<Concrete>& call : plainer(program.calls[i])) {
      with_plainer_call.push_back(program);
      with_plainer_call.back().calls[i] = call;
    }
  }
  return rc::seq::concat(rc::seq::map(rc::shrink::removeChunks(program.calls),
                                      [](std::vector<Call<Concrete>> calls) { return Program{std::move(calls)}; }),
                         rc::seq::fromContainer(std::move(with_plainer_call)));
}

/// A generator that draws with the fuzzer's own picks.
template <class Pick>
rc::Gen<Call<Concrete>> drawn(Pick pick) {
  return rc::Gen<Call<Concrete>>([pick](const rc::Random& random, int) {
    rc::Random copy = random;
    Random picks(static_cast<unsigned>(copy.next()));
    return rc::shrinkable::shrinkRecur(
        pick(picks), [](const Call<Concrete>& call) { return rc::seq::fromContainer(plainer(call)); });
  });
}

rc::Gen<std::uint64_t> any_set(const Profile& profile) {
  return rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [profile](std::uint32_t seed) {
    Random random(seed);
    return pick_value(random, Role::set, profile) & profile.full_set();
  });
}

rc::Gen<std::uint64_t> any_of(std::vector<std::uint64_t> values) {
  return rc::gen::elementOf(std::move(values));
}

/// Ids that the maps of a world treat apart, as the kernel counts them: the edges of lines, and what is beside them.
std::vector<std::uint64_t> ids_of(const World<Concrete>& world) {
  std::vector<std::uint64_t> ids = {0, 0, 0, 1000, 1000};
  for (std::size_t ns = 1; ns < world.namespace_count; ++ns) {
    for (const auto map : {&UserNamespace<Concrete>::uid_map, &UserNamespace<Concrete>::gid_map}) {
      for (const auto line : {&IdMap<Concrete>::line0, &IdMap<Concrete>::line1}) {
        const auto& [first, lower_first, count] = world.namespaces[ns].*map.*line;
        if (count == 0 || count == kAllIds) continue;
        for (const std::uint64_t id : {lower_first, lower_first + count - 1, lower_first + count}) {
          if (id < kInvalidId) ids.push_back(id);
        }
      }
    }
  }
  return ids;
}

/// Ids are of `ids`.
Credentials<Concrete> draw_credentials(const Profile& profile, const std::vector<std::uint64_t>& ids) {
  Credentials<Concrete> cred = init_cred<Concrete>(profile);
  for (const auto& field : kCredentialFields<Concrete>) {
    if (field.is_set) cred.*field.member = *any_set(profile);
  }
  if (!profile.features.userns) cred.userns = 0;
  const std::uint64_t bits = profile.securebits();
  cred.securebits = *rc::gen::arbitrary<std::uint64_t>() & (bits | bits << 1);
  cred.no_new_privs = *any_of({0, 1});
  // The rules that make these subsets are proved; here they are given, so that an exec may rely on them.
  cred.effective &= cred.permitted;
  cred.ambient &= cred.permitted & cred.inheritable;
  for (const auto id : {&Credentials<Concrete>::uid, &Credentials<Concrete>::euid, &Credentials<Concrete>::suid,
                        &Credentials<Concrete>::fsuid, &Credentials<Concrete>::gid, &Credentials<Concrete>::egid,
                        &Credentials<Concrete>::sgid, &Credentials<Concrete>::fsgid}) {
    cred.*id = *any_of(ids);
  }
  // Mostly of one user: rules ask whether ids are all the same.
  if (*any_of({0, 1})) cred.euid = cred.suid = cred.fsuid = cred.uid;
  if (*any_of({0, 1})) cred.egid = cred.sgid = cred.fsgid = cred.gid;
  cred.group_count = *any_of({0, 1, 2});
  cred.group0 = cred.group_count > 0 ? *any_of(ids) : 0;
  cred.group1 = cred.group_count > 1 ? *any_of(ids) : 0;
  return cred;
}

/// Of lines that have no id in common, where the first has any.
IdMap<Concrete> draw_map() {
  IdMap<Concrete> map{};
  map.line0 = {*any_of({0, 0, 1, 1000}), *any_of({0, 0, 1000, 5000}), *any_of({0, 1, 1, 2, 2000})};
  if (map.line0.count == 0) return {};
  const std::uint64_t count = *any_of({0, 0, 1, 2});
  if (count == 0) return map;
  const auto beside = [&](std::uint64_t first) {
    const std::uint64_t after = first + map.line0.count;
    return first < count || *any_of({0, 1}) ? after + *any_of({0, 0, 1, 95000}) : first - count;
  };
  map.line1 = {beside(map.line0.first), beside(map.line0.lower_first), count};
  if (*any_of({0, 1})) std::swap(map.line0, map.line1);
  return map;
}

UserNamespace<Concrete> draw_namespace(const World<Concrete>& world, std::uint64_t parent) {
  return {.parent = parent,
          .level = world.namespaces[parent].level + 1,
          .owner = *any_of({0, 1000, 5000}),
          .group = *any_of({0, 1000, 5000}),
          .parent_could_setfcap = *any_of({0, 1}),
          .setgroups_allowed = *any_of({0, 1}),
          .uid_map = draw_map(),
          .gid_map = draw_map()};
}

/// None but the initial one; or one at some depth, below others that map every id, perhaps with relatives.
void draw_namespaces(World<Concrete>& world, std::uint64_t deepest) {
  const std::uint64_t depth = std::min(deepest, *any_of({0, 1, 1, 2, 31, 32}));
  for (; world.namespace_count < depth; ++world.namespace_count) {
    const std::uint64_t parent = world.namespace_count - 1;
    world.namespaces[parent + 1] = init_user_ns<Concrete>();
    world.namespaces[parent + 1].parent = parent;
    world.namespaces[parent + 1].level = parent + 1;
  }
  if (depth == 0) return;
  const std::uint64_t first = world.namespace_count++;
  world.namespaces[first] = draw_namespace(world, first - 1);
  for (std::uint64_t more = *any_of({0, 1, 2}); more > 0; --more) {
    const std::uint64_t parent = *rc::gen::inRange<std::uint64_t>(first - 1, world.namespace_count);
    const bool is_too_deep = world.namespaces[parent].level > deepest;
    world.namespaces[world.namespace_count] = draw_namespace(world, is_too_deep ? first - 1 : parent);
    ++world.namespace_count;
  }
}

/// The initial one, or one of the last.
std::uint64_t draw_user_ns(const World<Concrete>& world) {
  constexpr std::uint64_t kMost = 4;
  const std::uint64_t last = std::min(kMost, world.namespace_count);
  return *any_of({0, world.namespace_count - 1 - *rc::gen::inRange<std::uint64_t>(0, last)});
}

/// What of a task is not seen in its state.
void draw_hidden(Task<Concrete>& task, const Profile& profile, const World<Concrete>& world,
                 const std::vector<std::uint64_t>& ids) {
  task.dumpable = *any_of({0, 1, 1});
  task.mm_user_ns = draw_user_ns(world);
  task.session_uid = *any_of(ids);
  if (*any_of({0, 0, 1})) {
    task.pending_session = *any_of({1, 2});
    task.pending_uid = task.session_uid;  // what gave the keyring made sure of that
  }
  if (*any_of({0, 0, 1})) {
    task.traced = 1;
    task.tracer = *any_of({1, 2, kOutside});
    task.tracer_user_ns = draw_user_ns(world);
    task.tracer_euid = *any_of(ids);
    task.tracer_effective = *any_set(profile);
  }
  if (*any_of({0, 1})) {
    Userfaultfd<Concrete>& descriptor = task.userfaultfd;
    descriptor.open = *any_of({0, 1, 1});
    descriptor.device_open = *any_of({0, 1});
    if (descriptor.open != 0) {
      descriptor.user_mode_only = *any_of({0, 1});
      descriptor.initialised = *any_of({0, 1, 1});
      descriptor.close_on_exec = *any_of({0, 1});
      descriptor.memory_gone = *any_of({0, 0, 0, 1});
    }
  }
}

/// A task beside task 0: its child or not, perhaps a thread of its group.
Task<Concrete> draw_other_task(const Profile& profile, const World<Concrete>& world, std::uint64_t number,
                               const std::vector<std::uint64_t>& ids) {
  Task<Concrete> task = lone_task<Concrete>(draw_credentials(profile, ids), number, number, number + 1);
  task.user_ns = draw_user_ns(world);
  draw_hidden(task, profile, world, ids);
  task.parent = *any_of({0, kOutside});
  task.session = *any_of({1, number + 1});
  if (task.traced != 0 && *any_of({0, 0, 1})) task.tracer = 0;
  if (*any_of({0, 0, 1})) task.leader = 0;
  if (*any_of({0, 0, 1})) task.fs = 0;
  return task;
}

/// Makes another task the leader of task 0's group. Children of its threads are the threads' own.
void join_group_of(World<Concrete>& world, std::uint64_t leader) {
  for (Task<Concrete>& task : world.tasks) {
    if (task.alive != 0 && task.leader == 0) task.leader = leader;
  }
  world.tasks[leader].leader = leader;
}

/// What is dumpable has its effective ids for files: other ids for them make it not dumpable, and an exec gives it
/// those.
void give_fs_ids(const World<Concrete>& world, Task<Concrete>& task) {
  if (world.tasks[task.leader].dumpable == 0) return;
  task.cred.fsuid = task.cred.euid;
  task.cred.fsgid = task.cred.egid;
}

}  // namespace

rc::Gen<Call<Concrete>> any_call(const Profile& profile) {
  return drawn([profile](Random& random) { return pick_call(random, profile); });
}

rc::Gen<Call<Concrete>> any_call_of_any_task(const Profile& profile) {
  return drawn([profile](Random& random) { return pick_call_of_any_task(profile, random); });
}

rc::Gen<Call<Concrete>> any_call(const Profile& profile, CallKind kind) {
  return drawn([profile, kind](Random& random) { return pick_call(random, profile, kind); });
}

rc::Gen<Program> any_program(const Profile& profile) {
  return rc::Gen<Program>([profile](const rc::Random& random, int size) {
    rc::Random copy = random;
    Random picks(static_cast<unsigned>(copy.next()));
    return rc::shrinkable::shrinkRecur(pick_program(static_cast<std::uint64_t>(size), profile, picks),
                                       [](const Program& program) { return plainer_programs(program); });
  });
}

rc::Gen<World<Concrete>> any_world(const Profile& profile, std::uint64_t deepest) {
  return rc::gen::exec([profile, deepest] {
    World<Concrete> world{};
    begin(world, profile);
    draw_namespaces(world, deepest);
    const std::vector<std::uint64_t> ids = ids_of(world);
    world.tasks[0].cred = draw_credentials(profile, ids);
    world.tasks[0].chrooted = *any_of({0, 0, 0, 1});
    world.tasks[0].user_ns = draw_user_ns(world);
    draw_hidden(world.tasks[0], profile, world, ids);
    const auto others = *rc::gen::inRange<std::uint64_t>(0, kMaxTasks);
    for (std::uint64_t number = 1; number <= others; ++number) {
      world.tasks[number] = draw_other_task(profile, world, number, ids);
    }
    if (others != 0 && *any_of({0, 1})) world.tasks[0].parent = *rc::gen::inRange<std::uint64_t>(1, others + 1);
    // Task 0 may be a thread of a group that another leads.
    if (others != 0 && *any_of({0, 0, 1})) join_group_of(world, *rc::gen::inRange<std::uint64_t>(1, others + 1));
    for (std::uint64_t number = 0; number <= others; ++number) give_fs_ids(world, world.tasks[number]);
    world.sysctls.unprivileged_userfaultfd = *any_of({0, 1});
    world.fs_count = world.session_count = kMaxTasks + 1;
    world.sysctls.umh_bset = *any_set(profile);
    world.sysctls.umh_inheritable = *any_set(profile);
    if (profile.features.userns) world.sysctls.umh_userns = *any_set(profile);
    world.sysctls.cap_userns_mask = *any_set(profile);
    return world;
  });
}

rc::Gen<Call<Concrete>> any_call_in(const Profile& profile, const World<Concrete>& world, std::vector<CallKind> kinds) {
  return drawn([profile, world, kinds = std::move(kinds)](Random& random) {
    const CallKind kind = kinds.empty() ? static_cast<CallKind>(pick_below(random, kCalls.size()))
                                        : kinds[pick_below(random, kinds.size())];
    Call<Concrete> call = pick_aimed_call(world, profile, kind, 0, random);
    if (kind == CallKind::execve && !pick_below(random, 4)) {
      give_attribute_of_root(call, world, profile, random);
      canonicalise(call);
    }
    if ((kMapWrites & capcheck::kinds({kind})) != 0 && !pick_below(random, 8))
      map_own_id_and_first(call, world, random);
    return call;
  });
}

void showValue(const Call<Concrete>& call, std::ostream& out) {
  out << print_call(call);
}

void showValue(const Program& program, std::ostream& out) {
  TraceText trace{"Found by a property.", {Profile{}}, {}, program, {}};
  trace.expectations.resize(program.calls.size());
  out << '\n' << print_trace(trace);
}

void showValue(const World<Concrete>& world, std::ostream& out) {
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (!world.tasks[task].alive) continue;
    const TaskState<Concrete> state = observe(world, task);
    out << "\nt" << task << '\n';
    for (const StateField& field : state_fields()) {
      out << field.name << ": " << print_field(field, field.get(state)) << '\n';
    }
  }
}

}  // namespace capcheck
