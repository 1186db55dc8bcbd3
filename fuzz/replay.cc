// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "fuzz/rule_lines.h"
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

/// "divergence/PR_CAPBSET_DROP"
std::string rule_of_divergence(CallKind kind) {
  return fmt::format("divergence/{}", info(kind).name);
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
  Replayed replayed{file, to_string(differential.profile()), system.name(), {}, {}, false, 0, {}, 1};
  for (std::size_t i = 0; i < trace.program.calls.size() && replayed.refused.empty(); ++i) {
    const std::string refusal = system.refusal(trace.program.calls[i]);
    if (!refusal.empty()) replayed.refused = fmt::format("{}: {}", print_call(trace.program.calls[i]), refusal);
  }
  if (!replayed.refused.empty()) return replayed;
  const auto start = std::chrono::steady_clock::now();
  const auto divergence = differential.run(trace.program);
  replayed.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  replayed.refused = differential.refused();
  if (!replayed.refused.empty()) return replayed;
  replayed.expects =
      !system.begins_as_found() && std::ranges::find(trace.profiles, differential.profile()) != trace.profiles.end();
  if (replayed.expects) replayed.problem = unmet_expectations(file, trace, differential.model_trace(), "model");
  if (divergence) {
    if (divergence->kind != Divergence::Kind::initial_state && divergence->call < trace.program.calls.size()) {
      replayed.parts_at = trace.program.calls[divergence->call].kind;
      replayed.line = std::max<std::size_t>(trace.expectations[divergence->call].line, 1);
    }
    replayed.problem += differential.explain(
        *divergence, trace.program, fmt::format("capcheck replay {} {}", system.replay_options(), file.string()));
  } else if (replayed.expects) {
    replayed.problem += unmet_expectations(file, trace, differential.kernel_trace(), "kernel");
  }
  return replayed;
}

Checks checks_of(std::span<const Replayed> runs) {
  constexpr const char* kExpectations = "expectations";
  Checks checks{"replay"};
  checks.rules.push_back(
      {kExpectations, "What a trace expects is what model and kernel do.", "", {"model/TRACE.md", 1}});
  for (const CallInfo& call : kCalls) {
    checks.rules.push_back(
        {rule_of_divergence(call.kind),
         fmt::format("The model and the kernel agree about {}.", call.name),
         fmt::format("Result, errno, output and the complete state after {} are the same.", call.name),
         {"model/step.h", kRuleLines[static_cast<std::size_t>(call.kind)]}});
  }
  for (const Replayed& run : runs) {
    const CheckStatus status = !run.problem.empty()   ? CheckStatus::failed
                               : !run.refused.empty() ? CheckStatus::skipped
                                                      : CheckStatus::passed;
    checks.checks.push_back({run.kernel,
                             run.file.generic_string(),
                             run.parts_at ? rule_of_divergence(*run.parts_at) : kExpectations,
                             status,
                             run.problem.empty() ? run.refused : run.problem,
                             {run.file.generic_string(), static_cast<unsigned>(run.line)},
                             run.seconds});
  }
  return checks;
}

}  // namespace capcheck
