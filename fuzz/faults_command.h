// SPDX-License-Identifier: GPL-2.0-only
// capcheck faults: plants every fault, in the kernel and in the model, and tells who finds it and how fast.
#ifndef CAPCHECK_FUZZ_FAULTS_COMMAND_H_
#define CAPCHECK_FUZZ_FAULTS_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 if the fuzzer found every fault in time, 1 if it did not.
void add_faults_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
