// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/bounds.h"

#include <algorithm>
#include <map>
#include <span>

#include "model/program.h"

namespace capcheck {
namespace {

using Bound = bool (*)(const World<Concrete>& world, const Call<Concrete>& call);

const Task<Concrete>& caller(const World<Concrete>& world, const Call<Concrete>& call) {
  return world.tasks[call.task];
}

/// As map_write() leaves a line: no range is empty, or goes beyond the last id.
bool is_valid(const IdExtent<Concrete>& line) {
  return line.count != 0 && line.first + line.count <= kInvalidId && line.lower_first + line.count <= kInvalidId;
}

bool is_valid(const IdMap<Concrete>& map) {
  if (map.line1.count != 0) return is_valid(map.line0) && is_valid(map.line1);
  return map.line0.count == 0 || is_valid(map.line0);
}

/// The namespace of the task whose file in /proc is written to.
const UserNamespace<Concrete>& written_namespace(const World<Concrete>& world, const Call<Concrete>& call) {
  return world.namespaces[world.tasks[call.args[0]].user_ns];
}

bool everything(const World<Concrete>&, const Call<Concrete>&) {
  return true;
}

/// Maps as the kernel lets them be written.
bool valid_maps(const World<Concrete>& world, const Call<Concrete>&) {
  return std::ranges::all_of(
      std::span(world.namespaces).first(world.namespace_count),
      [](const UserNamespace<Concrete>& ns) { return is_valid(ns.uid_map) && is_valid(ns.gid_map); });
}

/// And a namespace is asked for: create_user_ns() is not run else, and the rule has what it would make.
bool namespace_asked_for(const World<Concrete>& world, const Call<Concrete>& call) {
  return valid_maps(world, call) && asks_for_namespace(call);
}

/// And every task that may ask for an inode has its groups in order, and to execute it an id for files.
bool valid_maps_and_ids(const World<Concrete>& world, const Call<Concrete>& call) {
  return valid_maps(world, call) && std::ranges::all_of(world.tasks, [&](const Task<Concrete>& task) {
           const Credentials<Concrete>& cred = task.cred;
           const bool in_order = cred.group_count < 2 || (cred.group_count == 2 && cred.group0 <= cred.group1);
           const bool has_id = call.kind != CallKind::execve || cred.fsuid < kInvalidId;
           return task.alive == 0 || (has_id && in_order);
         });
}

bool initial_namespace(const World<Concrete>& world, const Call<Concrete>& call) {
  return caller(world, call).user_ns == 0;
}

bool pending_keyring(const World<Concrete>& world, const Call<Concrete>& call) {
  return caller(world, call).pending_session != 0;
}

bool written_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  constexpr std::uint64_t kDeepest = 3;
  return written_namespace(world, call).level <= kDeepest;
}

bool map_written_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  return written_three_deep(world, call) && valid_maps(world, call);
}

/// Both lines that are written have ids, and end with one.
bool ranges_of_ids(const World<Concrete>& world, const Call<Concrete>& call) {
  const auto is_range = [](std::uint64_t first, std::uint64_t count) {
    return count != 0 && first + count <= kInvalidId;
  };
  return valid_maps(world, call) && is_range(call.args[3], call.args[4]) && is_range(call.args[6], call.args[7]);
}

bool root_in_effect(const World<Concrete>& world, const Call<Concrete>& call) {
  return caller(world, call).cred.euid == 0;
}

bool is_three_deep(const World<Concrete>& world, const Task<Concrete>& task) {
  constexpr std::uint64_t kDeepest = 3;
  return world.namespaces[task.user_ns].level <= kDeepest;
}

bool caller_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  return is_three_deep(world, caller(world, call));
}

bool executed_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  if (call.kind == CallKind::usermodehelper) return true;  // a task of the initial namespace executes
  return caller_three_deep(world, call) && valid_maps(world, call);
}

bool both_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  const bool has_other = call.kind == CallKind::ptrace_seize;
  return caller_three_deep(world, call) && (!has_other || is_three_deep(world, world.tasks[call.args[0]]));
}

/// And the tracee's address space is of its namespace or of one above.
bool seized_with_memory_above(const World<Concrete>& world, const Call<Concrete>& call) {
  const Task<Concrete>& tracee = world.tasks[call.args[0]];
  const std::uint64_t memory = world.tasks[tracee.leader].mm_user_ns;
  std::uint64_t ns = tracee.user_ns;
  while (ns != memory && ns != 0) ns = world.namespaces[ns].parent;
  return ns == memory && both_three_deep(world, call);
}

/// Of the namespace whose credentials the new ones are.
bool committed_three_deep(const World<Concrete>& world, const Call<Concrete>& call) {
  constexpr std::uint64_t kDeepest = 3;
  if (call.kind != CallKind::setns) return caller_three_deep(world, call);
  return call.args[0] < world.namespace_count && world.namespaces[call.args[0]].level <= kDeepest;
}

bool userfaultfd_in_use(const World<Concrete>& world, const Call<Concrete>& call) {
  const Userfaultfd<Concrete>& descriptor = caller(world, call).userfaultfd;
  return descriptor.open != 0 && descriptor.initialised != 0 && descriptor.memory_gone == 0;
}

const std::map<std::string_view, Bound> kBounds = {
    {"make_kuid", valid_maps},
    {"map_id_range_down", ranges_of_ids},
    {"cap_capable", everything},
    {"cap_task_prctl", initial_namespace},
    {"cap_task_fix_setuid", valid_maps},
    {"sys_capset", initial_namespace},
    {"sys_capget", everything},
    {"commit_creds", committed_three_deep},
    {"userfaultfd_dev_ioctl", everything},
    {"handle_userfault", userfaultfd_in_use},
    {"set_cred_user_ns", everything},
    {"userns_install", everything},
    {"create_user_ns", namespace_asked_for},
    {"cap_bprm_creds_from_file", executed_three_deep},
    {"bprm_fill_uid", valid_maps},
    {"proc_cap_handler", root_in_effect},
    {"cap_ptrace_access_check", both_three_deep},
    {"cap_ptrace_traceme", caller_three_deep},
    {"__ptrace_may_access", seized_with_memory_above},
    {"key_change_session_keyring", pending_keyring},
    {"sys_setuid", valid_maps},
    {"sys_setreuid", valid_maps},
    {"sys_setresuid", valid_maps},
    {"sys_setfsuid", valid_maps},
    {"sys_setgid", valid_maps},
    {"sys_setregid", valid_maps},
    {"sys_setresgid", valid_maps},
    {"sys_setfsgid", valid_maps},
    {"sys_setgroups", valid_maps},
    {"call_usermodehelper_exec_async", everything},
    {"sys_userfaultfd", everything},
    {"userfaultfd_api", everything},
    {"proc_setgroups_write", written_three_deep},
    {"mappings_overlap", everything},
    {"proc_uid_map_write", map_written_three_deep},
    {"proc_gid_map_write", map_written_three_deep},
    {"inode_permission", valid_maps_and_ids},
    {"task_dump_owner", valid_maps},
};

}  // namespace

bool is_within_bound(std::string_view function, const World<Concrete>& world, const Call<Concrete>& call) {
  return kBounds.at(function)(world, call);
}

}  // namespace capcheck
