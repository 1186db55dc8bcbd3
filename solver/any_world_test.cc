// SPDX-License-Identifier: GPL-2.0-only
#include "solver/any_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace capcheck {
namespace {

/// Numbers in the order in which they come up, after those that are known.
template <class T>
std::vector<T> renumbered(std::vector<T> numbers, T known) {
  std::map<T, T> found;
  for (T number = 0; number < known; ++number) found.emplace(number, number);
  for (T& number : numbers) number = found.emplace(number, static_cast<T>(found.size())).first->second;
  return numbers;
}

bool is_among(const std::vector<WriteNumbers>& all, const WriteNumbers& one) {
  return std::ranges::any_of(all, [&](const WriteNumbers& other) {
    return other.target == one.target && other.opener == one.opener && other.target_ns == one.target_ns &&
           other.parent_ns == one.parent_ns && other.opener_ns == one.opener_ns;
  });
}

/// Each write, whatever its numbers are, is one of those that are looked at, numbered otherwise.
TEST(AnyWorld, WritesByNumberAreAllWrites) {
  constexpr std::uint64_t kNamespaces = 4;
  for (const bool is_thread : {false, true}) {
    const std::vector<WriteNumbers> all = all_write_numbers({is_thread, CallerStanding::Free::unknown});
    for (std::size_t target = 0; target < kMaxTasks; ++target) {
      for (std::size_t opener = 0; opener < kMaxTasks; ++opener) {
        const auto tasks = renumbered<std::size_t>({target, opener}, is_thread ? 2 : 1);
        for (std::uint64_t spaces = 0; spaces < kNamespaces * kNamespaces * kNamespaces; ++spaces) {
          const std::uint64_t target_ns = spaces % kNamespaces, parent_ns = spaces / kNamespaces % kNamespaces,
                              opener_ns = spaces / kNamespaces / kNamespaces;
          // The initial namespace is its own parent, and no other is; one task is in one namespace.
          if ((target_ns == parent_ns) != (target_ns == 0)) continue;
          if (opener == target && opener_ns != target_ns) continue;
          const auto numbers = renumbered<std::uint64_t>({target_ns, parent_ns, opener_ns}, 1);
          EXPECT_TRUE(is_among(all, {tasks[0], tasks[1], numbers[0], numbers[1], numbers[2]}))
              << target << " " << opener << " " << target_ns << " " << parent_ns << " " << opener_ns;
        }
      }
    }
  }
}

/// Everything else of such a world is any: nothing but the numbers, and the initial namespace, is given.
TEST(AnyWorld, WhatHasNoNumberIsUnknown) {
  const TermScope scope;
  const WriteNumbers numbers{1, 2, 1, 2, 3};
  World<Symbolic> world = any_world_of(numbers, {false, CallerStanding::Free::unknown}, any_user_ns("any_namespace"));
  EXPECT_EQ(world.tasks[1].user_ns.numeral(), 1u);
  EXPECT_EQ(world.tasks[2].user_ns.numeral(), 3u);
  EXPECT_FALSE(world.tasks[0].user_ns.numeral());
  for (const std::size_t task : {1u, 2u}) {
    const auto words = words_of(world.tasks[task]);
    EXPECT_EQ(std::ranges::count_if(words, [](const SymbolicWord* word) { return word->numeral().has_value(); }), 1);
  }
  for (const std::uint64_t ns : {1u, 2u, 3u}) {
    const auto words = words_of(world.namespaces[ns]);
    EXPECT_EQ(std::ranges::count_if(words, [](const SymbolicWord* word) { return word->numeral().has_value(); }),
              ns == 1 ? 1 : 0);
  }
}

}  // namespace
}  // namespace capcheck
