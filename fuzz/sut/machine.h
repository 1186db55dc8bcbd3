// SPDX-License-Identifier: GPL-2.0-only
// Where programs run: `--on host`, `uml`, `qemu` or `ssh:HOST`.
#ifndef CAPCHECK_FUZZ_SUT_MACHINE_H_
#define CAPCHECK_FUZZ_SUT_MACHINE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/sut/booted_system.h"
#include "model/profile.h"

namespace capcheck {

/// A machine that can be named on the command line.
struct Machine {
  enum class Kind : std::uint8_t { host, uml, qemu, ssh } kind = Kind::host;
  std::string address;                ///< of ssh: what ssh(1) takes as its destination
  std::string booted;                 ///< of a guest: the kernel of `capcheck kernel list`; empty: that of the profile
  bool allow_system_changes = false;  ///< make calls that change more than the program's own tasks; a guest makes them

  /// Kernels there are taken as found; else they are booted, one for each profile.
  bool as_found() const { return kind == Kind::host || kind == Kind::ssh; }
};

/// Reads "host", "uml", "qemu" or "ssh:HOST". Throws std::invalid_argument that lists them.
Machine parse_machine(std::string_view text);

/// The inverse.
std::string to_string(const Machine& machine);

/// The profile that a machine's `booted` kernel was built as. Throws std::runtime_error if there is no such kernel, and
/// std::invalid_argument if it names one that is not the machine's to boot.
Profile recorded_profile(const Machine& machine);

/// Starts an executor on the machine. `profile` is that of the kernel to boot, and of no use where kernels are taken as
/// found. Throws EnvironmentError.
std::unique_ptr<BootedSystem> start_on(const Machine& machine, const Profile& profile);

/// What a reader should know of a kernel taken as found: its profile, how its start differs from the profile's, and
/// what may interfere. Lines.
std::string describe_environment(BootedSystem& kernel, const Profile& profile);

}  // namespace capcheck

#endif
