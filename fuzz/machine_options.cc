// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/machine_options.h"

namespace capcheck {

std::optional<Machine> MachineOptions::machine() const {
  if (on.empty()) return std::nullopt;
  Machine machine = parse_machine(on);
  machine.booted = booted;
  machine.allow_system_changes = allow_system_changes;
  return machine;
}

void add_machine_options(CLI::App& command, MachineOptions& options, CLI::Option& kernel) {
  CLI::Option* on = command.add_option("--on", options.on, "Run by real system calls: host, uml, qemu or ssh:HOST")
                        ->excludes(&kernel);
  command
      .add_option("--booted", options.booted,
                  "With --on uml or qemu: boot this kernel of `capcheck kernel list` instead of the profile's own "
                  "(without --profile, for the profile it was built as). When fuzzing, the coverage of one that was "
                  "built with --kcov guides the fuzzer")
      ->needs(on);
  command.add_flag("--allow-system-changes", options.allow_system_changes,
                   "Make calls that change a whole machine that is not a guest");
}

}  // namespace capcheck
