// SPDX-License-Identifier: GPL-2.0-only
#include "corpus/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace capcheck {
namespace {

constexpr std::string_view kTraceStart = "capcheck trace";

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view action) {
  throw std::system_error(errno, std::generic_category(), fmt::format("{}: cannot {}", path.string(), action));
}

/// Removes a temporary file unless it was renamed into place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : path_(fmt::format("{}.{}.tmp", target.string(), getpid())),
        descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail(target, "write");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(path_.c_str());
  }

  void write_all(std::string_view content, const std::filesystem::path& target) {
    while (!content.empty()) {
      const ssize_t written = write(descriptor_, content.data(), content.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(target, "write");
      content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(descriptor_) != 0 || close(std::exchange(descriptor_, -1)) != 0) fail(target, "write");
  }
  void rename_to(const std::filesystem::path& target) {
    if (rename(path_.c_str(), target.c_str()) != 0) fail(target, "write");
    renamed_ = true;
  }

 private:
  std::string path_;
  int descriptor_;
  bool renamed_ = false;
};

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  // A directory opens but does not read; an empty file sets failbit on the target alone.
  if (!stream || std::filesystem::is_directory(path)) {
    if (errno == 0) errno = EISDIR;
    fail(path, "read");
  }
  content << stream.rdbuf();
  if (stream.bad()) fail(path, "read");
  return std::move(content).str();
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  TemporaryFile file(path);
  file.write_all(content, path);
  file.rename_to(path);
}

TemporaryDirectory::TemporaryDirectory(std::string_view name) {
  std::string filled = (std::filesystem::temp_directory_path() / fmt::format("{}.XXXXXX", name)).string();
  if (!mkdtemp(filled.data())) fail(filled, "make a directory");
  path_ = filled;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a directory that cannot be removed is no reason to lose what was found
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::filesystem::path> find_traces(std::span<const std::filesystem::path> paths) {
  std::vector<std::filesystem::path> found;
  for (const auto& path : paths) {
    if (!std::filesystem::exists(path)) {
      errno = ENOENT;
      fail(path, "read");
    }
    if (!std::filesystem::is_directory(path)) {
      found.push_back(path);
      continue;
    }
    const std::size_t before = found.size();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().extension() == ".trace") found.push_back(entry.path());
    }
    if (found.size() == before) throw std::runtime_error(fmt::format("{}: no *.trace file in it", path.string()));
  }
  std::ranges::sort(found);
  return found;
}

TraceText load_trace(const std::filesystem::path& path, const Profile& fallback) {
  const std::string content = read_file(path);
  if (content.starts_with(kTraceStart) || path.extension() == ".trace") return parse_trace(content, path.string());
  TraceText trace;
  trace.intent = fmt::format("Fuzzer artifact {}.", path.filename().string());
  trace.profiles = {fallback};
  trace.program = decode({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
  trace.expectations.resize(trace.program.calls.size());
  return trace;
}

}  // namespace capcheck
