// SPDX-License-Identifier: GPL-2.0-only
#include "corpus/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "model/invariants.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Files : public ::testing::Test {
 protected:
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_)) found.push_back(entry.path().filename());
    return found;
  }

  const TemporaryDirectory temporary_{"capcheck-files"};
  const fs::path directory_ = temporary_.path();
};

TEST_F(Files, AreWrittenWholeAndReadBack) {
  const std::string content("one\0two\n", 8);
  write_file(directory_ / "below" / "file", content);
  EXPECT_EQ(read_file(directory_ / "below" / "file"), content);
  write_file(directory_ / "empty", "");
  EXPECT_EQ(read_file(directory_ / "empty"), "");
}

TEST_F(Files, ThatCannotBeReadAreNamed) {
  EXPECT_THAT([&] { read_file(directory_ / "absent"); },
              ThrowsMessage<std::system_error>(HasSubstr("absent: cannot read: No such file")));
  EXPECT_THAT([&] { read_file(directory_); }, ThrowsMessage<std::system_error>(HasSubstr("cannot read")));
}

/// Limits the size of files this process writes, as a full disk does; restored at the end.
class FullDisk {
 public:
  explicit FullDisk(rlim_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(Files, OnAFullDiskLeaveWhatStoodThere) {
  write_file(directory_ / "file", "before");
  {
    const FullDisk full(4096);
    EXPECT_THAT([&] { write_file(directory_ / "file", std::string(10000, 'x')); },
                ThrowsMessage<std::system_error>(HasSubstr("file: cannot write")));
  }
  EXPECT_EQ(read_file(directory_ / "file"), "before");
  EXPECT_THAT(entries(), ElementsAre("file")) << "no temporary file stays";
}

TEST_F(Files, TracesAreFoundBelowDirectories) {
  write_file(directory_ / "b" / "two.trace", "");
  write_file(directory_ / "a.trace", "");
  write_file(directory_ / "other", "");
  EXPECT_THAT(find_traces(std::vector{directory_}),
              ElementsAre(directory_ / "a.trace", directory_ / "b" / "two.trace"));
  EXPECT_THAT(find_traces(std::vector{directory_ / "other"}), ElementsAre(directory_ / "other"));
  EXPECT_THAT([&] { find_traces(std::vector{directory_ / "absent"}); },
              ThrowsMessage<std::system_error>(HasSubstr("absent")));
  fs::create_directory(directory_ / "none");
  EXPECT_THAT([&] { find_traces(std::vector{directory_ / "none"}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no *.trace file")));
}

TEST_F(Files, AnArtifactIsAProgramWhateverItsBytes) {
  write_file(directory_ / "crash-1", std::string("\x0d\x00garbage that is no trace", 27));
  const TraceText trace = load_trace(directory_ / "crash-1", parse_profile("6.12"));
  EXPECT_FALSE(trace.program.calls.empty());
  EXPECT_EQ(trace.expectations.size(), trace.program.calls.size());
}

TEST_F(Files, AMalformedTraceIsNamedWithItsPlace) {
  write_file(directory_ / "bad.trace", "capcheck trace 1\nprofile 6.12\nt0: fly()\n");
  EXPECT_THAT([&] { load_trace(directory_ / "bad.trace", Profile{}); },
              ThrowsMessage<TraceError>(HasSubstr("bad.trace:3:5: unknown call 'fly'")));
  write_file(directory_ / "cut.trace", "capch");
  EXPECT_THAT([&] { load_trace(directory_ / "cut.trace", Profile{}); },
              ThrowsMessage<TraceError>(HasSubstr("cut.trace:1:1: expected 'capcheck trace 1'")));
}

/// A row of the checklist's table.
struct Statement {
  int number = 0;
  std::string words, tested_by;
};

std::vector<Statement> read_checklist(const fs::path& file) {
  std::vector<Statement> statements;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::string before, number, words, tested_by;
    std::getline(cells, before, '|');
    std::getline(cells, number, '|');
    std::getline(cells, words, '|');
    std::getline(cells, tested_by, '|');
    if (number.find_first_of("0123456789") != std::string::npos) {
      statements.push_back({std::stoi(number), words, tested_by});
    }
  }
  return statements;
}

/// The parts of "a, b", without the spaces around them.
std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream rest(list);
  for (std::string part; std::getline(rest, part, ',');) {
    const std::size_t first = part.find_first_not_of(' ');
    if (first != std::string::npos) parts.push_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
  }
  return parts;
}

std::set<std::string> invariant_names() {
  std::set<std::string> names;
  for_each_invariant([&]<class I>() { names.emplace(I::info.name); });
  return names;
}

/// "Suite.Name" of every TEST(Suite, Name) of the project.
std::set<std::string> test_names() {
  std::set<std::string> names;
  for (const char* room : {"model", "corpus", "solver", "fuzz", "props"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(CAPCHECK_SOURCE_DIR) / room)) {
      if (!entry.path().string().ends_with("_test.cc")) continue;
      std::istringstream lines(read_file(entry.path()));
      for (std::string line; std::getline(lines, line);) {
        const std::size_t comma = line.find(", "), end = line.find(')');
        if (!line.starts_with("TEST") || comma == std::string::npos || end == std::string::npos) continue;
        const std::size_t open = line.find('(') + 1;
        names.insert(line.substr(open, comma - open) + "." + line.substr(comma + 2, end - comma - 2));
      }
    }
  }
  return names;
}

TEST(Checklist, EveryStatementIsTestedOrOutOfScope) {
  constexpr int kStatements = 70;
  const fs::path corpus = fs::path(CAPCHECK_SOURCE_DIR) / "corpus", checklist = corpus / "checklist";
  const std::set<std::string> invariants = invariant_names(), tests = test_names();
  std::set<fs::path> named;
  int last = 0;
  for (const auto& [number, words, tested_by] : read_checklist(checklist / "README.md")) {
    SCOPED_TRACE("statement " + std::to_string(number));
    EXPECT_EQ(number, last + 1);
    last = number;
    EXPECT_NE(words.find_first_not_of(' '), std::string::npos) << "says nothing";
    if (constexpr std::string_view kOut = " out of scope: "; tested_by.starts_with(kOut)) {
      EXPECT_GT(tested_by.size(), kOut.size() + 1) << "without a reason";
      continue;
    }
    const std::vector<std::string> parts = parts_of(tested_by);
    EXPECT_FALSE(parts.empty()) << "is neither tested nor out of scope";
    for (const std::string& part : parts) {
      if (!part.ends_with(".trace")) {
        EXPECT_TRUE(invariants.contains(part) || tests.contains(part)) << part << " is no invariant and no test";
        continue;
      }
      const bool elsewhere = part.find('/') != std::string::npos;
      const fs::path trace = elsewhere ? corpus / part : checklist / part;
      EXPECT_TRUE(fs::is_regular_file(trace)) << part << " does not exist";
      if (elsewhere) continue;
      EXPECT_EQ(std::atoi(part.c_str()), number) << part << " is named for another statement";
      named.insert(trace);
    }
  }
  EXPECT_EQ(last, kStatements);
  for (const auto& trace : find_traces(std::vector{checklist})) {
    EXPECT_TRUE(named.contains(trace)) << trace << " is not in the table";
  }
}

}  // namespace
}  // namespace capcheck
