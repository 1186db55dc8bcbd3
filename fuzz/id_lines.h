// SPDX-License-Identifier: GPL-2.0-only
// Lines of uid_map and gid_map as programs write them, at the edges of what there is to map.
#ifndef CAPCHECK_FUZZ_ID_LINES_H_
#define CAPCHECK_FUZZ_ID_LINES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/values.h"
#include "model/call.h"
#include "model/world.h"

namespace capcheck {

/// One line of an id map, as it is written: `lower_first` is in terms of the parent.
struct IdLine {
  std::uint64_t first, lower_first, count;
};

/// What the initial namespace has, and a few ids of it that are no more than others.
inline constexpr std::array<IdLine, 2> kAllIdLines = {{{0, 0, kAllIds}, {1000, 1000, 10}}};

/// The lines that a call writes; empty if it writes none.
std::vector<IdLine> lines_of(const Call<Concrete>& call);

/// Makes a call to write a map write these lines, one or two.
void set_lines(Call<Concrete>& call, std::span<const IdLine> lines);

/// A number at the edge of a range, or beside it: 32 bits.
std::uint64_t pick_edge(std::uint64_t first, std::uint64_t count, Random& random);

/// One line, and in most cases a second that adjoins it, overlaps it by one or stands apart: inside, and below. What
/// they map are ids that `parent` (not empty) has, or that it just has not.
std::vector<IdLine> pick_lines(std::span<const IdLine> parent, Random& random);

}  // namespace capcheck

#endif
