// SPDX-License-Identifier: GPL-2.0-only
#include "solver/query.h"

#include <gtest/gtest.h>
#include <z3++.h>

#include <array>
#include <chrono>

#include "solver/symbolic.h"

namespace capcheck {
namespace {

constexpr std::chrono::seconds kTimeout{60};

/// Two factors of a prime, none of which is 1: there are none, and that takes the simple solver more than it may.
class Factors : public testing::Test {
 protected:
  static constexpr unsigned kBits = 17, kPrime = 131'071;

  static z3::expr factor(const char* name) { return z3::zext(TermScope::context().bv_const(name, kBits), kBits); }
  static SymbolicBool is_proper(const z3::expr& factor) {
    return SymbolicBool(z3::ugt(factor, TermScope::context().bv_val(1, 2 * kBits)));
  }

  const TermScope scope_;
  const z3::expr x_ = factor("x"), y_ = factor("y");
};

TEST_F(Factors, WhatTakesTheSimpleSolverTooLongIsAskedOfAnother) {
  Query query(kTimeout, Solver::each);
  query.require(is_proper(x_));
  const SymbolicBool other_is_proper = query.name(is_proper(y_));
  const SymbolicBool not_needed = query.name(SymbolicBool::unknown("anything"));
  const SymbolicBool product(x_ * y_ == TermScope::context().bv_val(kPrime, 2 * kBits));

  EXPECT_EQ(query.ask(product, std::array{other_is_proper, not_needed}).kind, Answer::Kind::no);
  EXPECT_TRUE(query.used(other_is_proper));
  EXPECT_FALSE(query.used(not_needed));
}

TEST_F(Factors, AnotherSolverHasTheTimeThatIsLeft) {
  Query query(std::chrono::milliseconds(1), Solver::each);
  query.require(is_proper(x_) & is_proper(y_));
  const SymbolicBool product(x_ * y_ == TermScope::context().bv_val(kPrime, 2 * kBits));
  EXPECT_EQ(query.ask(product).kind, Answer::Kind::timeout);
}

}  // namespace
}  // namespace capcheck
