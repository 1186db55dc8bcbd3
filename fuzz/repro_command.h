// SPDX-License-Identifier: GPL-2.0-only
// capcheck repro: a trace as one C file that compiles alone.
#ifndef CAPCHECK_FUZZ_REPRO_COMMAND_H_
#define CAPCHECK_FUZZ_REPRO_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status` to 0. Parsing throws std::invalid_argument that names a call
/// without a C form, and what load_trace() throws.
void add_repro_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
