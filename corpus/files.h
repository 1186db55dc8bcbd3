// SPDX-License-Identifier: GPL-2.0-only
// Reading and writing of corpus files: traces as text, fuzzer artifacts as bytes.
#ifndef CAPCHECK_CORPUS_FILES_H_
#define CAPCHECK_CORPUS_FILES_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/trace_text.h"

namespace capcheck {

/// Reads a whole file. Throws std::system_error that names it.
std::string read_file(const std::filesystem::path& path);

/// Writes a file whole or not at all: to a temporary name beside it, then by rename. Creates the directories above it.
/// Throws std::system_error that names the file; what stood there before is then untouched.
void write_file(const std::filesystem::path& path, std::string_view content);

/// A directory for what is needed for a while. It goes, with all that is in it, when its owner goes.
class TemporaryDirectory {
 public:
  /// Below the directory for temporary files, with a name that begins so: "capcheck-fuzz". Throws std::system_error.
  explicit TemporaryDirectory(std::string_view name);
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The trace files below the given files and directories, sorted; a file that is named is taken whatever it is called.
/// Throws std::system_error for a path that does not exist and std::runtime_error for a directory without a trace.
std::vector<std::filesystem::path> find_traces(std::span<const std::filesystem::path> paths);

/// Reads a trace file, or a fuzzer's artifact (anything that does not open as a trace), which then expects nothing and
/// speaks of `fallback`. Throws TraceError for a malformed trace, std::system_error for an unreadable file.
TraceText load_trace(const std::filesystem::path& path, const Profile& fallback);

}  // namespace capcheck

#endif
