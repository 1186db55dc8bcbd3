// SPDX-License-Identifier: GPL-2.0-only
// Where the calls of programs run the kernel's functions: a call in a world as one of the situations that a proof looks
// at. So an input for which a function differs from its rule is looked for among what programs can lead to.
#ifndef CAPCHECK_SOLVER_KERNEL_OCCURRENCE_H_
#define CAPCHECK_SOLVER_KERNEL_OCCURRENCE_H_

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/domain.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// A call as a situation of a function.
template <Domain D>
struct Occurrence {
  using Word = typename D::Word;
  typename D::Bool happens;  ///< the call runs the function, in that situation
  /// The situation's unknowns, by their names. Those that are missing are 0: what they say is the same to every call.
  std::vector<std::pair<std::string, Word>> values{};

  void require(const typename D::Bool& condition) { happens = happens & condition; }
  void add(std::string name, const Word& value) { values.emplace_back(std::move(name), value); }
  void add_truth(std::string name, const typename D::Bool& value) { add(std::move(name), as_word<D>(value)); }
};

/// How a function's situations come from calls, over both domains.
struct Occurrences {
  CallKinds kinds = 0;  ///< of the calls; none: no call shows by itself what the function does
  Occurrence<Concrete> (*concrete)(const Profile&, unsigned situation, const Transition<Concrete>&) = nullptr;
  Occurrence<Symbolic> (*symbolic)(const Profile&, unsigned situation, const Transition<Symbolic>&) = nullptr;
};

template <class Occurs>
Occurrences occurrences(CallKinds kinds) {
  return {kinds, Occurs::template of<Concrete>, Occurs::template of<Symbolic>};
}

/// Where a task and the namespace that it asks about stand to each other: at which levels they are, and whether the
/// task's is in the other's chain.
struct Standing {
  unsigned target, subject;
  bool in_chain;
};
/// Every pair of levels, once in the chain (where it can be) and once outside of it. Nothing is outside of the chain at
/// level 0: only the initial namespace is there.
std::vector<Standing> standings(const Profile& profile);

/// The number that a scene has for a namespace which is not in the chain that the function is about, and for one more.
/// Those in it have their levels for numbers.
inline constexpr unsigned kOtherNamespace = kMaxNamespaces - 1, kSecondOtherNamespace = kMaxNamespaces - 2;

/// A write of uid_map or gid_map: which level the namespace has, and how many lines are written. First those that
/// programs come to soonest.
struct MapSituation {
  unsigned level, written;
};
inline constexpr std::array<MapSituation, 8> kMapSituations = {
    {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 1}, {3, 2}, {0, 1}, {0, 2}}};

/// So many groups a call of setgroups(2) has. More than there may be are any number of them.
inline constexpr unsigned kTooManyGroups = kNgroupsMax + 1;
inline constexpr std::array<unsigned, 4> kGroupsSituations = {2, 1, 0, kTooManyGroups};

/// The revisions of the attribute security.capability that an exec knows, and any other.
inline constexpr std::array<std::optional<std::uint64_t>, 4> kExecRevisions = {VFS_CAP_REVISION_2, VFS_CAP_REVISION_3,
                                                                               VFS_CAP_REVISION_1, std::nullopt};

namespace detail {

template <Domain D>
const Task<D>& caller_of(const Transition<D>& transition) {
  return transition.before->tasks[transition.call.task];
}

template <Domain D>
void add_credentials(Occurrence<D>& occurrence, const Credentials<D>& cred, const std::string& owner = "") {
  for (const auto& field : kCredentialFields<D>)
    occurrence.add(fmt::format("{}{}", owner, field.name), cred.*field.member);
}

template <Domain D>
typename D::Bool is_initial(const typename D::Word& user_ns) {
  return user_ns == typename D::Word(0);
}

/// The namespaces from one up to a level, as Scene::add_namespaces() names them. Calls look(number, level) for each.
template <Domain D, class Look>
void add_chain(Occurrence<D>& occurrence, const World<D>& world, typename D::Word number, unsigned deepest,
               unsigned highest, Look look) {
  using Word = typename D::Word;
  occurrence.require(D::at(world.namespaces, number).level == Word(deepest));
  if (certainly_not(occurrence.happens)) return;
  for (unsigned level = deepest;; --level) {
    const UserNamespace<D> ns = D::at(world.namespaces, number);
    occurrence.add(fmt::format("ns{}.owner", level), ns.owner);
    occurrence.add(fmt::format("ns{}.group", level), ns.group);
    look(number, level);
    if (level == highest) break;
    number = ns.parent;
  }
}

/// The number that a scene has for a task's namespace, of which the chain up from `number` is that of the scene: or
/// `other`.
template <Domain D>
void add_user_ns(Occurrence<D>& occurrence, const World<D>& world, typename D::Word number, unsigned deepest,
                 const Task<D>& task, const std::string& owner = "",
                 const typename D::Word& other = typename D::Word(kOtherNamespace)) {
  using Word = typename D::Word;
  if (certainly_not(occurrence.happens)) return;
  Word found = other;
  for (unsigned level = deepest;; --level) {
    found = D::select(task.user_ns == number, Word(level), found);
    if (level == 0) break;
    number = D::at(world.namespaces, number).parent;
  }
  occurrence.add(fmt::format("{}user_ns", owner), found);
}

/// A map as Scene::add_maps() has it, where lines that are not there are some.
template <Domain D>
void add_map(Occurrence<D>& occurrence, const std::string& name, const IdMap<D>& map) {
  using Word = typename D::Word;
  const auto has = [](const IdExtent<D>& line) { return !(line.count == Word(0)); };
  occurrence.add(name + ".lines", as_word<D>(has(map.line0)) + as_word<D>(has(map.line1)));
  unsigned index = 0;
  for (const IdExtent<D>* line : {&map.line0, &map.line1}) {
    occurrence.add(fmt::format("{}.{}.first", name, index), line->first);
    occurrence.add(fmt::format("{}.{}.lower_first", name, index), line->lower_first);
    occurrence.add(fmt::format("{}.{}.count", name, index), D::select(has(*line), line->count, Word(1)));
    ++index;
  }
}

template <Domain D>
void add_maps(Occurrence<D>& occurrence, const std::string& name, const UserNamespace<D>& ns) {
  add_map(occurrence, name + ".uid_map", ns.uid_map);
  add_map(occurrence, name + ".gid_map", ns.gid_map);
}

template <Domain D>
void add_standing(Occurrence<D>& occurrence, const World<D>& world, const Task<D>& task, const typename D::Word& number,
                  const Standing& standing) {
  using Word = typename D::Word;
  const UserNamespace<D> own = D::at(world.namespaces, task.user_ns);
  occurrence.require(own.level == Word(standing.subject));
  add_chain(occurrence, world, number, standing.target, std::min(standing.subject, standing.target),
            [&](const Word& here, unsigned level) {
              if (level != standing.subject) return;
              const typename D::Bool is_own = here == task.user_ns;
              occurrence.require(standing.in_chain ? is_own : !is_own);
            });
  if (standing.in_chain) return;
  occurrence.add("other_ns.owner", own.owner);
  occurrence.add("other_ns.group", own.group);
}

template <Domain D>
void add_thread_group(Occurrence<D>& occurrence, const Transition<D>& transition) {
  const typename D::Word number(transition.call.task);
  occurrence.add_truth("the task is alone in its thread group",
                       thread_group_empty(*transition.before, caller_of(transition), number));
}

}  // namespace detail

struct OfPrctl {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{detail::is_initial<D>(task.user_ns)};
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("option", typename D::Word(info(transition.call.kind).option));
    for (std::size_t i = 0; i < 4; ++i) occurrence.add(fmt::format("arg{}", i + 2), transition.call.args[i]);
    return occurrence;
  }
};

struct OfCapable {
  template <Domain D>
  static Occurrence<D> of(const Profile& profile, unsigned situation, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    const NamedNamespace<D> target = named_namespace(*transition.before, transition.call.args[0]);
    Occurrence<D> occurrence{target.exists};
    detail::add_credentials(occurrence, task.cred);
    detail::add_standing(occurrence, *transition.before, task, target.number, standings(profile)[situation]);
    occurrence.add("capability", transition.call.args[1]);
    return occurrence;
  }
};

struct OfCapset {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const auto& args = transition.call.args;
    Occurrence<D> occurrence{detail::is_initial<D>(task.user_ns)};
    detail::add_credentials(occurrence, task.cred);
    const CapHeader<D> header = detail::cap_header(transition.call);
    occurrence.add("own pid", Word(thread_id(transition.call.task)));
    occurrence.add("version", header.version);
    occurrence.add("pid", header.pid);
    occurrence.add_truth("header is null", header.header_null);
    occurrence.add_truth("data is null", header.data_null);
    occurrence.add("asked effective", args[3]);
    occurrence.add("asked permitted", args[4]);
    occurrence.add("asked inheritable", args[5]);
    return occurrence;
  }
};

struct OfCapget {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const CapHeader<D> header = detail::cap_header(transition.call);
    const typename D::Bool named = in_range<D>(header.pid, Word(kFirstThreadId), Word(kMaxTasks));
    const Task<D> target = D::at(world.tasks, D::select(named, header.pid - Word(kFirstThreadId), Word(0)));
    Occurrence<D> occurrence{typename D::Bool(true)};
    detail::add_credentials(occurrence, detail::caller_of(transition).cred);
    detail::add_credentials(occurrence, target.cred, "target ");
    occurrence.add("own pid", Word(thread_id(transition.call.task)));
    occurrence.add("version", header.version);
    occurrence.add("pid", header.pid);
    occurrence.add_truth("header is null", header.header_null);
    occurrence.add_truth("data is null", header.data_null);
    occurrence.add_truth("a task has that id", named & !(target.alive == Word(0)));
    return occurrence;
  }
};

/// A call by which its caller enters a namespace.
struct OfEntry {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{!(transition.after.tasks[transition.call.task].user_ns == task.user_ns)};
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("cap_userns_mask", transition.before->sysctls.cap_userns_mask);
    return occurrence;
  }
};

struct OfSetns {
  template <Domain D>
  static Occurrence<D> of(const Profile& profile, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const auto& args = transition.call.args;
    const NamedNamespace<D> target = named_namespace(world, args[0]);
    Occurrence<D> occurrence{target.exists};
    occurrence.require((args[1] == Word(0)) | (args[1] == Word(CLONE_NEWUSER)));
    detail::add_credentials(occurrence, task.cred);
    detail::add_standing(occurrence, world, task, target.number, standings(profile)[situation]);
    detail::add_thread_group(occurrence, transition);
    const typename D::Bool shared = detail::fs_shared(world, task, Word(transition.call.task));
    occurrence.add("fs.users", D::select(shared, Word(2), Word(1)));
    occurrence.add("cap_userns_mask", world.sysctls.cap_userns_mask);
    return occurrence;
  }
};

/// unshare(2) of a new user namespace.
struct OfCreation {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const UserNamespace<D> own = D::at(world.namespaces, task.user_ns);
    Occurrence<D> occurrence{own.level == Word(situation)};
    const Word& flags = transition.call.args[0];
    occurrence.require(!((flags & Word(CLONE_NEWUSER)) == Word(0)) & subset<D>(flags, Word(kUnshareKnownFlags)));
    occurrence.require(detail::thread_group_empty(world, task, Word(transition.call.task)));
    detail::add_credentials(occurrence, task.cred);
    detail::add_maps(occurrence, fmt::format("ns{}", situation), own);
    occurrence.add("setgroups_allowed", own.setgroups_allowed);
    occurrence.add("chrooted", task.chrooted);
    occurrence.add("the task is alone in its thread group", Word(1));
    occurrence.add("cap_userns_mask", world.sysctls.cap_userns_mask);
    return occurrence;
  }
};

/// A write to a file of /proc that sets up a task's namespace.
template <Domain D>
struct ProcWrite {
  const World<D>& world;
  const Task<D>&writer, opener;
  typename D::Word number;  ///< of the namespace
  UserNamespace<D> ns;
  typename D::Bool opens;  ///< the opener may write the file

  explicit ProcWrite(const Transition<D>& transition)
      : world(*transition.before),
        writer(detail::caller_of(transition)),
        opener(D::at(world.tasks, transition.call.args[1])),
        number(D::at(world.tasks, transition.call.args[0]).user_ns),
        ns(D::at(world.namespaces, number)),
        opens(detail::open_proc_file(world, D::at(world.tasks, transition.call.args[0]), opener).passed()) {}
};

struct OfSetgroupsWrite {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const ProcWrite<D> write(transition);
    const unsigned level = situation / 2;
    Occurrence<D> occurrence{write.opens};
    occurrence.require(transition.call.args[2] == Word(situation % 2));
    detail::add_credentials(occurrence, write.opener.cred);
    detail::add_chain(occurrence, write.world, write.number, level, 0, [](const Word&, unsigned) {});
    detail::add_user_ns(occurrence, write.world, write.number, level, write.opener);
    occurrence.add("setgroups_allowed", write.ns.setgroups_allowed);
    occurrence.add_truth("lines of gid_map", !(write.ns.gid_map.line0.count == Word(0)));
    return occurrence;
  }
};

struct OfMapWrite {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const ProcWrite<D> write(transition);
    const auto [level, written] = kMapSituations[situation];
    const bool of_users = transition.call.kind == CallKind::write_uid_map;
    const std::string field = of_users ? "uid_map" : "gid_map";
    const auto map_of = [&](const UserNamespace<D>& ns) { return of_users ? ns.uid_map : ns.gid_map; };
    const auto& a = transition.call.args;
    const MapText<D> text{{a[2], a[3], a[4]}, {a[5], a[6], a[7]}};
    Occurrence<D> occurrence{write.opens};
    occurrence.require(written == 2 ? text.has_second() : !text.has_second());
    detail::add_credentials(occurrence, write.writer.cred);
    detail::add_credentials(occurrence, write.opener.cred, "opener ");
    const Word other(kOtherNamespace),
        writers = D::select(write.writer.user_ns == write.opener.user_ns, other, Word(kSecondOtherNamespace));
    detail::add_chain(occurrence, write.world, write.number, level, 0, [](const Word&, unsigned) {});
    detail::add_user_ns(occurrence, write.world, write.number, level, write.writer, "", writers);
    detail::add_user_ns(occurrence, write.world, write.number, level, write.opener, "opener ", other);
    if (level > 0)
      detail::add_maps(occurrence, fmt::format("ns{}", level - 1), D::at(write.world.namespaces, write.ns.parent));
    const IdExtent<D> own = map_of(write.ns).line0;
    occurrence.add(fmt::format("ns{}.{}.0.first", level, field), own.first);
    occurrence.add(fmt::format("ns{}.{}.0.lower_first", level, field), own.lower_first);
    const auto has = [](const IdExtent<D>& line) { return !(line.count == Word(0)); };
    occurrence.add(fmt::format("ns{}.{}.0.count", level, field), D::select(has(own), own.count, Word(1)));
    occurrence.add(fmt::format("ns{}.{}.lines", level, field),
                   as_word<D>(has(own)) + as_word<D>(has(map_of(write.ns).line1)));
    occurrence.add("parent_could_setfcap", write.ns.parent_could_setfcap);
    occurrence.add("setgroups_allowed", write.ns.setgroups_allowed);
    for (unsigned line = 0; line < written; ++line) {
      const IdExtent<D>& here = line == 0 ? text.line0 : text.line1;
      occurrence.add(fmt::format("first of line {}", line), here.first);
      occurrence.add(fmt::format("lower_first of line {}", line), here.lower_first);
      occurrence.add(fmt::format("count of line {}", line), here.count);
    }
    return occurrence;
  }
};

struct OfSetgroups {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const UserNamespace<D> ns = D::at(transition.before->namespaces, task.user_ns);
    const auto& args = transition.call.args;
    Occurrence<D> occurrence{args[0] == Word(kGroupsSituations[situation])};
    detail::add_credentials(occurrence, task.cred);
    detail::add_maps(occurrence, "ns1", ns);
    occurrence.add("setgroups_allowed", ns.setgroups_allowed);
    occurrence.add("count", args[0]);
    occurrence.add("gid0", args[1]);
    occurrence.add("gid1", args[2]);
    return occurrence;
  }
};

/// A write to one of the sysctls that are sets. Each situation is one of these.
inline constexpr std::array kSetSysctls = {CallKind::write_umh_bset, CallKind::write_umh_inheritable,
                                           CallKind::write_umh_userns, CallKind::write_cap_userns_mask};

struct OfSetSysctl {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const Sysctls<D>& sysctls = transition.before->sysctls;
    Occurrence<D> occurrence{typename D::Bool(transition.call.kind == kSetSysctls[situation])};
    occurrence.require(task.cred.euid == Word(0));
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("user_ns", D::select(detail::is_initial<D>(task.user_ns), Word(0), Word(kOtherNamespace)));
    occurrence.add("write", Word(1));
    occurrence.add("mask", std::array{sysctls.umh_bset, sysctls.umh_inheritable, sysctls.umh_userns,
                                      sysctls.cap_userns_mask}[situation]);
    occurrence.add("set", transition.call.args[0]);
    return occurrence;
  }
};

/// PTRACE_SEIZE of a task of another thread group that nobody traces.
struct OfMayAccess {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned level, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const Task<D> tracee = D::at(world.tasks, transition.call.args[0]), leader = D::at(world.tasks, tracee.leader);
    Occurrence<D> occurrence{!(tracee.alive == Word(0))};
    occurrence.require(!(task.leader == tracee.leader) & (tracee.traced == Word(0)));
    detail::add_credentials(occurrence, task.cred);
    detail::add_credentials(occurrence, tracee.cred, "tracee ");
    detail::add_chain(occurrence, world, tracee.user_ns, level, 0, [](const Word&, unsigned) {});
    detail::add_user_ns(occurrence, world, tracee.user_ns, level, task);
    Task<D> mm;
    mm.user_ns = leader.mm_user_ns;
    detail::add_user_ns(occurrence, world, tracee.user_ns, level, mm, "mm ");
    if (!detail::certainly_not(occurrence.happens))
      occurrence.require(!(occurrence.values.back().second == Word(kOtherNamespace)));
    occurrence.add("dumpable", leader.dumpable);
    occurrence.add("mode", Word(kRealCredsMode));
    return occurrence;
  }

  /// PTRACE_MODE_REALCREDS
  static constexpr std::uint64_t kRealCredsMode = 16;
};

/// The same, where all depends on that check.
struct OfAccessCheck {
  template <Domain D>
  static Occurrence<D> of(const Profile& profile, unsigned level, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Credentials<D>& own = detail::caller_of(transition).cred;
    const Task<D> tracee = D::at(world.tasks, transition.call.args[0]);
    const Credentials<D>& other = tracee.cred;
    Occurrence<D> occurrence = OfMayAccess::of(profile, level, transition);
    occurrence.require((own.uid == other.euid) & (own.uid == other.suid) & (own.uid == other.uid));
    occurrence.require((own.gid == other.egid) & (own.gid == other.sgid) & (own.gid == other.gid));
    occurrence.require(D::at(world.tasks, tracee.leader).dumpable == Word(1));
    return occurrence;
  }
};

/// PTRACE_TRACEME of a task that nobody traces.
struct OfTraceme {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned level, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const Task<D> parent = D::at(world.tasks, detail::parent_of(task));
    Occurrence<D> occurrence{!(task.parent == Word(kOutside))};
    occurrence.require(task.traced == Word(0));
    detail::add_credentials(occurrence, task.cred);
    detail::add_credentials(occurrence, parent.cred, "parent ");
    detail::add_chain(occurrence, world, task.user_ns, level, 0, [](const Word&, unsigned) {});
    detail::add_user_ns(occurrence, world, task.user_ns, level, parent, "parent ");
    return occurrence;
  }
};

/// What is asked of an inode. Each situation is one of these.
inline constexpr std::array kPermissions = {Permission::write, Permission::read_write, Permission::execute};

/// The opening of a file in /proc, or of the userfaultfd device; an exec.
struct OfPermission {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const auto& a = transition.call.args;
    const auto asks = [&](Permission permission) { return typename D::Bool(kPermissions[situation] == permission); };
    if (transition.call.kind == CallKind::execve)
      return by(world, detail::caller_of(transition), {a[0], a[1], a[2] | Word(kExecMode)}, asks(Permission::execute));
    if (transition.call.kind == CallKind::open_userfaultfd_device)
      return by(world, detail::caller_of(transition), {a[0], a[1], a[2]}, asks(Permission::read_write));
    const Task<D> target = D::at(world.tasks, a[0]), opener = D::at(world.tasks, a[1]);
    return by(world, opener, proc_pid_inode<D>(world.namespaces, target, D::at(world.tasks, target.leader)),
              asks(Permission::write) & !(target.alive == Word(0)) & !(opener.alive == Word(0)));
  }

 private:
  template <Domain D>
  static Occurrence<D> by(const World<D>& world, const Task<D>& task, const Inode<D>& inode,
                          const typename D::Bool& happens) {
    Occurrence<D> occurrence{happens};
    detail::add_credentials(occurrence, task.cred);
    detail::add_maps(occurrence, "ns1", D::at(world.namespaces, task.user_ns));
    occurrence.add("inode uid", inode.uid);
    occurrence.add("inode gid", inode.gid);
    occurrence.add("inode mode", inode.mode);
    return occurrence;
  }
};

/// execve(2) in the initial namespace.
struct OfExec {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned situation, const Transition<D>& transition) {
    using Word = typename D::Word;
    using Bool = typename D::Bool;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const auto a = canonical_executable<D>(transition.call.args);
    const Executable<D> file{a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]};
    const UserNamespace<D> ns = D::at(world.namespaces, Word(0));
    const Word revision = file.magic & Word(VFS_CAP_REVISION_MASK);
    Occurrence<D> occurrence{Bool(situation < kExecRevisions.size())};
    occurrence.require(detail::is_initial<D>(task.user_ns));
    for (std::size_t i = 0; i < kExecRevisions.size(); ++i) {
      if (!kExecRevisions[i]) continue;
      const Bool is_it = revision == Word(*kExecRevisions[i]);
      occurrence.require(situation == i ? is_it : !is_it);
    }
    occurrence.require(
        inode_permission<D>(task.cred, ns, {file.uid, file.gid, file.mode | Word(kExecMode)}, Permission::execute));
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("no_new_privs", task.cred.no_new_privs);
    const Credentials<D> ids = bprm_fill_uid(task.cred, ns, file);
    occurrence.add("new euid", ids.euid);
    occurrence.add("new egid", ids.egid);
    occurrence.add("magic_etc", file.magic);
    occurrence.add("file permitted", file.permitted);
    occurrence.add("file inheritable", file.inheritable);
    occurrence.add("file rootid", file.rootid);
    occurrence.add_truth("there is an attribute", file.has_flag(kExecCapability) & !file.has_flag(kExecScript));
    occurrence.add_truth("the mount lets it count", !file.has_flag(kExecNosuid));
    const Word size =
        D::select(revision == Word(VFS_CAP_REVISION_1), Word(XATTR_CAPS_SZ_1),
                  D::select(revision == Word(VFS_CAP_REVISION_2), Word(XATTR_CAPS_SZ_2), Word(XATTR_CAPS_SZ_3)));
    occurrence.add("attribute size", D::select(file.has_flag(kExecTruncated), size - Word(1), size));
    const Bool shared = detail::any_other_task(world, Word(transition.call.task), [&](const Task<D>& other) {
      return (other.fs == task.fs) & !(other.leader == task.leader);
    });
    occurrence.add_truth("LSM_UNSAFE_SHARE", shared);
    const Subject<D> tracer{task.tracer_user_ns, task.tracer_euid, task.tracer_effective};
    const Bool traced = !(task.traced == Word(0));
    occurrence.add_truth("LSM_UNSAFE_PTRACE", traced);
    occurrence.add_truth("ptracer_capable",
                         !traced | cap_capable<D>(world.namespaces, tracer, Word(0), CAP_SYS_PTRACE));
    return occurrence;
  }
};

/// execve(2) that nothing makes unsafe: the ids are then those of the file.
struct OfFillUid {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>& task = detail::caller_of(transition);
    const auto& a = transition.call.args;
    const Executable<D> file{a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]};
    const UserNamespace<D> ns = D::at(world.namespaces, task.user_ns);
    Occurrence<D> occurrence{transition.result >> 63u == Word(0)};
    occurrence.require((task.cred.no_new_privs == Word(0)) & (task.traced == Word(0)) & !file.has_flag(kExecScript));
    occurrence.require(!detail::any_other_task(world, Word(transition.call.task),
                                               [&](const Task<D>& other) { return other.fs == task.fs; }));
    detail::add_credentials(occurrence, task.cred);
    detail::add_maps(occurrence, "ns1", ns);
    occurrence.add_truth("the mount lets it count", !file.has_flag(kExecNosuid));
    occurrence.add("file uid", file.uid);
    occurrence.add("file gid", file.gid);
    occurrence.add("file mode", file.mode | Word(kExecMode));
    return occurrence;
  }
};

/// Any call of a task whose session keyring is to be replaced: that is done first.
struct OfKeyringChange {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{!(task.pending_session == typename D::Word(0))};
    detail::add_credentials(occurrence, task.cred);
    return occurrence;
  }
};

/// A call that sets ids.
struct OfIdCall {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{typename D::Bool(true)};
    detail::add_credentials(occurrence, task.cred);
    detail::add_maps(occurrence, "ns1", D::at(transition.before->namespaces, task.user_ns));
    detail::add_thread_group(occurrence, transition);
    for (std::size_t i = 0; i < info(transition.call.kind).argument_count; ++i)
      occurrence.add(fmt::format("id{}", i), transition.call.args[i]);
    return occurrence;
  }
};

/// A call that gives its caller new credentials.
struct OfCommit {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned level, const Transition<D>& transition) {
    using Word = typename D::Word;
    const World<D>& world = *transition.before;
    const Task<D>&task = detail::caller_of(transition), &after = transition.after.tasks[transition.call.task];
    Occurrence<D> occurrence{transition.result >> 63u == Word(0)};
    detail::add_credentials(occurrence, task.cred);
    detail::add_credentials(occurrence, after.cred, "new ");
    detail::add_chain(occurrence, world, after.user_ns, level, 0, [](const Word&, unsigned) {});
    detail::add_user_ns(occurrence, world, after.user_ns, level, task);
    occurrence.add("dumpable", D::at(world.tasks, task.leader).dumpable);
    return occurrence;
  }
};

/// A call that changes a user id.
struct OfFixup {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const Credentials<D>&old = task.cred, &changed = transition.after.tasks[transition.call.task].cred;
    const typename D::Bool same = (old.uid == changed.uid) & (old.euid == changed.euid) & (old.suid == changed.suid) &
                                  (old.fsuid == changed.fsuid);
    Occurrence<D> occurrence{!same};
    detail::add_credentials(occurrence, old);
    detail::add_maps(occurrence, "ns1", D::at(transition.before->namespaces, task.user_ns));
    occurrence.add("new uid", changed.uid);
    occurrence.add("new euid", changed.euid);
    occurrence.add("new suid", changed.suid);
    occurrence.add("new fsuid", changed.fsuid);
    const CallKind kind = transition.call.kind;
    occurrence.add("flags", Word(kind == CallKind::setuid      ? 1
                                 : kind == CallKind::setreuid  ? 2
                                 : kind == CallKind::setresuid ? 4
                                                               : 8));
    return occurrence;
  }
};

struct OfHelper {
  template <Domain D>
  static Occurrence<D> of(const Profile& profile, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Sysctls<D>& sysctls = transition.before->sysctls;
    Occurrence<D> occurrence{transition.result >> 63u == Word(0)};
    detail::add_credentials(occurrence, init_cred<D>(profile));
    occurrence.add("usermodehelper_bset", sysctls.umh_bset);
    occurrence.add("usermodehelper_inheritable", sysctls.umh_inheritable);
    occurrence.add("usermodehelper_userns", sysctls.umh_userns);
    occurrence.add("fs.users", Word(1));
    return occurrence;
  }
};

struct OfUserfaultfd {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned level, const Transition<D>& transition) {
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{typename D::Bool(true)};
    detail::add_credentials(occurrence, task.cred);
    detail::add_chain(occurrence, *transition.before, task.user_ns, level, 0, [](const typename D::Word&, unsigned) {});
    occurrence.add("unprivileged_userfaultfd", transition.before->sysctls.unprivileged_userfaultfd);
    occurrence.add("flags", transition.call.args[0]);
    return occurrence;
  }
};

/// UFFDIO_API of a descriptor that there is.
struct OfUserfaultfdApi {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned level, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    Occurrence<D> occurrence{!(task.userfaultfd.open == Word(0))};
    detail::add_credentials(occurrence, task.cred);
    detail::add_chain(occurrence, *transition.before, task.user_ns, level, 0, [](const Word&, unsigned) {});
    occurrence.add("api", transition.call.args[0]);
    occurrence.add("features", transition.call.args[1]);
    occurrence.add("initialised", task.userfaultfd.initialised);
    return occurrence;
  }
};

/// USERFAULTFD_IOC_NEW of a device that is open, with flags that there are.
struct OfDeviceIoctl {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const Word& flags = transition.call.args[0];
    Occurrence<D> occurrence{!(task.userfaultfd.device_open == Word(0))};
    occurrence.require(subset<D>(flags, Word(kUserfaultfdFlags)));
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("cmd", Word(USERFAULTFD_IOC_NEW));
    occurrence.add("flags", flags);
    return occurrence;
  }
};

/// The use of a page that can be registered with a descriptor.
struct OfUserfault {
  template <Domain D>
  static Occurrence<D> of(const Profile&, unsigned in_user_mode, const Transition<D>& transition) {
    using Word = typename D::Word;
    const Task<D>& task = detail::caller_of(transition);
    const Userfaultfd<D>& descriptor = task.userfaultfd;
    const bool is_user_fault = transition.call.kind == CallKind::user_fault;
    Occurrence<D> occurrence{typename D::Bool(is_user_fault == (in_user_mode != 0))};
    occurrence.require(!(descriptor.open == Word(0)) & !(descriptor.initialised == Word(0)));
    occurrence.require(descriptor.memory_gone == Word(0));
    detail::add_credentials(occurrence, task.cred);
    occurrence.add("UFFD_USER_MODE_ONLY", descriptor.user_mode_only);
    return occurrence;
  }
};

}  // namespace capcheck

#endif
