// SPDX-License-Identifier: GPL-2.0-only
// capcheck enumerate: every reachable state of small worlds, and every call in each, on the model and on the kernel.
#ifndef CAPCHECK_FUZZ_ENUMERATE_COMMAND_H_
#define CAPCHECK_FUZZ_ENUMERATE_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status`: 0 if every invariant came out as claimed and the kernel as the
/// model, 1 if one did not.
void add_enumerate_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
