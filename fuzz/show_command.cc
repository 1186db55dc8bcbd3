// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/show_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/differential.h"
#include "fuzz/divergence_explanation.h"
#include "fuzz/sut/in_process_kernel.h"
#include "fuzz/trace_page.h"
#include "model/constants.h"
#include "model/explanation.h"
#include "model/program.h"

namespace capcheck {
namespace {

struct ShowOptions {
  std::filesystem::path file;
  std::string profile;
  bool whole = false, explain = false;
  std::filesystem::path kernel;
  std::optional<std::string> page;  ///< where it goes; empty: to standard output
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

/// Which kernel in this process to compare with; empty if none. That of a known divergence is there once
/// scripts/faults has built it.
std::filesystem::path kernel_of(const ShowOptions& options, const TraceText& trace) {
  if (!options.kernel.empty() || !trace.known || trace.known->kernel.empty()) return options.kernel;
  const std::filesystem::path known = kernel_directory() / (trace.known->kernel + ".so");
  return std::filesystem::exists(known) ? known : std::filesystem::path{};
}

/// Where a kernel parts from the model; nothing if it does not.
std::optional<ShownDivergence> compare(const std::filesystem::path& kernel, const Profile& profile,
                                       const Program& program) {
  Differential differential(profile, kernel);
  const auto divergence = differential.run(program);
  if (!differential.refused().empty())
    throw std::runtime_error(fmt::format("{}: {}", kernel.string(), differential.refused()));
  if (!divergence) return std::nullopt;
  const bool at_call = divergence->kind != Divergence::Kind::initial_state && divergence->call < program.calls.size();
  return ShownDivergence{
      differential.system().name(), summarise(*divergence), at_call ? std::optional(divergence->call) : std::nullopt,
      explain_term(*divergence, profile, program, differential.model_trace(), differential.kernel_trace())};
}

ShownTrace shown_trace(const ShowOptions& options) {
  const Profile fallback = parse_profile(options.profile.empty() ? "6.12+userns" : options.profile);
  const TraceText trace = load_trace(options.file, fallback);
  ShownTrace shown{.name = options.file.filename().string(),
                   .intent = trace.intent,
                   .profile = options.profile.empty() ? trace.profiles.front() : fallback,
                   .program = trace.program,
                   .seen = {},
                   .explanations = {},
                   .namespaces = {},
                   .divergence = {}};
  shown.seen = run_model(shown.profile, shown.program);
  ExplainedRun run(shown.profile);
  for (const Call<Concrete>& call : shown.program.calls) {
    shown.explanations.push_back(explain(shown.profile, run.step(call)));
  }
  const World<Concrete>& world = run.world();
  shown.namespaces.assign(world.namespaces.begin(),
                          world.namespaces.begin() + static_cast<std::ptrdiff_t>(world.namespace_count));
  const std::filesystem::path kernel = kernel_of(options, trace);
  if (!kernel.empty()) shown.divergence = compare(kernel, shown.profile, shown.program);
  return shown;
}

/// What a call did to each task, and what it wrote.
void print_step(const ShownTrace& trace, const ShowOptions& options, const TraceStep& step) {
  const std::uint64_t full = trace.profile.full_set();
  const GuardInfo& guard = info(trace.seen.guards[step.index]);
  fmt::print("{} = {}", print_call(step.call), print_result(step.call, step.observed.result));
  if (guard.guard != Guard::none && !options.explain) fmt::print("  # {} asks: {}", guard.function, guard.name);
  fmt::print("\n{}", output_lines(step.observed.output, full));
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (!step.after[task]) continue;
    const std::string lines = state_lines(*step.after[task], options.whole ? nullptr : step.origin(task), full);
    if (lines.empty()) continue;
    if (task != step.call.task) fmt::print("  t{}\n", task);
    fmt::print("{}", lines);
  }
  if (!options.explain) return;
  for (const std::string& line : lines_of(trace.explanations[step.index])) fmt::print("    # {}\n", line);
}

void print_divergence(const ShownDivergence& divergence) {
  fmt::print("  PARTS: kernel {}, {}\n", divergence.kernel, divergence.summary);
  for (const std::string& line : divergence.lines) fmt::print("    # {}\n", line);
}

void print(const ShownTrace& trace, const ShowOptions& options) {
  for (std::size_t start = 0; start < trace.intent.size();) {
    const std::size_t end = std::min(trace.intent.find('\n', start), trace.intent.size());
    fmt::print("# {}\n", trace.intent.substr(start, end - start));
    start = end + 1;
  }
  fmt::print("profile {}\n\nt0 starts with\n{}\n", to_string(trace.profile),
             state_lines(trace.seen.initial, nullptr, trace.profile.full_set()));
  if (trace.divergence && !trace.divergence->call) print_divergence(*trace.divergence);
  for_each_step(trace.program, trace.seen, [&](const TraceStep& step) {
    print_step(trace, options, step);
    if (trace.divergence && trace.divergence->call == step.index) print_divergence(*trace.divergence);
    return true;
  });
}

/// A page may take a page's place, and no other file's: a trace that is named in the wrong order would be lost.
void write_page(const std::filesystem::path& file, const std::string& page) {
  if (std::filesystem::exists(file)) {
    std::string beginning(15, '\0');
    std::ifstream(file, std::ios::binary).read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    if (beginning != page.substr(0, beginning.size())) {
      throw std::runtime_error(
          fmt::format("{}: is there and is no page; name another file, or remove it", file.string()));
    }
  }
  write_file(file, page);
}

void show(const ShowOptions& options) {
  const ShownTrace trace = shown_trace(options);
  if (!options.page) {
    print(trace, options);
  } else if (options.page->empty()) {
    fmt::print("{}\n", html_of(trace));
  } else {
    write_page(*options.page, html_of(trace));
  }
}

}  // namespace

void add_show_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand("show", "Print a trace or a fuzzer's artifact with the model's states");
  command->add_option("file", options->file, "A trace, or an artifact of the fuzzer")->required();
  command->add_option("--profile", options->profile, "The rules to apply, if not the trace's own (6.12+userns)");
  command->add_flag("--whole", options->whole, "Print the whole state after each call, not the changes alone");
  command->add_flag("--explain", options->explain,
                    "After each call the rule that made it so: the formula of what changed, the test that failed");
  auto page = std::make_shared<std::string>();
  CLI::Option* html =
      command->add_option("--html", *page, "A page to look at instead, into this file or to standard output")
          ->expected(0, 1);
  command->add_option(
      "--kernel", options->kernel,
      "A kernel in process (its file) to compare with: where it parts from the model, and which term differs");
  command->footer("Example: capcheck show crash-0a1b2c --profile 6.12+userns --explain");
  command->callback([options, page, html, &status] {
    if (html->count() != 0) options->page = *page;
    show(*options);
    status = 0;
  });
}

}  // namespace capcheck
