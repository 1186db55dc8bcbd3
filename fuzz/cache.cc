// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/cache.h"

#include <cstdlib>
#include <stdexcept>

namespace capcheck {

std::filesystem::path cache_directory() {
  if (const char* cache = std::getenv("CAPCHECK_CACHE")) return cache;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return std::filesystem::path(cache) / "capcheck";
  const char* home = std::getenv("HOME");
  if (!home) throw std::runtime_error("none of CAPCHECK_CACHE, XDG_CACHE_HOME and HOME is set: set CAPCHECK_CACHE");
  return std::filesystem::path(home) / ".cache/capcheck";
}

}  // namespace capcheck
