// SPDX-License-Identifier: GPL-2.0-only
// Programs (who calls what, in which order) and traces (what came of it). The only things that travel between rooms.
#ifndef CAPCHECK_MODEL_PROGRAM_H_
#define CAPCHECK_MODEL_PROGRAM_H_

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

/// The longest program: enough to nest namespaces to the limit (three writes and a call a level) and to go on from
/// there.
inline constexpr std::size_t kMaxCalls = 192;

/// Calls in the order in which they are made, by tasks that exist. Every call is canonical.
struct Program {
  std::vector<Call<Concrete>> calls;

  bool operator==(const Program&) const = default;
};

/// What is seen of one call: its result, what it wrote, and the caller's state after it.
struct Observation {
  std::uint64_t result = 0;  ///< the value, or the negated errno
  Output<Concrete> output{};
  TaskState<Concrete> state{};
};

/// What is seen of a program. `initial` is the caller's state before the first call.
struct Trace {
  TaskState<Concrete> initial{};
  std::vector<Observation> observations;
  /// Of the model alone: the guard that failed at each call.
  std::vector<Guard> guards;
  /// Why the system under test could not finish the program; empty if it did. The call it names is the one after the
  /// last observation.
  std::string failure;
};

/// Takes from a call what it cannot pass: see canonical(Role, …). Where a pointer is null, what it would point to is 0.
void canonicalise(Call<Concrete>& call);

/// Runs a program on the model.
Trace run_model(const Profile& profile, const Program& program);

/// As run_model, into a trace whose memory is used again.
void run_model(const Profile& profile, const Program& program, Trace& trace);

/// The binary form that fuzzers mutate: for each call a byte for its kind, one for its task, and 8 bytes,
/// little-endian, for each argument.
std::vector<std::uint8_t> encode(const Program& program);

/// The inverse of encode. Total: every byte string is a program of at most kMaxCalls calls; a last call cut short has
/// zeros for what is missing.
void decode(std::span<const std::uint8_t> bytes, Program& program);
Program decode(std::span<const std::uint8_t> bytes);

}  // namespace capcheck

#endif
