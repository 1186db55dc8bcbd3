// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/minimise.h"

#include <linux/capability.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace capcheck {
namespace {

/// Remembers what was asked.
class Judge {
 public:
  explicit Judge(const Shows& shows) : shows_(shows) {}

  bool operator()(const Program& program) {
    const auto [known, is_new] = known_.try_emplace(encode(program));
    if (is_new) known->second = shows_(program);
    return known->second;
  }

 private:
  const Shows& shows_;
  std::map<std::vector<std::uint8_t>, bool> known_;
};

/// Leaves out runs of calls, long ones first, the last first.
bool leave_out_calls(Program& program, Judge& shows) {
  const std::size_t before = program.calls.size();
  for (std::size_t length = std::max<std::size_t>(before / 2, 1); length > 0; length /= 2) {
    for (std::size_t end = program.calls.size(); end >= length; --end) {
      Program shorter = program;
      const auto last = shorter.calls.begin() + static_cast<std::ptrdiff_t>(end);
      shorter.calls.erase(last - static_cast<std::ptrdiff_t>(length), last);
      if (shows(shorter)) {
        program = std::move(shorter);
        end = std::min(end, program.calls.size() + 1);
      }
    }
  }
  return program.calls.size() != before;
}

/// The program without a task, whose calls one of a lower number makes, or nobody; the tasks after it a number lower.
Program without_task(const Program& program, std::uint8_t task, std::optional<std::uint8_t> heir) {
  Program fewer;
  for (Call<Concrete> call : program.calls) {
    if (call.task == task && !heir) continue;
    if (call.task == task) call.task = *heir;
    if (call.task > task) --call.task;
    const CallInfo& call_info = info(call.kind);
    for (std::size_t i = 0; i < call_info.argument_count; ++i) {
      const std::uint64_t first = call_info.roles[i] == Role::pid ? kFirstThreadId : 0;
      const bool names_task = call_info.roles[i] == Role::pid || call_info.roles[i] == Role::task;
      if (names_task && call.args[i] > task + first && call.args[i] < kMaxTasks + first) --call.args[i];
    }
    fewer.calls.push_back(call);
  }
  return fewer;
}

/// What is left without a task and a call that made one, or without its calls. Each is shorter.
std::vector<Program> candidates_without(const Program& program, std::uint8_t task) {
  std::vector<Program> candidates;
  const auto add = [&](std::optional<std::uint8_t> heir) {
    const Program fewer = without_task(program, task, heir);
    for (std::size_t i = 0; i < fewer.calls.size(); ++i) {
      if (!gives_birth(fewer.calls[i].kind)) continue;
      candidates.push_back(fewer);
      candidates.back().calls.erase(candidates.back().calls.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fewer.calls.size() < program.calls.size()) candidates.push_back(fewer);
  };
  add(std::nullopt);
  for (std::uint8_t heir = 0; heir < task; ++heir) add(heir);
  return candidates;
}

}  // namespace

bool leave_out_tasks(Program& program, const Shows& shows) {
  bool changed = false;
  for (std::uint8_t task = kMaxTasks; task-- > 1;) {
    for (Program& candidate : candidates_without(program, task)) {
      if (!shows(candidate)) continue;
      program = std::move(candidate);
      changed = true;
      break;
    }
  }
  return changed;
}

namespace {

/// What an argument is tried as, plainest first. Each is less than the value, or the version that every kernel knows.
std::vector<std::uint64_t> plainer(Role role, std::uint64_t value) {
  if (role == Role::version) {
    return value == _LINUX_CAPABILITY_VERSION_3 ? std::vector<std::uint64_t>{}
                                                : std::vector<std::uint64_t>{_LINUX_CAPABILITY_VERSION_3};
  }
  std::vector<std::uint64_t> values;
  for (const std::uint64_t small : {0, 1, 2, 1000}) {
    if (small < value) values.push_back(small);
  }
  for (std::uint64_t bits = value; bits != 0; bits &= bits - 1) values.push_back(value & ~(bits & -bits));
  for (std::uint64_t& each : values) each = canonical<Concrete>(role, each);
  std::erase_if(values, [&](std::uint64_t each) { return each >= value; });
  return values;
}

bool make_arguments_plainer(Program& program, Judge& shows) {
  bool changed = false;
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const CallInfo& call_info = info(program.calls[i].kind);
    for (std::size_t argument = 0; argument < call_info.argument_count; ++argument) {
      for (const std::uint64_t value : plainer(call_info.roles[argument], program.calls[i].args[argument])) {
        Program candidate = program;
        candidate.calls[i].args[argument] = value;
        if (!shows(candidate)) continue;
        program = std::move(candidate);
        changed = true;
        break;
      }
    }
  }
  return changed;
}

}  // namespace

Program minimise(Program program, const Shows& shows) {
  Judge judge(shows);
  for (bool changed = true; changed;) {
    changed = leave_out_calls(program, judge);
    changed = leave_out_tasks(program, [&](const Program& fewer) { return judge(fewer); }) || changed;
    changed = make_arguments_plainer(program, judge) || changed;
  }
  return program;
}

}  // namespace capcheck
