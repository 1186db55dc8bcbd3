// SPDX-License-Identifier: GPL-2.0-only
// Who may do what: for a few operations, and holders of one capability each, whether every such task may, or none.
#ifndef CAPCHECK_SOLVER_GRANTS_H_
#define CAPCHECK_SOLVER_GRANTS_H_

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"

namespace capcheck {

/// What is proved of all tasks of a kind, in whatever world they are.
enum class Granted : std::uint8_t {
  always,   ///< the operation succeeds
  never,    ///< it fails
  depends,  ///< it succeeds for some and fails for others, as far as one call in an arbitrary world shows
};

/// "always", "never", "depends".
std::string_view to_string(Granted granted);

/// Of one operation. Capabilities are those in E, and in P; tasks are of the initial namespace if nothing else is said.
struct Grant {
  std::string operation{};                    ///< in words of trace text, with what is assumed around it
  Granted to_no_capability{};                 ///< E = P = ∅
  bool to_every_single{};                     ///< E = P = {c} always grants it, whatever the capability c
  std::vector<std::uint64_t> to_single{};     ///< if not: those c for which it does
  std::vector<std::uint64_t> maybe_single{};  ///< those for which that depends; for all others it is never granted
  Granted to_all_in_child{};                  ///< E = P = FULL, in any namespace but the initial one

  bool operator==(const Grant&) const = default;
};

/// The operations of userfaultfd, its device and PTRACE_SEIZE. Throws std::runtime_error if Z3 gives no answer within
/// `timeout`, which is for each question.
std::vector<Grant> find_grants(const Profile& profile, std::chrono::milliseconds timeout);

/// Registers `capcheck grants`; `status` becomes 0. Parsing throws what parse_profile() and find_grants() do.
void add_grants_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
