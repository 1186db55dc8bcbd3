// SPDX-License-Identifier: GPL-2.0-only
// `capcheck triage`
#ifndef CAPCHECK_FUZZ_TRIAGE_COMMAND_H_
#define CAPCHECK_FUZZ_TRIAGE_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. When it runs, it sets `status`: 1 with a verdict, 0 where model and kernels always agree.
/// Throws std::runtime_error where there is no verdict.
void add_triage_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
