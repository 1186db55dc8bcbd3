// SPDX-License-Identifier: GPL-2.0-only
// Invariants of what no kernel shows in a task's state: what a call leaves in the world. The solver proves them and
// properties test them; the fuzzer, which has only a kernel's answers, cannot.
//
// Each is a type as in invariants.h that reads the worlds before and after: of namespaces and sysctls here, of tasks in
// task_invariants.h, of what a program starts with in exec_invariants.h, of what single calls answer in
// call_invariants.h. They say what manual pages do; what says of the
// kernel's own code that it is the rule is solver/kernel.
#ifndef CAPCHECK_MODEL_WORLD_INVARIANTS_H_
#define CAPCHECK_MODEL_WORLD_INVARIANTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "model/call_invariants.h"
#include "model/domain.h"
#include "model/exec_invariants.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/task_invariants.h"
#include "model/world.h"
#include "model/world_step.h"

namespace capcheck {
namespace invariant {

/// A call that fails leaves the tasks, the own namespace and the sysctls; but a session keyring that waits is taken.
struct FailedCallLeavesTheWorld {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "failed-call-leaves-the-world",
      "result < 0 ⇒ tasks' = tasks, sysctls' = sysctls, the own namespace stays as it was, and nothing is made",
      "A call that fails changes nothing, seen or unseen, of any task, and makes no namespace or fs_struct.",
      "abort_creds"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return failed(step) & typename D::Bool(step.whose == Whose::caller);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile&, const Step<D>& step) {
    using Word = typename D::Word;
    Word bits = differing<D>(step.world->sysctls, step.left->sysctls) |
                differing<D>(own_namespace(step), UserNamespace<D>(D::at(step.left->namespaces, step.before.user_ns))) |
                (step.world->namespace_count ^ step.left->namespace_count) |
                (step.world->fs_count ^ step.left->fs_count);
    for (std::size_t i = 0; i < kMaxTasks; ++i) {
      Task<D> task = step.world->tasks[i];
      const Task<D>& left = step.left->tasks[i];
      if (i == step.call.task) {
        task.session = left.session;
        task.session_uid = left.session_uid;
        task.pending_session = left.pending_session;
        task.pending_uid = left.pending_uid;
      }
      bits = bits | D::select(task.alive == Word(0), task.alive ^ left.alive, differing<D>(task, left));
    }
    return bits == Word(0);
  }
};

/// Documentation/admin-guide/sysctl: the masks are for the initial namespace's root with both capabilities.
struct SysctlMasksOnlyShrink {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "sysctl-masks-only-shrink",
      "usermodehelper/* := s succeeds ⇔ it exists, euid = 0, level 0, {SETPCAP, SYS_MODULE} ⊆ E; then mask' = mask ∩ s",
      "Only the initial namespace's root with SETPCAP and SYS_MODULE writes the masks, and only to shorten them.",
      "proc_cap_handler"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return is(step, CallKind::write_umh_bset) | is(step, CallKind::write_umh_inheritable) |
           is(step, CallKind::write_umh_userns) | is(step, CallKind::write_cap_userns_mask);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const auto mask = [&] {
      if (step.call.kind == CallKind::write_umh_bset) return &Sysctls<D>::umh_bset;
      if (step.call.kind == CallKind::write_umh_inheritable) return &Sysctls<D>::umh_inheritable;
      if (step.call.kind == CallKind::write_umh_userns) return &Sysctls<D>::umh_userns;
      return &Sysctls<D>::cap_userns_mask;
    }();
    const bool exists = step.call.kind == CallKind::write_umh_userns        ? profile.features.userns
                        : step.call.kind == CallKind::write_cap_userns_mask ? profile.features.userns_mask
                                                                            : true;
    const Credentials<D>& cred = step.before.cred;
    const Bool is_root = cred.euid == Word(0), is_capable = (step.before.level == Word(0)) &
                                                            has<D>(cred.effective, Word(CAP_SETPCAP)) &
                                                            has<D>(cred.effective, Word(CAP_SYS_MODULE));
    Sysctls<D> expected = step.world->sysctls;
    expected.*mask = D::select(succeeded(step), expected.*mask & step.call.args[0], expected.*mask);
    return equivalent<D>(succeeded(step), Bool(exists) & is_root & is_capable) &
           (differing<D>(expected, step.left->sysctls) == Word(0)) & unchanged(step) &
           implies<D>(Bool(!exists), gives(step, ENOENT)) & implies<D>(Bool(exists) & !is_root, gives(step, EACCES)) &
           implies<D>(Bool(exists) & is_root & !is_capable, gives(step, EPERM)) &
           implies<D>(succeeded(step), step.result == Word(std::string_view("0000000000 0000000000\n").size()));
  }
};

/// A namespace that unshare(2) or clone(2) makes: user_namespaces(7).
struct NewNamespaceIsBelow {
  static constexpr bool of_world = true;
  static constexpr InvariantInfo info{
      "new-namespace-is-below",
      "a namespace made ⇒ parent = own, level = own + 1 ≤ 33, owner = euid, group = egid, maps empty, creator mapped, "
      "not chrooted",
      "A new namespace lies below its creator's, belongs to it, has no ids yet, and no freer setgroups.",
      "create_user_ns"};
  static constexpr Claim claim(const Profile& profile) { return always(profile); }
  template <Domain D>
  static constexpr typename D::Bool premise(const Profile&, const Step<D>& step) {
    return (is(step, CallKind::unshare) | is(step, CallKind::clone)) &
           !(step.world->namespace_count == step.left->namespace_count);
  }
  template <Domain D>
  static constexpr typename D::Bool conclusion(const Profile& profile, const Step<D>& step) {
    using Word = typename D::Word;
    const UserNamespace<D> own = own_namespace(step), made = D::at(step.left->namespaces, step.world->namespace_count);
    const Credentials<D>& cred = step.before.cred;
    const auto has_name = [&](const IdMap<D>& map, const Word& id) {
      const auto in = [&](const IdExtent<D>& line) {
        return !(id < line.lower_first) & (id - line.lower_first < line.count);
      };
      return in(map.line0) | in(map.line1);
    };
    const auto is_empty = [](const IdMap<D>& map) {
      return (map.line0.first | map.line0.lower_first | map.line0.count | map.line1.first | map.line1.lower_first |
              map.line1.count) == Word(0);
    };
    return succeeded(step) & (made.parent == step.before.user_ns) & (made.level == step.before.level + Word(1)) &
           (step.before.level < Word(profile.release->max_parent_level + 1)) & (made.owner == cred.euid) &
           (made.group == cred.egid) & (made.setgroups_allowed == own.setgroups_allowed) & is_empty(made.uid_map) &
           is_empty(made.gid_map) & has_name(own.uid_map, cred.euid) & has_name(own.gid_map, cred.egid) &
           (caller_before(step).chrooted == Word(0)) &
           (made.parent_could_setfcap == as_word<D>(has<D>(cred.effective, Word(CAP_SETFCAP))));
  }
};

}  // namespace invariant

/// Every invariant of worlds; those of states first.
using WorldCatalogue = std::tuple<
    invariant::FailedCallLeavesTheWorld, invariant::SysctlMasksOnlyShrink, invariant::NewNamespaceIsBelow,
    invariant::SessionKeyringsAreJoinedOrOffered, invariant::KeyringsAreOfferedToTheOwnParent,
    invariant::ExitEndsTheOwnGroup, invariant::RelativesChangeOnlyByDeath, invariant::TracersAreWhoAsked,
    invariant::ExecStartsAnew, invariant::ExecIsDumpableWithoutGain, invariant::ExecAsksTheFile,
    invariant::ExecGainsNothingWhileShared, invariant::FileCapabilitiesAddUp, invariant::PlainFilesKeepTheAmbient,
    invariant::NosuidFilesGiveNothing, invariant::ScriptsGiveNothing, invariant::AtSecureTellsOfNewIds,
    invariant::ChildSharesWhatWasAskedFor, invariant::NewTasksWereFree, invariant::CloneRefusesContradictions,
    invariant::UnshareDetachesWhoIsAlone, invariant::SetnsJoinsTheNamedNamespace, invariant::ChangedIdsEndDumpable,
    invariant::CapgetTellsOfWhomItNames, invariant::CapsetWritesTheVersion, invariant::ChrootNeedsSysChroot,
    invariant::UserfaultfdIsAsAskedFor, invariant::DeviceOpensByItsMode, invariant::UffdioApiEnablesOnce,
    invariant::FaultsNeedAnEnabledDescriptor, invariant::NoNewPrivsChecksArguments,
    invariant::FilesOfProcAskTheirOpener, invariant::GroupsAreAsAskedFor, invariant::UnprivilegedUserfaultfdIsForRoot>;

/// Calls f<I>() for every invariant of worlds, in order.
template <class F>
constexpr void for_each_world_invariant(F f) {
  const auto call_with_each = [&]<class... I>(std::tuple<I...>*) { (f.template operator()<I>(), ...); };
  call_with_each(static_cast<WorldCatalogue*>(nullptr));
}

}  // namespace capcheck

#endif
