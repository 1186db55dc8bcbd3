// SPDX-License-Identifier: GPL-2.0-only
#include "model/trace_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "model/constants.h"

namespace capcheck {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kWhole = R"(capcheck trace 1
# Every kind of call and expectation.
# In two lines.
profile 6.12
profile 6.12+userns

t0: prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) = 0
  changes:
    CapBnd: 000001ffffdfffff
t0: prctl(PR_CAPBSET_READ, 63) = -1 EINVAL
  changes:
t0: prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 1) = -1 EINVAL
t0: prctl(PR_CAP_USERNS, PR_CAP_USERNS_CLEAR_ALL, CAP_CHOWN)
t0: prctl(PR_SET_SECUREBITS, SECBIT_NOROOT|SECBIT_NOROOT_LOCKED|256) = -1 EPERM
t0: prctl(PR_SET_KEEPCAPS, -1) = -1 EINVAL
t0: prctl(PR_SET_NO_NEW_PRIVS, 1, 0x100000000) = -1 EINVAL
t0: prctl(PR_GET_NO_NEW_PRIVS) = 0
t0: capget({version=_LINUX_CAPABILITY_VERSION_1, pid=t0}, data) = 0
  output:
    version: 0x19980330
    effective: 00000000ffffffff
t0: capget(NULL, NULL) = -1 EFAULT
t0: capset({version=_LINUX_CAPABILITY_VERSION_3, pid=-1}, {effective=1<<CAP_CHOWN|1<<CAP_KILL, permitted=0x1ffffffffff, inheritable=0}) = -1 EPERM
t0: capset({version=0x12345678, pid=0}, NULL) = -1 EINVAL
t0: unshare(CLONE_FS|CLONE_NEWUSER|0x1) = -1 EINVAL
t0: chroot("jail") = 0
t0: write("/proc/self/uid_map", "0 0 1") = -1 EPERM
t0: write("/proc/self/gid_map", "0 1000 1, 1 100000 65536") = -1 EPERM
t0: clone(CLONE_NEWUSER) = t1
  changes:
  t1 changes:
    NsLevel: 1
    UserNs: 1
t0: write("/proc/t1/setgroups", "allow", opener=t1) = 5
t1: clone(CLONE_VM|CLONE_SIGHAND|CLONE_THREAD) = t2
t1: setns(ns1, CLONE_NEWUSER) = -1 EINVAL
t1: ns_capable(ns1, CAP_SYS_ADMIN) = 1
t1: setresuid(-1, 0, 1000) = -1 EINVAL
t0: setgroups(2, 5, 6) = 0
t0: execve({mode=S_ISUID|S_IXGRP, flags=CAPABILITY, magic=VFS_CAP_REVISION_3|VFS_CAP_FLAGS_EFFECTIVE, permitted=1<<CAP_CHOWN, rootid=1000}) = 0
  output:
    secure: 1
t0: ptrace(PTRACE_TRACEME) = 0
t2: keyctl(KEYCTL_JOIN_SESSION_KEYRING) = 0
t2: keyctl(KEYCTL_SESSION_TO_PARENT) = -1 EPERM
t0: write("/proc/sys/kernel/usermodehelper/bset", 1<<CAP_CHOWN) = 22
t0: usermodehelper() = t3
t3: exit_group() = 0
t0: ptrace(PTRACE_SEIZE, t1) = 0
t0: userfaultfd(O_CLOEXEC|UFFD_USER_MODE_ONLY|0x2) = -1 EINVAL
t0: ioctl(UFFDIO_API, UFFD_API, UFFD_FEATURE_EVENT_FORK|0x8000000000000000) = -1 EINVAL
  output:
    features: 0x0
t0: open("/dev/userfaultfd", {gid=1000, mode=S_IRUSR|S_IWUSR|S_IRGRP}) = 0
t0: ioctl(USERFAULTFD_IOC_NEW, 0) = 0
t0: user_fault() = -1 EINVAL
t0: kernel_fault() = -1 EINVAL
t0: write("/proc/sys/vm/unprivileged_userfaultfd", 1) = 2
t0: prctl(PR_CAPBSET_READ, CAP_USERFAULTFD) = -1 EINVAL
t0: write("/proc/self/setgroups", "deny") = 4
  state:
    CapInh: 0000000000000000
    CapPrm: 000001ffffffffff
    CapEff: 000001ffffffffff
    CapBnd: 000001ffffffffff
    CapAmb: 0000000000000000
    CapUNs: 000001ffffffffff
    Securebits: 0x0
    NoNewPrivs: 0
    Uid: 0
    EUid: 0
    SUid: 0
    FsUid: 0
    Gid: 0
    EGid: 0
    SGid: 0
    FsGid: 0
    Groups: 0
    Group0: 0
    Group1: 0
    NsLevel: 0
    UserNs: 0
    Dumpable: 1
)";

TEST(TraceText, ReadsEveryKindOfLine) {
  const TraceText trace = parse_trace(kWhole, "whole.trace");
  EXPECT_EQ(trace.intent, "Every kind of call and expectation.\nIn two lines.");
  ASSERT_EQ(trace.profiles.size(), 2u);
  EXPECT_EQ(to_string(trace.profiles[1]), "6.12+userns");
  ASSERT_EQ(trace.program.calls.size(), 40u);
  EXPECT_EQ(trace.program.calls[0], (Call<Concrete>{CallKind::capbset_drop, 0, {CAP_SYS_ADMIN}}));
  EXPECT_EQ(trace.program.calls[5].args[0], ~std::uint64_t{0});
  EXPECT_EQ(trace.program.calls[6].args[1], std::uint64_t{1} << 32);
  EXPECT_EQ(trace.program.calls[10].args[1], ~std::uint64_t{0}) << "pid -1 is sign-extended";
  EXPECT_EQ(trace.program.calls[10].args[3], 0x21u);
  EXPECT_EQ(trace.expectations[1].result, 0 - std::uint64_t{EINVAL});
  EXPECT_EQ(trace.expectations[1].state.scope, StateExpectation::Scope::changes);
  EXPECT_FALSE(trace.expectations[3].result.has_value());
  EXPECT_EQ(trace.program.calls[15],
            (Call<Concrete>{CallKind::write_gid_map, 0, {0, 0, 0, 1000, 1, 1, 100000, 65536}}));
  ASSERT_EQ(trace.expectations[16].others.size(), 1u);
  EXPECT_EQ(trace.expectations[16].others[0].task, 1);
  EXPECT_EQ(trace.program.calls[17], (Call<Concrete>{CallKind::write_setgroups, 0, {1, 1, 1}}));
  EXPECT_EQ(trace.program.calls[21], (Call<Concrete>{CallKind::setresuid, 1, {kInvalidId, 0, 1000}}));
  EXPECT_EQ(trace.program.calls[23],
            (Call<Concrete>{CallKind::execve,
                            0,
                            {0, 0, S_ISUID | S_IXGRP, kExecCapability, VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE,
                             cap_bit(CAP_CHOWN), 0, 1000}}));
  EXPECT_EQ(trace.program.calls[33],
            (Call<Concrete>{CallKind::open_userfaultfd_device, 0, {0, 1000, S_IRUSR | S_IWUSR | S_IRGRP}}));
  EXPECT_EQ(trace.program.calls[38].args[0], kCapUserfaultfd);
  EXPECT_EQ(trace.expectations[39].state.fields.size(), state_fields().size());
}

/// The installed libcap may stop at 40.
TEST(CapabilityNames, AreThereUpTo41) {
  for (std::uint64_t capability = 0; capability <= kCapUserfaultfd; ++capability) {
    const auto name = capability_name(capability);
    ASSERT_TRUE(name) << capability;
    EXPECT_EQ(capability_number(*name), capability) << *name;
  }
  EXPECT_EQ(capability_number("userfaultfd"), kCapUserfaultfd);
  EXPECT_EQ(capability_name(kCapUserfaultfd + 1), std::nullopt);
}

TEST(TraceText, PrintsWhatItReads) {
  const TraceText trace = parse_trace(kWhole, "whole.trace");
  EXPECT_EQ(parse_trace(print_trace(trace), "again"), trace);
  EXPECT_EQ(print_trace(parse_trace(print_trace(trace), "again")), print_trace(trace));
}

struct Malformed {
  std::string name;
  std::string line;  ///< the third line of an otherwise proper trace
  std::size_t column;
  std::string message;
};

class MalformedTrace : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedTrace, IsRefusedWithItsPlace) {
  const std::string text = "capcheck trace 1\nprofile 6.12+userns\n" + GetParam().line + "\n";
  try {
    parse_trace(text, "bad.trace");
    FAIL() << "accepted: " << GetParam().line;
  } catch (const TraceError& error) {
    EXPECT_EQ(error.line, 3u);
    EXPECT_EQ(error.column, GetParam().column) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("bad.trace:3:"));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    TraceText, MalformedTrace,
    ::testing::Values(Malformed{"UnknownCall", "t0: fork() = 0", 5, "unknown call 'fork'"},
                      Malformed{"UnknownOption", "t0: prctl(PR_SET_NAME, 0)", 11, "unknown prctl option 'PR_SET_NAME'"},
                      Malformed{"UnknownTask", "t9: chroot(\"jail\")", 1, "expected a task"},
                      Malformed{"UnknownMember", "t0: execve({owner=0})", 13, "a file has no 'owner'"},
                      Malformed{"AttributeWithoutFlag", "t0: execve({magic=VFS_CAP_REVISION_2})", 39, "exclude"},
                      Malformed{"SharedMemoryAlone", "t0: clone(CLONE_VM)", 11, "outside the model"},
                      Malformed{"UnknownKeyctl", "t0: keyctl(KEYCTL_READ)", 12, "unknown keyctl option"},
                      Malformed{"UnknownSysctl", "t0: write(\"/proc/sys/kernel/panic\", 1)", 29, "unknown file"},
                      Malformed{"NamespaceWithoutName", "t0: setns(1, 0)", 11, "expected 'ns'"},
                      Malformed{"OtherDevice", "t0: open(\"/dev/null\", {})", 10, "expected"},
                      Malformed{"DeviceWithoutSuchAMember", "t0: open(\"/dev/userfaultfd\", {flags=0})", 31,
                                "a file has no 'flags'"},
                      Malformed{"UnknownIoctl", "t0: ioctl(UFFDIO_COPY, 0)", 11, "unknown ioctl request"},
                      Malformed{"UnknownCapability", "t0: prctl(PR_CAPBSET_READ, CAP_FLY)", 28, "unknown capability"},
                      Malformed{"WrongConstant", "t0: unshare(SECBIT_NOROOT)", 13, "not a constant of this argument"},
                      Malformed{"FlagOutsideTheModel", "t0: unshare(0x20000)", 13, "outside the model"},
                      Malformed{"TooLarge", "t0: prctl(PR_CAPBSET_READ, 18446744073709551616)", 28, "64 bits"},
                      Malformed{"IdTooLarge", "t0: write(\"/proc/self/uid_map\", \"0 0 4294967296\")", 38, "outside"},
                      Malformed{"NotANumber", "t0: prctl(PR_CAPBSET_READ, 12x)", 28, "not a number"},
                      Malformed{"SixArguments", "t0: prctl(PR_CAPBSET_READ, 0, 0, 0, 0, 0)", 38, "expected ')'"},
                      Malformed{"Junk", "t0: chroot(\"jail\") = 0 again", 24, "unexpected 'again'"},
                      Malformed{"UnknownErrno", "t0: chroot(\"jail\") = -1 ENOPE", 25, "expected an errno"},
                      Malformed{"NegativeResult", "t0: chroot(\"jail\") = -2", 22, "-1 and an errno"},
                      Malformed{"ExpectationWithoutCall", "  changes:", 3, "follows a call"},
                      Malformed{"UnknownFile", "t0: write(\"/proc/self/mem\", \"0 0 1\")", 23, "unknown file"},
                      Malformed{"CutShort", "t0: prctl(PR_CAPBSET_READ", 26, "expected ')'"}),
    [](const auto& param_info) { return param_info.param.name; });

void expect_error(std::string_view text, std::string_view message) {
  try {
    parse_trace(text, "bad.trace");
    ADD_FAILURE() << "accepted: " << text;
  } catch (const TraceError& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::string(message)));
  }
}

TEST(TraceText, RefusesMalformedFiles) {
  expect_error("", "bad.trace:1:1: expected 'capcheck trace 1'");
  expect_error("capcheck trace 2\n", "bad.trace:1:");
  expect_error("capcheck trace 1\n", "no 'profile' line");
  expect_error("capcheck trace 1\nprofile 2.4\n", "unknown release '2.4'");
  expect_error("capcheck trace 1\nprofile 6.12+capbset-drop-lowers-userns\n", "needs 'userns'");
  expect_error("capcheck trace 1\nt0: chroot(\"jail\")\n", "expected a 'profile' line");
  expect_error(std::string_view("capcheck trace 1\0", 17), "this is binary");
  const std::string one = "capcheck trace 1\nprofile 6.12\nt0: chroot(\"jail\") = 0\n";
  expect_error(one + "  state:\n    CapInh: 0\n", "does not list every field");
  expect_error(one + "  changes:\n    CapInh: 0\n    CapInh: 1\n", "stands here twice");
  expect_error(one + "  changes:\n    CapXyz: 0\n", "unknown field 'CapXyz'");
  expect_error(one + "  changes:\n    CapInh: 00000000000000000001ff\n  changes:\n", "the state stands here twice");
  std::string many = one;
  for (std::size_t i = 0; i < kMaxCalls; ++i) many += "t0: chroot(\"jail\")\n";
  expect_error(many, "at most");
  std::string nested = one;
  for (std::size_t i = 0; i < kMaxNamespaceCalls; ++i) nested += "t0: unshare(CLONE_NEWUSER)\n";
  parse_trace(nested, "as many as there is room for");
  expect_error(nested + "t0: clone(CLONE_NEWUSER)\n", "at most 39 calls with CLONE_NEWUSER");
}

TEST(TraceText, SaysWhatIsKnownOfADivergence) {
  const std::string start = "capcheck trace 1\n# Why.\nprofile 6.12\n", call = "\nt0: chroot(\"jail\") = 0\n";
  const std::string text =
      start + "divergence chroot.result.success-EPERM\nkernel 6.12,lower-needs-privilege\nstate fixed\n" + call;
  const TraceText trace = parse_trace(text, "known.trace");
  EXPECT_EQ(trace.known, (KnownDivergence{"chroot.result.success-EPERM", "6.12,lower-needs-privilege",
                                          KnownDivergence::State::fixed}));
  EXPECT_EQ(print_trace(trace), text);
  EXPECT_EQ(parse_trace(start + "divergence a\n" + call, "open.trace").known, (KnownDivergence{"a"}));
  EXPECT_EQ(parse_trace(start + call, "none.trace").known, std::nullopt);
  expect_error(start + "state open\n" + call, "bad.trace:4:7: expected a 'divergence' line before this one");
  expect_error(start + "divergence a\ndivergence b\n" + call, "a trace shows one divergence");
  expect_error(start + "divergence a\nstate gone\n" + call, "expected open, explained, fixed, found 'gone'");
  expect_error(start + "divergence a\nkernel ../../other\n" + call, "expected a word of letters, digits");
  expect_error(start + "divergence \n" + call, "expected a word");
  expect_error(start + call + "divergence a\n", "stands before the first call");
}

TEST(TraceText, TellsWhatIsNotAsExpected) {
  const Profile profile = parse_profile("6.12+userns");
  const TraceText trace = parse_trace(
      "capcheck trace 1\nprofile 6.12+userns\nt0: prctl(PR_CAPBSET_DROP, 17) = -1 EPERM\n  changes:\n    CapPrm: 0\n",
      "expectations");
  const Trace seen = run_model(profile, trace.program);
  const auto unmet_of = [&](const TraceText& text) {
    std::vector<std::string> lines;
    for_each_step(trace.program, seen, [&](const TraceStep& step) {
      lines = unmet(text.expectations[0], step);
      return false;
    });
    return lines;
  };
  EXPECT_THAT(unmet_of(trace),
              ElementsAre("result: expected -1 EPERM, got 0", "CapPrm: expected 0000000000000000, got 000001ffffffffff",
                          "CapBnd: expected 000001ffffffffff, got 000001fffffdffff"));
  const TraceText observed = expect_observed(profile, trace.program, seen, "");
  EXPECT_THAT(unmet_of(observed), IsEmpty());
}

TEST(TraceText, ExpectsOfATaskThatItIsNamed) {
  const Profile profile = parse_profile("6.12");
  const TraceText trace = parse_trace(
      "capcheck trace 1\nprofile 6.12\n"
      "t0: clone(CLONE_NEWUSER) = t1\n  changes:\n  t1 changes:\n    NsLevel: 2\n"
      "t1: exit_group() = 0\n  changes:\n    CapInh: 1\n"
      "t1: unshare(0) = -1 ESRCH\n",
      "tasks");
  const Trace seen = run_model(profile, trace.program);
  std::vector<std::string> lines;
  for_each_step(trace.program, seen, [&](const TraceStep& step) {
    for (const std::string& line : unmet(trace.expectations[step.index], step)) lines.push_back(line);
    return true;
  });
  EXPECT_THAT(lines, ElementsAre("t1 NsLevel: expected 2, got 1", "t1 UserNs: expected 0, got 1", "does not live"));
}

TEST(TraceText, DescribesSetsInWords) {
  const std::uint64_t full = Profile{}.full_set();
  EXPECT_EQ(describe_set(0, full), "none");
  EXPECT_EQ(describe_set(full, full), "all");
  EXPECT_EQ(describe_set(full & ~cap_bit(CAP_SYS_ADMIN), full), "all but cap_sys_admin");
  EXPECT_EQ(describe_set(cap_bit(CAP_CHOWN) | cap_bit(CAP_KILL), full), "cap_chown,cap_kill");
  EXPECT_EQ(describe_set(std::uint64_t{1} << 50, full), "50");
}

}  // namespace
}  // namespace capcheck
