// SPDX-License-Identifier: GPL-2.0-only
#include "model/program.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace capcheck {

static_assert(std::endian::native == std::endian::little, "the binary form is read and written as memory");

void canonicalise(Call<Concrete>& call) {
  const CallInfo& call_info = info(call.kind);
  for (std::size_t i = 0; i < kMaxArguments; ++i) {
    call.args[i] = i < call_info.argument_count ? canonical<Concrete>(call_info.roles[i], call.args[i]) : 0;
  }
  if (call_info.form != Form::capability_header) return;
  if (call.args[2] & kHeaderNull) call.args[0] = call.args[1] = 0;
  if (call.args[2] & kDataNull) call.args[3] = call.args[4] = call.args[5] = 0;
}

void run_model(const Profile& profile, const Program& program, Trace& trace) {
  World<Concrete> world;
  begin(world, profile);
  trace.failure.clear();
  trace.initial = observe(world, 0);
  trace.observations.resize(program.calls.size());
  trace.guards.resize(program.calls.size());
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const Call<Concrete>& call = program.calls[i];
    const Reply<Concrete> reply = step(profile, world, call);
    Observation& observation = trace.observations[i];
    observation.result = reply.result;
    observation.output = reply.output;
    observation.state = observe(world, call.task);
    trace.guards[i] = failed_guard(reply.code);
  }
}

Trace run_model(const Profile& profile, const Program& program) {
  Trace trace;
  run_model(profile, program, trace);
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
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 2));  // the second byte: only task 0 lives so far
    const std::size_t size = std::min(bytes.size(), info(call.kind).argument_count * sizeof(std::uint64_t));
    std::memcpy(call.args.data(), bytes.data(), size);
    bytes = bytes.subspan(size);
    canonicalise(call);
  }
}

Program decode(std::span<const std::uint8_t> bytes) {
  Program program;
  decode(bytes, program);
  return program;
}

}  // namespace capcheck
