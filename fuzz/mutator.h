// SPDX-License-Identifier: GPL-2.0-only
// The structure-aware mutator: changes programs call by call, with values that rules treat apart.
#ifndef CAPCHECK_FUZZ_MUTATOR_H_
#define CAPCHECK_FUZZ_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/values.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Which idioms a program is given.
enum class Idioms : std::uint8_t {
  all,
  short_ones,  ///< but for those of many calls about maps: where programs have to be short
};

/// Changes a program in one to four places: calls added, removed, moved, copied or given to another task, arguments
/// replaced or nudged, or an idiom inserted (a namespace set up, a user become). Never more than `max_calls` calls (at
/// least 1), never empty.
void mutate(Program& program, std::size_t max_calls, const Profile& profile, Random& random,
            Idioms idioms = Idioms::all);

/// Calls that mean something only together, as programs make them, to stand after others.
std::vector<Call<Concrete>> pick_idiom(const std::vector<Call<Concrete>>& before, const Profile& profile,
                                       Random& random, Idioms idioms = Idioms::all);

/// A call of any task, mostly of those that are likely to live.
Call<Concrete> pick_call_of_any_task(const Profile& profile, Random& random);

/// A program made of so many calls and idioms at most, half of the time with changes to it. It may be empty.
Program pick_program(std::uint64_t most_pieces, const Profile& profile, Random& random);

/// A program made of pieces of two.
Program cross_over(const Program& a, const Program& b, std::size_t max_calls, Random& random);

/// As many calls as may fit in so many bytes; at least one.
std::size_t calls_that_may_fit(std::size_t size);

/// A program to try after the one in these bytes, as long as may fit in `max_size`: that one changed, or as often one
/// made anew, since a corpus keeps what covers more, which is little of what states there are.
Program next_program(std::span<const std::uint8_t> bytes, std::size_t max_size, const Profile& profile, Random& random);

/// Writes a program over a fuzzer's buffer, without the last calls that do not fit whole; returns its size.
std::size_t write_program(std::uint8_t* buffer, std::size_t max_size, Program program);

}  // namespace capcheck

#endif
