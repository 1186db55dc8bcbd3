// SPDX-License-Identifier: GPL-2.0-only
// Replay: runs traces on the model and on kernels in this process, and compares all with what the traces expect.
#ifndef CAPCHECK_FUZZ_REPLAY_H_
#define CAPCHECK_FUZZ_REPLAY_H_

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fuzz/differential.h"
#include "model/trace_text.h"

namespace capcheck {

/// One trace on one kernel.
struct Replayed {
  std::filesystem::path file;
  std::string profile, kernel;
  std::string problem;  ///< a report for a person; empty if all agree
};

/// The kernels that traces ask for, each loaded once, when it is first asked for.
class Kernels {
 public:
  /// `only`, if not empty, stands in for every kernel.
  explicit Kernels(std::filesystem::path only = {}) : only_(std::move(only)) {}

  /// The kernel of a profile. Throws as InProcessKernel does.
  Differential& of(const Profile& profile);
  std::size_t count() const { return loaded_.size(); }

 private:
  std::filesystem::path only_;
  std::map<std::string, std::unique_ptr<Differential>> loaded_;
};

/// Runs a trace, read from `file`, on the model and on one kernel.
Replayed replay(const std::filesystem::path& file, const TraceText& trace, Differential& differential);

}  // namespace capcheck

#endif
