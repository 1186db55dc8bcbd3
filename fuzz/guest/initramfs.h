// SPDX-License-Identifier: GPL-2.0-only
// The file system that a guest starts with: an archive of cpio's "newc" format.
#ifndef CAPCHECK_FUZZ_GUEST_INITRAMFS_H_
#define CAPCHECK_FUZZ_GUEST_INITRAMFS_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace capcheck {

/// An archive in the making. Directories above what is added are made as they are needed, with mode 0755; all belongs
/// to root.
class Initramfs {
 public:
  void add_directory(std::string_view path);
  void add_file(std::string_view path, std::string content, unsigned permissions);
  void add_symlink(std::string_view path, std::string target);
  void add_character_device(std::string_view path, unsigned permissions, unsigned major, unsigned minor);

  /// The archive.
  std::string bytes() const;

 private:
  struct Entry {
    unsigned mode = 0;
    unsigned major = 0, minor = 0;
    std::string content;
  };
  void add(std::string_view path, Entry entry);

  std::map<std::string, Entry> entries_;  ///< by path, so that a directory comes before what is in it
};

/// What an executor needs: it as /init, /dev with a console, /proc, /sys and /tmp. Throws std::runtime_error if `init`
/// cannot be read.
Initramfs initramfs_with_init(const std::filesystem::path& init);

}  // namespace capcheck

#endif
