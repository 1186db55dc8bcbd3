// SPDX-License-Identifier: GPL-2.0-only
// `capcheck prove`.
#ifndef CAPCHECK_SOLVER_PROVE_COMMAND_H_
#define CAPCHECK_SOLVER_PROVE_COMMAND_H_

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace capcheck {

/// What is asked of a kernel's own code.
struct KernelProofOptions {
  std::vector<std::string> kernels;    ///< by name: "6.12+userns", or one that `capcheck kernel build` made
  std::vector<std::string> functions;  ///< those to prove; all of them if there are none
  std::string fault;                   ///< to plant in the kernel's code
  std::string rules;                   ///< of which profile it is compared with; empty: its own
  double timeout = 10;                 ///< seconds for each question to Z3
  std::filesystem::path save;          ///< a directory for programs that show a difference; empty: none
  std::filesystem::path smt2;          ///< a directory for what was proved, as SMT-LIB; empty: none
  std::string confirm_with;            ///< another solver to put that to, as OtherSolver has it; empty: none
  bool json = false;
};
/// Proves it, prints what comes of it, and gives the exit status.
using KernelProof = std::function<int(const KernelProofOptions& options)>;

/// Registers the subcommand. When parsing runs it, `status` becomes 0 if every claim came out as it was made, 1 if one
/// did not, 2 if one found no answer or was not confirmed. Parsing throws what parse_profile(), prove_catalogue(),
/// write_file() and OtherSolver do. With --kernel, `prove_kernel` does all that; without it there is no such option.
void add_prove_command(CLI::App& app, int& status, KernelProof prove_kernel = {});

}  // namespace capcheck

#endif
