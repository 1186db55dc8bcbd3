// SPDX-License-Identifier: GPL-2.0-only
#include "props/generators.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/values.h"
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

Credentials<Concrete> draw_credentials(const Profile& profile) {
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
    cred.*id = *any_of({0, 0, 1000});
  }
  cred.group_count = *any_of({0, 1, 2});
  cred.group0 = cred.group_count > 0 ? *any_of({0, 1}) : 0;
  cred.group1 = cred.group_count > 1 ? *any_of({1, 1000}) : 0;
  return cred;
}

IdMap<Concrete> draw_map() {
  IdMap<Concrete> map{};
  map.line0 = {*any_of({0, 1000}), *any_of({0, 1000}), *any_of({0, 1, 1, 2000})};
  if (map.line0.count != 0 && *any_of({0, 1})) map.line1 = {5000, *any_of({5000, 100000}), 2};
  return map;
}

UserNamespace<Concrete> draw_namespace(const World<Concrete>& world, std::uint64_t parent) {
  return {.parent = parent,
          .level = world.namespaces[parent].level + 1,
          .owner = *any_of({0, 1000}),
          .group = *any_of({0, 1000}),
          .parent_could_setfcap = *any_of({0, 1}),
          .setgroups_allowed = *any_of({0, 1}),
          .uid_map = draw_map(),
          .gid_map = draw_map()};
}

/// None but the initial one; or one at some depth, below others that map every id, perhaps with a child or a sibling.
void draw_namespaces(World<Concrete>& world, std::uint64_t deepest) {
  const std::uint64_t depth = std::min(deepest, *any_of({0, 1, 1, 2, 31, 32}));
  for (; world.namespace_count < depth; ++world.namespace_count) {
    const std::uint64_t parent = world.namespace_count - 1;
    world.namespaces[parent + 1] = init_user_ns<Concrete>();
    world.namespaces[parent + 1].parent = parent;
    world.namespaces[parent + 1].level = parent + 1;
  }
  if (depth == 0) return;
  const std::uint64_t last = world.namespace_count++;
  world.namespaces[last] = draw_namespace(world, last - 1);
  if (*any_of({0, 1})) {
    world.namespaces[world.namespace_count] = draw_namespace(world, *any_of({last, last - 1}));
    ++world.namespace_count;
  }
}

/// The initial one, or one of the last.
std::uint64_t draw_user_ns(const World<Concrete>& world) {
  const std::uint64_t last = world.namespace_count - 1;
  return *any_of({0, last, last == 0 ? 0 : last - 1});
}

/// A task beside task 0: its child or not, perhaps a thread of its group.
Task<Concrete> draw_other_task(const Profile& profile, const World<Concrete>& world, std::uint64_t number) {
  Task<Concrete> task = lone_task<Concrete>(draw_credentials(profile), number, number, number + 1);
  task.user_ns = draw_user_ns(world);
  task.parent = *any_of({0, kOutside});
  task.session = *any_of({1, number + 1});
  task.session_uid = *any_of({0, 1000});
  if (*any_of({0, 0, 1})) task.leader = 0;
  if (*any_of({0, 0, 1})) task.fs = 0;
  return task;
}

}  // namespace

rc::Gen<Call<Concrete>> any_call(const Profile& profile) {
  return drawn([profile](Random& random) { return pick_call(random, profile); });
}

rc::Gen<Call<Concrete>> any_call_of_any_task(const Profile& profile) {
  return drawn([profile](Random& random) {
    // Mostly of the tasks that are likely to live.
    const std::array<std::uint8_t, 6> tasks = {0, 0, 0, 1, 1, 2};
    return pick_call(random, profile, tasks[pick_below(random, tasks.size())]);
  });
}

rc::Gen<Call<Concrete>> any_call(const Profile& profile, CallKind kind) {
  return drawn([profile, kind](Random& random) { return pick_call(random, profile, kind); });
}

rc::Gen<Program> any_program(const Profile& profile) {
  return rc::gen::map(rc::gen::container<std::vector<Call<Concrete>>>(any_call_of_any_task(profile)),
                      [](std::vector<Call<Concrete>> calls) {
                        if (calls.size() > kMaxCalls) calls.resize(kMaxCalls);
                        return Program{std::move(calls)};
                      });
}

rc::Gen<World<Concrete>> any_world(const Profile& profile, std::uint64_t deepest) {
  return rc::gen::exec([profile, deepest] {
    World<Concrete> world{};
    begin(world, profile);
    world.tasks[0].cred = draw_credentials(profile);
    world.tasks[0].chrooted = *any_of({0, 0, 0, 1});
    world.tasks[0].dumpable = *any_of({0, 1, 1});
    draw_namespaces(world, deepest);
    world.tasks[0].user_ns = draw_user_ns(world);
    const auto others = *rc::gen::inRange<std::uint64_t>(0, kMaxTasks);
    for (std::uint64_t number = 1; number <= others; ++number) {
      world.tasks[number] = draw_other_task(profile, world, number);
    }
    world.fs_count = world.session_count = kMaxTasks + 1;
    world.sysctls.umh_bset = *any_set(profile);
    world.sysctls.umh_inheritable = *any_set(profile);
    if (profile.features.userns) world.sysctls.umh_userns = *any_set(profile);
    world.sysctls.cap_userns_mask = *any_set(profile);
    return world;
  });
}

void showValue(const Call<Concrete>& call, std::ostream& out) {
  out << print_call(call);
}

void showValue(const Program& program, std::ostream& out) {
  TraceText trace{"Found by a property.", {Profile{}}, program, {}};
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
