// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/repro_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/files.h"
#include "fuzz/repro/reproducer.h"

namespace capcheck {
namespace {

struct ReproArguments {
  std::filesystem::path file, output;
  std::string profile;
};

void run(const ReproArguments& arguments) {
  const TraceText trace = load_trace(arguments.file, parse_profile("6.12+userns"));
  const Profile profile = arguments.profile.empty() ? trace.profiles.front() : parse_profile(arguments.profile);
  const std::string text = c_reproducer(
      trace, profile,
      fmt::format("capcheck repro {} --profile {}", arguments.file.filename().string(), to_string(profile)));
  if (arguments.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_file(arguments.output, text);
  }
}

}  // namespace

void add_repro_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<ReproArguments>();
  CLI::App* command = app.add_subcommand("repro", "Write a trace as one C file that says whether a kernel follows it");
  command->add_option("file", arguments->file, "A trace, or an artifact of the fuzzer")->required();
  command->add_option("--profile", arguments->profile, "The rules it expects, if not the trace's own");
  command->add_option("--output", arguments->output, "The file to write (standard output)");
  command->footer("Example: capcheck repro corpus/seeds/userns/sample.trace --output repro.c && cc -o repro repro.c");
  command->callback([arguments, &status] {
    run(*arguments);
    status = 0;
  });
}

}  // namespace capcheck
