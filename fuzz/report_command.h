// SPDX-License-Identifier: GPL-2.0-only
// `capcheck report`
#ifndef CAPCHECK_FUZZ_REPORT_COMMAND_H_
#define CAPCHECK_FUZZ_REPORT_COMMAND_H_

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace capcheck {

/// Writes report.json and report.html into a directory. Throws as html_of() and write_file() do.
void write_report(const std::filesystem::path& directory, const nlohmann::json& report);

/// Registers the subcommand.
void add_report_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
