// SPDX-License-Identifier: GPL-2.0-only
// capcheck show: prints any artifact with what the model makes of it.
#ifndef CAPCHECK_FUZZ_SHOW_COMMAND_H_
#define CAPCHECK_FUZZ_SHOW_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status` to 0.
void add_show_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
