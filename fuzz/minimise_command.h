// SPDX-License-Identifier: GPL-2.0-only
// capcheck minimise: the shortest and plainest program that shows the same divergence.
#ifndef CAPCHECK_FUZZ_MINIMISE_COMMAND_H_
#define CAPCHECK_FUZZ_MINIMISE_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status` to 1: the program diverges. Parsing throws std::runtime_error if
/// it does not, and what load_trace() and InProcessKernel throw.
void add_minimise_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
