// SPDX-License-Identifier: GPL-2.0-only
// Planted faults: rules that someone got wrong once, or would get wrong in the proposals.
//
// A fault is planted in the kernel as a semantic patch (fuzz/kernel/faults/NAME.cocci) and here, in the model, without
// a second copy of any rule: it distorts what the rule sees, or what it leaves. faulty_step() is step() with one of
// them.
#ifndef CAPCHECK_MODEL_FAULTS_H_
#define CAPCHECK_MODEL_FAULTS_H_

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "model/capability.h"
#include "model/domain.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck {

enum class Fault : std::uint8_t {
  none,
  raise_ignores_bounding,
  raise_bounding_or_permitted,
  raise_and_or_swapped,
  raise_setpcap_from_permitted,
  raise_gate_dropped,
  entry_bounding_unassigned,
  entry_permitted_unassigned,
  entry_effective_unassigned,
  entry_keeps_securebits,
  entry_keeps_ambient,
  clear_all_skips_argument_check,
  userns_arguments_swapped,
  lower_needs_privilege,
  cap_valid_off_by_one,
  capset_ambient_not_intersected,
  capset_inheritable_not_bounded,
  capbset_drop_without_setpcap,
  securebits_locks_ignored,
  capset_bits_above_last_cap,
};

struct FaultInfo {
  Fault fault;
  std::string_view name;
  CallKind call;      ///< the call whose rule is wrong
  bool needs_userns;  ///< the rule is one of proposal 1
};

inline constexpr std::array kFaults = {
    FaultInfo{Fault::raise_ignores_bounding, "raise-ignores-bounding", CallKind::cap_userns, true},
    FaultInfo{Fault::raise_bounding_or_permitted, "raise-bounding-or-permitted", CallKind::cap_userns, true},
    FaultInfo{Fault::raise_and_or_swapped, "raise-and-or-swapped", CallKind::cap_userns, true},
    FaultInfo{Fault::raise_setpcap_from_permitted, "raise-setpcap-from-permitted", CallKind::cap_userns, true},
    FaultInfo{Fault::raise_gate_dropped, "raise-gate-dropped", CallKind::cap_userns, true},
    FaultInfo{Fault::entry_bounding_unassigned, "entry-bounding-unassigned", CallKind::unshare, false},
    FaultInfo{Fault::entry_permitted_unassigned, "entry-permitted-unassigned", CallKind::unshare, false},
    FaultInfo{Fault::entry_effective_unassigned, "entry-effective-unassigned", CallKind::unshare, false},
    FaultInfo{Fault::entry_keeps_securebits, "entry-keeps-securebits", CallKind::unshare, false},
    FaultInfo{Fault::entry_keeps_ambient, "entry-keeps-ambient", CallKind::unshare, false},
    FaultInfo{Fault::clear_all_skips_argument_check, "clear-all-skips-argument-check", CallKind::cap_userns, true},
    FaultInfo{Fault::userns_arguments_swapped, "userns-arguments-swapped", CallKind::cap_userns, true},
    FaultInfo{Fault::lower_needs_privilege, "lower-needs-privilege", CallKind::cap_userns, true},
    FaultInfo{Fault::cap_valid_off_by_one, "cap-valid-off-by-one", CallKind::cap_userns, true},
    FaultInfo{Fault::capset_ambient_not_intersected, "capset-ambient-not-intersected", CallKind::capset, false},
    FaultInfo{Fault::capset_inheritable_not_bounded, "capset-inheritable-not-bounded", CallKind::capset, false},
    FaultInfo{Fault::capbset_drop_without_setpcap, "capbset-drop-without-setpcap", CallKind::capbset_drop, false},
    FaultInfo{Fault::securebits_locks_ignored, "securebits-locks-ignored", CallKind::set_securebits, false},
    FaultInfo{Fault::capset_bits_above_last_cap, "capset-bits-above-last-cap", CallKind::capset, false},
};

/// What a rule sees, before and after a fault has distorted it.
template <Domain D>
struct RuleInput {
  Release release;
  Credentials<D> cred;
  Call<D> call;
};

/// What the faulty rule sees instead of `input`.
template <Domain D>
constexpr void distort_input(Fault fault, std::uint64_t full_set, RuleInput<D>& input) {
  using Word = typename D::Word;
  const Word everything = ~Word(0), setpcap(cap_bit(CAP_SETPCAP));
  Credentials<D>& cred = input.cred;
  auto& args = input.call.args;
  switch (fault) {
    case Fault::raise_ignores_bounding:
      cred.bounding = Word(full_set);
      break;
    case Fault::raise_bounding_or_permitted:
      cred.bounding = cred.permitted = cred.bounding | cred.permitted;
      break;
    case Fault::raise_and_or_swapped: {
      const Word either = cred.bounding | cred.permitted;
      cred.bounding = D::select(capable_in_own_ns(cred, CAP_SETPCAP), cred.bounding, either);
      cred.permitted = either;
      break;
    }
    case Fault::raise_setpcap_from_permitted:
      cred.effective = cred.permitted;
      break;
    case Fault::raise_gate_dropped:
      cred.effective = cred.bounding = everything;
      break;
    case Fault::clear_all_skips_argument_check:
      for (std::size_t i = 1; i < 4; ++i) args[i] = D::select(args[0] == Word(kClearAll), Word(0), args[i]);
      break;
    case Fault::userns_arguments_swapped: {
      const Word operation = args[0];
      args[0] = args[1];
      args[1] = operation;
      break;
    }
    case Fault::cap_valid_off_by_one:
      ++input.release.last_cap;
      break;
    case Fault::capset_inheritable_not_bounded:
      cred.bounding = everything;
      break;
    case Fault::capbset_drop_without_setpcap:
      cred.effective = cred.effective | setpcap;
      break;
    case Fault::securebits_locks_ignored:
      cred.securebits = cred.securebits & ~Word(input.release.securebits << 1);
      break;
    case Fault::capset_bits_above_last_cap:
      input.release.last_cap = 63;
      break;
    default:
      break;
  }
}

/// What the faulty rule leaves instead of `after`, given the credentials before the call.
template <Domain D>
constexpr void distort_output(Fault fault, const Credentials<D>& before, const Call<D>& call, Credentials<D>& after,
                              Reply<D>& reply, const typename D::Bool& entered) {
  using Word = typename D::Word;
  const auto keep = [&](Word Credentials<D>::* member) {
    after.*member = D::select(entered, before.*member, after.*member);
  };
  switch (fault) {
    case Fault::entry_bounding_unassigned:
      return keep(&Credentials<D>::bounding);
    case Fault::entry_permitted_unassigned:
      return keep(&Credentials<D>::permitted);
    case Fault::entry_effective_unassigned:
      return keep(&Credentials<D>::effective);
    case Fault::entry_keeps_securebits:
      return keep(&Credentials<D>::securebits);
    case Fault::entry_keeps_ambient:
      return keep(&Credentials<D>::ambient);
    case Fault::capset_ambient_not_intersected:
      after.ambient = before.ambient;
      return;
    case Fault::lower_needs_privilege: {
      const typename D::Bool refused =
          (call.args[0] == Word(kLower)) & (reply.result == Word(0)) & !capable_in_own_ns(before, CAP_SETPCAP);
      reply.result = D::select(refused, Word(0) - Word(EPERM), reply.result);
      after.userns = D::select(refused, before.userns, after.userns);
      return;
    }
    default:
      return;
  }
}

/// step() with one rule wrong.
template <Domain D>
constexpr Reply<D> faulty_step(const Profile& profile, Fault fault, World<D>& world, const Call<D>& call) {
  const auto row = [&] {
    for (const FaultInfo& candidate : kFaults) {
      if (candidate.fault == fault) return candidate;
    }
    return FaultInfo{};
  }();
  if (fault == Fault::none || row.call != call.kind) return step(profile, world, call);

  Task<D>& task = world.tasks[call.task];
  const Task<D> before = task;
  RuleInput<D> input{*profile.release, before.cred, call};
  distort_input(fault, profile.full_set(), input);
  task.cred = input.cred;
  Reply<D> reply = step(Profile{&input.release, profile.features}, world, input.call);

  // What the rule did not touch is as it was before the distortion. SET_SECUREBITS assigns what it distorts.
  const typename D::Bool failed = !(reply.result >> 63u == typename D::Word(0));
  for (const auto& field : kCredentialFields<D>) {
    auto& after = task.cred.*field.member;
    const bool assigned = fault == Fault::securebits_locks_ignored && field.name == "Securebits";
    const typename D::Bool untouched =
        assigned ? failed : typename D::Bool(failed | (after == input.cred.*field.member));
    after = D::select(untouched, before.cred.*field.member, after);
  }
  distort_output(fault, before.cred, call, task.cred, reply, !(task.user_ns == before.user_ns));
  return reply;
}

}  // namespace capcheck

#endif
