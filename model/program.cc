// SPDX-License-Identifier: GPL-2.0-only
#include "model/program.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "model/faults.h"
#include "model/start.h"

namespace capcheck {

static_assert(std::endian::native == std::endian::little, "the binary form is read and written as memory");

void canonicalise(Call<Concrete>& call) {
  const CallInfo& call_info = info(call.kind);
  for (std::size_t i = 0; i < kMaxArguments; ++i) {
    call.args[i] = i < call_info.argument_count ? canonical<Concrete>(call_info.roles[i], call.args[i]) : 0;
  }
  if (call.kind == CallKind::execve) call.args = canonical_executable<Concrete>(call.args);
  if (call_info.form != Form::capability_header) return;
  if (call.args[2] & kHeaderNull) call.args[0] = call.args[1] = 0;
  if (call.args[2] & kDataNull) call.args[3] = call.args[4] = call.args[5] = 0;
}

namespace {

/// Makes a call on the model, by step(world, call), and notes what is seen of it. `alive` are the tasks that live.
template <class Step>
Guard make_call(World<Concrete>& world, const Call<Concrete>& call, std::uint64_t& alive, Trace& trace,
                Observation& observation, Step step) {
  Guard guard = Guard::caller_exists;
  if (alive >> call.task & 1) {
    const Reply<Concrete> reply = step(world, call);
    guard = failed_guard(reply.code);
    observation.result = reply.result;
    observation.output = reply.output;
  } else {
    observation.result = 0 - std::uint64_t{ESRCH};
    observation.output = {};
  }
  if (changes_tasks(call.kind)) alive = alive_tasks(world);
  observation.alive = alive;
  const std::uint64_t own = std::uint64_t{1} << call.task;
  if (alive & own) {
    std::construct_at(&observation.state, observe(world, call.task));  // in place: it is large
  } else {
    observation.state = {};
  }
  for (std::uint64_t rest = alive & ~own; rest != 0; rest &= rest - 1) {
    trace.others.push_back(observe(world, static_cast<std::size_t>(std::countr_zero(rest))));
  }
  return guard;
}

/// Runs a program on the model, in a world that has begun.
template <class Step>
void run(World<Concrete>& world, const Program& program, Trace& trace, Step step) {
  trace.failure.clear();
  trace.refusal.clear();
  trace.initial = observe(world, 0);
  trace.others.clear();
  trace.observations.resize(program.calls.size());
  trace.guards.resize(program.calls.size());
  std::uint64_t alive = alive_tasks(world);
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    trace.guards[i] = make_call(world, program.calls[i], alive, trace, trace.observations[i], step);
  }
}

}  // namespace

bool asks_for_namespace(const Call<Concrete>& call) {
  return (call.kind == CallKind::unshare || call.kind == CallKind::clone) && (call.args[0] & CLONE_NEWUSER) != 0;
}

void cut_to_bounds(Program& program, std::size_t max_calls) {
  std::size_t room = kMaxNamespaceCalls, length = 0;
  for (; length < std::min(program.calls.size(), max_calls); ++length) {
    if (asks_for_namespace(program.calls[length]) && room-- == 0) break;
  }
  program.calls.resize(length);
}

void run_model(const Profile& profile, const Program& program, Trace& trace) {
  World<Concrete> world;
  begin(world, profile);
  run(world, program, trace,
      [&](World<Concrete>& now, const Call<Concrete>& call) { return step(profile, now, call); });
}

void begin(World<Concrete>& world, const Profile& profile, const Start& start) {
  begin(world, profile);
  world.tasks[0].cred = start.state.cred;
  world.tasks[0].session_uid = start.state.cred.uid;
  world.tasks[0].dumpable = start.state.dumpable;
  world.sysctls = start.sysctls;
}

void run_model(const Profile& profile, const Start& start, const Program& program, Trace& trace) {
  World<Concrete> world;
  begin(world, profile, start);
  run(world, program, trace,
      [&](World<Concrete>& now, const Call<Concrete>& call) { return step(profile, now, call); });
}

Trace run_model(const Profile& profile, const Program& program) {
  Trace trace;
  run_model(profile, program, trace);
  return trace;
}

Trace run_model(const Profile& profile, Fault fault, const Program& program) {
  Trace trace;
  World<Concrete> world;
  begin(world, profile);
  run(world, program, trace,
      [&](World<Concrete>& now, const Call<Concrete>& call) { return faulty_step(profile, fault, now, call); });
  return trace;
}

std::vector<std::uint8_t> encode(const Program& program) {
  std::vector<std::uint8_t> bytes;
  for (const Call<Concrete>& call : program.calls) {
    bytes.push_back(static_cast<std::uint8_t>(call.kind));
    bytes.push_back(call.task);
    const auto* args = reinterpret_cast<const std::uint8_t*>(call.args.data());
    bytes.insert(bytes.end(), args, args + info(call.kind).argument_count * sizeof(std::uint64_t));
  }
  return bytes;
}

void decode(std::span<const std::uint8_t> bytes, Program& program) {
  program.calls.clear();
  while (!bytes.empty() && program.calls.size() < kMaxCalls) {
    Call<Concrete>& call = program.calls.emplace_back();
    call.kind = static_cast<CallKind>(bytes[0] % kCalls.size());
    call.task = bytes.size() > 1 ? bytes[1] % kMaxTasks : 0;
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 2));
    const std::size_t size = std::min(bytes.size(), info(call.kind).argument_count * sizeof(std::uint64_t));
    std::memcpy(call.args.data(), bytes.data(), size);
    bytes = bytes.subspan(size);
    canonicalise(call);
  }
  cut_to_bounds(program);
}

Program decode(std::span<const std::uint8_t> bytes) {
  Program program;
  decode(bytes, program);
  return program;
}

}  // namespace capcheck
