// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/id_lines.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/faults.h"

namespace capcheck {
namespace {

constexpr std::uint64_t kIdBits = 0xffffffff;
constexpr std::size_t kFirstNumber = 2;  // after whose file it is, and who opened it

}  // namespace

std::vector<IdLine> lines_of(const Call<Concrete>& call) {
  if ((kMapWrites & kinds({call.kind})) == 0) return {};
  const auto& a = call.args;
  std::vector<IdLine> lines{{a[2], a[3], a[4]}};
  if (a[5] | a[6] | a[7]) lines.push_back({a[5], a[6], a[7]});
  return lines;
}

void set_lines(Call<Concrete>& call, std::span<const IdLine> lines) {
  auto next = call.args.begin() + kFirstNumber;
  std::fill(next, call.args.end(), 0);
  for (const auto& [first, lower_first, count] : lines) {
    for (const std::uint64_t number : {first, lower_first, count}) *next++ = number;
  }
}

std::uint64_t pick_edge(std::uint64_t first, std::uint64_t count, Random& random) {
  const std::array<std::uint64_t, 6> edges = {first, first, first + 1, first + count - 1, first + count, first - 1};
  return edges[pick_below(random, edges.size())] & kIdBits;
}

std::vector<IdLine> pick_lines(std::span<const IdLine> parent, Random& random) {
  constexpr std::array<std::uint64_t, 6> kFirst = {0, 0, 0, 1, 10, 1000}, kCount = {1, 1, 2, 2, 3, 10};
  const auto of = [&](const auto& values) { return values[pick_below(random, values.size())]; };
  const auto beside = [&](std::uint64_t first, std::uint64_t count, std::uint64_t other_count) {
    constexpr std::array<std::uint64_t, 6> kMoved = {0, 0, 0, 0, 1, ~std::uint64_t{0}};
    const std::uint64_t start = pick_below(random, 2) ? first + count : first - other_count;
    return (start + of(kMoved)) & kIdBits;
  };
  const auto within = [&](const IdLine& line) {
    IdLine found{0, 0, pick_below(random, 6) ? std::min(of(kCount), line.count) : of(kCount)};
    const std::array<std::uint64_t, 5> lower = {line.first, line.first + line.count - found.count,
                                                line.first + line.count - found.count, line.first + 1,
                                                pick_edge(line.first, line.count, random)};
    found.lower_first = of(lower) & kIdBits;
    return found;
  };
  const std::size_t upper = pick_below(random, parent.size());
  std::vector<IdLine> lines{within(parent[upper])};
  lines[0].first = of(kFirst);
  if (pick_below(random, 4) == 0) return lines;
  // Mostly in the next line of the parent, if there is one; beside the first one where they share a line.
  const std::size_t next_upper = (upper + (pick_below(random, 4) != 0)) % parent.size();
  lines.push_back(within(parent[next_upper]));
  lines[1].first = beside(lines[0].first, lines[0].count, lines[1].count);
  if (next_upper == upper && pick_below(random, 4))
    lines[1].lower_first = beside(lines[0].lower_first, lines[0].count, lines[1].count);
  if (pick_below(random, 3) == 0) std::swap(lines[0], lines[1]);
  return lines;
}

}  // namespace capcheck
