// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/runner.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "fuzz/sut/perform.h"

namespace capcheck {
namespace {

bool needs_crowd(const Program& program) {
  return std::ranges::any_of(program.calls, [](const Call<Concrete>& call) {
    switch (call.kind) {
      case CallKind::clone:
      case CallKind::execve:
      case CallKind::open_userfaultfd_device:
      case CallKind::userfaultfd_ioc_new:
      case CallKind::user_fault:
      case CallKind::kernel_fault:
        return true;
      default:
        return false;
    }
  });
}

/// Whether a program has written to a file of /proc/sys, of those that are written in this form.
bool has_written(Form form, const Program& program, const Trace& trace) {
  for (std::size_t i = 0; i < trace.observations.size(); ++i) {
    if (info(program.calls[i].kind).form != form) continue;
    if (static_cast<std::int64_t>(trace.observations[i].result) > 0) return true;
  }
  return false;
}

}  // namespace

Runner::Runner(const Environment& environment) : environment_(environment), masks_(read_masks()) {}

void Runner::run(const Program& program, Trace& trace) {
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    if (const char* obstacle = obstacle_to(environment_, program.calls[i])) {
      throw Refusal(fmt::format("call {}: {}", i + 1, obstacle));
    }
  }
  namespaces_.clear();  // a program before this one may have been given up
  trace.sysctls = masks_;
  trace.initial = {};
  trace.observations.clear();
  trace.others.clear();
  trace.failure.clear();
  kcov_.begin();
  try {
    if (needs_crowd(program)) {
      watchdog_.begin(nullptr);
      run_crowd(environment_, namespaces_, source_, program, trace);
    } else {
      run_alone(environment_, namespaces_, watchdog_, reader_, program, trace);
    }
  } catch (const Refusal&) {
    leave_behind(environment_.system_changes, true);
    throw;
  }
  if (trace.failure.empty()) trace.failure = namespaces_.check_parents();
  // Of a program that was not finished, the last call may be one that is not in the trace.
  const bool finished = trace.failure.empty();
  leave_behind(finished ? has_written(Form::flag_sysctl, program, trace) : environment_.system_changes,
               !finished || has_written(Form::sysctl, program, trace));
}

/// Nothing of a program that has run, or was refused in its middle, is there for the next.
void Runner::leave_behind(bool flags_may_have_changed, bool masks_may_have_changed) {
  namespaces_.clear();
  watchdog_.end();
  if (flags_may_have_changed) restore_flags(masks_);
  if (masks_may_have_changed) masks_ = read_masks();
}

const Coverage& Runner::coverage() {
  kcov_.read(coverage_);
  return coverage_;
}

const char* obstacle_to(const Environment& environment, const Call<Concrete>& call) {
  if (!(environment.hello.performs >> static_cast<unsigned>(call.kind) & 1)) return "not performed here";
  return unmakeable_file(call);
}

}  // namespace capcheck
