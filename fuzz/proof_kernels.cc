// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/proof_kernels.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/guest/guest.h"
#include "fuzz/programs.h"
#include "fuzz/replay.h"
#include "fuzz/sut/in_process_kernel.h"
#include "solver/process.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDebianSource = "/usr/src/linux-source-";

/// A kernel that is like one of the profile's own is that one.
std::optional<ProvedKernel> find_built(const std::string& name) {
  const auto built = booted_kernels();
  const auto found = std::ranges::find_if(
      built, [&](const BootedKernel& kernel) { return kernel.name == name && kernel.state == KernelState::ready; });
  if (found == built.end()) return std::nullopt;
  const bool has_own_source = !found->source.starts_with(kDebianSource), is_patched = !found->patches.empty();
  if (!has_own_source && !is_patched && name == found->profile && found->fault.empty()) return std::nullopt;
  ProvedKernel kernel{name, found->profile, found->profile, found->fault};
  if (!has_own_source && !is_patched) return kernel;
  if (found->tree.empty() || !fs::exists(found->tree)) {
    throw std::runtime_error(fmt::format(
        "the source that kernel {} was built from is not kept any more; build it again (capcheck kernel build)", name));
  }
  kernel.source = found->tree;
  if (is_patched && has_own_source) kernel.base = found->source;
  return kernel;
}

/// Builds a kernel for this process, below a directory.
fs::path build(const ProvedKernel& kernel, const fs::path& directory) {
  constexpr std::chrono::minutes kTimeToBuild{10};
  const fs::path file = directory / (kernel.fault.empty() ? kernel.profile + ".so"
                                                          : fmt::format("{},{}.so", kernel.profile, kernel.fault));
  std::vector<std::string> command{(bootable_kernel_script().parent_path() / "build").string(),
                                   "--name",
                                   kernel.profile,
                                   "--coverage",
                                   "--output",
                                   file.string()};
  if (!kernel.fault.empty()) command.insert(command.end(), {"--fault", kernel.fault});
  if (!kernel.source.empty()) command.insert(command.end(), {"--source", kernel.source.string()});
  const Finished finished = run_on(command, "", kTimeToBuild);
  if (!finished.status || !WIFEXITED(*finished.status) || WEXITSTATUS(*finished.status) != 0)
    throw std::runtime_error(fmt::format("the kernel for this process is not built: {}", finished.output));
  return file;
}

/// Of a report, what differs and where.
std::string shorten(const std::string& report) {
  std::string text;
  std::istringstream lines(report);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("DIVERGENCE") || line.starts_with("* ")) text += line + '\n';
  }
  return text;
}

KernelShown run(const ProvedKernel& kernel, const TraceText& trace) {
  const Profile profile = parse_profile(kernel.rules);
  const TemporaryDirectory directory("capcheck-prove");
  fs::path file = kernel.source.empty() ? kernel_file(parse_profile(kernel.profile), kernel.fault) : fs::path();
  if (file.empty() || !fs::exists(file)) file = build(kernel, directory.path());
  Differential differential(profile, std::make_unique<InProcessKernel>(file, profile, kernel.profile));
  const Replayed replayed = replay("program", trace, differential);
  return {differential.system().release(), replayed.parts_at ? shorten(replayed.problem) : "", replayed.refused};
}

KernelShown replay_in_process(const ProvedKernel& kernel, const TraceText& trace) {
  try {
    return run(kernel, trace);
  } catch (const std::runtime_error& problem) {
    return {.refused = problem.what()};
  }
}

}  // namespace

KernelServices proof_kernels() {
  return {find_built, replay_in_process};
}

}  // namespace capcheck
