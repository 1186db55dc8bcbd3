// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/divergence_explanation.h"

#include <fmt/format.h>

#include <optional>

#include "model/explanation.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

template <class T>
bool same_words(T a, T b) {
  const auto words_a = words_of(a), words_b = words_of(b);
  for (std::size_t i = 0; i < words_a.size(); ++i) {
    if (*words_a[i] != *words_b[i]) return false;
  }
  return true;
}

/// A trace names the sysctls only of a kernel that was booted.
bool known(Sysctls<Concrete> sysctls) {
  return !same_words(sysctls, Sysctls<Concrete>{});
}

ExplainedRun begin_run(const Profile& profile, const Trace& model, const Sysctls<Concrete>& sysctls) {
  const ExplainedRun usual(profile);
  const Task<Concrete>& task = usual.world().tasks[0];
  const bool is_usual = same_words(task.cred, model.initial.cred) && task.dumpable == model.initial.dumpable;
  if (is_usual && !known(sysctls)) return usual;
  return ExplainedRun(profile, {model.initial, known(sysctls) ? sysctls : usual.world().sysctls});
}

/// A call of a program with how it came to what it left; nothing if the trace began elsewhere.
std::optional<ExplainedCall> explain_call(const Profile& profile, const Program& program, const Trace& model,
                                          const Sysctls<Concrete>& sysctls, std::size_t index) {
  ExplainedRun run = begin_run(profile, model, sysctls);
  ExplainedCall call;
  for (std::size_t i = 0; i <= index; ++i) {
    call = run.step(program.calls[i]);
    if (call.made && call.reply.result.value() != model.observations.at(i).result) return std::nullopt;
  }
  return call;
}

/// The first field of a state that differs, the caller's first.
std::vector<std::string> explain_state(const Profile& profile, const ExplainedCall& call, const States& model,
                                       const States& kernel) {
  for (std::size_t i = 0; i < kMaxTasks; ++i) {
    const std::size_t task = (call.call.task + i) % kMaxTasks;
    if (!model.at(task) != !kernel.at(task)) {
      return {fmt::format("t{} {} by the model", task, model.at(task) ? "lives" : "does not live")};
    }
    if (!model.at(task)) continue;
    for (std::size_t field = 0; field < state_fields().size(); ++field) {
      const std::uint64_t value = state_fields()[field].get(*kernel.at(task));
      if (state_fields()[field].get(*model.at(task)) != value) return explain_field(profile, call, task, field, value);
    }
  }
  return {};
}

std::vector<std::string> explain_written(const Profile& profile, const ExplainedCall& call,
                                         const Output<Concrete>& model, const Output<Concrete>& kernel) {
  for (std::size_t output = 0; output < kOutputFields.size(); ++output) {
    const std::uint64_t value = kernel.*kOutputFields.at(output).member;
    if (model.*kOutputFields.at(output).member != value) return explain_output(profile, call, output, value);
  }
  return {};
}

}  // namespace

std::vector<std::string> explain_term(const Divergence& divergence, const Profile& profile, const Program& program,
                                      const Trace& model, const Trace& kernel) {
  using Kind = Divergence::Kind;
  if (divergence.kind == Kind::initial_state || divergence.kind == Kind::failure) return {};
  const auto explained = explain_call(profile, program, model, kernel.sysctls, divergence.call);
  if (!explained) return {"not known: the program began elsewhere than its traces say"};
  const ExplainedCall& call = *explained;
  const Observation &expected = model.observations.at(divergence.call), &seen = kernel.observations.at(divergence.call);
  if (divergence.kind == Kind::result) return explain_result(profile, call, seen.result);
  if (divergence.kind == Kind::output) return explain_written(profile, call, expected.output, seen.output);
  if (divergence.kind == Kind::invariant) return lines_of(explain(profile, call));
  return explain_state(profile, call, states_after(program, model, divergence.call),
                       states_after(program, kernel, divergence.call));
}

}  // namespace capcheck
