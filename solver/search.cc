// SPDX-License-Identifier: GPL-2.0-only
#include "solver/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

/// Every word of a world that a call can change.
std::vector<SymbolicWord*> words_of_world(World<Symbolic>& world) {
  auto& [tasks, namespaces, namespace_count, fs_count, session_count, sysctls] = world;
  std::vector<SymbolicWord*> words{&namespace_count, &fs_count, &session_count};
  const auto add = [&](auto& value) { std::ranges::copy(words_of(value), std::back_inserter(words)); };
  add(sysctls);
  for (auto& slot : tasks.slots()) add(slot.value);
  for (auto& slot : namespaces.slots()) add(slot.value);
  return words;
}

bool identical_worlds(World<Symbolic> a, World<Symbolic> b) {
  return std::ranges::equal(words_of_world(a), words_of_world(b),
                            [](const SymbolicWord* x, const SymbolicWord* y) { return identical(*x, *y); });
}

/// A call with unknown arguments, of those that it can pass.
Call<Symbolic> unknown_call(std::uint8_t task, CallKind kind, std::size_t place) {
  Call<Symbolic> call{kind, task, {}};
  for (std::size_t i = 0; i < info(kind).argument_count; ++i) {
    call.args[i] = canonical<Symbolic>(info(kind).roles[i], SymbolicWord::unknown(fmt::format("arg.{}.{}", place, i)));
  }
  return call;
}

/// The worlds of a sequence of calls with unknown arguments. Lives within one TermScope.
class Unrolled {
 public:
  Unrolled(const Profile& profile, Fault fault) : profile_(profile), fault_(fault) {
    World<Symbolic> world;
    begin(world, profile);
    worlds_.push_back(std::move(world));
    make_room();
  }

  const World<Symbolic>& world() const { return worlds_.back(); }

  /// A call in the world as it is now; `place` tells its arguments from those of others.
  Transition<Symbolic> look(std::uint8_t task, CallKind kind, std::size_t place) const {
    return take(profile_, fault_, worlds_.back(), unknown_call(task, kind, place));
  }
  Transition<Symbolic> look(std::uint8_t task, CallKind kind) const { return look(task, kind, worlds_.size() - 1); }

  /// Makes a call: the world goes on from what it left.
  Transition<Symbolic> make(std::uint8_t task, CallKind kind) {
    Transition<Symbolic> made = look(task, kind);
    worlds_.push_back(made.after);
    make_room();
    return made;
  }

  SymbolicBool lives(std::size_t task) const { return !(world().tasks[task].alive == SymbolicWord(0)); }

 private:
  /// For the namespace that the next call may create.
  void make_room() { worlds_.back().namespaces[worlds_.size()]; }

  const Profile& profile_;
  Fault fault_;
  std::deque<World<Symbolic>> worlds_;
};

SymbolicBool succeeded(const Transition<Symbolic>& transition) {
  return transition.result >> 63u == SymbolicWord(0);
}

std::vector<CallKind> every_kind() {
  std::vector<CallKind> kinds;
  for (const CallInfo& call : kCalls) kinds.push_back(call.kind);
  return kinds;
}

const Answer kNo{Answer::Kind::no, ""};

}  // namespace

Search::Search(const Profile& profile, Fault fault, std::chrono::milliseconds timeout)
    : profile_(profile), fault_(fault), timeout_(timeout) {}

/// The moves that can follow some others, by tasks that may live then; only those that may change the world, if that is
/// asked for.
Search::Moves Search::next_moves(const Moves& prefix, std::span<const CallKind> kinds, bool that_change) {
  const TermScope scope;
  Unrolled unrolled(profile_, fault_);
  for (const Move& move : prefix) unrolled.make(move.task, move.kind);
  Moves moves;
  for (std::uint8_t task = 0; task < kMaxTasks; ++task) {
    if (unrolled.lives(task).is_false()) continue;
    for (const CallKind kind : kinds) {
      if (that_change && identical_worlds(unrolled.world(), unrolled.look(task, kind).after)) continue;
      moves.push_back({task, kind});
    }
  }
  return moves;
}

/// Calls visit() with every sequence of so many moves that begins with `prefix`, all of which may change the world,
/// until the answer is not `no`.
Answer Search::for_each_prefix(const Moves& prefix, std::size_t length, const Visit& visit) {
  if (prefix.size() == length) return visit(prefix);
  for (const Move& move : next_moves(prefix, every_kind(), true)) {
    Moves longer = prefix;
    longer.push_back(move);
    if (Answer answer = for_each_prefix(longer, length, visit); answer.kind != Answer::Kind::no) return answer;
  }
  return kNo;
}

/// Whether the quest can be met by one more call after a sequence of calls that succeed.
Answer Search::can_end(const Quest& quest, const Moves& prefix, std::span<const CallKind> last) {
  const TermScope scope;
  Query query(timeout_);
  Unrolled unrolled(profile_, fault_);
  const Watch watch = quest.watch(unrolled.world());
  query.require(watch.given);
  for (const Move& move : prefix) {
    query.require(unrolled.lives(move.task));
    const Transition<Symbolic> made = unrolled.make(move.task, move.kind);
    query.require(succeeded(made));
    watch.pass(made);
  }
  SymbolicBool met = false;
  std::size_t place = prefix.size();
  for (std::uint8_t task = 0; task < kMaxTasks; ++task) {
    const SymbolicBool lives = unrolled.lives(task);
    if (lives.is_false()) continue;
    for (const CallKind kind : last) met = met | (lives & watch.is_met(unrolled.look(task, kind, place++)));
  }
  const Answer answer = query.ask(met);
  asked_ += query.asked();
  return answer;
}

/// The program that meets the quest after such a sequence, where there is one.
Found Search::end(const Quest& quest, const Moves& prefix, std::span<const CallKind> last) {
  for (const Move& move : next_moves(prefix, last, false)) {
    Moves moves = prefix;
    moves.push_back(move);
    Found found = program(quest, moves);
    if (found.answer.kind != Answer::Kind::no) return found;
  }
  throw std::logic_error(fmt::format("{}: a call meets it, but no kind of call does", quest.name));
}

/// Arguments for a sequence of moves. Asked in a scope of its own, so that the answer does not hang on what was asked
/// before.
Found Search::program(const Quest& quest, const Moves& moves) {
  const TermScope scope;
  Query query(timeout_);
  Unrolled unrolled(profile_, fault_);
  const Watch watch = quest.watch(unrolled.world());
  query.require(watch.given);
  std::vector<Call<Symbolic>> calls;
  SymbolicBool met = false;
  for (const Move& move : moves) {
    query.require(unrolled.lives(move.task));
    const Transition<Symbolic> made = unrolled.make(move.task, move.kind);
    if (calls.size() + 1 < moves.size()) query.require(succeeded(made));
    met = watch.is_met(made);
    watch.pass(made);
    calls.push_back(made.call);
  }
  Answer answer = query.ask(met);
  asked_ += query.asked();
  if (answer.kind != Answer::Kind::yes) return {std::move(answer), std::nullopt};

  Program program;
  for (const Call<Symbolic>& call : calls) {
    Call<Concrete>& chosen = program.calls.emplace_back(Call<Concrete>{call.kind, call.task, {}});
    for (std::size_t i = 0; i < kMaxArguments; ++i) chosen.args[i] = query.value(call.args[i]);
    canonicalise(chosen);
  }
  if (!quest.replays(program)) {
    throw std::logic_error(
        fmt::format("{}: the counterexample does not replay on the model over machine integers", quest.name));
  }
  return {std::move(answer), make_readable(profile_, quest, std::move(program))};
}

/// The first program of that many calls that meets the quest.
Found Search::of_length(const Quest& quest, std::size_t length, std::span<const CallKind> last) {
  Found found{kNo, std::nullopt};
  found.answer = for_each_prefix({}, length - 1, [&](const Moves& prefix) {
    Answer ends = can_end(quest, prefix, last);
    if (ends.kind != Answer::Kind::yes) return ends;
    found = end(quest, prefix, last);
    return found.answer;
  });
  return found;
}

Found Search::shortest(const Quest& quest, std::size_t bound, std::span<const CallKind> last) {
  if (quest.replays({})) return {{Answer::Kind::yes, ""}, Program{}};
  const std::optional<Program> sampled = sample(profile_, quest, programs_worth_sampling(quest));
  // Up to two calls, the first of the shortest is wanted; beyond, a sampled program is as good as any of its length.
  constexpr std::size_t kFirstIsWanted = 2;
  const auto needed = [](std::size_t length) { return length > kFirstIsWanted ? length - 1 : length; };
  const std::size_t longest = sampled ? std::min(bound, needed(sampled->calls.size())) : bound + 1;
  Found found{kNo, std::nullopt};
  for (std::size_t looked_at = 0; looked_at < longest; ++looked_at) {
    found = of_length(quest, looked_at + 1, last);
    found.looked_at = looked_at;
    if (found.answer.kind != Answer::Kind::no) break;
    ++found.looked_at;
  }
  if (found.program || !sampled) return found;
  return {{Answer::Kind::yes, ""}, make_readable(profile_, quest, *sampled), found.looked_at};
}

Found Search::any(const Quest& quest, std::size_t bound) {
  constexpr std::size_t kAfterOne = 1000;
  if (const std::optional<Program> sampled = sample(profile_, quest, programs_worth_sampling(quest), kAfterOne)) {
    return {{Answer::Kind::yes, ""}, make_readable(profile_, quest, *sampled)};
  }
  return shortest(quest, bound, every_kind());
}

}  // namespace capcheck
