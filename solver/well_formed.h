// SPDX-License-Identifier: GPL-2.0-only
// What makes an arbitrary world one that the model could be in. Proofs by induction assume it, and it is proved like
// every other statement: it holds in the initial world, and every call keeps it.
#ifndef CAPCHECK_SOLVER_WELL_FORMED_H_
#define CAPCHECK_SOLVER_WELL_FORMED_H_

#include <cstddef>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {
namespace well_formed {

/// Follows from what else is said, and spares Z3 to look at the upper bits.
template <Domain D>
constexpr typename D::Bool is_small(const typename D::Word& word) {
  return word >> 8u == typename D::Word(0);
}

/// All numbers that are written to a map have 32 bits.
template <Domain D>
constexpr typename D::Bool map(const IdMap<D>& map) {
  const auto line = [](const IdExtent<D>& extent) {
    return (extent.first | extent.count) >> 32u == typename D::Word(0);
  };
  return line(map.line0) & line(map.line1);
}

/// Without the first line there is no second, and a line that is not there is all zeros.
template <Domain D>
constexpr typename D::Bool written_whole(const IdMap<D>& map) {
  using Word = typename D::Word;
  const auto is_used = [](const IdExtent<D>& line) { return !(line.count == Word(0)); };
  const auto is_zero_or_used = [&](const IdExtent<D>& line) {
    return is_used(line) | ((line.first | line.lower_first) == Word(0));
  };
  return implies<D>(is_used(map.line1), is_used(map.line0)) & is_zero_or_used(map.line0) & is_zero_or_used(map.line1);
}

/// Far from where a sum of such, or a difference, wraps around to a count of 32 bits.
template <Domain D>
constexpr typename D::Bool is_bounded_id(const typename D::Word& word) {
  return word >> 38u == typename D::Word(0);
}

/// What the initial namespace has: every id stands for itself.
template <Domain D>
constexpr typename D::Bool is_identity(const IdMap<D>& map) {
  using Word = typename D::Word;
  return (map.line0.first == Word(0)) & (map.line0.lower_first == Word(0)) & (map.line0.count == Word(kAllIds)) &
         (map.line1.count == Word(0));
}

}  // namespace well_formed

/// Live tasks are in namespaces that exist and in thread groups whose leaders live; namespaces are a tree, each one
/// level below its parent.
struct WorldWellFormed {
  static constexpr InvariantInfo info{
      "world-well-formed",
      "t ⇒ ns(t) exists ∧ leader(t) leads itself ∧ a pending keyring has the session's owner; n ⇒ n = 0 = level = "
      "parent ∨ "
      "(parent exists ∧ level = level(parent) + 1 ≤ 33)",
      "What every other proof assumes of a world: its tasks are in namespaces and thread groups that exist, and its "
      "namespaces are a tree; a session keyring that waits for a task belongs to whom its own does.",
      "create_user_ns"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  /// Of a live task.
  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>& world, std::size_t number) {
    using Word = typename D::Word;
    const Task<D>& task = world.tasks[number];
    typename D::Bool is_led(false);
    for (std::size_t other = 0; other < kMaxTasks; ++other) {
      const Task<D>& leader = world.tasks[other];
      is_led = is_led | ((task.leader == Word(other)) & (leader.leader == Word(other)) & !(leader.alive == Word(0)));
    }
    return is_led & well_formed::is_small<D>(task.leader) & (task.user_ns < world.namespace_count) &
           (task.cred.no_new_privs < Word(2)) &
           ((task.pending_session == Word(0)) | (task.pending_uid == task.session_uid));
  }

  /// Of a namespace in use.
  template <Domain D>
  static constexpr typename D::Bool of_namespace(const Profile& profile, const World<D>& world,
                                                 const typename D::Word& index) {
    using Word = typename D::Word;
    const UserNamespace<D> ns = D::at(world.namespaces, index);
    const typename D::Bool is_initial = index == Word(0), has_level_0 = ns.level == Word(0),
                           has_identity = well_formed::is_identity(ns.uid_map) & well_formed::is_identity(ns.gid_map);
    return well_formed::is_small<D>(ns.level) & (ns.level < Word(profile.release->max_parent_level + 2)) &
           implies<D>(is_initial, has_level_0) & implies<D>(has_level_0, is_initial) &
           implies<D>(is_initial, has_identity) & (ns.parent < world.namespace_count) &
           implies<D>(is_initial, ns.parent == Word(0)) &
           (is_initial | (ns.level == D::at(world.namespaces, ns.parent).level + Word(1))) &
           well_formed::map(ns.uid_map) & well_formed::map(ns.gid_map);
  }
};

/// What is written is stored, and nothing else.
struct MapsAreWrittenWhole {
  static constexpr InvariantInfo info{
      "maps-are-written-whole",
      "map of n: count(line 1) ≠ 0 ⇒ count(line 0) ≠ 0, and count(line) = 0 ⇒ the line is 0 0 0",
      "No map has its second line without its first, and a line that it does not have is all zeros.", "map_write"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>&, std::size_t) {
    return typename D::Bool(true);
  }
  /// Of a namespace in use.
  template <Domain D>
  static constexpr typename D::Bool of_namespace(const Profile&, const World<D>& world, const typename D::Word& index) {
    const UserNamespace<D> ns = D::at(world.namespaces, index);
    return well_formed::written_whole(ns.uid_map) & well_formed::written_whole(ns.gid_map);
  }
};

/// Each namespace adds less than 2³² to what its parent's map leads to.
struct IdsAreBounded {
  static constexpr InvariantInfo info{
      "ids-are-bounded", "ids of t, of n < 2³⁸, and those that maps of n lead to < (level(n) + 1) · 2³²",
      "No id is so large that what is added to it, or subtracted, wraps around.", "map_write"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>& world, std::size_t number) {
    const Task<D>& task = world.tasks[number];
    typename D::Bool bounded = well_formed::is_bounded_id<D>(task.session_uid) &
                               well_formed::is_bounded_id<D>(task.pending_uid) &
                               well_formed::is_bounded_id<D>(task.tracer_euid);
    using Cred = Credentials<D>;
    for (const auto id : {&Cred::uid, &Cred::euid, &Cred::suid, &Cred::fsuid, &Cred::gid, &Cred::egid, &Cred::sgid,
                          &Cred::fsgid, &Cred::group0, &Cred::group1}) {
      bounded = bounded & well_formed::is_bounded_id<D>(task.cred.*id);
    }
    return bounded;
  }
  /// Of a namespace in use.
  template <Domain D>
  static constexpr typename D::Bool of_namespace(const Profile&, const World<D>& world, const typename D::Word& index) {
    const UserNamespace<D> ns = D::at(world.namespaces, index);
    typename D::Bool bounded = well_formed::is_bounded_id<D>(ns.owner) & well_formed::is_bounded_id<D>(ns.group);
    for (const IdMap<D>* map : {&ns.uid_map, &ns.gid_map}) {
      for (const IdExtent<D>* line : {&map->line0, &map->line1})
        bounded = bounded & !(ns.level < line->lower_first >> 32u);
    }
    return bounded;
  }
};

/// An address space, and a tracer's credentials, are of a namespace that exists.
struct NamespacesExist {
  static constexpr InvariantInfo info{"namespaces-exist", "ns of t's address space exists ∧ ns of t's tracer exists",
                                      "Namespaces that tasks refer to besides their own exist.", "exec_mmap"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>& world, std::size_t number) {
    const Task<D>& task = world.tasks[number];
    return (task.mm_user_ns < world.namespace_count) & (task.tracer_user_ns < world.namespace_count);
  }
};

/// What is a truth value.
struct FlagsAreBoolean {
  static constexpr InvariantInfo info{"flags-are-boolean", "flags of t and n are 0 or 1",
                                      "What tasks and namespaces have of truth values is 0 or 1.", "commit_creds"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>& world, std::size_t number) {
    using Word = typename D::Word;
    Task<D> task = world.tasks[number];
    typename D::Bool boolean(true);
    for (const auto flag : {&Task<D>::alive, &Task<D>::chrooted, &Task<D>::dumpable, &Task<D>::traced}) {
      boolean = boolean & (task.*flag < Word(2));
    }
    for (const Word* flag : words_of(task.userfaultfd)) boolean = boolean & (*flag < Word(2));
    return boolean;
  }
  /// Of a namespace in use.
  template <Domain D>
  static constexpr typename D::Bool of_namespace(const Profile&, const World<D>& world, const typename D::Word& index) {
    using Word = typename D::Word;
    const UserNamespace<D> ns = D::at(world.namespaces, index);
    return (ns.parent_could_setfcap < Word(2)) & (ns.setgroups_allowed < Word(2));
  }
};

/// commit_creds() makes an address space not dumpable where the ids for files change, and an exec gives them the
/// effective ones.
struct DumpableHaveFsIds {
  static constexpr InvariantInfo info{"dumpable-have-fs-ids", "dumpable(leader(t)) ≠ 0 ⇒ fsuid = euid ∧ fsgid = egid",
                                      "A task whose address space is dumpable has its effective ids for files.",
                                      "commit_creds"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }

  template <Domain D>
  static constexpr typename D::Bool of_task(const Profile&, const World<D>& world, std::size_t number) {
    const Task<D>& task = world.tasks[number];
    const typename D::Bool dumpable = !(D::at(world.tasks, task.leader).dumpable == typename D::Word(0));
    return implies<D>(dumpable, (task.cred.fsuid == task.cred.euid) & (task.cred.fsgid == task.cred.egid));
  }
};

}  // namespace capcheck

#endif
