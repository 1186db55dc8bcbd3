// SPDX-License-Identifier: GPL-2.0-only
// Reproducers, compiled by cc alone and run as the first process of a guest.
#include "fuzz/repro/reproducer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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
using testing::AnyOf;
using testing::HasSubstr;

fs::path corpus(std::string_view file) {
  return fs::path(CAPCHECK_SOURCE_DIR) / "corpus" / file;
}

Privilege least_on_own_kernel(const Profile& profile, const TraceText& trace) {
  InProcessKernel kernel(kernel_file(profile), profile);
  return least_privilege(kernel, profile, trace.program);
}

/// What a reproducer's text says in a guest.
std::string say_in_guest(const std::string& text, const BootedKernel& kernel) {
  const TemporaryDirectory work("capcheck-repro");
  write_file(work.path() / "repro.c", text);
  const std::string compile =
      fmt::format("cc -Wall -Wextra -Werror -static -o {0} {0}.c", shell_word((work.path() / "repro").string()));
  if (std::system(compile.c_str()) != 0) return "does not compile";
  return run_to_its_end(kernel, initramfs_with_init(work.path() / "repro"), std::chrono::minutes(1));
}

std::string text_of(const TraceText& trace, const Profile& rules, const Privilege& privilege) {
  return c_reproducer(trace, rules, privilege, ReproducerShape::alone, "a test");
}

/// What the reproducer of a trace that expects the rules says in a guest.
std::string say_in_guest(const TraceText& trace, const Profile& rules, const Privilege& privilege, const char* kernel) {
  return say_in_guest(text_of(trace, rules, privilege), find_booted_kernel(kernel, Architecture::um));
}

/// The same of a trace for a profile, with the least privilege.
std::string say_in_guest(const fs::path& file, const char* profile, const char* kernel) {
  const Profile rules = parse_profile(profile);
  const TraceText trace = load_trace(file, rules);
  return say_in_guest(trace, rules, least_on_own_kernel(rules, trace), kernel);
}

/// Why there is no reproducer of a trace; empty if there is one.
std::string refusal(const TraceText& trace, const Profile& rules) {
  try {
    text_of(trace, rules, {});
  } catch (const std::invalid_argument& reason) {
    return reason.what();
  }
  return {};
}

class ReproducersOfTheCorpus : public testing::TestWithParam<const char*> {};

/// Each that there is; of the others, why not.
TEST_P(ReproducersOfTheCorpus, AgreeInGuests) {
  const Profile rules = parse_profile("6.12+userns");
  for (const fs::path& file : find_traces(std::vector{corpus(GetParam())})) {
    const TraceText trace = load_trace(file, rules);
    if (const std::string reason = refusal(trace, rules); !reason.empty()) {
      EXPECT_THAT(reason, AnyOf(HasSubstr("it is no system call"), HasSubstr("setxattr(2) takes no"),
                                HasSubstr("more tasks at once than the model has")))
          << file;
      continue;
    }
    const std::string said = say_in_guest(trace, rules, least_on_own_kernel(rules, trace), "6.12+userns");
    const bool asked = said.find("environment: user-mode Linux takes") == std::string::npos;
    EXPECT_EQ(asked, file.filename() != "user_mode_only.trace") << file;
    EXPECT_THAT(said, HasSubstr(asked ? "status 0" : "status 2")) << file;
    if (asked) EXPECT_THAT(said, HasSubstr("agrees: ")) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, ReproducersOfTheCorpus, testing::Values("checklist", "counterexamples", "seeds"));

/// What user-mode Linux cannot show: a fault of kernel code that is not handed on.
TEST(ReproducerOfAFaultOfTheKernel, AgreesInQemu) {
  const Profile rules = parse_profile("6.12+userns");
  std::optional<BootedKernel> kernel;
  try {
    kernel = find_booted_kernel("6.12+userns", Architecture::x86_64);
  } catch (const std::runtime_error& missing) {
    GTEST_SKIP() << missing.what();
  }
  const TraceText trace = load_trace(corpus("seeds/userfaultfd/user_mode_only.trace"), rules);
  const std::string said = say_in_guest(text_of(trace, rules, least_on_own_kernel(rules, trace)), *kernel);
  EXPECT_THAT(said, HasSubstr("t0: kernel_fault() = -1 EFAULT"));
  EXPECT_THAT(said, HasSubstr("agrees: "));
}

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

/// A text in which something else stands for a part, which it has.
std::string planted(std::string text, std::string_view part, std::string_view other) {
  std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  for (; at != std::string::npos; at = text.find(part, at + other.size())) text.replace(at, part.size(), other);
  return text;
}

/// The reproducer agrees; one that does something else in a place is told from it.
void expect_shows(const TraceText& trace, std::string_view part, std::string_view other, const char* shown) {
  const std::string text = text_of(trace, trace.profiles.front(), {});
  const BootedKernel kernel = find_booted_kernel("6.12+userns", Architecture::um);
  EXPECT_THAT(say_in_guest(text, kernel), HasSubstr("agrees: "));
  const std::string said = say_in_guest(planted(text, part, other), kernel);
  EXPECT_THAT(said, HasSubstr(shown));
  EXPECT_THAT(said, HasSubstr("status 1"));
}

/// Credentials are kept with a file when it is opened: other tasks here, in a process that executed a file and in a
/// thread.
TEST(ReproducerOfAFileThatAnotherOpened, HasItOpenedByThat) {
  const TraceText trace = trace_of(
      "t0: clone(CLONE_NEWUSER)\nt0: clone(0)\nt0: clone(CLONE_VM|CLONE_SIGHAND|CLONE_THREAD)\n"
      "t2: execve({flags=SCRIPT})\nt2: setresuid(1000, 1000, 1000)\n"
      "t3: write(\"/proc/t1/uid_map\", \"0 0 10\", opener=t2)\nt2: write(\"/proc/t1/uid_map\", \"0 0 10\", opener=t3)\n"
      "t3: write(\"/proc/t1/uid_map\", \"0 0 10\", opener=t0)\nt1: exit_group()\n"
      "t2: write(\"/proc/t1/setgroups\", \"deny\", opener=t0)\nt2: write(\"/proc/t0/setgroups\", \"deny\", "
      "opener=t1)\n");
  expect_shows(trace, "= write_opened_by(2, ", "= write_opened_by(0, ",
               "t3: write(\"/proc/t1/uid_map\", \"0 0 10\", opener=t2) = 33   DIFFERS");
}

TEST(ReproducerOfAFileThatAnotherOpened, IsRefusedWhereTheOpenerMayNotWake) {
  const TraceText trace = trace_of(
      "t0: clone(0)\nt1: keyctl(KEYCTL_JOIN_SESSION_KEYRING)\nt1: keyctl(KEYCTL_SESSION_TO_PARENT)\n"
      "t1: write(\"/proc/t0/uid_map\", \"0 0 1\", opener=t0)\n");
  EXPECT_THAT(refusal(trace, trace.profiles.front()),
              HasSubstr("opener=t0): to open it, t0 returns to user mode, and takes"));
}

/// Nor by one of the same owner.
TEST(ReproducerOfASessionKeyring, IsTakenByNobodyOutsideTheModel) {
  const TraceText trace = trace_of(
      "t0: keyctl(KEYCTL_SESSION_TO_PARENT)\nt0: clone(0)\nt1: clone(0)\nt1: exit_group()\n"
      "t2: keyctl(KEYCTL_JOIN_SESSION_KEYRING)\nt2: keyctl(KEYCTL_SESSION_TO_PARENT)\n");
  expect_shows(trace, "\trefuse_session();\n", "", "t2: keyctl(KEYCTL_SESSION_TO_PARENT) = 0   DIFFERS");
}

/// It has its own keyring for as long as it makes no call: another is given to it only by an owner. Here a parent that
/// sleeps is compared with one that does not.
TEST(ReproducerOfASessionKeyring, IsTakenAtTheNextCallOfTheParent) {
  const TraceText trace = trace_of(
      "t0: clone(0)\nt1: keyctl(KEYCTL_JOIN_SESSION_KEYRING)\nt1: keyctl(KEYCTL_SESSION_TO_PARENT)\n"
      "t1: setresgid(0, 1000, 0)\nt1: keyctl(KEYCTL_SESSION_TO_PARENT)\nt0: prctl(PR_GET_SECUREBITS)\n"
      "t1: keyctl(KEYCTL_SESSION_TO_PARENT)\n");
  const std::string text = planted(text_of(trace, trace.profiles.front(), {}), "got = session_to_parent();",
                                   "got = session_to_parent();\n\tusleep(50000);");
  const BootedKernel kernel = find_booted_kernel("6.12+userns", Architecture::um);
  EXPECT_THAT(say_in_guest(text, kernel), HasSubstr("agrees: "));
  const std::string awake =
      planted(planted(text, "patience = { 20, 0 }", "patience = { 0, 1000 }"), "errno == ETIMEDOUT", "errno == ENOSYS");
  EXPECT_THAT(say_in_guest(planted(awake, "state_of(getppid()) != 'S'", "0"), kernel),
              HasSubstr("t1: keyctl(KEYCTL_SESSION_TO_PARENT) = 0   DIFFERS"));
}

/// In each task its own, also where tasks share descriptors, and none of before an exec that closed it.
TEST(ReproducerOfUserfaultfd, TellsTasksApart) {
  const TraceText trace = trace_of(
      "t0: userfaultfd(0)\nt0: ioctl(UFFDIO_API, UFFD_API, UFFD_FEATURE_EVENT_FORK|UFFD_FEATURE_EVENT_UNMAP)\n"
      "t0: user_fault()\nt0: clone(CLONE_VM|CLONE_SIGHAND|CLONE_THREAD)\nt0: clone(0)\nt1: user_fault()\n"
      "t1: open(\"/dev/userfaultfd\", {mode=S_IRUSR|S_IWUSR})\nt1: ioctl(USERFAULTFD_IOC_NEW, O_NONBLOCK)\n"
      "t1: ioctl(UFFDIO_API, UFFD_API, UFFD_FEATURE_EVENT_FORK|UFFD_FEATURE_EVENT_UNMAP)\nt1: user_fault()\n"
      "t1: kernel_fault()\nt0: kernel_fault()\nt1: clone(0)\nt3: user_fault()\nt2: ioctl(USERFAULTFD_IOC_NEW, 0)\n"
      "t2: open(\"/dev/userfaultfd\", {mode=S_IRUSR|S_IWUSR})\nt2: ioctl(USERFAULTFD_IOC_NEW, O_CLOEXEC)\n"
      "t2: ioctl(UFFDIO_API, UFFD_API, 0)\nt2: chroot(\"jail\")\nt2: kernel_fault()\nt2: execve({})\n"
      "t2: user_fault()\nt2: ioctl(USERFAULTFD_IOC_NEW, 0)\nt1: execve({flags=NOSUID})\nt0: kernel_fault()\n"
      "t0: userfaultfd(O_CLOEXEC)\nt0: ioctl(UFFDIO_API, UFFD_API, 0)\nt0: kernel_fault()\n");
  expect_shows(trace, "\t\tclose_userfaultfd();\n", "", "t3: user_fault() = -1 EINVAL   DIFFERS");
}

TEST(ReproducerOfUserfaultfd, CountsFaults) {
  const TraceText trace = trace_of("t0: userfaultfd(0)\nt0: ioctl(UFFDIO_API, UFFD_API, 0)\nt0: user_fault()\n");
  expect_shows(trace, "MAP_PRIVATE | MAP_ANONYMOUS, -1", "MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1",
               "t0: the number of page faults is 0000000000000000, expected 0000000000000001");
}

TEST(ReproducerOfUserfaultfd, ComparesFeatures) {
  const TraceText trace = trace_of("t0: userfaultfd(0)\nt0: ioctl(UFFDIO_API, UFFD_API, 0)\n");
  expect_shows(trace, "output(\"features\", api.features", "output(\"features\", api.features / 2",
               ", expected 000000000000017e");
}

TEST(ReproducerThatOpensTheDevice, MakesItsNode) {
  const TraceText trace = trace_of(
      "t0: setresuid(1000, 1000, 1000)\nt0: open(\"/dev/userfaultfd\", {uid=1000, mode=S_IRUSR|S_IWUSR})\n"
      "t0: open(\"/dev/userfaultfd\", {mode=S_IRGRP|S_IWGRP})\nt0: open(\"/dev/userfaultfd\", {uid=1000})\n");
  EXPECT_EQ(why_root(trace.program), "it prepares the device's node, on a tmpfs in a mount namespace of its own");
  expect_shows(trace, "make_device(\"plain/userfaultfd3\", 0, 0, 060)",
               "make_device(\"plain/userfaultfd3\", 0, 0, 040)",
               "t0: open(\"/dev/userfaultfd\", {mode=S_IRGRP|S_IWGRP}) = -1 EACCES   DIFFERS");
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
  // Whoever cannot chroot enters a namespace, with fewer capabilities than in mainline.
  const TraceText entry = trace_of(
      "t0: prctl(PR_CAP_USERNS, PR_CAP_USERNS_LOWER, CAP_KILL)\nt0: chroot(\"jail\")\nt0: unshare(CLONE_NEWUSER)\n");
  EXPECT_EQ(least(entry.program.calls), "an ordinary user with CAP_SYS_CHROOT alone");
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
  for (const char* file :
       {"seeds/userns/sample.trace", "seeds/execve/setuid_root.trace", "seeds/userfaultfd/device.trace",
        "seeds/userfaultfd/faults.trace", "seeds/keyring/replacement_at_a_failed_call.trace",
        "seeds/namespaces/map_opener_is_not_the_writer.trace"}) {
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
  EXPECT_EQ(no_c_form({CallKind::open_userfaultfd_device, 0, {0, 0xffffffff}}), "no file belongs to the id -1");
  EXPECT_EQ(no_c_form({CallKind::execve, 0, {0, 0, 0, kExecCapability | kExecTruncated, VFS_CAP_REVISION_2}}),
            "setxattr(2) takes no such attribute security.capability");
}

}  // namespace
}  // namespace capcheck
