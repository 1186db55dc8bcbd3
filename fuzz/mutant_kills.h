// SPDX-License-Identifier: GPL-2.0-only
// The record of a race: which mutant was told from the model when, and after how many programs.
#ifndef CAPCHECK_FUZZ_MUTANT_KILLS_H_
#define CAPCHECK_FUZZ_MUTANT_KILLS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "fuzz/mutant_race.h"
#include "model/mutants.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// When a mutant was told from the model.
struct Kill {
  double seconds;          ///< since the race began
  std::uint64_t programs;  ///< the program that did it, counted from 1
};
using Kills = std::map<std::size_t, Kill>;  ///< by the mutant's place in Mutants::all()

/// A race whose runners are read from a file, one number a line, and whose kills are written beside it.
class MutantKills {
 public:
  /// Throws std::runtime_error if the file cannot be read, or kills not be written.
  MutantKills(const Profile& profile, const std::filesystem::path& file);

  /// Tries a program on which model and kernel agree. Whether no mutant is left.
  bool run(const Program& program);

 private:
  std::unique_ptr<Mutants> mutants_;
  MutantRace race_;
  std::ofstream kills_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::uint64_t programs_ = 0;
};

/// Writes the file that MutantKills reads.
void write_runners(const std::filesystem::path& file, std::span<const std::size_t> mutants);
/// What MutantKills wrote beside that file. Throws std::runtime_error where it is not of that form.
Kills read_kills(const std::filesystem::path& file);

}  // namespace capcheck

#endif
