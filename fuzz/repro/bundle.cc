// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/repro/bundle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "corpus/files.h"
#include "fuzz/programs.h"
#include "fuzz/repro/reproducer.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

/// The semantic patches by which the profile's features are put into a kernel.
void copy_patches(const Profile& profile, const fs::path& to) {
  const fs::path patches = bootable_kernel_script().parent_path() / "patches";
  for (const FeatureInfo& feature : kFeatures) {
    if (profile.features.*feature.member)
      fs::copy(patches / feature.name, to / feature.name, fs::copy_options::recursive);
  }
}

std::string readme(const std::string& stem, const BootedKernel& kernel, const Privilege& privilege,
                   const TraceText& trace) {
  std::string command = "capcheck replay --on uml --booted " + kernel.name;
  if (trace.known && !trace.known->kernel.empty()) command = "capcheck replay";
  const std::string why = why_root(trace.program);
  const auto or_none = [](const std::string& text) { return text.empty() ? "none" : text; };
  return fmt::format(
      "{}\n\n"
      "Kernel: Linux {} from {}, as {} for user-mode Linux\n"
      "Features by semantic patches: patches/; the user's own patches: {}; planted fault: {}\n"
      "Configuration: config\n"
      "Least privilege: {}{}\n\n"
      "Build that kernel: capcheck kernel build {}\n"
      "Boot it and see: {} {}.trace\n"
      "Without capcheck: cc -o {} {}.c && ./{}\n"
      "As a test of the kernel's own: {}_selftest.c, in a directory of tools/testing/selftests\n"
      "Check these files: sha256sum -c SHA256SUMS\n",
      trace.intent.empty() ? stem : trace.intent, kernel.release, fs::path(kernel.source).filename().string(),
      kernel.profile, or_none(kernel.patches), or_none(kernel.fault), describe(privilege),
      why.empty() ? "" : fmt::format("; root has to start it: {}", why), kernel.name, command, stem, stem, stem, stem,
      stem);
}

/// Writes SHA256SUMS of all files below a directory.
void write_sums(const fs::path& directory) {
  const std::string command =
      fmt::format("cd {} && find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum", shell_word(directory.string()));
  std::FILE* const output = popen(command.c_str(), "re");
  if (!output) throw std::runtime_error("sha256sum cannot be started");
  std::string sums;
  std::array<char, 4096> piece{};
  while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), output)) sums.append(piece.data(), size);
  if (pclose(output) != 0 || sums.empty()) throw std::runtime_error("sha256sum failed");
  write_file(directory / "SHA256SUMS", sums);
}

}  // namespace

void write_bundle(const fs::path& directory, const std::string& stem, const TraceText& trace, const Profile& profile,
                  const Privilege& privilege, const BootedKernel& kernel) {
  if (fs::exists(directory)) throw std::runtime_error(fmt::format("{}: is there already", directory.string()));
  const fs::path config = kernel.workspace / "build" / ".config";
  if (!fs::exists(config)) {
    throw std::runtime_error(
        fmt::format("{}: no configuration of the kernel; run: capcheck kernel build {}", config.string(), kernel.name));
  }
  fs::path unfinished = directory;
  unfinished += ".new";
  fs::remove_all(unfinished);
  fs::create_directories(unfinished / "patches");
  const std::string command = fmt::format("capcheck repro --bundle {}", directory.filename().string());
  write_file(unfinished / (stem + ".trace"), print_trace(trace));
  write_file(unfinished / (stem + ".c"), c_reproducer(trace, profile, privilege, ReproducerShape::alone, command));
  write_file(unfinished / (stem + "_selftest.c"),
             c_reproducer(trace, profile, privilege, ReproducerShape::kselftest, command));
  write_file(unfinished / "config", read_file(config));
  write_file(unfinished / "README", readme(stem, kernel, privilege, trace));
  copy_patches(profile, unfinished / "patches");
  write_sums(unfinished);
  fs::rename(unfinished, directory);
}

}  // namespace capcheck
