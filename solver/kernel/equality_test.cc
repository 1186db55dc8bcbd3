// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/equality.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Instructions.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/files.h"
#include "fuzz/mutator.h"
#include "fuzz/proof_kernels.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/call.h"
#include "model/mutants.h"
#include "model/step.h"
#include "model/trace_text.h"
#include "solver/kernel/bounds.h"
#include "solver/kernel/command.h"
#include "solver/kernel/contracts.h"
#include "solver/kernel/reach.h"
#include "solver/obligation.h"
#include "solver/other_solver.h"
#include "solver/transition.h"

namespace capcheck {

std::ostream& operator<<(std::ostream& out, EqualityVerdict verdict) {
  return out << to_string(verdict);
}

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::chrono::seconds kTime{60};

const ProvedFunction& find_function(std::string_view name) {
  const auto found = std::ranges::find(proved_functions(), name, &ProvedFunction::name);
  if (found == proved_functions().end()) throw std::out_of_range(std::string(name));
  return *found;
}

/// A kernel's bitcode, which is read once.
const KernelCode& code_of(const std::string& kernel) {
  static std::map<std::string, KernelCode> read;
  const auto found = read.find(kernel);
  return found != read.end() ? found->second
                             : read.emplace(kernel, KernelCode(kernel_bitcode(kernel, ""))).first->second;
}

EqualityResult prove(const std::string& kernel, std::string_view function) {
  return prove_equal(code_of(kernel), parse_profile(kernel), find_function(function), {kTime});
}

// The functions one by one, on each kernel.

struct Proof {
  std::string_view kernel, function;
};

std::vector<Proof> all_proofs() {
  std::vector<Proof> proofs;
  for (const char* kernel : {"6.12", "6.12+userns", "6.1+userns"}) {
    for (const ProvedFunction& function : proved_functions()) proofs.push_back({kernel, function.name});
  }
  // Of the others, what the features change.
  for (const char* kernel : {"6.1", "6.12+userns+capbset-drop-lowers-userns", "6.12+userns+userns-strict",
                             "6.12+userns+userns-mask", "6.12+userns+userfaultfd-cap"}) {
    for (const char* function :
         {"cap_task_prctl", "sys_capset", "set_cred_user_ns", "create_user_ns", "key_change_session_keyring",
          "call_usermodehelper_exec_async", "proc_cap_handler", "sys_userfaultfd", "userfaultfd_api"})
      proofs.push_back({kernel, function});
  }
  return proofs;
}

template <class T>
std::string test_name(const testing::TestParamInfo<T>& parameter) {
  std::string name = fmt::format("{}_{}", parameter.index, parameter.param.function);
  std::ranges::replace_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class EveryFunction : public testing::TestWithParam<Proof> {};

TEST_P(EveryFunction, IsEqualToItsRule) {
  const EqualityResult result = prove(std::string(GetParam().kernel), GetParam().function);
  EXPECT_EQ(result.verdict, EqualityVerdict::proved) << result.detail;
  EXPECT_GT(result.instructions, 0u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, EveryFunction, testing::ValuesIn(all_proofs()), test_name<Proof>);

// Faults in the kernel's code, each found in the function that has it, and what is said of it.

struct PlantedFault {
  std::string_view fault, function, detail;
};

class EveryFault : public testing::TestWithParam<PlantedFault> {};

constexpr const char* kFaultyKernel = "6.12+userns+userfaultfd-cap";

/// And the kernel with that fault, in this process, does otherwise than the model at the last call of a program that
/// comes of the proof.
TEST_P(EveryFault, IsRefutedByAProgramThatTheKernelShows) {
  const auto& [fault, function, detail] = GetParam();
  const Profile profile = parse_profile(kFaultyKernel);
  const KernelCode code(kernel_bitcode(kFaultyKernel, fault));
  const EqualityResult result =
      prove_equal(code, profile, find_function(function), {.timeout = kTime, .find_program = true});
  EXPECT_EQ(result.verdict, EqualityVerdict::refuted) << result.detail;
  EXPECT_THAT(result.detail, HasSubstr(std::string(detail)));
  ASSERT_TRUE(result.program) << result.no_program;
  const TraceText trace = expect_observed(profile, *result.program, run_model(profile, *result.program), "");
  const KernelShown shown =
      proof_kernels().replay({kFaultyKernel, kFaultyKernel, kFaultyKernel, std::string(fault)}, trace);
  EXPECT_EQ(shown.refused, "");
  EXPECT_THAT(shown.divergence, HasSubstr(fmt::format("call {}:", result.program->calls.size())));
  // The kernel without it follows the program.
  EXPECT_EQ(proof_kernels().replay({kFaultyKernel, kFaultyKernel, kFaultyKernel}, trace).divergence, "");
}

const std::vector<PlantedFault> kPlantedFaults = {
    PlantedFault{"cap-valid-off-by-one", "cap_task_prctl", "  arg3 = 0x2a\n"},
    PlantedFault{"capbset-drop-without-setpcap", "cap_task_prctl", "PR_CAPBSET_DROP: result"},
    PlantedFault{"capbset-read-misses-last-cap", "cap_task_prctl", "PR_CAPBSET_READ: result"},
    PlantedFault{"capset-ambient-not-intersected", "sys_capset", ""},
    PlantedFault{"capset-bits-above-last-cap", "sys_capset", ""},
    PlantedFault{"capset-inheritable-not-bounded", "sys_capset", "the kernel gives 0, the model -1"},
    PlantedFault{"clear-all-skips-argument-check", "cap_task_prctl", "the kernel gives 0, the model -22"},
    PlantedFault{"entry-bounding-unassigned", "set_cred_user_ns", "CapBnd: the kernel gives"},
    PlantedFault{"entry-effective-unassigned", "set_cred_user_ns", "CapEff: the kernel gives"},
    PlantedFault{"entry-keeps-ambient", "set_cred_user_ns", "CapAmb: the kernel gives"},
    PlantedFault{"entry-keeps-securebits", "set_cred_user_ns", "Securebits: the kernel gives"},
    PlantedFault{"entry-permitted-unassigned", "set_cred_user_ns", "CapPrm: the kernel gives"},
    PlantedFault{"event-fork-by-userfaultfd-capability", "userfaultfd_api", "the model -1"},
    PlantedFault{"exec-ignores-bounding", "cap_bprm_creds_from_file", ""},
    PlantedFault{"exec-keeps-ambient", "cap_bprm_creds_from_file", "CapAmb: the kernel gives"},
    PlantedFault{"exec-unsafe-gains", "cap_bprm_creds_from_file", ""},
    PlantedFault{"fs-set-lacks-mknod", "cap_task_fix_setuid", "cap_mknod"},
    PlantedFault{"helper-forgets-userns", "call_usermodehelper_exec_async", "CapUNs: the kernel gives"},
    PlantedFault{"keyring-forgets-userns", "key_change_session_keyring", "CapUNs: the kernel gives"},
    PlantedFault{"lower-needs-privilege", "cap_task_prctl", "PR_CAP_USERNS: result: the kernel gives -1, the model 0"},
    PlantedFault{"owner-rule-for-grandparents", "cap_capable", "result: the kernel gives 0, the model -1"},
    PlantedFault{"raise-and-or-swapped", "cap_task_prctl", "PR_CAP_USERNS: "},
    PlantedFault{"raise-bounding-or-permitted", "cap_task_prctl", "PR_CAP_USERNS: "},
    PlantedFault{"raise-gate-dropped", "cap_task_prctl", "PR_CAP_USERNS: result: the kernel gives 0, the model -1"},
    PlantedFault{"raise-ignores-bounding", "cap_task_prctl", "PR_CAP_USERNS: "},
    PlantedFault{"raise-setpcap-from-permitted", "cap_task_prctl", "PR_CAP_USERNS: "},
    PlantedFault{"root-mapping-without-setfcap", "proc_uid_map_write", "result: the kernel gives 33, the model -1"},
    PlantedFault{"securebits-locks-ignored", "cap_task_prctl", "PR_SET_SECUREBITS: "},
    PlantedFault{"setns-grants-full", "userns_install", "the kernel gives 000003ffffffffff"},
    PlantedFault{"setuid-ignores-keepcaps", "cap_task_fix_setuid", "CapPrm: the kernel gives 0000000000000000"},
    PlantedFault{"setuid-keeps-ambient", "cap_task_fix_setuid", "CapAmb: the kernel gives"},
    PlantedFault{"setuid-root-exec-limited-by-inheritable", "cap_bprm_creds_from_file", ""},
    PlantedFault{"user-mode-only-stops-kernel", "handle_userfault", "result: the kernel gives 1024, the model 2"},
    PlantedFault{"user-mode-only-needs-privilege", "sys_userfaultfd", "result: the kernel gives -1"},
    PlantedFault{"userfaultfd-asks-own-namespace", "sys_userfaultfd", "the model -1"},
    PlantedFault{"userns-arguments-swapped", "cap_task_prctl", "PR_CAP_USERNS: "}};

INSTANTIATE_TEST_SUITE_P(Kernel, EveryFault, testing::ValuesIn(kPlantedFaults), [](const auto& parameter) {
  std::string name(parameter.param.fault);
  std::ranges::replace(name, '-', '_');
  return name;
});

/// What rules say of themselves, mutants are judged by (fuzz/kernel_proofs.h).
TEST(KernelFunctions, ThatRulesStandForAreProved) {
  std::set<std::string_view> proved;
  World<Concrete> world{};
  begin(world, Profile{});
  for (const ProvedFunction& function : proved_functions()) {
    proved.insert(function.name);
    EXPECT_NO_THROW(is_within_bound(function.name, world, {})) << function.name;
  }
  const std::set<std::string_view> around_rules =
      Mutants(parse_profile("6.12+userns+userfaultfd-cap+userns-mask")).functions();
  EXPECT_THAT(around_rules, testing::IsSubsetOf(proved));
  EXPECT_GT(around_rules.size(), 10u);
}

/// A write of one line or two to uid_map, of a namespace of this level whose own maps are not there yet.
struct MapWrite {
  std::uint64_t level;
  bool has_second;
};

World<Concrete> world_of(const Profile& profile, const MapWrite& write) {
  World<Concrete> world{};
  begin(world, profile);
  const IdMap<Concrete> two_lines{{0, 0, 10}, {20, 20, 10}};
  for (; world.namespace_count <= write.level; ++world.namespace_count) {
    UserNamespace<Concrete>& ns = world.namespaces[world.namespace_count];
    ns.parent = world.namespace_count - 1;
    ns.level = world.namespace_count;
    if (ns.level < write.level) ns.uid_map = ns.gid_map = two_lines;
  }
  world.tasks[0].user_ns = write.level;
  return world;
}

Call<Concrete> call_of(const MapWrite& write) {
  Call<Concrete> call{CallKind::write_uid_map, 0, {0, 0, 0, 0, 1}};
  if (write.has_second) call.args[5] = call.args[6] = call.args[7] = 1;
  return call;
}

/// The bound says what is proved: what is within it is one of the situations, and what is not is none.
TEST(KernelFunctions, AreProvedOfMapsAsFarAsTheirBoundSays) {
  const Profile profile = parse_profile("6.12");
  const ProvedFunction& function = find_function("proc_uid_map_write");
  for (std::uint64_t level = 0; level <= 5; ++level) {
    for (const bool has_second : {false, true}) {
      SCOPED_TRACE(fmt::format("level {}, {} lines", level, has_second ? 2 : 1));
      World<Concrete> world = world_of(profile, {level, has_second});
      const Transition<Concrete> made = take(profile, Fault::none, world, call_of({level, has_second}));
      unsigned met = 0;
      for (unsigned situation = 0; situation < function.situations(profile); ++situation)
        met += function.occurrences.concrete(profile, situation, made).happens ? 1 : 0;
      EXPECT_EQ(met, level <= 3 ? 1u : 0u);
      EXPECT_EQ(is_within_bound(function.name, world, made.call), level <= 3);
    }
  }
  World<Concrete> world = world_of(profile, {2, false});
  world.namespaces[1].uid_map.line1.count = kInvalidId;
  EXPECT_FALSE(is_within_bound(function.name, world, call_of({2, false})));
}

TEST(PlantedFaults, AreAllOfThem) {
  for (const FaultInfo& fault : kFaults)
    EXPECT_NE(std::ranges::find(kPlantedFaults, fault.name, &PlantedFault::fault), kPlantedFaults.end()) << fault.name;
}

TEST(PlantedFaults, ACounterexampleIsAsPlainAsItGoes) {
  const KernelCode code(kernel_bitcode("6.12+userns", "raise-gate-dropped"));
  const EqualityResult result =
      prove_equal(code, parse_profile("6.12+userns"), find_function("cap_task_prctl"), {kTime});
  EXPECT_EQ(result.detail.substr(result.detail.find("where")),
            "where\n  option = 48\n  arg2 = 0x2\n  and all else is 0\n");
}

// What else a proof must not overlook.

unsigned once(const Profile&) {
  return 1;
}

void enter_namespace(Scene& scene) {
  scene.add_namespaces(0, 1);
  scene.add_task(0);
  const std::vector<Value> arguments{Pointer::to(scene.add_new_credentials("new_cred")),
                                     Pointer::to(scene.kernel_namespace(1))};
  scene.interpreter().run("set_cred_user_ns", arguments, scene.state());
}

EqualityResult prove_alone(void (*run)(Scene& scene, unsigned situation), const EqualityOptions& options = {kTime}) {
  const KernelCode& code = code_of("6.12+userns");
  const ProvedFunction function{"set_cred_user_ns", "", "", once, run};
  return prove_equal(code, parse_profile("6.12+userns"), function, options);
}

TEST(Equality, WhatIsChangedBesidesIsADifference) {
  const EqualityResult result = prove_alone([](Scene& scene, unsigned) {
    enter_namespace(scene);
    scene.compare_the_rest({});
  });
  EXPECT_EQ(result.verdict, EqualityVerdict::refuted);
  EXPECT_THAT(result.detail, HasSubstr("new_cred: user_ns: the kernel gives 0, the model 1"));
}

TEST(Equality, WhatIsComparedNowhereIsAnError) {
  const EqualityResult result = prove_alone([](Scene& scene, unsigned) {
    enter_namespace(scene);
    scene.compare("sets", 1, 1, Shown::number, false);
  });
  EXPECT_EQ(result.verdict, EqualityVerdict::error);
  EXPECT_THAT(result.detail, HasSubstr("nothing is compared as 'sets'"));
}

TEST(Equality, AFunctionThatIsNotThereIsAnError) {
  const EqualityResult result =
      prove_alone([](Scene& scene, unsigned) { scene.interpreter().run("set_cred_unheard_of", {}, scene.state()); });
  EXPECT_EQ(result.verdict, EqualityVerdict::error);
  EXPECT_THAT(result.detail, HasSubstr("no function set_cred_unheard_of()"));
}

/// A name for a word plus 1, of 32 bits each.
SymbolicWord name_successor(Scene& scene, const SymbolicWord& word) {
  const z3::expr sum = low_bits(word, 32) + 1;
  const SymbolicWord name = word_of_bits(scene.interpreter().abbreviate("successor", sum));
  scene.interpreter().define(name == word_of_bits(sum));
  return name;
}

TEST(Equality, WhatNamesStandForIsKnownWhereItMatters) {
  const EqualityResult proved = prove_alone([](Scene& scene, unsigned) {
    const SymbolicWord word = scene.unknown("word", 32, Shown::number), name = name_successor(scene, word);
    scene.compare("same", name, name, Shown::number);
    scene.compare("no more than bits", name, word_of_bits(low_bits(word, 32) + 1), Shown::number);
  });
  EXPECT_EQ(proved.verdict, EqualityVerdict::proved) << proved.detail;
  const EqualityResult refuted = prove_alone([](Scene& scene, unsigned) {
    const SymbolicWord word = scene.unknown("word", 32, Shown::number);
    scene.compare("successor", name_successor(scene, word), word & SymbolicWord(0xff), Shown::number,
                  !(word == SymbolicWord(0)));
  });
  EXPECT_EQ(refuted.verdict, EqualityVerdict::refuted);
  EXPECT_THAT(refuted.detail, HasSubstr("successor: the kernel gives 0, the model 255\nwhere\n  word = 4294967295\n"));
}

// What differs where no program leads.

TEST(Equality, ADifferenceWhereNoProgramLeadsSaysByWhichInvariant) {
  const EqualityResult result = prove_alone([](Scene& scene, unsigned) {
    scene.add_namespaces(0, 0);
    scene.add_task(0);
    const Credentials<Symbolic>& cred = scene.task().cred;
    scene.compare("beyond permitted", cred.effective & ~cred.permitted, 0, Shown::set);
  });
  EXPECT_EQ(result.verdict, EqualityVerdict::unreachable) << result.detail;
  EXPECT_THAT(result.detail, HasSubstr("beyond permitted: the kernel gives"));
  EXPECT_THAT(result.detail,
              HasSubstr("no program leads to such an input, by effective-within-permitted: E ⊆ P (proved)\n"));
}

TEST(Equality, ADifferenceWithoutAProgramSaysSo) {
  const EqualityResult result = prove_alone(
      [](Scene& scene, unsigned) {
        scene.add_namespaces(0, 0);
        scene.add_task(0);
        scene.compare("sets", scene.task().cred.bounding, 0, Shown::set);
      },
      {.timeout = kTime, .find_program = true});
  EXPECT_EQ(result.verdict, EqualityVerdict::refuted);
  EXPECT_FALSE(result.program);
  EXPECT_EQ(result.no_program, "no call shows by itself what the function does");
}

// Proofs for another solver.

TEST(Obligations, HaveWhatWasProvedAndThePathsThatWereLeftOut) {
  std::vector<Obligation> all;
  const EqualityResult result =
      prove_equal(code_of("6.12+userns"), parse_profile("6.12+userns"), find_function("sys_capset"),
                  {.timeout = kTime, .kernel = "6.12+userns", .on_obligation = [&](const Obligation& each) {
                     all.push_back(each);
                   }});
  EXPECT_EQ(result.verdict, EqualityVerdict::proved);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, "6.12+userns/sys_capset");
  EXPECT_EQ(all[0].cases, 2u);
  EXPECT_FALSE(all[0].is_plain);
  EXPECT_THAT(all[0].smt2, HasSubstr("situation 0: paths that are not taken"));
  EXPECT_THAT(all[0].smt2, HasSubstr("situation 0: something differs"));
}

TEST(Obligations, ThatAnotherSolverDoesNotConfirmAreNoProof) {
  for (const auto kind : {Answer::Kind::yes, Answer::Kind::timeout, Answer::Kind::unknown}) {
    const EqualityResult result = prove_equal(
        code_of("6.12+userns"), parse_profile("6.12+userns"), find_function("sys_setfsgid"),
        {.timeout = kTime, .confirm = [&](const Obligation&) { return Answer{kind, "another says otherwise"}; }});
    EXPECT_EQ(result.verdict, EqualityVerdict::unconfirmed);
    EXPECT_EQ(result.detail, "another says otherwise");
    EXPECT_EQ(result.confirmed, 0u);
  }
}

/// Of what differs, the text can be: `sat`.
TEST(Obligations, AreNotTrueOfWhatDiffers) {
  const OtherSolver cvc5("cvc5", kTime);
  const TermScope terms;
  Query query(kTime);
  const KernelCode code(kernel_bitcode("6.12+userns", "raise-gate-dropped"));
  Scene scene(code, parse_profile("6.12+userns"), query);
  find_function("cap_task_prctl").run(scene, 0);
  SymbolicBool any_differs = false;
  for (const Compared& each : scene.compared())
    any_differs = any_differs | (each.matters & !(each.kernel == each.model));
  const std::vector<ObligationCase> cases{{"", {scene.interpreter().assumed()}, {any_differs}}};
  EXPECT_EQ(cvc5.ask(write_obligation("x", "", cases)).kind, Answer::Kind::yes);
}

// What a tree changes.

TEST(FunctionTexts, DifferWhereTheCodeDoes) {
  const auto changed = [](const std::string& fault) {
    const auto base = function_texts(kernel_bitcode(kFaultyKernel, "")),
               own = function_texts(kernel_bitcode(kFaultyKernel, fault));
    std::vector<std::string> names;
    for (const auto& [name, text] : own) {
      if (base.at(name) != text) names.push_back(name);
    }
    return names;
  };
  EXPECT_THAT(changed(""), testing::IsEmpty());
  EXPECT_THAT(changed("capbset-drop-without-setpcap"), testing::ElementsAre("cap_prctl_drop"));
  EXPECT_THAT(changed("owner-rule-for-grandparents"), testing::ElementsAre("cap_capable"));
}

// The translation against the linked code: what the terms come to for some input is what the kernel in the process
// does.

class LinkedCode : public testing::TestWithParam<std::string_view> {};

TEST_P(LinkedCode, GivesWhatTheTermsComeTo) {
  const std::string kernel(GetParam());
  const Profile profile = parse_profile(kernel);
  const KernelCode& code = code_of(kernel);
  InProcessKernel linked(kernel_file(profile), profile);
  const TermScope terms;
  Query query(kTime);
  Scene scene(code, profile, query);
  find_function("cap_task_prctl").run(scene, 0);
  SymbolicBool well = scene.interpreter().assumed();
  for (const SymbolicBool& failed : scene.interpreter().failures()) well = well & !failed;

  std::mt19937_64 random(3);
  const auto any_set = [&] { return (random() | random()) & profile.full_set(); };
  constexpr std::array kKinds = {CallKind::capbset_read,   CallKind::capbset_drop,   CallKind::cap_ambient,
                                 CallKind::set_securebits, CallKind::get_securebits, CallKind::set_keepcaps,
                                 CallKind::get_keepcaps,   CallKind::cap_userns};
  for (int i = 0; i < 200; ++i) {
    const CallKind kind = kKinds[random() % (profile.features.userns ? kKinds.size() : kKinds.size() - 1)];
    Call<Concrete> call{kind, 0, {}};
    call.args[0] = kind == CallKind::set_securebits ? random() & 0xff : random() % 48;
    if (kind == CallKind::cap_ambient || kind == CallKind::cap_userns) {
      call.args[0] = random() % 6;
      call.args[1] = random() % 3 == 0 ? 0 : random() % 48;
    }
    TaskState<Concrete> state = linked.begin();
    Credentials<Concrete>& cred = state.cred;
    cred.inheritable = any_set();
    cred.permitted = any_set();
    cred.effective = any_set() & cred.permitted;
    cred.bounding = any_set();
    cred.ambient = any_set() & cred.permitted & cred.inheritable;
    if (profile.features.userns) cred.userns = any_set();
    cred.securebits = random() & (profile.securebits() | profile.securebits() << 1);
    linked.dress(state);

    std::map<std::string, std::uint64_t, std::less<>> input{
        {"option", info(kind).option}, {"arg2", call.args[0]}, {"arg3", call.args[1]}};
    for (const auto& field : kCredentialFields<Concrete>) input.emplace(field.name, cred.*field.member);
    SymbolicBool here = well;
    for (const Unknown& unknown : scene.unknowns()) {
      const auto found = input.find(unknown.name);
      if (found != input.end() || unknown.name.starts_with("arg"))
        here = here & (unknown.word == SymbolicWord(found == input.end() ? 0 : found->second));
    }
    ASSERT_EQ(query.ask(here).kind, Answer::Kind::yes);
    std::vector<TaskState<Concrete>> others;
    const Observation observed = linked.call(call, others);
    linked.end();
    const std::string prefix = fmt::format("{}: ", info(kind).name);
    std::size_t compared = 0;
    for (const Compared& each : scene.compared()) {
      if (!each.name.starts_with(prefix) || each.may_be_nowhere) continue;
      const std::string_view name = std::string_view(each.name).substr(prefix.size());
      const auto* field = std::ranges::find(kCredentialFields<Concrete>, name, &CredentialField<Concrete>::name);
      const std::uint64_t expected = name == "result" ? observed.result : observed.state.cred.*field->member;
      EXPECT_EQ(query.value(each.kernel), expected) << print_call(call) << ": " << name;
      ++compared;
    }
    EXPECT_GT(compared, 10u);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinkedCode, testing::Values("6.12", "6.12+userns", "6.1+userns"),
                         [](const auto& parameter) { return "Kernel" + std::to_string(parameter.index); });

// Every function that calls run, with the contracts of what it calls: random programs on the kernel in this process.

/// A call that ran a function, and what the kernel made of it.
struct Ran {
  const ProvedFunction* function;
  unsigned situation;
  Call<Concrete> call;
  Occurrence<Concrete> occurrence;
  std::uint64_t result;
  TaskState<Concrete> state;  ///< of the caller; of a helper that was started, its own
};

/// Situations of namespaces that are no deeper than this are looked at.
constexpr unsigned kDeepest = 2;

std::vector<unsigned> shallow_situations(const Profile& profile, const ProvedFunction& function) {
  const auto pairs = standings(profile);
  const unsigned count = function.situations(profile);
  std::vector<unsigned> found;
  for (unsigned situation = 0; situation < count; ++situation) {
    const bool shallow = count == pairs.size()
                             ? pairs[situation].target <= kDeepest && pairs[situation].subject <= kDeepest
                             : situation <= kDeepest;
    if (shallow) found.push_back(situation);
  }
  return found;
}

/// What random programs hardly come to.
std::vector<Program> programs_to_start_with(const Profile& profile) {
  const std::uint64_t full = profile.full_set(), less = full & ~cap_bit(CAP_SETPCAP);
  const auto use_userfaultfd = [](std::uint64_t flags) -> Program {
    return {{{CallKind::userfaultfd, 0, {flags}},
             {CallKind::uffdio_api, 0, {UFFD_API, 0}},
             {CallKind::user_fault, 0, {}},
             {CallKind::kernel_fault, 0, {}}}};
  };
  return {{{{CallKind::clone, 0, {}},
            {CallKind::join_session_keyring, 0, {}},
            {CallKind::session_to_parent, 1, {}},
            {CallKind::get_securebits, 0, {}},
            {CallKind::ptrace_seize, 1, {}},
            {CallKind::ptrace_traceme, 1, {}},
            {CallKind::open_userfaultfd_device, 0, {}},
            {CallKind::userfaultfd_ioc_new, 0, {}},
            {CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, less, full, 0}},
            {CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, less, full, full}}}},
          use_userfaultfd(UFFD_USER_MODE_ONLY),
          use_userfaultfd(0)};
}

std::vector<Ran> run_programs(const Profile& profile) {
  constexpr std::size_t kPrograms = 1500, kLongest = 12, kMost = 150;
  InProcessKernel linked(kernel_file(profile), profile);
  std::vector<Ran> all;
  std::map<std::string_view, std::size_t> count;
  Random random(5);
  const std::vector<Program> first = programs_to_start_with(profile);
  Program program;
  for (std::size_t i = 0; i < kPrograms; ++i) {
    if (i < first.size()) {
      program = first[i];
    } else {
      if (i % 8 == 0) program.calls.clear();
      mutate(program, kLongest, profile, random);
    }
    Trace trace;
    linked.run(program, trace);
    EXPECT_EQ(trace.failure, "");
    World<Concrete> world{};
    begin(world, profile);
    for_each_step(program, trace, [&](const TraceStep& step) {
      const Call<Concrete>& call = step.call;
      if (world.tasks[call.task].alive == 0 || world.namespace_count + 1 >= kMaxNamespaces) return false;
      const World<Concrete> before = world;
      const Transition<Concrete> made = take(profile, Fault::none, before, call);
      world = made.after;
      const bool starts_helper = call.kind == CallKind::usermodehelper && made.result < kFirstThreadId + kMaxTasks;
      const TaskState<Concrete>* after = step.after[starts_helper ? made.result - kFirstThreadId : call.task];
      if (after == nullptr) return true;
      for (const ProvedFunction& function : proved_functions()) {
        if (!(function.occurrences.kinds & kinds({call.kind})) || count[function.name] == kMost) continue;
        for (const unsigned situation : shallow_situations(profile, function)) {
          auto occurrence = function.occurrences.concrete(profile, situation, made);
          if (!occurrence.happens) continue;
          all.push_back({&function, situation, call, std::move(occurrence), step.observed.result, *after});
          ++count[function.name];
        }
      }
      return true;
    });
  }
  for (const ProvedFunction& function : proved_functions()) {
    if (function.occurrences.kinds != 0) EXPECT_GE(count[function.name], 1u) << function.name;
  }
  return all;
}

/// What the kernel showed of a value that is compared; nothing if that is not observed.
std::optional<std::uint64_t> observed_value(const Ran& ran, std::string_view name) {
  constexpr std::uint64_t kRefused = ~std::uint64_t{0};  // -EPERM
  const std::size_t colon = name.rfind(": ");
  if (colon != std::string_view::npos) name = name.substr(colon + 2);
  const auto* field = std::ranges::find(kCredentialFields<Concrete>, name, &CredentialField<Concrete>::name);
  // The exec goes on, and changes others.
  if (ran.function->name == "bprm_fill_uid" && name != "EUid" && name != "EGid") return std::nullopt;
  // A helper executes its program then: that keeps these.
  const bool is_kept =
      ran.call.kind != CallKind::usermodehelper || name == "CapInh" || name == "CapBnd" || name == "CapUNs";
  if (field != kCredentialFields<Concrete>.end())
    return is_kept ? std::optional(ran.state.cred.*field->member) : std::nullopt;
  if (name == "dumpable") return ran.state.dumpable;
  if (name != "result") return std::nullopt;
  if (ran.function->name == "cap_capable") return ran.result == 1 ? 0 : kRefused;
  // The call gives the id that was, not what the function gave.
  if (ran.function->name == "cap_task_fix_setuid" && ran.call.kind == CallKind::setfsuid) return std::nullopt;
  // The call goes on, and may fail otherwise.
  constexpr std::uint64_t kDenied = ~std::uint64_t{0} - (EACCES - 1);
  if (ran.function->name == "inode_permission") return ran.result == kDenied ? kDenied : 0;
  // The call gives how much was written.
  if (ran.function->name == "proc_cap_handler") return ran.result >> 63u ? ran.result : 0;
  // Of what it is given by its contract, the descriptor says nothing.
  constexpr std::uint64_t kReached = 7;
  if (ran.function->name == "sys_userfaultfd") return ran.result == kRefused ? kRefused : kReached;
  if (ran.function->name == "userfaultfd_dev_ioctl") return kReached;
  // The call waits until the page is there, or fails.
  constexpr std::uint64_t kSigbus = 2, kRetry = 0x400;
  if (ran.function->name == "handle_userfault") return ran.result == 0 ? kRetry : kSigbus;
  return ran.result;
}

/// Where the terms come to something else than the kernel showed, of one function or (empty) all. `used` is told of the
/// contracts by which they came to be.
std::vector<std::string> mismatches(const KernelCode& code, const Profile& profile, const std::vector<Ran>& all,
                                    std::string_view function = {}, std::set<std::string>* used = nullptr) {
  std::vector<std::string> found;
  const TermScope terms;
  Query query(kTime);
  struct Prepared {
    std::unique_ptr<Scene> scene;
    NamedConstants constants;
  };
  std::map<std::pair<const ProvedFunction*, unsigned>, Prepared> prepared;
  for (const Ran& ran : all) {
    if (!function.empty() && ran.function->name != function) continue;
    Prepared& here = prepared[{ran.function, ran.situation}];
    if (!here.scene) {
      here.scene = std::make_unique<Scene>(code, profile, query);
      ran.function->run(*here.scene, ran.situation);
      here.constants = named_constants(*here.scene);
      if (used != nullptr)
        used->insert(here.scene->interpreter().used().begin(), here.scene->interpreter().used().end());
    }
    const z3::model values = model_of(here.constants, ran.occurrence);
    std::size_t compared = 0;
    for (const Compared& each : here.scene->compared()) {
      const auto expected = observed_value(ran, each.name);
      const auto evaluate = [&](const z3::expr& term) {
        return values.eval(here.scene->interpreter().spelled_out(term), true);
      };
      if (each.may_be_nowhere || !expected || !evaluate(each.matters.term()).is_true()) continue;
      ++compared;
      const std::uint64_t value = evaluate(each.kernel.term()).get_numeral_uint64();
      if (value != *expected) {
        found.push_back(fmt::format("{} of {}: {}: the terms give {:#x}, the kernel {:#x}", print_call(ran.call),
                                    ran.function->name, each.name, value, *expected));
      }
    }
    if (compared == 0)
      found.push_back(fmt::format("{}: nothing is compared of {}", ran.function->name, print_call(ran.call)));
  }
  return found;
}

TEST(LinkedPrograms, DoWhatTheTermsComeTo) {
  std::set<std::string> used;
  for (const std::string kernel : {"6.12+userns+userfaultfd-cap", "6.1+userns"}) {
    const Profile profile = parse_profile(kernel);
    EXPECT_THAT(mismatches(code_of(kernel), profile, run_programs(profile), {}, &used), testing::IsEmpty()) << kernel;
  }
  // So these are tested by the functions that they stand for; but for what is never reached.
  const std::set<std::string, std::less<>> elsewhere = {"panic"};
  for (const auto& [name, contract] : kernel_contracts()) {
    const bool is_used = used.contains(fmt::format("{}() {}", name, contract.sentence));
    EXPECT_NE(is_used, elsewhere.contains(name)) << name;
  }
}

/// One instruction of the kernel's code, as a translation that gets it wrong would have it.
struct WrongTranslation {
  std::string_view function;  ///< whose code it is
  std::string_view proved;    ///< the function that runs it
  std::string_view what;
  std::function<bool(llvm::Instruction&)> change;  ///< whether it was such an instruction; once more undoes it
  unsigned number = 0;                             ///< which of those
  bool is_observed = true;                         ///< what calls show says what the function did
};

bool compare_otherwise(llvm::Instruction& instruction) {
  auto* comparison = llvm::dyn_cast<llvm::ICmpInst>(&instruction);
  if (comparison == nullptr) return false;
  comparison->setPredicate(comparison->getInversePredicate());
  return true;
}

/// One operation in place of another, and back.
template <llvm::Instruction::BinaryOps kFrom, llvm::Instruction::BinaryOps kTo>
bool compute_otherwise(llvm::Instruction& instruction) {
  if (instruction.getType()->isIntegerTy(1)) return false;
  auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction);
  if (operation == nullptr || operation->getOpcode() != kFrom) return false;
  auto* other = llvm::BinaryOperator::Create(kTo, operation->getOperand(0), operation->getOperand(1), "", operation);
  operation->replaceAllUsesWith(other);
  return true;
}

bool choose_otherwise(llvm::Instruction& instruction) {
  auto* selection = llvm::dyn_cast<llvm::SelectInst>(&instruction);
  if (selection == nullptr) return false;
  selection->swapValues();
  return true;
}

/// Changes one of the instructions that can be changed so: that of a number.
bool change_one(const llvm::Function& function, const std::function<bool(llvm::Instruction&)>& change,
                unsigned number) {
  for (const llvm::BasicBlock& block : function) {
    for (const llvm::Instruction& instruction : block) {
      auto& here = const_cast<llvm::Instruction&>(instruction);
      if (!change(here)) continue;
      if (number-- == 0) return true;
      change(here);  // back again
    }
  }
  return false;
}

TEST(WrongTranslations, OfOneInstructionAreCaught) {
  using Op = llvm::Instruction;
  const std::string kernel = "6.12+userns+userfaultfd-cap";
  const Profile profile = parse_profile(kernel);
  const std::vector<Ran> programs = run_programs(profile);
  const std::vector<WrongTranslation> all = {
      {"cap_task_prctl", "cap_task_prctl", "whether a capability is valid, the other way round", compare_otherwise},
      {"cap_capset", "sys_capset", "an or that is an and", compute_otherwise<Op::Or, Op::And>},
      {"cap_capset", "sys_capset", "an and that is an or", compute_otherwise<Op::And, Op::Or>, 4},
      {"cap_capable", "cap_capable", "a shift to the other side", compute_otherwise<Op::Shl, Op::LShr>},
      {"cap_bprm_creds_from_file", "cap_bprm_creds_from_file", "a choice the other way round", choose_otherwise},
      {"proc_setgroups_write", "proc_setgroups_write", "which text it is, the other way round", compare_otherwise, 8},
      {"handle_userfault", "handle_userfault", "a bit of the fault, the other way round", compare_otherwise, 4},
      {"cred_cap_issubset", "commit_creds", "a subset, the other way round", compare_otherwise, 2},
      {"cap_validate_magic", "sys_capget", "another version", compare_otherwise, 0, false},
      {"userfaultfd_dev_ioctl", "userfaultfd_dev_ioctl", "another command", compare_otherwise},
      {"map_write", "proc_uid_map_write", "whether there is a map, the other way round", compare_otherwise, 3},
      {"new_idmap_permitted", "proc_gid_map_write", "whose map it is, the other way round", compare_otherwise, 2},
      {"proc_cap_handler", "proc_cap_handler", "an and that is an or", compute_otherwise<Op::And, Op::Or>, 2, false},
      {"cap_ptrace_access_check", "cap_ptrace_access_check", "a namespace that is another", compare_otherwise, 0,
       false},
      {"cap_ptrace_traceme", "cap_ptrace_traceme", "a namespace that is another", compare_otherwise, 0, false},
      {"__ptrace_may_access", "__ptrace_may_access", "ids that differ", compare_otherwise, 7, false},
      {"bprm_fill_uid", "bprm_fill_uid", "a bit of the mode, the other way round", compare_otherwise, 6, false},
      {"acl_permission_check", "inode_permission", "whose it is, the other way round", compare_otherwise},
      {"generic_permission", "inode_permission", "a bit of the mode, the other way round", compare_otherwise, 3, false},
      {"task_dump_owner", "task_dump_owner", "whether it can be dumped, the other way round", compare_otherwise, 4,
       false},
      {"map_id_range_down_base", "map_id_range_down", "where an id is, as a line goes", compare_otherwise, 1, false},
      {"userns_may_setgroups", "sys_setgroups", "whether it is denied, the other way round", compare_otherwise, 1},
  };
  for (const WrongTranslation& wrong : all) {
    SCOPED_TRACE(wrong.what);
    const KernelCode code(kernel_bitcode(kernel, ""));
    if (wrong.is_observed) ASSERT_THAT(mismatches(code, profile, programs, wrong.proved), testing::IsEmpty());
    ASSERT_TRUE(change_one(code.function(wrong.function), wrong.change, wrong.number));
    if (wrong.is_observed)
      EXPECT_THAT(mismatches(code, profile, programs, wrong.proved), testing::Not(testing::IsEmpty()));
    EXPECT_EQ(prove_equal(code, profile, find_function(wrong.proved), {kTime}).verdict, EqualityVerdict::refuted);
  }
}

// The subcommand.

struct Outcome {
  int status;
  std::string output;
};

Outcome run_command(const std::string& arguments) {
  int status = -1;
  CLI::App app;
  add_prove_command(app, status,
                    [](const KernelProofOptions& options) { return prove_kernels(options, proof_kernels()); });
  testing::internal::CaptureStdout();
  try {
    app.parse("prove " + arguments);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  return {status, testing::internal::GetCapturedStdout()};
}

TEST(ProveKernelCommand, ComparesAKernelWithTheRulesThatAreAskedFor) {
  const Outcome other = run_command("--kernel 6.12+userns --rules 6.12 --function cap_task_prctl");
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.output, HasSubstr("6.12+userns by the rules of 6.12\n  refuted     cap_task_prctl()"));
  const Outcome own =
      run_command("--kernel 6.12+userns+capbset-drop-lowers-userns --rules 6.12+userns --function cap_task_prctl");
  EXPECT_EQ(own.status, 1);
  EXPECT_THAT(own.output, HasSubstr("in this process, shows it"));
  const Outcome lacking = run_command("--kernel 6.12 --rules 6.12+userns --function cap_task_prctl");
  EXPECT_EQ(lacking.status, 2);
  EXPECT_THAT(lacking.output, HasSubstr("the kernel's struct cred has no field cap_userns"));
}

TEST(ProveKernelCommand, SaysNoughtForProofsWithWhatTheyRestOn) {
  const Outcome outcome = run_command("--kernel 6.12+userns --function cap_task_prctl --function set_cred_user_ns");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("6.12+userns\n  proved      cap_task_prctl()"));
  EXPECT_THAT(outcome.output, HasSubstr("every task has securebits-supported"));
  EXPECT_THAT(outcome.output, HasSubstr("prepare_creds() gives a copy of the current task's credentials"));
  EXPECT_THAT(outcome.output, HasSubstr("2 functions of 6.12+userns: 2 proved equal to the model, 0 refuted"));
}

TEST(ProveKernelCommand, SaysOneForADifference) {
  const Outcome outcome = run_command("--kernel 6.12+userns --function cap_task_prctl --fault raise-gate-dropped");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("6.12+userns with raise-gate-dropped\n  refuted     cap_task_prctl()"));
  EXPECT_THAT(outcome.output, HasSubstr("the model 0000000000000000 (none)"));
}

TEST(ProveKernelCommand, SaysTwoForNoAnswer) {
  const Outcome outcome = run_command("--kernel 6.12+userns --function cap_task_prctl --timeout 0");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.output, HasSubstr("timeout     cap_task_prctl()"));
}

TEST(ProveKernelCommand, WritesJson) {
  const Outcome outcome = run_command("--kernel 6.12 --function cap_task_prctl --json");
  const auto rows = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(rows.at(0).at("kernel"), "6.12");
  EXPECT_EQ(rows.at(0).at("functions").at(0).at("verdict"), "proved");
}

TEST(ProveKernelCommand, WritesWhatWasProvedAndHasItConfirmed) {
  const TemporaryDirectory directory("capcheck-test");
  const Outcome outcome =
      run_command("--kernel 6.12+userns --function set_cred_user_ns --function cap_task_prctl --smt2 " +
                  directory.path().string() + " --confirm-with cvc5");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("; cvc5 answers \"unsat\" to "));
  const std::string text = read_file(directory.path() / "6.12+userns" / "cap_task_prctl.smt2");
  EXPECT_THAT(text, HasSubstr("; cap_task_prctl() of 6.12+userns, and the rule: step()"));
  EXPECT_THAT(text, HasSubstr("(check-sat)"));
}

TEST(ProveKernelCommand, ShowsADifferenceOnTheKernelAndKeepsTheProgram) {
  const TemporaryDirectory directory("capcheck-test");
  const Outcome outcome = run_command(
      "--kernel 6.12+userns+userfaultfd-cap --function sys_capset --fault "
      "capset-inheritable-not-bounded --save " +
      directory.path().string());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("a program that shows it, with what the model says:\n"));
  EXPECT_THAT(outcome.output, HasSubstr("in this process, shows it:\n"));
  const fs::path file =
      directory.path() / "6.12+userns+userfaultfd-cap.capset-inheritable-not-bounded.sys_capset.trace";
  const TraceText trace = load_trace(file, parse_profile("6.12"));
  EXPECT_EQ(trace.program.calls.size(), 2u);
  EXPECT_EQ(trace.program.calls.back().kind, CallKind::capset);
}

/// A tree of the user's own: here Debian's, named, with a fault for what the user changed.
TEST(ProveKernelCommand, SaysWhatATreeChangesAndWhetherTheModelSeesIt) {
  int status = -1;
  CLI::App app;
  const KernelServices services{.find_built = [](const std::string& name) -> std::optional<ProvedKernel> {
    return ProvedKernel{name, "6.12+userns", "6.12+userns", "capbset-drop-without-setpcap",
                        "/usr/src/linux-source-6.12.tar.xz"};
  }};
  add_prove_command(app, status, [&](const KernelProofOptions& options) { return prove_kernels(options, services); });
  testing::internal::CaptureStdout();
  app.parse("prove --kernel mine --function cap_task_prctl --function set_cred_user_ns");
  const std::string output = testing::internal::GetCapturedStdout();
  EXPECT_EQ(status, 1);
  EXPECT_THAT(output, HasSubstr("against Debian's source, of the files that hold these functions:\n"
                                "    changed cap_prctl_drop(): visible to the model: cap_task_prctl() refuted\n"));
  EXPECT_THAT(output, HasSubstr("NOT REPLAYED on the kernel: no kernels can be run in this process"));
}

/// Records of kernels in a cache of the test's own.
class BuiltKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* cache = std::getenv("CAPCHECK_CACHE")) before_ = cache;
    setenv("CAPCHECK_CACHE", directory_.path().c_str(), 1);
    write_file(directory_.path() / "bootable/images/key", "");
  }
  void TearDown() override {
    if (before_) {
      setenv("CAPCHECK_CACHE", before_->c_str(), 1);
    } else {
      unsetenv("CAPCHECK_CACHE");
    }
  }
  void record(const std::string& name, const std::string& source, const std::string& patches) {
    write_file(directory_.path() / "bootable/kernels/um" / (name + ".kernel"),
               fmt::format("profile: 6.12\nrelease: 6.12.1\nfault: \noptions: \npatches: {}\nsource: {}\ntree: abc\n"
                           "image: key\nworkspace: none\n",
                           patches, source));
  }

  TemporaryDirectory directory_{"capcheck-test"};
  std::optional<std::string> before_;
};

TEST_F(BuiltKernels, ThatAreOfTheUsersOwnAreTakenForWhatTheyAre) {
  record("6.12", "/usr/src/linux-source-6.12.tar.xz", "");
  record("patched", "/usr/src/linux-source-6.12.tar.xz", "mine.patch");
  record("tree", "/home/me/linux", "mine.patch");
  const KernelServices services = proof_kernels();
  EXPECT_FALSE(services.find_built("6.12"));
  EXPECT_FALSE(services.find_built("unheard-of"));
  EXPECT_THAT(
      [&] { services.find_built("patched"); },
      ThrowsMessage<std::runtime_error>(HasSubstr("kernel patched was built from is not kept any more; build it")));
  const fs::path tree = directory_.path() / "bootable/trees/abc/source";
  fs::create_directories(tree);
  const auto patched = services.find_built("patched"), own = services.find_built("tree");
  ASSERT_TRUE(patched && own);
  EXPECT_EQ(patched->profile, "6.12");
  EXPECT_EQ(patched->source, tree);
  EXPECT_EQ(patched->base, "");
  EXPECT_EQ(own->base, "/home/me/linux");
}

TEST(ProveKernelCommand, NamesWhatThereIsNot) {
  EXPECT_THAT([] { run_command("--kernel 6.12 --function cap_unheard_of"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no function 'cap_unheard_of' is proved; there are")));
  EXPECT_THAT([] { run_command("--kernel 6.12+unheard-of"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("unheard-of")));
  EXPECT_THAT([] { run_command("--kernel 6.12 --fault unheard-of"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("there is no fault 'unheard-of'")));
  EXPECT_THROW(run_command("--function cap_capable"), CLI::RequiresError);
  EXPECT_THROW(run_command("--kernel 6.12 --profile 6.12"), CLI::ExcludesError);
}

}  // namespace
}  // namespace capcheck
