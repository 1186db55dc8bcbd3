// SPDX-License-Identifier: GPL-2.0-only
// Reproducers, compiled by cc alone and run as the first process of a guest.
#include "fuzz/repro/reproducer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "corpus/files.h"
#include "fuzz/guest/console.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path corpus(std::string_view file) {
  return fs::path(CAPCHECK_SOURCE_DIR) / "corpus" / file;
}

/// What the reproducer of a trace for a profile says in a guest.
std::string say_in_guest(const fs::path& file, const char* profile, const char* kernel) {
  const TemporaryDirectory work("capcheck-repro");
  const Profile rules = parse_profile(profile);
  write_file(work.path() / "repro.c", c_reproducer(load_trace(file, rules), rules, "a test"));
  const std::string compile = "cc -static -o " + (work.path() / "repro").string() + " " +
                              (work.path() / "repro.c").string() + " 2>&1 >" + (work.path() / "log").string();
  if (std::system(compile.c_str()) != 0) return "does not compile: " + file.string();
  return run_to_its_end(find_booted_kernel(kernel, Architecture::um), initramfs_with_init(work.path() / "repro"),
                        std::chrono::minutes(1));
}

class Reproducer : public testing::TestWithParam<const char*> {};

TEST_P(Reproducer, AgreesInAGuest) {
  const std::string said = say_in_guest(corpus(GetParam()), "6.12+userns", "6.12+userns");
  EXPECT_THAT(said, HasSubstr("agrees: "));
  EXPECT_THAT(said, HasSubstr("status 0"));
}

INSTANTIATE_TEST_SUITE_P(Corpus, Reproducer,
                         testing::Values("counterexamples/6.12+userns.userns-within-bounding.trace",
                                         "counterexamples/6.12+userns.entry-within-bounding.trace",
                                         "seeds/namespaces/join_child.trace", "seeds/tasks/calls_of_the_dead.trace",
                                         "seeds/userns/sample.trace", "seeds/userns/lower_and_clear.trace"));

/// The rules of 6.12 as they are expect of the proposal's kernel what it does not do.
TEST(ReproducerOfOtherRules, DiffersInAGuest) {
  const std::string said =
      say_in_guest(corpus("counterexamples/6.12+userns.entry-within-bounding.trace"), "6.12", "6.12+userns");
  EXPECT_THAT(said, HasSubstr("environment: CapUNs is 000001ffffffffff at the start, expected 0000000000000000"));
  EXPECT_THAT(said, HasSubstr("status 2"));
}

TEST(ReproducerRefusal, NamesTheCall) {
  const TraceText trace = parse_trace("capcheck trace 1\nprofile 6.12\n\nt0: usermodehelper()\n", "text");
  EXPECT_THAT([&] { c_reproducer(trace, trace.profiles.front(), "a test"); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("usermodehelper(): it is no system call")));
}

}  // namespace
}  // namespace capcheck
