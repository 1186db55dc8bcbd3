// SPDX-License-Identifier: GPL-2.0-only
// `capcheck prove`.
#ifndef CAPCHECK_SOLVER_PROVE_COMMAND_H_
#define CAPCHECK_SOLVER_PROVE_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. When parsing runs it, `status` becomes 0 if every claim came out as it was made, 1 if one
/// did not, 2 if one found no answer or was not confirmed. Parsing throws what parse_profile(), prove_catalogue(),
/// write_file() and OtherSolver do.
void add_prove_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
