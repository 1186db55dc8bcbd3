// SPDX-License-Identifier: GPL-2.0-only
// The state that transitions change: credentials, user namespaces, tasks, and the world that holds them.
#ifndef CAPCHECK_MODEL_WORLD_H_
#define CAPCHECK_MODEL_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/domain.h"
#include "model/profile.h"

namespace capcheck {

/// A task's capability state: struct cred and, with it, no_new_privs of struct task_struct. Ids are kuid_t and kgid_t
/// values (as seen from the initial namespace). The members' order is the one of capcheck_task_state
/// (fuzz/kernel/harness_abi.h).
template <Domain D>
struct Credentials {
  using Word = typename D::Word;
  Word inheritable;   ///< I
  Word permitted;     ///< P
  Word effective;     ///< E
  Word bounding;      ///< X
  Word ambient;       ///< A
  Word userns;        ///< U; 0 where the profile has no userns feature
  Word securebits;    ///< SECBIT_*
  Word no_new_privs;  ///< 0 or 1
  Word uid, euid, suid, fsuid;
  Word gid, egid, sgid, fsgid;
};

/// A member of Credentials with the name it has in trace text: that of /proc/PID/status where there is one.
template <Domain D>
struct CredentialField {
  std::string_view name;
  typename D::Word Credentials<D>::* member;
  bool is_set;  ///< a set of capabilities
};

/// Every member of Credentials, in their order.
template <Domain D>
inline constexpr std::array kCredentialFields = {
    CredentialField<D>{"CapInh", &Credentials<D>::inheritable, true},
    CredentialField<D>{"CapPrm", &Credentials<D>::permitted, true},
    CredentialField<D>{"CapEff", &Credentials<D>::effective, true},
    CredentialField<D>{"CapBnd", &Credentials<D>::bounding, true},
    CredentialField<D>{"CapAmb", &Credentials<D>::ambient, true},
    CredentialField<D>{"CapUNs", &Credentials<D>::userns, true},
    CredentialField<D>{"Securebits", &Credentials<D>::securebits, false},
    CredentialField<D>{"NoNewPrivs", &Credentials<D>::no_new_privs, false},
    CredentialField<D>{"Uid", &Credentials<D>::uid, false},
    CredentialField<D>{"EUid", &Credentials<D>::euid, false},
    CredentialField<D>{"SUid", &Credentials<D>::suid, false},
    CredentialField<D>{"FsUid", &Credentials<D>::fsuid, false},
    CredentialField<D>{"Gid", &Credentials<D>::gid, false},
    CredentialField<D>{"EGid", &Credentials<D>::egid, false},
    CredentialField<D>{"SGid", &Credentials<D>::sgid, false},
    CredentialField<D>{"FsGid", &Credentials<D>::fsgid, false},
};

/// Calls f(word of a, word of b) for every word of two values of one type.
template <Domain D, class F>
constexpr void zip_words(Credentials<D>& a, const Credentials<D>& b, F f) {
  for (const auto& field : kCredentialFields<D>) f(a.*field.member, b.*field.member);
}

/// What is observed of a task: its credentials and the level of its user namespace (0 is the initial one).
template <Domain D>
struct TaskState {
  Credentials<D> cred;
  typename D::Word level;
};

/// uid_map or gid_map with one extent. `first` counts inside, `lower_first` in kernel ids. A count of 0 means
/// unwritten.
template <Domain D>
struct IdMap {
  typename D::Word first, lower_first, count;
};

/// struct user_namespace, as far as transitions depend on it.
template <Domain D>
struct UserNamespace {
  using Word = typename D::Word;
  Word parent;  ///< index in World::namespaces; the initial namespace is its own parent
  Word level;
  Word owner, group;
  Word parent_could_setfcap;  ///< 0 or 1
  Word setgroups_allowed;     ///< USERNS_SETGROUPS_ALLOWED: 0 or 1
  IdMap<D> uid_map, gid_map;
};

template <Domain D, class F>
constexpr void zip_words(IdMap<D>& a, const IdMap<D>& b, F f) {
  f(a.first, b.first);
  f(a.lower_first, b.lower_first);
  f(a.count, b.count);
}

template <Domain D, class F>
constexpr void zip_words(UserNamespace<D>& a, const UserNamespace<D>& b, F f) {
  f(a.parent, b.parent);
  f(a.level, b.level);
  f(a.owner, b.owner);
  f(a.group, b.group);
  f(a.parent_could_setfcap, b.parent_could_setfcap);
  f(a.setgroups_allowed, b.setgroups_allowed);
  zip_words(a.uid_map, b.uid_map, f);
  zip_words(a.gid_map, b.gid_map, f);
}

template <Domain D>
struct Task {
  Credentials<D> cred;
  typename D::Word user_ns;   ///< index in World::namespaces
  typename D::Word chrooted;  ///< current_chrooted(): 0 or 1
};

inline constexpr std::size_t kMaxTasks = 4;
/// A chain of the deepest nesting (34 namespaces) and some siblings.
inline constexpr std::size_t kMaxNamespaces = 40;

template <Domain D>
struct World {
  typename D::template Table<Task<D>, kMaxTasks> tasks;
  typename D::template Table<UserNamespace<D>, kMaxNamespaces> namespaces;
  typename D::Word namespace_count;  ///< namespaces in use; a new one gets this index
};

/// init_cred (kernel/cred.c): root with every capability.
template <Domain D>
constexpr Credentials<D> init_cred(const Profile& profile) {
  using Word = typename D::Word;
  const Word full(profile.full_set()), none(0);
  return {.inheritable = none,
          .permitted = full,
          .effective = full,
          .bounding = full,
          .ambient = none,
          .userns = profile.features.userns ? full : none,
          .securebits = none,
          .no_new_privs = none,
          .uid = none,
          .euid = none,
          .suid = none,
          .fsuid = none,
          .gid = none,
          .egid = none,
          .sgid = none,
          .fsgid = none};
}

/// The number of ids that the initial namespace maps to themselves: all but (uid_t)-1.
inline constexpr std::uint64_t kAllIds = 0xffffffff;

/// init_user_ns (kernel/user.c).
template <Domain D>
constexpr UserNamespace<D> init_user_ns() {
  using Word = typename D::Word;
  const Word none(0);
  const IdMap<D> identity{none, none, Word(kAllIds)};
  return {.parent = none,
          .level = none,
          .owner = none,
          .group = none,
          .parent_could_setfcap = none,
          .setgroups_allowed = Word(1),
          .uid_map = identity,
          .gid_map = identity};
}

/// Puts the world into its initial state: task 0 with init_cred in the initial namespace, not chrooted.
template <Domain D>
constexpr void begin(World<D>& world, const Profile& profile) {
  using Word = typename D::Word;
  world.tasks[0] = {init_cred<D>(profile), Word(0), Word(0)};
  world.namespaces[0] = init_user_ns<D>();
  world.namespace_count = Word(1);
}

template <Domain D>
constexpr TaskState<D> observe(const World<D>& world, std::size_t task) {
  const Task<D>& observed = world.tasks[task];
  return {observed.cred, D::at(world.namespaces, observed.user_ns).level};
}

}  // namespace capcheck

#endif
