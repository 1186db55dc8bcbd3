// SPDX-License-Identifier: GPL-2.0-only
// Whose fault a divergence is: its program is run again and again on every kernel at hand.
#ifndef CAPCHECK_FUZZ_TRIAGE_H_
#define CAPCHECK_FUZZ_TRIAGE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/sut/machine.h"

namespace capcheck {

/// Who parts from the others.
enum class Blame : std::uint8_t {
  kernel,       ///< the kernel under test: another kernel of the same profile does what the model does
  model,        ///< the model: every kernel of the profile, in process and booted, does otherwise
  harness,      ///< what runs the kernel: in process and booted, the same kernel does not do the same
  environment,  ///< the machine: a kernel taken as found parts from the model, where those of our own do not
  unstable,     ///< the same program does not always show it, or it was not seen again
};
std::string_view blame_name(Blame blame);

/// How often a program showed a divergence on one system.
struct Replays {
  enum class Kind : std::uint8_t {
    in_process,  ///< the profile's own kernel, in this process
    booted,      ///< the same, booted
    as_found,    ///< a kernel that runs elsewhere: of this host, or reached by ssh
    under_test,  ///< another kernel that was asked for: of a user's tree, or with a fault planted
  };
  std::string system{};
  Kind kind{};
  unsigned hits = 0, runs = 0;
  std::string refused{};  ///< why it was not run there; then hits and runs are 0
};

/// What the replays say; none where they do not tell: nothing ran it, or one system alone.
std::optional<Blame> judge(std::span<const Replays> replays);

/// "kernel: 10 of 10 on 6.12,raise-gate-dropped, 0 of 10 on 6.12 (in process), uml 6.12 not asked: ..."
std::string describe(const std::optional<Blame>& blame, std::span<const Replays> replays);

struct Judged {
  std::optional<Blame> blame;
  std::vector<Replays> replays;
};

/// Every system at hand for one profile: its kernel in process, the same booted under user-mode Linux, this host if its
/// kernel is of the profile, and the one under test. What is not there is named with the reason.
class Triage {
 public:
  /// `kernel` and `machine` are of what a divergence was found on; without either it is the profile's own.
  Triage(const Profile& profile, const std::filesystem::path& kernel, const std::optional<Machine>& machine);

  /// Runs a program so often on each. A run counts as a hit if it diverges, and with this signature if one is given.
  Judged judge_program(const Program& program, std::string_view signature, unsigned times);

 private:
  struct Seat {
    Replays::Kind kind;
    std::string name;
    std::unique_ptr<Differential> differential;  ///< none: it is not there
    std::string absent{};                        ///< why
  };
  template <class Open>
  void add(Replays::Kind kind, std::string name, Open open);

  Profile profile_;
  std::vector<Seat> seats_;
};

}  // namespace capcheck

#endif
