// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/differential.h"

#include <fmt/format.h>

#include <cstring>
#include <type_traits>

#include "model/trace_text.h"

namespace capcheck {
namespace {

static_assert(std::has_unique_object_representations_v<Observation>, "observations are compared as bytes");

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

Divergence::Kind first_difference(const Observation& model, const Observation& kernel) {
  if (model.result != kernel.result) return Divergence::Kind::result;
  return same(model.output, kernel.output) ? Divergence::Kind::state : Divergence::Kind::output;
}

std::string kind_in_words(const Divergence& divergence) {
  switch (divergence.kind) {
    case Divergence::Kind::initial_state:
      return "the initial state differs";
    case Divergence::Kind::result:
      return "the result differs";
    case Divergence::Kind::output:
      return "what the call wrote differs";
    case Divergence::Kind::state:
      return "the state after the call differs";
    case Divergence::Kind::invariant:
      return fmt::format("the kernel breaks {} ({}): {}", divergence.invariant->name, divergence.invariant->formula,
                         divergence.invariant->words);
    case Divergence::Kind::failure:
      return "the kernel did not finish the program";
  }
  __builtin_unreachable();
}

/// One line of the side-by-side table; lines that differ are marked.
std::string row(std::string_view name, const std::string& model, const std::string& kernel) {
  return fmt::format("{} {:<12} {:<20} {}\n", model == kernel ? ' ' : '*', name, model, kernel);
}

std::string set_row(std::string_view name, std::uint64_t model, std::uint64_t kernel, std::uint64_t full) {
  std::string text = row(name, fmt::format("{:016x}", model), fmt::format("{:016x}", kernel));
  if (const std::uint64_t extra = kernel & ~model) {
    text += fmt::format("{:15}only in the kernel: {}\n", "", describe_set(extra, full));
  }
  if (const std::uint64_t missing = model & ~kernel) {
    text += fmt::format("{:15}only in the model: {}\n", "", describe_set(missing, full));
  }
  return text;
}

std::string state_rows(const TaskState<Concrete>& model, const TaskState<Concrete>& kernel, std::uint64_t full) {
  std::string text;
  for (const StateField& field : state_fields()) {
    const std::uint64_t a = field.get(model), b = field.get(kernel);
    text +=
        field.is_set ? set_row(field.name, a, b, full) : row(field.name, print_field(field, a), print_field(field, b));
  }
  return text;
}

std::string observation_rows(const Observation& model, const Observation& kernel, bool has_output, std::uint64_t full) {
  std::string text = row("result", print_result(model.result), print_result(kernel.result));
  for (const OutputField& field : kOutputFields) {
    if (!has_output) break;
    const std::uint64_t a = model.output.*field.member, b = kernel.output.*field.member;
    text +=
        field.is_set ? set_row(field.name, a, b, full) : row(field.name, print_field(field, a), print_field(field, b));
  }
  return text + state_rows(model.state, kernel.state, full);
}

}  // namespace

std::optional<Divergence> find_divergence(const Oracles& oracles, const Program& program, const Trace& model,
                                          const Trace& kernel) {
  if (!same(model.initial, kernel.initial)) return Divergence{Divergence::Kind::initial_state, 0};
  const TaskState<Concrete>* before = &kernel.initial;
  for (std::size_t i = 0; i < kernel.observations.size(); ++i) {
    const Observation& observed = kernel.observations[i];
    const Call<Concrete>& call = program.calls[i];
    if (!same(model.observations[i], observed)) return Divergence{first_difference(model.observations[i], observed), i};
    const Step<Concrete> step{*before, call, observed.result, observed.state};
    if (const InvariantInfo* broken = oracles.broken(step)) {
      return Divergence{Divergence::Kind::invariant, i, broken};
    }
    before = &observed.state;
  }
  if (!kernel.failure.empty()) return Divergence{Divergence::Kind::failure, kernel.observations.size()};
  return std::nullopt;
}

std::optional<Divergence> Differential::run(const Program& program) {
  run_model(profile_, program, model_trace_);
  kernel_.run(program, kernel_trace_);
  return find_divergence(oracles_, program, model_trace_, kernel_trace_);
}

std::string Differential::explain(const Divergence& divergence, const Program& program, std::string_view replay) const {
  return capcheck::explain(divergence, profile_, program, model_trace_, kernel_trace_, kernel_.file().stem().string(),
                           replay);
}

std::string summarise(const Divergence& divergence) {
  switch (divergence.kind) {
    case Divergence::Kind::initial_state:
      return "initial state";
    case Divergence::Kind::result:
      return fmt::format("result of call {}", divergence.call + 1);
    case Divergence::Kind::output:
      return fmt::format("output of call {}", divergence.call + 1);
    case Divergence::Kind::state:
      return fmt::format("state after call {}", divergence.call + 1);
    case Divergence::Kind::invariant:
      return fmt::format("{} at call {}", divergence.invariant->name, divergence.call + 1);
    case Divergence::Kind::failure:
      return fmt::format("failure after {} calls", divergence.call);
  }
  __builtin_unreachable();
}

std::string explain(const Divergence& divergence, const Profile& profile, const Program& program, const Trace& model,
                    const Trace& kernel, std::string_view kernel_name, std::string_view replay) {
  const std::uint64_t full = profile.full_set();
  const bool at_call = divergence.kind != Divergence::Kind::initial_state && divergence.call < program.calls.size();
  std::string text = fmt::format("DIVERGENCE {}: {}\n", summarise(divergence), kind_in_words(divergence));
  if (!kernel.failure.empty()) text += fmt::format("kernel: {}\n", kernel.failure);
  text += '\n';
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    text += fmt::format("{} {} = {}\n", at_call && i == divergence.call ? '>' : ' ', print_call(program.calls[i]),
                        print_result(model.observations[i].result));
  }
  text += fmt::format("\n  {:<12} {:<20} kernel {}\n", "", "model " + to_string(profile), kernel_name);
  if (divergence.kind == Divergence::Kind::initial_state) {
    text += state_rows(model.initial, kernel.initial, full);
  } else if (at_call && divergence.call < kernel.observations.size()) {
    const bool has_output = info(program.calls[divergence.call].kind).form == Form::capability_header;
    text +=
        observation_rows(model.observations[divergence.call], kernel.observations[divergence.call], has_output, full);
  }
  return text + fmt::format("\nreplay: {}\n", replay);
}

}  // namespace capcheck
