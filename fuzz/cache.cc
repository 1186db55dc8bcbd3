// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/cache.h"

#include <cstdlib>
#include <optional>
#include <stdexcept>

namespace capcheck {
namespace {

/// The directory that a variable names; none if it is not set, or empty, which the XDG base directory specification
/// takes for the same.
std::optional<std::filesystem::path> directory_in(const char* variable) {
  const char* const value = std::getenv(variable);
  if (!value || !*value) return std::nullopt;
  return value;
}

}  // namespace

std::filesystem::path cache_directory() {
  if (const auto cache = directory_in("CAPCHECK_CACHE")) return *cache;
  if (const auto cache = directory_in("XDG_CACHE_HOME")) return *cache / "capcheck";
  if (const auto home = directory_in("HOME")) return *home / ".cache/capcheck";
  throw std::runtime_error("none of CAPCHECK_CACHE, XDG_CACHE_HOME and HOME is set: set CAPCHECK_CACHE");
}

}  // namespace capcheck
