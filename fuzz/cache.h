// SPDX-License-Identifier: GPL-2.0-only
// Where capcheck keeps what it can make again.
#ifndef CAPCHECK_FUZZ_CACHE_H_
#define CAPCHECK_FUZZ_CACHE_H_

#include <filesystem>

namespace capcheck {

/// $CAPCHECK_CACHE, or capcheck below the user's cache directory. Throws std::runtime_error if there is neither.
std::filesystem::path cache_directory();

}  // namespace capcheck

#endif
