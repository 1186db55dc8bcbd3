// SPDX-License-Identifier: GPL-2.0-only
// capcheck verdict: proves, replays and fuzzes, and says what came of it on one page.
#ifndef CAPCHECK_FUZZ_VERDICT_COMMAND_H_
#define CAPCHECK_FUZZ_VERDICT_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 every claim came out as it was made and model and kernels
/// agree, 1 something did not.
void add_verdict_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
