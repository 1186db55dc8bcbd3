// SPDX-License-Identifier: GPL-2.0-only
// A guest that does one thing and says on its console what came of it.
#ifndef CAPCHECK_FUZZ_GUEST_CONSOLE_H_
#define CAPCHECK_FUZZ_GUEST_CONSOLE_H_

#include <chrono>
#include <string>

#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"

namespace capcheck {

/// Boots a kernel with these files and waits until the guest has ended. All that it wrote to its console, the kernel's
/// messages among it. Throws std::runtime_error with the console's end if it has not ended by then; the guest is then
/// killed.
std::string run_to_its_end(const BootedKernel& kernel, const Initramfs& files, std::chrono::seconds patience);

}  // namespace capcheck

#endif
