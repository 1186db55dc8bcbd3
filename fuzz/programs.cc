// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/programs.h"

namespace capcheck {

std::filesystem::path program_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::filesystem::path bootable_kernel_script() {
  const std::filesystem::path installed = program_directory() / "../../share/capcheck/kernel/build_bootable";
  return std::filesystem::exists(installed) ? installed : CAPCHECK_BOOTABLE_SCRIPT;
}

std::string shell_word(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return result + "'";
}

}  // namespace capcheck
