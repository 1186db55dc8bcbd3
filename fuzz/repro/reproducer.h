// SPDX-License-Identifier: GPL-2.0-only
// A program as one C file of system calls, which compiles alone and says whether a kernel does what is expected.
#ifndef CAPCHECK_FUZZ_REPRO_REPRODUCER_H_
#define CAPCHECK_FUZZ_REPRO_REPRODUCER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/repro/privilege.h"
#include "model/profile.h"
#include "model/trace_text.h"

namespace capcheck {

/// Why a call has no C form: it is no system call, or needs a file that nobody can make. Empty if it has one.
std::string no_c_form(const Call<Concrete>& call);

/// What root does in a reproducer of the program besides giving up what is more than the least privilege, so that no
/// other user can start it. Empty if nothing.
std::string why_root(const Program& program);

/// What a reproducer is compiled as.
enum class ReproducerShape : std::uint8_t {
  alone,      ///< one file for cc; as the first process of a guest it powers that off at its end
  kselftest,  ///< a test of the kernel's own tools/testing/selftests, which says TAP by its kselftest.h
};

/// The C file. What it expects is what the model does of the program on the profile, with that privilege; root gives up
/// what is more. Its exit status, alone: 0 the kernel does the same, 1 it does not, 2 it could not be asked (root here
/// has less, say). `command` is how it was made. Throws std::invalid_argument that names the call if one has no C form,
/// or that says what of the program a C program cannot do as the model does.
std::string c_reproducer(const TraceText& trace, const Profile& profile, const Privilege& privilege,
                         ReproducerShape shape, std::string_view command);

}  // namespace capcheck

#endif
