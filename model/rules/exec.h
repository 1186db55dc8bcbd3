// SPDX-License-Identifier: GPL-2.0-only
// Rules of fs/exec.c, as far as execve(2) decides about credentials.
#ifndef CAPCHECK_MODEL_RULES_EXEC_H_
#define CAPCHECK_MODEL_RULES_EXEC_H_

#include <sys/stat.h>

#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/rules/cred.h"
#include "model/rules/groups.h"
#include "model/rules/namei.h"
#include "model/rules/uidgid.h"
#include "model/world.h"

namespace capcheck {

/// What else there is to know of a file to be executed.
enum ExecFlag : std::uint64_t {
  kExecNosuid = 1,      ///< its mount has MNT_NOSUID
  kExecScript = 2,      ///< it is a script; the interpreter is root's, 0755, on the same mount, without an attribute
  kExecCapability = 4,  ///< it has the attribute security.capability
  kExecTruncated = 8,   ///< the attribute is a byte short
};

/// The mode bits that differ between executable files; all have those of kExecMode.
inline constexpr std::uint64_t kExecModeBits = S_ISUID | S_ISGID | S_IXGRP, kExecMode = 0745;

/// A file to be executed. Its file system belongs to the initial user namespace.
template <Domain D>
struct Executable {
  using Word = typename D::Word;
  Word uid, gid;                               ///< kernel ids of its owner
  Word mode;                                   ///< of kExecModeBits
  Word flags;                                  ///< ExecFlag
  Word magic, permitted, inheritable, rootid;  ///< of the attribute

  constexpr typename D::Bool has_flag(ExecFlag flag) const { return !((flags & Word(flag)) == Word(0)); }
  constexpr typename D::Bool has_mode(std::uint64_t bits) const { return (mode & Word(bits)) == Word(bits); }
};

/// What a task shares, as check_unsafe_exec() sees it.
template <Domain D>
struct ExecContext {
  typename D::Bool fs_shared_beyond_group;  ///< with a task of another thread group
};

/// A task after an exec: credentials, whether its new address space is dumpable, and AT_SECURE.
template <Domain D>
struct Executed {
  Credentials<D> cred;
  typename D::Word dumpable;
  typename D::Word secure;
};

/// bprm_fill_uid(): the old credentials with the ids of a set-id file.
template <Domain D>
constexpr Credentials<D> bprm_fill_uid(const Credentials<D>& old, const UserNamespace<D>& ns,
                                       const Executable<D>& file) {
  return kernel_function<D>("bprm_fill_uid", [&] {
    using Word = typename D::Word;
    const typename D::Bool applies = !file.has_flag(kExecNosuid) & !file.has_flag(kExecScript) &
                                     (old.no_new_privs == Word(0)) & has_mapping(ns.uid_map, file.uid) &
                                     has_mapping(ns.gid_map, file.gid);
    Credentials<D> ids = old;
    ids.euid = D::select(applies & file.has_mode(S_ISUID), file.uid, old.euid);
    ids.egid = D::select(applies & file.has_mode(S_ISGID | S_IXGRP), file.gid, old.egid);
    return ids;
  });
}

/// execve(2) of a file, with bprm_creds_from_file() and, of begin_new_exec(), what it does with credentials.
template <Domain D>
constexpr Outcome<D, Executed<D>> do_execve(const Profile& profile, const Namespaces<D>& namespaces,
                                            const Task<D>& task, const ExecContext<D>& context,
                                            const Executable<D>& file) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  const Credentials<D>& old = task.cred;
  const UserNamespace<D>& ns = D::at(namespaces, task.user_ns);

  Verdict<D> verdict;
  verdict.require(Guard::file_executable,
                  inode_permission<D>(old, ns, {file.uid, file.gid, file.mode | Word(kExecMode)}, Permission::execute));
  const Bool has_attribute = file.has_flag(kExecCapability) & !file.has_flag(kExecNosuid) & !file.has_flag(kExecScript);
  const Credentials<D> ids = bprm_fill_uid(old, ns, file);
  const Subject<D> tracer{task.tracer_user_ns, task.tracer_euid, task.tracer_effective};
  const Bool unsafe = context.fs_shared_beyond_group | !(old.no_new_privs == Word(0)),
             ptracer_capable =
                 (task.traced == Word(0)) | cap_capable<D>(namespaces, tracer, task.user_ns, Word(CAP_SYS_PTRACE)),
             in_new_group = in_group_p(old, ids.egid);
  const ExecCreds<D> creds = kernel_function<D>(
      "cap_bprm_creds_from_file",
      [&] {
        const FileCaps<D> caps = get_file_caps<D>(
            verdict, profile, namespaces, task.user_ns, old,
            {has_attribute, file.has_flag(kExecTruncated), file.magic, file.permitted, file.inheritable, file.rootid});
        return cap_bprm_creds_from_file<D>(profile, old, ns, ids, caps, {unsafe, ptracer_capable}, in_new_group);
      },
      verdict);

  const Bool dumpable =
      (old.euid == old.uid) & (old.egid == old.gid) & stays_dumpable<D>(namespaces, task, creds.cred, task.user_ns);
  return {verdict, Word(0), {creds.cred, as_word<D>(dumpable), as_word<D>(creds.secure)}};
}

}  // namespace capcheck

#endif
