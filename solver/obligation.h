// SPDX-License-Identifier: GPL-2.0-only
// What a proof by induction has to show, as SMT-LIB 2: for readers, and for solvers other than Z3.
#ifndef CAPCHECK_SOLVER_OBLIGATION_H_
#define CAPCHECK_SOLVER_OBLIGATION_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "solver/symbolic.h"

namespace capcheck {

/// What must not be, of one kind of call where tasks stand to each other in one way: all that is assumed, and one of
/// the ways to break the statement.
struct ObligationCase {
  std::string standing;  ///< in words
  std::vector<SymbolicBool> assumed;
  std::vector<SymbolicBool> ways;
};

/// What has to be shown of one statement and one kind of call, or of one of the kernel's functions.
struct Obligation {
  std::string name;   ///< "PROFILE/STATEMENT.CALL", or "PROFILE.FAULT/STATEMENT.CALL", or "KERNEL/FUNCTION": a path
  std::string smt2;   ///< of logic QF_BV, complete; each case is a (check-sat), whose answer has to be `unsat`
  std::size_t cases;  ///< so many answers there are
  bool is_plain;      ///< no case has a way left that is not literally `false`: there is nothing to ask
};

/// Writes an obligation down. `lemmas` are the names of the statements that are assumed. Only within the TermScope of
/// the cases' terms. Throws z3::exception if Z3 cannot print them.
Obligation write_obligation(const Profile& profile, Fault fault, const InvariantInfo& statement, CallKind kind,
                            std::span<const std::string_view> lemmas, std::span<const ObligationCase> cases);

/// The same of any cases: `name` is the path, `heading` lines of comment.
Obligation write_obligation(std::string name, std::string_view heading, std::span<const ObligationCase> cases);

/// A kind of call as a part of a file's name. No two kinds have the same.
std::string file_name_of(CallKind kind);

}  // namespace capcheck

#endif
