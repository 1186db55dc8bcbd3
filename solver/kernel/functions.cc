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

const std::vector<ProvedFunction> kFunctions = {
    {"cap_capable", "cap_capable()", "by unrolling: every pair of levels that namespaces can have", all_standings,
     run_cap_capable},
    {"cap_task_prctl", "step() of PR_CAPBSET_*, PR_CAP_AMBIENT, PR_CAP_USERNS, PR_*_SECUREBITS, PR_*_KEEPCAPS", "",
     once, run_cap_task_prctl},
};

}  // namespace

const std::vector<ProvedFunction>& proved_functions() {
  return kFunctions;
}

}  // namespace capcheck
