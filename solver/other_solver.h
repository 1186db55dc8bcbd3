// SPDX-License-Identifier: GPL-2.0-only
// A solver other than Z3, to which obligations are put as texts: it shares no code with what wrote the proof.
#ifndef CAPCHECK_SOLVER_OTHER_SOLVER_H_
#define CAPCHECK_SOLVER_OTHER_SOLVER_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "solver/obligation.h"
#include "solver/query.h"

namespace capcheck {

/// A program that reads SMT-LIB 2 from its standard input and answers on its standard output: cvc5, for one. Each
/// obligation has a process of its own, which does not outlive its time.
class OtherSolver {
 public:
  /// `command` is the program with its arguments, separated by spaces; `timeout` is for each case of an obligation,
  /// of processor time as run_on() has it. Throws std::system_error that names a program which cannot be started,
  /// std::runtime_error for one that does not tell what can be from what cannot: its `unsat` would say nothing.
  OtherSolver(std::string_view command, std::chrono::milliseconds timeout);

  /// "cvc5"
  const std::string& name() const { return command_.front(); }

  /// Can what an obligation forbids be? `no` if the program answered `unsat` to every case, said nothing else and ended
  /// well; `yes` for a `sat`; else `timeout` or `unknown`. The reason says who said what. Throws
  /// std::system_error if there can be no process. May be called by several threads at once.
  Answer ask(const Obligation& obligation) const;

 private:
  std::vector<std::string> command_;
  std::chrono::milliseconds timeout_;
};

}  // namespace capcheck

#endif
