// SPDX-License-Identifier: GPL-2.0-only
// What /proc/PID/status says of a task.
#ifndef CAPCHECK_FUZZ_EXECUTOR_STATUS_H_
#define CAPCHECK_FUZZ_EXECUTOR_STATUS_H_

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

}  // namespace capcheck

#endif
