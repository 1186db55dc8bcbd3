// SPDX-License-Identifier: GPL-2.0-only
// Drawn worlds in which what is proved of states holds, whether calls lead there or not, and mutants' calls in them.
#ifndef CAPCHECK_FUZZ_MUTANT_WORLDS_H_
#define CAPCHECK_FUZZ_MUTANT_WORLDS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fuzz/mutant_race.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/statement.h"

namespace capcheck {

/// What is changed in drawn worlds: few of them keep to what proofs of the kernel's functions are bounded by, or are
/// such that a write to a file of /proc gets far.
enum class WorldForm : std::uint8_t {
  as_drawn,
  maps_of_one_line,
  identity_maps,
  files_to_write,             ///< of /proc, by everybody, and of namespaces every other one has no maps yet
  a_map_to_write,             ///< of the last namespace; task 0 is in its parent, the others in it
  owners_half_named,          ///< files of /proc belong to who has one name too few, or none
  a_map_to_write_from_above,  ///< of the third namespace down, by the one above, by the first, and by one beside that
};
inline constexpr std::array kWorldForms = {WorldForm::as_drawn,
                                           WorldForm::maps_of_one_line,
                                           WorldForm::identity_maps,
                                           WorldForm::files_to_write,
                                           WorldForm::a_map_to_write,
                                           WorldForm::owners_half_named,
                                           WorldForm::a_map_to_write_from_above};

class CallsInWorlds {
 public:
  /// Of these statements, those of states hold in the worlds. They live as long.
  CallsInWorlds(const Profile& profile, std::span<const Statement* const> proved);

  /// The world of that number, the same each time; none if some statement does not hold in it.
  std::optional<World<Concrete>> draw(std::uint64_t number, WorldForm form) const;

  /// Lets a race make some calls in each of so many worlds, of the kinds whose mutants are alive.
  void run(MutantRace& race, std::uint64_t worlds, WorldForm form = WorldForm::as_drawn) const;

 private:
  Profile profile_;
  std::vector<const Statement*> lemmas_;
};

}  // namespace capcheck

#endif
