// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "model/trace_text.h"

namespace capcheck {
namespace {

/// The name of the first field of a state that differs; "alive" if none does.
std::string_view differing_field(const TaskState<Concrete>& model, const TaskState<Concrete>& kernel) {
  const auto found = std::ranges::find_if(
      state_fields(), [&](const StateField& field) { return field.get(model) != field.get(kernel); });
  return found == state_fields().end() ? "alive" : found->name;
}

std::string_view differing_output(const Output<Concrete>& model, const Output<Concrete>& kernel) {
  const auto found = std::ranges::find_if(
      kOutputFields, [&](const OutputField& field) { return model.*field.member != kernel.*field.member; });
  return found == kOutputFields.end() ? "none" : found->name;
}

/// "success", or the errno's name.
std::string outcome(std::uint64_t result) {
  const std::string printed = print_result(result);
  return printed.starts_with("-1 ") ? printed.substr(3) : "success";
}

/// "CapEff", or "other.CapEff" of a task that did not call.
std::string differing_state(const Program& program, const Trace& model, const Trace& kernel, std::size_t call) {
  const States expected = states_after(program, model, call), seen = states_after(program, kernel, call);
  const std::size_t caller = program.calls[call].task;
  for (std::size_t i = 0; i < kMaxTasks; ++i) {
    const std::size_t task = (caller + i) % kMaxTasks;
    const std::string_view whose = i == 0 ? "" : "other.";
    if (!expected[task] != !seen[task]) return fmt::format("{}alive", whose);
    if (!expected[task]) continue;
    const std::string_view field = differing_field(*expected[task], *seen[task]);
    if (field != "alive") return fmt::format("{}{}", whose, field);
  }
  return "alive";
}

std::string what_differs(const Divergence& divergence, const Program& program, const Trace& model,
                         const Trace& kernel) {
  const std::size_t call = divergence.call;
  switch (divergence.kind) {
    case Divergence::Kind::initial_state:
      return fmt::format("start.{}", differing_field(model.initial, kernel.initial));
    case Divergence::Kind::result:
      return fmt::format("result.{}-{}", outcome(model.observations[call].result),
                         outcome(kernel.observations[call].result));
    case Divergence::Kind::output:
      return fmt::format("output.{}",
                         differing_output(model.observations[call].output, kernel.observations[call].output));
    case Divergence::Kind::state:
      return fmt::format("state.{}", differing_state(program, model, kernel, call));
    case Divergence::Kind::invariant:
      return fmt::format("invariant.{}", divergence.invariant->name);
    case Divergence::Kind::failure:
      return "failure";
  }
  __builtin_unreachable();
}

}  // namespace

std::string signature_of(const Divergence& divergence, const Program& program, const Trace& model,
                         const Trace& kernel) {
  std::string text;
  const bool at_call = divergence.kind != Divergence::Kind::initial_state && divergence.call < program.calls.size();
  if (at_call) text = fmt::format("{}.", info(program.calls[divergence.call].kind).name);
  text += what_differs(divergence, program, model, kernel);
  if (at_call && model.guards[divergence.call] != Guard::none) {
    text += fmt::format(".{}", info(model.guards[divergence.call]).name);
  }
  std::ranges::replace_if(
      text, [](unsigned char letter) { return !std::isalnum(letter) && letter != '.' && letter != '_'; }, '-');
  return text;
}

std::string signature_of(const Divergence& divergence, const Program& program, const Differential& differential) {
  return signature_of(divergence, program, differential.model_trace(), differential.kernel_trace());
}

}  // namespace capcheck
