// SPDX-License-Identifier: GPL-2.0-only
// The invariants, stated once: the solver proves them, the properties test them, and the fuzzer holds the kernel's own
// states against them.
//
// Each is a type in kCatalogue with its statement in words and as a formula, the profiles on which it is claimed to
// hold, and one template that is the claim: of a state, or of a step (premise and conclusion).
#ifndef CAPCHECK_MODEL_INVARIANTS_H_
#define CAPCHECK_MODEL_INVARIANTS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include "model/call.h"
#include "model/domain.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// What is to become of an invariant on a profile. A prover that finds otherwise reports it.
enum class Claim : std::uint8_t {
  not_applicable,
  holds,
  refuted,  ///< a counterexample is expected: the claim was made, and is false
};

/// One call of a task, as seen from outside: the states around it, the call and its result.
template <Domain D>
struct Step {
  const TaskState<D>& before;
  const Call<D>& call;
  const typename D::Word& result;
  const TaskState<D>& after;
};

struct InvariantInfo {
  std::string_view name;
  std::string_view formula;
  std::string_view words;
  std::string_view function;  ///< the kernel function it guards
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
/// The task entered a user namespace: the only calls that change its level do so.
template <Domain D>
constexpr typename D::Bool entered(const Step<D>& step) {
  return !(step.before.level == step.after.level);
}
template <Domain D>
constexpr typename D::Bool is(const Step<D>& step, CallKind kind) {
  return typename D::Bool(step.call.kind == kind);
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
         (step.before.level ^ step.after.level);
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
    const std::uint64_t bits = profile.release->securebits;
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

struct IdsUnchanged {
  static constexpr InvariantInfo info{"ids-unchanged", "uid', euid', suid', fsuid', gid', … = uid, …",
                                      "No call of the alphabet changes an id.", "prepare_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>&) {
    return typename D::Bool(true);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    const Credentials<D>&a = step.before.cred, &b = step.after.cred;
    return (a.uid == b.uid) & (a.euid == b.euid) & (a.suid == b.suid) & (a.fsuid == b.fsuid) & (a.gid == b.gid) &
           (a.egid == b.egid) & (a.sgid == b.sgid) & (a.fsgid == b.fsgid);
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

struct SecurebitsLocksHold {
  static constexpr InvariantInfo info{"securebits-locks-hold", "¬entry ⇒ locks and the bits they lock stay",
                                      "A securebits lock, and the bit it locks, change only by namespace entry.",
                                      "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const Word held = step.before.cred.securebits & Word(profile.release->securebits << 1);
    const Word changed = step.before.cred.securebits ^ step.after.cred.securebits;
    return (changed & (held | (held >> 1u))) == Word(0);
  }
};

struct PermittedGrowsOnlyAtEntry {
  static constexpr InvariantInfo info{"permitted-grows-only-at-entry", "¬entry ⇒ P' ⊆ P",
                                      "Without entering a user namespace, no permitted capability is gained.",
                                      "cap_capset"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !entered(step);
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
      "entry-takes-userns", "entry ⇒ U' = P' = E' = X' = U, I' = A' = ∅, securebits' = 0",
      "On entering a user namespace, pU = pE = pP = X, and all are what U was.", "set_cred_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return entered(step);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    const Word none(0), &granted = step.before.cred.userns;
    const Credentials<D>& cred = step.after.cred;
    return (cred.userns == granted) & (cred.permitted == granted) & (cred.effective == granted) &
           (cred.bounding == granted) & (cred.inheritable == none) & (cred.ambient == none) & (cred.securebits == none);
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
      "userns-changes-only-by-prctl", "U' ≠ U ⇒ the call is PR_CAP_USERNS",
      "Only PR_CAP_USERNS changes the userns set (and, where repaired, PR_CAPBSET_DROP).", "cap_task_prctl"};
  static constexpr Claim claim(const Profile& profile) { return with_userns(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return !(step.before.cred.userns == step.after.cred.userns);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    return is(step, CallKind::cap_userns) |
           (typename D::Bool(profile.features.capbset_drop_lowers_userns) & is(step, CallKind::capbset_drop));
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

}  // namespace invariant

/// Every invariant. Those of states stand before those of steps, since proofs of steps assume them.
using Catalogue =
    std::tuple<invariant::EffectiveWithinPermitted, invariant::AmbientWithinPermittedAndInheritable,
               invariant::SetsWithinLastCap, invariant::SecurebitsSupported, invariant::NestingWithinLimit,
               invariant::UsernsWithinBounding, invariant::FailedCallChangesNothing, invariant::IdsUnchanged,
               invariant::NoNewPrivsIsOneWay, invariant::SecurebitsLocksHold, invariant::PermittedGrowsOnlyAtEntry,
               invariant::BoundingGrowsOnlyAtEntry, invariant::BoundingShrinksOnlyWithSetpcap,
               invariant::InheritableWithinBounding, invariant::EntryGrantsFull, invariant::EntryTakesUserns,
               invariant::EntryWithinUserns, invariant::EntryWithinBounding, invariant::UsernsChangesOnlyByPrctl,
               invariant::UsernsRaiseIsExact, invariant::UsernsLowerIsFree, invariant::UsernsClearAllChecksArguments,
               invariant::BoundingAndUsernsNeverGrow, invariant::AllSetsNeverGrow, invariant::UsernsRejectsBadArguments,
               invariant::UsernsPrctlTouchesNothingElse, invariant::UsernsGainsOnlyFromBounding,
               invariant::UsernsGainsUnprivilegedOnlyFromPermitted, invariant::CapsetOfOwnSetsSucceeds>;

/// Claims of states have holds(); claims of steps have premise() and conclusion().
template <class I, class D>
concept StateInvariant = requires(const Profile& profile, const TaskState<D>& state) { I::holds(profile, state); };

/// Claims of steps whose premise asks for one call have its kind as `about`.
template <class I>
concept AboutOneCall = requires { I::about; };

/// Calls f<I>() for every invariant I, in order.
template <class F>
constexpr void for_each_invariant(F f) {
  [&]<class... I>(std::tuple<I...>*) { (f.template operator()<I>(), ...); }(static_cast<Catalogue*>(nullptr));
}

/// Whether a step keeps an invariant: of states, that the state after it is good.
template <class I, Domain D>
constexpr typename D::Bool keeps(const Profile& profile, const Step<D>& step) {
  if constexpr (StateInvariant<I, D>) {
    return I::holds(profile, step.after);
  } else {
    return implies<D>(I::premise(profile, step), I::conclusion(profile, step));
  }
}

/// The invariants that are claimed to hold on a profile: what the fuzzer holds the kernel's states against.
class Oracles {
 public:
  explicit Oracles(const Profile& profile) : profile_(profile) {
    std::size_t index = 0;
    for_each_invariant([&]<class I>() { held_ |= bit_if(I::claim(profile) == Claim::holds, index++); });
  }

  /// The first invariant that a step breaks, or null; the state before it must be good. What cannot break is passed
  /// over: what is about another call, and, if nothing changed, all that is not about this one (a property checks
  /// that).
  const InvariantInfo* broken(const Step<Concrete>& step) const {
    const bool changed = !invariant::unchanged(step);
    std::uint64_t broken = 0;
    std::size_t index = 0;
    for_each_invariant([&]<class I>() {
      const std::size_t own = index++;
      if constexpr (AboutOneCall<I>) {
        if (step.call.kind == I::about) broken |= bit_if(!keeps<I, Concrete>(profile_, step), own);
      } else if (changed) {
        broken |= bit_if(!keeps<I, Concrete>(profile_, step), own);
      }
    });
    if ((broken & held_) == 0) [[likely]]
      return nullptr;
    return nth(static_cast<std::size_t>(std::countr_zero(broken & held_)));
  }

 private:
  static_assert(std::tuple_size_v<Catalogue> <= 64);

  static constexpr std::uint64_t bit_if(bool condition, std::size_t index) {
    return static_cast<std::uint64_t>(condition) << index;
  }
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

}  // namespace capcheck

#endif
