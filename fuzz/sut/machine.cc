// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/sut/machine.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "corpus/files.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"
#include "fuzz/guest/scratch.h"
#include "fuzz/programs.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSsh = "ssh:";

struct KindName {
  std::string_view name;
  Machine::Kind kind;
};
constexpr std::array kKindNames = {KindName{"host", Machine::Kind::host}, KindName{"uml", Machine::Kind::uml},
                                   KindName{"qemu", Machine::Kind::qemu}};

fs::path executor_file() {
  const fs::path file = program_directory() / "executor";
  if (!fs::exists(file)) throw EnvironmentError(file.string() + ": not built");
  return file;
}

/// Copies the executor to a temporary file of a machine; its name there. The executor removes it when it starts.
std::string copy_executor(const std::string& address) {
  const std::string remote = "umask 077 && f=$(mktemp) && cat > \"$f\" && chmod 700 \"$f\" && echo \"$f\"";
  const std::string command =
      fmt::format("ssh -- {} {} < {}", shell_word(address), shell_word(remote), shell_word(executor_file().string()));
  std::FILE* const output = popen(command.c_str(), "re");
  if (!output) throw EnvironmentError(fmt::format("ssh {}: cannot be started", address));
  std::array<char, 4096> line{};
  const char* const got = std::fgets(line.data(), line.size(), output);
  std::string name = got ? got : "";
  while (!name.empty() && name.back() == '\n') name.pop_back();
  if (pclose(output) != 0 || !name.starts_with('/')) {
    throw EnvironmentError(fmt::format("ssh {}: the executor could not be copied there", address));
  }
  return name;
}

BootedKernel kernel_named(const Machine& machine, std::string_view name) {
  return find_booted_kernel(name, machine.kind == Machine::Kind::uml ? Architecture::um : Architecture::x86_64);
}

/// The command of a guest whose init is the executor.
void add_guest(const Machine& machine, const Profile& profile, BootedOptions& options) {
  const std::string name = machine.booted.empty() ? to_string(profile) : machine.booted;
  const BootedKernel kernel = kernel_named(machine, name);
  const auto scratch = std::make_shared<Scratch>();
  const fs::path initramfs = scratch->path() / "initramfs.cpio";
  write_file(initramfs, initramfs_with_init(executor_file()).bytes());
  options.command = guest_command(kernel, initramfs, {.accelerator = {}, .scratch = scratch->path()});
  options.processors = guest_processors(kernel);
  options.keeps = scratch;
  options.profile = profile;
  options.name += " " + name;
  if (!machine.booted.empty()) {
    options.replay_options += fmt::format(" --booted {} --profile {}", name, to_string(profile));
  }
}

BootedOptions options_for(const Machine& machine) {
  BootedOptions options;
  options.name = to_string(machine);
  options.replay_options = "--on " + options.name;
  if (machine.allow_system_changes) options.replay_options += " --allow-system-changes";
  return options;
}

}  // namespace

Machine parse_machine(std::string_view text) {
  for (const KindName& known : kKindNames) {
    if (known.name == text) return {known.kind, {}, {}, false};
  }
  if (text.starts_with(kSsh) && text.size() > kSsh.size()) {
    return {Machine::Kind::ssh, std::string(text.substr(kSsh.size())), {}, false};
  }
  throw std::invalid_argument(fmt::format("no machine '{}' (known: host, uml, qemu, ssh:HOST)", text));
}

std::string to_string(const Machine& machine) {
  if (machine.kind == Machine::Kind::ssh) return std::string(kSsh) + machine.address;
  for (const KindName& known : kKindNames) {
    if (known.kind == machine.kind) return std::string(known.name);
  }
  __builtin_unreachable();
}

Profile recorded_profile(const Machine& machine) {
  if (machine.as_found()) {
    throw std::invalid_argument(
        fmt::format("--booted {}: the kernel of {} is taken as found; --on uml and --on qemu boot one", machine.booted,
                    to_string(machine)));
  }
  return parse_profile(kernel_named(machine, machine.booted).profile);
}

std::unique_ptr<BootedSystem> start_on(const Machine& machine, const Profile& profile) {
  BootedOptions options = options_for(machine);
  switch (machine.kind) {
    case Machine::Kind::host:
      options.command = {executor_file().string()};
      options.processors = Processors::one;  // as of each program two processes in turn are at work
      break;
    case Machine::Kind::ssh:
      options.command = {"ssh", "--", machine.address, copy_executor(machine.address), "--unlink"};
      break;
    case Machine::Kind::uml:
    case Machine::Kind::qemu:
      add_guest(machine, profile, options);
  }
  if (machine.allow_system_changes) options.command.emplace_back("--allow-system-changes");
  return std::make_unique<BootedSystem>(std::move(options));
}

std::string describe_environment(BootedSystem& kernel, const Profile& profile) {
  const Hello& hello = kernel.hello();
  std::string text = fmt::format("Linux {} by the rules of {}\n", hello.release.data(), to_string(profile));
  if (!hello.privileged) text += "without the privilege to make files and namespaces of its own\n";
  Trace trace, expected;
  kernel.run({}, trace);
  run_model(profile, {}, expected);
  if (!trace.failure.empty()) throw EnvironmentError(kernel.name() + ": " + trace.failure);
  for (const StateField& field : state_fields()) {
    const std::uint64_t found = field.get(trace.initial), usual = field.get(expected.initial);
    if (found == usual) continue;
    text += fmt::format("programs begin with {} {}, not {}\n", field.name,
                        field.is_set ? describe_set(found, profile.full_set()) : print_field(field, found),
                        field.is_set ? describe_set(usual, profile.full_set()) : print_field(field, usual));
  }
  return text + kernel.notes();
}

}  // namespace capcheck
