// SPDX-License-Identifier: GPL-2.0-only
// One call of one task, applied to the world: finds what the rule asks for, applies it, and keeps what it leaves.
#ifndef CAPCHECK_MODEL_STEP_H_
#define CAPCHECK_MODEL_STEP_H_

#include <array>
#include <cstddef>

#include "model/call.h"
#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/capability.h"
#include "model/rules/commoncap.h"
#include "model/rules/open.h"
#include "model/rules/sys.h"
#include "model/rules/user_namespace.h"
#include "model/world.h"

namespace capcheck {

/// What a call wrote to user memory: the header's version and the sets of capget(2). 0 where nothing was written.
template <Domain D>
struct Output {
  typename D::Word version, effective, permitted, inheritable;
};

/// What a call returned and wrote, and why.
template <Domain D>
struct Reply {
  typename D::Word code;    ///< Verdict::code(): the guard that failed first
  typename D::Word result;  ///< the value, or the negated errno
  Output<D> output;
};

namespace detail {

template <Domain D>
constexpr Output<D> no_output() {
  const typename D::Word none(0);
  return {none, none, none, none};
}

template <Domain D>
constexpr CapHeader<D> cap_header(const Call<D>& call) {
  using Word = typename D::Word;
  const auto null = [&](std::uint64_t pointer) { return !((call.args[2] & Word(pointer)) == Word(0)); };
  return {call.args[0], call.args[1], null(kHeaderNull), null(kDataNull)};
}

template <Domain D>
constexpr typename D::Word written_version(const CapHeader<D>& header) {
  return D::select(header.header_null, typename D::Word(0), version_after(header));
}

/// Keeps new credentials where the verdict passed.
template <Domain D>
constexpr Reply<D> commit(Credentials<D>& cred, const Outcome<D, Credentials<D>>& outcome) {
  D::assign(cred, outcome.verdict.passed(), outcome.after);
  return {outcome.verdict.code(), outcome.result(), no_output<D>()};
}

template <Domain D>
constexpr Reply<D> capget(World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const CapHeader<D> header = cap_header(call);
  // Only one task lives so far: 0 and its own id name the caller, and no other id exists.
  const auto exists = (header.pid == Word(0)) | (header.pid == Word(thread_id(call.task)));
  const auto outcome = sys_capget(world.tasks[call.task].cred, exists, header);
  return {outcome.verdict.code(),
          outcome.result(),
          {written_version(header), outcome.after.effective, outcome.after.permitted, outcome.after.inheritable}};
}

template <Domain D>
constexpr Reply<D> capset(const Profile& profile, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  const CapHeader<D> header = cap_header(call);
  Credentials<D>& cred = world.tasks[call.task].cred;
  Reply<D> reply = commit(
      cred, sys_capset(profile, cred, Word(thread_id(call.task)), header, {call.args[3], call.args[4], call.args[5]}));
  reply.output.version = written_version(header);
  return reply;
}

template <Domain D>
constexpr Reply<D> unshare(const Profile& profile, World<D>& world, const Call<D>& call) {
  using Word = typename D::Word;
  Task<D>& task = world.tasks[call.task];
  const auto outcome = sys_unshare(profile, task, D::at(world.namespaces, task.user_ns), call.args[0]);
  const auto entered = outcome.verdict.passed() & outcome.after.entered;
  D::store(world.namespaces, entered, world.namespace_count, outcome.after.child);
  D::assign(task.cred, entered, outcome.after.cred);
  task.user_ns = D::select(entered, world.namespace_count, task.user_ns);
  world.namespace_count = D::select(entered, world.namespace_count + Word(1), world.namespace_count);
  return {outcome.verdict.code(), outcome.result(), no_output<D>()};
}

template <Domain D>
constexpr Reply<D> chroot(World<D>& world, const Call<D>& call) {
  Task<D>& task = world.tasks[call.task];
  const auto outcome = sys_chroot(task.cred);
  task.chrooted = D::select(outcome.verdict.passed(), outcome.after, task.chrooted);
  return {outcome.verdict.code(), outcome.result(), no_output<D>()};
}

/// A write to one of the files that set up the caller's own namespace.
template <Domain D>
constexpr Reply<D> write_proc_file(World<D>& world, const Call<D>& call) {
  const Task<D>& task = world.tasks[call.task];
  const MapLine<D> line{call.args[0], call.args[1], call.args[2]};
  UserNamespace<D> ns = D::at(world.namespaces, task.user_ns);
  const UserNamespace<D> parent = D::at(world.namespaces, ns.parent);
  const auto write = [&](auto& target, const auto& outcome) -> Reply<D> {
    target = outcome.after;
    D::store(world.namespaces, outcome.verdict.passed(), task.user_ns, ns);
    return {outcome.verdict.code(), outcome.result(), no_output<D>()};
  };
  switch (call.kind) {
    case CallKind::write_uid_map:
      return write(ns.uid_map, proc_uid_map_write(task.cred, ns, parent, line));
    case CallKind::write_gid_map:
      return write(ns.gid_map, proc_gid_map_write(task.cred, ns, parent, line));
    default:
      return write(ns.setgroups_allowed, proc_setgroups_write(task.cred, ns, call.args[0]));
  }
}

}  // namespace detail

/// Applies a call to the world. Its arguments must be canonical().
template <Domain D>
constexpr Reply<D> step(const Profile& profile, World<D>& world, const Call<D>& call) {
  Credentials<D>& cred = world.tasks[call.task].cred;
  const auto& a = call.args;
  switch (call.kind) {
    case CallKind::capget:
      return detail::capget(world, call);
    case CallKind::capset:
      return detail::capset(profile, world, call);
    case CallKind::capbset_read:
      return detail::commit(cred, capbset_read(profile, cred, a[0]));
    case CallKind::capbset_drop:
      return detail::commit(cred, cap_prctl_drop(profile, cred, a[0]));
    case CallKind::cap_ambient:
      return detail::commit(cred, cap_ambient<D>(profile, cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::cap_userns:
      return detail::commit(cred, cap_userns<D>(profile, cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::set_securebits:
      return detail::commit(cred, set_securebits(profile, cred, a[0]));
    case CallKind::get_securebits:
      return detail::commit(cred, get_securebits(cred));
    case CallKind::set_keepcaps:
      return detail::commit(cred, set_keepcaps(cred, a[0]));
    case CallKind::get_keepcaps:
      return detail::commit(cred, get_keepcaps(cred));
    case CallKind::set_no_new_privs:
      return detail::commit(cred, set_no_new_privs<D>(cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::get_no_new_privs:
      return detail::commit(cred, get_no_new_privs<D>(cred, {a[0], a[1], a[2], a[3]}));
    case CallKind::unshare:
      return detail::unshare(profile, world, call);
    case CallKind::chroot:
      return detail::chroot(world, call);
    case CallKind::write_uid_map:
    case CallKind::write_gid_map:
    case CallKind::write_setgroups:
      return detail::write_proc_file(world, call);
  }
  __builtin_unreachable();
}

}  // namespace capcheck

#endif
