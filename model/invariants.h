// SPDX-License-Identifier: GPL-2.0-only
// The invariants, stated once: the solver proves them, the properties test them, and the fuzzer holds the kernel's own
// states against them.
//
// Each is a type in kCatalogue with its statement in words and as a formula, the profiles on which it is claimed to
// hold, and one template that is the claim: of a state, or of a step (premise and conclusion).
#ifndef CAPCHECK_MODEL_INVARIANTS_H_
#define CAPCHECK_MODEL_INVARIANTS_H_

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <tuple>
#include <utility>

#include "model/call.h"
#include "model/domain.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/rules/nsproxy.h"
#include "model/rules/userfaultfd.h"
#include "model/world.h"

namespace capcheck {

/// What is to become of an invariant on a profile. A prover that finds otherwise reports it.
enum class Claim : std::uint8_t {
  not_applicable,
  holds,
  refuted,  ///< a counterexample is expected: the claim was made, and is false
};

/// Whose state it is that a step looks at after the call.
enum class Whose : std::uint8_t {
  caller,
  child,   ///< of clone(2): the state before is its creator's
  helper,  ///< a user-mode helper, which has nothing to do with the state before
  gone,    ///< the caller of an exit: its last state
};

template <Domain D>
struct Output;

/// One call of a task, as seen from outside: the states around it, the call and its result.
template <Domain D>
struct Step {
  const TaskState<D>& before;
  const Call<D>& call;
  const typename D::Word& result;
  const TaskState<D>& after;
  Whose whose = Whose::caller;
  const World<D>* world = nullptr;    ///< before the call, where it is known: a kernel does not show it
  const World<D>* left = nullptr;     ///< after it
  const Output<D>* output = nullptr;  ///< what it wrote, where the worlds are known
};

struct InvariantInfo {
  std::string_view name;
  std::string_view formula;
  std::string_view words;
  std::string_view function;  ///< the kernel function it guards
  /// Where it is stated: never given, so that it is where the rest is.
  std::source_location where = std::source_location::current();
};

namespace invariant {

template <Domain D>
constexpr typename D::Bool failed(const Step<D>& step) {
  return !(step.result >> 63u == typename D::Word(0));
}
template <Domain D>
constexpr typename D::Bool succeeded(const Step<D>& step) {
  return !failed(step);
}
template <Domain D>
constexpr typename D::Bool is(const Step<D>& step, CallKind kind) {
  return typename D::Bool(step.call.kind == kind);
}
/// One of the calls that set ids of users, or of groups.
template <Domain D>
constexpr typename D::Bool sets_user_ids(const Step<D>& step) {
  return is(step, CallKind::setuid) | is(step, CallKind::setreuid) | is(step, CallKind::setresuid) |
         is(step, CallKind::setfsuid);
}
template <Domain D>
constexpr typename D::Bool sets_group_ids(const Step<D>& step) {
  return is(step, CallKind::setgid) | is(step, CallKind::setregid) | is(step, CallKind::setresgid) |
         is(step, CallKind::setfsgid) | is(step, CallKind::setgroups);
}
/// The task entered a user namespace, one that it created or joined.
template <Domain D>
constexpr typename D::Bool entered(const Step<D>& step) {
  return !(step.before.user_ns == step.after.user_ns);
}
/// The task executed a file.
template <Domain D>
constexpr typename D::Bool executed(const Step<D>& step) {
  return is(step, CallKind::execve) & succeeded(step);
}
/// prctl(PR_CAP_USERNS, operation, a valid capability, 0, 0).
template <Domain D>
constexpr typename D::Bool is_userns_operation(const Profile& profile, const Step<D>& step, std::uint64_t operation) {
  using Word = typename D::Word;
  const auto& a = step.call.args;
  return is(step, CallKind::cap_userns) & (a[0] == Word(operation)) & cap_valid<D>(profile, a[1]) &
         ((a[2] | a[3]) == Word(0));
}
/// Bits in which the credentials before and after differ in any field but the userns set. One expression without a
/// loop, since the fuzzer evaluates it after every call.
template <Domain D>
[[gnu::always_inline]] constexpr typename D::Word changes_beside_userns(const Step<D>& step) {
  const Credentials<D>&a = step.before.cred, &b = step.after.cred;
  return (a.inheritable ^ b.inheritable) | (a.permitted ^ b.permitted) | (a.effective ^ b.effective) |
         (a.bounding ^ b.bounding) | (a.ambient ^ b.ambient) | (a.securebits ^ b.securebits) |
         (a.no_new_privs ^ b.no_new_privs) | (a.uid ^ b.uid) | (a.euid ^ b.euid) | (a.suid ^ b.suid) |
         (a.fsuid ^ b.fsuid) | (a.gid ^ b.gid) | (a.egid ^ b.egid) | (a.sgid ^ b.sgid) | (a.fsgid ^ b.fsgid) |
         (a.group_count ^ b.group_count) | (a.group0 ^ b.group0) | (a.group1 ^ b.group1) |
         (step.before.level ^ step.after.level) | (step.before.user_ns ^ step.after.user_ns) |
         (step.before.dumpable ^ step.after.dumpable);
}
/// The states before and after are equal.
template <Domain D>
[[gnu::always_inline]] constexpr typename D::Bool unchanged(const Step<D>& step) {
  return (changes_beside_userns(step) | (step.before.cred.userns ^ step.after.cred.userns)) == typename D::Word(0);
}
/// P ∪ I ∪ A ∪ X ∪ U.
template <Domain D>
constexpr typename D::Word all_sets(const Credentials<D>& cred) {
  return cred.permitted | cred.inheritable | cred.ambient | cred.bounding | cred.userns;
}

template <Domain D>
constexpr typename D::Bool lives(const Task<D>& task) {
  return !(task.alive == typename D::Word(0));
}
/// Whether is(task, its number) of all live tasks of a world.
template <Domain D, class Is>
constexpr typename D::Bool all_living(const World<D>& world, Is is) {
  typename D::Bool all(true);
  for (std::size_t i = 0; i < kMaxTasks; ++i) all = all & implies<D>(lives(world.tasks[i]), is(world.tasks[i], i));
  return all;
}
/// No task of another thread group uses the task's fs_struct.
template <Domain D>
constexpr typename D::Bool keeps_fs_in_group(const World<D>& world, const Task<D>& task) {
  return all_living<D>(
      world, [&](const Task<D>& other, std::size_t) { return (other.leader == task.leader) | !(other.fs == task.fs); });
}

constexpr Claim always(const Profile&) {
  return Claim::holds;
}
constexpr Claim with_userns(const Profile& profile) {
  return profile.features.userns ? Claim::holds : Claim::not_applicable;
}

// Of every reachable state.

struct EffectiveWithinPermitted {
  static constexpr InvariantInfo info{"effective-within-permitted", "E ⊆ P",
                                      "No capability is effective that is not permitted.", "cap_capset"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return subset<D>(state.cred.effective, state.cred.permitted);
  }
};

struct AmbientWithinPermittedAndInheritable {
  static constexpr InvariantInfo info{"ambient-within-permitted-and-inheritable", "A ⊆ P ∩ I",
                                      "An ambient capability is permitted and inheritable.",
                                      "cap_ambient_invariant_ok"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return subset<D>(state.cred.ambient, state.cred.permitted & state.cred.inheritable);
  }
};

struct SetsWithinLastCap {
  static constexpr InvariantInfo info{"sets-within-last-cap", "P ∪ E ∪ I ∪ X ∪ A ∪ U ⊆ FULL",
                                      "No capability above CAP_LAST_CAP appears in any set.", "mk_kernel_cap"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile& profile, const TaskState<D>& state) {
    return subset<D>(all_sets(state.cred) | state.cred.effective, typename D::Word(profile.full_set()));
  }
};

struct SecurebitsSupported {
  static constexpr InvariantInfo info{"securebits-supported", "securebits ⊆ ALL_BITS ∪ ALL_LOCKS",
                                      "Only the securebits that the kernel supports are ever set.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile& profile, const TaskState<D>& state) {
    const std::uint64_t bits = profile.securebits();
    return subset<D>(state.cred.securebits, typename D::Word(bits | bits << 1));
  }
};

struct NestingWithinLimit {
  static constexpr InvariantInfo info{"nesting-within-limit", "level ≤ 33",
                                      "User namespaces nest at most 33 deep below the initial one.", "create_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile& profile, const TaskState<D>& state) {
    return state.level < typename D::Word(profile.release->max_parent_level + 2);
  }
};

/// The proposal's text claims it: "no bit can be set in U that is not in X".
struct UsernsWithinBounding {
  static constexpr InvariantInfo info{"userns-within-bounding", "U ⊆ X",
                                      "The userns set never exceeds the bounding set (the proposal's own claim).",
                                      "cap_prctl_drop"};
  static constexpr Claim claim(const Profile& profile) {
    if (!profile.features.userns) return Claim::not_applicable;
    return profile.features.capbset_drop_lowers_userns ? Claim::holds : Claim::refuted;
  }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const TaskState<D>& state) {
    return subset<D>(state.cred.userns, state.cred.bounding);
  }
};

// Of every call.

struct FailedCallChangesNothing {
  static constexpr InvariantInfo info{"failed-call-changes-nothing", "result < 0 ⇒ state' = state",
                                      "A call that fails leaves every set, bit, id and the namespace as they were.",
                                      "abort_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return failed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return unchanged(step);
  }
};

struct IdsChangeOnlyBySetIdOrExec {
  static constexpr InvariantInfo info{
      "ids-change-only-by-set-id-or-exec",
      "uid' ≠ uid ∨ … ∨ groups' ≠ groups ⇒ the call is set*uid, set*gid, setgroups or execve",
      "Only the calls that set ids, and execve, change an id or a group.", "prepare_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    const Credentials<D>&a = step.before.cred, &b = step.after.cred;
    return !(((a.uid ^ b.uid) | (a.euid ^ b.euid) | (a.suid ^ b.suid) | (a.fsuid ^ b.fsuid) | (a.gid ^ b.gid) |
              (a.egid ^ b.egid) | (a.sgid ^ b.sgid) | (a.fsgid ^ b.fsgid) | (a.group_count ^ b.group_count) |
              (a.group0 ^ b.group0) | (a.group1 ^ b.group1)) == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return sets_user_ids(step) | sets_group_ids(step) | is(step, CallKind::execve);
  }
};

struct NoNewPrivsIsOneWay {
  static constexpr InvariantInfo info{"no-new-privs-is-one-way", "NNP ⇒ NNP'",
                                      "no_new_privs, once set, stays set, over namespace entry too.", "sys_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !(step.before.cred.no_new_privs == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return step.after.cred.no_new_privs == step.before.cred.no_new_privs;
  }
};

/// An exec clears KEEP_CAPS even where KEEP_CAPS_LOCKED is set.
struct SecurebitsLocksHold {
  static constexpr InvariantInfo info{"securebits-locks-hold",
                                      "¬entry ⇒ locks and the bits they lock stay, but for KEEP_CAPS at an exec",
                                      "A securebits lock, and the bit it locks, change only by namespace entry; an "
                                      "exec clears KEEP_CAPS, locked or not.",
                                      "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Word held = step.before.cred.securebits & Word(profile.securebits() << 1);
    const Word changed = step.before.cred.securebits ^ step.after.cred.securebits;
    const Word cleared_by_exec = D::select(executed(step), Word(SECBIT_KEEP_CAPS), Word(0));
    return (changed & (held | (held >> 1u)) & ~cleared_by_exec) == Word(0);
  }
};

struct PermittedGrowsOnlyAtEntryOrExec {
  static constexpr InvariantInfo info{
      "permitted-grows-only-at-entry-or-exec", "¬entry ∧ ¬exec ⇒ P' ⊆ P",
      "Without entering a user namespace or executing a file, no permitted capability is gained.", "cap_capset"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step) & !executed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.permitted, step.before.cred.permitted);
  }
};

struct BoundingGrowsOnlyAtEntry {
  static constexpr InvariantInfo info{"bounding-grows-only-at-entry", "¬entry ⇒ X' ⊆ X",
                                      "Only entering a user namespace can put a capability back into the bounding set.",
                                      "cap_prctl_drop"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.bounding, step.before.cred.bounding);
  }
};

struct BoundingShrinksOnlyWithSetpcap {
  static constexpr InvariantInfo info{
      "bounding-shrinks-only-with-setpcap", "¬entry ∧ X' ≠ X ⇒ SETPCAP ∈ E",
      "Without entering a user namespace, only SETPCAP lets a task lower its bounding set.", "cap_prctl_drop"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step) & !(step.before.cred.bounding == step.after.cred.bounding);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return capable_in_own_ns(step.before.cred, CAP_SETPCAP);
  }
};

struct InheritableWithinBounding {
  static constexpr InvariantInfo info{"inheritable-gained-only-within-bounding", "I' ⊆ I ∪ X",
                                      "A capability becomes inheritable only from within the bounding set.",
                                      "cap_capset"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>&) {
    return typename D::Bool(true);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.inheritable, step.before.cred.inheritable | step.before.cred.bounding);
  }
};

struct EntryGrantsFull {
  static constexpr InvariantInfo info{"entry-grants-full", "entry ⇒ P' = E' = X' = FULL, I' = A' = ∅, securebits' = 0",
                                      "In mainline, entering a user namespace grants every capability in it.",
                                      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) {
    return profile.features.userns ? Claim::not_applicable : Claim::holds;
  }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Word full(profile.full_set()), none(0);
    const Credentials<D>& cred = step.after.cred;
    return (cred.permitted == full) & (cred.effective == full) & (cred.bounding == full) & (cred.inheritable == none) &
           (cred.ambient == none) & (cred.securebits == none);
  }
};

struct EntryTakesUserns {
  static constexpr InvariantInfo info{
      "entry-takes-userns", "entry ⇒ U' = P' = E' = X' = U (strict: U ∩ X; mask: within), I' = A' = ∅, securebits' = 0",
      "On entering a user namespace, pU = pE = pP = X, and all are what U was, or what strict and mask leave of it.",
      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>&before = step.before.cred, &cred = step.after.cred;
    const typename D::Bool strict = !((before.securebits & Word(profile.strict_securebit())) == Word(0));
    const Word none(0), granted = D::select(strict, before.userns & before.bounding, before.userns);
    const typename D::Bool taken =
        profile.features.userns_mask ? subset<D>(cred.userns, granted) : typename D::Bool(cred.userns == granted);
    return taken & (cred.permitted == cred.userns) & (cred.effective == cred.userns) & (cred.bounding == cred.userns) &
           (cred.inheritable == none) & (cred.ambient == none) & (cred.securebits == none);
  }
};

struct EntryWithinUserns {
  static constexpr InvariantInfo info{"entry-within-userns", "entry ⇒ P' ∪ E' ∪ I' ∪ A' ∪ X' ∪ U' ⊆ U",
                                      "A namespace entered grants no more than the userns set held before.",
                                      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(all_sets(step.after.cred) | step.after.cred.effective, step.before.cred.userns);
  }
};

/// "no namespace can gain more than its predecessors", read of the bounding set.
struct EntryWithinBounding {
  static constexpr InvariantInfo info{"entry-within-bounding", "entry ⇒ X' ⊆ X",
                                      "A namespace entered grants no more than the bounding set held before "
                                      "(the proposal's own claim).",
                                      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) {
    return profile.features.capbset_drop_lowers_userns ? Claim::holds : Claim::refuted;
  }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.bounding, step.before.cred.bounding);
  }
};

struct UsernsChangesOnlyByPrctl {
  static constexpr InvariantInfo info{
      "userns-changes-only-by-prctl",
      "U' ≠ U ⇒ the call is PR_CAP_USERNS (or PR_CAPBSET_DROP, or an entry: by feature)",
      "Only PR_CAP_USERNS changes the userns set; where repaired, PR_CAPBSET_DROP; with strict or mask, an entry.",
      "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !(step.before.cred.userns == step.after.cred.userns);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Bool = typename D::Bool;
    const Features& features = profile.features;
    return is(step, CallKind::cap_userns) |
           (Bool(features.capbset_drop_lowers_userns) & is(step, CallKind::capbset_drop)) |
           (Bool(features.userns_strict || features.userns_mask) & entered(step));
  }
};

struct UsernsRaiseIsExact {
  static constexpr CallKind about = CallKind::cap_userns;
  static constexpr InvariantInfo info{
      "userns-raise-is-exact", "RAISE c succeeds ⇔ c ∈ U ∪ ((SETPCAP ∈ E) ? X : X ∩ P), and then U' = U ∪ {c}",
      "RAISE reaches exactly p'U = (pE & CAP_SETPCAP) ? X : (X & pP), joined with U.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    return is_userns_operation(profile, step, kRaise);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>& cred = step.before.cred;
    const auto reachable =
        cred.userns | D::select(capable_in_own_ns(cred, CAP_SETPCAP), cred.bounding, cred.bounding & cred.permitted);
    const typename D::Bool allowed = has<D>(reachable, step.call.args[1]);
    return (allowed & succeeded(step) & (step.after.cred.userns == (cred.userns | D::bit(step.call.args[1])))) |
           (!allowed & failed(step));
  }
};

struct UsernsLowerIsFree {
  static constexpr CallKind about = CallKind::cap_userns;
  static constexpr InvariantInfo info{"userns-lower-is-free", "LOWER c succeeds, and then U' = U ∖ {c}",
                                      "Lowering the userns set needs no privilege.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    return is_userns_operation(profile, step, kLower);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return succeeded(step) & (step.after.cred.userns == (step.before.cred.userns & ~D::bit(step.call.args[1])));
  }
};

struct UsernsClearAllChecksArguments {
  static constexpr CallKind about = CallKind::cap_userns;
  static constexpr InvariantInfo info{
      "userns-clear-all-checks-arguments", "CLEAR_ALL succeeds ⇔ arg3 = arg4 = arg5 = 0, and then U' = ∅",
      "CLEAR_ALL takes no further argument, and empties the userns set.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::cap_userns) & (step.call.args[0] == typename D::Word(kClearAll));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const typename D::Bool proper = (step.call.args[1] | step.call.args[2] | step.call.args[3]) == Word(0);
    return (proper & succeeded(step) & (step.after.cred.userns == Word(0))) | (!proper & failed(step));
  }
};

struct BoundingAndUsernsNeverGrow {
  static constexpr InvariantInfo info{"bounding-and-userns-never-grow", "X' ∪ U' ⊆ X ∪ U",
                                      "A capability absent from both X and U never returns to either, along a lineage.",
                                      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>&) {
    return typename D::Bool(true);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.bounding | step.after.cred.userns,
                     step.before.cred.bounding | step.before.cred.userns);
  }
};

struct AllSetsNeverGrow {
  static constexpr InvariantInfo info{"all-sets-never-grow", "P' ∪ I' ∪ A' ∪ X' ∪ U' ⊆ P ∪ I ∪ A ∪ X ∪ U",
                                      "A capability that is in no set of a task never returns to any, along a lineage.",
                                      "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) {
    return profile.features.userns ? Claim::holds : Claim::refuted;
  }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>&) {
    return typename D::Bool(true);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(all_sets(step.after.cred), all_sets(step.before.cred));
  }
};

struct UsernsRejectsBadArguments {
  static constexpr CallKind about = CallKind::cap_userns;
  static constexpr InvariantInfo info{
      "userns-rejects-bad-arguments", "op ≠ CLEAR_ALL ∧ (c > LAST_CAP ∨ arg4 ∪ arg5 ≠ 0 ∨ op unknown) ⇒ EINVAL",
      "PR_CAP_USERNS answers EINVAL to what it does not know, before it asks for any privilege.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const typename D::Bool known = (a[0] == Word(kIsSet)) | (a[0] == Word(kRaise)) | (a[0] == Word(kLower));
    const typename D::Bool proper = known & cap_valid<D>(profile, a[1]) & ((a[2] | a[3]) == Word(0));
    return is(step, CallKind::cap_userns) & !(a[0] == Word(kClearAll)) & !proper;
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return step.result == Word(0) - Word(EINVAL);
  }
};

struct UsernsPrctlTouchesNothingElse {
  static constexpr CallKind about = CallKind::cap_userns;
  static constexpr InvariantInfo info{"userns-prctl-touches-nothing-else",
                                      "PR_CAP_USERNS ⇒ P' = P, E' = E, I' = I, X' = X, A' = A, …",
                                      "PR_CAP_USERNS changes no set, bit or id but the userns set.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::cap_userns);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return changes_beside_userns(step) == typename D::Word(0);
  }
};

/// The proposal's "no bit can be set in U that is not in X", read of the moment at which a bit is set.
struct UsernsGainsOnlyFromBounding {
  static constexpr InvariantInfo info{"userns-gains-only-from-bounding", "U' ⊆ U ∪ X",
                                      "A capability enters the userns set only while it is in the bounding set.",
                                      "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>&) {
    return typename D::Bool(true);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.userns, step.before.cred.userns | step.before.cred.bounding);
  }
};

/// What is true of "only root in the user namespace can regain userns capabilities previously dropped".
struct UsernsGainsUnprivilegedOnlyFromPermitted {
  static constexpr InvariantInfo info{
      "userns-gains-unprivileged-only-from-permitted", "SETPCAP ∉ E ⇒ U' ⊆ U ∪ (X ∩ P)",
      "Without SETPCAP, a task gives back to its namespaces only capabilities that it holds itself.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !capable_in_own_ns(step.before.cred, CAP_SETPCAP);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>& cred = step.before.cred;
    return subset<D>(step.after.cred.userns, cred.userns | (cred.bounding & cred.permitted));
  }
};

struct CapsetOfOwnSetsSucceeds {
  static constexpr CallKind about = CallKind::capset;
  static constexpr InvariantInfo info{
      "capset-of-own-sets-succeeds", "capset(E ∪ high, P ∪ high, I ∪ high) succeeds, and state' = state",
      "A task may always set the capabilities it has; bits above CAP_LAST_CAP are masked, not refused.",
      "mk_kernel_cap"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Word full(profile.full_set());
    const Credentials<D>& cred = step.before.cred;
    return is(step, CallKind::capset) & (a[0] == Word(_LINUX_CAPABILITY_VERSION_3)) & (a[1] == Word(0)) &
           (a[2] == Word(0)) & ((a[3] & full) == cred.effective) & ((a[4] & full) == cred.permitted) &
           ((a[5] & full) == cred.inheritable);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return succeeded(step) & unchanged(step);
  }
};

// Of calls that came with several tasks, ids and files.

struct CloneCopiesCredentials {
  static constexpr CallKind about = CallKind::clone;
  static constexpr InvariantInfo info{"clone-copies-credentials", "clone ∧ ¬entry ⇒ state of the child = state",
                                      "A child has its creator's sets, securebits, ids, groups and namespace.",
                                      "copy_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return typename D::Bool(step.whose == Whose::child) & !entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return unchanged(step);
  }
};

struct CloneLeavesCaller {
  static constexpr CallKind about = CallKind::clone;
  static constexpr InvariantInfo info{"clone-leaves-caller", "clone ⇒ state' = state",
                                      "Creating a child changes nothing in its creator, namespace or not.",
                                      "copy_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::clone) & typename D::Bool(step.whose == Whose::caller);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return unchanged(step);
  }
};

struct GroupIdsTouchNoCapability {
  static constexpr InvariantInfo info{"group-ids-touch-no-capability",
                                      "set*gid, setgroups ⇒ P' = P, E' = E, I' = I, X' = X, A' = A, U' = U",
                                      "Changes of group ids never touch a set of capabilities.", "__sys_setresgid"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return sets_group_ids(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>&a = step.before.cred, &b = step.after.cred;
    return (a.permitted == b.permitted) & (a.effective == b.effective) & (a.inheritable == b.inheritable) &
           (a.bounding == b.bounding) & (a.ambient == b.ambient) & (a.userns == b.userns) &
           (a.securebits == b.securebits);
  }
};

/// In the initial namespace, whose root is 0.
struct LeavingRootClears {
  static constexpr InvariantInfo info{
      "leaving-root-clears",
      "set*uid, level 0, fixup, 0 ∈ {r,e,s}uid, 0 ∉ {r,e,s}uid' ⇒ A' = ∅, and KEEP_CAPS ? P' = P : P' = E' = ∅",
      "Giving up the last root id clears the ambient set, and the others unless KEEP_CAPS.", "cap_emulate_setxuid"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool any_root(const Credentials<D>& cred) {
    using Word = typename D::Word;
    return (cred.uid == Word(0)) | (cred.euid == Word(0)) | (cred.suid == Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return sets_user_ids(step) & (step.before.level == Word(0)) &
           !has<D>(step.before.cred.securebits, Word(SECURE_NO_SETUID_FIXUP)) & any_root<D>(step.before.cred) &
           !any_root<D>(step.after.cred);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>&before = step.before.cred, &cred = step.after.cred;
    const typename D::Bool keeps = has<D>(before.securebits, Word(SECURE_KEEP_CAPS));
    return (cred.ambient == Word(0)) &
           ((keeps & (cred.permitted == before.permitted)) | (!keeps & ((cred.permitted | cred.effective) == Word(0))));
  }
};

/// In the initial namespace, whose root is 0.
struct FsuidMovesFsSet {
  static constexpr CallKind about = CallKind::setfsuid;
  static constexpr InvariantInfo info{
      "fsuid-moves-fs-set", "setfsuid, level 0, fixup: 0 → n ⇒ E' = E ∖ FS; n → 0 ⇒ E' = E ∪ (P ∩ FS)",
      "The file system capabilities, MKNOD among them, follow fsuid.", "cap_task_fix_setuid"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>&before = step.before.cred, &cred = step.after.cred;
    return is(step, CallKind::setfsuid) & (step.before.level == Word(0)) &
           !has<D>(before.securebits, Word(SECURE_NO_SETUID_FIXUP)) & !(before.fsuid == cred.fsuid) &
           ((before.fsuid == Word(0)) | (cred.fsuid == Word(0)));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    // By number, as capabilities(7) has them: CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE,
    // MKNOD, MAC_OVERRIDE.
    const Word fs_set(std::uint64_t{0x1f} | std::uint64_t{1} << 9 | std::uint64_t{1} << 27 | std::uint64_t{1} << 32);
    const Credentials<D>&before = step.before.cred, &cred = step.after.cred;
    return cred.effective == D::select(before.fsuid == Word(0), before.effective & ~fs_set,
                                       before.effective | (before.permitted & fs_set));
  }
};

struct ExecKeepsTheRest {
  static constexpr CallKind about = CallKind::execve;
  static constexpr InvariantInfo info{
      "exec-keeps-the-rest", "execve ⇒ I' = I, X' = X, U' = U, NNP' = NNP, A' ⊆ A",
      "An exec changes neither I, X, U, no_new_privs nor the namespace, and A only shrinks.",
      "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return executed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>&a = step.before.cred, &b = step.after.cred;
    return (a.inheritable == b.inheritable) & (a.bounding == b.bounding) & (a.userns == b.userns) &
           (a.no_new_privs == b.no_new_privs) & (step.before.user_ns == step.after.user_ns) &
           subset<D>(b.ambient, a.ambient);
  }
};

struct ExecWithinBoundingAndInheritable {
  static constexpr CallKind about = CallKind::execve;
  static constexpr InvariantInfo info{"exec-within-bounding-and-inheritable", "execve ⇒ P' ⊆ X ∪ I",
                                      "An exec grants nothing from outside the bounding and the inheritable set.",
                                      "bprm_caps_from_vfs_caps"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return executed(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.permitted, step.before.cred.bounding | step.before.cred.inheritable);
  }
};

struct NoNewPrivsGainsNothing {
  static constexpr InvariantInfo info{"no-new-privs-gains-nothing", "NNP ∧ ¬entry ⇒ P' ⊆ P",
                                      "With no_new_privs, no exec gains a permitted capability.",
                                      "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !(step.before.cred.no_new_privs == typename D::Word(0)) & !entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return subset<D>(step.after.cred.permitted, step.before.cred.permitted);
  }
};

/// The file is root's and set-user-id, alone decides, and the user is an ordinary one in the initial namespace.
struct SetuidRootGrantsAll {
  static constexpr CallKind about = CallKind::execve;
  static constexpr InvariantInfo info{
      "setuid-root-grants-all", "execve of a setuid-root file of group 0, nothing unsafe, level 0 ⇒ P' = E' = X ∪ I",
      "Nobody but who may lower X can make a setuid-root program start with fewer capabilities (CVE-2000-0506).",
      "handle_privileged_root"};
  static constexpr bool of_world = true;  // whether something is unsafe is not seen from outside
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Credentials<D>& cred = step.before.cred;
    const Task<D>& task = step.world->tasks[step.call.task];
    return executed(step) & (step.before.level == Word(0)) & !(cred.uid == Word(0)) & (a[0] == Word(0)) &
           (a[1] == Word(0)) & (a[2] == Word(S_ISUID | S_IXGRP)) & (a[3] == Word(0)) & (cred.no_new_privs == Word(0)) &
           (task.traced == Word(0)) & keeps_fs_in_group(*step.world, task) &
           !has<D>(cred.securebits, Word(SECURE_NOROOT));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>&before = step.before.cred, &cred = step.after.cred;
    const auto all = before.bounding | before.inheritable;
    return (cred.permitted == (all | cred.ambient)) & (cred.effective == cred.permitted);
  }
};

struct FileCapabilitiesCancelAmbient {
  static constexpr CallKind about = CallKind::execve;
  static constexpr InvariantInfo info{
      "file-capabilities-cancel-ambient", "execve of a file with v2 capabilities, level 0, mount not nosuid ⇒ A' = ∅",
      "A file with capabilities, even none, makes the exec privileged, which empties the ambient set.",
      "cap_bprm_creds_from_file"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    return executed(step) & (step.before.level == Word(0)) & (a[3] == Word(kExecCapability)) &
           ((a[4] & Word(VFS_CAP_REVISION_MASK)) == Word(VFS_CAP_REVISION_2));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return step.after.cred.ambient == typename D::Word(0);
  }
};

struct BoundingReadIsExact {
  static constexpr CallKind about = CallKind::capbset_read;
  static constexpr InvariantInfo info{"bounding-read-is-exact",
                                      "PR_CAPBSET_READ c, c valid ⇒ it gives 1 if c ∈ X, else 0",
                                      "Every capability up to CAP_LAST_CAP can be asked for.", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    return is(step, CallKind::capbset_read) & cap_valid<D>(profile, step.call.args[0]);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return step.result == as_word<D>(has<D>(step.before.cred.bounding, step.call.args[0]));
  }
};

struct EventForkNeedsSysPtrace {
  static constexpr CallKind about = CallKind::uffdio_api;
  static constexpr InvariantInfo info{
      "event-fork-needs-sys-ptrace", "UFFDIO_API enables EVENT_FORK ⇒ level 0 ∧ SYS_PTRACE ∈ E",
      "The feature that is about another process's memory takes CAP_SYS_PTRACE; CAP_USERFAULTFD alone never does.",
      "userfaultfd_api"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return is(step, CallKind::uffdio_api) & succeeded(step) &
           !((step.call.args[1] & Word(UFFD_FEATURE_EVENT_FORK)) == Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return (step.before.level == Word(0)) & has<D>(step.before.cred.effective, Word(CAP_SYS_PTRACE));
  }
};

struct UserModeOnlyIsFree {
  static constexpr CallKind about = CallKind::userfaultfd;
  static constexpr InvariantInfo info{
      "user-mode-only-is-free", "userfaultfd(known flags with UFFD_USER_MODE_ONLY) succeeds",
      "Whoever handles faults of user mode alone needs no privilege.", "userfaultfd_syscall_allowed"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Word& flags = step.call.args[0];
    return is(step, CallKind::userfaultfd) & !((flags & Word(UFFD_USER_MODE_ONLY)) == Word(0)) &
           ((flags & ~Word(kUserfaultfdFlags)) == Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return succeeded(step);
  }
};

// Of the world: what a kernel does not show in a task's state.

/// userfaultfd() for faults of the kernel, too, where the sysctl lets none do this without privilege.
template <Domain D>
constexpr typename D::Bool asks_for_kernel_faults(const Step<D>& step) {
  using Word = typename D::Word;
  return is(step, CallKind::userfaultfd) & (step.world->sysctls.unprivileged_userfaultfd == Word(0)) &
         ((step.call.args[0] & Word(UFFD_USER_MODE_ONLY)) == Word(0));
}

struct UserfaultfdStaysAllowed {
  static constexpr CallKind about = CallKind::userfaultfd;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "userfaultfd-stays-allowed", "mainline allows userfaultfd(flags) ⇒ it does not give EPERM",
      "Whoever gets a userfaultfd without the proposal gets one with it.", "userfaultfd_syscall_allowed"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile& profile, const Step<D>& step) {
    Profile mainline = profile;
    mainline.features.userfaultfd_cap = false;
    return is(step, CallKind::userfaultfd) &
           userfaultfd_syscall_allowed<D>(mainline, step.world->namespaces, step.world->sysctls,
                                          step.world->tasks[step.call.task], step.call.args[0]);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return !(step.result == Word(0) - Word(EPERM));
  }
};

struct UserfaultfdChildNamespaceCountsForNothing {
  static constexpr CallKind about = CallKind::userfaultfd;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{"userfaultfd-child-namespace-counts-for-nothing",
                                      "sysctl 0 ∧ level > 0 ∧ UFFD_USER_MODE_ONLY ∉ flags ⇒ userfaultfd(flags) = EPERM",
                                      "Capabilities in a child namespace, all of them even, allow nothing.",
                                      "userfaultfd_syscall_allowed"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return asks_for_kernel_faults(step) & !(step.before.level == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return step.result == Word(0) - Word(EPERM);
  }
};

struct UserfaultfdNeedsOneOfTwo {
  static constexpr CallKind about = CallKind::userfaultfd;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "userfaultfd-needs-one-of-two",
      "sysctl 0 ∧ level 0 ∧ UFFD_USER_MODE_ONLY ∉ flags ⇒ (userfaultfd(flags) = EPERM ⇔ E ∩ {SYS_PTRACE, USERFAULTFD} "
      "= ∅), and known flags do not fail otherwise",
      "In the initial namespace it is for holders of CAP_SYS_PTRACE or, with the proposal, CAP_USERFAULTFD; nobody "
      "else "
      "is told even of unknown flags.",
      "userfaultfd_syscall_allowed"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return asks_for_kernel_faults(step) & (step.before.level == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const std::uint64_t two =
        cap_bit(CAP_SYS_PTRACE) | (profile.features.userfaultfd_cap ? cap_bit(kCapUserfaultfd) : 0);
    const Bool holds_one = !((step.before.cred.effective & Word(two)) == Word(0));
    const Bool refused = step.result == Word(0) - Word(EPERM);
    const Bool known = (step.call.args[0] & ~Word(kUserfaultfdFlags)) == Word(0);
    return ((refused & !holds_one) | (!refused & holds_one)) & implies<D>(known & holds_one, succeeded(step));
  }
};

/// An ioctl of an open device, with flags that are known.
struct DeviceAsksNoCapability {
  static constexpr CallKind about = CallKind::userfaultfd_ioc_new;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "userfaultfd-device-asks-no-capability",
      "/dev/userfaultfd is open ⇒ ioctl(USERFAULTFD_IOC_NEW, known flags) succeeds",
      "Who could open the device gets a userfaultfd for faults of the kernel, too, whatever its capabilities.",
      "userfaultfd_dev_ioctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    return is(step, CallKind::userfaultfd_ioc_new) &
           !(step.world->tasks[step.call.task].userfaultfd.device_open == Word(0)) &
           ((step.call.args[0] & ~Word(kUserfaultfdFlags)) == Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return succeeded(step);
  }
};

struct UserModeOnlyStopsNoKernel {
  static constexpr CallKind about = CallKind::kernel_fault;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "user-mode-only-stops-no-kernel", "the descriptor has UFFD_USER_MODE_ONLY ⇒ a fault of the kernel fails",
      "A userfaultfd that anybody may have never makes kernel code wait.", "handle_userfault"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::kernel_fault) &
           !(step.world->tasks[step.call.task].userfaultfd.user_mode_only == typename D::Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return failed(step);
  }
};

/// The task that PTRACE_SEIZE names; of another call, any.
template <Domain D>
constexpr Task<D> named_task(const Step<D>& step) {
  return D::at(step.world->tasks, canonical<D>(Role::task, step.call.args[0]));
}

/// PTRACE_SEIZE of a task in the caller's own namespace succeeded.
template <Domain D>
constexpr typename D::Bool seized_a_neighbour(const Step<D>& step) {
  return is(step, CallKind::ptrace_seize) & succeeded(step) & (named_task(step).user_ns == step.before.user_ns);
}

template <Domain D>
constexpr typename D::Bool has_no_more(const Step<D>& step) {
  return subset<D>(named_task(step).cred.permitted, step.before.cred.permitted);
}

struct SeizeWithoutSysPtraceGainsNothing {
  static constexpr CallKind about = CallKind::ptrace_seize;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{"seize-without-sys-ptrace-gains-nothing",
                                      "PTRACE_SEIZE of t in the own namespace succeeds ∧ SYS_PTRACE ∉ E ⇒ P(t) ⊆ P",
                                      "Without CAP_SYS_PTRACE, with CAP_USERFAULTFD or any other, nobody attaches to a "
                                      "neighbour with more capabilities.",
                                      "__ptrace_may_access"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return seized_a_neighbour(step) & !has<D>(step.before.cred.effective, typename D::Word(CAP_SYS_PTRACE));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return has_no_more(step);
  }
};

struct SeizeGainsNothing {
  static constexpr CallKind about = CallKind::ptrace_seize;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "seize-gains-nothing", "PTRACE_SEIZE of t in the own namespace succeeds ⇒ P(t) ⊆ P",
      "Nobody attaches to a neighbour with more capabilities (what CAP_SYS_PTRACE is for; the reason for proposal 2).",
      "__ptrace_may_access"};
  static constexpr Claim claim(const Profile&) { return Claim::refuted; }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return seized_a_neighbour(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return has_no_more(step);
  }
};

struct GrandchildOwnerHasNothing {
  static constexpr CallKind about = CallKind::ns_capable;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "grandchild-owner-has-nothing", "c ∉ E ∧ target two levels below ∧ its parent not owned ⇒ ¬capable(target, c)",
      "Owning a namespace gives capabilities in it only from the namespace's parent, not from further up.",
      "cap_capable"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Credentials<D>& cred = step.before.cred;
    const UserNamespace<D> target =
        D::at(step.world->namespaces, named_namespace(*step.world, step.call.args[0]).number);
    const UserNamespace<D> parent = D::at(step.world->namespaces, target.parent);
    return is(step, CallKind::ns_capable) & succeeded(step) & !has<D>(cred.effective, step.call.args[1]) &
           (target.level == step.before.level + Word(2)) & !(parent.owner == cred.euid);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return step.result == typename D::Word(0);
  }
};

struct RootMappingNeedsSetfcap {
  static constexpr CallKind about = CallKind::write_uid_map;
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "root-mapping-needs-setfcap", "uid_map written from inside with the parent's uid 0 ⇒ the creator had SETFCAP",
      "The parent's root is mapped from inside only if the namespace's creator had SETFCAP.", "verify_root_map"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const auto& a = step.call.args;
    const Word own(step.call.task);
    return is(step, CallKind::write_uid_map) & succeeded(step) & (a[0] == own) & (a[1] == own) & (a[3] == Word(0));
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    return D::at(step.world->namespaces, step.before.user_ns).parent_could_setfcap == typename D::Word(1);
  }
};

struct HelperWithinSysctls {
  static constexpr CallKind about = CallKind::usermodehelper;
  static constexpr bool of_world = true;
  static constexpr bool of_helpers = true;
  static constexpr InvariantInfo info{
      "helper-within-sysctls", "helper ⇒ X' ⊆ bset, I' ⊆ inheritable, U' ⊆ userns, P' = E' = X' ∪ I'",
      "A user-mode helper has no more than the sysctls leave it.", "call_usermodehelper_exec_async"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return typename D::Bool(step.whose == Whose::helper);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>& cred = step.after.cred;
    const Sysctls<D>& sysctls = step.world->sysctls;
    return subset<D>(cred.bounding, sysctls.umh_bset) & subset<D>(cred.inheritable, sysctls.umh_inheritable) &
           subset<D>(cred.userns, sysctls.umh_userns) & (cred.permitted == (cred.bounding | cred.inheritable)) &
           (cred.effective == cred.permitted);
  }
};

}  // namespace invariant

/// Every invariant. Those of states stand before those of steps, since proofs of steps assume them.
using Catalogue = std::tuple<
    invariant::EffectiveWithinPermitted, invariant::AmbientWithinPermittedAndInheritable, invariant::SetsWithinLastCap,
    invariant::SecurebitsSupported, invariant::NestingWithinLimit, invariant::UsernsWithinBounding,
    invariant::FailedCallChangesNothing, invariant::IdsChangeOnlyBySetIdOrExec, invariant::NoNewPrivsIsOneWay,
    invariant::SecurebitsLocksHold, invariant::PermittedGrowsOnlyAtEntryOrExec, invariant::BoundingGrowsOnlyAtEntry,
    invariant::BoundingShrinksOnlyWithSetpcap, invariant::InheritableWithinBounding, invariant::EntryGrantsFull,
    invariant::EntryTakesUserns, invariant::EntryWithinUserns, invariant::EntryWithinBounding,
    invariant::UsernsChangesOnlyByPrctl, invariant::UsernsRaiseIsExact, invariant::UsernsLowerIsFree,
    invariant::UsernsClearAllChecksArguments, invariant::BoundingAndUsernsNeverGrow, invariant::AllSetsNeverGrow,
    invariant::UsernsRejectsBadArguments, invariant::UsernsPrctlTouchesNothingElse,
    invariant::UsernsGainsOnlyFromBounding, invariant::UsernsGainsUnprivilegedOnlyFromPermitted,
    invariant::CapsetOfOwnSetsSucceeds, invariant::CloneCopiesCredentials, invariant::CloneLeavesCaller,
    invariant::GroupIdsTouchNoCapability, invariant::LeavingRootClears, invariant::FsuidMovesFsSet,
    invariant::ExecKeepsTheRest, invariant::ExecWithinBoundingAndInheritable, invariant::NoNewPrivsGainsNothing,
    invariant::SetuidRootGrantsAll, invariant::FileCapabilitiesCancelAmbient, invariant::GrandchildOwnerHasNothing,
    invariant::RootMappingNeedsSetfcap, invariant::HelperWithinSysctls, invariant::EventForkNeedsSysPtrace,
    invariant::UserModeOnlyIsFree, invariant::UserfaultfdStaysAllowed,
    invariant::UserfaultfdChildNamespaceCountsForNothing, invariant::UserfaultfdNeedsOneOfTwo,
    invariant::DeviceAsksNoCapability, invariant::UserModeOnlyStopsNoKernel,
    invariant::SeizeWithoutSysPtraceGainsNothing, invariant::SeizeGainsNothing, invariant::BoundingReadIsExact>;

/// Claims of states have holds(); claims of steps have premise() and conclusion().
template <class I, class D>
concept StateInvariant = requires(const Profile& profile, const TaskState<D>& state) { I::holds(profile, state); };

/// Claims of steps whose premise asks for one call have its kind as `about`.
template <class I>
concept AboutOneCall = requires { I::about; };

/// Claims that read Step::world: they can be asked of the model, not of a kernel.
template <class I>
concept OfWorld = requires { I::of_world; };

/// Claims of steps that are about user-mode helpers. All others are about the caller and its children.
template <class I>
concept OfHelpers = requires { I::of_helpers; };

/// Calls f<I>() for every invariant I, in order.
template <class F>
[[gnu::always_inline]] constexpr void for_each_invariant(F f) {
  const auto call_with_each = [&]<class... I>(std::tuple<I...>*)
                                  __attribute__((always_inline)) { (f.template operator()<I>(), ...); };
  call_with_each(static_cast<Catalogue*>(nullptr));
}

/// Whether a step keeps an invariant: of states, that the state after it is good.
template <class I, Domain D>
constexpr typename D::Bool keeps(const Profile& profile, const Step<D>& step) {
  if constexpr (StateInvariant<I, D>) {
    return I::holds(profile, step.after);
  } else if (OfHelpers<I> != (step.whose == Whose::helper)) {
    return typename D::Bool(true);
  } else if constexpr (std::same_as<typename D::Bool, bool>) {  // known: a conclusion is asked where the premise holds
    return !I::premise(profile, step) || I::conclusion(profile, step);
  } else {
    return implies<D>(I::premise(profile, step), I::conclusion(profile, step));
  }
}

/// The invariants that are claimed to hold on a profile: what the fuzzer holds the kernel's states against.
class Oracles {
 public:
  explicit Oracles(const Profile& profile) : profile_(profile) {
    std::size_t index = 0;
    for_each_invariant([&]<class I>() { held_ |= bit_if(!OfWorld<I> && I::claim(profile) == Claim::holds, index++); });
  }

  /// The first invariant that a step breaks, or null; the state before it must be good. What cannot break is passed
  /// over: what is about another call, and, if nothing changed, all that is not about this one (a property checks
  /// that). Inline, since most steps change nothing, and then there is mostly nothing to ask.
  [[gnu::always_inline]] const InvariantInfo* broken(const Step<Concrete>& step) const {
    const bool changed = step.whose != Whose::caller || !invariant::unchanged(step);
    const BrokenByKind& by_kind = changed ? kBrokenByChange : kBrokenByCall;
    const BrokenBy ask = by_kind[static_cast<std::size_t>(step.call.kind)];
    if (!ask) return nullptr;
    const std::uint64_t found = ask(profile_, step) & held_;
    if (found == 0) [[likely]]
      return nullptr;
    return nth(static_cast<std::size_t>(std::countr_zero(found)));
  }

 private:
  static_assert(std::tuple_size_v<Catalogue> <= 64);

  static constexpr std::uint64_t bit_if(bool condition, std::size_t index) {
    return static_cast<std::uint64_t>(condition) << index;
  }

  /// Whether a step of one kind of call can break an invariant, if anything changed and if not.
  template <class I, CallKind Kind, bool Changed>
  static constexpr bool can_break() {
    if constexpr (OfWorld<I>) {
      return false;
    } else if constexpr (AboutOneCall<I>) {
      return I::about == Kind;
    } else {
      return Changed;
    }
  }

  /// The invariants, one bit each, that a step of one kind of call breaks. Compiled for each kind by itself, since what
  /// a claim says of one call is mostly nothing.
  template <CallKind Kind, bool Changed>
  static std::uint64_t broken_by(const Profile& profile, const Step<Concrete>& step) {
    if (step.call.kind != Kind) __builtin_unreachable();
    std::uint64_t broken = 0;
    std::size_t index = 0;
    for_each_invariant([&]<class I>() __attribute__((always_inline)) {
      const std::size_t own = index++;
      if constexpr (can_break<I, Kind, Changed>()) {
        if (!keeps<I, Concrete>(profile, step)) [[unlikely]]
          broken |= std::uint64_t{1} << own;
      }
    });
    return broken;
  }

  using BrokenBy = std::uint64_t (*)(const Profile&, const Step<Concrete>&);
  using BrokenByKind = std::array<BrokenBy, kCalls.size()>;

  /// Of a kind by which nothing can break, null.
  template <CallKind Kind, bool Changed>
  static constexpr BrokenBy broken_by_or_null() {
    bool any = false;
    for_each_invariant([&]<class I>() { any = any || can_break<I, Kind, Changed>(); });
    return any ? &broken_by<Kind, Changed> : nullptr;
  }
  template <bool Changed, std::size_t... Kind>
  static constexpr BrokenByKind broken_by_kind(std::index_sequence<Kind...>) {
    return {broken_by_or_null<static_cast<CallKind>(Kind), Changed>()...};
  }
  static const BrokenByKind kBrokenByChange;  ///< of steps that change anything
  static const BrokenByKind kBrokenByCall;    ///< of those that change nothing

  static const InvariantInfo* nth(std::size_t wanted) {
    const InvariantInfo* found = nullptr;
    std::size_t index = 0;
    for_each_invariant([&]<class I>() {
      if (index++ == wanted) found = &I::info;
    });
    return found;
  }

  Profile profile_;
  std::uint64_t held_ = 0;  ///< one bit an invariant
};

inline constexpr Oracles::BrokenByKind Oracles::kBrokenByChange =
    Oracles::broken_by_kind<true>(std::make_index_sequence<kCalls.size()>());
inline constexpr Oracles::BrokenByKind Oracles::kBrokenByCall =
    Oracles::broken_by_kind<false>(std::make_index_sequence<kCalls.size()>());

}  // namespace capcheck

#endif
