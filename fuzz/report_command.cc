// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/report_command.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "corpus/files.h"
#include "fuzz/run_report.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct ReportArguments {
  fs::path run = "findings/report.json", mutants, output = "findings";
};

nlohmann::json read_json(const fs::path& file) {
  try {
    return nlohmann::json::parse(read_file(file));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("{}: not JSON: {}", file.string(), error.what()));
  }
}

void run(const ReportArguments& arguments) {
  nlohmann::json report = read_json(arguments.run);
  if (!arguments.mutants.empty()) report["mutants"] = read_json(arguments.mutants);
  try {
    write_report(arguments.output, report);
  } catch (const nlohmann::json::exception& error) {
    const std::string other = arguments.mutants.empty() ? ""
                                                        : fmt::format(", or {} not what `capcheck mutants` prints",
                                                                      arguments.mutants.string());
    throw std::runtime_error(fmt::format("{}: not the report of a run of `capcheck verdict`{}: {}",
                                         arguments.run.string(), other, error.what()));
  }
  fmt::print("{}\n", (arguments.output / "report.html").string());
}

}  // namespace

void write_report(const fs::path& directory, const nlohmann::json& report) {
  const std::string page = html_of(report);
  write_file(directory / "report.json", report.dump(2) + "\n");
  write_file(directory / "report.html", page);
}

void add_report_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand("report", "Make the page of a run's report again, with mutation scores");
  command->add_option("run", arguments->run, "The report.json of `capcheck verdict`")->capture_default_str();
  command->add_option("--mutants", arguments->mutants, "What `capcheck mutants --json` printed");
  command->add_option("--output", arguments->output, "The directory of report.html and report.json")
      ->capture_default_str();
  command->footer("Example: capcheck mutants --json >mutants.json; capcheck report --mutants mutants.json");
  command->callback([arguments, &status] {
    run(*arguments);
    status = 0;
  });
}

}  // namespace capcheck
