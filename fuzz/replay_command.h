// SPDX-License-Identifier: GPL-2.0-only
// capcheck replay: runs traces on the model and on a kernel, and compares.
#ifndef CAPCHECK_FUZZ_REPLAY_COMMAND_H_
#define CAPCHECK_FUZZ_REPLAY_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 all agree, 1 a trace does not.
void add_replay_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
