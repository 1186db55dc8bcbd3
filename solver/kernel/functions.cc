// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/invariants.h"
#include "model/step.h"
#include "solver/kernel/namei.h"
#include "solver/kernel/proc_files.h"
#include "solver/kernel/ptrace.h"
#include "solver/kernel/situation.h"

namespace capcheck {
namespace {

/// The levels that namespaces can have.
unsigned level_count(const Profile& profile) {
  return static_cast<unsigned>(profile.release->max_parent_level) + 2;
}

unsigned all_standings(const Profile& profile) {
  return static_cast<unsigned>(standings(profile).size());
}

/// Makes the namespaces and the task, and gives the target.
unsigned set_up_standing(Scene& scene, unsigned situation) {
  const auto [target, subject, in_chain] = standings(scene.profile())[situation];
  scene.add_namespaces(std::min(subject, target), target);
  scene.add_task(in_chain ? subject : scene.add_other_namespace(subject));
  return target;
}

/// A bit-field of an object, as it is now.
Value read_bits(Scene& scene, ObjectId object, std::string_view structure, std::string_view field) {
  constexpr std::uint64_t kBitsOfByte = 8;
  const FieldPlace place = scene.interpreter().code().bit_field(structure, field);
  const Value byte = scene.interpreter().read(scene.state(), object, place.offset / kBitsOfByte, 1);
  const auto low = static_cast<unsigned>(place.offset % kBitsOfByte);
  return fold(as_bits(byte).extract(low + static_cast<unsigned>(place.size) - 1, low));
}

// kernel/user_namespace.c: ids

/// What is looked up in a map: ids or ranges of them, as the namespace numbers them or as the kernel does.
struct Lookup {
  std::string_view field;
  bool is_down;
};

/// A line of a map, and the last of the ids in it that are looked up: from the first to the last one says what a count
/// does, and Z3 need not add them up.
struct MapLine {
  IdExtent<Symbolic> extent;
  Word last;
};

MapLine add_line(Scene& scene, ObjectId ns, const Lookup& lookup, unsigned index) {
  Interpreter& interpreter = scene.interpreter();
  const std::string name = fmt::format("{}.extent.{}", lookup.field, index);
  const auto part = [&](std::string_view what) {
    return scene.unknown(fmt::format("{} {}", what, index), kIntBits, Shown::number);
  };
  const Word first = part("first id of line"), last = part("last id of line"), other = part("what it is, of line"),
             count = last - first + Word(1);
  // What map_write() takes: no range is empty, or goes beyond the last id.
  interpreter.assume(!(last < first) & (last < Word(kInvalidId)) & (other + (last - first) < Word(kInvalidId)));
  const auto set = [&](std::string_view field, const z3::expr& bits) {
    interpreter.set(ns, fmt::format("{}.{}", name, field), Value(bits));
  };
  const z3::expr first_bits = low_bits(first, kIntBits), last_bits = low_bits(last, kIntBits);
  set(lookup.is_down ? "first" : "lower_first", first_bits);
  set(lookup.is_down ? "lower_first" : "first", low_bits(other, kIntBits));
  set("count", fold(last_bits - first_bits + 1));
  const auto& [inside, below] = lookup.is_down ? std::pair(first, other) : std::pair(other, first);
  return {{inside, below, count}, last};
}

/// A map of up to two lines.
std::vector<MapLine> add_lines(Scene& scene, ObjectId ns, const Lookup& lookup, unsigned count) {
  std::vector<MapLine> lines;
  while (lines.size() < count) lines.push_back(add_line(scene, ns, lookup, static_cast<unsigned>(lines.size())));
  scene.interpreter().set(ns, fmt::format("{}.nr_extents", lookup.field), Word(count));
  return lines;
}

/// Whether an id is in a line, as the model says it and as the kernel does; and that what it stands for is an id, too.
void establish_lookup(Scene& scene, const MapLine& line, const Lookup& lookup, const Word& id) {
  const Word &first = lookup.is_down ? line.extent.first : line.extent.lower_first,
             &other = lookup.is_down ? line.extent.lower_first : line.extent.first;
  const Bool is_line = !(line.last < first) & (line.last < Word(kInvalidId)) &
                       (other + (line.last - first) < Word(kInvalidId)),
             in_line = !(id < first) & !(line.last < id);
  const auto same = [](const Bool& a, const Bool& b) { return (a & b) | (!a & !b); };
  scene.interpreter().establish(!is_line | same(in_range<Symbolic>(id, first, line.extent.count), in_line));
  scene.interpreter().establish(!is_line | !in_line | (other + (id - first) < Word(kInvalidId)));
}

IdMap<Symbolic> map_of(const std::vector<MapLine>& lines) {
  const IdExtent<Symbolic> none{0, 0, 0};
  return {lines.empty() ? none : lines[0].extent, lines.size() < 2 ? none : lines[1].extent};
}

constexpr unsigned kMapSizes = 3;

unsigned id_situations(const Profile&) {
  return kIdFunctions.size() * kMapSizes;
}

void run_id_function(Scene& scene, unsigned situation) {
  const IdFunction& function = kIdFunctions[situation / kMapSizes];
  scene.add_namespaces(1, 1);
  Interpreter& interpreter = scene.interpreter();
  for (const char* overflow : {"overflowuid", "overflowgid"}) {
    interpreter.set_bytes(interpreter.variable(overflow), 0, 4, bits_of(kOverflowId, kIntBits));
    scene.assume(fmt::format("the sysctl {} is {}, as at boot", overflow, kOverflowId), true);
  }
  const Lookup lookup{function.map == kUidMapOf ? "uid_map" : "gid_map", function.model == map_id_down<Symbolic>};
  const ObjectId ns = scene.kernel_namespace(1);
  const std::vector<MapLine> lines = add_lines(scene, ns, lookup, situation % kMapSizes);
  const IdMap<Symbolic> map = map_of(lines);
  scene.world().namespaces[1].*function.map = map;
  const Word id = scene.unknown("id", kIntBits, Shown::number);
  for (const MapLine& line : lines) establish_lookup(scene, line, lookup, id);
  // These ask from_kuid() or from_kgid(), which are proved before them.
  std::optional<IdFunctions> below;
  if (function.model == from_id_munged<Symbolic>) below.emplace(scene);
  const Word result = run(scene, function.name, {Pointer::to(ns), argument(id, kIntBits)}) & Word(kInvalidId);
  scene.compare(std::string(function.name), result, function.model(map, id), Shown::number);
  scene.compare_the_rest({});
}

unsigned range_situations(const Profile&) {
  return kMapSizes;
}

void run_map_id_range_down(Scene& scene, unsigned size) {
  scene.add_namespaces(1, 1);
  Interpreter& interpreter = scene.interpreter();
  const ObjectId ns = scene.kernel_namespace(1);
  const Lookup lookup{"uid_map", true};
  const std::vector<MapLine> lines = add_lines(scene, ns, lookup, size);
  const IdMap<Symbolic> map = map_of(lines);
  const Word id = scene.unknown("id", kIntBits, Shown::number),
             last = scene.unknown("last id", kIntBits, Shown::number);
  interpreter.assume(!(last < id) & (last < Word(kInvalidId)));
  for (const MapLine& line : lines) {
    for (const Word& end : {id, last}) establish_lookup(scene, line, lookup, end);
  }
  const z3::expr id_bits = low_bits(id, kIntBits), count = fold(low_bits(last, kIntBits) - id_bits + 1);
  const auto offset = static_cast<std::int64_t>(interpreter.code().field("user_namespace", "uid_map").offset);
  const Word result = run(scene, "map_id_range_down", {Pointer::to(ns, offset), id_bits, count}) & Word(kInvalidId);
  scene.compare("result", result, map_id_range_down(map, id, last - id + Word(1)), Shown::number);
  scene.compare_the_rest({});
}

// security/commoncap.c

void run_cap_capable(Scene& scene, unsigned situation) {
  const unsigned target = set_up_standing(scene, situation);
  const Word capability = scene.unknown("capability", kIntBits, Shown::number),
             options = scene.unknown("opts", kIntBits, Shown::number);
  scene.interpreter().assume(cap_valid<Symbolic>(scene.profile(), capability));
  const Word result = run(scene, "cap_capable",
                          {Pointer::to(scene.cred()), Pointer::to(scene.kernel_namespace(target)),
                           argument(capability, kIntBits), argument(options, kIntBits)});
  const Bool model = cap_capable<Symbolic>(scene.world().namespaces, subject_of(scene.task()), target, capability);
  scene.compare("result", result, Symbolic::select(model, 0, negated(EPERM)), Shown::number);
  scene.compare_the_rest({});
}

/// The options of prctl(2) that cap_task_prctl() knows.
constexpr std::initializer_list<CallKind> kCapabilityOptions = {
    CallKind::capbset_read,   CallKind::capbset_drop,   CallKind::cap_ambient,  CallKind::cap_userns,
    CallKind::set_securebits, CallKind::get_securebits, CallKind::set_keepcaps, CallKind::get_keepcaps};

void run_cap_task_prctl(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  scene.assume_invariant<invariant::SecurebitsSupported>();
  const Word option = scene.unknown("option", kIntBits, Shown::number);
  std::array<Word, kMaxArguments> arguments{};
  std::vector<Value> passed{argument(option, kIntBits)};
  for (std::size_t i = 0; i < 4; ++i) {
    arguments[i] = scene.unknown(fmt::format("arg{}", i + 2), kLongBits, Shown::bits);
    passed.push_back(argument(arguments[i], kLongBits));
  }
  const Word result = run(scene, "cap_task_prctl", passed);
  Bool other = true;
  for (const CallKind kind : kCapabilityOptions) {
    if (kind == CallKind::cap_userns && !scene.profile().features.userns) continue;
    const Bool here = option == Word(info(kind).option);
    other = other & !here;
    compare_outcome(scene, fmt::format("{}: ", info(kind).name), result, predict(scene, kind, arguments), here);
  }
  compare_outcome(scene, "another option: ", result, {negated(ENOSYS), scene.task().cred}, other);
  scene.compare_the_rest(kCommitted);
}

/// Calls that set ids say which with one of these, include/linux/security.h.
constexpr std::uint64_t kSetIdId = 1, kSetIdRe = 2, kSetIdRes = 4, kSetIdFs = 8;

void run_cap_task_fix_setuid(Scene& scene, unsigned) {
  const IdFunctions id_functions(scene);
  scene.add_namespaces(1, 1);
  scene.add_maps(1);
  scene.add_task(1);
  const ObjectId new_cred = scene.add_new_credentials("new_cred");
  Credentials<Symbolic> ids = scene.task().cred;
  ids.uid = scene.unknown("new uid", kIntBits, Shown::number);
  ids.euid = scene.unknown("new euid", kIntBits, Shown::number);
  ids.suid = scene.unknown("new suid", kIntBits, Shown::number);
  ids.fsuid = scene.unknown("new fsuid", kIntBits, Shown::number);
  scene.change(new_cred, ids);
  const Word flags = scene.unknown("flags", kIntBits, Shown::number);
  const Word result =
      run(scene, "cap_task_fix_setuid", {Pointer::to(new_cred), Pointer::to(scene.cred()), argument(flags, kIntBits)});
  const Bool set_id = (flags == Word(kSetIdId)) | (flags == Word(kSetIdRe)) | (flags == Word(kSetIdRes)),
             set_fs_id = flags == Word(kSetIdFs);
  const UserNamespace<Symbolic>& ns = scene.world().namespaces[1];
  const Credentials<Symbolic> after = scene.read_credentials(new_cred);
  scene.compare("result", result, Symbolic::select(set_id | set_fs_id, 0, negated(EINVAL)), Shown::number);
  scene.compare("set*uid: ", after, fix_setuid(scene.task().cred, ns, ids), set_id);
  scene.compare("setfsuid: ", after, fix_setfsuid(scene.task().cred, ns, ids), set_fs_id);
  scene.compare("other flags: ", after, ids, !set_id & !set_fs_id);
  scene.compare_the_rest({});
}

// kernel/capability.c

/// Where the user's structures are: nothing depends on it.
constexpr std::uint64_t kHeaderAddress = 0x10000, kDataAddress = 0x20000, kTaskSize = 0x7ffffffff000;

/// The structures of capget(2) and capset(2), and the pointers to them, either of which may be null.
struct CapCall {
  ObjectId header, data;
  CapHeader<Symbolic> model;
  Word own_pid;
  std::vector<Value> arguments;
};

CapCall add_cap_call(Scene& scene) {
  Interpreter& interpreter = scene.interpreter();
  interpreter.set_bytes(interpreter.variable("task_size"), 0, 8, bits_of(kTaskSize, kLongBits));
  const Word own_pid = scene.unknown("own pid", kIntBits - 1, Shown::number);
  interpreter.give("own_pid", argument(own_pid, kIntBits));
  const Word version = scene.unknown("version", kIntBits, Shown::bits),
             pid = scene.unknown("pid", kIntBits, Shown::number);
  const ObjectId header = interpreter.add_object("header", "__user_cap_header_struct");
  interpreter.set(header, "version", version);
  interpreter.set(header, "pid", pid);
  interpreter.add_user_memory(kHeaderAddress, header);
  // Two structures, of which version 1 has only the first: the low words.
  const ObjectId data = interpreter.add_memory("data", 2 * interpreter.code().size_of("__user_cap_data_struct"));
  interpreter.add_user_memory(kDataAddress, data);
  const Bool header_null = Bool::unknown("header_is_null"), data_null = Bool::unknown("data_is_null");
  scene.show("header is null", header_null);
  scene.show("data is null", data_null);
  const auto pointer = [](const Bool& is_null, std::uint64_t address) {
    return choose(is_null, bits_of(std::uint64_t{0}, kLongBits), bits_of(address, kLongBits));
  };
  return {header,
          data,
          {version, canonical<Symbolic>(Role::pid, pid), header_null, data_null},
          own_pid,
          {pointer(header_null, kHeaderAddress), pointer(data_null, kDataAddress)}};
}

void compare_version(Scene& scene, const CapCall& call) {
  scene.compare("version after", Scene::word_of(scene.interpreter().read(scene.state(), call.header, "version")),
                version_after(call.model), Shown::bits, !call.model.header_null);
}

void run_sys_capset(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  scene.assume_invariant<invariant::AmbientWithinPermittedAndInheritable>();
  Interpreter& interpreter = scene.interpreter();
  const CapCall call = add_cap_call(scene);
  const std::uint64_t size = interpreter.code().size_of("__user_cap_data_struct");
  CapsetRequest<Symbolic> request;
  const auto put = [&](std::string_view field, Word& set) {
    set = scene.unknown(fmt::format("asked {}", field), kLongBits, Shown::set);
    const FieldPlace place = interpreter.code().field("__user_cap_data_struct", field);
    interpreter.set_bytes(call.data, place.offset, place.size, argument(set, kIntBits));
    interpreter.set_bytes(call.data, size + place.offset, place.size, argument(set >> kIntBits, kIntBits));
  };
  put("effective", request.effective);
  put("permitted", request.permitted);
  put("inheritable", request.inheritable);
  const Word result = run(scene, "__se_sys_capset", call.arguments);
  const auto outcome = sys_capset<Symbolic>(scene.profile(), scene.task().cred, call.own_pid, call.model, request);
  Credentials<Symbolic> cred = scene.task().cred;
  Symbolic::assign(cred, outcome.verdict.passed(), outcome.after);
  compare_outcome(scene, "", result, {outcome.result(), cred}, true);
  compare_version(scene, call);
  scene.compare_the_rest(kCommitted, {call.header});
}

/// Of the caller, or of another task, if there is one that has the id.
void run_sys_capget(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  Interpreter& interpreter = scene.interpreter();
  const CapCall call = add_cap_call(scene);
  const ObjectId other = interpreter.add_object("target", "task_struct");
  interpreter.set(other, "real_cred", Value(Pointer::to(scene.add_other_credentials(1, "target", 0))));
  const Bool exists = Bool::unknown("pid_exists");
  scene.show("a task has that id", exists);
  interpreter.give("task of the pid", choose(exists, Pointer::to(other), Pointer::null()));
  const Word result = run(scene, "__se_sys_capget", call.arguments);

  const Bool is_own = (call.model.pid == Word(0)) | (call.model.pid == call.own_pid);
  Credentials<Symbolic> target = scene.world().tasks[1].cred;
  Symbolic::assign(target, is_own, scene.task().cred);
  const auto model = sys_capget<Symbolic>(target, is_own | exists, call.model);
  scene.compare("result", result, model.result(), Shown::number);
  compare_version(scene, call);
  const Bool copied = model.verdict.passed() & !call.model.data_null;
  const auto compare_word = [&](const std::string& name, std::uint64_t offset, const Word& set, const Bool& is_there) {
    const Word before = Scene::word_of(interpreter.first(call.data, offset, 4));
    scene.compare(name, Scene::word_of(interpreter.read(scene.state(), call.data, offset, 4)),
                  Symbolic::select(is_there, set & Word(0xffffffff), before), Shown::bits);
  };
  const Bool has_high_words = !(call.model.version == Word(_LINUX_CAPABILITY_VERSION_1));
  const auto compare_set = [&](const std::string& field, const Word& set) {
    const std::uint64_t offset = interpreter.code().field("__user_cap_data_struct", field).offset;
    compare_word(field, offset, set, copied);
    compare_word(field + " above", interpreter.code().size_of("__user_cap_data_struct") + offset, set >> kIntBits,
                 copied & has_high_words);
  };
  compare_set("effective", model.after.effective);
  compare_set("permitted", model.after.permitted);
  compare_set("inheritable", model.after.inheritable);
  scene.compare_the_rest({}, {call.header, call.data});
}

// kernel/user_namespace.c

/// Credentials that enter a namespace: what the kernel made of them, and what the model does.
void compare_entry(Scene& scene, ObjectId entered, ObjectId ns, const Bool& matters) {
  Interpreter& interpreter = scene.interpreter();
  scene.compare("", scene.read_credentials(entered),
                set_cred_user_ns(scene.profile(), scene.world().sysctls, scene.task().cred), matters);
  const Bool same = equal(as_pointer(interpreter.read(scene.state(), entered, "user_ns")), Pointer::to(ns));
  scene.compare("user_ns is the namespace", as_word<Symbolic>(same), 1, Shown::number, matters);
}

/// What entering a namespace changes besides what the model has.
const std::vector<std::string> kEntered = {"cred.user_ns", "cred.request_key_auth", "cred.usage", "cred.rcu"};

void set_up_sysctls(Scene& scene) {
  if (!scene.profile().features.userns_mask) return;
  Interpreter& interpreter = scene.interpreter();
  Word& mask = scene.world().sysctls.cap_userns_mask;
  mask = scene.unknown("cap_userns_mask", kLongBits, Shown::set);
  interpreter.set_bytes(interpreter.variable("cap_userns_mask"), 0, 8, argument(mask, kLongBits));
}

void run_set_cred_user_ns(Scene& scene, unsigned) {
  scene.add_namespaces(0, 1);
  scene.add_task(0);
  set_up_sysctls(scene);
  const ObjectId entered = scene.add_new_credentials("new_cred");
  const std::vector<Value> arguments{Pointer::to(entered), Pointer::to(scene.kernel_namespace(1))};
  scene.interpreter().run("set_cred_user_ns", arguments, scene.state());
  compare_entry(scene, entered, scene.kernel_namespace(1), true);
  scene.compare_the_rest(kEntered);
}

void run_userns_install(Scene& scene, unsigned situation) {
  const unsigned target = set_up_standing(scene, situation);
  set_up_sysctls(scene);
  const Bool alone = scene.add_thread_group(), fs_shared = scene.add_fs();
  Interpreter& interpreter = scene.interpreter();
  const ObjectId entered = scene.add_new_credentials("new_cred"), set = interpreter.add_object("nsset", "nsset");
  interpreter.set(set, "flags", Word(CLONE_NEWUSER));
  interpreter.set(set, "cred", Value(Pointer::to(entered)));
  const auto place = interpreter.code().field("user_namespace", "ns");
  const Word result =
      run(scene, "userns_install",
          {Pointer::to(set), Pointer::to(scene.kernel_namespace(target), static_cast<std::int64_t>(place.offset))});
  Verdict<Symbolic> verdict;
  userns_install<Symbolic>(verdict, scene.world().namespaces, scene.task(), target, alone, fs_shared);
  const Bool well = all_well(scene), passed = verdict.passed();
  scene.compare("result", result, Symbolic::select(passed, 0, Word(0) - verdict.error()), Shown::number, well);
  compare_entry(scene, entered, scene.kernel_namespace(target), passed);
  scene.compare("refused: ", scene.read_credentials(entered), scene.task().cred, !passed);
  scene.compare_the_rest({"cred.user_ns", "cred.ucounts", "cred.request_key_auth", "cred.usage", "cred.rcu",
                          "task_struct.flags", "user_namespace.ns.count"});
}

/// By a creator in a namespace of each level.
void run_create_user_ns(Scene& scene, unsigned level) {
  const IdFunctions id_functions(scene);
  scene.add_namespaces(level, level);
  scene.add_maps(level);
  scene.add_task(level);
  set_up_sysctls(scene);
  Interpreter& interpreter = scene.interpreter();
  UserNamespace<Symbolic>& parent = scene.world().namespaces[level];
  parent.setgroups_allowed = scene.unknown("setgroups_allowed", 1, Shown::number);
  interpreter.set(scene.kernel_namespace(level), "flags", parent.setgroups_allowed);
  const Bool chrooted = Bool::unknown("chrooted");
  scene.show("chrooted", chrooted);
  scene.add_thread_group();
  scene.task().chrooted = as_word<Symbolic>(chrooted);
  interpreter.give("chrooted", chrooted);
  interpreter.give("new_ns", Pointer::to(interpreter.add_cleared("new_ns", "user_namespace")));

  const ObjectId entered = scene.add_new_credentials("new_cred");
  const ObjectId made = *as_pointer(interpreter.given("new_ns")).targets.at(0).object;
  const Word result = run(scene, "create_user_ns", {Pointer::to(entered)});
  Verdict<Symbolic> verdict;
  const UserNamespace<Symbolic> child = create_user_ns<Symbolic>(verdict, scene.profile(), scene.task(), parent, true);
  const Bool well = all_well(scene), passed = verdict.passed() & well;
  scene.compare("result", result, Symbolic::select(verdict.passed(), 0, Word(0) - verdict.error()), Shown::number,
                well);
  compare_entry(scene, entered, made, passed);
  scene.compare_if_ever("failed: ", scene.read_credentials(entered), scene.task().cred, is_negative(result));
  const auto compare_field = [&](std::string_view field, const Word& model) {
    scene.compare(fmt::format("new_ns.{}", field), Scene::word_of(interpreter.read(scene.state(), made, field)), model,
                  Shown::number, passed);
  };
  compare_field("level", child.level);
  compare_field("owner", child.owner);
  compare_field("group", child.group);
  compare_field("parent_could_setfcap", child.parent_could_setfcap);
  compare_field("flags", child.setgroups_allowed);
  compare_field("uid_map.nr_extents", 0);
  compare_field("gid_map.nr_extents", 0);
  const Bool same =
      equal(as_pointer(interpreter.read(scene.state(), made, "parent")), Pointer::to(scene.kernel_namespace(level)));
  scene.compare("new_ns.parent is the creator's", as_word<Symbolic>(same), 1, Shown::number, passed);
  scene.compare_the_rest(kEntered, {made});
}

// security/commoncap.c, at an exec

/// An exec's credentials as bprm_fill_uid() leaves them: euid and egid may be new.
constexpr std::uint64_t kUnsafeShare = 1, kUnsafePtrace = 2, kUnsafeNoNewPrivs = 4;
/// Of sizes of the attribute.
constexpr std::uint64_t kSizeOfV1 = 12, kSizeOfV2 = 20, kSizeOfV3 = 24;

/// Namespaces up to so deep, for a file's root id is looked for on the way up.
constexpr unsigned kExecLevels = 4;
/// Of inode->i_mode.
constexpr unsigned kModeBits = 16;

/// Of each level, revisions of the attribute that the kernel knows, and any other.
unsigned exec_situations(const Profile&) {
  return kExecLevels * kExecRevisions.size();
}

/// The magic_etc of an attribute of a revision, or of none that the kernel knows.
Word add_magic(Scene& scene, std::optional<std::uint64_t> revision) {
  if (revision) {
    const Word rest = scene.unknown("magic_etc", VFS_CAP_REVISION_SHIFT, Shown::bits);
    return word_of_bits(z3::concat(bits_of(*revision >> VFS_CAP_REVISION_SHIFT, kIntBits - VFS_CAP_REVISION_SHIFT),
                                   low_bits(rest, VFS_CAP_REVISION_SHIFT)));
  }
  const Word magic = scene.unknown("magic_etc", kIntBits, Shown::bits);
  for (const std::optional<std::uint64_t>& known : kExecRevisions) {
    if (known) scene.interpreter().assume(!((magic & Word(VFS_CAP_REVISION_MASK)) == Word(*known)));
  }
  return magic;
}

/// The attribute security.capability, on a file system of the initial namespace.
FileCapability<Symbolic> add_attribute(Scene& scene, std::optional<std::uint64_t> known_revision) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId attribute = interpreter.add_object("attribute", "vfs_ns_cap_data");
  FileCapability<Symbolic> file;
  file.magic = add_magic(scene, known_revision);
  file.permitted = scene.unknown("file permitted", kLongBits, Shown::set);
  file.inheritable = scene.unknown("file inheritable", kLongBits, Shown::set);
  file.rootid = scene.unknown("file rootid", kIntBits, Shown::number);
  interpreter.set(attribute, "magic_etc", file.magic);
  interpreter.set(attribute, "data.0.permitted", file.permitted);
  interpreter.set(attribute, "data.0.inheritable", file.inheritable);
  interpreter.set(attribute, "data.1.permitted", file.permitted >> kIntBits);
  interpreter.set(attribute, "data.1.inheritable", file.inheritable >> kIntBits);
  interpreter.set(attribute, "rootid", file.rootid);
  const Word size = scene.unknown("attribute size", 8, Shown::number);
  const Bool there = Bool::unknown("attribute_is_there"), counts = Bool::unknown("mnt_may_suid");
  scene.show("there is an attribute", there);
  scene.show("the mount lets it count", counts);
  interpreter.assume(size < Word(kSizeOfV3 + 1));
  interpreter.give("attribute", Pointer::to(attribute));
  interpreter.give("attribute_size", argument(Symbolic::select(there, size, negated(ENODATA)), kLongBits));
  interpreter.give("mnt_may_suid", counts);
  const Word revision = file.magic & Word(VFS_CAP_REVISION_MASK);
  const Word expected = Symbolic::select(revision == Word(VFS_CAP_REVISION_1), kSizeOfV1,
                                         Symbolic::select(revision == Word(VFS_CAP_REVISION_2), kSizeOfV2, kSizeOfV3));
  file.present = there & counts;
  file.truncated = !(size == expected);
  return file;
}

/// The file that is executed, in a file system of the initial namespace.
ObjectId add_file(Scene& scene) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId file = interpreter.add_object("file", "file"), mount = interpreter.add_object("mount", "vfsmount"),
                 super = interpreter.add_object("super block", "super_block"),
                 dentry = interpreter.add_object("dentry", "dentry"), inode = interpreter.add_object("inode", "inode");
  const auto point = [&](ObjectId from, std::string_view field, ObjectId to) {
    interpreter.set(from, field, Value(Pointer::to(to)));
  };
  point(file, "f_path.mnt", mount);
  point(file, "f_path.dentry", dentry);
  point(mount, "mnt_sb", super);
  point(super, "s_user_ns", scene.kernel_namespace(0));
  point(dentry, "d_inode", inode);
  point(inode, "i_sb", super);
  point(file, "f_inode", inode);
  interpreter.give("inode", Pointer::to(inode));
  interpreter.set(mount, interpreter.code().has_field("vfsmount", "mnt_userns") ? "mnt_userns" : "mnt_idmap",
                  Value(mount_without_map(scene)));
  return file;
}

/// Set-id bits of a file that the task may execute.
void run_bprm_fill_uid(Scene& scene, unsigned) {
  const IdFunctions id_functions(scene);
  scene.add_namespaces(0, 1);
  scene.add_maps(1);
  scene.add_task(1);
  Interpreter& interpreter = scene.interpreter();
  Credentials<Symbolic>& old = scene.task().cred;
  old.no_new_privs = scene.unknown("no_new_privs", 1, Shown::number);
  interpreter.set(scene.kernel_task(), "atomic_flags", old.no_new_privs);
  const Bool counts = Bool::unknown("mnt_may_suid");
  scene.show("the mount lets it count", counts);
  interpreter.give("mnt_may_suid", counts);
  const ObjectId file = add_file(scene), bprm = interpreter.add_object("bprm", "linux_binprm"),
                 cred = scene.add_new_credentials("bprm.cred");
  interpreter.set(bprm, "cred", Value(Pointer::to(cred)));
  Executable<Symbolic> model{};
  model.uid = scene.unknown("file uid", kIntBits, Shown::number);
  model.gid = scene.unknown("file gid", kIntBits, Shown::number);
  model.mode = scene.unknown("file mode", kModeBits, Shown::bits);
  model.flags = Symbolic::select(counts, 0, kExecNosuid);
  const ObjectId inode = *as_pointer(interpreter.given("inode")).targets.at(0).object;
  interpreter.set(inode, "i_uid", model.uid);
  interpreter.set(inode, "i_gid", model.gid);
  interpreter.set(inode, "i_mode", model.mode);
  const std::vector<Value> arguments{Pointer::to(bprm), Pointer::to(file)};
  interpreter.run("bprm_fill_uid", arguments, scene.state());

  scene.compare("bprm: ", scene.read_credentials(cred),
                bprm_fill_uid<Symbolic>(old, scene.world().namespaces[1], model));
  scene.compare("the task's own ", scene.current(), old);
  scene.compare_the_rest({"linux_binprm.per_clear"});
}

void run_cap_bprm_creds_from_file(Scene& scene, unsigned situation) {
  const auto level = static_cast<unsigned>(situation / kExecRevisions.size());
  const IdFunctions id_functions(scene);
  scene.add_namespaces(0, level);
  scene.add_identity_maps(0);
  for (unsigned number = 1; number <= level; ++number) scene.add_maps(number);
  scene.add_task(level);
  scene.assume_invariant<invariant::AmbientWithinPermittedAndInheritable>();
  scene.assume_invariant<invariant::EffectiveWithinPermitted>();
  Interpreter& interpreter = scene.interpreter();
  interpreter.set_bytes(interpreter.variable("file_caps_enabled"), 0, 4, bits_of(1, kIntBits));
  Credentials<Symbolic>& old = scene.task().cred;
  old.no_new_privs = scene.unknown("no_new_privs", 1, Shown::number);
  Credentials<Symbolic> ids = old;
  ids.euid = scene.unknown("new euid", kIntBits, Shown::number);
  ids.egid = scene.unknown("new egid", kIntBits, Shown::number);
  const FileCapability<Symbolic> attribute = add_attribute(scene, kExecRevisions[situation % kExecRevisions.size()]);
  const Word shared = scene.unknown("LSM_UNSAFE_SHARE", 1, Shown::number),
             traced = scene.unknown("LSM_UNSAFE_PTRACE", 1, Shown::number);
  const auto flag = [](const Word& word, std::uint64_t bit) { return Symbolic::select(word == Word(0), 0, bit); };
  const Bool ptracer_capable = Bool::unknown("ptracer_capable");
  scene.show("ptracer_capable", ptracer_capable);
  interpreter.give("ptracer_capable", ptracer_capable);
  scene.assume("file capabilities are enabled", true);
  scene.assume("file systems are the initial namespace's", true);

  const ObjectId bprm = interpreter.add_object("bprm", "linux_binprm"), cred = scene.add_new_credentials("bprm.cred");
  scene.change(cred, ids);
  interpreter.set(bprm, "cred", Value(Pointer::to(cred)));
  interpreter.set(bprm, "unsafe",
                  flag(shared, kUnsafeShare) | flag(traced, kUnsafePtrace) | flag(old.no_new_privs, kUnsafeNoNewPrivs));
  const Value secure_before = read_bits(scene, bprm, "linux_binprm", "secureexec");
  const Word result = run(scene, "cap_bprm_creds_from_file", {Pointer::to(bprm), Pointer::to(add_file(scene))});

  Verdict<Symbolic> verdict;
  const FileCaps<Symbolic> caps =
      get_file_caps<Symbolic>(verdict, scene.profile(), scene.world().namespaces, level, old, attribute);
  const Bool unsafe = !(shared == Word(0)) | !(old.no_new_privs == Word(0));
  const ExecCreds<Symbolic> model = cap_bprm_creds_from_file<Symbolic>(
      scene.profile(), old, scene.world().namespaces[level], ids, caps, {unsafe, ptracer_capable}, false);
  const Bool passed = verdict.passed();
  scene.compare("result", result, Symbolic::select(passed, 0, Word(0) - verdict.error()), Shown::number);
  scene.compare("", scene.read_credentials(cred), model.cred, passed);
  scene.compare("secureexec", Scene::word_of(read_bits(scene, bprm, "linux_binprm", "secureexec")),
                Symbolic::select(model.secure, 1, Scene::word_of(secure_before)), Shown::number, passed);
  scene.compare("the task's own ", scene.current(), old);
  scene.compare_the_rest({"linux_binprm.per_clear", "task_struct.flags", "warn_setuid_and_fcaps_mixed.warned"}, {bprm});
}

// security/keys/process_keys.c

void run_key_change_session_keyring(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  scene.add_references();
  Interpreter& interpreter = scene.interpreter();
  constexpr std::uint64_t kExiting = 4;  // PF_EXITING
  const Word flags = scene.unknown("task flags", kIntBits, Shown::bits);
  interpreter.set(scene.kernel_task(), "flags", flags);
  const Bool exiting = !((flags & Word(kExiting)) == Word(0));
  // The replacement has no fields but the keyring yet.
  const ObjectId replacement = interpreter.add_object("the replacement", "cred");
  const auto rcu = static_cast<std::int64_t>(interpreter.code().field("cred", "rcu").offset);
  const Value keyring = interpreter.read(scene.state(), replacement, "session_keyring");
  const std::vector<Value> arguments{Pointer::to(replacement, rcu)};
  interpreter.run("key_change_session_keyring", arguments, scene.state());

  scene.compare("", scene.current(), scene.task().cred);
  const auto compare_pointer = [&](std::string_view field, const Value& expected, const Bool& matters) {
    const Bool same = equal(as_pointer(scene.current_value(field)), as_pointer(expected));
    scene.compare(fmt::format("{} is as it should be", field), as_word<Symbolic>(same), 1, Shown::number, matters);
  };
  for (const char* field : {"user_ns", "user", "ucounts", "group_info", "thread_keyring", "process_keyring"})
    compare_pointer(field, interpreter.read(State{}, scene.cred(), field), true);
  compare_pointer("session_keyring", keyring, !exiting);
  compare_pointer("session_keyring", interpreter.read(State{}, scene.cred(), "session_keyring"), exiting);
  std::vector<std::string> counted{"task_struct.cred",        "task_struct.real_cred", "cred.usage",
                                   "user_namespace.ns.count", "user_struct.__count",   "key.usage",
                                   "group_info.usage"};
  scene.compare_the_rest(counted, {replacement});
}

// kernel/cred.c

/// New credentials in a namespace of each level, where the old ones are of any.
constexpr unsigned kCommitLevels = 4;

unsigned commit_levels(const Profile&) {
  return kCommitLevels;
}

void run_commit_creds(Scene& scene, unsigned level) {
  scene.add_namespaces(0, level);
  scene.add_other_namespace();
  scene.add_task_anywhere();
  Interpreter& interpreter = scene.interpreter();
  const ObjectId made = scene.add_other_credentials(1, "new", level), mm = interpreter.add_object("mm", "mm_struct");
  const Task<Symbolic>& made_task = scene.world().tasks[1];
  // One reference, of who asks for it.
  interpreter.set(made, "usage", Word(1));
  interpreter.set(scene.kernel_task(), "mm", Value(Pointer::to(mm)));
  constexpr std::uint64_t kDumpableMask = 3;  // MMF_DUMPABLE_MASK
  const Word flags = scene.unknown("dumpable", kLongBits, Shown::bits);
  interpreter.set(mm, "flags", flags);
  interpreter.set_bytes(interpreter.variable("suid_dumpable"), 0, 4, bits_of(std::uint64_t{0}, kIntBits));
  scene.assume("the sysctl suid_dumpable is 0, as at boot", true);
  const Word result = run(scene, "commit_creds", {Pointer::to(made)});

  const Bool stays =
      stays_dumpable<Symbolic>(scene.world().namespaces, scene.task(), made_task.cred, made_task.user_ns);
  scene.compare("result", result, 0, Shown::number);
  const Word after = Scene::word_of(interpreter.read(scene.state(), mm, "flags"));
  scene.compare("dumpable", after & Word(kDumpableMask), Symbolic::select(stays, flags & Word(kDumpableMask), 0),
                Shown::number);
  scene.compare("the address space's other flags", after & ~Word(kDumpableMask), flags & ~Word(kDumpableMask),
                Shown::bits);
  for (const char* field : {"cred", "real_cred"}) {
    const Value now = interpreter.read(scene.state(), scene.kernel_task(), field);
    scene.compare(fmt::format("{} is the new one", field), as_word<Symbolic>(equal(as_pointer(now), Pointer::to(made))),
                  1, Shown::number);
  }
  scene.compare("", scene.current(), made_task.cred);
  scene.compare_the_rest(
      {"task_struct.cred", "task_struct.real_cred", "task_struct.pdeath_signal", "cred.usage", "cred.rcu"}, {mm});
}

// kernel/sys.c

/// A call that sets ids, of so many arguments.
struct IdCall {
  CallKind kind;
  std::string_view function;
  std::size_t arguments;
};

void run_id_call(Scene& scene, const IdCall& call) {
  const IdFunctions id_functions(scene);
  scene.add_namespaces(1, 1);
  scene.add_maps(1);
  scene.add_task(1);
  scene.add_references();
  scene.add_thread_group();
  scene.task().leader = 0;
  std::array<Word, kMaxArguments> arguments{};
  std::vector<Value> passed;
  for (std::size_t i = 0; i < call.arguments; ++i) {
    arguments[i] = scene.unknown(fmt::format("id{}", i), kIntBits, Shown::number);
    passed.push_back(argument(arguments[i], kIntBits));
  }
  const Word result = run(scene, call.function, passed);
  const Predicted model = predict(scene, call.kind, arguments);
  if (call.kind == CallKind::setfsuid || call.kind == CallKind::setfsgid) {
    // They give the old id, and never fail; out of memory, they change nothing.
    const Bool well = all_well(scene);
    scene.compare("result", result, model.result, Shown::number);
    scene.compare("", scene.current(), model.cred, well);
  } else {
    compare_outcome(scene, "", result, model, true);
  }
  std::vector<std::string> changed = kCommitted;
  changed.insert(changed.end(), {"cred.user", "cred.ucounts"});
  scene.compare_the_rest(changed);
}

template <CallKind kKind>
void run_id_call(Scene& scene, unsigned) {
  static constexpr std::array kIdCalls = {
      IdCall{CallKind::setuid, "__sys_setuid", 1},       IdCall{CallKind::setreuid, "__sys_setreuid", 2},
      IdCall{CallKind::setresuid, "__sys_setresuid", 3}, IdCall{CallKind::setfsuid, "__sys_setfsuid", 1},
      IdCall{CallKind::setgid, "__sys_setgid", 1},       IdCall{CallKind::setregid, "__sys_setregid", 2},
      IdCall{CallKind::setresgid, "__sys_setresgid", 3}, IdCall{CallKind::setfsgid, "__sys_setfsgid", 1}};
  run_id_call(scene, *std::ranges::find(kIdCalls, kKind, &IdCall::kind));
}

// kernel/groups.c

unsigned groups_situations(const Profile&) {
  return kGroupsSituations.size();
}

/// A number that the task's group_info has at an offset.
Word current_group_info(Scene& scene, std::uint64_t offset) {
  Pointer at = as_pointer(scene.current_value("group_info"));
  for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(offset);
  return Scene::word_of(scene.interpreter().read(scene.state(), at, 4, "at the end"));
}

void run_sys_setgroups(Scene& scene, unsigned situation) {
  const unsigned groups = kGroupsSituations[situation];
  const IdFunctions id_functions(scene);
  scene.add_namespaces(1, 1);
  scene.add_maps(1);
  scene.add_task(1);
  scene.add_references();
  add_groups(scene);
  Interpreter& interpreter = scene.interpreter();
  const KernelCode& code = interpreter.code();
  UserNamespace<Symbolic>& ns = scene.world().namespaces[1];
  ns.setgroups_allowed = scene.unknown("setgroups_allowed", 1, Shown::number);
  interpreter.set(scene.kernel_namespace(1), "flags", ns.setgroups_allowed);
  interpreter.set_bytes(interpreter.variable("task_size"), 0, 8, bits_of(kTaskSize, kLongBits));
  const ObjectId list = interpreter.add_memory("list", kMaxGroups * 4), made = add_group_info(scene, "new group_info");
  interpreter.give("group_info", Pointer::to(made));
  interpreter.add_user_memory(kDataAddress, list);
  const auto add_gid = [&](std::uint64_t index) {
    const Word gid = scene.unknown(fmt::format("gid{}", index), kIntBits, Shown::number);
    interpreter.set_bytes(list, index * 4, 4, argument(gid, kIntBits));
    return gid;
  };
  const Word gid0 = add_gid(0), gid1 = add_gid(1);
  Word count = groups;
  if (groups == kTooManyGroups) {
    count = scene.unknown("count", kIntBits, Shown::number);
    interpreter.assume(Word(kNgroupsMax) < count);
  }
  const Word result = run(scene, "__se_sys_setgroups", {argument(count, kLongBits), bits_of(kDataAddress, kLongBits)});

  const Credentials<Symbolic>& old = scene.task().cred;
  const auto model = sys_setgroups<Symbolic>(old, ns, {count, gid0, gid1});
  const Bool well = all_well(scene), passed = model.verdict.passed();
  scene.compare("result", result, model.result(), Shown::number, well);
  const auto compare_group = [&](const std::string& name, std::uint64_t offset, Word Credentials<Symbolic>::* group,
                                 const Bool& matters) {
    scene.compare(name, current_group_info(scene, offset),
                  Symbolic::select(passed & well, model.after.*group, old.*group), Shown::number, matters);
  };
  compare_group("Groups", code.field("group_info", "ngroups").offset, &Credentials<Symbolic>::group_count, true);
  const auto has = [&](std::uint64_t index) {
    return Word(index) < Symbolic::select(passed & well, count, old.group_count);
  };
  compare_group("Group0", group_offset(code, 0), &Credentials<Symbolic>::group0, has(0));
  compare_group("Group1", group_offset(code, 1), &Credentials<Symbolic>::group1, has(1));
  scene.compare("", scene.current(), old);
  std::vector<std::string> changed = kCommitted;
  changed.insert(changed.end(), {"cred.group_info", "group_info"});
  scene.compare_the_rest(changed, {made});
}

// kernel/umh.c

void run_call_usermodehelper_exec_async(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  scene.add_thread_group();
  Interpreter& interpreter = scene.interpreter();
  scene.add_fs();
  interpreter.set(scene.kernel_task(), "sighand",
                  Value(Pointer::to(interpreter.add_object("sighand", "sighand_struct"))));
  // The helper's own credentials, before it has any.
  const Credentials<Symbolic> initial = init_cred<Symbolic>(scene.profile());
  const ObjectId made = scene.add_new_credentials("new_cred");
  scene.change(made, initial);
  interpreter.give("init_cred", Pointer::to(made));
  Sysctls<Symbolic>& sysctls = scene.world().sysctls;
  const auto put = [&](const std::string& name, Word& mask) {
    mask = scene.unknown(name, kLongBits, Shown::set);
    interpreter.set_bytes(interpreter.variable(name), 0, 8, argument(mask, kLongBits));
  };
  put("usermodehelper_bset", sysctls.umh_bset);
  put("usermodehelper_inheritable", sysctls.umh_inheritable);
  if (scene.profile().features.userns) put("usermodehelper_userns", sysctls.umh_userns);
  // Of a helper that is waited for, and without a function of its own.
  constexpr std::uint64_t kWaitForProcess = 2;  // UMH_WAIT_PROC
  const ObjectId helper = interpreter.add_object("helper", "subprocess_info");
  interpreter.set(helper, "wait", Word(kWaitForProcess));
  interpreter.set(helper, "init", Value(Pointer::null()));
  run(scene, "call_usermodehelper_exec_async", {Pointer::to(helper)});
  const Bool well = all_well(scene);
  scene.compare("", scene.current(), call_usermodehelper_exec_async<Symbolic>(scene.profile(), sysctls), well);
  std::vector<std::string> changed = kCommitted;
  changed.insert(changed.end(), {"fs_struct.umask", "subprocess_info.retval"});
  scene.compare_the_rest(changed, {made});
}

// fs/userfaultfd.c

void run_sys_userfaultfd(Scene& scene, unsigned level) {
  scene.add_namespaces(0, level);
  scene.add_task(level);
  Interpreter& interpreter = scene.interpreter();
  Word& unprivileged = scene.world().sysctls.unprivileged_userfaultfd;
  unprivileged = scene.unknown("unprivileged_userfaultfd", kIntBits, Shown::number);
  interpreter.set_bytes(interpreter.variable("sysctl_unprivileged_userfaultfd"), 0, 4,
                        argument(unprivileged, kIntBits));
  const Word flags = scene.unknown("flags", kIntBits, Shown::bits);
  constexpr std::uint64_t kReached = 7;
  interpreter.give("userfaultfd", bits_of(kReached, kIntBits));
  const Word result = run(scene, "__se_sys_userfaultfd", {argument(flags, kLongBits)});
  const Bool allowed = userfaultfd_syscall_allowed<Symbolic>(scene.profile(), scene.world().namespaces,
                                                             scene.world().sysctls, scene.task(), flags);
  scene.compare("result", result, Symbolic::select(allowed, kReached, negated(EPERM)), Shown::number);
  scene.compare_the_rest({"task_struct.flags"});
}

/// The descriptor's context: it has features, UFFD_FEATURE_INITIALIZED among them, from the first UFFDIO_API on.
constexpr std::uint64_t kInitialised = 0x80000000;

void run_userfaultfd_api(Scene& scene, unsigned level) {
  scene.add_namespaces(0, level);
  scene.add_task(level);
  Interpreter& interpreter = scene.interpreter();
  interpreter.set_bytes(interpreter.variable("task_size"), 0, 8, bits_of(kTaskSize, kLongBits));
  const ObjectId context = interpreter.add_object("context", "userfaultfd_ctx"),
                 request = interpreter.add_object("request", "uffdio_api");
  const Word initialised = scene.unknown("initialised", 1, Shown::number),
             enabled = scene.unknown("enabled features", kIntBits, Shown::bits);
  interpreter.set(context, "features", Symbolic::select(initialised == Word(0), 0, enabled | Word(kInitialised)));
  const Word api = scene.unknown("api", kLongBits, Shown::bits),
             features = scene.unknown("features", kLongBits, Shown::bits);
  interpreter.set(request, "api", api);
  interpreter.set(request, "features", features);
  interpreter.add_user_memory(kHeaderAddress, request);
  const Word result = run(scene, "userfaultfd_api", {Pointer::to(context), Value(bits_of(kHeaderAddress, kLongBits))});

  scene.task().userfaultfd = no_userfaultfd<Symbolic>();
  scene.task().userfaultfd.open = 1;
  scene.task().userfaultfd.initialised = initialised;
  const auto model = userfaultfd_api<Symbolic>(scene.world().namespaces, scene.task(), api, features);
  const Bool passed = model.verdict.passed();
  // Of features that the model leaves out, kernels know more or fewer.
  const Bool in_model = canonical<Symbolic>(Role::userfaultfd_features, features) == features;
  const Word after = Scene::word_of(interpreter.read(scene.state(), context, "features")),
             reported = Scene::word_of(interpreter.read(scene.state(), request, "features"));
  const auto is_refusal = [](const Word& given) { return as_word<Symbolic>(given == negated(EPERM)); };
  scene.compare("result", result, model.result(), Shown::number, in_model);
  scene.compare("refused for want of SYS_PTRACE", is_refusal(result), is_refusal(model.result()), Shown::number,
                !in_model);
  scene.compare("enabled", as_word<Symbolic>(!((after & Word(kInitialised)) == Word(0))),
                as_word<Symbolic>((result == Word(0)) | !(initialised == Word(0))), Shown::number);
  scene.compare("features of before", after, enabled | Word(kInitialised), Shown::bits, !(initialised == Word(0)));
  scene.compare("features that were asked for", after & Word(kUserfaultfdFeatures), features, Shown::bits,
                in_model & passed);
  scene.compare("features that are reported", reported & Word(kUserfaultfdFeatures),
                Symbolic::select(passed, kUserfaultfdFeatures, 0), Shown::bits, in_model);
  scene.compare_the_rest({"userfaultfd_ctx.features", "task_struct.flags"}, {request});
}

/// Whoever has the device open gets a descriptor: nothing is asked of the caller.
void run_userfaultfd_dev_ioctl(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  Interpreter& interpreter = scene.interpreter();
  const Word cmd = scene.unknown("cmd", kIntBits, Shown::bits), flags = scene.unknown("flags", kIntBits, Shown::bits);
  constexpr std::uint64_t kReached = 7;
  interpreter.give("userfaultfd", bits_of(kReached, kIntBits));
  const Word result =
      run(scene, "userfaultfd_dev_ioctl",
          {Pointer::to(interpreter.add_object("file", "file")), argument(cmd, kIntBits), argument(flags, kLongBits)});
  scene.task().userfaultfd = no_userfaultfd<Symbolic>();
  scene.task().userfaultfd.device_open = 1;
  // Which flags there are is for new_userfaultfd() to say.
  const auto model = userfaultfd_dev_ioctl<Symbolic>(scene.task(), flags & Word(kUserfaultfdFlags));
  const Bool passes = (cmd == Word(USERFAULTFD_IOC_NEW)) & model.verdict.passed();
  scene.compare("result", result, Symbolic::select(passes, kReached, negated(EINVAL)), Shown::number);
  scene.compare_the_rest({});
}

/// A fault of the kernel's own code, and one of the program.
unsigned fault_modes(const Profile&) {
  return 2;
}

/// A page that is registered with the descriptor is used. What may not wait is told to come again.
void run_handle_userfault(Scene& scene, unsigned in_user_mode) {
  constexpr std::uint64_t kAllowRetry = 4, kRetryNowait = 8, kUserFault = 64;  // FAULT_FLAG_*
  constexpr std::uint64_t kSigbus = 2, kRetry = 0x400;                         // VM_FAULT_*
  constexpr std::uint64_t kMissing = 0x200;                                    // VM_UFFD_MISSING
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  Interpreter& interpreter = scene.interpreter();
  const ObjectId context = interpreter.add_object("context", "userfaultfd_ctx"),
                 mm = interpreter.add_object("mm", "mm_struct"), vma = interpreter.add_object("vma", "vm_area_struct"),
                 fault = interpreter.add_object("fault", "vm_fault");
  const auto point = [&](ObjectId from, std::string_view field, ObjectId to) {
    interpreter.set(from, field, Value(Pointer::to(to)));
  };
  point(fault, "vma", vma);
  point(vma, "vm_mm", mm);
  point(vma, "vm_userfaultfd_ctx.ctx", context);
  point(context, "mm", mm);
  interpreter.set(scene.kernel_task(), "flags", Word(0));
  interpreter.set(mm, "mmap_lock.count", Word(1));
  interpreter.set(fault, "flags", Word(kAllowRetry | kRetryNowait | (in_user_mode ? kUserFault : 0)));
  const Word features = scene.unknown("enabled features", kIntBits, Shown::bits),
             user_mode_only = scene.unknown("UFFD_USER_MODE_ONLY", 1, Shown::number);
  scene.assume("no userfaultfd has UFFD_FEATURE_SIGBUS", (features & Word(UFFD_FEATURE_SIGBUS)) == Word(0));
  interpreter.set(context, "features", features);
  interpreter.set(context, "released", Word(0));
  interpreter.set(context, "flags", Symbolic::select(user_mode_only == Word(0), 0, UFFD_USER_MODE_ONLY));
  const Word result = run(scene, "handle_userfault", {Pointer::to(fault), bits_of(kMissing, kLongBits)});

  Userfaultfd<Symbolic>& descriptor = scene.task().userfaultfd;
  descriptor = no_userfaultfd<Symbolic>();
  descriptor.open = descriptor.initialised = 1;
  descriptor.user_mode_only = user_mode_only;
  const auto model = handle_userfault<Symbolic>(scene.task(), in_user_mode != 0);
  scene.compare("result", result, Symbolic::select(model.verdict.passed(), kRetry, kSigbus), Shown::number);
  scene.compare_the_rest({});
}

const std::vector<ProvedFunction> kFunctions = {
    {"make_kuid", "map_id_down(), map_id_up(), from_id_munged(): make_kgid() and from_k[ug]id{,_munged}() too", "",
     id_situations, run_id_function},
    {"map_id_range_down", "map_id_range_down()", "ranges that do not wrap", range_situations, run_map_id_range_down},
    {"cap_capable", "cap_capable()", "by unrolling: every pair of levels that namespaces can have", all_standings,
     run_cap_capable, 0, occurrences<OfCapable>(kinds({CallKind::ns_capable}))},
    {"cap_task_prctl", "step() of the options of prctl(2) that commoncap.c knows", "", once, run_cap_task_prctl,
     kinds(kCapabilityOptions), occurrences<OfPrctl>(kinds(kCapabilityOptions))},
    {"cap_task_fix_setuid", "fix_setuid(), fix_setfsuid()", "", once, run_cap_task_fix_setuid, 0,
     occurrences<OfFixup>(kSetsUserIds | kinds({CallKind::setfsuid}))},
    {"sys_capset", "sys_capset()", "", once, run_sys_capset, kinds({CallKind::capset}),
     occurrences<OfCapset>(kinds({CallKind::capset}))},
    {"sys_capget", "sys_capget()", "", once, run_sys_capget, 0, occurrences<OfCapget>(kinds({CallKind::capget}))},
    {"set_cred_user_ns", "set_cred_user_ns()", "", once, run_set_cred_user_ns, 0,
     occurrences<OfEntry>(kinds({CallKind::unshare, CallKind::setns}))},
    {"userns_install", "userns_install(), set_cred_user_ns()",
     "by unrolling: every pair of levels that namespaces can have", all_standings, run_userns_install, 0,
     occurrences<OfSetns>(kinds({CallKind::setns}))},
    {"create_user_ns", "create_user_ns(), set_cred_user_ns()", "by unrolling: every level that namespaces can have",
     level_count, run_create_user_ns, 0, occurrences<OfCreation>(kinds({CallKind::unshare}))},
    {"bprm_fill_uid", "bprm_fill_uid()", "", once, run_bprm_fill_uid, 0,
     occurrences<OfFillUid>(kinds({CallKind::execve}))},
    {"cap_bprm_creds_from_file", "get_file_caps(), cap_bprm_creds_from_file()", "namespaces up to 3 deep",
     exec_situations, run_cap_bprm_creds_from_file, 0, occurrences<OfExec>(kinds({CallKind::execve}))},
    {"key_change_session_keyring", "key_change_session_keyring()", "", once, run_key_change_session_keyring, 0,
     occurrences<OfKeyringChange>(kinds({CallKind::get_securebits}))},
    {"commit_creds", "stays_dumpable()", "namespaces up to 3 deep", commit_levels, run_commit_creds, 0,
     occurrences<OfCommit>(kSetsUserIds | kinds({CallKind::setgid, CallKind::setregid, CallKind::setresgid,
                                                 CallKind::setgroups, CallKind::setns}))},
    {"sys_setuid", "set_id(), fix_setuid()", "", once, run_id_call<CallKind::setuid>, kinds({CallKind::setuid}),
     occurrences<OfIdCall>(kinds({CallKind::setuid}))},
    {"sys_setreuid", "set_re_id(), fix_setuid()", "", once, run_id_call<CallKind::setreuid>,
     kinds({CallKind::setreuid}), occurrences<OfIdCall>(kinds({CallKind::setreuid}))},
    {"sys_setresuid", "set_res_id(), fix_setuid()", "", once, run_id_call<CallKind::setresuid>,
     kinds({CallKind::setresuid}), occurrences<OfIdCall>(kinds({CallKind::setresuid}))},
    {"sys_setfsuid", "set_fs_id(), fix_setfsuid()", "", once, run_id_call<CallKind::setfsuid>,
     kinds({CallKind::setfsuid}), occurrences<OfIdCall>(kinds({CallKind::setfsuid}))},
    {"sys_setgid", "set_id()", "", once, run_id_call<CallKind::setgid>, kinds({CallKind::setgid}),
     occurrences<OfIdCall>(kinds({CallKind::setgid}))},
    {"sys_setregid", "set_re_id()", "", once, run_id_call<CallKind::setregid>, kinds({CallKind::setregid}),
     occurrences<OfIdCall>(kinds({CallKind::setregid}))},
    {"sys_setresgid", "set_res_id()", "", once, run_id_call<CallKind::setresgid>, kinds({CallKind::setresgid}),
     occurrences<OfIdCall>(kinds({CallKind::setresgid}))},
    {"sys_setfsgid", "set_fs_id()", "", once, run_id_call<CallKind::setfsgid>, kinds({CallKind::setfsgid}),
     occurrences<OfIdCall>(kinds({CallKind::setfsgid}))},
    {"sys_setgroups", "sys_setgroups()", "up to two groups, or too many", groups_situations, run_sys_setgroups, 0,
     occurrences<OfSetgroups>(kinds({CallKind::setgroups}))},
    {"call_usermodehelper_exec_async", "call_usermodehelper_exec_async()", "a helper that is waited for", once,
     run_call_usermodehelper_exec_async, 0, occurrences<OfHelper>(kinds({CallKind::usermodehelper}))},
    {"sys_userfaultfd", "userfaultfd_syscall_allowed()", "by unrolling: every level that namespaces can have",
     level_count, run_sys_userfaultfd, 0, occurrences<OfUserfaultfd>(kinds({CallKind::userfaultfd}))},
    {"userfaultfd_api", "userfaultfd_api()",
     "by unrolling: every level that namespaces can have; which features there are, of those in the model", level_count,
     run_userfaultfd_api, 0, occurrences<OfUserfaultfdApi>(kinds({CallKind::uffdio_api}))},
    {"userfaultfd_dev_ioctl", "userfaultfd_dev_ioctl()", "", once, run_userfaultfd_dev_ioctl, 0,
     occurrences<OfDeviceIoctl>(kinds({CallKind::userfaultfd_ioc_new}))},
    {"handle_userfault", "handle_userfault()", "a fault that may not wait: whether it is handed on, not how",
     fault_modes, run_handle_userfault, 0,
     occurrences<OfUserfault>(kinds({CallKind::user_fault, CallKind::kernel_fault}))},
};

}  // namespace

std::vector<Standing> standings(const Profile& profile) {
  std::vector<Standing> found;
  for (unsigned target = 0; target < level_count(profile); ++target) {
    for (unsigned subject = 0; subject < level_count(profile); ++subject) {
      if (subject <= target) found.push_back({target, subject, true});
      if (subject > 0) found.push_back({target, subject, false});
    }
  }
  return found;
}

const std::vector<ProvedFunction>& proved_functions() {
  static const std::vector<ProvedFunction> kAll = [] {
    std::vector<ProvedFunction> all = kFunctions;
    for (const auto& more : {proc_file_functions(), ptrace_functions(), namei_functions()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return kAll;
}

}  // namespace capcheck
