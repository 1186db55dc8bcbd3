// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <fmt/format.h>

#include "fuzz/sut/in_process_kernel.h"

namespace capcheck {
namespace {

std::string unmet_expectations(const std::filesystem::path& file, const TraceText& trace, const Trace& seen,
                               std::string_view whose) {
  std::string text;
  for_each_step(trace.program, seen, [&](const TraceStep& step) {
    const Expectation& expectation = trace.expectations[step.index];
    for (const std::string& line : unmet(expectation, step)) {
      text += fmt::format("{}:{}: {}: {}: {}\n", file.string(), expectation.line, whose, print_call(step.call), line);
    }
    return true;
  });
  return text;
}

}  // namespace

Kernels::Kernels(std::filesystem::path only)
    : source_([only = std::move(only)](const Profile& profile) {
        return std::make_unique<InProcessKernel>(only.empty() ? kernel_file(profile) : only, profile);
      }) {}

Differential& Kernels::of(const Profile& profile) {
  auto& slot = loaded_[to_string(profile)];
  if (!slot) slot = std::make_unique<Differential>(profile, source_(profile));
  return *slot;
}

Replayed replay(const std::filesystem::path& file, const TraceText& trace, Differential& differential) {
  const System& system = differential.system();
  Replayed replayed{file, to_string(differential.profile()), system.name(), {}, {}, false};
  for (std::size_t i = 0; i < trace.program.calls.size() && replayed.refused.empty(); ++i) {
    const std::string refusal = system.refusal(trace.program.calls[i]);
    if (!refusal.empty()) replayed.refused = fmt::format("{}: {}", print_call(trace.program.calls[i]), refusal);
  }
  if (!replayed.refused.empty()) return replayed;
  const auto divergence = differential.run(trace.program);
  replayed.refused = differential.refused();
  if (!replayed.refused.empty()) return replayed;
  replayed.expects =
      !system.begins_as_found() && std::ranges::find(trace.profiles, differential.profile()) != trace.profiles.end();
  if (replayed.expects) replayed.problem = unmet_expectations(file, trace, differential.model_trace(), "model");
  if (divergence) {
    replayed.problem += differential.explain(
        *divergence, trace.program, fmt::format("capcheck replay {} {}", system.replay_options(), file.string()));
  } else if (replayed.expects) {
    replayed.problem += unmet_expectations(file, trace, differential.kernel_trace(), "kernel");
  }
  return replayed;
}

}  // namespace capcheck
