// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/repro_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/files.h"
#include "fuzz/repro/bundle.h"
#include "fuzz/repro/privilege.h"
#include "fuzz/repro/reproducer.h"
#include "fuzz/sut/in_process_kernel.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct ReproArguments {
  fs::path file, output, bundle, kernel;
  std::string profile, booted;
  bool c = false, kselftest = false;
};

fs::path kernel_of(const ReproArguments& arguments, const TraceText& trace, const Profile& profile) {
  if (!arguments.kernel.empty()) return arguments.kernel;
  if (trace.known && !trace.known->kernel.empty()) return kernel_directory() / (trace.known->kernel + ".so");
  return kernel_file(profile);
}

void run(const ReproArguments& arguments) {
  const TraceText trace = load_trace(arguments.file, parse_profile("6.12+userns"));
  const Profile profile = arguments.profile.empty() ? trace.profiles.front() : parse_profile(arguments.profile);
  for (const Call<Concrete>& call : trace.program.calls) {
    const std::string reason = no_c_form(call);
    if (!reason.empty()) throw std::invalid_argument(fmt::format("{}: {}", print_call(call), reason));
  }
  InProcessKernel kernel(kernel_of(arguments, trace, profile), profile);
  const Privilege privilege = least_privilege(kernel, profile, trace.program);
  if (!arguments.bundle.empty()) {
    const std::string name = arguments.booted.empty() ? to_string(profile) : arguments.booted;
    write_bundle(arguments.bundle, arguments.file.stem().string(), trace, profile, privilege,
                 find_booted_kernel(name, Architecture::um));
    return;
  }
  const std::string text = c_reproducer(
      trace, profile, privilege, arguments.kselftest ? ReproducerShape::kselftest : ReproducerShape::alone,
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
  command->add_option("--kernel", arguments->kernel,
                      "The kernel in process on which the least privilege is found out, if not the profile's own");
  command->add_option("--output", arguments->output, "The file to write (standard output)");
  CLI::Option* c = command->add_flag("--c", arguments->c, "A file that compiles alone; this is the default");
  CLI::Option* kselftest =
      command->add_flag("--kselftest", arguments->kselftest, "A test of the kernel's own tools/testing/selftests")
          ->excludes(c);
  command
      ->add_option("--bundle", arguments->bundle,
                   "A directory to make, with trace, both C files, the kernel's configuration and patches, and how to "
                   "boot it")
      ->excludes(c)
      ->excludes(kselftest);
  command->add_option("--booted", arguments->booted,
                      "With --bundle: that kernel of `capcheck kernel list` instead of the profile's own");
  command->footer("Example: capcheck repro corpus/seeds/userns/sample.trace --output repro.c && cc -o repro repro.c");
  command->callback([arguments, &status] {
    run(*arguments);
    status = 0;
  });
}

}  // namespace capcheck
