// SPDX-License-Identifier: GPL-2.0-only
#include "props/generators.h"

#include <algorithm>
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
  const std::uint64_t bits = profile.release->securebits;
  cred.securebits = *rc::gen::arbitrary<std::uint64_t>() & (bits | bits << 1);
  cred.no_new_privs = *any_of({0, 1});
  cred.euid = *any_of({0, 1000});
  cred.egid = *any_of({0, 1000});
  return cred;
}

IdMap<Concrete> draw_map() {
  return {*any_of({0, 1000}), *any_of({0, 1000}), *any_of({0, 1, kAllIds})};
}

}  // namespace

rc::Gen<Call<Concrete>> any_call(const Profile& profile) {
  return drawn([profile](Random& random) { return pick_call(random, profile); });
}

rc::Gen<Call<Concrete>> any_call(const Profile& profile, CallKind kind) {
  return drawn([profile, kind](Random& random) { return pick_call(random, profile, kind); });
}

rc::Gen<Program> any_program(const Profile& profile) {
  return rc::gen::map(rc::gen::container<std::vector<Call<Concrete>>>(any_call(profile)),
                      [](std::vector<Call<Concrete>> calls) {
                        if (calls.size() > kMaxCalls) calls.resize(kMaxCalls);
                        return Program{std::move(calls)};
                      });
}

rc::Gen<World<Concrete>> any_world(const Profile& profile) {
  return rc::gen::exec([profile] {
    World<Concrete> world{};
    begin(world, profile);
    world.tasks[0].cred = draw_credentials(profile);
    world.tasks[0].chrooted = *any_of({0, 0, 0, 1});
    if (*any_of({0, 1})) {
      const std::uint64_t level = *any_of({1, 2, 32, 33});
      world.namespaces[0].level = level - 1;
      world.namespaces[0].uid_map = draw_map();
      world.namespaces[0].gid_map = draw_map();
      world.namespaces[1] = {.parent = 0,
                             .level = level,
                             .owner = *any_of({0, 1000}),
                             .group = *any_of({0, 1000}),
                             .parent_could_setfcap = *any_of({0, 1}),
                             .setgroups_allowed = *any_of({0, 1}),
                             .uid_map = draw_map(),
                             .gid_map = draw_map()};
      world.namespace_count = 2;
      world.tasks[0].user_ns = 1;
    }
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
  const TaskState<Concrete> state = observe(world, 0);
  out << '\n';
  for (const StateField& field : state_fields())
    out << field.name << ": " << print_field(field, field.get(state)) << '\n';
}

}  // namespace capcheck
