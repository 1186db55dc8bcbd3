// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "model/call.h"
#include "model/invariants.h"
#include "model/step.h"

namespace capcheck {
namespace {

using Word = SymbolicWord;
using Bool = SymbolicBool;

constexpr unsigned kIntBits = 32, kLongBits = 64;

unsigned once(const Profile&) {
  return 1;
}

/// Where a task and the namespace that it asks about stand to each other: at which levels they are, and whether the
/// task's is in the other's chain.
struct Standing {
  unsigned target, subject;
  bool in_chain;
};

unsigned level_count(const Profile& profile) {
  return static_cast<unsigned>(profile.release->max_parent_level) + 2;
}

/// Every pair of levels, once in the chain (where it can be) and once outside of it. Nothing is outside of the chain at
/// level 0: only the initial namespace is there.
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

Word negated(int error) {
  return Word(0) - Word(static_cast<std::uint64_t>(error));
}

Value argument(const Word& word, unsigned width) {
  return low_bits(word, width);
}

Word run(Scene& scene, std::string_view function, std::vector<Value> arguments) {
  const auto result = scene.interpreter().run(function, arguments, scene.state());
  if (!result) throw KernelCodeError(fmt::format("{}() gives nothing", function));
  return Scene::word_of(*result, true);
}

/// What commit_creds() may change, and what new credentials have of their own; and that the task has used a privilege,
/// PF_SUPERPRIV.
const std::vector<std::string> kCommitted = {"task_struct.cred", "task_struct.real_cred", "task_struct.flags",
                                             "cred.usage", "cred.rcu"};

/// Whether memory ran out: then the call fails, and changes nothing.
Bool out_of_memory(const Word& result) {
  return result == negated(ENOMEM);
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
constexpr std::array kCapabilityOptions = {CallKind::capbset_read, CallKind::capbset_drop,   CallKind::cap_ambient,
                                           CallKind::cap_userns,   CallKind::set_securebits, CallKind::get_securebits,
                                           CallKind::set_keepcaps, CallKind::get_keepcaps};

/// What the model says of a call by task 0, and leaves.
struct Predicted {
  Word result;
  Credentials<Symbolic> cred;
};

Predicted predict(Scene& scene, CallKind kind, const std::array<Word, kMaxArguments>& arguments) {
  World<Symbolic> world = scene.world();
  const Call<Symbolic> call{kind, 0, arguments};
  const Word result = step(scene.profile(), world, call).result;
  return {result, world.tasks[0].cred};
}

/// Where memory ran out, the kernel fails before it changes anything; that is no case of the model.
void compare_outcome(Scene& scene, const std::string& name, const Word& result, const Predicted& model,
                     const Bool& matters) {
  const Bool failed = out_of_memory(result);
  scene.compare(fmt::format("{}result", name), result, model.result, Shown::number, matters & !failed);
  scene.compare(name, scene.current(matters), model.cred, matters & !failed);
  scene.compare(fmt::format("{}out of memory, ", name), scene.current(matters), scene.task().cred, matters & failed);
}

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
  scene.add_namespaces(1, 1);
  scene.add_maps(1);
  scene.add_task(1);
  const ObjectId new_cred = scene.add_new_credentials("new_cred");
  Credentials<Symbolic> ids = scene.task().cred;
  for (const auto member : {&Credentials<Symbolic>::uid, &Credentials<Symbolic>::euid, &Credentials<Symbolic>::suid,
                            &Credentials<Symbolic>::fsuid}) {
    ids.*member = scene.unknown(fmt::format("new id {}", scene.unknowns().size()), kIntBits, Shown::number);
  }
  scene.change(new_cred, ids);
  const Word flags = scene.unknown("flags", kIntBits, Shown::number);
  const Word result = run(scene, "cap_task_fix_setuid",
                          {Pointer::to(new_cred), Pointer::to(scene.cred()), argument(flags, kIntBits)});
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

void run_sys_capset(Scene& scene, unsigned) {
  scene.add_namespaces(0, 0);
  scene.add_task(0);
  scene.assume_invariant<invariant::AmbientWithinPermittedAndInheritable>();
  Interpreter& interpreter = scene.interpreter();
  interpreter.set_bytes(interpreter.variable("task_size"), 0, 8, bits_of(kTaskSize, kLongBits));
  const Word own_pid = scene.unknown("own pid", kIntBits - 1, Shown::number);
  interpreter.give("own_pid", argument(own_pid, kIntBits));

  const Word version = scene.unknown("version", kIntBits, Shown::bits), pid = scene.unknown("pid", kIntBits, Shown::number);
  const ObjectId header = interpreter.add_object("header", "__user_cap_header_struct");
  interpreter.set(header, "version", version);
  interpreter.set(header, "pid", pid);
  interpreter.add_user_memory(kHeaderAddress, header);
  // Two structures, of which version 1 has only the first: the low words.
  const std::uint64_t size = interpreter.code().size_of("__user_cap_data_struct");
  const ObjectId data = interpreter.add_memory("data", 2 * size);
  interpreter.add_user_memory(kDataAddress, data);
  CapsetRequest<Symbolic> request;
  const auto put = [&](std::string_view field, Word& set) {
    set = scene.unknown(fmt::format("asked {}", field), kLongBits, Shown::set);
    const FieldPlace place = interpreter.code().field("__user_cap_data_struct", field);
    interpreter.set_bytes(data, place.offset, place.size, argument(set, kIntBits));
    interpreter.set_bytes(data, size + place.offset, place.size, argument(set >> kIntBits, kIntBits));
  };
  put("effective", request.effective);
  put("permitted", request.permitted);
  put("inheritable", request.inheritable);

  const Bool header_null = Bool::unknown("header_is_null"), data_null = Bool::unknown("data_is_null");
  scene.show("header is null", header_null);
  scene.show("data is null", data_null);
  const Word result =
      run(scene, "__se_sys_capset",
          {choose(header_null, bits_of(std::uint64_t{0}, kLongBits), bits_of(kHeaderAddress, kLongBits)),
           choose(data_null, bits_of(std::uint64_t{0}, kLongBits), bits_of(kDataAddress, kLongBits))});
  const CapHeader<Symbolic> model_header{version, canonical<Symbolic>(Role::pid, pid), header_null, data_null};
  const auto outcome = sys_capset<Symbolic>(scene.profile(), scene.task().cred, own_pid, model_header, request);
  Credentials<Symbolic> cred = scene.task().cred;
  Symbolic::assign(cred, outcome.verdict.passed(), outcome.after);
  compare_outcome(scene, "", result, {outcome.result(), cred}, true);
  scene.compare("version after", Scene::word_of(interpreter.read(scene.state(), header, "version")),
                version_after(model_header), Shown::bits, !header_null);
  scene.compare_the_rest(kCommitted, {header});
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

/// No failure for want of memory and the like.
Bool all_well(Scene& scene) {
  Bool well = true;
  for (const Bool& failed : scene.interpreter().failures()) well = well & !failed;
  return well;
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
  scene.compare_the_rest({"cred.user_ns", "cred.request_key_auth", "cred.usage", "cred.rcu", "task_struct.flags",
                          "user_namespace.ns.count"});
}

const std::vector<ProvedFunction> kFunctions = {
    {"cap_capable", "cap_capable()", "by unrolling: every pair of levels that namespaces can have", all_standings,
     run_cap_capable},
    {"cap_task_prctl", "step() of the options of prctl(2) that commoncap.c knows", "", once, run_cap_task_prctl},
    {"cap_task_fix_setuid", "fix_setuid(), fix_setfsuid()", "maps of up to two lines", once, run_cap_task_fix_setuid},
    {"sys_capset", "sys_capset()", "", once, run_sys_capset},
    {"set_cred_user_ns", "set_cred_user_ns()", "", once, run_set_cred_user_ns},
    {"userns_install", "userns_install(), set_cred_user_ns()",
     "by unrolling: every pair of levels that namespaces can have", all_standings, run_userns_install},
};

}  // namespace

const std::vector<ProvedFunction>& proved_functions() {
  return kFunctions;
}

}  // namespace capcheck
