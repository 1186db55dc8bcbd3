// SPDX-License-Identifier: GPL-2.0-only
// capcheck fuzz: fuzzes a kernel against the model.
#ifndef CAPCHECK_FUZZ_FUZZ_COMMAND_H_
#define CAPCHECK_FUZZ_FUZZ_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 nothing found, 1 a divergence.
void add_fuzz_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
