// SPDX-License-Identifier: GPL-2.0-only
// Reproducers, compiled by cc alone and run as the first process of a guest.
#include "fuzz/repro/reproducer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/guest/console.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"
#include "fuzz/programs.h"
#include "fuzz/repro/bundle.h"
#include "fuzz/sut/in_process_kernel.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path corpus(std::string_view file) {
  return fs::path(CAPCHECK_SOURCE_DIR) / "corpus" / file;
}

Privilege least_on_own_kernel(const Profile& profile, const TraceText& trace) {
  InProcessKernel kernel(kernel_file(profile), profile);
  return least_privilege(kernel, profile, trace.program);
}

/// What the reproducer of a trace that expects the rules says in a guest.
std::string say_in_guest(const TraceText& trace, const Profile& rules, const Privilege& privilege, const char* kernel) {
  const TemporaryDirectory work("capcheck-repro");
  write_file(work.path() / "repro.c", c_reproducer(trace, rules, privilege, ReproducerShape::alone, "a test"));
  const std::string compile =
      fmt::format("cc -Wall -Wextra -Werror -static -o {0} {0}.c", shell_word((work.path() / "repro").string()));
  if (std::system(compile.c_str()) != 0) return "does not compile: " + trace.intent;
  return run_to_its_end(find_booted_kernel(kernel, Architecture::um), initramfs_with_init(work.path() / "repro"),
                        std::chrono::minutes(1));
}

/// The same of a trace for a profile, with the least privilege.
std::string say_in_guest(const fs::path& file, const char* profile, const char* kernel) {
  const Profile rules = parse_profile(profile);
  const TraceText trace = load_trace(file, rules);
  return say_in_guest(trace, rules, least_on_own_kernel(rules, trace), kernel);
}

class Reproducer : public testing::TestWithParam<const char*> {};

TEST_P(Reproducer, AgreesInAGuest) {
  const std::string said = say_in_guest(corpus(GetParam()), "6.12+userns", "6.12+userns");
  EXPECT_THAT(said, HasSubstr("agrees: "));
  EXPECT_THAT(said, HasSubstr("status 0"));
}

INSTANTIATE_TEST_SUITE_P(
    Corpus, Reproducer,
    testing::Values("counterexamples/6.12+userns.userns-within-bounding.trace",
                    "counterexamples/6.12+userns.entry-within-bounding.trace", "seeds/namespaces/join_child.trace",
                    "seeds/tasks/calls_of_the_dead.trace", "seeds/userns/sample.trace",
                    "seeds/userns/lower_and_clear.trace", "seeds/execve/setuid_root.trace",
                    "seeds/execve/file_capabilities.trace", "seeds/execve/file_capabilities_refused.trace",
                    "seeds/execve/rootid.trace", "seeds/execve/user.trace", "seeds/execve/nosuid.trace",
                    "seeds/execve/script.trace", "seeds/execve/namespace_with_root.trace",
                    "seeds/execve/no_new_privs_file_capabilities.trace", "seeds/execve/shared_fs_is_unshared.trace",
                    "seeds/execve/shared_fs.trace", "seeds/tasks/leader_exec.trace", "seeds/tasks/thread_exec.trace",
                    "seeds/ptrace/tracer_dies.trace", "seeds/keyring/userns_survives.trace",
                    "seeds/keyring/entry_with_a_replacement_pending.trace", "seeds/sysctl/who_may_write.trace",
                    "checklist/65-userfaultfd-allowed.trace", "checklist/45-b-unsafe-exec-with-setuid.trace"));

/// On a kernel without the fault that shows them.
TEST(ReproducersOfKnownDivergences, AgreeInAGuest) {
  const std::vector<fs::path> files = find_traces(std::vector{corpus("divergences")});
  EXPECT_GE(files.size(), 3u);
  for (const fs::path& file : files) {
    const std::string profile = to_string(load_trace(file, Profile{}).profiles.front());
    EXPECT_THAT(say_in_guest(file, profile.c_str(), profile.c_str()), HasSubstr("agrees: ")) << file;
  }
}

/// The rules of 6.12 as they are expect of the proposal's kernel what it does not do.
TEST(ReproducerOfOtherRules, DiffersInAGuest) {
  const std::string said =
      say_in_guest(corpus("counterexamples/6.12+userns.entry-within-bounding.trace"), "6.12", "6.12+userns");
  EXPECT_THAT(said, HasSubstr("environment: CapUNs is 000001ffffffffff at the start, expected 0000000000000000"));
  EXPECT_THAT(said, HasSubstr("status 2"));
}

/// Since 6.17 an exec with other effective ids is no change of ids.
TEST(ReproducerThatExecutes, DiffersInAGuestOfOtherRules) {
  const Profile rules = parse_profile("6.17+userns");
  const TraceText trace = load_trace(corpus("seeds/execve/other_effective_ids.trace"), rules);
  const std::string said = say_in_guest(trace, rules, {}, "6.12+userns");
  EXPECT_THAT(said, HasSubstr("t0: after it: CapAmb is 0000000000000000, expected 0000000000002000"));
  EXPECT_THAT(said, HasSubstr("DIFFERS: "));
  EXPECT_THAT(said, HasSubstr("status 1"));
}

TraceText trace_of(std::string_view calls) {
  return parse_trace(fmt::format("capcheck trace 1\nprofile 6.12+userns\n\n{}", calls), "text");
}

/// The file's owner is root, who prepares it and then gives up all.
TEST(ReproducerThatExecutes, BeginsAsAnOrdinaryUser) {
  const TraceText trace = trace_of("t0: execve({mode=S_ISUID|S_IXGRP})\nt0: execve({gid=1000})\n");
  const Profile& rules = trace.profiles.front();
  const Privilege privilege = least_on_own_kernel(rules, trace);
  EXPECT_EQ(describe(privilege), "an ordinary user without capabilities");
  const std::string said = say_in_guest(trace, rules, privilege, "6.12+userns");
  EXPECT_THAT(said, HasSubstr("agrees: "));
  EXPECT_THAT(said, HasSubstr("status 0"));
}

/// A file that is executed has no descriptors that others made since, and perhaps another root.
TEST(ReproducerThatExecutes, FindsNamespacesAndFilesAfterwards) {
  const TraceText trace = trace_of(
      "t0: clone(0)\nt1: execve({})\nt0: unshare(CLONE_NEWUSER)\nt1: chroot(\"jail\")\nt1: execve({flags=SCRIPT})\n"
      "t1: unshare(CLONE_NEWUSER)\nt1: setns(ns1, CLONE_NEWUSER)\nt1: setns(ns2, 0)\nt1: execve({})\n");
  const std::string said = say_in_guest(trace, trace.profiles.front(), {}, "6.12+userns");
  EXPECT_THAT(said, HasSubstr("t1: unshare(CLONE_NEWUSER) = -1 EPERM"));
  EXPECT_THAT(said, HasSubstr("t1: setns(ns1, CLONE_NEWUSER) = 0"));
  EXPECT_THAT(said, HasSubstr("t1: execve({}) = 0"));
  EXPECT_THAT(said, HasSubstr("agrees: "));
  EXPECT_THAT(said, HasSubstr("status 0"));
}

TEST(LeastPrivilege, IsFoundByTrying) {
  const Profile profile = parse_profile("6.12+userns");
  const auto least = [&](std::vector<Call<Concrete>> calls) {
    TraceText trace;
    trace.program.calls = std::move(calls);
    return describe(least_on_own_kernel(profile, trace));
  };
  EXPECT_EQ(least({{CallKind::unshare, 0, {CLONE_NEWUSER}}}), "an ordinary user without capabilities");
  EXPECT_EQ(least({{CallKind::capbset_drop, 0, {CAP_KILL}}}), "an ordinary user with CAP_SETPCAP alone");
  EXPECT_EQ(least({{CallKind::capbset_drop, 0, {CAP_KILL}}, {CallKind::chroot, 0, {}}}), "root with all capabilities");
}

/// One that begins as an ordinary user: root gives the rest up before it begins.
TEST(ReproducerOfAnOrdinaryUser, AgreesInAGuest) {
  const Profile profile = parse_profile("6.12+userns");
  const fs::path file = corpus("seeds/userns/lower_and_clear.trace");
  EXPECT_NE(least_on_own_kernel(profile, load_trace(file, profile)), Privilege{});
  EXPECT_THAT(say_in_guest(file, "6.12+userns", "6.12+userns"), HasSubstr("agrees: "));
}

/// What it would write here is what a kernel begins with.
TEST(ReproducerThatChangesTheSystem, HasToBeAllowedItOutsideAGuest) {
  const TraceText trace = trace_of("t0: write(\"/proc/sys/vm/unprivileged_userfaultfd\", 0)\n");
  const TemporaryDirectory work("capcheck-repro");
  write_file(work.path() / "repro.c",
             c_reproducer(trace, trace.profiles.front(), {}, ReproducerShape::alone, "a test"));
  const std::string enter = fmt::format("cd {} && ", work.path().string());
  ASSERT_EQ(std::system((enter + "cc -o repro repro.c").c_str()), 0);
  constexpr int kEnvironment = 2;
  EXPECT_EQ(WEXITSTATUS(std::system((enter + "./repro >log").c_str())), kEnvironment);
  EXPECT_EQ(read_file(work.path() / "log"),
            "environment: it writes to /proc/sys; to allow that: --allow-system-changes\n");
}

TEST(ReproducerAsSelftest, CompilesWithTheKernelsOwnHeader) {
  const Profile profile = parse_profile("6.12+userns");
  const BootedKernel kernel = find_booted_kernel("6.12+userns", Architecture::um);
  const TemporaryDirectory work("capcheck-selftest");
  const fs::path test = work.path() / "selftests/capabilities/sample.c", program = work.path() / "sample",
                 log = work.path() / "log";
  fs::create_directories(test.parent_path());
  ASSERT_EQ(std::system(fmt::format("tar -xf {} -C {} --occurrence=1 --strip-components=4 --wildcards "
                                    "'*/tools/testing/selftests/kselftest.h'",
                                    kernel.source, (work.path() / "selftests").string())
                            .c_str()),
            0);
  for (const char* file : {"seeds/userns/sample.trace", "seeds/execve/setuid_root.trace"}) {
    const TraceText trace = load_trace(corpus(file), profile);
    write_file(test, c_reproducer(trace, profile, {}, ReproducerShape::kselftest, "a test"));
    const std::string compile = fmt::format("cc -Wall -Werror -o {} {}", program.string(), test.string());
    ASSERT_EQ(std::system(compile.c_str()), 0) << file;
    // Here the proposal is not: a test that cannot be asked is skipped, and says so in TAP.
    constexpr int kSkipped = 4;
    EXPECT_EQ(WEXITSTATUS(std::system(fmt::format("{} >{}", program.string(), log.string()).c_str())), kSkipped);
    EXPECT_THAT(read_file(log), HasSubstr("TAP version 13"));
    EXPECT_THAT(read_file(log), HasSubstr("# environment: "));
  }
}

TEST(Bundle, HasAllThatIsNeededToSeeIt) {
  const Profile profile = parse_profile("6.12+userns");
  const TraceText trace = load_trace(corpus("seeds/userns/sample.trace"), profile);
  const TemporaryDirectory work("capcheck-bundle");
  const fs::path bundle = work.path() / "it's here";
  const BootedKernel kernel = find_booted_kernel("6.12+userns", Architecture::um);
  write_bundle(bundle, "sample", trace, profile, {}, kernel);
  for (const char* file : {"sample.trace", "sample.c", "sample_selftest.c", "config", "README", "SHA256SUMS",
                           "patches/userns/set_cred_user_ns.cocci"}) {
    EXPECT_TRUE(fs::exists(bundle / file)) << file;
  }
  EXPECT_THAT(read_file(bundle / "README"),
              HasSubstr("Boot it and see: capcheck replay --on uml --booted 6.12+userns"));
  const std::string check = fmt::format("cd {} && sha256sum --quiet -c SHA256SUMS", shell_word(bundle.string()));
  EXPECT_EQ(std::system(check.c_str()), 0);
  write_file(bundle / "config", "other");
  EXPECT_NE(std::system((check + " 2>/dev/null").c_str()), 0);
  EXPECT_THAT([&] { write_bundle(bundle, "sample", trace, profile, {}, kernel); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr("is there already")));
}

TEST(ReproducerRefusal, NamesTheCall) {
  const TraceText trace = parse_trace("capcheck trace 1\nprofile 6.12\n\nt0: usermodehelper()\n", "text");
  EXPECT_THAT([&] { c_reproducer(trace, trace.profiles.front(), {}, ReproducerShape::alone, "a test"); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("usermodehelper(): it is no system call")));
  EXPECT_EQ(no_c_form({CallKind::execve, 0, {0xffffffff}}), "no file belongs to the id -1");
  EXPECT_EQ(no_c_form({CallKind::execve, 0, {0, 0, 0, kExecCapability | kExecTruncated, VFS_CAP_REVISION_2}}),
            "setxattr(2) takes no such attribute security.capability");
}

}  // namespace
}  // namespace capcheck
