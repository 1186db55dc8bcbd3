// SPDX-License-Identifier: GPL-2.0-only
// Rules of fs/namei.c, and of task_dump_owner() in fs/proc/base.c: who may open what.
#ifndef CAPCHECK_MODEL_RULES_NAMEI_H_
#define CAPCHECK_MODEL_RULES_NAMEI_H_

#include <sys/stat.h>

#include "model/domain.h"
#include "model/rules/commoncap.h"
#include "model/rules/groups.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// An inode: its owner in kernel ids, and its mode.
template <Domain D>
struct Inode {
  typename D::Word uid, gid, mode;
};

/// The three bits of a mode that ask for the same permission of owner, group and others.
enum class Permission : std::uint64_t {
  write = S_IWUSR | S_IWGRP | S_IWOTH,
  read_write = S_IRUSR | S_IRGRP | S_IROTH | S_IWUSR | S_IWGRP | S_IWOTH,
  execute = S_IXUSR | S_IXGRP | S_IXOTH,
};

/// Calls f(word of a, same word of b) for every word.
template <Domain D, class F>
constexpr void zip_words(Inode<D>& a, const Inode<D>& b, F f) {
  f(a.uid, b.uid);
  f(a.gid, b.gid);
  f(a.mode, b.mode);
}

namespace detail {

/// Who asks for a permission, as far as it matters: in the inode's eyes, and by capability in its own namespace.
template <Domain D>
struct Asker {
  typename D::Bool is_owner, is_in_group, has_dac_override;
};

template <Domain D>
constexpr typename D::Bool inode_permission(Permission permission, const Asker<D>& asker, const Inode<D>& inode,
                                            const IdMap<D>& uid_map, const IdMap<D>& gid_map) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const std::uint64_t asked = static_cast<std::uint64_t>(permission);
  const auto grants = [&](std::uint64_t bits) { return (inode.mode & Word(asked & bits)) == Word(asked & bits); };
  const Bool owner = asker.is_owner, group = asker.is_in_group;
  const Bool by_mode =
      (owner & grants(S_IRWXU)) | (!owner & group & grants(S_IRWXG)) | (!owner & !group & grants(S_IRWXO));
  const Bool overrides = has_mapping(uid_map, inode.uid) & has_mapping(gid_map, inode.gid) & asker.has_dac_override;
  const Bool nameable = !(inode.uid == Word(kInvalidId)) & !(inode.gid == Word(kInvalidId));
  return (Bool(permission == Permission::execute) | nameable) &
         (by_mode | (overrides & (Bool(permission != Permission::execute) | !((inode.mode & Word(asked)) == Word(0)))));
}

}  // namespace detail

/// inode_permission() of what is no directory: acl_permission_check(), and else DAC_OVERRIDE over an inode whose ids
/// the task's namespace has names for; to execute, some execute bit must be set; what belongs to no id is written by
/// nobody.
template <Domain D>
constexpr typename D::Bool inode_permission(const Credentials<D>& cred, const UserNamespace<D>& ns,
                                            const Inode<D>& inode, Permission permission) {
  return kernel_function<D>("inode_permission", [&] {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto decide = [permission](const Bool& is_owner, const Bool& is_in_group, const Bool& has_dac_override,
                                     const Word& uid, const Word& gid, const Word& mode, const IdMap<D>& uid_map,
                                     const IdMap<D>& gid_map) {
      return detail::inode_permission<D>(permission, {is_owner, is_in_group, has_dac_override}, {uid, gid, mode},
                                         uid_map, gid_map);
    };
    return Bool(function_of<D>(decide, Bool(inode.uid == cred.fsuid), in_group_p(cred, inode.gid),
                               capable_in_own_ns(cred, CAP_DAC_OVERRIDE), inode.uid, inode.gid, inode.mode, ns.uid_map,
                               ns.gid_map));
  });
}

/// The mode of uid_map, gid_map and setgroups in /proc/PID.
inline constexpr std::uint64_t kMapFileMode = 0644;

/// task_dump_owner(): a file of /proc/PID belongs to the task's effective ids; where its address space is not dumpable,
/// to root of the namespace in which that was made.
template <Domain D>
constexpr Inode<D> proc_pid_inode(const Namespaces<D>& namespaces, const Task<D>& task, const Task<D>& leader) {
  return kernel_function<D>("task_dump_owner", [&] {
    using Word = typename D::Word;
    const UserNamespace<D>& mm_ns = D::at(namespaces, leader.mm_user_ns);
    const typename D::Bool dumpable = leader.dumpable == Word(1);
    const auto root_of = [](const IdMap<D>& map) {
      const Word root = map_id_down(map, Word(0));
      return D::select(root == Word(kInvalidId), Word(0), root);
    };
    return Inode<D>{D::select(dumpable, task.cred.euid, function_of<D>(root_of, mm_ns.uid_map)),
                    D::select(dumpable, task.cred.egid, function_of<D>(root_of, mm_ns.gid_map)), Word(kMapFileMode)};
  });
}

}  // namespace capcheck

#endif
