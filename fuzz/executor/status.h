// SPDX-License-Identifier: GPL-2.0-only
// What /proc/PID/status says of a task.
#ifndef CAPCHECK_FUZZ_EXECUTOR_STATUS_H_
#define CAPCHECK_FUZZ_EXECUTOR_STATUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/world.h"

namespace capcheck {

/// Reads the lines of a status file into credentials; ids are those of whoever opened it. Securebits are not there and
/// stay as they are. `state` is the letter of the line State. Null if all was there, else the name of a line that is
/// missing or not understood. Without CapUNs, the userns set is 0.
const char* parse_status(std::string_view text, Credentials<Concrete>& cred, char& state);

/// How reading a status file went.
enum class StatusRead : std::uint8_t {
  read,
  gone,        ///< there is no such task any more
  unreadable,  ///< see `missing`
};

/// Reads an open status file from its start. A task of which only its remains are there is gone.
StatusRead read_status(int descriptor, Credentials<Concrete>& cred, char& state, const char*& missing);

/// A task's status file that is read again and again. Most of it is as it was, and is not parsed again: parsing takes
/// as long as a system call, and under an emulated processor much longer.
class StatusReader {
 public:
  /// As parse_status(), of a text that may begin as the one before did. `cred` and `state` are what that one gave.
  const char* parse(std::string_view text, Credentials<Concrete>& cred, char& state);

  /// As read_status(), of the file of one and the same task.
  StatusRead read(int descriptor, Credentials<Concrete>& cred, char& state, const char*& missing);

 private:
  static constexpr std::size_t kSize = 4096;
  static constexpr std::size_t kLines = 11;

  std::array<std::array<char, kSize>, 2> texts_;  ///< what was read last, and before
  std::string_view before_{};
  std::array<std::size_t, kLines> ends_{};  ///< where in it each of the lines that are read ends; 0: it was not seen
};

}  // namespace capcheck

#endif
