// SPDX-License-Identifier: GPL-2.0-only
// Questions about a goal in the light of many facts, of which few matter: those are taken up one after another, as the
// worlds that Z3 finds without them break them. So every question to Z3 is small.
#ifndef CAPCHECK_SOLVER_LAZY_QUERY_H_
#define CAPCHECK_SOLVER_LAZY_QUERY_H_

#include <z3++.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "solver/query.h"
#include "solver/symbolic.h"

namespace capcheck {

/// A solver that is asked one question after another, within one TermScope.
class LazyQuery {
 public:
  /// `timeout` is for each question to Z3.
  explicit LazyQuery(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  /// From here on, questions that come after so much time of the processor have no answer.
  void answer_within(std::chrono::milliseconds time);

  /// Can the goal hold, and all facts? `no` is certain. `yes` is where facts that have to do with the goal, perhaps by
  /// way of others, leave it possible; others are not looked at.
  Answer ask(const SymbolicBool& goal, std::span<const SymbolicBool> facts);
  /// The same with little effort: mostly without an answer.
  Answer ask_briefly(const SymbolicBool& goal, std::span<const SymbolicBool> facts);
  /// As ask(), but that after `yes` all facts hold in model().
  Answer ask_of_all(const SymbolicBool& goal, std::span<const SymbolicBool> facts);
  /// After the answer `yes`: the values of all unknowns.
  const z3::model& model() const { return models_.front(); }

 private:
  /// What is known of a term that was a fact of some question.
  struct Fact {
    z3::expr term;
    std::size_t size;
    std::vector<unsigned> unknowns;
  };
  /// Facts that refute a goal, by the numbers of their terms.
  using Refutation = std::vector<unsigned>;
  /// Of a goal, whose term is kept for as long as its number is in use.
  struct Known {
    z3::expr goal;
    std::vector<Refutation> refutations{};
  };

  const Fact& fact(const SymbolicBool& holds);
  std::vector<const Fact*> in_order(std::span<const SymbolicBool> facts);
  static bool is_refuted(const Known& known, std::span<const Fact* const> facts);

  enum class Effort : std::uint8_t { brief, some, all };
  Answer find(const SymbolicBool& goal, std::span<const SymbolicBool> facts, Effort effort);
  bool is_shown(const z3::expr& goal, std::span<const unsigned> unknowns, std::span<const Fact* const> facts);

  std::chrono::milliseconds timeout_;
  std::chrono::nanoseconds end_ = std::chrono::nanoseconds::max();  ///< of this thread's time
  std::vector<z3::model> models_;  ///< worlds that showed what could be, the last first
  std::map<unsigned, Fact> facts_;
  std::map<unsigned, Known> goals_;
};

}  // namespace capcheck

#endif
