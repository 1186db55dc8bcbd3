// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <fmt/format.h>

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

Differential& Kernels::of(const Profile& profile) {
  auto& slot = loaded_[to_string(profile)];
  if (!slot) slot = std::make_unique<Differential>(profile, only_.empty() ? kernel_file(profile) : only_);
  return *slot;
}

Replayed replay(const std::filesystem::path& file, const TraceText& trace, Differential& differential) {
  Replayed replayed{file, to_string(differential.profile()), differential.kernel().file().stem().string(), {}};
  const auto divergence = differential.run(trace.program);
  replayed.problem = unmet_expectations(file, trace, differential.model_trace(), "model");
  if (divergence) {
    replayed.problem += differential.explain(
        *divergence, trace.program,
        fmt::format("capcheck replay --kernel {} {}", differential.kernel().file().string(), file.string()));
  } else {
    replayed.problem += unmet_expectations(file, trace, differential.kernel_trace(), "kernel");
  }
  return replayed;
}

}  // namespace capcheck
