// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/sys.c: what prctl(2) does itself, and the calls that set ids.
#ifndef CAPCHECK_MODEL_RULES_SYS_H_
#define CAPCHECK_MODEL_RULES_SYS_H_

#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/rules/commoncap.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// The arguments of a prctl(2) after its option.
template <Domain D>
struct PrctlArguments {
  typename D::Word arg2, arg3, arg4, arg5;
};

/// sys_prctl(), PR_SET_NO_NEW_PRIVS: one-way.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_no_new_privs(const Credentials<D>& old, const PrctlArguments<D>& args) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::no_new_privs_arguments,
                  (args.arg2 == Word(1)) & ((args.arg3 | args.arg4 | args.arg5) == Word(0)));
  Credentials<D> cred = old;
  cred.no_new_privs = Word(1);
  return {verdict, Word(0), cred};
}

/// sys_prctl(), PR_GET_NO_NEW_PRIVS.
template <Domain D>
constexpr Outcome<D, Credentials<D>> get_no_new_privs(const Credentials<D>& old, const PrctlArguments<D>& args) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::no_new_privs_arguments, (args.arg2 | args.arg3 | args.arg4 | args.arg5) == Word(0));
  return {verdict, old.no_new_privs, old};
}

/// The ids that a family of calls sets: those of users or those of groups.
template <Domain D>
struct IdFamily {
  using Member = typename D::Word Credentials<D>::*;
  Member real, effective, saved, filesystem;
  IdMap<D> UserNamespace<D>::* map;
  unsigned capability;
  bool fixes_capabilities;  ///< by cap_task_fix_setuid(): those of users do
};

template <Domain D>
inline constexpr IdFamily<D> kUserIds = {&Credentials<D>::uid,
                                         &Credentials<D>::euid,
                                         &Credentials<D>::suid,
                                         &Credentials<D>::fsuid,
                                         &UserNamespace<D>::uid_map,
                                         CAP_SETUID,
                                         true};
template <Domain D>
inline constexpr IdFamily<D> kGroupIds = {&Credentials<D>::gid,
                                          &Credentials<D>::egid,
                                          &Credentials<D>::sgid,
                                          &Credentials<D>::fsgid,
                                          &UserNamespace<D>::gid_map,
                                          CAP_SETGID,
                                          false};

namespace detail {

/// An argument of a call that sets ids: the kernel id, and whether the caller gave one ((uid_t)-1 leaves an id alone).
template <Domain D>
struct GivenId {
  typename D::Bool given;
  typename D::Word id;

  constexpr GivenId(const IdMap<D>& map, const typename D::Word& argument)
      : given(!(argument == typename D::Word(kInvalidId))), id(map_id_down(map, argument)) {}

  constexpr typename D::Bool mapped() const { return implies<D>(given, !(id == typename D::Word(kInvalidId))); }
  constexpr typename D::Word or_else(const typename D::Word& old) const { return D::select(given, id, old); }
};

template <Domain D>
constexpr Credentials<D> with_fixup(const IdFamily<D>& family, const Credentials<D>& old, const UserNamespace<D>& ns,
                                    const Credentials<D>& ids) {
  return family.fixes_capabilities ? fix_setuid(old, ns, ids) : ids;
}

}  // namespace detail

/// __sys_setuid(), __sys_setgid().
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_id(const IdFamily<D>& family, const Credentials<D>& old,
                                            const UserNamespace<D>& ns, const typename D::Word& argument) {
  using Word = typename D::Word;
  const Word id = map_id_down(ns.*family.map, argument), real = old.*family.real, saved = old.*family.saved;
  const typename D::Bool privileged = capable_in_own_ns(old, family.capability);
  Verdict<D> verdict;
  verdict.require(Guard::id_mapped, !(id == Word(kInvalidId)));
  verdict.require(Guard::id_permitted, privileged | (id == real) | (id == saved));
  Credentials<D> ids = old;
  ids.*family.real = D::select(privileged, id, real);
  ids.*family.saved = D::select(privileged, id, saved);
  ids.*family.effective = ids.*family.filesystem = id;
  return {verdict, Word(0), detail::with_fixup(family, old, ns, ids)};
}

/// __sys_setreuid(), __sys_setregid(). The saved id follows where the real one was given, or the effective one was and
/// differs from the old real one.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_re_id(const IdFamily<D>& family, const Credentials<D>& old,
                                               const UserNamespace<D>& ns, const typename D::Word& real_argument,
                                               const typename D::Word& effective_argument) {
  using Word = typename D::Word;
  const detail::GivenId<D> real(ns.*family.map, real_argument), effective(ns.*family.map, effective_argument);
  const Word old_real = old.*family.real, old_effective = old.*family.effective, old_saved = old.*family.saved;
  const typename D::Bool privileged = capable_in_own_ns(old, family.capability);
  Verdict<D> verdict;
  verdict.require(Guard::id_mapped, real.mapped());
  verdict.require(Guard::id_mapped, effective.mapped());
  verdict.require(Guard::id_permitted,
                  implies<D>(real.given, (real.id == old_real) | (real.id == old_effective) | privileged));
  verdict.require(Guard::id_permitted,
                  implies<D>(effective.given, (effective.id == old_real) | (effective.id == old_effective) |
                                                  (effective.id == old_saved) | privileged));
  Credentials<D> ids = old;
  ids.*family.real = real.or_else(old_real);
  ids.*family.effective = effective.or_else(old_effective);
  const typename D::Bool saves = real.given | (effective.given & !(effective.id == old_real));
  ids.*family.saved = D::select(saves, ids.*family.effective, old_saved);
  ids.*family.filesystem = ids.*family.effective;
  return {verdict, Word(0), detail::with_fixup(family, old, ns, ids)};
}

/// __sys_setresuid(), __sys_setresgid(). Where nothing would change, nothing is asked and fsuid stays.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_res_id(const IdFamily<D>& family, const Credentials<D>& old,
                                                const UserNamespace<D>& ns, const typename D::Word& real_argument,
                                                const typename D::Word& effective_argument,
                                                const typename D::Word& saved_argument) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const detail::GivenId<D> real(ns.*family.map, real_argument), effective(ns.*family.map, effective_argument),
      saved(ns.*family.map, saved_argument);
  const Word old_real = old.*family.real, old_effective = old.*family.effective, old_saved = old.*family.saved;
  const auto held = [&](const detail::GivenId<D>& id) {
    return implies<D>(id.given, (id.id == old_real) | (id.id == old_effective) | (id.id == old_saved));
  };
  const Bool changes_nothing =
      implies<D>(real.given, real.id == old_real) &
      implies<D>(effective.given, (effective.id == old_effective) & (effective.id == old.*family.filesystem)) &
      implies<D>(saved.given, saved.id == old_saved);
  Verdict<D> verdict;
  verdict.require(Guard::id_mapped, real.mapped());
  verdict.require(Guard::id_mapped, effective.mapped());
  verdict.require(Guard::id_mapped, saved.mapped());
  verdict.require(Guard::id_permitted, changes_nothing | (held(real) & held(effective) & held(saved)) |
                                           capable_in_own_ns(old, family.capability));
  Credentials<D> ids = old;
  ids.*family.real = real.or_else(old_real);
  ids.*family.effective = effective.or_else(old_effective);
  ids.*family.saved = saved.or_else(old_saved);
  ids.*family.filesystem = ids.*family.effective;
  Credentials<D> cred = detail::with_fixup(family, old, ns, ids);
  D::assign(cred, changes_nothing, old);
  return {verdict, Word(0), cred};
}

/// __sys_setfsuid(), __sys_setfsgid(): gives the old id, and does not tell whether it changed it.
template <Domain D>
constexpr Outcome<D, Credentials<D>> set_fs_id(const IdFamily<D>& family, const Credentials<D>& old,
                                               const UserNamespace<D>& ns, const typename D::Word& argument) {
  using Word = typename D::Word;
  const Word id = map_id_down(ns.*family.map, argument), old_id = old.*family.filesystem;
  const typename D::Bool permitted = (id == old.*family.real) | (id == old.*family.effective) |
                                     (id == old.*family.saved) | (id == old_id) |
                                     capable_in_own_ns(old, family.capability);
  Credentials<D> ids = old;
  ids.*family.filesystem = D::select(permitted & !(id == Word(kInvalidId)), id, old_id);
  const Credentials<D> cred = family.fixes_capabilities ? fix_setfsuid(old, ns, ids) : ids;
  return {{}, from_id_munged(ns.*family.map, old_id), cred};
}

}  // namespace capcheck

#endif
