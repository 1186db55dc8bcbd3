// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/repro/privilege.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "fuzz/differential.h"
#include "fuzz/signature.h"
#include "model/constants.h"

namespace capcheck {
namespace {

/// What a kernel gives a program, as far as a reader of its output would compare it.
struct Shown {
  std::vector<std::int64_t> errors;  ///< of each call: the negated errno, or 0
  std::string signature;             ///< of where it parts from the model; empty if it does not

  bool operator==(const Shown&) const = default;
};

Trace run_from(InProcessKernel& kernel, const Start& start, const Program& program) {
  Trace trace;
  kernel.begin();
  kernel.dress(start.state);
  trace.initial = start.state;
  std::vector<TaskState<Concrete>> others;
  for (const Call<Concrete>& call : program.calls) {
    trace.observations.push_back(kernel.call(call, others));
    std::ranges::copy(others, std::back_inserter(trace.others));
  }
  kernel.end();
  return trace;
}

/// The program as a reproducer makes it: where a session keyring is given away, the first one is of whoever begins.
Program as_reproduced(const Program& program) {
  Program made = program;
  if (std::ranges::find(program.calls, CallKind::session_to_parent, &Call<Concrete>::kind) != program.calls.end())
    made.calls.insert(made.calls.begin(), {CallKind::join_session_keyring, 0, {}});
  return made;
}

Shown show(InProcessKernel& kernel, const Profile& profile, const Privilege& privilege, const Program& asked) {
  const Program program = as_reproduced(asked);
  const Start start = start_with(profile, privilege);
  const Trace seen = run_from(kernel, start, program);
  Trace model;
  run_model(profile, start, program, model);
  Shown shown;
  for (const Observation& observation : seen.observations) {
    shown.errors.push_back(std::min<std::int64_t>(static_cast<std::int64_t>(observation.result), 0));
  }
  // No oracles: what is claimed to hold is claimed from the profile's start on, which this is not.
  if (const auto divergence = find_divergence(program, model, seen)) {
    shown.signature = signature_of(*divergence, program, model, seen);
  }
  return shown;
}

}  // namespace

std::string describe(const Privilege& privilege) {
  if (!privilege.capabilities) return "root with all capabilities";
  const std::uint64_t set = *privilege.capabilities;
  if (set == 0) return "an ordinary user without capabilities";
  std::string names;
  for (std::uint64_t capability = 0; capability < 64; ++capability) {
    if (!(set >> capability & 1)) continue;
    if (!names.empty()) names += ", ";
    names += capability_name(capability).value_or(std::to_string(capability));
  }
  return fmt::format("an ordinary user with {} alone", names);
}

Start start_with(const Profile& profile, const Privilege& privilege) {
  World<Concrete> world{};
  begin(world, profile);
  Start start{observe(world, 0), world.sysctls};
  if (!privilege.capabilities) return start;
  Credentials<Concrete>& cred = start.state.cred;
  cred.permitted = cred.effective = *privilege.capabilities;
  cred.uid = cred.euid = cred.suid = cred.fsuid = kOrdinaryUser;
  cred.gid = cred.egid = cred.sgid = cred.fsgid = kOrdinaryUser;
  return start;
}

std::vector<Privilege> privileges_to_try(const Profile& profile) {
  std::vector<Privilege> privileges{{std::uint64_t{0}}};
  for (std::uint64_t capability = 0; capability <= profile.last_cap(); ++capability) {
    privileges.push_back({std::uint64_t{1} << capability});
  }
  privileges.push_back({std::nullopt});
  return privileges;
}

Privilege least_privilege(InProcessKernel& kernel, const Profile& profile, const Program& program) {
  const Shown wanted = show(kernel, profile, {}, program);
  for (const Privilege& privilege : privileges_to_try(profile)) {
    const Shown shown = show(kernel, profile, privilege, program);
    if (shown == wanted) return privilege;
    if (wanted.signature.empty() && !shown.signature.empty()) {
      throw std::runtime_error(
          fmt::format("as {}, the kernel parts from the model: {}", describe(privilege), shown.signature));
    }
  }
  throw std::runtime_error("the kernel does not do for root twice what it did once");
}

}  // namespace capcheck
