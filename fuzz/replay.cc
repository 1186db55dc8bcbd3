// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "fuzz/rule_lines.h"
#include "fuzz/signature.h"
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

/// What is wrong with a known divergence: it is not seen, or another is, or it is back.
std::string unmet_knowledge(const KnownDivergence& known, const Program& program, const std::string& file,
                            const std::optional<Divergence>& divergence, const Differential& differential) {
  const std::string shown = divergence ? signature_of(*divergence, program, differential) : "";
  const std::string& kernel = differential.system().name();
  if (known.state == KnownDivergence::State::fixed) {
    return divergence ? fmt::format("{}: {} is fixed, but {} diverges: {}\n", file, known.signature, kernel, shown)
                      : "";
  }
  if (shown == known.signature) return "";
  const std::string instead = divergence ? fmt::format("what it shows is {}", shown) : "model and kernel agree";
  return fmt::format(
      "{}: {} no longer shows {}: {}; find out why, then say 'state fixed' in the file or make it anew\n", file, kernel,
      known.signature, instead);
}

/// Why a system is not asked about a known divergence; empty if it is.
std::string not_of_known(const KnownDivergence& known, const Profile& profile, const System& system) {
  const std::string kernel = known.kernel.empty() ? to_string(profile) : known.kernel;
  return system.makes_all() && system.name() == kernel ? ""
                                                       : fmt::format("a known divergence of {} in process", kernel);
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

Differential& Kernels::of(const Profile& profile, const std::string& name) {
  auto& slot = loaded_[name];
  if (!slot) slot = std::make_unique<Differential>(profile, kernel_directory() / (name + ".so"));
  return *slot;
}

Replayed replay(const std::filesystem::path& file, const TraceText& trace, Differential& differential) {
  const System& system = differential.system();
  Replayed replayed{.file = file, .profile = to_string(differential.profile()), .kernel = system.name()};
  if (trace.known) replayed.refused = not_of_known(*trace.known, differential.profile(), system);
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
  if (trace.known) {
    const std::string unmet = unmet_knowledge(*trace.known, trace.program, file.string(), divergence, differential);
    if (divergence && unmet.empty()) return replayed;
    replayed.problem += unmet;
  }
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
