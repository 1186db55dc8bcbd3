// SPDX-License-Identifier: GPL-2.0-only
// capcheck kernel: builds, lists, boots and removes kernels that boot.
#ifndef CAPCHECK_FUZZ_KERNEL_COMMAND_H_
#define CAPCHECK_FUZZ_KERNEL_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers the subcommand. Running it sets `status` to 0, or to 2 if a guest ended otherwise than by powering off.
void add_kernel_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
