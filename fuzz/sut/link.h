// SPDX-License-Identifier: GPL-2.0-only
// A process that speaks frames (fuzz/executor/frames.h) on its standard input and output: an executor, or a guest or a
// remote shell with one behind it.
#ifndef CAPCHECK_FUZZ_SUT_LINK_H_
#define CAPCHECK_FUZZ_SUT_LINK_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/executor/frames.h"
#include "fuzz/guest/child.h"

namespace capcheck {

class Link {
 public:
  /// Starts the command. It leads a process group of its own, and is killed if this process dies. Throws
  /// std::system_error that names it.
  explicit Link(const std::vector<std::string>& command, Processors processors = Processors::all);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  /// Kills what was started, with its process group.
  ~Link();

  /// Adds a frame to what is to be sent; receive() sends it.
  void send(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload);

  /// The next frame, whose payload is valid until the next call; waits for it so long at most, while bytes go both
  /// ways. Nothing if the time is up, or if the link is broken: then `broken` says how.
  std::optional<Frame> receive(std::chrono::milliseconds patience);
  const std::string& broken() const { return broken_; }

  /// The last lines that the command wrote to its standard error, each after a newline and two blanks.
  std::string console() const;

  /// The process that was started; it leads its group.
  pid_t process() const { return pid_; }

  /// Says bye, and gives the command a moment to end.
  void close();

 private:
  bool take_frame(std::optional<Frame>& frame);
  void exchange(int timeout_ms);
  void read_answers();
  void read_console();
  void write_out();
  void break_off(std::string reason);
  std::string how_it_ended();

  std::string name_;
  pid_t pid_ = -1;
  int socket_ = -1, console_ = -1;
  std::vector<std::uint8_t> in_, out_;
  std::size_t taken_ = 0;  ///< bytes of in_ whose frames were given out
  std::size_t sent_ = 0;   ///< bytes of out_
  std::deque<std::string> lines_;
  std::string line_;  ///< the last one, not yet ended
  std::string broken_;
};

}  // namespace capcheck

#endif
