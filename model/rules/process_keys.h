// SPDX-License-Identifier: GPL-2.0-only
// Rules of security/keys: process_keys.c and, of keyctl.c, keyctl_session_to_parent().
#ifndef CAPCHECK_MODEL_RULES_PROCESS_KEYS_H_
#define CAPCHECK_MODEL_RULES_PROCESS_KEYS_H_

#include "model/domain.h"
#include "model/outcome.h"
#include "model/world.h"

namespace capcheck {

/// join_session_keyring() without a name: a new keyring, which belongs to the real uid. `keyring` is its number.
/// Success is written 0: the serial number that the kernel gives is its own choice.
template <Domain D>
constexpr Outcome<D, Task<D>> join_session_keyring(const Task<D>& task, const typename D::Word& keyring) {
  Task<D> joined = task;
  joined.session = keyring;
  joined.session_uid = task.cred.uid;
  return {{}, typename D::Word(0), joined};
}

/// keyctl_session_to_parent(). `parent` is the caller's parent, of use only where that is in the world; `after` is the
/// parent with the replacement pending.
template <Domain D>
constexpr Outcome<D, Task<D>> session_to_parent(const Task<D>& task, const Task<D>& parent,
                                                const typename D::Bool& parent_single_threaded) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Credentials<D>&own = task.cred, &its = parent.cred;
  const Bool same = task.session == parent.session;
  const Bool owns_parent = (its.uid == own.euid) & (its.euid == own.euid) & (its.suid == own.euid) &
                           (its.gid == own.egid) & (its.egid == own.egid) & (its.sgid == own.egid);
  const Bool owns_keyrings = (parent.session_uid == own.euid) & (task.session_uid == own.euid);
  Verdict<D> verdict;
  verdict.require(Guard::parent_is_user_task, !(task.parent == Word(kOutside)));
  verdict.require(Guard::parent_single_threaded, parent_single_threaded);
  verdict.require(Guard::parent_same_owner, same | owns_parent);
  verdict.require(Guard::keyrings_same_owner, same | owns_keyrings);
  Task<D> pending = parent;
  pending.pending_session = D::select(same, parent.pending_session, task.session);
  pending.pending_uid = D::select(same, parent.pending_uid, task.session_uid);
  return {verdict, Word(0), pending};
}

/// key_change_session_keyring(), where a replacement is pending: new credentials filled field by field from the old
/// ones, but for the session keyring.
template <Domain D>
constexpr void key_change_session_keyring(Task<D>& task) {
  kernel_function<D>(
      "key_change_session_keyring",
      [&] {
        using Word = typename D::Word;
        const typename D::Bool pending = !(task.pending_session == Word(0));
        task.session = D::select(pending, task.pending_session, task.session);
        task.session_uid = D::select(pending, task.pending_uid, task.session_uid);
        task.pending_session = task.pending_uid = Word(0);
      },
      task);
}

}  // namespace capcheck

#endif
