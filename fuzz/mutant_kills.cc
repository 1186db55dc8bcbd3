// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_kills.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace capcheck {
namespace {

namespace fs = std::filesystem;

fs::path kills_file(const fs::path& file) {
  return fs::path(file).concat(".kills");
}

std::vector<std::size_t> read_runners(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::size_t> mutants;
  for (std::size_t mutant = 0; in >> mutant;) mutants.push_back(mutant);
  if (!in.eof()) throw std::runtime_error(fmt::format("{}: expected numbers of mutants, one a line", file.string()));
  return mutants;
}

}  // namespace

MutantKills::MutantKills(const Profile& profile, const fs::path& file)
    : mutants_(std::make_unique<Mutants>(profile)),
      race_(profile, *mutants_, read_runners(file)),
      kills_(kills_file(file)) {
  if (!kills_) throw std::runtime_error(fmt::format("{}: cannot be written", kills_file(file).string()));
}

bool MutantKills::run(const Program& program) {
  ++programs_;
  for (const std::size_t mutant : race_.run(program)) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    kills_ << fmt::format("{} {:.3f} {}\n", mutant, seconds, programs_) << std::flush;
  }
  return race_.alive() == 0;
}

void write_runners(const fs::path& file, std::span<const std::size_t> mutants) {
  std::ofstream out(file);
  for (const std::size_t mutant : mutants) out << mutant << '\n';
  if (!out.flush()) throw std::runtime_error(fmt::format("{}: cannot be written", file.string()));
}

Kills read_kills(const fs::path& file) {
  std::ifstream in(kills_file(file));
  Kills kills;
  std::size_t mutant = 0;
  Kill kill{};
  while (in >> mutant >> kill.seconds >> kill.programs) kills.emplace(mutant, kill);
  if (!in.eof()) {
    throw std::runtime_error(fmt::format("{}: expected lines of a mutant, seconds and programs", file.string()));
  }
  return kills;
}

}  // namespace capcheck
