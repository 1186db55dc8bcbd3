// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/small_world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cstring>
#include <stdexcept>

#include "model/rules/commoncap.h"
#include "model/rules/exec.h"

namespace capcheck {
namespace {

using Calls = std::vector<Call<Concrete>>;

std::vector<std::uint64_t> subsets_of(std::uint64_t set) {
  std::vector<std::uint64_t> subsets;
  for (std::uint64_t subset = set;; subset = (subset - 1) & set) {
    subsets.push_back(subset);
    if (subset == 0) return subsets;
  }
}

/// The start of a task that has the world's capabilities, with one user's ids.
TaskState<Concrete> start_as(const Profile& profile, std::uint64_t set, std::uint64_t uid) {
  TaskState<Concrete> start{init_cred<Concrete>(profile), 0, 0, 1};
  Credentials<Concrete>& cred = start.cred;
  cred.permitted = cred.effective = cred.bounding = set;
  if (profile.features.userns) cred.userns = set;
  cred.uid = cred.euid = cred.suid = cred.fsuid = uid;
  return start;
}

void add(Calls& calls, CallKind kind, std::array<std::uint64_t, kMaxArguments> args = {}) {
  calls.push_back({kind, 0, args});
}

void add_capget(Calls& calls) {
  add(calls, CallKind::capget, {_LINUX_CAPABILITY_VERSION_3});
}

void add_capset(Calls& calls, std::uint64_t set) {
  for (const std::uint64_t effective : subsets_of(set)) {
    for (const std::uint64_t permitted : subsets_of(set)) {
      for (const std::uint64_t inheritable : subsets_of(set)) {
        add(calls, CallKind::capset, {_LINUX_CAPABILITY_VERSION_3, 0, 0, effective, permitted, inheritable});
      }
    }
  }
}

void add_bounding(Calls& calls, const SmallWorld& world) {
  for (const std::uint64_t capability : world.capabilities) {
    add(calls, CallKind::capbset_read, {capability});
    add(calls, CallKind::capbset_drop, {capability});
  }
}

/// PR_CAP_AMBIENT or PR_CAP_USERNS: every operation, one that there is not, and one capability that there is not.
void add_set_operations(Calls& calls, const Profile& profile, const SmallWorld& world, CallKind kind) {
  for (const std::uint64_t operation : {kIsSet, kRaise, kLower}) {
    for (const std::uint64_t capability : world.capabilities) add(calls, kind, {operation, capability});
    add(calls, kind, {operation, profile.last_cap() + 1});
  }
  add(calls, kind, {kClearAll});
  add(calls, kind, {kClearAll, 1});
  add(calls, kind, {kClearAll + 1});
}

void add_no_new_privs(Calls& calls) {
  add(calls, CallKind::set_no_new_privs, {1});
}

void add_unshare(Calls& calls) {
  add(calls, CallKind::unshare, {CLONE_NEWUSER});
}

/// Every subset of these securebits.
void add_securebits(Calls& calls, std::uint64_t bits) {
  for (const std::uint64_t subset : subsets_of(bits)) add(calls, CallKind::set_securebits, {subset});
}

void add_keepcaps(Calls& calls) {
  add(calls, CallKind::set_keepcaps, {0});
  add(calls, CallKind::set_keepcaps, {1});
}

void add_user_ids(Calls& calls) {
  constexpr std::uint64_t kLeave = 0xffffffff;
  constexpr std::array kGiven = {kSmallIds[0], kSmallIds[1], kLeave};
  for (const std::uint64_t first : kGiven) {
    add(calls, CallKind::setuid, {first});
    add(calls, CallKind::setfsuid, {first});
    for (const std::uint64_t second : kGiven) {
      add(calls, CallKind::setreuid, {first, second});
      for (const std::uint64_t third : kGiven) add(calls, CallKind::setresuid, {first, second, third});
    }
  }
}

/// The files of both users, plain and set-user-id.
void add_files(Calls& calls) {
  for (const std::uint64_t uid : kSmallIds) {
    add(calls, CallKind::execve, {uid, 0, S_IXGRP});
    add(calls, CallKind::execve, {uid, 0, S_IXGRP | S_ISUID});
  }
}

/// Root's file, plain and set-user-id, with every attribute of revision 2 that has these capabilities.
void add_files_with_capabilities(Calls& calls, std::uint64_t set) {
  for (const std::uint64_t mode : {S_IXGRP, S_IXGRP | S_ISUID}) {
    for (const std::uint64_t effective : {0, VFS_CAP_FLAGS_EFFECTIVE}) {
      for (const std::uint64_t permitted : subsets_of(set)) {
        for (const std::uint64_t inheritable : subsets_of(set)) {
          add(calls, CallKind::execve,
              {0, 0, mode, kExecCapability, VFS_CAP_REVISION_2 | effective, permitted, inheritable});
        }
      }
    }
  }
}

SmallWorld world_of_sets(const Profile& profile) {
  SmallWorld world{
      "sets",
      "capset of every triple of sets; PR_CAPBSET_*, PR_CAP_AMBIENT and PR_CAP_USERNS of every capability; "
      "no_new_privs; SECBIT_NO_CAP_AMBIENT_RAISE and the strict securebit; unshare(CLONE_NEWUSER); execve "
      "of root's plain file",
      {CAP_SETPCAP, kFirstAnonymous, kSecondAnonymous},
      {},
      {}};
  world.starts = {start_as(profile, world.set(), kSmallIds[1])};
  add_capget(world.calls);
  add_capset(world.calls, world.set());
  add_bounding(world.calls, world);
  add_set_operations(world.calls, profile, world, CallKind::cap_ambient);
  add_set_operations(world.calls, profile, world, CallKind::cap_userns);
  add_no_new_privs(world.calls);
  add_securebits(world.calls, SECBIT_NO_CAP_AMBIENT_RAISE | profile.strict_securebit());
  add_unshare(world.calls);
  add(world.calls, CallKind::execve, {0, 0, S_IXGRP});
  return world;
}

SmallWorld world_of_files(const Profile& profile) {
  SmallWorld world{
      "files",
      "capset of every triple of sets; PR_CAPBSET_* and PR_CAP_AMBIENT of every capability; no_new_privs; "
      "unshare(CLONE_NEWUSER); execve of root's file, plain and set-user-id, without an attribute and with "
      "every pair of sets in it, effective and not",
      {CAP_SETPCAP, kFirstAnonymous, kSecondAnonymous},
      {},
      {}};
  world.starts = {start_as(profile, world.set(), kSmallIds[0]), start_as(profile, world.set(), kSmallIds[1])};
  add_capset(world.calls, world.set());
  add_bounding(world.calls, world);
  add_set_operations(world.calls, profile, world, CallKind::cap_ambient);
  add_no_new_privs(world.calls);
  add_unshare(world.calls);
  add_files(world.calls);
  add_files_with_capabilities(world.calls, world.set());
  return world;
}

SmallWorld world_of_ids(const Profile& profile) {
  SmallWorld world{
      "ids",
      "capset of every triple of sets; PR_CAP_AMBIENT of every capability; PR_SET_KEEPCAPS; set*uid of every "
      "choice of two ids and -1; unshare(CLONE_NEWUSER); execve of both users' plain and set-user-id files; "
      "with every subset of SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP",
      {CAP_CHOWN, CAP_SETUID, kFirstAnonymous},
      {},
      {}};
  for (const std::uint64_t securebits : subsets_of(SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP)) {
    world.starts.push_back(start_as(profile, world.set(), kSmallIds[0]));
    world.starts.back().cred.securebits = securebits;
  }
  add_capset(world.calls, world.set());
  add_set_operations(world.calls, profile, world, CallKind::cap_ambient);
  add_keepcaps(world.calls);
  add_user_ids(world.calls);
  add_unshare(world.calls);
  add_files(world.calls);
  return world;
}

constexpr unsigned kSets = 6, kIdBits = 1, kSecurebitsBits = 16;

/// The members of Credentials that are sets, and those that are ids of users.
constexpr std::array<std::uint64_t Credentials<Concrete>::*, kSets> kSetMembers = {
    &Credentials<Concrete>::inheritable, &Credentials<Concrete>::permitted, &Credentials<Concrete>::effective,
    &Credentials<Concrete>::bounding,    &Credentials<Concrete>::ambient,   &Credentials<Concrete>::userns};
constexpr std::array kIdMembers = {&Credentials<Concrete>::uid, &Credentials<Concrete>::euid,
                                   &Credentials<Concrete>::suid, &Credentials<Concrete>::fsuid};

/// Takes fields from the low end of a word on, and puts them there in turn.
struct Fields {
  std::uint64_t word;
  unsigned shift = 0;

  void put(std::uint64_t value, unsigned bits) {
    word |= (value & ((std::uint64_t{1} << bits) - 1)) << shift;
    shift += bits;
  }
  std::uint64_t take(unsigned bits) {
    const std::uint64_t value = word >> shift & ((std::uint64_t{1} << bits) - 1);
    shift += bits;
    return value;
  }
};

}  // namespace

std::uint64_t SmallWorld::set() const {
  std::uint64_t all = 0;
  for (const std::uint64_t capability : capabilities) all |= Concrete::bit(capability);
  return all;
}

std::vector<SmallWorld> small_worlds(const Profile& profile) {
  return {world_of_sets(profile), world_of_files(profile), world_of_ids(profile)};
}

SmallWorld find_small_world(const Profile& profile, std::string_view name) {
  std::vector<std::string_view> known;
  for (SmallWorld& world : small_worlds(profile)) {
    if (world.name == name) return std::move(world);
    known.push_back(world.name);
  }
  throw std::invalid_argument(fmt::format("unknown small world '{}' (known: {})", name, fmt::join(known, ", ")));
}

StatePacking::StatePacking(const Profile& profile, const SmallWorld& world) {
  const auto add_group = [&](std::uint64_t mask) {
    if (mask == 0) return;
    masks_.at(groups_) = mask;
    lowest_.at(groups_) = static_cast<unsigned>(std::countr_zero(mask));
    ++groups_;
  };
  for (const std::uint64_t capability : world.capabilities) add_group(Concrete::bit(capability));
  const std::uint64_t others = profile.full_set() & ~world.set();
  add_group(others & kFsSet);
  add_group(others & ~kFsSet);
}

std::uint64_t StatePacking::pack_set(std::uint64_t set) const {
  std::uint64_t bits = 0;
  for (std::size_t group = 0; group < groups_; ++group) bits |= (set >> lowest_[group] & 1) << group;
  return bits;
}

std::uint64_t StatePacking::unpack_set(std::uint64_t bits) const {
  std::uint64_t set = 0;
  for (std::size_t group = 0; group < groups_; ++group) set |= masks_[group] & (0 - (bits >> group & 1));
  return set;
}

PackedState StatePacking::pack(const TaskState<Concrete>& state) const {
  Fields sets{0}, rest{0};
  for (const auto member : kSetMembers) sets.put(pack_set(state.cred.*member), kMaxGroups);
  for (const auto member : kIdMembers) rest.put(state.cred.*member == kSmallIds[1], kIdBits);
  rest.put(state.cred.securebits, kSecurebitsBits);
  rest.put(state.cred.no_new_privs, 1);
  rest.put(state.level, 1);
  rest.put(state.dumpable, 1);
  const PackedState packed{sets.word, rest.word};
  const TaskState<Concrete> back = unpack(packed);
  if (std::memcmp(&back, &state, sizeof(state)) != 0)
    throw std::logic_error("a call led out of what a packed state of a small world can hold: give it room there");
  return packed;
}

TaskState<Concrete> StatePacking::unpack(const PackedState& packed) const {
  TaskState<Concrete> state{};
  Fields sets{packed.sets}, rest{packed.rest};
  for (const auto member : kSetMembers) state.cred.*member = unpack_set(sets.take(kMaxGroups));
  for (const auto member : kIdMembers) state.cred.*member = kSmallIds[rest.take(kIdBits)];
  state.cred.securebits = rest.take(kSecurebitsBits);
  state.cred.no_new_privs = rest.take(1);
  state.level = state.user_ns = rest.take(1);
  state.dumpable = rest.take(1);
  return state;
}

}  // namespace capcheck
