// SPDX-License-Identifier: GPL-2.0-only
// Kernels that boot, and the commands that boot them.
//
// A guest is a process. Its standard input and output are the link, a stream of bytes to and from a device in the
// guest; its standard error is the console's text. The program /init of an initramfs finds the device's name in
// /proc/cmdline, as capcheck.link=/dev/NAME; it is a serial line (user-mode Linux), which /init makes raw, or no
// terminal at all (QEMU), and nothing may be sent before /init has sent something. /init ends the guest by powering it
// off; a panic ends it too. SIGKILL to the process ends all of it.
#ifndef CAPCHECK_FUZZ_GUEST_GUEST_H_
#define CAPCHECK_FUZZ_GUEST_GUEST_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/guest/child.h"

namespace capcheck {

enum class Architecture { um, x86_64 };

inline constexpr Architecture kArchitectures[] = {Architecture::um, Architecture::x86_64};

/// "um", "x86_64".
std::string_view to_string(Architecture architecture);
/// The inverse. Throws std::invalid_argument.
Architecture parse_architecture(std::string_view text);

enum class KernelState {
  ready,
  building,    ///< a build runs, of this kernel or of one it waits for
  unfinished,  ///< a build has failed or was interrupted; building again goes on from there
};

std::string_view to_string(KernelState state);

/// A kernel of `capcheck kernel build`. Where it is not ready, only the first three members say something.
struct BootedKernel {
  std::string name;
  Architecture architecture = Architecture::um;
  KernelState state = KernelState::ready;
  std::string profile;         ///< version and features, as parse_profile() reads them: "6.12+userns"
  std::string release;         ///< "6.12.117"
  std::string fault;           ///< planted in it; empty if none
  std::string options;         ///< words of kcov, kasan, ubsan, lockdep
  std::string patches;         ///< names of the user's own patches
  std::string source;          ///< tree or tarball it was made from
  std::filesystem::path tree;  ///< the same, with the user's patches, as it was then; empty in older records
  std::filesystem::path image;
  std::filesystem::path workspace;  ///< where it was compiled; may be gone
  std::filesystem::path record;
};

/// The kernels there are, by architecture and name.
std::vector<BootedKernel> booted_kernels();

/// A kernel that can be booted. Throws std::runtime_error that says how to build it.
BootedKernel find_booted_kernel(std::string_view name, Architecture architecture);

/// Forgets a kernel: removes its record, and its image and workspace unless another kernel has the same. Throws
/// std::runtime_error while a build runs.
void remove_booted_kernel(const BootedKernel& kernel);

/// Where a guest's process is to run. User-mode Linux hands over to a process of the host that stands for the guest's,
/// and back, at every system call; from one processor to another this takes four times as long, for it wakes up the
/// other one each time.
Processors guest_processors(const BootedKernel& kernel);

enum class Accelerator { kvm, tcg };

/// What the process's standard input and output are.
enum class Wiring {
  link,     ///< the link, as above
  console,  ///< the console, for a person; there is no link, and standard error is unused
};

struct GuestOptions {
  unsigned memory_mib = 0;  ///< 0: enough for the kernel's options and an executor
  /// Of x86_64. None: KVM where kvm_works(), else TCG.
  std::optional<Accelerator> accelerator;
  Wiring wiring = Wiring::link;
  /// A directory for files of user-mode Linux's own, which a killed guest leaves behind: whoever starts guests removes
  /// it. Empty: the directory for temporary files.
  std::filesystem::path scratch;
};

/// The command that boots a kernel with an initramfs (fuzz/guest/initramfs.h). The first word is a path, or a name to
/// be looked for in PATH. Throws std::runtime_error if QEMU is not installed.
std::vector<std::string> guest_command(const BootedKernel& kernel, const std::filesystem::path& initramfs,
                                       const GuestOptions& options = {});

}  // namespace capcheck

#endif
