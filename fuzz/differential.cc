// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/differential.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "fuzz/divergence_explanation.h"
#include "fuzz/sut/in_process_kernel.h"
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

/// The states of all tasks that live on either side; those of other tasks than the caller only where they differ.
std::string task_rows(const States& model, const States& kernel, std::size_t caller, std::uint64_t full) {
  std::string text;
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    const auto lives = [](const TaskState<Concrete>* state) { return std::string(state ? "lives" : "does not live"); };
    if (!model[task] || !kernel[task]) {
      if (model[task] != kernel[task]) text += row(fmt::format("t{}", task), lives(model[task]), lives(kernel[task]));
    } else if (task == caller) {
      text += state_rows(*model[task], *kernel[task], full);
    } else if (!same(*model[task], *kernel[task])) {
      text += fmt::format("  t{}\n{}", task, state_rows(*model[task], *kernel[task], full));
    }
  }
  return text;
}

std::string observation_rows(const Call<Concrete>& call, const Observation& model, const Observation& kernel,
                             std::uint64_t full) {
  std::string text = row("result", print_result(call, model.result), print_result(call, kernel.result));
  for (const OutputField& field : kOutputFields) {
    const std::uint64_t a = model.output.*field.member, b = kernel.output.*field.member;
    if ((a | b) == 0) continue;
    text +=
        field.is_set ? set_row(field.name, a, b, full) : row(field.name, print_field(field, a), print_field(field, b));
  }
  return text;
}

/// The first invariant that a step breaks in a task just born; null if none.
const InvariantInfo* broken_at_birth(const Oracles& oracles, const TraceStep& step) {
  const std::uint64_t result = step.observed.result;
  if (!gives_birth(step.call.kind) || static_cast<std::int64_t>(result) < 0) return nullptr;
  const Whose whose = step.call.kind == CallKind::clone ? Whose::child : Whose::helper;
  return oracles.broken({*step.before[step.call.task], step.call, result, *step.after[result - kFirstThreadId], whose});
}

/// The first invariant that a step of the kernel breaks, of the caller or of a task just born; null if none.
const InvariantInfo* broken(const Oracles& oracles, const TraceStep& step) {
  const TaskState<Concrete>*before = step.before[step.call.task], *after = step.after[step.call.task];
  if (!before) return nullptr;
  if (after) {
    if (const InvariantInfo* found = oracles.broken({*before, step.call, step.observed.result, *after})) return found;
  }
  return broken_at_birth(oracles, step);
}

/// The first observation, or state of another task, in which the kernel differs.
std::optional<Divergence> find_difference(const Program& program, const Trace& model, const Trace& kernel) {
  const TaskState<Concrete>*model_other = model.others.data(), *kernel_other = kernel.others.data();
  for (std::size_t i = 0; i < kernel.observations.size(); ++i) {
    const Observation& observed = kernel.observations[i];
    if (!same(model.observations[i], observed)) return Divergence{first_difference(model.observations[i], observed), i};
    const std::uint64_t own = std::uint64_t{1} << program.calls[i].task;
    for (std::uint64_t others = observed.alive & ~own; others != 0; others &= others - 1) {
      if (!same(*model_other++, *kernel_other++)) return Divergence{Divergence::Kind::state, i};
    }
  }
  return std::nullopt;
}

/// The first invariant that the kernel's states break in one of the first `calls` calls.
std::optional<Divergence> find_broken(const Oracles& oracles, const Program& program, const Trace& kernel,
                                      std::size_t calls) {
  std::optional<Divergence> found;
  for_each_step(program, kernel, [&](const TraceStep& step) {
    if (step.index == calls) return false;
    if (const InvariantInfo* invariant = broken(oracles, step)) {
      found = Divergence{Divergence::Kind::invariant, step.index, invariant};
    }
    return !found;
  });
  return found;
}

/// The same of a trace in which only task 0 ever lived: most are, so this need not look for others.
std::optional<Divergence> find_broken_alone(const Oracles& oracles, const Program& program, const Trace& kernel,
                                            std::size_t calls) {
  const TaskState<Concrete>* before = &kernel.initial;
  for (std::size_t i = 0; i < calls; ++i) {
    const Observation& observed = kernel.observations[i];
    if (program.calls[i].task != 0) continue;
    if (!(observed.alive & 1)) return std::nullopt;
    if (const InvariantInfo* invariant = oracles.broken({*before, program.calls[i], observed.result, observed.state})) {
      return Divergence{Divergence::Kind::invariant, i, invariant};
    }
    before = &observed.state;
  }
  return std::nullopt;
}

/// Where a system began the program of a trace; none on one that begins in the profile's initial state.
std::optional<Start> start_of(const System& system, const Trace& kernel) {
  if (!system.begins_as_found()) return std::nullopt;
  return Start{kernel.initial, kernel.sysctls};
}

bool same_start(const std::optional<Start>& a, const std::optional<Start>& b) {
  return a.has_value() == b.has_value() && (!a || (same(a->state, b->state) && same(a->sysctls, b->sysctls)));
}

bool only_task_0_lived(const Trace& trace) {
  return std::ranges::all_of(trace.observations, [](const Observation& observed) { return observed.alive <= 1; });
}

}  // namespace

std::optional<Divergence> find_divergence(const Program& program, const Trace& model, const Trace& kernel) {
  if (kernel.observations.empty() && !kernel.failure.empty()) return Divergence{Divergence::Kind::failure, 0};
  if (!same(model.initial, kernel.initial)) return Divergence{Divergence::Kind::initial_state, 0};
  if (const auto difference = find_difference(program, model, kernel)) return difference;
  if (!kernel.failure.empty()) return Divergence{Divergence::Kind::failure, kernel.observations.size()};
  return std::nullopt;
}

std::optional<Divergence> find_divergence(const Oracles& oracles, const Program& program, const Trace& model,
                                          const Trace& kernel) {
  const auto parted = find_divergence(program, model, kernel);
  const std::size_t calls = parted ? parted->call : kernel.observations.size();
  const auto broken = only_task_0_lived(kernel) ? find_broken_alone(oracles, program, kernel, calls)
                                                : find_broken(oracles, program, kernel, calls);
  return broken ? broken : parted;
}

Differential::Differential(const Profile& profile, std::filesystem::path kernel_file)
    : Differential(profile, std::make_unique<InProcessKernel>(std::move(kernel_file), profile)) {}

void Differential::run_model_from(const std::optional<Start>& start, const Program& program) {
  if (start) {
    run_model(profile_, *start, program, model_trace_);
  } else {
    run_model(profile_, program, model_trace_);
  }
}

std::optional<Divergence> Differential::compare(const Program& program) {
  if (!kernel_trace_.refusal.empty()) return std::nullopt;
  return find_divergence(oracles_, program, model_trace_, kernel_trace_);
}

std::optional<Divergence> Differential::run(const Program& program) {
  system_->run(program, kernel_trace_);
  run_model_from(start_of(*system_, kernel_trace_), program);
  return compare(program);
}

/// Compares with what the model did when the program was handed in. The model runs it again only if the system began
/// it elsewhere than was expected.
std::optional<Divergence> Differential::compare_expected(const Program& program, const Trace& kernel) {
  kernel_trace_ = kernel;
  const Expected expected = std::move(expected_.front());
  expected_.pop_front();
  model_trace_ = expected.trace;
  if (!kernel.refusal.empty()) return std::nullopt;
  const std::optional<Start> start = start_of(*system_, kernel);
  if (!same_start(start, expected.start)) run_model_from(start, program);
  if (kernel.failure.empty()) start_ = start;
  return compare(program);
}

void Differential::submit(const Program& program, const Receiver& receiver) {
  run_model_from(start_, program);
  model_of_submitted_ = model_trace_;
  expected_.push_back({start_, model_trace_});
  system_->submit(program, [&](const Program& done, const Trace& trace) {
    const auto divergence = compare_expected(done, trace);
    receiver(done, divergence);
  });
}

void Differential::finish(const Receiver& receiver) {
  system_->finish([&](const Program& done, const Trace& trace) {
    const auto divergence = compare_expected(done, trace);
    receiver(done, divergence);
  });
}

std::string Differential::explain(const Divergence& divergence, const Program& program, std::string_view replay) const {
  return capcheck::explain(divergence, profile_, program, model_trace_, kernel_trace_, system_->name(), replay);
}

std::string side_by_side(const Call<Concrete>& call, const Observation& model, const Observation& kernel,
                         std::uint64_t full_set) {
  return observation_rows(call, model, kernel, full_set) + state_rows(model.state, kernel.state, full_set);
}

States states_after(const Program& program, const Trace& trace, std::size_t index) {
  States states{};
  for_each_step(program, trace, [&](const TraceStep& step) {
    states = step.after;
    return step.index < index;
  });
  return states;
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
                        print_result(program.calls[i], model.observations[i].result));
  }
  text += fmt::format("\n  {:<12} {:<20} kernel {}\n", "", "model " + to_string(profile), kernel_name);
  if (divergence.kind == Divergence::Kind::initial_state) {
    text += state_rows(model.initial, kernel.initial, full);
  } else if (at_call && divergence.call < kernel.observations.size()) {
    const std::size_t call = divergence.call;
    text += observation_rows(program.calls[call], model.observations[call], kernel.observations[call], full);
    text += task_rows(states_after(program, model, call), states_after(program, kernel, call), program.calls[call].task,
                      full);
  }
  const auto lines = explain_term(divergence, profile, program, model, kernel);
  if (!lines.empty()) text += fmt::format("\nwhy: {}\n", fmt::join(lines, "\n     "));
  return text + fmt::format("\nreplay: {}\n", replay);
}

}  // namespace capcheck
