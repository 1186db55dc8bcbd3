// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/sys.c: what prctl(2) does itself.
#ifndef CAPCHECK_MODEL_RULES_SYS_H_
#define CAPCHECK_MODEL_RULES_SYS_H_

#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
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

}  // namespace capcheck

#endif
