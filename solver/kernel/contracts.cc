// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/contracts.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace capcheck {
namespace {

constexpr std::uint64_t kPointerSize = 8;
constexpr unsigned kIntBits = 32;

Pointer pointer_argument(const KernelCall& call, std::size_t index) {
  return as_pointer(call.arguments.at(index));
}

/// A truth value that nothing is known of: whether memory runs out, and the like.
SymbolicBool perhaps(const char* name) {
  z3::context& context = TermScope::context();
  return SymbolicBool(z3::expr(context, Z3_mk_fresh_const(context, name, context.bool_sort())));
}

/// The pointer, or null.
Value unless(const SymbolicBool& fails, const Pointer& pointer) {
  return choose(fails, Pointer::null(), pointer);
}

Pointer current_task(Interpreter& interpreter, State& state) {
  return as_pointer(interpreter.read(state, interpreter.variable("capcheck_current"), 0, kPointerSize));
}

std::optional<Value> prepare_creds(Interpreter& interpreter, State& state, const KernelCall& call) {
  const ObjectId old = current_credentials(interpreter, state);
  const ObjectId made = interpreter.add_copy(fmt::format("credentials made at {}", call.place), state, old);
  for (const char* field : {"usage", "rcu"}) {
    const FieldPlace place = interpreter.code().field("cred", field);
    for (std::uint64_t at = place.offset; at < place.end(); at += kPointerSize) {
      const std::uint64_t size = std::min(kPointerSize, place.end() - at);
      state.memory.write(made, at, size, any_bits(field, static_cast<unsigned>(size * 8)));
    }
  }
  return unless(perhaps("no_memory"), Pointer::to(made));
}

std::optional<Value> commit_creds(Interpreter& interpreter, State& state, const KernelCall& call) {
  const Pointer task = current_task(interpreter, state);
  for (const char* field : {"cred", "real_cred"}) {
    const FieldPlace place = interpreter.code().field("task_struct", field);
    Pointer at = task;
    for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
    interpreter.write(state, at, place.size, pointer_argument(call, 0), call.place);
  }
  return bits_of(std::uint64_t{0}, kIntBits);
}

std::optional<Value> nothing(Interpreter&, State&, const KernelCall&) {
  return std::nullopt;
}

std::optional<Value> any_int(Interpreter&, State&, const KernelCall&) {
  return any_bits("result", kIntBits);
}

std::optional<Value> must_not_be(Interpreter& interpreter, State& state, const KernelCall& call) {
  interpreter.fail(state, call.place, "the kernel warns, or stops");
  return std::nullopt;
}

Contracts make_contracts() {
  Contracts contracts;
  const auto add = [&](std::string name, std::string sentence, auto apply) {
    contracts.emplace(std::move(name), Contract{std::move(sentence), apply});
  };
  add("prepare_creds",
      "gives a copy of the current task's credentials with a reference count of its own or, out of memory, null",
      prepare_creds);
  add("commit_creds", "makes the credentials those of the current task, and gives 0", commit_creds);
  add("abort_creds", "lets go of credentials that nobody has seen", nothing);
  add("_printk", "writes to the log, and changes nothing else", any_int);
  add("capcheck_warn", "WARN() is never reached (proved)", must_not_be);
  add("panic", "BUG() is never reached (proved)", must_not_be);
  add("refcount_warn_saturate", "a reference count that overflows is made safe, and changes nothing else", nothing);
  add("key_put", "lets go of a key", nothing);
  return contracts;
}

}  // namespace

ObjectId current_credentials(Interpreter& interpreter, State& state) {
  const Pointer task = current_task(interpreter, state);
  if (task.targets.size() != 1 || !task.targets[0].object)
    throw KernelCodeError("the current task is not one that was given");
  const Pointer cred = as_pointer(interpreter.read(state, *task.targets[0].object, "cred"));
  if (cred.targets.size() != 1 || !cred.targets[0].object)
    throw KernelCodeError("new credentials are asked for where others may have been committed");
  return *cred.targets[0].object;
}

const Contracts& kernel_contracts() {
  static const Contracts contracts = make_contracts();
  return contracts;
}

}  // namespace capcheck
