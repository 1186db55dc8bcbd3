// SPDX-License-Identifier: GPL-2.0-only
// The front door: reads the arguments and hands them to a subcommand, each of which lives in the room it belongs to.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "fuzz/ask_command.h"
#include "fuzz/coverage_command.h"
#include "fuzz/enumerate_command.h"
#include "fuzz/faults_command.h"
#include "fuzz/fuzz_command.h"
#include "fuzz/kernel_command.h"
#include "fuzz/minimise_command.h"
#include "fuzz/mutants_command.h"
#include "fuzz/proof_kernels.h"
#include "fuzz/replay_command.h"
#include "fuzz/report_command.h"
#include "fuzz/repro_command.h"
#include "fuzz/show_command.h"
#include "fuzz/triage_command.h"
#include "fuzz/verdict_command.h"
#include "solver/grants.h"
#include "solver/kernel/command.h"
#include "solver/prove_command.h"
#include "solver/symmetry.h"

namespace {

constexpr int kBadUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  CLI::App app("Proves, fuzzes and replays Linux capability transitions.", "capcheck");
  app.footer("Exit status: 0 nothing found, 1 a finding, 2 bad usage or a broken environment.");
  app.require_subcommand(1);
  try {
    capcheck::add_verdict_command(app, status);
    capcheck::add_prove_command(app, status, [](const capcheck::KernelProofOptions& options) {
      return capcheck::prove_kernels(options, capcheck::proof_kernels());
    });
    capcheck::add_ask_command(app, status);
    capcheck::add_grants_command(app, status);
    capcheck::add_symmetry_command(app, status);
    capcheck::add_enumerate_command(app, status);
    capcheck::add_fuzz_command(app, status);
    capcheck::add_replay_command(app, status);
    capcheck::add_minimise_command(app, status);
    capcheck::add_triage_command(app, status);
    capcheck::add_repro_command(app, status);
    capcheck::add_report_command(app, status);
    capcheck::add_kernel_command(app, status);
    capcheck::add_show_command(app, status);
    capcheck::add_coverage_command(app, status);
    capcheck::add_faults_command(app, status);
    capcheck::add_mutants_command(app, status);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "capcheck: {}\n", error.what());
    return kBadUsage;
  }
  return status;
}
