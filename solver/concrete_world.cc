// SPDX-License-Identifier: GPL-2.0-only
#include "solver/concrete_world.h"

#include <algorithm>
#include <cstdint>
#include <set>

namespace capcheck {
namespace {

/// A namespace of which nothing is said: the initial one's child, whose maps were not written.
UserNamespace<Concrete> some_namespace() {
  UserNamespace<Concrete> ns{};
  ns.level = 1;
  ns.setgroups_allowed = 1;
  return ns;
}

std::uint64_t concrete(const z3::model& model, const SymbolicWord& word) {
  return word.numeral() ? *word.numeral() : model.eval(word.term(), true).get_numeral_uint64();
}

template <template <Domain> class T>
T<Concrete> concrete(const z3::model& model, const T<Symbolic>& value) {
  T<Symbolic> copy = value;
  T<Concrete> found{};
  const auto from = words_of(copy);
  const auto to = words_of(found);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = concrete(model, *from[i]);
  return found;
}

/// Makes a namespace of that level, of which nothing else matters, and ancestors for it under numbers that are free.
void add_ancestors(World<Concrete>& world, std::uint64_t number, std::uint64_t level, std::set<std::uint64_t>& taken) {
  for (std::uint64_t next = world.namespace_count;; --level) {
    world.namespaces[number].level = level;
    if (level <= 1) return;
    do {
      if (next-- == 1) return;
    } while (!taken.insert(next).second);
    world.namespaces[number].parent = next;
    number = next;
  }
}

/// Of the namespaces, those of which something is known: the later ones stand where two have one number, since the
/// table's slots come last.
void place_namespaces(World<Concrete>& found, const World<Symbolic>& world, std::span<const std::size_t> ends,
                      const z3::model& model) {
  found.namespaces.fill(some_namespace());
  std::set<std::uint64_t> placed;
  const auto place = [&](const auto& slot) {
    const std::uint64_t index = concrete(model, slot.index);
    if (index >= kMaxNamespaces) return;
    found.namespaces[index] = concrete(model, slot.value);
    placed.insert(index);
  };
  const auto read = world.namespaces.read_elsewhere();
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (std::ranges::find(ends, i) == ends.end()) place(read[i]);
  }
  std::ranges::for_each(world.namespaces.slots(), place);
  for (const std::size_t end : ends) {
    const std::uint64_t index = concrete(model, read[end].index);
    if (index >= found.namespace_count || !placed.insert(index).second) continue;
    add_ancestors(found, index, concrete(model, read[end].value.level), placed);
  }
}

}  // namespace

ConcreteCall concrete_call(const World<Symbolic>& world, const Call<Symbolic>& call, std::span<const std::size_t> ends,
                           const z3::model& model) {
  ConcreteCall found{{}, {call.kind, call.task, {}}};
  for (std::size_t i = 0; i < kMaxTasks; ++i) {
    Task<Concrete>& task = found.world.tasks[i] = concrete(model, world.tasks[i]);
    if (task.alive == 0) task.leader = task.mm_user_ns = task.tracer_user_ns = 0;
  }
  found.world.namespace_count = concrete(model, world.namespace_count);
  found.world.fs_count = concrete(model, world.fs_count);
  found.world.session_count = concrete(model, world.session_count);
  found.world.sysctls = concrete(model, world.sysctls);
  place_namespaces(found.world, world, ends, model);
  for (std::size_t i = 0; i < found.call.args.size(); ++i) found.call.args[i] = concrete(model, call.args[i]);
  return found;
}

bool refers_to_what_exists(const World<Concrete>& world) {
  const auto is_of_namespace = [](std::uint64_t number) { return number < kMaxNamespaces; };
  return std::ranges::all_of(world.tasks,
                             [&](const Task<Concrete>& task) {
                               return task.leader < kMaxTasks && is_of_namespace(task.user_ns) &&
                                      is_of_namespace(task.mm_user_ns) && is_of_namespace(task.tracer_user_ns);
                             }) &&
         std::ranges::all_of(world.namespaces, [&](const auto& ns) { return is_of_namespace(ns.parent); });
}

}  // namespace capcheck
