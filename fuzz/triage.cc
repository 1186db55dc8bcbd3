// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/triage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "fuzz/signature.h"
#include "fuzz/sut/in_process_kernel.h"

namespace capcheck {
namespace {

using Kind = Replays::Kind;

/// Whether the program shows it on systems of a kind; none if it was not run on any.
std::optional<bool> shows_on(std::span<const Replays> replays, Kind kind) {
  std::optional<bool> shows;
  for (const Replays& one : replays) {
    if (one.kind == kind && one.runs > 0) shows = shows.value_or(false) || one.hits > 0;
  }
  return shows;
}

Replays run_on(Differential& differential, const Program& program, std::string_view signature, unsigned times) {
  Replays replays;
  for (unsigned i = 0; i < times; ++i) {
    const auto divergence = differential.run(program);
    if (!differential.refused().empty()) return {.refused = differential.refused()};
    ++replays.runs;
    if (!divergence) continue;
    replays.hits += signature.empty() || signature_of(*divergence, program, differential) == signature;
  }
  return replays;
}

std::string refused_call(const System& system, const Program& program) {
  for (const Call<Concrete>& call : program.calls) {
    if (const std::string refusal = system.refusal(call); !refusal.empty()) return refusal;
  }
  return {};
}

}  // namespace

std::string_view blame_name(Blame blame) {
  constexpr std::array<std::string_view, 5> kNames = {"kernel", "model", "harness", "environment", "unstable"};
  return kNames[static_cast<std::size_t>(blame)];
}

std::optional<Blame> judge(std::span<const Replays> replays) {
  const bool wavers =
      std::ranges::any_of(replays, [](const Replays& one) { return one.hits != 0 && one.hits != one.runs; });
  const bool ran = std::ranges::any_of(replays, [](const Replays& one) { return one.runs != 0; });
  const bool seen = std::ranges::any_of(replays, [](const Replays& one) { return one.hits != 0; });
  if (!ran) return std::nullopt;
  if (wavers || !seen) return Blame::unstable;
  const auto here = shows_on(replays, Kind::in_process), booted = shows_on(replays, Kind::booted);
  if (here && booted && *here != *booted) return Blame::harness;
  const auto own = here ? here : booted;
  if (own == true) return here && booted ? std::optional(Blame::model) : std::nullopt;
  if (!own) return std::nullopt;
  return shows_on(replays, Kind::under_test) == true ? Blame::kernel : Blame::environment;
}

std::string describe(const std::optional<Blame>& blame, std::span<const Replays> replays) {
  std::string text(blame ? blame_name(*blame) : "no verdict");
  for (const char* separator = ": "; const Replays& one : replays) {
    text += separator;
    text += one.refused.empty() ? fmt::format("{} of {} on {}", one.hits, one.runs, one.system)
                                : fmt::format("{} not asked ({})", one.system, one.refused);
    separator = ", ";
  }
  return text;
}

template <class Open>
void Triage::add(Kind kind, std::string name, Open open) {
  Seat seat{kind, std::move(name), nullptr};
  try {
    std::unique_ptr<System> system = open();
    seat.differential = std::make_unique<Differential>(profile_, std::move(system));
  } catch (const std::runtime_error& error) {
    seat.absent = error.what();
  }
  seats_.push_back(std::move(seat));
}

Triage::Triage(const Profile& profile, const std::filesystem::path& kernel, const std::optional<Machine>& machine)
    : profile_(profile) {
  const std::string name = to_string(profile);
  std::error_code not_there;
  if (!kernel.empty() && !std::filesystem::equivalent(kernel, kernel_file(profile), not_there)) {
    add(Kind::under_test, kernel.stem().string(), [&] { return std::make_unique<InProcessKernel>(kernel, profile); });
  }
  const bool own_machine = machine && !machine->as_found() && machine->booted.empty();
  if (machine && !own_machine) {
    add(machine->as_found() ? Kind::as_found : Kind::under_test,
        machine->booted.empty() ? to_string(*machine) : fmt::format("{} {}", to_string(*machine), machine->booted),
        [&] { return start_on(*machine, profile); });
  }
  add(Kind::in_process, name + " in process",
      [&] { return std::make_unique<InProcessKernel>(kernel_file(profile), profile); });
  const Machine guest = own_machine ? *machine : parse_machine("uml");
  add(Kind::booted, fmt::format("{} {}", to_string(guest), name), [&] { return start_on(guest, profile); });
  if (machine && machine->as_found()) return;
  add(Kind::as_found, "host", [&]() -> std::unique_ptr<System> {
    auto host = start_on(parse_machine("host"), {});
    if (const Profile found = detect_profile(host->hello()); found != profile) {
      throw EnvironmentError(fmt::format("its kernel is {}", to_string(found)));
    }
    return host;
  });
}

Judged Triage::judge_program(const Program& program, std::string_view signature, unsigned times) {
  Judged judged;
  for (Seat& seat : seats_) {
    Replays replays{.refused = seat.absent};
    if (seat.differential) {
      replays.refused = refused_call(seat.differential->system(), program);
      if (replays.refused.empty()) replays = run_on(*seat.differential, program, signature, times);
    }
    replays.system = seat.name;
    replays.kind = seat.kind;
    judged.replays.push_back(std::move(replays));
  }
  judged.blame = judge(judged.replays);
  return judged;
}

}  // namespace capcheck
