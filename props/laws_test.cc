// SPDX-License-Identifier: GPL-2.0-only
// Algebraic laws of the model's transitions, and round trips of its forms.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/values.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/trace_text.h"
#include "model/world_invariants.h"
#include "props/generators.h"

namespace capcheck {
namespace {

/// Any release with any features that go together.
Profile any_profile() {
  Profile profile;
  profile.release = &kReleases[*rc::gen::inRange<std::size_t>(0, kReleases.size())];
  profile.features.userns = *rc::gen::element(true, true, false);
  if (!profile.features.userns) return profile;
  for (const FeatureInfo& feature : kFeatures) {
    if (feature.needs) profile.features.*feature.member = *rc::gen::element(true, false, false);
  }
  return profile;
}

bool same(const TaskState<Concrete>& a, const TaskState<Concrete>& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

RC_GTEST_PROP(Laws, TextIsReadBackAsItWasWritten, ()) {
  const Profile profile = any_profile();
  const Program program = *any_program(profile);
  const TraceText trace = expect_observed(profile, program, run_model(profile, program), "A round trip.");
  RC_ASSERT(parse_trace(print_trace(trace), "round trip") == trace);
}

RC_GTEST_PROP(Laws, BytesAreReadBackAsTheyWereWritten, ()) {
  const Program program = *any_program(any_profile());
  RC_ASSERT(decode(encode(program)) == program);
}

RC_GTEST_PROP(Laws, EveryClaimedInvariantHoldsAlongEveryProgram, ()) {
  const Profile profile = any_profile();
  const Program program = *any_program(profile);
  const Trace trace = run_model(profile, program);
  // The model against itself: the comparison applies the oracles to the second trace.
  const auto divergence = find_divergence(Oracles(profile), program, trace, trace);
  if (divergence) RC_FAIL(summarise(*divergence));
}

/// The claims that a kernel's trace cannot be asked about, since they read the world. Of all tasks that come out of a
/// call.
RC_GTEST_PROP(Laws, EveryClaimAboutWorldsHolds, ()) {
  const Profile profile = any_profile();
  const World<Concrete> before = *any_world(profile);
  const Call<Concrete> call = *any_call_in(profile, before);
  World<Concrete> world = before;
  const TaskState<Concrete> state = observe(world, 0);
  const Reply<Concrete> reply = step<Concrete>(profile, world, call);
  const bool born = gives_birth(call.kind) && reply.code == 0;
  const Whose others = call.kind == CallKind::clone ? Whose::child : Whose::helper;
  std::vector<std::pair<Whose, std::uint64_t>> comes_out;
  if (born) comes_out.emplace_back(others, reply.result - kFirstThreadId);
  if (call.kind == CallKind::exit_group) {
    comes_out.emplace_back(Whose::gone, 0);
  } else if (call.kind == CallKind::execve && reply.code == 0) {
    comes_out.emplace_back(Whose::caller, before.tasks[0].leader);
  } else {
    comes_out.emplace_back(Whose::caller, 0);
  }
  std::vector<TaskState<Concrete>> states;
  for (const auto& [whose, number] : comes_out) states.push_back(observe(world, number));
  std::vector<Step<Concrete>> seen;
  for (std::size_t i = 0; i < comes_out.size(); ++i) {
    seen.push_back({state, call, reply.result, states[i], comes_out[i].first, &before, &world, &reply.output});
  }
  const auto check = [&]<class I>() {
    if constexpr (OfWorld<I>) {
      if (I::claim(profile) != Claim::holds) return;
      for (const Step<Concrete>& step : seen) {
        if (!keeps<I, Concrete>(profile, step)) RC_FAIL(std::string(I::info.name));
      }
    }
  };
  for_each_invariant(check);
  for_each_world_invariant(check);
}

/// What lets Oracles pass over most invariants where a call changed nothing, or is not the one they are about.
RC_GTEST_PROP(Laws, WhatOraclesPassOverCannotBreak, ()) {
  const Profile profile = any_profile();
  const World<Concrete> world = *any_world(profile);
  const TaskState<Concrete> state = observe(world, 0);
  const Call<Concrete> call = *any_call(profile);
  const std::uint64_t result =
      *rc::gen::element<std::uint64_t>(0, 1, 0 - std::uint64_t{EPERM}, 0 - std::uint64_t{EINVAL});
  const Step<Concrete> step{state, call, result, state};
  for_each_invariant([&]<class I>() {
    if constexpr (OfWorld<I>) {
      return;
    } else if constexpr (AboutOneCall<I>) {
      if (call.kind != I::about) RC_ASSERT((keeps<I, Concrete>(profile, step)));
    } else if constexpr (!StateInvariant<I, Concrete>) {
      RC_ASSERT((keeps<I, Concrete>(profile, step)));
    }
  });
}

/// A call made twice leaves what it left once, and succeeds again. Entering a namespace is not such a call, nor what
/// makes or ends tasks, an exec (which goes on from the ids it left), or what the kernel allows once.
bool is_idempotent(const Call<Concrete>& call) {
  // A setuid(0) that takes up 0 as the effective id alone gives back E, and with CAP_SETUID the next sets all ids.
  constexpr CallKinds kOnce = kEntries | kinds({CallKind::write_uid_map, CallKind::write_gid_map, CallKind::exit_group,
                                                CallKind::execve, CallKind::ptrace_traceme, CallKind::ptrace_seize,
                                                CallKind::usermodehelper, CallKind::setuid, CallKind::uffdio_api});
  return !(kinds({call.kind}) & kOnce);
}

RC_GTEST_PROP(Laws, WhatSucceededSucceedsAgainAndChangesNoMore, ()) {
  const Profile profile = any_profile();
  World<Concrete> world = *any_world(profile);
  const Call<Concrete> call = *rc::gen::suchThat(any_call(profile), is_idempotent);
  const Reply<Concrete> first = step(profile, world, call);
  RC_PRE(first.code == 0);
  const TaskState<Concrete> once = observe(world, 0);
  // A capset that gave up SETPCAP may not ask again for inheritable capabilities beyond P. And without it, securebits
  // may change in those that need no privilege (6.17), but not be set to what they are.
  RC_PRE((call.kind != CallKind::capset && call.kind != CallKind::set_securebits) ||
         has<Concrete>(once.cred.effective, CAP_SETPCAP));
  const Reply<Concrete> second = step(profile, world, call);
  RC_ASSERT(second.code == 0u);
  RC_ASSERT(same(once, observe(world, 0)));
}

RC_GTEST_PROP(Laws, MorePrivilegeNeverTurnsSuccessIntoRefusal, ()) {
  const Profile profile = any_profile();
  World<Concrete> world = *any_world(profile);
  const Call<Concrete> call = *any_call(profile);
  RC_PRE(call.kind != CallKind::ptrace_traceme);  // a parent may not trace a child that has more than it has itself
  World<Concrete> richer = world;
  Credentials<Concrete>& cred = richer.tasks[0].cred;
  const std::uint64_t more = *rc::gen::arbitrary<std::uint64_t>() & profile.full_set();
  for (const auto& field : kCredentialFields<Concrete>) {
    if (field.is_set && (field.member != &Credentials<Concrete>::userns || profile.features.userns)) {
      cred.*field.member |= more;
    }
  }
  const Reply<Concrete> poor = step(profile, world, call), rich = step(profile, richer, call);
  RC_PRE(poor.code == 0);
  RC_ASSERT(rich.code == 0u);
}

/// A permutation of the capabilities that no rule names. The two halves keep apart, since version 1 headers carry one.
std::array<unsigned, 64> draw_permutation(const Profile& profile) {
  constexpr std::uint64_t kNamed = kFsSet | cap_bit(CAP_SETPCAP) | cap_bit(CAP_SYS_CHROOT) | cap_bit(CAP_SYS_ADMIN) |
                                   cap_bit(CAP_SETFCAP) | cap_bit(CAP_SETUID) | cap_bit(CAP_SETGID) |
                                   cap_bit(CAP_SYS_PTRACE) | cap_bit(CAP_SYS_MODULE) | cap_bit(kCapUserfaultfd);
  std::array<unsigned, 64> permutation{};
  std::iota(permutation.begin(), permutation.end(), 0u);
  Random random(*rc::gen::arbitrary<std::uint32_t>());
  for (const auto [low, high] : {std::pair{0u, 32u}, std::pair{32u, static_cast<unsigned>(profile.last_cap()) + 1}}) {
    std::vector<unsigned> unnamed;
    for (unsigned capability = low; capability < high; ++capability) {
      if (!(kNamed & cap_bit(capability))) unnamed.push_back(capability);
    }
    std::vector<unsigned> images = unnamed;
    std::ranges::shuffle(images, random);
    for (std::size_t i = 0; i < unnamed.size(); ++i) permutation[unnamed[i]] = images[i];
  }
  return permutation;
}

std::uint64_t permuted(const std::array<unsigned, 64>& permutation, std::uint64_t set) {
  std::uint64_t image = 0;
  for (; set != 0; set &= set - 1) image |= cap_bit(permutation[static_cast<std::size_t>(std::countr_zero(set))]);
  return image;
}

void permute(const std::array<unsigned, 64>& permutation, Credentials<Concrete>& cred) {
  for (const auto& field : kCredentialFields<Concrete>) {
    if (field.is_set) cred.*field.member = permuted(permutation, cred.*field.member);
  }
}

void permute(const std::array<unsigned, 64>& permutation, World<Concrete>& world) {
  for (Task<Concrete>& task : world.tasks) {
    permute(permutation, task.cred);
    task.tracer_effective = permuted(permutation, task.tracer_effective);
  }
  Sysctls<Concrete>& sysctls = world.sysctls;
  for (std::uint64_t* mask :
       {&sysctls.umh_bset, &sysctls.umh_inheritable, &sysctls.umh_userns, &sysctls.cap_userns_mask}) {
    *mask = permuted(permutation, *mask);
  }
}

Call<Concrete> permuted(const std::array<unsigned, 64>& permutation, Call<Concrete> call) {
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    std::uint64_t& value = call.args[i];
    const Role role = info(call.kind).roles[i];
    if ((role == Role::capability || role == Role::valid_capability) && value < 64) value = permutation[value];
    if (info(call.kind).roles[i] == Role::set) value = permuted(permutation, value);
  }
  return call;
}

RC_GTEST_PROP(Laws, CapabilitiesThatNoRuleNamesAreAlike, ()) {
  const Profile profile = any_profile();
  World<Concrete> world = *any_world(profile);
  const Call<Concrete> call = *any_call(profile);
  // An ambient or userns CLEAR_ALL reads its capability argument as a number that must be 0.
  RC_PRE(info(call.kind).roles[0] != Role::set_operation || call.args[0] != kClearAll);
  const auto permutation = draw_permutation(profile);

  World<Concrete> renamed = world;
  permute(permutation, renamed);
  const Reply<Concrete> reply = step(profile, world, call);
  const Reply<Concrete> renamed_reply = step(profile, renamed, permuted(permutation, call));
  RC_ASSERT(renamed_reply.result == reply.result);
  permute(permutation, world);
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    RC_ASSERT(same(observe(world, task), observe(renamed, task)));
  }
  RC_ASSERT(renamed_reply.output.permitted == permuted(permutation, reply.output.permitted));
}

}  // namespace
}  // namespace capcheck
