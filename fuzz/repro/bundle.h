// SPDX-License-Identifier: GPL-2.0-only
// All that somebody else needs to see a divergence: a directory.
#ifndef CAPCHECK_FUZZ_REPRO_BUNDLE_H_
#define CAPCHECK_FUZZ_REPRO_BUNDLE_H_

#include <filesystem>
#include <string>

#include "fuzz/guest/guest.h"
#include "fuzz/repro/privilege.h"
#include "model/profile.h"
#include "model/trace_text.h"

namespace capcheck {

/// Writes into a directory, whole or not at all, which must not be there: the trace, its reproducer as one C file and
/// in the shape of the kernel's selftests, the kernel's configuration, the semantic patches of its features, README
/// with the kernel's version and the one command that boots it and shows the trace, and SHA256SUMS of all. `stem` names
/// the files. Throws std::runtime_error if the directory is there, or the kernel's configuration is not.
void write_bundle(const std::filesystem::path& directory, const std::string& stem, const TraceText& trace,
                  const Profile& profile, const Privilege& privilege, const BootedKernel& kernel);

}  // namespace capcheck

#endif
