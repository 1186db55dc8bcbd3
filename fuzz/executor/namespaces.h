// SPDX-License-Identifier: GPL-2.0-only
// The user namespaces of a program, by number: a descriptor of each stays open until its end.
#ifndef CAPCHECK_FUZZ_EXECUTOR_NAMESPACES_H_
#define CAPCHECK_FUZZ_EXECUTOR_NAMESPACES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "model/program.h"

namespace capcheck {

/// Numbers namespaces in the order of their creation. Number 0 is the executor's own, the initial one. Makes no memory
/// and throws nothing but where it says so, since a child that shares the executor's memory uses it too.
class OpenNamespaces {
 public:
  /// Opens the executor's own namespace. Throws std::runtime_error.
  OpenNamespaces();
  OpenNamespaces(const OpenNamespaces&) = delete;
  OpenNamespaces& operator=(const OpenNamespaces&) = delete;
  ~OpenNamespaces();

  /// The namespace of an inode, if it has a number.
  std::optional<std::size_t> find(std::uint64_t inode) const;

  /// Gives a new namespace the next number and takes over the descriptor; it is entered from `parent`. False if there
  /// are too many.
  bool add(int descriptor, std::uint64_t inode, std::size_t parent);

  std::size_t count() const { return count_; }
  int descriptor(std::size_t number) const { return all_[number].descriptor; }
  std::uint64_t level(std::size_t number) const { return all_[number].level; }
  std::uint64_t inode(std::size_t number) const { return all_[number].inode; }

  /// Asks the kernel for each namespace's parent, for which the caller must be in the initial one. What is not as it
  /// was taken to be, or nothing.
  std::string check_parents() const;

  /// Lets go of all but the initial namespace.
  void clear();

 private:
  struct Namespace {
    int descriptor;
    std::uint64_t inode, level;
    std::size_t parent;
  };
  std::array<Namespace, kMaxCalls + 2> all_{};
  std::size_t count_ = 0;
};

/// The inode of the namespace file `path` below /proc ("123/ns/user"), or a negated errno.
std::int64_t namespace_inode(const char* path);

}  // namespace capcheck

#endif
