// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/ptrace.h"

#include <cerrno>
#include <cstdint>

#include "model/rules/commoncap.h"
#include "model/rules/ptrace.h"
#include "solver/kernel/situation.h"

namespace capcheck {
namespace {

/// How the access is asked for, include/linux/ptrace.h.
constexpr std::uint64_t kFilesystemCreds = 8, kRealCreds = 16;

/// The tracee's namespace has a level, and the tracer may be in any of those above it, or in another.
constexpr unsigned kLevels = 4;
constexpr std::string_view kBound = "namespaces up to 3 deep",
                           kRealBound = "namespaces up to 3 deep; PTRACE_MODE_REALCREDS";

unsigned levels(const Profile&) {
  return kLevels;
}

void set_up_chain(Scene& scene, unsigned level) {
  scene.add_namespaces(0, level);
  scene.add_other_namespace();
}

/// Another task, which has these credentials.
ObjectId add_other_task(Scene& scene, const std::string& name, ObjectId cred) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId task = interpreter.add_object(name, "task_struct");
  interpreter.set(task, "cred", Value(Pointer::to(cred)));
  interpreter.set(task, "real_cred", Value(Pointer::to(cred)));
  return task;
}

/// The access of ptrace(2), of which only by what credentials it is asked for counts.
Value add_mode(Scene& scene) {
  const Word mode = scene.unknown("mode", kIntBits, Shown::bits);
  scene.interpreter().assume(((mode & Word(kFilesystemCreds)) == Word(0)) & !((mode & Word(kRealCreds)) == Word(0)));
  return argument(mode, kIntBits);
}

void compare_access(Scene& scene, const Word& result, const Bool& model) {
  scene.compare("result", result, Symbolic::select(model, 0, negated(EPERM)), Shown::number);
  scene.compare_the_rest({"task_struct.flags"});
}

void run_cap_ptrace_access_check(Scene& scene, unsigned level) {
  const CapCapable cap_capable_as_proved(scene);
  set_up_chain(scene, level);
  scene.add_task_anywhere();
  const ObjectId tracee = add_other_task(scene, "tracee", scene.add_other_credentials(1, "tracee", level));
  const Word result = run(scene, "cap_ptrace_access_check", {Pointer::to(tracee), add_mode(scene)});
  compare_access(scene, result,
                 cap_ptrace_access_check<Symbolic>(scene.world().namespaces, scene.task(), scene.world().tasks[1]));
}

/// The tracee makes the call.
void run_cap_ptrace_traceme(Scene& scene, unsigned level) {
  const CapCapable cap_capable_as_proved(scene);
  set_up_chain(scene, level);
  scene.add_task(level);
  const ObjectId parent = add_other_task(scene, "parent", scene.add_other_credentials(1, "parent"));
  const Word result = run(scene, "cap_ptrace_traceme", {Pointer::to(parent)});
  compare_access(scene, result,
                 cap_ptrace_access_check<Symbolic>(scene.world().namespaces, scene.world().tasks[1], scene.task()));
}

/// Of a task in another thread group. Whoever enters a namespace was above it, so its address space is of one that its
/// own is below.
void run_ptrace_may_access(Scene& scene, unsigned level) {
  const CapCapable cap_capable_as_proved(scene);
  set_up_chain(scene, level);
  scene.add_task_anywhere();
  Interpreter& interpreter = scene.interpreter();
  const ObjectId tracee = add_other_task(scene, "tracee", scene.add_other_credentials(1, "tracee", level)),
                 mm = interpreter.add_object("mm", "mm_struct");
  for (const ObjectId task : {scene.kernel_task(), tracee})
    interpreter.set(task, "signal", Value(Pointer::to(interpreter.add_object("signal", "signal_struct"))));
  Task<Symbolic>& leader = scene.world().tasks[2];
  leader.dumpable = scene.unknown("dumpable", 2, Shown::number);
  const Pointer mm_ns = scene.any_namespace("mm ", true);
  leader.mm_user_ns = scene.namespace_number(mm_ns, "at first");
  interpreter.set(mm, "flags", leader.dumpable);
  interpreter.set(mm, "user_ns", Value(mm_ns));
  interpreter.set(tracee, "mm", Value(Pointer::to(mm)));
  const Word result = run(scene, "__ptrace_may_access", {Pointer::to(tracee), add_mode(scene)});
  compare_access(scene, result,
                 ptrace_may_access<Symbolic>(scene.world().namespaces, scene.task(), scene.world().tasks[1], leader));
}

}  // namespace

std::vector<ProvedFunction> ptrace_functions() {
  return {
      {"cap_ptrace_access_check", "cap_ptrace_access_check()", kRealBound, levels, run_cap_ptrace_access_check, 0,
       occurrences<OfAccessCheck>(kinds({CallKind::ptrace_seize}))},
      {"cap_ptrace_traceme", "cap_ptrace_access_check()", kBound, levels, run_cap_ptrace_traceme, 0,
       occurrences<OfTraceme>(kinds({CallKind::ptrace_traceme}))},
      {"__ptrace_may_access", "ptrace_may_access()",
       "namespaces up to 3 deep; PTRACE_MODE_REALCREDS; another thread group, whose address space is of its namespace "
       "or one above",
       levels, run_ptrace_may_access, 0, occurrences<OfMayAccess>(kinds({CallKind::ptrace_seize}))},
  };
}

}  // namespace capcheck
