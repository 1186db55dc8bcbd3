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
  Word group_count;     ///< supplementary groups: group_info->ngroups
  Word group0, group1;  ///< in the kernel's order; 0 beyond group_count
};

/// The most supplementary groups that are modelled; the kernel's NGROUPS_MAX.
inline constexpr std::uint64_t kMaxGroups = 2, kNgroupsMax = 65536;

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
    CredentialField<D>{"Groups", &Credentials<D>::group_count, false},
    CredentialField<D>{"Group0", &Credentials<D>::group0, false},
    CredentialField<D>{"Group1", &Credentials<D>::group1, false},
};

/// Calls f(word of a, word of b) for every word of two values of one type.
template <Domain D, class F>
constexpr void zip_words(Credentials<D>& a, const Credentials<D>& b, F f) {
  for (const auto& field : kCredentialFields<D>) f(a.*field.member, b.*field.member);
}

/// What is observed of a task.
template <Domain D>
struct TaskState {
  using Word = typename D::Word;
  Credentials<D> cred;
  Word level;     ///< of its user namespace; 0 is the initial one
  Word user_ns;   ///< the number of its user namespace, counted in order of creation
  Word dumpable;  ///< get_dumpable(): SUID_DUMP_DISABLE 0, SUID_DUMP_USER 1
};

/// One line of uid_map or gid_map. `first` counts inside, `lower_first` in kernel ids.
template <Domain D>
struct IdExtent {
  typename D::Word first, lower_first, count;
};

/// uid_map or gid_map of up to two lines. A count of 0 means that there is no such line; without the first there is no
/// second.
template <Domain D>
struct IdMap {
  IdExtent<D> line0, line1;
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

/// The parent of tasks that were not created in the world, or whose parent is dead: a kernel thread.
inline constexpr std::uint64_t kOutside = 0xff;

/// The userfaultfd that a task got last, which is the one it uses; another it got before is closed, and so is one that
/// a child would get from its creator. The same of the device's descriptor.
template <Domain D>
struct Userfaultfd {
  using Word = typename D::Word;
  Word open;            ///< 0: there is none
  Word user_mode_only;  ///< UFFD_USER_MODE_ONLY: faults of kernel code are not handed to it
  Word initialised;     ///< UFFDIO_API has succeeded
  Word close_on_exec;
  Word memory_gone;  ///< it is from before an exec: there is nothing that it could be registered for
  Word device_open;  ///< the task has /dev/userfaultfd open, which an exec closes
};

/// struct task_struct, as far as transitions depend on it. What threads of a group share (the address space's
/// properties) is that of their leader's task.
template <Domain D>
struct Task {
  using Word = typename D::Word;
  Credentials<D> cred;
  Word user_ns;           ///< index in World::namespaces
  Word alive;             ///< 0 or 1
  Word leader;            ///< the task that leads its thread group: itself, but for threads
  Word parent;            ///< real_parent: a task, or kOutside
  Word fs;                ///< which fs_struct it uses; tasks of one number share it
  Word chrooted;          ///< current_chrooted(), of its fs_struct: 0 or 1
  Word dumpable;          ///< get_dumpable(mm), of a leader
  Word mm_user_ns;        ///< mm->user_ns, of a leader
  Word session;           ///< which session keyring it has
  Word session_uid;       ///< the keyring's owner
  Word pending_session;   ///< the keyring that replaces it when the task next returns to user mode; 0 if none
  Word pending_uid;       ///< that keyring's owner
  Word traced;            ///< 1 if it has a tracer
  Word tracer;            ///< a task, or kOutside
  Word tracer_user_ns;    ///< of ptracer_cred
  Word tracer_euid;       ///< of ptracer_cred
  Word tracer_effective;  ///< of ptracer_cred
  Userfaultfd<D> userfaultfd;
};

/// Calls f(word of a, word of b) for every word of two values of one type.
template <Domain D, class F>
constexpr void zip_words(IdMap<D>& a, const IdMap<D>& b, F f) {
  f(a.line0.first, b.line0.first);
  f(a.line0.lower_first, b.line0.lower_first);
  f(a.line0.count, b.line0.count);
  f(a.line1.first, b.line1.first);
  f(a.line1.lower_first, b.line1.lower_first);
  f(a.line1.count, b.line1.count);
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

template <Domain D, class F>
constexpr void zip_words(Userfaultfd<D>& a, const Userfaultfd<D>& b, F f) {
  f(a.open, b.open);
  f(a.user_mode_only, b.user_mode_only);
  f(a.initialised, b.initialised);
  f(a.close_on_exec, b.close_on_exec);
  f(a.memory_gone, b.memory_gone);
  f(a.device_open, b.device_open);
}

template <Domain D, class F>
constexpr void zip_words(Task<D>& a, const Task<D>& b, F f) {
  zip_words(a.cred, b.cred, f);
  zip_words(a.userfaultfd, b.userfaultfd, f);
  for (const auto member :
       {&Task<D>::user_ns, &Task<D>::alive, &Task<D>::leader, &Task<D>::parent, &Task<D>::fs, &Task<D>::chrooted,
        &Task<D>::dumpable, &Task<D>::mm_user_ns, &Task<D>::session, &Task<D>::session_uid, &Task<D>::pending_session,
        &Task<D>::pending_uid, &Task<D>::traced, &Task<D>::tracer, &Task<D>::tracer_user_ns, &Task<D>::tracer_euid,
        &Task<D>::tracer_effective}) {
    f(a.*member, b.*member);
  }
}

inline constexpr std::size_t kMaxTasks = 4;
/// A chain of the deepest nesting (34 namespaces) and some siblings.
inline constexpr std::size_t kMaxNamespaces = 40;

/// The user namespaces of a world, by number.
template <Domain D>
using Namespaces = typename D::template Table<UserNamespace<D>, kMaxNamespaces>;

/// The system-wide masks of capabilities under /proc/sys/kernel, and vm.unprivileged_userfaultfd.
template <Domain D>
struct Sysctls {
  using Word = typename D::Word;
  Word umh_bset, umh_inheritable;  ///< usermodehelper/bset, usermodehelper/inheritable
  Word umh_userns;                 ///< usermodehelper/userns
  Word cap_userns_mask;            ///< cap_userns_mask, of the feature userns-mask
  Word unprivileged_userfaultfd;   ///< 0 or 1
};

template <Domain D, class F>
constexpr void zip_words(Sysctls<D>& a, const Sysctls<D>& b, F f) {
  f(a.umh_bset, b.umh_bset);
  f(a.umh_inheritable, b.umh_inheritable);
  f(a.umh_userns, b.umh_userns);
  f(a.cap_userns_mask, b.cap_userns_mask);
  f(a.unprivileged_userfaultfd, b.unprivileged_userfaultfd);
}

template <Domain D>
struct World {
  using Word = typename D::Word;
  typename D::template Table<Task<D>, kMaxTasks> tasks;
  Namespaces<D> namespaces;
  Word namespace_count;  ///< namespaces in use; a new one gets this index
  Word fs_count;         ///< fs_structs made so far; a new one gets this number
  Word session_count;    ///< session keyrings made so far; a new one gets the next number
  Sysctls<D> sysctls;
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
          .fsgid = none,
          .group_count = none,
          .group0 = none,
          .group1 = none};
}

/// The number of ids that the initial namespace maps to themselves: all but (uid_t)-1.
inline constexpr std::uint64_t kAllIds = 0xffffffff;

/// init_user_ns (kernel/user.c).
template <Domain D>
constexpr UserNamespace<D> init_user_ns() {
  using Word = typename D::Word;
  const Word none(0);
  const IdMap<D> identity{{none, none, Word(kAllIds)}, {none, none, none}};
  return {.parent = none,
          .level = none,
          .owner = none,
          .group = none,
          .parent_could_setfcap = none,
          .setgroups_allowed = Word(1),
          .uid_map = identity,
          .gid_map = identity};
}

template <Domain D>
constexpr Userfaultfd<D> no_userfaultfd() {
  const typename D::Word none(0);
  return {none, none, none, none, none, none};
}

/// A task of its own: a thread group of one, with a parent outside, untraced, in the initial namespace.
template <Domain D>
constexpr Task<D> lone_task(const Credentials<D>& cred, const typename D::Word& number, const typename D::Word& fs,
                            const typename D::Word& session) {
  using Word = typename D::Word;
  const Word none(0);
  return {.cred = cred,
          .user_ns = none,
          .alive = Word(1),
          .leader = number,
          .parent = Word(kOutside),
          .fs = fs,
          .chrooted = none,
          .dumpable = Word(1),
          .mm_user_ns = none,
          .session = session,
          .session_uid = none,
          .pending_session = none,
          .pending_uid = none,
          .traced = none,
          .tracer = Word(kOutside),
          .tracer_user_ns = none,
          .tracer_euid = none,
          .tracer_effective = none,
          .userfaultfd = no_userfaultfd<D>()};
}

/// Puts the world into its initial state: task 0 with init_cred in the initial namespace, not chrooted.
template <Domain D>
constexpr void begin(World<D>& world, const Profile& profile) {
  using Word = typename D::Word;
  const Word full(profile.full_set());
  world.tasks[0] = lone_task<D>(init_cred<D>(profile), Word(0), Word(0), Word(1));
  // Of a task that does not live, only what leads on to other tables is ever read.
  for (std::size_t task = 1; task < kMaxTasks; ++task) {
    world.tasks[task].alive = world.tasks[task].user_ns = world.tasks[task].leader = Word(0);
  }
  world.namespaces[0] = init_user_ns<D>();
  world.namespace_count = world.fs_count = world.session_count = Word(1);
  world.sysctls = {full, full, full, full, Word(0)};
}

template <Domain D>
constexpr TaskState<D> observe(const World<D>& world, std::size_t task) {
  const Task<D>& observed = world.tasks[task];
  return {observed.cred, D::at(world.namespaces, observed.user_ns).level, observed.user_ns,
          D::at(world.tasks, observed.leader).dumpable};
}

/// The tasks that live: bit n for task n.
template <Domain D>
constexpr typename D::Word alive_tasks(const World<D>& world) {
  using Word = typename D::Word;
  Word alive(0);
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    alive = alive | D::select(world.tasks[task].alive == Word(0), Word(0), Word(std::uint64_t{1} << task));
  }
  return alive;
}

}  // namespace capcheck

#endif
