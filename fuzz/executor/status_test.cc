// SPDX-License-Identifier: GPL-2.0-only
// Status files as kernels print them are read whole; what is missing is named.
#include "fuzz/executor/status.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace capcheck {
namespace {

const std::string kStatus =
    "Name:\tcapcheck-task\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t41\nPid:\t42\nTracerPid:\t0\n"
    "Uid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t4294967294\nFDSize:\t256\nGroups:\t5 1000 \nNStgid:\t41\n"
    "VmPeak:\t    2000 kB\nSigQ:\t0/200\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\n"
    "CapEff:\t000001fffffffffe\nCapBnd:\t000001ffffdfffff\nCapAmb:\t0000000000000000\nCapUNs:\t0000000000000004\n"
    "NoNewPrivs:\t1\nSeccomp:\t0\n";

TEST(Status, IsReadWhole) {
  Credentials<Concrete> cred{};
  char state = 0;
  ASSERT_EQ(parse_status(kStatus, cred, state), nullptr);
  EXPECT_EQ(state, 'S');
  EXPECT_EQ(cred.uid, 1000u);
  EXPECT_EQ(cred.fsuid, 1003u);
  EXPECT_EQ(cred.fsgid, 4294967294u);
  EXPECT_EQ(cred.group_count, 2u);
  EXPECT_EQ(cred.group0, 5u);
  EXPECT_EQ(cred.group1, 1000u);
  EXPECT_EQ(cred.inheritable, 1u);
  EXPECT_EQ(cred.permitted, 0x1ffffffffffu);
  EXPECT_EQ(cred.effective, 0x1fffffffffeu);
  EXPECT_EQ(cred.bounding, 0x1ffffdfffffu);
  EXPECT_EQ(cred.userns, 4u);
  EXPECT_EQ(cred.no_new_privs, 1u);
}

TEST(Status, WithoutGroupsAndUsernsSet) {
  std::string text = kStatus;
  text.replace(text.find("5 1000 "), 7, "");
  text.erase(text.find("CapUNs"), std::string("CapUNs:\t0000000000000004\n").size());
  Credentials<Concrete> cred{};
  char state = 0;
  ASSERT_EQ(parse_status(text, cred, state), nullptr);
  EXPECT_EQ(cred.group_count, 0u);
  EXPECT_EQ(cred.userns, 0u);
}

TEST(Status, NamesWhatIsMissing) {
  for (const std::string name :
       {"State", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"}) {
    std::string text = kStatus;
    text.replace(text.find("\n" + name + ":") + 1, 1, "x");
    Credentials<Concrete> cred{};
    char state = 0;
    const char* const missing = parse_status(text, cred, state);
    ASSERT_NE(missing, nullptr) << name;
    EXPECT_EQ(missing, name);
  }
}

/// Texts that come one after the other, each a little different from the one before.
TEST(StatusReader, SeesEveryChange) {
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const std::vector<std::string> texts = {
      kStatus,
      kStatus,
      with(kStatus, "2000 kB", "2004 kB"),
      with(kStatus, "2000 kB", "20004 kB"),
      with(kStatus, "CapEff:\t000001fffffffffe", "CapEff:\t0000000000000000"),
      with(kStatus, "S (sleeping)", "R (running)"),
      with(kStatus, "Uid:\t1000", "Uid:\t10000"),
      with(kStatus, "CapUNs:\t0000000000000004\n", ""),
      kStatus,
      with(kStatus, "CapUNs:\t0000000000000004", "CapUNs:\t0000000000000005"),
      with(kStatus, "NoNewPrivs:\t1", "NoNewPrivs:\t0"),
      with(kStatus, "5 1000 ", ""),
      with(with(kStatus, "Pid:\t42", "Pid:\t43"), "Uid:\t1000", "Uid:\t2000"),
      with(with(kStatus, "Umask:\t0022\n", ""), "VmPeak", "Umask:\t0022\nVmPeak"),
      with(with(kStatus, "Groups", "xroups"), "FDSize", "Groups"),
      with(kStatus, "CapAmb", "xapAmb"),
      with(kStatus, "NoNewPrivs", "xoNewPrivs"),
      kStatus.substr(0, kStatus.find("CapBnd") + 3),
      kStatus,
  };
  for (const std::string& first : texts) {
    for (const std::string& second : texts) {
      StatusReader reader;
      Credentials<Concrete> cred{}, fresh{};
      char state = 0, fresh_state = 0;
      reader.parse(first, cred, state);
      cred = {};
      const char* const missing = reader.parse(second, cred, state);
      const char* const fresh_missing = parse_status(second, fresh, fresh_state);
      EXPECT_STREQ(missing, fresh_missing);
      if (fresh_missing) continue;
      EXPECT_EQ(state, fresh_state);
      EXPECT_EQ(std::memcmp(&cred, &fresh, sizeof(cred)), 0) << second;
    }
  }
}

}  // namespace
}  // namespace capcheck
