// SPDX-License-Identifier: GPL-2.0-only
// capcheck mutants: makes every mutant of the model's rules, and tells which of solver, properties and fuzzer kills it.
#ifndef CAPCHECK_FUZZ_MUTANTS_COMMAND_H_
#define CAPCHECK_FUZZ_MUTANTS_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 if each mutant is killed or proved equal to the rules, 1 if
/// not.
void add_mutants_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
