// SPDX-License-Identifier: GPL-2.0-only
// A child process that does not outlive its owner.
#ifndef CAPCHECK_FUZZ_GUEST_CHILD_H_
#define CAPCHECK_FUZZ_GUEST_CHILD_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace capcheck {

/// Which descriptors become the child's standard input, output and error. -1: /dev/null.
struct ChildStreams {
  int input = -1, output = -1, error = -1;
};

/// What becomes of a child when the thread that started it ends, perhaps killed.
enum class Fate : std::uint8_t {
  dies_with_owner,
  lives_on,  ///< it finds out by a pipe, and ends itself
};

/// Which processors a process and what it starts may run on.
enum class Processors : std::uint8_t {
  all,
  one,  ///< one that no other process of this kind keeps to; all, if there is none
};

/// Has the calling process, the program that it executes and what it starts keep to these processors, until it ends.
/// May be called after fork().
void keep_to(Processors processors);

/// A session of its own, so that a terminal's signals reach it through its owner alone, and that it may use a terminal
/// without being the one in front. By default it is killed when the thread that made it ends, however that ends.
class Child {
 public:
  /// Throws std::system_error that names the program.
  Child(const std::vector<std::string>& command, const ChildStreams& streams, Fate fate = Fate::dies_with_owner,
        Processors processors = Processors::all);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills it if it has not ended.
  ~Child();

  pid_t pid() const { return pid_; }
  /// The status of waitpid(), once it has ended. What it leaves of its group is killed then.
  std::optional<int> ended();
  /// SIGKILL to its group, and waits for it. A process that the kernel does not let die is left after two seconds.
  void end();

 private:
  pid_t pid_ = 0;
  std::optional<int> status_;
};

/// Both ends of a pipe, closed on exec and by its destructor.
class Pipe {
 public:
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read_end();
  void close_write_end();

 private:
  std::array<int, 2> ends_;
};

}  // namespace capcheck

#endif
