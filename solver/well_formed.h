// SPDX-License-Identifier: GPL-2.0-only
// What makes an arbitrary world one that the model could be in. Proofs by induction assume it, and it is proved like
// every other statement: it holds in the initial world, and every call keeps it.
#ifndef CAPCHECK_SOLVER_WELL_FORMED_H_
#define CAPCHECK_SOLVER_WELL_FORMED_H_

#include <cstddef>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/world.h"

namespace capcheck {
namespace well_formed {

template <Domain D>
constexpr typename D::Bool flag(const typename D::Word& word) {
  return word < typename D::Word(2);
}

/// A kernel id: not (uid_t)-1.
template <Domain D>
constexpr typename D::Bool id(const typename D::Word& word) {
  return word < typename D::Word(kAllIds);
}

template <Domain D>
constexpr typename D::Bool credentials(const Credentials<D>& cred) {
  return flag<D>(cred.no_new_privs) & id<D>(cred.uid) & id<D>(cred.euid) & id<D>(cred.suid) & id<D>(cred.fsuid) &
         id<D>(cred.gid) & id<D>(cred.egid) & id<D>(cred.sgid) & id<D>(cred.fsgid);
}

template <Domain D>
constexpr typename D::Bool map(const IdMap<D>& map) {
  return id<D>(map.first) & id<D>(map.lower_first) & (map.count < typename D::Word(kAllIds + 1));
}

/// While one task lives, its namespaces are a chain from the initial one, so that an index is a level.
template <Domain D>
constexpr typename D::Bool user_namespace(const UserNamespace<D>& ns, const typename D::Word& index) {
  using Word = typename D::Word;
  return (ns.level == index) & (ns.parent == D::select(index == Word(0), Word(0), index - Word(1))) & id<D>(ns.owner) &
         id<D>(ns.group) & flag<D>(ns.parent_could_setfcap) & flag<D>(ns.setgroups_allowed) & map(ns.uid_map) &
         map(ns.gid_map);
}

}  // namespace well_formed

/// Of a world, as seen by its task: what its words can be, and that the next namespace finds a place in the table.
struct WorldWellFormed {
  static constexpr InvariantInfo info{"world-well-formed",
                                      "ids < 2³²−1, flags ∈ {0, 1}, index of namespace = level < 40",
                                      "The representation that every other proof assumes: ids, flags, id maps and the "
                                      "chain of namespaces are in range.",
                                      "create_user_ns"};
  static constexpr Claim claim(const Profile&) { return Claim::holds; }
  template <Domain D>
  static constexpr typename D::Bool holds(const Profile&, const World<D>& world) {
    using Word = typename D::Word;
    const Task<D>& task = world.tasks[0];
    const UserNamespace<D> own = D::at(world.namespaces, task.user_ns);
    const UserNamespace<D> parent = D::at(world.namespaces, own.parent);
    return well_formed::credentials(task.cred) & well_formed::flag<D>(task.chrooted) &
           well_formed::user_namespace(own, task.user_ns) & well_formed::user_namespace(parent, own.parent) &
           (world.namespace_count == task.user_ns + Word(1)) & (task.user_ns < Word(kMaxNamespaces));
  }
};

}  // namespace capcheck

#endif
