// SPDX-License-Identifier: GPL-2.0-only
// Rules of fs/open.c.
#ifndef CAPCHECK_MODEL_RULES_OPEN_H_
#define CAPCHECK_MODEL_RULES_OPEN_H_

#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// sys_chroot() to a searchable directory other than the root. `after` is the task's chrooted flag.
template <Domain D>
constexpr Outcome<D, typename D::Word> sys_chroot(const Credentials<D>& cred) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::chroot_has_sys_chroot, capable_in_own_ns(cred, CAP_SYS_CHROOT));
  return {verdict, Word(0), Word(1)};
}

}  // namespace capcheck

#endif
