// SPDX-License-Identifier: GPL-2.0-only
// Whether KVM is of use here.
#ifndef CAPCHECK_FUZZ_GUEST_KVM_H_
#define CAPCHECK_FUZZ_GUEST_KVM_H_

#include <filesystem>
#include <string_view>

namespace capcheck {

/// Whether a program of that name is in PATH.
bool is_in_path(std::string_view program);

/// Whether a kernel boots in QEMU with KVM as far as to look for /init. /dev/kvm says little: KVM can be present and
/// hang, or refuse what QEMU wants, so it is tried with this kernel, for 5 seconds at most. The answer is kept in the
/// cache, for as long as processor, running kernel and QEMU stay what they are.
bool kvm_works(const std::filesystem::path& kernel_image);

}  // namespace capcheck

#endif
