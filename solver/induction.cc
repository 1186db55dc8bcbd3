// SPDX-License-Identifier: GPL-2.0-only
#include "solver/induction.h"

#include <fmt/format.h>

#include <utility>

namespace capcheck {
namespace {

template <template <Domain> class T>
T<Symbolic> unknown_value(std::string_view name) {
  T<Symbolic> value;
  std::size_t index = 0;
  for (SymbolicWord* word : words_of(value)) *word = SymbolicWord::unknown(fmt::format("{}.{}", name, index++));
  return value;
}

/// Any world, in the three namespaces that one call can touch: the task's own, that one's parent, and a new one.
World<Symbolic> any_world() {
  World<Symbolic> world;
  world.tasks[0] = {unknown_value<Credentials>("cred"), SymbolicWord::unknown("user_ns"),
                    SymbolicWord::unknown("chrooted")};
  world.namespace_count = SymbolicWord::unknown("namespace_count");
  const auto own = unknown_value<UserNamespace>("own");
  world.namespaces.add(world.tasks[0].user_ns, own);
  world.namespaces.add(own.parent, unknown_value<UserNamespace>("parent"));
  world.namespaces.add(world.namespace_count, unknown_value<UserNamespace>("new"));
  return world;
}

Call<Symbolic> any_call(const CallInfo& call_info) {
  Call<Symbolic> call{call_info.kind, 0, {}};
  for (std::size_t i = 0; i < call_info.argument_count; ++i) {
    call.args[i] = canonical<Symbolic>(call_info.roles[i], SymbolicWord::unknown(fmt::format("arg.{}", i)));
  }
  return call;
}

}  // namespace

Induction::Induction(const Profile& profile, Fault fault, std::chrono::milliseconds timeout)
    : profile_(profile), world_(any_world()), query_(timeout) {
  for (const CallInfo& call : kCalls) transitions_.push_back(take(profile_, fault, world_, any_call(call)));
}

Lemma Induction::add_lemma(const Statement& statement) {
  const SymbolicBool holds = statement.symbolic.of_state(profile_, world_);
  lemmas_.push_back({holds, query_.name(holds)});
  return lemmas_.size() - 1;
}

Inductive Induction::breaks(const Statement& statement, CallKind kind, std::span<const Lemma> lemmas) {
  const auto& transition = transitions_.at(static_cast<std::size_t>(kind));
  const SymbolicBool broken = meets({&statement, Goal::Kind::violation}, profile_, transition);
  std::vector<SymbolicBool> assumptions;
  for (const Lemma lemma : lemmas) {
    // The call leaves all that the statement speaks of as it was.
    if (identical(broken, !lemmas_[lemma].holds)) return {{Answer::Kind::no, ""}, {lemma}};
    assumptions.push_back(lemmas_[lemma].name);
  }
  Inductive result{query_.ask(broken, assumptions), {}};
  for (const Lemma lemma : lemmas) {
    if (result.answer.kind == Answer::Kind::no && query_.used(lemmas_[lemma].name)) result.used.push_back(lemma);
  }
  return result;
}

}  // namespace capcheck
