// SPDX-License-Identifier: GPL-2.0-only
// Questions to Z3, and its answers.
#ifndef CAPCHECK_SOLVER_QUERY_H_
#define CAPCHECK_SOLVER_QUERY_H_

#include <z3++.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "solver/symbolic.h"

namespace capcheck {

/// Z3's answer to "can these hold together?". Only `no` and `yes` are answers; the others say why there is none.
struct Answer {
  enum class Kind : std::uint8_t { no, yes, timeout, unknown };
  Kind kind;
  std::string reason;  ///< of timeout and unknown
};

/// Which of Z3's solvers is asked.
enum class Solver : std::uint8_t {
  of_words,  ///< that for bit-vectors, which works a question over first
  simple,    ///< one that does not: where many small questions have much in common, it takes half the time
  each,      ///< the simple one, and where that takes long the other
};

/// A solver that is asked one question after another, within one TermScope.
class Query {
 public:
  /// `timeout` is for each question; none is asked in vain, so 0 leaves every question without an answer.
  explicit Query(std::chrono::milliseconds timeout, Solver solver = Solver::of_words);

  /// Holds in every question from here on.
  void require(const SymbolicBool& fact);

  /// A condition under a name of its own, for ask(): it holds in those questions that name it.
  SymbolicBool name(const SymbolicBool& condition);

  /// Can the goal and all the assumptions hold, with what is required? An assumption is true, false, or of name() or
  /// SymbolicBool::unknown().
  Answer ask(const SymbolicBool& goal, std::span<const SymbolicBool> assumptions = {});

  /// Questions about one thing, by several solvers perhaps: what was in vain for one is mostly so for the others.
  struct Subject {
    bool rough_in_vain = false;  ///< the last rough question came to nothing
    std::size_t left_out = 0;    ///< rough questions
  };
  /// As ask(), for a question whose answer is probably `no`: first tries to find that out from a part of what the goal
  /// says, unless that is in vain.
  Answer ask_doubtfully(const SymbolicBool& goal, std::span<const SymbolicBool> assumptions, Subject& subject);

  /// After the answer `yes`: a value that a word has, the same for all words.
  std::uint64_t value(const SymbolicWord& word) const;
  bool value(const SymbolicBool& condition) const;
  /// The values of all unknowns.
  const z3::model& model() const { return model_.value(); }

  /// After the answer `no`: whether Z3 made use of that assumption.
  bool used(const SymbolicBool& assumption) const;

  /// The questions that Z3 was asked.
  std::size_t asked() const { return asked_; }

 private:
  bool refutes_roughly(const z3::expr& goal, const z3::expr_vector& assumptions);
  Answer ask_other(const z3::expr_vector& assumptions, std::chrono::milliseconds timeout);
  Answer conclude(const z3::solver& solver, z3::check_result result);
  void keep_core(const z3::solver& solver);

  void set_goal(const SymbolicBool& goal);
  void drop_goal();

  z3::solver solver_;
  Solver kind_;
  std::vector<z3::expr> required_;
  std::map<unsigned, z3::expr> named_;  ///< what has a name follows from it; by the name's number
  std::optional<z3::expr> goal_;        ///< asserted in a scope of the solver, for as long as it is asked for
  std::chrono::milliseconds timeout_;
  std::optional<z3::model> model_;
  std::vector<z3::expr> core_;
  std::size_t asked_ = 0;
};

/// Can the goal hold? For a question of its own, which is answered faster where no other follows.
Answer ask_once(const SymbolicBool& goal, std::chrono::milliseconds timeout);

}  // namespace capcheck

#endif
