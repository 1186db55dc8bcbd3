// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/user_namespace.c.
#ifndef CAPCHECK_MODEL_RULES_USER_NAMESPACE_H_
#define CAPCHECK_MODEL_RULES_USER_NAMESPACE_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// set_cred_user_ns(): credentials as they enter a user namespace. P' = E' = X' = FULL in mainline. With proposal 1
/// they are U, which the securebit of its part 2 and the sysctl of its part 3 lower first.
template <Domain D>
constexpr Credentials<D> set_cred_user_ns(const Profile& profile, const Sysctls<D>& sysctls,
                                          const Credentials<D>& old) {
  return kernel_function<D>("set_cred_user_ns", [&] {
    using Word = typename D::Word;
    Credentials<D> cred = old;
    if (profile.features.userns_strict) {
      const typename D::Bool strict = !((old.securebits & Word(profile.strict_securebit())) == Word(0));
      cred.userns = D::select(strict, cred.userns & old.bounding, cred.userns);
    }
    if (profile.features.userns_mask) cred.userns = cred.userns & sysctls.cap_userns_mask;
    const Word granted = profile.features.userns ? cred.userns : Word(profile.full_set());
    cred.securebits = Word(0);
    cred.inheritable = Word(0);
    cred.permitted = granted;
    cred.effective = granted;
    cred.ambient = Word(0);
    cred.bounding = granted;
    return cred;
  });
}

/// create_user_ns() for a task that asks for it (`asked`): its guards, and the namespace.
template <Domain D>
constexpr UserNamespace<D> create_user_ns(Verdict<D>& verdict, const Profile& profile, const Task<D>& task,
                                          const UserNamespace<D>& parent, const typename D::Bool& asked) {
  return kernel_function<D>(
      "create_user_ns",
      [&] {
        using Word = typename D::Word;
        const Credentials<D>& old = task.cred;
        verdict.require(Guard::nesting_within_limit,
                        implies<D>(asked, parent.level < Word(profile.release->max_parent_level + 1)));
        verdict.require(Guard::not_chrooted, implies<D>(asked, task.chrooted == Word(0)));
        verdict.require(Guard::creator_mapped, implies<D>(asked, has_mapping(parent.uid_map, old.euid) &
                                                                     has_mapping(parent.gid_map, old.egid)));
        const IdExtent<D> unwritten{Word(0), Word(0), Word(0)};
        return UserNamespace<D>{.parent = task.user_ns,
                                .level = parent.level + Word(1),
                                .owner = old.euid,
                                .group = old.egid,
                                .parent_could_setfcap = as_word<D>(has<D>(old.effective, Word(CAP_SETFCAP))),
                                .setgroups_allowed = parent.setgroups_allowed,
                                .uid_map = {unwritten, unwritten},
                                .gid_map = {unwritten, unwritten}};
      },
      verdict);
}

/// userns_install(): the tests that a task must pass to join the namespace `target`.
template <Domain D>
constexpr void userns_install(Verdict<D>& verdict, const Namespaces<D>& namespaces, const Task<D>& task,
                              const typename D::Word& target, const typename D::Bool& thread_group_empty,
                              const typename D::Bool& fs_shared) {
  kernel_function<D>(
      "userns_install",
      [&] {
        verdict.require(Guard::not_own_namespace, !(target == task.user_ns));
        verdict.require(Guard::single_threaded, thread_group_empty);
        verdict.require(Guard::fs_not_shared, !fs_shared);
        verdict.require(Guard::target_sys_admin,
                        cap_capable<D>(namespaces, subject_of(task), target, typename D::Word(CAP_SYS_ADMIN)));
      },
      verdict);
}

/// What is written to uid_map or gid_map: one or two lines of three 32-bit numbers, the second of them in terms of the
/// parent. The second line is absent where all its numbers are 0.
template <Domain D>
struct MapText {
  IdExtent<D> line0, line1;

  constexpr typename D::Bool has_second() const {
    using Word = typename D::Word;
    return !((line1.first | line1.lower_first | line1.count) == Word(0));
  }
};

/// What write(2) of a map returns is its size: every line is written in the form in which the kernel prints it,
/// "%10u %10u %10u\n".
inline constexpr std::uint64_t kMapLineSize = 33;

/// Who writes to a file of /proc/PID: its opener, whose credentials were kept with the file, and the writer.
template <Domain D>
struct FileAccess {
  const Task<D>& opener;
  const Task<D>& writer;
};

/// What uid_map and gid_map have each of their own.
template <Domain D>
struct MapFile {
  IdMap<D> UserNamespace<D>::* map;
  typename D::Word Credentials<D>::* own_id;
  unsigned capability;  ///< CAP_SETUID or CAP_SETGID
  bool of_users;
};

template <Domain D>
inline constexpr MapFile<D> kUidMap = {&UserNamespace<D>::uid_map, &Credentials<D>::euid, CAP_SETUID, true};
template <Domain D>
inline constexpr MapFile<D> kGidMap = {&UserNamespace<D>::gid_map, &Credentials<D>::egid, CAP_SETGID, false};

namespace detail {

/// The tests of one line alone: no -1, not empty, no wrap in 32 bits.
template <Domain D>
constexpr typename D::Bool extent_valid(const IdExtent<D>& line) {
  using Word = typename D::Word;
  const auto is_valid = [](const Word& first, const Word& lower_first, const Word& count) {
    const Word limit(kInvalidId);
    const auto proper = [&](const Word& start) { return start < ((start + count) & limit) & start < limit; };
    return proper(first) & proper(lower_first);
  };
  return function_of<D>(is_valid, line.first, line.lower_first, line.count);
}

/// mappings_overlap(), for lines that are valid each.
template <Domain D>
constexpr typename D::Bool extents_overlap(const IdExtent<D>& a, const IdExtent<D>& b) {
  const auto overlap = [&](typename D::Word IdExtent<D>::* first) {
    return a.*first < b.*first + b.count & b.*first < a.*first + a.count;
  };
  return overlap(&IdExtent<D>::first) | overlap(&IdExtent<D>::lower_first);
}

/// verify_root_map(): who maps the parent's uid 0 needs SETFCAP: when the namespace was created, if the opener is
/// inside, else in the parent.
template <Domain D>
constexpr typename D::Bool root_map_verified(const Namespaces<D>& namespaces, const typename D::Word& target,
                                             const UserNamespace<D>& ns, const MapText<D>& text,
                                             const Task<D>& opener) {
  using Word = typename D::Word;
  const typename D::Bool maps_root =
      (text.line0.lower_first == Word(0)) | (text.has_second() & (text.line1.lower_first == Word(0)));
  const typename D::Bool inside = opener.user_ns == target;
  return implies<D>(maps_root,
                    (inside & (ns.parent_could_setfcap == Word(1))) |
                        (!inside & cap_capable<D>(namespaces, subject_of(opener), ns.parent, Word(CAP_SETFCAP))));
}

/// new_idmap_permitted() after verify_root_map().
template <Domain D>
constexpr typename D::Bool idmap_permitted(const Namespaces<D>& namespaces, const MapFile<D>& file,
                                           const UserNamespace<D>& ns, const MapText<D>& text,
                                           const FileAccess<D>& access) {
  using Word = typename D::Word;
  const Credentials<D>& opener = access.opener.cred;
  const Word parent_id = map_id_down(D::at(namespaces, ns.parent).*file.map, text.line0.lower_first);
  const typename D::Bool maps_own_id = !text.has_second() & (text.line0.count == Word(1)) & (ns.owner == opener.euid) &
                                       (parent_id == opener.*file.own_id) &
                                       (typename D::Bool(file.of_users) | (ns.setgroups_allowed == Word(0)));
  const auto capable = [&](const Task<D>& task) {
    return cap_capable<D>(namespaces, subject_of(task), ns.parent, Word(file.capability));
  };
  return maps_own_id | (capable(access.writer) & capable(access.opener));
}

}  // namespace detail

/// proc_uid_map_write(), proc_gid_map_write(), with map_write(). `target` is the namespace whose map it is.
template <Domain D>
constexpr Outcome<D, IdMap<D>> map_write(Verdict<D> verdict, const Namespaces<D>& namespaces, const MapFile<D>& file,
                                         const typename D::Word& target, const FileAccess<D>& access,
                                         const MapText<D>& text) {
  return kernel_function<D>(file.of_users ? "proc_uid_map_write" : "proc_gid_map_write", [&] {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const UserNamespace<D>& ns = D::at(namespaces, target);
    const Bool has_second = text.has_second();

    verdict.require(Guard::has_parent, !(ns.level == Word(0)));
    verdict.require(Guard::opener_in_namespace_or_parent,
                    (access.opener.user_ns == target) | (access.opener.user_ns == ns.parent));
    verdict.require(Guard::map_unwritten, (ns.*file.map).line0.count == Word(0));
    verdict.require(Guard::opener_has_sys_admin,
                    cap_capable<D>(namespaces, subject_of(access.opener), target, Word(CAP_SYS_ADMIN)));
    verdict.require(Guard::extent_valid, detail::extent_valid(text.line0));
    verdict.require(Guard::extent_valid, implies<D>(has_second, detail::extent_valid(text.line1)));
    verdict.require(Guard::extents_disjoint, implies<D>(has_second, !detail::extents_overlap(text.line0, text.line1)));
    if (file.of_users) {
      verdict.require(Guard::root_mapping_allowed,
                      detail::root_map_verified<D>(namespaces, target, ns, text, access.opener));
    }
    verdict.require(Guard::mapping_permitted, detail::idmap_permitted<D>(namespaces, file, ns, text, access));

    const IdMap<D> parent_map = D::at(namespaces, ns.parent).*file.map;
    const Word lower0 = map_id_range_down(parent_map, text.line0.lower_first, text.line0.count),
               lower1 = map_id_range_down(parent_map, text.line1.lower_first, text.line1.count);
    verdict.require(Guard::lower_ids_mapped,
                    !(lower0 == Word(kInvalidId)) & implies<D>(has_second, !(lower1 == Word(kInvalidId))));
    const auto if_second = [&](const Word& word) { return D::select(has_second, word, Word(0)); };
    return Outcome<D, IdMap<D>>{verdict,
                                D::select(has_second, Word(2 * kMapLineSize), Word(kMapLineSize)),
                                {{text.line0.first, lower0, text.line0.count},
                                 {if_second(text.line1.first), if_second(lower1), if_second(text.line1.count)}}};
  });
}

/// What is written to /proc/PID/setgroups: "deny" or "allow"; write(2) returns its length.
inline constexpr std::uint64_t kDenySize = 4, kAllowSize = 5;

/// proc_setgroups_open() and proc_setgroups_write(). `after` is the namespace's setgroups_allowed.
template <Domain D>
constexpr Outcome<D, typename D::Word> proc_setgroups_write(Verdict<D> verdict, const Namespaces<D>& namespaces,
                                                            const typename D::Word& target, const Task<D>& opener,
                                                            const typename D::Word& allow) {
  return kernel_function<D>("proc_setgroups_write", [&] {
    using Word = typename D::Word;
    const typename D::Bool allows = !(allow == Word(0));
    const UserNamespace<D>& ns = D::at(namespaces, target);
    verdict.require(Guard::setgroups_opener_has_sys_admin,
                    cap_capable<D>(namespaces, subject_of(opener), target, Word(CAP_SYS_ADMIN)));
    verdict.require(Guard::setgroups_not_reenabled, implies<D>(allows, ns.setgroups_allowed == Word(1)));
    verdict.require(Guard::setgroups_before_gid_map, implies<D>(!allows, ns.gid_map.line0.count == Word(0)));
    return Outcome<D, typename D::Word>{verdict, D::select(allows, Word(kAllowSize), Word(kDenySize)),
                                        as_word<D>(allows)};
  });
}

}  // namespace capcheck

#endif
