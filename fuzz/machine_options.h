// SPDX-License-Identifier: GPL-2.0-only
// The options by which a subcommand lets its programs run by real system calls.
#ifndef CAPCHECK_FUZZ_MACHINE_OPTIONS_H_
#define CAPCHECK_FUZZ_MACHINE_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "fuzz/sut/machine.h"

namespace capcheck {

struct MachineOptions {
  std::string on;      ///< empty: in this process
  std::string booted;  ///< the kernel of `capcheck kernel list`; empty: that of the profile
  bool allow_system_changes = false;

  /// The machine that was named, if one was. Throws what parse_machine() does.
  std::optional<Machine> machine() const;
};

/// Registers --on, --booted and --allow-system-changes. `kernel` is the option that names a kernel in this process,
/// which goes with none of them.
void add_machine_options(CLI::App& command, MachineOptions& options, CLI::Option& kernel);

}  // namespace capcheck

#endif
