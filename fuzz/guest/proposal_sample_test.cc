// SPDX-License-Identifier: GPL-2.0-only
// The proposal's own sample, run for real: util-linux's unshare(1) and grep(1) in a guest, after a program that lowers
// CAP_SYS_RAWIO in its userns set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "corpus/files.h"
#include "fuzz/guest/console.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "re"), pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get())) text += buffer.data();
  return text;
}

/// Adds a program of this machine, with the shared libraries that ldd(1) says it has, where they are here.
void add_program(Initramfs& files, const fs::path& program) {
  const auto add = [&](const fs::path& file) { files.add_file(file.string().substr(1), read_file(file), 0755); };
  add(program);
  std::istringstream words(output_of("ldd " + program.string()));
  for (std::string word; words >> word;) {
    if (word.starts_with('/')) add(word);
  }
}

Initramfs sample_files() {
  Initramfs files = initramfs_with_init(fs::read_symlink("/proc/self/exe").parent_path() / "lower_and_unshare");
  add_program(files, "/usr/bin/unshare");
  add_program(files, fs::exists("/usr/bin/grep") ? "/usr/bin/grep" : "/bin/grep");
  return files;
}

/// The lines "CapXxx:\t0123…" of a console.
std::map<std::string, std::string> masks_in(const std::string& console) {
  std::map<std::string, std::string> masks;
  std::istringstream lines(console);
  for (std::string name, mask, line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (line.starts_with("Cap") && words >> name >> mask) masks[name] = mask;
  }
  return masks;
}

std::string run_on(const char* kernel) {
  return run_to_its_end(find_booted_kernel(kernel, Architecture::um), sample_files(), std::chrono::minutes(1));
}

constexpr const char* kNone = "0000000000000000";
constexpr const char* kAllButSysRawio = "000001fffffdffff";
constexpr const char* kAll = "000001ffffffffff";

TEST(ProposalSample, ANamespaceHasNoMoreThanTheUsernsSet) {
  const std::string console = run_on("6.12+userns");
  EXPECT_THAT(console, HasSubstr("status 0"));
  EXPECT_THAT(
      masks_in(console),
      UnorderedElementsAre(Pair("CapInh:", kNone), Pair("CapPrm:", kAllButSysRawio), Pair("CapEff:", kAllButSysRawio),
                           Pair("CapBnd:", kAllButSysRawio), Pair("CapAmb:", kNone), Pair("CapUNs:", kAllButSysRawio)))
      << console;
}

TEST(ProposalSample, WithoutTheProposalANamespaceHasAll) {
  const std::string console = run_on("6.12");
  EXPECT_THAT(console, HasSubstr("PR_CAP_USERNS: EINVAL"));
  EXPECT_THAT(console, HasSubstr("status 0"));
  EXPECT_THAT(masks_in(console),
              UnorderedElementsAre(Pair("CapInh:", kNone), Pair("CapPrm:", kAll), Pair("CapEff:", kAll),
                                   Pair("CapBnd:", kAll), Pair("CapAmb:", kNone)))
      << console;
}

}  // namespace
}  // namespace capcheck
