// SPDX-License-Identifier: GPL-2.0-only
// Where an executor runs: what it makes ready once, and what it finds out about the system.
#ifndef CAPCHECK_FUZZ_EXECUTOR_ENVIRONMENT_H_
#define CAPCHECK_FUZZ_EXECUTOR_ENVIRONMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/executor/frames.h"
#include "model/world.h"

namespace capcheck {

enum class Place : std::uint8_t {
  guest,         ///< as its init: the machine is the executor's own
  isolated,      ///< on a machine that others use, in PID and mount namespaces of its own
  unprivileged,  ///< there, without the privilege to make these
};

struct Environment {
  Place place = Place::unprivileged;
  bool system_changes = false;  ///< calls that change the whole machine are made
  const char* jail = "";        ///< the directory to chroot to, from the working directory
  std::uint64_t suid_dumpable = 0;
  bool user_mode_linux = false;
  Hello hello{};
  std::string notes;  ///< lines: what of the environment is worth knowing

  bool privileged() const { return place != Place::unprivileged; }
};

/// In a guest, before all else: mounts /proc, /dev and /tmp, opens the link that the kernel's command line names
/// (capcheck.link=/dev/…) and makes it raw. The descriptor. Throws std::runtime_error.
int become_init();

/// On a machine that others use: takes PID and mount namespaces of its own, where it may. The caller goes on as a
/// child, process 1 of its namespace, while its parent waits, and dies with it. Throws std::runtime_error.
Place isolate();

/// Makes ready what tasks need (the descriptors of shared.h but for the socket, the files to execute, the working
/// directory, a session keyring; in a guest whose kernel has KCOV, what counts coverage) and asks the system for what
/// Hello says. Throws std::runtime_error.
Environment prepare(Place place, bool system_changes);

/// The masks below /proc/sys/kernel. A mask that is not there or cannot be read is all ones.
Sysctls<Concrete> read_masks();

/// Gives back what a program took that can be given back: the sysctls that are 0 or 1.
void restore_flags(const Sysctls<Concrete>& sysctls);

/// PR_GET_DUMPABLE as the model counts it: what suid_dumpable says is 0.
std::uint64_t counted_dumpable(const Environment& environment, std::uint64_t dumpable);

}  // namespace capcheck

#endif
