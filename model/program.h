// SPDX-License-Identifier: GPL-2.0-only
// Programs (who calls what, in which order) and traces (what came of it). The only things that travel between rooms.
#ifndef CAPCHECK_MODEL_PROGRAM_H_
#define CAPCHECK_MODEL_PROGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/guard.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck {

enum class Fault : std::uint8_t;

/// The longest program: enough to nest namespaces to the limit (three writes and a call a level) and to go on from
/// there.
inline constexpr std::size_t kMaxCalls = 192;

/// How many calls of a program may ask for a new user namespace: a world has room for no more. Enough for the deepest
/// nesting and a few beside it.
inline constexpr std::size_t kMaxNamespaceCalls = kMaxNamespaces - 1;

/// Calls in the order in which they are made. Every call is canonical, and there are no more than kMaxCalls and
/// kMaxNamespaceCalls. A call of a task that does not live is not made: it gives ESRCH and changes nothing.
struct Program {
  std::vector<Call<Concrete>> calls;

  bool operator==(const Program&) const = default;
};

/// Whether a call asks for a new user namespace.
bool asks_for_namespace(const Call<Concrete>& call);

/// Cuts a program off after `max_calls` calls, and before a call that asks for one namespace more than there is room
/// for.
void cut_to_bounds(Program& program, std::size_t max_calls = kMaxCalls);

/// What is seen of one call: its result, what it wrote, which tasks live after it, and the caller's state then (zeros
/// if it does not live).
struct Observation {
  std::uint64_t result = 0;  ///< the value, or the negated errno; ESRCH for a call whose caller does not live
  Output<Concrete> output{};
  std::uint64_t alive = 0;  ///< bit n for task n
  TaskState<Concrete> state{};
};

/// What is seen of a program. `initial` is the state of task 0 before the first call.
struct Trace {
  TaskState<Concrete> initial{};
  std::vector<Observation> observations;
  /// The states of the tasks other than the caller that live after each call: call by call, by number. Read with
  /// for_each_step().
  std::vector<TaskState<Concrete>> others;
  /// Of the model alone: the guard that failed at each call.
  std::vector<Guard> guards;
  /// Why the system under test could not finish the program; empty if it did. The call it names is the one after the
  /// last observation.
  std::string failure;
  /// Why the system did not run the program at all; empty if it did. Then nothing else here says anything.
  std::string refusal;
  /// Of a booted kernel alone: the masks of capabilities before the first call.
  Sysctls<Concrete> sysctls{};
};

/// Where a program begins on a machine that is as it is.
struct Start {
  TaskState<Concrete> state;  ///< of task 0, in the initial namespace
  Sysctls<Concrete> sysctls;
};

/// The states of tasks, by number; null for a task that does not live.
using States = std::array<const TaskState<Concrete>*, kMaxTasks>;

/// A call of a trace with the states around it.
struct TraceStep {
  std::size_t index;  ///< of the call
  const Call<Concrete>& call;
  const Observation& observed;
  States before, after;

  /// The state with which a task's state after the call compares: its own before; for a task just born, its creator's.
  const TaskState<Concrete>* origin(std::size_t task) const { return before[task] ? before[task] : before[call.task]; }
};

/// Calls f(TraceStep) for every observation of a trace, in order, for as long as f says true.
template <class F>
void for_each_step(const Program& program, const Trace& trace, F f) {
  States states{&trace.initial};
  const TaskState<Concrete>* other = trace.others.data();
  for (std::size_t i = 0; i < trace.observations.size(); ++i) {
    const Call<Concrete>& call = program.calls[i];
    const Observation& observed = trace.observations[i];
    TraceStep step{i, call, observed, states, {}};
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (!(observed.alive >> task & 1)) continue;
      step.after[task] = task == call.task ? &observed.state : other++;
    }
    if (!f(step)) return;
    states = step.after;
  }
}

/// Takes from a call what it cannot pass: see canonical(Role, …). Where a pointer is null, what it would point to is 0.
void canonicalise(Call<Concrete>& call);

/// Runs a program on the model.
Trace run_model(const Profile& profile, const Program& program);

/// As run_model, into a trace whose memory is used again.
void run_model(const Profile& profile, const Program& program, Trace& trace);

/// As run_model, from another start than the profile's initial state.
void run_model(const Profile& profile, const Start& start, const Program& program, Trace& trace);

/// As run_model, by the rules with a fault planted in them (or none).
Trace run_model(const Profile& profile, Fault fault, const Program& program);

/// The binary form that fuzzers mutate: for each call a byte for its kind, one for its task, and 8 bytes,
/// little-endian, for each argument.
std::vector<std::uint8_t> encode(const Program& program);

/// The inverse of encode. Total: every byte string is a program, cut to its bounds; a last call cut short has zeros for
/// what is missing.
void decode(std::span<const std::uint8_t> bytes, Program& program);
Program decode(std::span<const std::uint8_t> bytes);

}  // namespace capcheck

#endif
