// SPDX-License-Identifier: GPL-2.0-only
// Where this program and what belongs to it lie, in the build directory and where it is installed; and how others are
// named to a shell.
#ifndef CAPCHECK_FUZZ_PROGRAMS_H_
#define CAPCHECK_FUZZ_PROGRAMS_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace capcheck {

/// The directory of the running program, in which the others that it starts are, and the directory `kernels`.
std::filesystem::path program_directory();

/// fuzz/kernel/build_bootable: of the source tree that this was built from, or as installed, in
/// ../../share/capcheck/kernel as seen from program_directory().
std::filesystem::path bootable_kernel_script();

/// A word for a shell, here or elsewhere: in single quotes.
std::string shell_word(std::string_view text);

}  // namespace capcheck

#endif
