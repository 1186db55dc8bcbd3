// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/show_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/files.h"
#include "model/constants.h"
#include "model/program.h"

namespace capcheck {
namespace {

struct ShowOptions {
  std::filesystem::path file;
  std::string profile;
  bool whole = false;
};

std::string field_line(const StateField& field, std::uint64_t value, std::uint64_t full) {
  const std::string printed = print_field(field, value);
  return field.is_set ? fmt::format("    {}: {}  # {}\n", field.name, printed, describe_set(value, full))
                      : fmt::format("    {}: {}\n", field.name, printed);
}

/// The fields of a state that differ from the one before, or all of them.
std::string state_lines(const TaskState<Concrete>& state, const TaskState<Concrete>* before, std::uint64_t full) {
  std::string text;
  for (const StateField& field : state_fields()) {
    if (!before || field.get(state) != field.get(*before)) text += field_line(field, field.get(state), full);
  }
  return text;
}

/// What a call gave besides its result.
std::string output_lines(const Output<Concrete>& output, std::uint64_t full) {
  std::string text;
  for (const OutputField& field : kOutputFields) {
    const std::uint64_t value = output.*field.member;
    if (value == 0) continue;
    text += field.is_set
                ? fmt::format("    {}: {}  # {}\n", field.name, print_field(field, value), describe_set(value, full))
                : fmt::format("    {}: {}\n", field.name, print_field(field, value));
  }
  return text;
}

void show(const ShowOptions& options) {
  const Profile fallback = parse_profile(options.profile.empty() ? "6.12+userns" : options.profile);
  const TraceText trace = load_trace(options.file, fallback);
  const Profile& profile = options.profile.empty() ? trace.profiles.front() : fallback;
  const Trace seen = run_model(profile, trace.program);
  const std::uint64_t full = profile.full_set();

  for (std::size_t start = 0; start < trace.intent.size();) {
    const std::size_t end = std::min(trace.intent.find('\n', start), trace.intent.size());
    fmt::print("# {}\n", trace.intent.substr(start, end - start));
    start = end + 1;
  }
  fmt::print("profile {}\n\nt0 starts with\n{}\n", to_string(profile), state_lines(seen.initial, nullptr, full));
  for_each_step(trace.program, seen, [&](const TraceStep& step) {
    const GuardInfo& guard = info(seen.guards[step.index]);
    fmt::print("{} = {}", print_call(step.call), print_result(step.call, step.observed.result));
    if (guard.guard != Guard::none) fmt::print("  # {} asks: {}", guard.function, guard.name);
    fmt::print("\n{}", output_lines(step.observed.output, full));
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (!step.after[task]) continue;
      const std::string lines = state_lines(*step.after[task], options.whole ? nullptr : step.origin(task), full);
      if (lines.empty()) continue;
      if (task != step.call.task) fmt::print("  t{}\n", task);
      fmt::print("{}", lines);
    }
    return true;
  });
}

}  // namespace

void add_show_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand("show", "Print a trace or a fuzzer's artifact with the model's states");
  command->add_option("file", options->file, "A trace, or an artifact of the fuzzer")->required();
  command->add_option("--profile", options->profile, "The rules to apply, if not the trace's own (6.12+userns)");
  command->add_flag("--whole", options->whole, "Print the whole state after each call, not the changes alone");
  command->footer("Example: capcheck show crash-0a1b2c --profile 6.12+userns");
  command->callback([options, &status] {
    show(*options);
    status = 0;
  });
}

}  // namespace capcheck
