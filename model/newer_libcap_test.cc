// SPDX-License-Identifier: GPL-2.0-only
// Names of capabilities with a libcap that knows capability 41, by a name of its own: the functions below stand before
// those of the installed library, which stops at 40 (trace_text_test.cc).
#include <gtest/gtest.h>
#include <strings.h>
#include <sys/capability.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "model/capability.h"
#include "model/constants.h"
#include "model/trace_text.h"

namespace {

constexpr std::array kNewerNames = {"cap_chown", "cap_dac_override"};
constexpr const char* kNewest = "cap_of_another_kernel";

}  // namespace

extern "C" {

cap_value_t cap_max_bits() {
  return 42;
}

char* cap_to_name(cap_value_t value) {
  if (value == 41) return strdup(kNewest);
  return value < 2 ? strdup(kNewerNames.at(static_cast<std::size_t>(value))) : strdup("2");
}

int cap_from_name(const char* name, cap_value_t* value) {
  for (*value = 0; *value < 2; ++*value) {
    if (strcasecmp(name, kNewerNames.at(static_cast<std::size_t>(*value))) == 0) return 0;
  }
  *value = 41;
  return strcasecmp(name, kNewest) == 0 ? 0 : -1;
}

int cap_free(void* memory) {
  std::free(memory);
  return 0;
}
}

namespace capcheck {
namespace {

TEST(NewerLibcap, IsTheOneThatIsAsked) {
  EXPECT_EQ(capability_name(CAP_DAC_OVERRIDE), "CAP_DAC_OVERRIDE");
  EXPECT_EQ(capability_name(CAP_KILL), std::nullopt);
  EXPECT_EQ(capability_number("cap_of_another_kernel"), 41u);
}

TEST(NewerLibcap, DoesNotNameCapability41) {
  EXPECT_EQ(capability_name(kCapUserfaultfd), "CAP_USERFAULTFD");
  EXPECT_EQ(capability_number("CAP_USERFAULTFD"), kCapUserfaultfd);
}

TEST(NewerLibcap, LeavesTracesAndMasksAsTheyAre) {
  const std::string line = "t0: prctl(PR_CAPBSET_DROP, CAP_USERFAULTFD)";
  const TraceText trace = parse_trace("capcheck trace 1\nprofile 6.12+userfaultfd-cap\n\n" + line + "\n", "41.trace");
  EXPECT_EQ(trace.program.calls.at(0).args[0], kCapUserfaultfd);
  EXPECT_EQ(print_call(trace.program.calls.at(0)), line);
  const std::uint64_t full = trace.profiles.at(0).full_set();
  EXPECT_EQ(full, 0x3ffffffffffu);
  EXPECT_EQ(describe_set(full & ~cap_bit(kCapUserfaultfd), full), "all but cap_userfaultfd");
}

}  // namespace
}  // namespace capcheck
