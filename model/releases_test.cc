// SPDX-License-Identifier: GPL-2.0-only
// Rules that differ by release, of releases without a kernel here to hold the model against.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"
#include "model/program.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using ::testing::IsEmpty;

/// What of a trace's expectations the model does not meet, on the trace's profiles.
std::vector<std::string> unmet_by_the_model(std::string_view text) {
  const TraceText trace = parse_trace(text, "releases");
  std::vector<std::string> lines;
  for (const Profile& profile : trace.profiles) {
    const Trace seen = run_model(profile, trace.program);
    for_each_step(trace.program, seen, [&](const TraceStep& step) {
      for (const std::string& line : unmet(trace.expectations[step.index], step)) {
        lines.push_back(to_string(profile) + ", line " + std::to_string(trace.expectations[step.index].line) + ": " +
                        line);
      }
      return true;
    });
  }
  return lines;
}

// Statement 20. From 6.14 the EXEC_* bits change without SETPCAP, and their locks; what changes nothing, or another bit
// as well, is EPERM still.
TEST(Releases, ExecSecurebitsNeedNoSetpcap) {
  EXPECT_THAT(unmet_by_the_model(R"(capcheck trace 1
profile 6.17
profile 6.17+userns

t0: capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0, permitted=0, inheritable=0}) = 0
t0: prctl(PR_SET_SECUREBITS, 0) = -1 EPERM
  changes:
t0: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_RESTRICT_FILE) = 0
  changes:
    Securebits: 0x100
t0: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_RESTRICT_FILE) = -1 EPERM
  changes:
t0: prctl(PR_SET_SECUREBITS, SECBIT_NOROOT|SECBIT_EXEC_DENY_INTERACTIVE) = -1 EPERM
  changes:
t0: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_DENY_INTERACTIVE|SECBIT_EXEC_DENY_INTERACTIVE_LOCKED) = 0
  changes:
    Securebits: 0xc00
t0: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_DENY_INTERACTIVE_LOCKED) = -1 EPERM
  changes:
t0: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_DENY_INTERACTIVE) = -1 EPERM
  changes:
t0: prctl(PR_SET_SECUREBITS, 0x1c00) = -1 EPERM
  changes:
)"),
              IsEmpty());
}

// Statements 43 and 44. From 6.17 an exec changes ids where euid' is not the old euid, or egid' is none of the caller's
// groups; so a plain exec with other effective ids keeps A, and so does a set-group-ID file of a group of the caller's.
TEST(Releases, ExecComparesEffectiveIds) {
  EXPECT_THAT(unmet_by_the_model(R"(capcheck trace 1
profile 6.17

t0: capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0x1ffffffffff, permitted=0x1ffffffffff, inheritable=1<<CAP_NET_RAW}) = 0
t0: prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW) = 0
t0: setgroups(1, 3000, 0) = 0
t0: prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) = 0
t0: setresuid(1000, 1001, 1002) = 0
t0: clone(0) = t1
t0: execve({mode=S_IXGRP}) = 0
  changes:
    CapPrm: 2000
    CapEff: 2000
    SUid: 1001
t0: execve({gid=3000, mode=S_ISGID|S_IXGRP}) = 0
  changes:
    EGid: 3000
    SGid: 3000
    FsGid: 3000
t0: execve({gid=4000, mode=S_ISGID|S_IXGRP}) = 0
  changes:
    CapPrm: 0
    CapEff: 0
    CapAmb: 0
    EGid: 4000
    SGid: 4000
    FsGid: 4000
t1: execve({uid=1000, mode=S_ISUID|S_IXGRP}) = 0
  changes:
    CapPrm: 0
    CapEff: 0
    CapAmb: 0
    EUid: 1000
    SUid: 1000
    FsUid: 1000
)"),
              IsEmpty());
}

// Statement 46. From 6.17 no_new_privs does not reset a euid that the exec leaves as it was.
TEST(Releases, NoNewPrivsKeepsOtherEffectiveIds) {
  EXPECT_THAT(unmet_by_the_model(R"(capcheck trace 1
profile 6.17

t0: setresuid(1000, 0, 0) = 0
t0: prctl(PR_SET_NO_NEW_PRIVS, 1) = 0
t0: execve({}) = 0
  changes:
    Dumpable: 0
)"),
              IsEmpty());
}

// Statement 48. From 6.17 other real than effective ids after the exec are reason enough.
TEST(Releases, SecureModeOfOtherEffectiveIds) {
  EXPECT_THAT(unmet_by_the_model(R"(capcheck trace 1
profile 6.17

t0: prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP|SECBIT_NOROOT) = 0
t0: setresuid(0, 1000, 1000) = 0
t0: execve({mode=S_IXGRP}) = 0
  output:
    secure: 1
t0: setresuid(0, 0, 0) = 0
t0: execve({}) = 0
  output:
    secure: 0
)"),
              IsEmpty());
}

// Statement 69. SECBIT_USERNS_STRICT_CAPS was numbered 8, which is EXEC_RESTRICT_FILE since 6.14: there it is 12.
TEST(Releases, StrictSecurebitHasANumberOfItsOwn) {
  EXPECT_EQ(parse_profile("6.12+userns+userns-strict").strict_securebit(), 1u << 8);
  EXPECT_THAT(unmet_by_the_model(R"(capcheck trace 1
profile 6.17+userns+userns-strict

t0: prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) = 0
t0: clone(0) = t1
t0: prctl(PR_SET_SECUREBITS, 0x1000) = 0
  changes:
    Securebits: 0x1000
t0: unshare(CLONE_NEWUSER) = 0
  changes:
    CapPrm: 1ffffdfffff
    CapEff: 1ffffdfffff
    CapUNs: 1ffffdfffff
    Securebits: 0
    NsLevel: 1
    UserNs: 1
t1: prctl(PR_SET_SECUREBITS, SECBIT_EXEC_RESTRICT_FILE) = 0
t1: unshare(CLONE_NEWUSER) = 0
  changes:
    CapBnd: 1ffffffffff
    Securebits: 0
    NsLevel: 1
    UserNs: 2
)"),
              IsEmpty());
}

}  // namespace
}  // namespace capcheck
