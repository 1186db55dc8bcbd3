// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/initramfs.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <stdexcept>

#include "corpus/files.h"

namespace capcheck {
namespace {

constexpr unsigned kDirectoryMode = S_IFDIR | 0755;

void pad_to_word(std::string& archive) {
  archive.append((4 - archive.size() % 4) % 4, '\0');
}

}  // namespace

void Initramfs::add(std::string_view path, Entry entry) {
  if (path.empty() || path.front() == '/' || path.back() == '/') {
    throw std::invalid_argument(fmt::format("initramfs: '{}' is no relative path", path));
  }
  for (std::size_t end = path.find('/'); end != std::string_view::npos; end = path.find('/', end + 1)) {
    entries_.try_emplace(std::string(path.substr(0, end)), Entry{.mode = kDirectoryMode, .content = {}});
  }
  entries_[std::string(path)] = std::move(entry);
}

void Initramfs::add_directory(std::string_view path) {
  add(path, {.mode = kDirectoryMode, .content = {}});
}

void Initramfs::add_file(std::string_view path, std::string content, unsigned permissions) {
  add(path, {.mode = S_IFREG | permissions, .content = std::move(content)});
}

void Initramfs::add_symlink(std::string_view path, std::string target) {
  add(path, {.mode = S_IFLNK | 0777, .content = std::move(target)});
}

void Initramfs::add_character_device(std::string_view path, unsigned permissions, unsigned major, unsigned minor) {
  add(path, {.mode = S_IFCHR | permissions, .major = major, .minor = minor, .content = {}});
}

std::string Initramfs::bytes() const {
  std::string archive;
  unsigned inode = 0;
  const auto append = [&](const std::string& path, const Entry& entry) {
    // magic, inode, mode, uid, gid, links, mtime, size, device, device of a node, length of the name, checksum (unused)
    archive +=
        fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", ++inode,
                    entry.mode, 0, 0, 1, 0, entry.content.size(), 0, 0, entry.major, entry.minor, path.size() + 1, 0);
    archive += path;
    archive += '\0';
    pad_to_word(archive);
    archive += entry.content;
    pad_to_word(archive);
  };
  for (const auto& [path, entry] : entries_) append(path, entry);
  append("TRAILER!!!", {});
  return archive;
}

Initramfs initramfs_with_init(const std::filesystem::path& init) {
  Initramfs files;
  files.add_file("init", read_file(init), 0755);
  for (const std::string_view directory : {"dev", "proc", "sys", "tmp"}) files.add_directory(directory);
  files.add_character_device("dev/console", 0600, 5, 1);
  files.add_character_device("dev/null", 0666, 1, 3);
  return files;
}

}  // namespace capcheck
