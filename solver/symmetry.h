// SPDX-License-Identifier: GPL-2.0-only
// Why few capabilities stand for all: which capabilities each kind of call treats alike, and how many have to stay when
// the others are left out of the world. Found and proved by Z3, for every world and all arguments.
#ifndef CAPCHECK_SOLVER_SYMMETRY_H_
#define CAPCHECK_SOLVER_SYMMETRY_H_

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"

namespace capcheck {

/// What was proved of one kind of call, with any arguments, in any world.
///
/// Two capabilities are treated alike if it makes no difference whether they are exchanged before the call, in every
/// set of the world and in the arguments, or after it. That is an equivalence, and within a class any permutation will
/// do.
///
/// A world is cut to a set S of capabilities by taking the others out of every set in it. The cut commutes with a call
/// if it makes no difference to what is in S, and to all else, whether the world and the arguments are cut before the
/// call or after it. It does for every S that has `asked`, the capabilities among the arguments, and witnesses: of
/// tests of the form A ⊆ B that fail, one capability in which it does.
struct Alike {
  CallKind kind;
  std::vector<std::vector<std::uint64_t>> classes;  ///< largest first, then by number; together: all capabilities
  std::vector<std::uint64_t> asked;                 ///< the capabilities by which it decides: S has to have them
  std::size_t witnesses_of_success;                 ///< where it succeeds: for its result and the world after it
  std::size_t witnesses_of_output;                  ///< for that and for what it writes
  std::size_t witnesses_of_failure;                 ///< where it fails: for its errno and all else
  std::size_t questions;                            ///< that Z3 was asked
};

/// Throws std::runtime_error if Z3 gives no answer within `timeout`, which is for each question; or if the cut commutes
/// with the call for no number of witnesses.
Alike find_alike(const Profile& profile, Fault fault, CallKind kind, std::chrono::milliseconds timeout);

/// Registers `capcheck symmetry`; `status` becomes 0. Parsing throws what parse_profile() and find_alike() do.
void add_symmetry_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
