// SPDX-License-Identifier: GPL-2.0-only
// Rules of security/commoncap.c.
#ifndef CAPCHECK_MODEL_RULES_COMMONCAP_H_
#define CAPCHECK_MODEL_RULES_COMMONCAP_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/world.h"

namespace capcheck {

/// cap_valid(), include/linux/capability.h, on all 64 bits of the argument.
template <Domain D>
constexpr typename D::Bool cap_valid(const Profile& profile, const typename D::Word& capability) {
  return capability < typename D::Word(profile.release->last_cap + 1);
}

/// cap_capable() where the target is the credentials' own namespace: c ∈ E.
template <Domain D>
constexpr typename D::Bool capable_in_own_ns(const Credentials<D>& cred, unsigned capability) {
  return has<D>(cred.effective, typename D::Word(capability));
}

/// The three sets that capset(2) asks for.
template <Domain D>
struct CapsetRequest {
  typename D::Word effective, permitted, inheritable;
};

/// cap_capset(): adds its guards to those of sys_capset() and gives the new credentials.
template <Domain D>
constexpr Credentials<D> cap_capset(Verdict<D>& verdict, const Credentials<D>& old, const CapsetRequest<D>& want) {
  verdict.require(Guard::inheritable_capped,
                  capable_in_own_ns(old, CAP_SETPCAP) | subset<D>(want.inheritable, old.inheritable | old.permitted));
  verdict.require(Guard::inheritable_bounded, subset<D>(want.inheritable, old.inheritable | old.bounding));
  verdict.require(Guard::permitted_not_raised, subset<D>(want.permitted, old.permitted));
  verdict.require(Guard::effective_within_permitted, subset<D>(want.effective, want.permitted));

  Credentials<D> cred = old;
  cred.effective = want.effective;
  cred.inheritable = want.inheritable;
  cred.permitted = want.permitted;
  cred.ambient = old.ambient & want.permitted & want.inheritable;
  return cred;
}

/// cap_task_prctl(), PR_CAPBSET_READ: 1 if c ∈ X.
template <Domain D>
constexpr Outcome<D, Credentials<D>> capbset_read(const Profile& profile, const Credentials<D>& old,
                                                  const typename D::Word& capability) {
  Verdict<D> verdict;
  verdict.require(Guard::capability_valid, cap_valid<D>(profile, capability));
  return {verdict, as_word<D>(has<D>(old.bounding, capability)), old};
}

/// cap_prctl_drop(): X' = X ∖ c. With capbset-drop-lowers-userns, U' = U ∖ c as well.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_prctl_drop(const Profile& profile, const Credentials<D>& old,
                                                    const typename D::Word& capability) {
  Verdict<D> verdict;
  verdict.require(Guard::drop_has_setpcap, capable_in_own_ns(old, CAP_SETPCAP));
  verdict.require(Guard::capability_valid, cap_valid<D>(profile, capability));

  Credentials<D> cred = old;
  cred.bounding = old.bounding & ~D::bit(capability);
  if (profile.features.capbset_drop_lowers_userns) cred.userns = old.userns & ~D::bit(capability);
  return {verdict, typename D::Word(0), cred};
}

/// cap_task_prctl(), PR_SET_SECUREBITS. SETPCAP is asked even where nothing would change.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_securebits(const Profile& profile, const Credentials<D>& old,
                                                    const typename D::Word& want) {
  using Word = typename D::Word;
  const Word bits(profile.release->securebits), locks(profile.release->securebits << 1);
  const Word held_locks = old.securebits & locks;

  Verdict<D> verdict;
  verdict.require(Guard::securebits_unlocked, ((held_locks >> 1u) & (old.securebits ^ want)) == Word(0));
  verdict.require(Guard::locks_kept, subset<D>(held_locks, want));
  verdict.require(Guard::securebits_supported, subset<D>(want, bits | locks));
  verdict.require(Guard::securebits_has_setpcap, capable_in_own_ns(old, CAP_SETPCAP));

  Credentials<D> cred = old;
  cred.securebits = want;
  return {verdict, Word(0), cred};
}

/// cap_task_prctl(), PR_GET_SECUREBITS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> get_securebits(const Credentials<D>& old) {
  return {{}, old.securebits, old};
}

/// cap_task_prctl(), PR_SET_KEEPCAPS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_keepcaps(const Credentials<D>& old, const typename D::Word& keep) {
  using Word = typename D::Word;
  const Word bit(SECBIT_KEEP_CAPS);

  Verdict<D> verdict;
  verdict.require(Guard::keepcaps_is_boolean, keep < Word(2));
  verdict.require(Guard::keepcaps_unlocked, (old.securebits & Word(SECBIT_KEEP_CAPS_LOCKED)) == Word(0));

  Credentials<D> cred = old;
  cred.securebits = D::select(keep == Word(0), old.securebits & ~bit, old.securebits | bit);
  return {verdict, Word(0), cred};
}

/// cap_task_prctl(), PR_GET_KEEPCAPS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> get_keepcaps(const Credentials<D>& old) {
  return {{}, as_word<D>(has<D>(old.securebits, typename D::Word(SECURE_KEEP_CAPS))), old};
}

/// The arguments of prctl(PR_CAP_AMBIENT, …) and prctl(PR_CAP_USERNS, …), which share their form.
template <Domain D>
struct SetRequest {
  typename D::Word operation, capability, arg4, arg5;
};

/// What the two have in common: the argument checks, in the kernel's order; RAISE's permission (`may_raise`, checked as
/// `raise_guard`); and the set as IS_SET reads it or the operation leaves it.
template <Domain D>
constexpr Outcome<D, typename D::Word> operate_on_set(const Profile& profile, const typename D::Word& set,
                                                      const SetRequest<D>& request, Guard raise_guard,
                                                      const typename D::Bool& may_raise) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Word none(0), bit = D::bit(request.capability);
  const Bool is_set = request.operation == Word(kIsSet), raise = request.operation == Word(kRaise),
             lower = request.operation == Word(kLower), clear_all = request.operation == Word(kClearAll);
  const Bool rest_zero = (request.arg4 | request.arg5) == none;

  Verdict<D> verdict;
  verdict.require(Guard::arguments_zero, rest_zero & ((clear_all & (request.capability == none)) |
                                                      (!clear_all & cap_valid<D>(profile, request.capability))));
  verdict.require(Guard::operation_known, is_set | raise | lower | clear_all);
  verdict.require(raise_guard, implies<D>(raise, may_raise));

  const Word changed = D::select(raise, set | bit, D::select(lower, set & ~bit, none));
  return {verdict, as_word<D>(is_set & has<D>(set, request.capability)), D::select(is_set, set, changed)};
}

/// cap_task_prctl(), PR_CAP_AMBIENT. RAISE needs c ∈ P ∩ I; X is not asked.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_ambient(const Profile& profile, const Credentials<D>& old,
                                                 const SetRequest<D>& request) {
  const typename D::Bool may_raise = has<D>(old.permitted & old.inheritable, request.capability) &
                                     !has<D>(old.securebits, typename D::Word(SECURE_NO_CAP_AMBIENT_RAISE));
  const auto set = operate_on_set<D>(profile, old.ambient, request, Guard::ambient_raise_allowed, may_raise);

  Credentials<D> cred = old;
  cred.ambient = set.after;
  return {set.verdict, set.value, cred};
}

/// cap_task_prctl(), PR_CAP_USERNS (proposal 1): p'U = (pE & SETPCAP) ? X : (X & pP), joined with U.
template <Domain D>
constexpr Outcome<D, Credentials<D>> cap_userns(const Profile& profile, const Credentials<D>& old,
                                                const SetRequest<D>& request) {
  if (!profile.features.userns) {
    Outcome<D, Credentials<D>> unknown{{}, typename D::Word(0), old};
    unknown.verdict.require(Guard::userns_option_known, typename D::Bool(false));
    return unknown;
  }
  const auto raisable = D::select(capable_in_own_ns(old, CAP_SETPCAP), old.bounding, old.bounding & old.permitted);
  const typename D::Bool may_raise = has<D>(old.userns | raisable, request.capability);
  const auto set = operate_on_set<D>(profile, old.userns, request, Guard::userns_raise_allowed, may_raise);

  Credentials<D> cred = old;
  cred.userns = set.after;
  return {set.verdict, set.value, cred};
}

}  // namespace capcheck

#endif
