// SPDX-License-Identifier: GPL-2.0-only
#include "solver/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "model/trace_text.h"
#include "solver/replay.h"

namespace capcheck {
namespace {

/// Every word of a world that a call can change.
std::vector<SymbolicWord*> words_of_world(World<Symbolic>& world) {
  auto& [cred, user_ns, chrooted] = world.tasks[0];
  std::vector<SymbolicWord*> words = words_of(cred);
  words.insert(words.end(), {&user_ns, &chrooted, &world.namespace_count});
  for (auto& slot : world.namespaces.slots()) {
    for (SymbolicWord* word : words_of(slot.value)) words.push_back(word);
  }
  return words;
}

bool identical_worlds(World<Symbolic> a, World<Symbolic> b) {
  return std::ranges::equal(words_of_world(a), words_of_world(b),
                            [](const SymbolicWord* x, const SymbolicWord* y) { return identical(*x, *y); });
}

/// A call with unknown arguments, of those that it can pass.
Call<Symbolic> unknown_call(CallKind kind, std::size_t place) {
  Call<Symbolic> call{kind, 0, {}};
  for (std::size_t i = 0; i < info(kind).argument_count; ++i) {
    call.args[i] = canonical<Symbolic>(info(kind).roles[i], SymbolicWord::unknown(fmt::format("arg.{}.{}", place, i)));
  }
  return call;
}

World<Symbolic> initial_world(const Profile& profile) {
  World<Symbolic> world;
  begin(world, profile);
  return world;
}

/// A world before the call in a place, with room for the namespace that the call may create.
World<Symbolic> with_room(World<Symbolic> world, std::size_t place) {
  world.namespaces[place + 1];
  return world;
}

/// Exactly one of the conditions.
SymbolicBool one_of(std::span<const SymbolicBool> conditions) {
  SymbolicBool some = false, several = false;
  for (const SymbolicBool& condition : conditions) {
    several = several | (some & condition);
    some = some | condition;
  }
  return some & !several;
}

}  // namespace

Search::Search(const Profile& profile, Fault fault, std::chrono::milliseconds timeout)
    : profile_(profile), fault_(fault), timeout_(timeout), query_(timeout) {}

/// The world after a place: each word as the kind of call that is made there leaves it. What a kind leaves as it was
/// needs no term, which keeps the worlds of later places small.
World<Symbolic> Search::after(const Place& place) const {
  World<Symbolic> before = place.before, merged = place.before;
  const auto old = words_of_world(before), target = words_of_world(merged);
  for (std::size_t kind = 0; kind < kCalls.size(); ++kind) {
    World<Symbolic> world = place.transitions[kind].world;
    const auto left = words_of_world(world);
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (!identical(*left[i], *old[i])) *target[i] = Symbolic::select(place.is[kind], *left[i], *target[i]);
    }
  }
  return merged;
}

const Search::Place& Search::place(std::size_t index) {
  while (places_.size() <= index) {
    const std::size_t here = places_.size();
    Place place{with_room(places_.empty() ? initial_world(profile_) : after(places_.back()), here), {}, {}, {}};
    SymbolicBool changes = false;
    for (std::size_t kind = 0; kind < kCalls.size(); ++kind) {
      place.is[kind] = SymbolicBool::unknown(fmt::format("is.{}.{}", here, kCalls[kind].name));
      place.transitions.push_back(take(profile_, fault_, place.before, unknown_call(kCalls[kind].kind, here)));
      place.may_change[kind] = !identical_worlds(place.before, place.transitions.back().world);
      if (place.may_change[kind]) changes = changes | place.is[kind];
    }
    place.changes = query_.name(changes);
    query_.require(one_of(place.is));
    places_.push_back(std::move(place));
  }
  return places_[index];
}

/// The kinds of the first calls, in the trace that the last question was answered `yes` with.
Search::Kinds Search::kinds_found(std::size_t length) const {
  Kinds kinds;
  for (std::size_t i = 0; i < length; ++i) {
    const auto is = std::ranges::find_if(places_[i].is, [&](const SymbolicBool& kind) { return query_.value(kind); });
    kinds.push_back(kCalls[static_cast<std::size_t>(is - places_[i].is.begin())].kind);
  }
  return kinds;
}

/// The least sequence of kinds by which the goal can be met. The question was answered `yes` just before.
std::optional<Search::Kinds> Search::least_kinds(const SymbolicBool& goal, std::vector<SymbolicBool> assumptions,
                                                 Answer& answer) {
  const std::size_t length = assumptions.size() + 1;
  Kinds kinds = kinds_found(length);
  for (std::size_t i = 0; i < length; ++i) {
    const auto& is = places_[i].is;
    for (std::size_t smaller = 0; smaller < static_cast<std::size_t>(kinds[i]); ++smaller) {
      if (i + 1 < length && !places_[i].may_change[smaller]) continue;
      assumptions.push_back(is[smaller]);
      answer = query_.ask(goal, assumptions);
      assumptions.pop_back();
      if (answer.kind == Answer::Kind::yes) {
        kinds = kinds_found(length);
        break;
      }
      if (answer.kind != Answer::Kind::no) return std::nullopt;
    }
    assumptions.push_back(is[static_cast<std::size_t>(kinds[i])]);
  }
  return kinds;
}

/// Arguments for a sequence of kinds. Asked in a scope of its own, so that the answer does not hang on what was asked
/// before.
Found Search::program(const Goal& goal, const Kinds& kinds) {
  const TermScope scope;
  Query query(timeout_);
  World<Symbolic> world = initial_world(profile_);
  std::vector<Call<Symbolic>> calls;
  SymbolicBool met = false;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    calls.push_back(unknown_call(kinds[i], i));
    const auto transition = take(profile_, fault_, with_room(world, i), calls.back());
    met = meets(goal, profile_, transition);
    world = transition.world;
  }
  Answer answer = query.ask(met);
  asked_elsewhere_ += query.asked();
  if (answer.kind == Answer::Kind::no) {
    throw std::logic_error(
        fmt::format("{}: a trace found in the unrolled calls is none by itself", goal.statement->info->name));
  }
  if (answer.kind != Answer::Kind::yes) return {std::move(answer), std::nullopt};

  Program program;
  for (const Call<Symbolic>& call : calls) {
    Call<Concrete>& chosen = program.calls.emplace_back(Call<Concrete>{call.kind, 0, {}});
    for (std::size_t i = 0; i < kMaxArguments; ++i) chosen.args[i] = query.value(call.args[i]);
    canonicalise(chosen);
  }
  return {std::move(answer), std::move(program)};
}

Found Search::shortest(const Goal& goal, std::size_t bound) {
  if (replays(profile_, fault_, goal, {})) return {{Answer::Kind::yes, ""}, Program{}};
  std::vector<SymbolicBool> before;
  for (std::size_t length = 1; length <= bound; ++length) {
    const Place& last = place(length - 1);
    SymbolicBool met = false;
    for (std::size_t kind = 0; kind < kCalls.size(); ++kind) {
      met = met | (last.is[kind] & meets(goal, profile_, last.transitions[kind]));
    }
    Answer answer = query_.ask(met, before);
    if (answer.kind == Answer::Kind::no) {
      before.push_back(last.changes);
      continue;
    }
    if (answer.kind != Answer::Kind::yes) return {std::move(answer), std::nullopt};
    const auto kinds = least_kinds(met, before, answer);
    if (!kinds) return {std::move(answer), std::nullopt};
    Found found = program(goal, *kinds);
    if (!found.program) return found;
    if (!replays(profile_, fault_, goal, *found.program)) {
      throw std::logic_error(fmt::format("{}: the counterexample does not replay on the model over machine integers",
                                         goal.statement->info->name));
    }
    found.program = make_readable(profile_, fault_, goal, *std::move(found.program));
    return found;
  }
  return {{Answer::Kind::no, ""}, std::nullopt};
}

}  // namespace capcheck
