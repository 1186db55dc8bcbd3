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

/// Status files that are read one after the other, of which most is as it was in the one before: what is the same is
/// not parsed again, and the rest is looked for where it stood. Parsing takes as long as a system call, and under an
/// emulated processor much longer.
class StatusReader {
 public:
  StatusReader() = default;
  StatusReader(const StatusReader&) = delete;  // it points into itself
  StatusReader& operator=(const StatusReader&) = delete;

  /// As parse_status(). The text stays for the next one to be compared with.
  const char* parse(std::string_view text, Credentials<Concrete>& cred, char& state);

  /// As read_status().
  StatusRead read(int descriptor, Credentials<Concrete>& cred, char& state, const char*& missing);

  /// The next file is parsed as if it were the first.
  void forget() {
    before_ = {};
    places_ = {};
    cred_ = {};
  }

 private:
  static constexpr std::size_t kSize = 4096;
  static constexpr std::size_t kLines = 11;

  /// Where a line that is read stands in a text; both 0 if it does not.
  struct Place {
    std::size_t start = 0, end = 0;
  };

  void parse_from(std::size_t start, std::string_view text);
  std::size_t expected_after(std::size_t start) const;
  unsigned seen() const;

  std::array<std::array<char, kSize>, 2> texts_;  ///< what was read last, and before
  std::string_view before_{};
  std::array<Place, kLines> places_{};  ///< in it
  Credentials<Concrete> cred_{};        ///< what it says
  char state_ = 0;
};

}  // namespace capcheck

#endif
