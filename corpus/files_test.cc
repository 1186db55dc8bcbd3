// SPDX-License-Identifier: GPL-2.0-only
#include "corpus/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>
#include <system_error>
#include <vector>

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string name = (fs::temp_directory_path() / "capcheck-files.XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~Files() override { fs::remove_all(directory_); }

  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_)) found.push_back(entry.path().filename());
    return found;
  }

  fs::path directory_;
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

}  // namespace
}  // namespace capcheck
