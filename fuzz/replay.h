// SPDX-License-Identifier: GPL-2.0-only
// Replay: runs traces on the model and on kernels, in this process or booted, and compares all with what the traces
// expect.
#ifndef CAPCHECK_FUZZ_REPLAY_H_
#define CAPCHECK_FUZZ_REPLAY_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "corpus/checks.h"
#include "fuzz/differential.h"
#include "model/trace_text.h"

namespace capcheck {

/// One trace on one kernel.
struct Replayed {
  std::filesystem::path file;
  std::string profile{}, kernel{};
  std::string problem{};  ///< a report for a person; empty if all agree
  std::string refused{};  ///< why the kernel did not run it, which is no agreement; empty if it did
  bool expects = false;   ///< the trace names the profile, so what it expects was looked at
  double seconds = 0;
  /// The call at which model and kernel part, and its line in the file (1 where it has no lines); none if they do not,
  /// or before the first.
  std::optional<CallKind> parts_at{};
  std::size_t line = 1;
};

/// The kernels that traces ask for, each loaded or booted once, when it is first asked for.
class Kernels {
 public:
  /// What gives the kernel of a profile.
  using Source = std::function<std::unique_ptr<System>(const Profile&)>;

  /// Kernels in this process. `only`, if not empty, stands in for every kernel.
  explicit Kernels(std::filesystem::path only = {});
  explicit Kernels(Source source) : source_(std::move(source)) {}

  /// The kernel of a profile. Throws as InProcessKernel does.
  Differential& of(const Profile& profile);
  /// A kernel in this process, by the name of its file without ".so".
  Differential& of(const Profile& profile, const std::string& name);
  std::size_t count() const { return loaded_.size(); }

 private:
  Source source_;
  std::map<std::string, std::unique_ptr<Differential>> loaded_;
};

/// Runs a trace, read from `file`, on the model and on one kernel. Where a kernel is taken as found, what the trace
/// expects is not asked of it: it speaks of another start, and perhaps of another profile. Of a known divergence the
/// kernel must be the one in this process that shows it (or showed it, if that is fixed): any other is not asked.
Replayed replay(const std::filesystem::path& file, const TraceText& trace, Differential& differential);

/// Runs as checks. Their rules: that a trace's expectations are met, and for each kind of call that model and kernel
/// agree about it.
Checks checks_of(std::span<const Replayed> runs);

}  // namespace capcheck

#endif
