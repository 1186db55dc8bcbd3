// SPDX-License-Identifier: GPL-2.0-only
// Names of constants and errnos, as trace text and reports use them.
#ifndef CAPCHECK_MODEL_CONSTANTS_H_
#define CAPCHECK_MODEL_CONSTANTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/call.h"

namespace capcheck {

struct Constant {
  std::string_view name;
  std::uint64_t value;
};

/// The named constants of a role, capabilities excepted. `userns` chooses between the two names of a set operation.
std::span<const Constant> constants(Role role, bool userns);

/// "CAP_CHOWN", by libcap's names and ours for what proposals add; nothing for a number without one.
std::optional<std::string> capability_name(std::uint64_t capability);

/// The inverse, in any case, with or without "CAP_".
std::optional<std::uint64_t> capability_number(std::string_view name);

/// "EPERM"; the number in decimal if it has no name.
std::string errno_name(int error);

/// The inverse, for the errnos that calls return.
std::optional<int> errno_number(std::string_view name);

}  // namespace capcheck

#endif
