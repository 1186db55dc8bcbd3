// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/stat.h>

#include <stdexcept>

#include "fuzz/executor/raw.h"
#include "fuzz/executor/shared.h"

namespace capcheck {
namespace {

std::int64_t inode_of(int descriptor) {
  struct stat status;
  const long error = raw(SYS_fstat, descriptor, &status);
  return error < 0 ? error : static_cast<std::int64_t>(status.st_ino);
}

}  // namespace

OpenNamespaces::OpenNamespaces() {
  const long descriptor = raw(SYS_openat, kProcFd, "self/ns/user", O_RDONLY | O_CLOEXEC);
  const std::int64_t inode = descriptor < 0 ? descriptor : inode_of(static_cast<int>(descriptor));
  if (inode < 0) throw std::runtime_error("/proc/self/ns/user: cannot open; has this kernel CONFIG_USER_NS?");
  all_[0] = {static_cast<int>(descriptor), static_cast<std::uint64_t>(inode), 0, 0};
  count_ = 1;
}

OpenNamespaces::~OpenNamespaces() {
  clear();
  raw(SYS_close, all_[0].descriptor);
}

std::optional<std::size_t> OpenNamespaces::find(std::uint64_t inode) const {
  for (std::size_t number = 0; number < count_; ++number) {
    if (all_[number].inode == inode) return number;
  }
  return std::nullopt;
}

bool OpenNamespaces::add(int descriptor, std::uint64_t inode, std::size_t parent) {
  if (count_ == all_.size()) return false;
  all_[count_++] = {descriptor, inode, all_[parent].level + 1, parent};
  return true;
}

std::string OpenNamespaces::check_parents() const {
  for (std::size_t number = 1; number < count_; ++number) {
    const long parent = raw(SYS_ioctl, all_[number].descriptor, NS_GET_PARENT);
    const std::int64_t inode = parent < 0 ? parent : inode_of(static_cast<int>(parent));
    if (parent >= 0) raw(SYS_close, parent);
    if (inode < 0) {
      return "the parent of ns" + std::to_string(number) + " cannot be asked for: errno " + std::to_string(-inode);
    }
    if (static_cast<std::uint64_t>(inode) != all_[all_[number].parent].inode) {
      return "the parent of ns" + std::to_string(number) + " is not ns" + std::to_string(all_[number].parent) +
             ", in which its creator was";
    }
  }
  return {};
}

void OpenNamespaces::clear() {
  while (count_ > 1) raw(SYS_close, all_[--count_].descriptor);
}

std::int64_t namespace_inode(const char* path) {
  struct stat status;
  const long error = raw(SYS_newfstatat, kProcFd, path, &status, 0);
  return error < 0 ? error : static_cast<std::int64_t>(status.st_ino);
}

}  // namespace capcheck
