// SPDX-License-Identifier: GPL-2.0-only
#include "solver/grants.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <stdexcept>

#include "model/call.h"
#include "model/step.h"
#include "model/world.h"
#include "solver/query.h"
#include "solver/symbolic.h"

namespace capcheck {
namespace {

using SymbolicCall = Call<Symbolic>;
using SymbolicTask = Task<Symbolic>;
using SymbolicWorld = World<Symbolic>;

constexpr std::uint64_t kRootsNode = S_IRUSR | S_IWUSR, kGroupsNode = kRootsNode | S_IRGRP | S_IWGRP;

/// A call of task 0, and what is assumed of the world around it.
struct Operation {
  std::string_view text;
  SymbolicCall call;
  SymbolicBool (*premise)(const SymbolicWorld&);
};

SymbolicBool is_set(const SymbolicWord& word) {
  return !(word == SymbolicWord(0));
}

const Userfaultfd<Symbolic>& own_userfaultfd(const SymbolicWorld& world) {
  return world.tasks[0].userfaultfd;
}

/// The task has a userfaultfd that can report faults.
SymbolicBool is_ready(const SymbolicWorld& world) {
  const auto& own = own_userfaultfd(world);
  return is_set(own.open) & is_set(own.initialised) & !is_set(own.memory_gone);
}

SymbolicBool owns_no_node(const SymbolicWorld& world) {
  return is_set(world.tasks[0].cred.fsuid) & is_set(world.tasks[0].cred.fsgid);
}

/// Task 1 has the ids that task 0 has, one for each purpose, and a capability that task 0 has not: also one in a
/// namespace above.
SymbolicBool has_neighbour_with_more(const SymbolicWorld& world) {
  const SymbolicTask &task = world.tasks[0], &other = world.tasks[1];
  SymbolicBool same(true);
  for (const auto uid : {&Credentials<Symbolic>::uid, &Credentials<Symbolic>::euid, &Credentials<Symbolic>::suid}) {
    same = same & (other.cred.*uid == task.cred.uid);
  }
  for (const auto gid : {&Credentials<Symbolic>::gid, &Credentials<Symbolic>::egid, &Credentials<Symbolic>::sgid}) {
    same = same & (other.cred.*gid == task.cred.gid);
  }
  return same & is_set(other.alive) & (other.leader == SymbolicWord(1)) & (other.dumpable == SymbolicWord(1)) &
         (other.user_ns == SymbolicWord(0)) & !is_set(other.traced) &
         (is_set(other.cred.permitted & ~task.cred.permitted) | !(other.user_ns == task.user_ns));
}

std::vector<Operation> operations() {
  const auto call = [](CallKind kind, std::initializer_list<SymbolicWord> arguments) {
    SymbolicCall made{kind, 0, {}};
    std::ranges::copy(arguments, made.args.begin());
    return made;
  };
  const SymbolicCall for_all_faults = call(CallKind::userfaultfd, {0});
  const SymbolicCall kernel_fault = call(CallKind::kernel_fault, {});
  return {
      {"userfaultfd(0), vm.unprivileged_userfaultfd is 0", for_all_faults,
       [](const auto& world) { return !is_set(world.sysctls.unprivileged_userfaultfd); }},
      {"userfaultfd(0), vm.unprivileged_userfaultfd is 1", for_all_faults,
       [](const auto& world) { return is_set(world.sysctls.unprivileged_userfaultfd); }},
      {"userfaultfd(UFFD_USER_MODE_ONLY)", call(CallKind::userfaultfd, {UFFD_USER_MODE_ONLY}),
       [](const auto&) { return SymbolicBool(true); }},
      {"open(/dev/userfaultfd), 0600 and root's", call(CallKind::open_userfaultfd_device, {0, 0, kRootsNode}),
       owns_no_node},
      {"open(/dev/userfaultfd), 0660 and of the task's group",
       call(CallKind::open_userfaultfd_device, {0, SymbolicWord::unknown("group"), kGroupsNode}),
       [](const auto& world) {
         const SymbolicWord group = SymbolicWord::unknown("group");
         return owns_no_node(world) & (group == world.tasks[0].cred.fsgid) & (group < SymbolicWord(kInvalidId));
       }},
      {"ioctl(USERFAULTFD_IOC_NEW, 0) of the open device", call(CallKind::userfaultfd_ioc_new, {0}),
       [](const auto& world) { return is_set(own_userfaultfd(world).device_open); }},
      {"ioctl(UFFDIO_API, UFFD_FEATURE_EVENT_FORK)", call(CallKind::uffdio_api, {UFFD_API, UFFD_FEATURE_EVENT_FORK}),
       [](const auto& world) {
         return is_set(own_userfaultfd(world).open) & !is_set(own_userfaultfd(world).initialised);
       }},
      {"a fault of the kernel, handed to userfaultfd(0)'s", kernel_fault,
       [](const auto& world) { return is_ready(world) & !is_set(own_userfaultfd(world).user_mode_only); }},
      {"a fault of the kernel, handed to a UFFD_USER_MODE_ONLY's", kernel_fault,
       [](const auto& world) { return is_ready(world) & is_set(own_userfaultfd(world).user_mode_only); }},
      {"a fault of the task, handed to any userfaultfd's", call(CallKind::user_fault, {}), is_ready},
      {"ptrace(PTRACE_SEIZE) of one with the same ids that has more", call(CallKind::ptrace_seize, {1}),
       has_neighbour_with_more},
  };
}

/// A task by what it may do: its capabilities, and whether it is in the initial namespace.
struct Holder {
  std::uint64_t capabilities;
  bool in_child;
};

/// Any world in which task 0 is such a task. Namespace 1 is any but the initial one.
SymbolicWorld any_world_with(const Profile& profile, const Holder& holder) {
  SymbolicWorld world;
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    SymbolicTask& task = world.tasks[number] = unknown_value<Task>(fmt::format("task{}", number));
    task.user_ns = SymbolicWord::unknown(fmt::format("task{}.ns", number)) & 1;
    for (const auto& field : kCredentialFields<Symbolic>) {
      if (field.is_set) task.cred.*field.member = task.cred.*field.member & profile.full_set();
    }
  }
  SymbolicTask& task = world.tasks[0];
  task.alive = 1;
  task.leader = 0;
  task.user_ns = holder.in_child ? 1 : 0;
  task.cred.permitted = task.cred.effective = holder.capabilities;
  world.namespaces.add(0, init_user_ns<Symbolic>());
  world.namespaces.add(1, unknown_value<UserNamespace>("child"));
  world.namespace_count = 2;
  world.fs_count = SymbolicWord::unknown("fs_count");
  world.session_count = SymbolicWord::unknown("session_count");
  world.sysctls = unknown_value<Sysctls>("sysctls");
  return world;
}

class Questions {
 public:
  Questions(const Profile& profile, std::chrono::milliseconds timeout) : profile_(profile), timeout_(timeout) {}

  Granted ask(const Operation& operation, const Holder& holder) const {
    const SymbolicWorld before = any_world_with(profile_, holder);
    SymbolicWorld after = before;
    const SymbolicBool fails = is_set(step(profile_, after, operation.call).result >> 63u);
    const SymbolicWord level = before.namespaces[1].level;
    const SymbolicBool exists =
        operation.premise(before) & !(level < 1) & (level < SymbolicWord(profile_.release->max_parent_level + 2));
    const bool may_fail = can_hold(operation, exists & fails), may_succeed = can_hold(operation, exists & !fails);
    if (!may_fail && !may_succeed) {
      throw std::logic_error(fmt::format("'{}': no task is as it is assumed", operation.text));
    }
    if (may_fail && may_succeed) return Granted::depends;
    return may_fail ? Granted::never : Granted::always;
  }

 private:
  bool can_hold(const Operation& operation, const SymbolicBool& condition) const {
    const Answer answer = Query(timeout_).ask(condition);
    switch (answer.kind) {
      case Answer::Kind::yes:
        return true;
      case Answer::Kind::no:
        return false;
      default:
        throw std::runtime_error(
            fmt::format("'{}' on {}: Z3 gives no answer: {}", operation.text, to_string(profile_), answer.reason));
    }
  }

  const Profile& profile_;
  std::chrono::milliseconds timeout_;
};

Grant find_grant(const Questions& questions, const Profile& profile, const Operation& operation) {
  Grant grant{.operation = std::string(operation.text),
              .to_no_capability = questions.ask(operation, {0, false}),
              .to_all_in_child = questions.ask(operation, {profile.full_set(), true})};
  for (std::uint64_t capability = 0; capability <= profile.last_cap(); ++capability) {
    const Granted granted = questions.ask(operation, {cap_bit(capability), false});
    if (granted == Granted::always) grant.to_single.push_back(capability);
    if (granted == Granted::depends) grant.maybe_single.push_back(capability);
  }
  grant.to_every_single = grant.to_single.size() == profile.last_cap() + 1;
  if (grant.to_every_single) grant.to_single.clear();
  return grant;
}

}  // namespace

std::string_view to_string(Granted granted) {
  constexpr std::array<std::string_view, 3> kNames = {"always", "never", "depends"};
  return kNames[static_cast<std::size_t>(granted)];
}

std::vector<Grant> find_grants(const Profile& profile, std::chrono::milliseconds timeout) {
  const TermScope scope(1);
  const Questions questions(profile, timeout);
  std::vector<Grant> grants;
  for (const Operation& operation : operations()) grants.push_back(find_grant(questions, profile, operation));
  return grants;
}

}  // namespace capcheck
