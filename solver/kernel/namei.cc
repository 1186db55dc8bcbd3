// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/namei.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "model/rules/namei.h"
#include "solver/kernel/situation.h"

namespace capcheck {
namespace {

/// What is asked of inode_permission(), include/linux/fs.h.
constexpr std::uint64_t kMayExecute = 1, kMayWrite = 2, kMayRead = 4, kMayAnything = 7;

/// Of inode->i_mode.
constexpr unsigned kModeBits = 16;

std::uint64_t mask_of(Permission permission) {
  switch (permission) {
    case Permission::write:
      return kMayWrite;
    case Permission::read_write:
      return kMayRead | kMayWrite;
    case Permission::execute:
      return kMayExecute;
  }
  __builtin_unreachable();
}

unsigned permissions(const Profile&) {
  return kPermissions.size();
}

/// An inode in a file system of the initial namespace, on a mount that is not idmapped, and without a permission() of
/// its own. Whether that is known already (IOP_FASTPERM) is unknown.
ObjectId add_inode(Scene& scene, const Inode<Symbolic>& model) {
  constexpr std::uint64_t kReadOnly = 1, kImmutable = 8;  // SB_RDONLY, S_IMMUTABLE
  constexpr std::uint64_t kFormat = S_IFMT;
  Interpreter& interpreter = scene.interpreter();
  const ObjectId inode = interpreter.add_object("inode", "inode"),
                 operations = interpreter.add_object("i_op", "inode_operations"),
                 super = interpreter.add_object("super block", "super_block");
  const auto any_but = [&](const char* name, std::uint64_t bit) {
    return scene.unknown(name, kIntBits, Shown::bits) & ~Word(bit);
  };
  interpreter.set(super, "s_user_ns", Value(Pointer::to(scene.kernel_namespace(0))));
  interpreter.set(super, "s_flags", any_but("flags of the file system", kReadOnly));
  interpreter.set(operations, "permission", Value(Pointer::null()));
  interpreter.set(inode, "i_op", Value(Pointer::to(operations)));
  interpreter.set(inode, "i_sb", Value(Pointer::to(super)));
  interpreter.set(inode, "i_flags", any_but("flags of the inode", kImmutable));
  interpreter.set(inode, "i_uid", model.uid);
  interpreter.set(inode, "i_gid", model.gid);
  interpreter.set(inode, "i_mode", model.mode);
  scene.assume("a file system that is written to is not read-only, and the file not immutable", true);
  scene.assume("the inode is no directory, and has no permission() of its own",
               !((model.mode & Word(kFormat)) == Word(S_IFDIR)));
  return inode;
}

void run_inode_permission(Scene& scene, unsigned situation) {
  const Permission permission = kPermissions[situation];
  const IdFunctions id_functions(scene);
  scene.add_namespaces(0, 1);
  scene.add_maps(1);
  scene.add_task(1);
  add_groups(scene);
  const Credentials<Symbolic>& cred = scene.task().cred;
  Interpreter& interpreter = scene.interpreter();
  interpreter.assume(cred.group_count < Word(kMaxGroups + 1));
  scene.assume("groups are in order: set_groups() is given them sorted (proved as sys_setgroups)",
               (cred.group_count < Word(2)) | !(cred.group1 < cred.group0));
  // Who is nobody would own what belongs to no id: vfsuid_eq_kuid() says otherwise. What is no id's, nobody writes.
  if (permission == Permission::execute) {
    scene.assume("no task has -1 for its fsuid: calls that set ids refuse it (proved as sys_setfsuid and its like)",
                 !(cred.fsuid == Word(kInvalidId)));
  }
  const Inode<Symbolic> model{scene.unknown("inode uid", kIntBits, Shown::number),
                              scene.unknown("inode gid", kIntBits, Shown::number),
                              scene.unknown("inode mode", kModeBits, Shown::bits)};
  const ObjectId inode = add_inode(scene, model);
  // How it is asked beside that (MAY_OPEN, MAY_NOT_BLOCK) makes no difference.
  const Word mask = (scene.unknown("mask", kIntBits, Shown::bits) & ~Word(kMayAnything)) | Word(mask_of(permission));
  const Word result =
      run(scene, "inode_permission", {mount_without_map(scene), Pointer::to(inode), argument(mask, kIntBits)});
  const Bool granted = inode_permission<Symbolic>(cred, scene.world().namespaces[1], model, permission);
  scene.compare("result", result, Symbolic::select(granted, 0, negated(EACCES)), Shown::number);
  scene.compare_the_rest({"inode.i_opflags", "task_struct.flags"});
}

/// Of a user's task, in a namespace below that of its address space or in the same: ids are of neither.
void run_task_dump_owner(Scene& scene, unsigned) {
  constexpr std::uint64_t kKernelThread = 0x200000;  // PF_KTHREAD
  constexpr std::uint64_t kDumpableMask = 3;         // MMF_DUMPABLE_MASK
  constexpr std::uint64_t kProcDirectory = S_IFDIR | 0555;
  const IdFunctions id_functions(scene);
  scene.add_namespaces(1, 2);
  scene.add_maps(1);
  scene.add_task(2);
  Interpreter& interpreter = scene.interpreter();
  const ObjectId task = interpreter.add_object("target", "task_struct"), mm = interpreter.add_object("mm", "mm_struct"),
                 uid = interpreter.add_memory("uid of the file", kIntBits / 8),
                 gid = interpreter.add_memory("gid of the file", kIntBits / 8);
  interpreter.set(task, "real_cred", Value(Pointer::to(scene.cred())));
  interpreter.set(task, "flags", scene.unknown("task flags", kIntBits, Shown::bits) & ~Word(kKernelThread));
  interpreter.set(task, "mm", Value(Pointer::to(mm)));
  Task<Symbolic>& leader = scene.world().tasks[1];
  const Word flags = scene.unknown("dumpable", kLongBits, Shown::bits);
  leader.dumpable = flags & Word(kDumpableMask);
  leader.mm_user_ns = 1;
  interpreter.set(mm, "flags", flags);
  interpreter.set(mm, "user_ns", Value(Pointer::to(scene.kernel_namespace(1))));
  const Word mode = scene.unknown("mode of the file", kModeBits, Shown::bits);
  interpreter.assume(!(mode == Word(kProcDirectory)));
  const std::vector<Value> arguments{Pointer::to(task), argument(mode, kModeBits), Pointer::to(uid), Pointer::to(gid)};
  interpreter.run("task_dump_owner", arguments, scene.state());

  const Inode<Symbolic> model = proc_pid_inode<Symbolic>(scene.world().namespaces, scene.task(), leader);
  const auto read = [&](ObjectId where) {
    return Scene::word_of(interpreter.read(scene.state(), where, 0, kIntBits / 8));
  };
  scene.compare("uid", read(uid), model.uid, Shown::number);
  scene.compare("gid", read(gid), model.gid, Shown::number);
  scene.compare_the_rest({}, {uid, gid});
}

}  // namespace

std::vector<ProvedFunction> namei_functions() {
  return {
      {"inode_permission", "inode_permission(): to write, to read and write, to execute",
       "up to two groups; what is no directory, and has no access control list", permissions, run_inode_permission, 0,
       // Not the opening of setgroups, which gives EACCES for want of CAP_SYS_ADMIN, too.
       occurrences<OfPermission>(kinds(
           {CallKind::write_uid_map, CallKind::write_gid_map, CallKind::execve, CallKind::open_userfaultfd_device}))},
      {"task_dump_owner", "proc_pid_inode()", "a user's task, which lives; what is no directory", once,
       run_task_dump_owner},
  };
}

}  // namespace capcheck
