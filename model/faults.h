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
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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
  keyring_forgets_userns,
  setns_grants_full,
  helper_forgets_userns,
  setuid_keeps_ambient,
  setuid_ignores_keepcaps,
  fs_set_lacks_mknod,
  owner_rule_for_grandparents,
  root_mapping_without_setfcap,
  setuid_root_exec_limited_by_inheritable,
  exec_ignores_bounding,
  exec_keeps_ambient,
  exec_unsafe_gains,
  event_fork_by_userfaultfd_capability,
  userfaultfd_asks_own_namespace,
  user_mode_only_needs_privilege,
  user_mode_only_stops_kernel,
  capbset_read_misses_last_cap,
};

/// A set of kinds of calls: bit n for the kind of that number.
using CallKinds = std::uint64_t;
static_assert(kCalls.size() <= 64);

constexpr CallKinds kinds(std::initializer_list<CallKind> list) {
  CallKinds set = 0;
  for (const CallKind kind : list) set |= std::uint64_t{1} << static_cast<unsigned>(kind);
  return set;
}

inline constexpr CallKinds kEveryKind = ~CallKinds{0};
/// The calls by which a task, or its child, enters a user namespace.
inline constexpr CallKinds kEntries = kinds({CallKind::unshare, CallKind::clone, CallKind::setns});
/// The calls that write a map of ids.
inline constexpr CallKinds kMapWrites = kinds({CallKind::write_uid_map, CallKind::write_gid_map});
/// The calls that cap_emulate_setxuid() follows.
inline constexpr CallKinds kSetsUserIds = kinds({CallKind::setuid, CallKind::setreuid, CallKind::setresuid});

struct FaultInfo {
  Fault fault;
  std::string_view name;
  CallKinds calls;             ///< those whose rule is wrong
  bool Features::* needs;      ///< the feature whose rule it is in; null if it is mainline's
  std::string_view invariant;  ///< one that is claimed to hold, and breaks with the fault
  std::size_t refuted_by;      ///< so many calls the trace has by which the solver shows that
};

inline constexpr std::array kFaults = {
    FaultInfo{Fault::raise_ignores_bounding, "raise-ignores-bounding", kinds({CallKind::cap_userns}), &Features::userns,
              "bounding-and-userns-never-grow", 3},
    FaultInfo{Fault::raise_bounding_or_permitted, "raise-bounding-or-permitted", kinds({CallKind::cap_userns}),
              &Features::userns, "userns-gains-only-from-bounding", 3},
    FaultInfo{Fault::raise_and_or_swapped, "raise-and-or-swapped", kinds({CallKind::cap_userns}), &Features::userns,
              "userns-gains-unprivileged-only-from-permitted", 3},
    FaultInfo{Fault::raise_setpcap_from_permitted, "raise-setpcap-from-permitted", kinds({CallKind::cap_userns}),
              &Features::userns, "userns-gains-unprivileged-only-from-permitted", 3},
    FaultInfo{Fault::raise_gate_dropped, "raise-gate-dropped", kinds({CallKind::cap_userns}), &Features::userns,
              "userns-raise-is-exact", 3},
    FaultInfo{Fault::entry_bounding_unassigned, "entry-bounding-unassigned", kEntries, nullptr, "entry-within-userns",
              2},
    FaultInfo{Fault::entry_permitted_unassigned, "entry-permitted-unassigned", kEntries, nullptr,
              "effective-within-permitted", 2},
    FaultInfo{Fault::entry_effective_unassigned, "entry-effective-unassigned", kEntries, nullptr,
              "effective-within-permitted", 2},
    FaultInfo{Fault::entry_keeps_securebits, "entry-keeps-securebits", kEntries, nullptr, "entry-takes-userns", 2},
    FaultInfo{Fault::entry_keeps_ambient, "entry-keeps-ambient", kEntries, nullptr,
              "ambient-within-permitted-and-inheritable", 3},
    FaultInfo{Fault::clear_all_skips_argument_check, "clear-all-skips-argument-check", kinds({CallKind::cap_userns}),
              &Features::userns, "userns-clear-all-checks-arguments", 1},
    FaultInfo{Fault::userns_arguments_swapped, "userns-arguments-swapped", kinds({CallKind::cap_userns}),
              &Features::userns, "userns-lower-is-free", 1},
    FaultInfo{Fault::lower_needs_privilege, "lower-needs-privilege", kinds({CallKind::cap_userns}), &Features::userns,
              "userns-lower-is-free", 2},
    FaultInfo{Fault::cap_valid_off_by_one, "cap-valid-off-by-one", kinds({CallKind::cap_userns}), &Features::userns,
              "userns-rejects-bad-arguments", 1},
    FaultInfo{Fault::capset_ambient_not_intersected, "capset-ambient-not-intersected", kinds({CallKind::capset}),
              nullptr, "ambient-within-permitted-and-inheritable", 3},
    FaultInfo{Fault::capset_inheritable_not_bounded, "capset-inheritable-not-bounded", kinds({CallKind::capset}),
              nullptr, "inheritable-gained-only-within-bounding", 2},
    FaultInfo{Fault::capbset_drop_without_setpcap, "capbset-drop-without-setpcap", kinds({CallKind::capbset_drop}),
              nullptr, "bounding-shrinks-only-with-setpcap", 2},
    FaultInfo{Fault::securebits_locks_ignored, "securebits-locks-ignored", kinds({CallKind::set_securebits}), nullptr,
              "securebits-locks-hold", 2},
    FaultInfo{Fault::capset_bits_above_last_cap, "capset-bits-above-last-cap", kinds({CallKind::capset}), nullptr,
              "capset-of-own-sets-succeeds", 1},
    FaultInfo{Fault::keyring_forgets_userns, "keyring-forgets-userns", kEveryKind, &Features::userns,
              "userns-changes-only-by-prctl", 4},
    FaultInfo{Fault::setns_grants_full, "setns-grants-full", kinds({CallKind::setns}), &Features::userns,
              "entry-within-userns", 3},
    FaultInfo{Fault::helper_forgets_userns, "helper-forgets-userns", kinds({CallKind::usermodehelper}),
              &Features::userns, "helper-within-sysctls", 2},
    FaultInfo{Fault::setuid_keeps_ambient, "setuid-keeps-ambient", kSetsUserIds, nullptr,
              "ambient-within-permitted-and-inheritable", 3},
    FaultInfo{Fault::setuid_ignores_keepcaps, "setuid-ignores-keepcaps", kSetsUserIds, nullptr, "leaving-root-clears",
              2},
    FaultInfo{Fault::fs_set_lacks_mknod, "fs-set-lacks-mknod", kinds({CallKind::setfsuid}), nullptr,
              "fsuid-moves-fs-set", 1},
    FaultInfo{Fault::owner_rule_for_grandparents, "owner-rule-for-grandparents", kinds({CallKind::ns_capable}), nullptr,
              "grandchild-owner-has-nothing", 7},
    FaultInfo{Fault::root_mapping_without_setfcap, "root-mapping-without-setfcap", kinds({CallKind::write_uid_map}),
              nullptr, "root-mapping-needs-setfcap", 3},
    FaultInfo{Fault::setuid_root_exec_limited_by_inheritable, "setuid-root-exec-limited-by-inheritable",
              kinds({CallKind::execve}), nullptr, "setuid-root-grants-all", 2},
    FaultInfo{Fault::exec_ignores_bounding, "exec-ignores-bounding", kinds({CallKind::execve}), nullptr,
              "exec-within-bounding-and-inheritable", 2},
    FaultInfo{Fault::exec_keeps_ambient, "exec-keeps-ambient", kinds({CallKind::execve}), nullptr,
              "file-capabilities-cancel-ambient", 3},
    FaultInfo{Fault::exec_unsafe_gains, "exec-unsafe-gains", kinds({CallKind::execve}), nullptr,
              "no-new-privs-gains-nothing", 3},
    FaultInfo{Fault::event_fork_by_userfaultfd_capability, "event-fork-by-userfaultfd-capability",
              kinds({CallKind::uffdio_api}), &Features::userfaultfd_cap, "event-fork-needs-sys-ptrace", 3},
    FaultInfo{Fault::userfaultfd_asks_own_namespace, "userfaultfd-asks-own-namespace", kinds({CallKind::userfaultfd}),
              &Features::userfaultfd_cap, "userfaultfd-child-namespace-counts-for-nothing", 2},
    FaultInfo{Fault::user_mode_only_needs_privilege, "user-mode-only-needs-privilege", kinds({CallKind::userfaultfd}),
              nullptr, "user-mode-only-is-free", 2},
    FaultInfo{Fault::user_mode_only_stops_kernel, "user-mode-only-stops-kernel", kinds({CallKind::kernel_fault}),
              nullptr, "user-mode-only-stops-no-kernel", 3},
    FaultInfo{Fault::capbset_read_misses_last_cap, "capbset-read-misses-last-cap", kinds({CallKind::capbset_read}),
              nullptr, "bounding-read-is-exact", 1},
};

/// The fault of that name. Throws std::invalid_argument that lists what is known.
const FaultInfo& find_fault(std::string_view name);

/// What a rule sees, before and after a fault has distorted it: the release, the caller's credentials and descriptors,
/// what its namespace's creator could, the sysctls, and the call.
template <Domain D>
struct RuleInput {
  Release release;
  Credentials<D> cred;
  Userfaultfd<D> userfaultfd;
  typename D::Word parent_could_setfcap;
  Sysctls<D> sysctls;
  Call<D> call;
};

/// What the faulty rule sees instead of `input`.
template <Domain D>
constexpr void distort_input(Fault fault, std::uint64_t full_set, RuleInput<D>& input) {
  using Word = typename D::Word;
  const Word everything = ~Word(0), setpcap(cap_bit(CAP_SETPCAP));
  Credentials<D>& cred = input.cred;
  auto& args = input.call.args;
  const auto holds = [&](unsigned capability) { return has<D>(cred.effective, Word(capability)); };
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
    case Fault::helper_forgets_userns:
      input.sysctls.umh_userns = Word(full_set);
      break;
    case Fault::setuid_ignores_keepcaps:
      cred.securebits = cred.securebits & ~Word(SECBIT_KEEP_CAPS);
      break;
    case Fault::root_mapping_without_setfcap:
      input.parent_could_setfcap = Word(1);
      break;
    case Fault::setuid_root_exec_limited_by_inheritable:
      cred.bounding = cred.inheritable = cred.bounding & cred.inheritable;
      break;
    case Fault::exec_ignores_bounding:
      cred.bounding = everything & Word(full_set);
      break;
    case Fault::exec_unsafe_gains:
      cred.no_new_privs = Word(0);
      break;
    case Fault::event_fork_by_userfaultfd_capability:
      cred.effective = cred.effective | D::select(holds(kCapUserfaultfd), Word(cap_bit(CAP_SYS_PTRACE)), Word(0));
      break;
    case Fault::userfaultfd_asks_own_namespace:
      input.sysctls.unprivileged_userfaultfd =
          D::select(holds(kCapUserfaultfd), Word(1), input.sysctls.unprivileged_userfaultfd);
      break;
    case Fault::user_mode_only_needs_privilege:
      args[0] = args[0] & ~Word(UFFD_USER_MODE_ONLY);
      break;
    case Fault::user_mode_only_stops_kernel:
      input.userfaultfd.user_mode_only = Word(0);
      break;
    case Fault::capbset_read_misses_last_cap:
      --input.release.last_cap;
      break;
    default:
      break;
  }
}

/// What a rule left in a task, for a fault to distort: the task's credentials as the call found them, and now.
template <Domain D>
struct RuleEffect {
  const Credentials<D>& before;
  Credentials<D>& after;
  typename D::Bool entered;  ///< the task entered a user namespace
  typename D::Bool passed;   ///< the call succeeded
};

/// What the faulty rule leaves instead, in the caller or in the child of a clone.
template <Domain D>
constexpr void distort_effect(Fault fault, std::uint64_t full_set, const RuleEffect<D>& effect) {
  using Word = typename D::Word;
  const Credentials<D>& before = effect.before;
  Credentials<D>& after = effect.after;
  const auto keep = [&](const typename D::Bool& condition, Word Credentials<D>::* member) {
    after.*member = D::select(condition, before.*member, after.*member);
  };
  switch (fault) {
    case Fault::entry_bounding_unassigned:
      return keep(effect.entered, &Credentials<D>::bounding);
    case Fault::entry_permitted_unassigned:
      return keep(effect.entered, &Credentials<D>::permitted);
    case Fault::entry_effective_unassigned:
      return keep(effect.entered, &Credentials<D>::effective);
    case Fault::entry_keeps_securebits:
      return keep(effect.entered, &Credentials<D>::securebits);
    case Fault::entry_keeps_ambient:
      return keep(effect.entered, &Credentials<D>::ambient);
    case Fault::setns_grants_full:
      for (const auto member : {&Credentials<D>::permitted, &Credentials<D>::effective, &Credentials<D>::bounding}) {
        after.*member = D::select(effect.entered, Word(full_set), after.*member);
      }
      return;
    case Fault::capset_ambient_not_intersected:
    case Fault::setuid_keeps_ambient:
      return keep(effect.passed, &Credentials<D>::ambient);
    case Fault::fs_set_lacks_mknod: {
      const Word mknod(cap_bit(CAP_MKNOD));
      after.effective = (after.effective & ~mknod) | (before.effective & mknod);
      return;
    }
    case Fault::exec_keeps_ambient: {
      const Word kept = D::select(effect.passed, before.ambient, Word(0));
      after.ambient = after.ambient | kept;
      after.permitted = after.permitted | kept;
      after.effective = after.effective | kept;
      return;
    }
    default:
      return;
  }
}

/// What the faulty rule answers instead.
template <Domain D>
constexpr void distort_reply(Fault fault, const World<D>& before, const Call<D>& call, Credentials<D>& after,
                             Reply<D>& reply) {
  using Word = typename D::Word;
  const Task<D>& task = before.tasks[call.task];
  if (fault == Fault::lower_needs_privilege) {
    const typename D::Bool refused =
        (call.args[0] == Word(kLower)) & (reply.result == Word(0)) & !capable_in_own_ns(task.cred, CAP_SETPCAP);
    reply.result = D::select(refused, Word(0) - Word(EPERM), reply.result);
    after.userns = D::select(refused, task.cred.userns, after.userns);
  }
  if (fault == Fault::owner_rule_for_grandparents) {
    const Word number = named_namespace(before, call.args[0]).number;
    const UserNamespace<D> target = D::at(before.namespaces, number);
    const Word level = D::at(before.namespaces, task.user_ns).level;
    const typename D::Bool below =
        (level < target.level) & (ancestor_at_level<D>(before.namespaces, number, level) == task.user_ns);
    const typename D::Bool granted = (reply.result == Word(0)) & below & (target.owner == task.cred.euid);
    reply.result = D::select(granted, Word(1), reply.result);
  }
}

namespace detail {

/// What the rule did not touch is as it was before the distortion. SET_SECUREBITS assigns what it distorts.
template <Domain D>
constexpr void restore_untouched(Fault fault, const typename D::Bool& failed, const Credentials<D>& before,
                                 const Credentials<D>& distorted, Credentials<D>& now) {
  for (const auto& field : kCredentialFields<D>) {
    auto& after = now.*field.member;
    const bool assigned = fault == Fault::securebits_locks_ignored && field.name == "Securebits";
    const typename D::Bool untouched =
        assigned ? failed : typename D::Bool(failed | (after == distorted.*field.member));
    after = D::select(untouched, before.*field.member, after);
  }
}

template <Domain D>
constexpr void set_parent_could_setfcap(World<D>& world, const typename D::Word& user_ns,
                                        const typename D::Word& value) {
  UserNamespace<D> ns = D::at(world.namespaces, user_ns);
  ns.parent_could_setfcap = value;
  D::store(world.namespaces, typename D::Bool(true), user_ns, ns);
}

/// The task in which the caller goes on: an exec by a thread goes on as its group's leader.
template <Domain D>
constexpr typename D::Word survivor(const World<D>& before, const Call<D>& call, const typename D::Bool& passed) {
  using Word = typename D::Word;
  if (call.kind != CallKind::execve) return Word(call.task);
  return D::select(passed, before.tasks[call.task].leader, Word(call.task));
}

/// Takes back what the distortion left in the caller, and distorts what the call left there.
template <Domain D>
constexpr void distort_caller(const Profile& profile, Fault fault, const World<D>& before, const Call<D>& call,
                              const Credentials<D>& distorted, World<D>& world, const typename D::Bool& passed) {
  const Task<D>& old = before.tasks[call.task];
  const typename D::Word number = survivor(before, call, passed);
  Task<D> task = D::at(world.tasks, number);
  restore_untouched<D>(fault, !passed, old.cred, distorted, task.cred);
  if (call.kind != CallKind::clone) {
    distort_effect<D>(fault, profile.full_set(),
                      {old.cred, task.cred, typename D::Bool(!(task.user_ns == old.user_ns)), passed});
  }
  D::store(world.tasks, typename D::Bool(true), number, task);
}

/// Distorts what the call left in the child of a clone.
template <Domain D>
constexpr void distort_child(const Profile& profile, Fault fault, const World<D>& before, const Call<D>& call,
                             World<D>& world, const Reply<D>& reply, const typename D::Bool& passed) {
  using Word = typename D::Word;
  const Word number = D::select(passed, reply.result - Word(kFirstThreadId), Word(0));
  Task<D> child = D::at(world.tasks, number);
  const Task<D>& creator = before.tasks[call.task];
  distort_effect<D>(fault, profile.full_set(),
                    {creator.cred, child.cred, typename D::Bool(!(child.user_ns == creator.user_ns)), passed});
  D::store(world.tasks, passed, number, child);
}

}  // namespace detail

/// step() with one rule wrong.
template <Domain D>
constexpr Reply<D> faulty_step(const Profile& profile, Fault fault, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const auto row = [&] {
    for (const FaultInfo& candidate : kFaults) {
      if (candidate.fault == fault) return candidate;
    }
    return FaultInfo{};
  }();
  if (fault == Fault::none || !(row.calls & kinds({call.kind}))) return step(profile, world, call);

  Task<D>& task = world.tasks[call.task];
  if (fault == Fault::keyring_forgets_userns) {
    task.cred.userns = D::select(task.pending_session == Word(0), task.cred.userns, Word(0));
    return step(profile, world, call);
  }
  const World<D> before = world;
  const Word user_ns = task.user_ns, could_setfcap = D::at(world.namespaces, user_ns).parent_could_setfcap;
  RuleInput<D> input{*profile.release, task.cred, task.userfaultfd, could_setfcap, world.sysctls, call};
  distort_input(fault, profile.full_set(), input);
  task.cred = input.cred;
  task.userfaultfd = input.userfaultfd;
  world.sysctls = input.sysctls;
  if (fault == Fault::root_mapping_without_setfcap) {
    detail::set_parent_could_setfcap(world, user_ns, input.parent_could_setfcap);
  }
  Reply<D> reply = step(Profile{&input.release, profile.features}, world, input.call);

  if (fault == Fault::root_mapping_without_setfcap) detail::set_parent_could_setfcap(world, user_ns, could_setfcap);
  world.sysctls = before.sysctls;  // none of the faults is in a call that writes one
  if (fault == Fault::user_mode_only_stops_kernel) task.userfaultfd = before.tasks[call.task].userfaultfd;
  const typename D::Bool passed = reply.result >> 63u == Word(0);
  if (fault == Fault::user_mode_only_needs_privilege) {
    const Word asked = as_word<D>(!((call.args[0] & Word(UFFD_USER_MODE_ONLY)) == Word(0)));
    task.userfaultfd.user_mode_only = D::select(passed, asked, task.userfaultfd.user_mode_only);
  }
  detail::distort_caller(profile, fault, before, call, input.cred, world, passed);
  if (call.kind == CallKind::clone) detail::distort_child(profile, fault, before, call, world, reply, passed);
  distort_reply(fault, before, call, task.cred, reply);
  return reply;
}

}  // namespace capcheck

#endif
