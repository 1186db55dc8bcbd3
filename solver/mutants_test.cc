// SPDX-License-Identifier: GPL-2.0-only
#include "solver/mutants.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/mutants.h"
#include "solver/prove.h"
#include "solver/statement.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

/// Far beyond what any question here takes, on machines that are busy with other tests too.
constexpr std::chrono::seconds kLimit{60};

class MutantProverTest : public ::testing::Test {
 protected:
  /// The mutant of that description.
  const Mutant& find(CallKind kind, const std::string& description) const {
    for (const Mutant& mutant : mutants_.of(kind)) {
      if (mutants_.describe(mutant).find(description) != std::string::npos) return mutant;
    }
    throw std::invalid_argument("no mutant '" + description + "'");
  }

  Mutants mutants_{kProfile};
  MutantProver prover_{
      kProfile, {"world-well-formed", "effective-within-permitted", "bounding-shrinks-only-with-setpcap"}, kLimit};
};

TEST_F(MutantProverTest, AnInvariantThatAMutantBreaksIsNamed) {
  const Breaks breaks = prover_.breaks(find(CallKind::capbset_drop, "guard \"SETPCAP in E\" (cap_prctl_drop) dropped"));
  ASSERT_EQ(breaks.broken.size(), 1u);
  EXPECT_EQ(breaks.broken.front()->name, "bounding-shrinks-only-with-setpcap");
}

TEST_F(MutantProverTest, OneThatNoInvariantSpeaksOfBreaksNone) {
  const Breaks breaks = prover_.breaks(find(CallKind::capbset_read, "guard \"capability valid\" (cap_valid) dropped"));
  EXPECT_TRUE(breaks.broken.empty());
  EXPECT_FALSE(breaks.unanswered);
  EXPECT_EQ(prover_.equality(find(CallKind::capbset_read, "guard \"capability valid\" (cap_valid) dropped")),
            Equality::different);
}

TEST_F(MutantProverTest, WhatCannotDifferIsProvedEqual) {
  // Two tests with one errno: nothing tells in which order they are made.
  EXPECT_EQ(prover_.equality(find(CallKind::set_securebits, "guard \"no lock is cleared\" (cap_task_prctl) tested")),
            Equality::proved);
  EXPECT_EQ(prover_.equality(find(CallKind::get_securebits, "caller keeps CapPrm")), Equality::same_form);
  EXPECT_EQ(prover_.equality({}), Equality::same_form);
}

/// What computes the same in every world is the same, without a look at what follows from it.
TEST_F(MutantProverTest, WhatNeverDeviatesIsProvedEqual) {
  EXPECT_EQ(prover_.equality(find(CallKind::get_securebits, "#3: select right side alone")), Equality::proved)
      << "the keyring that waits has the owner of the one that it replaces";
  EXPECT_EQ(prover_.equality(find(CallKind::get_securebits, "#2: select right side alone")), Equality::different);
}

/// Below a map's first id, what is subtracted from wraps around and is beyond its count: seen without the rest of the
/// call.
TEST_F(MutantProverTest, WhatIsEqualNearbyIsProvedEqual) {
  EXPECT_EQ(prover_.equality(find(CallKind::setuid, "#4: < off by one")), Equality::proved);
  EXPECT_EQ(prover_.equality(find(CallKind::setuid, "#4: < <= instead")), Equality::different);
}

/// Root's id is 0: in a line that has it, nothing is subtracted from it.
TEST_F(MutantProverTest, AFunctionOfItsInputsIsComparedByItself) {
  const Mutant& mutant = find(CallKind::write_uid_map, "#13: - sign swapped, in make_kuid()");
  const std::vector<std::string> of_inputs{"world-well-formed", "namespaces-exist", "maps-are-written-whole",
                                           "ids-are-bounded"};
  MutantProver prover(kProfile, of_inputs, kLimit, kinds({CallKind::write_uid_map}));
  EXPECT_EQ(prover.equality(mutant), Equality::proved);
  MutantProver knows_less(kProfile, {"world-well-formed"}, std::chrono::milliseconds(1),
                          kinds({CallKind::write_uid_map}));
  EXPECT_EQ(knows_less.equality(mutant), Equality::unanswered) << "of the whole call";
}

/// Whoever joins a namespace is not in it: that was tested before.
TEST_F(MutantProverTest, AGuardIsComparedWhereItIsReached) {
  EXPECT_EQ(prover_.equality(find(CallKind::setns, "| right side alone, in cap_capable()")), Equality::proved);
  EXPECT_EQ(prover_.equality(find(CallKind::ns_capable, "| right side alone, in cap_capable()")), Equality::different);
}

/// Judges mutants of one call, in the light of all statements.
class OfOneCall {
 public:
  /// Each question has so much time, and four times that where much is asked of one mutant.
  explicit OfOneCall(CallKind kind, std::chrono::seconds limit = std::chrono::seconds(12))
      : kind_(kind), prover_(kProfile, all_names(), limit, kinds({kind})) {}

  /// Of the mutant whose description begins so, after the name of the call.
  Equality equality(const std::string& description) {
    for (const Mutant& mutant : mutants_.of(kind_)) {
      if (mutants_.describe(mutant).starts_with(fmt::format("{} #{}", info(kind_).name, description)))
        return prover_.equality(mutant);
    }
    throw std::invalid_argument("no mutant '" + description + "'");
  }

 private:
  static std::vector<std::string> all_names() {
    std::vector<std::string> names;
    for (const Statement& statement : statements_for_mutants()) names.emplace_back(statement.info->name);
    return names;
  }

  CallKind kind_;
  Mutants mutants_{kProfile};
  MutantProver prover_;
};

/// What a write to a map is about is told apart by number, and what differs is asked about where it matters.
TEST(MutantProverOfWrites, WhatMattersNowhereIsProvedEqual) {
  OfOneCall writes(CallKind::write_uid_map);
  // Whoever writes a line with an empty range was refused for that.
  EXPECT_EQ(writes.equality("292: & left side alone, in map_id_range_down()"), Equality::proved);
  EXPECT_EQ(writes.equality("151: & left side alone, in proc_uid_map_write()"), Equality::proved);
  // The opener is in the namespace or in its parent.
  EXPECT_EQ(writes.equality("205: & left side alone, in cap_capable()"), Equality::proved);
  EXPECT_EQ(writes.equality("204: == negated, in cap_capable()"), Equality::proved);
  // A file that belongs to a user whom the namespace knows, and a group that it does not.
  EXPECT_EQ(writes.equality("107: & left side alone, in inode_permission()"), Equality::different);
  EXPECT_NE(writes.equality("151: & right side alone, in proc_uid_map_write()"), Equality::proved);
  EXPECT_NE(writes.equality("206: == negated, in cap_capable()"), Equality::proved);
  // The initial namespace's map is written, which is refused with the same error.
  EXPECT_EQ(writes.equality("123: guard \"namespace has a parent\" (proc_uid_map_write) dropped"), Equality::proved);
  EXPECT_NE(writes.equality("127: guard \"opener in the namespace or its parent\" (proc_uid_map_write) dropped"),
            Equality::proved);
  // Who opens from outside is in the parent, and not above it; the loops after this one go on as they did.
  EXPECT_EQ(writes.equality("201: < negated, in a loop, in cap_capable()"), Equality::proved);
}

/// One id beyond a line: the map has none for it, which is refused with the same error. That is asked last, of what is
/// too much for all other questions.
TEST(MutantProverOfWrites, WhatALaterGuardRefusesIsProvedEqual) {
  OfOneCall writes(CallKind::write_uid_map, std::chrono::seconds(30));
  EXPECT_EQ(writes.equality("231: < <= instead, in make_kuid()"), Equality::proved);
}

/// That the way up to the opener's namespace ends at once is seen by all that is known of the call, and not part by
/// part.
TEST_F(MutantProverTest, WhatAllThatIsKnownRefutesIsProvedEqual) {
  MutantProver prover(kProfile, {"world-well-formed", "namespaces-exist"}, kLimit, kinds({CallKind::write_uid_map}));
  EXPECT_EQ(prover.equality(find(CallKind::write_uid_map, "#132: select right side alone, in a loop")),
            Equality::proved);
}

/// SYS_ADMIN in the target is asked for first, and by the same way up: that the target is below is known from there.
TEST(MutantProverOfSetns, OneLoopLeavesTheSameWhereverACallComesByIt) {
  OfOneCall setns(CallKind::setns);
  EXPECT_EQ(setns.equality("71: & left side alone, in commit_creds()"), Equality::proved);
  EXPECT_EQ(setns.equality("73: & left side alone, in commit_creds()"), Equality::different);
}

TEST_F(MutantProverTest, GuardsWithOneErrorAreSwappedInVain) {
  const auto swapped = [&](const char* guard) {
    return prover_.equality(find(CallKind::setns, fmt::format("guard \"{} tested after the next", guard)));
  };
  EXPECT_EQ(swapped("not the own namespace\" (userns_install)"), Equality::proved);
  EXPECT_EQ(swapped("fs_struct not shared\" (userns_install)"), Equality::different);
}

TEST(StatementsForMutants, AreProved) {
  ProveOptions options;
  options.timeout = kLimit;
  for (const Statement& statement : statements_for_mutants()) {
    if (std::ranges::find(all_statements(), statement.info, &Statement::info) != all_statements().end()) continue;
    options.invariants.emplace_back(statement.info->name);
  }
  ASSERT_FALSE(options.invariants.empty());
  const auto results = prove_statements(kProfile, options, statements_for_mutants());
  EXPECT_EQ(results.size(), options.invariants.size());
  for (const ProofResult& result : results) EXPECT_EQ(result.verdict, ProofVerdict::proved) << result.info->name;
}

/// Of what a loop gives beyond the steps that are looked at, nothing is claimed.
TEST_F(MutantProverTest, NoChangedLoopIsProvedEqual) {
  std::size_t changed = 0;
  for (const Mutant& mutant : mutants_.of(CallKind::ns_capable)) {
    const std::string description = mutants_.describe(mutant);
    if (description.find("in a loop") == std::string::npos) continue;
    ++changed;
    EXPECT_EQ(prover_.equality(mutant), Equality::different) << description;
  }
  EXPECT_GE(changed, 6u);
}

/// Of a call that is not looked at nothing would differ.
TEST_F(MutantProverTest, AMutantOfAnotherCallIsRefused) {
  const Mutant& mutant = find(CallKind::capbset_drop, "guard \"SETPCAP in E\" (cap_prctl_drop) dropped");
  MutantProver other(kProfile, {"world-well-formed"}, kLimit, kinds({CallKind::chroot}));
  EXPECT_THROW(other.equality(mutant), std::invalid_argument);
  EXPECT_THROW(other.breaks(mutant), std::invalid_argument);
  EXPECT_THROW(other.has_same_form(mutant), std::invalid_argument);
}

struct Broken {
  const char* invariant;
  CallKind kind;
  const char* mutant;
};

class WorldInvariants : public ::testing::TestWithParam<Broken> {};

TEST_P(WorldInvariants, BreakByAMutant) {
  const auto& [invariant, kind, description] = GetParam();
  const Mutants mutants(kProfile);
  MutantProver prover(kProfile, {"world-well-formed", "sets-within-last-cap", invariant}, kLimit, kinds({kind}));
  const auto of_kind = mutants.of(kind);
  const auto mutant = std::ranges::find_if(
      of_kind, [&](const Mutant& each) { return mutants.describe(each).find(description) != std::string::npos; });
  ASSERT_NE(mutant, of_kind.end());
  const Breaks breaks = prover.breaks(*mutant);
  ASSERT_FALSE(breaks.broken.empty());
  EXPECT_EQ(breaks.broken.front()->name, invariant);
}

INSTANTIATE_TEST_SUITE_P(
    All, WorldInvariants,
    ::testing::Values(
        Broken{"failed-call-leaves-the-world", CallKind::chroot, "& | instead, after"},
        Broken{"sysctl-masks-only-shrink", CallKind::write_umh_bset, "guard \"SETPCAP and SYS_MODULE\""},
        Broken{"new-namespace-is-below", CallKind::unshare, "guard \"not chrooted\""},
        Broken{"session-keyrings-are-joined-or-offered", CallKind::get_securebits,
               "select left side alone, in key_change_session_keyring()"},
        Broken{"keyrings-are-offered-to-the-own-parent", CallKind::session_to_parent,
               "guard \"parent has the caller's effective ids\""},
        Broken{"exit-ends-the-own-group", CallKind::exit_group, "#4: == negated"},
        Broken{"relatives-change-only-by-death", CallKind::exit_group, "bit off by one"},
        Broken{"tracers-are-who-asked", CallKind::ptrace_seize, "guard \"tracee not traced\""},
        Broken{"exec-starts-anew", CallKind::execve, "caller keeps SUid"},
        Broken{"exec-is-dumpable-without-gain", CallKind::execve, "& left side alone, in commit_creds()"},
        Broken{"exec-asks-the-file", CallKind::execve, "guard \"file executable\""},
        Broken{"exec-gains-nothing-while-shared", CallKind::execve, "#14: | left side alone"},
        Broken{"file-capabilities-add-up", CallKind::execve, "#85: == negated"},
        Broken{"plain-files-keep-the-ambient", CallKind::execve, "#84: & of words | instead"},
        Broken{"nosuid-files-give-nothing", CallKind::execve, "#91: & left side alone"},
        Broken{"scripts-give-nothing", CallKind::execve, "#96: & left side alone"},
        Broken{"at-secure-tells-of-new-ids", CallKind::execve, "#369: select left side alone"},
        Broken{"child-shares-what-was-asked-for", CallKind::clone, "#87: select arms swapped"},
        Broken{"new-tasks-were-free", CallKind::clone, "#88: assignment dropped"},
        Broken{"clone-refuses-contradictions", CallKind::clone, "guard \"flags consistent\""},
        Broken{"unshare-detaches-who-is-alone", CallKind::unshare, "guard \"single-threaded\""},
        Broken{"setns-joins-the-named-namespace", CallKind::setns, "guard \"fs_struct not shared\""},
        Broken{"changed-ids-end-dumpable", CallKind::setuid, "#116: assignment dropped"},
        Broken{"capget-tells-of-whom-it-names", CallKind::capget, "guard \"pid exists\""},
        Broken{"capset-writes-the-version", CallKind::capset, "guard \"data readable\""},
        Broken{"chroot-needs-sys-chroot", CallKind::chroot, "guard \"SYS_CHROOT in E\""},
        Broken{"userfaultfd-is-as-asked-for", CallKind::userfaultfd, "guard \"flags known\""},
        Broken{"device-opens-by-its-mode", CallKind::open_userfaultfd_device, "guard \"device readable and writable\""},
        Broken{"uffdio-api-enables-once", CallKind::uffdio_api, "guard \"API not yet enabled\""},
        Broken{"faults-need-an-enabled-descriptor", CallKind::user_fault, "guard \"API enabled\""},
        Broken{"no-new-privs-checks-arguments", CallKind::set_no_new_privs, "guard \"arguments as required\""},
        Broken{"files-of-proc-ask-their-opener", CallKind::write_setgroups, "guard \"file writable by the opener\""},
        Broken{"groups-are-as-asked-for", CallKind::setgroups, "caller keeps Group0"},
        Broken{"unprivileged-userfaultfd-is-for-root", CallKind::write_unprivileged_userfaultfd,
               "guard \"euid is root\""},
        Broken{"maps-are-written-whole", CallKind::write_uid_map, "#356: select left side alone"},
        Broken{"maps-are-written-whole", CallKind::write_uid_map, "guard \"extent valid\" (map_write) dropped"},
        Broken{"dumpable-have-fs-ids", CallKind::setfsuid, "assignment dropped"}),
    [](const auto& param_info) {
      std::string name = fmt::format("{}_{}", param_info.param.invariant, param_info.index);
      std::ranges::replace(name, '-', '_');
      return name;
    });

}  // namespace
}  // namespace capcheck
