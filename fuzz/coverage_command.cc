// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/coverage_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "corpus/files.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/constants.h"
#include "model/possible.h"
#include "model/program.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;

struct CoverageOptions {
  std::vector<fs::path> paths{"corpus"};
  std::vector<std::string> profiles;
  bool json = false;
};

std::vector<TransitionRow> empty_table(std::span<const Profile> profiles) {
  std::vector<TransitionRow> rows;
  for (const CallInfo& call : kCalls) {
    std::vector<TransitionRow> of_call;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      for (const Guard outcome : possible_outcomes(profiles[i], call.kind)) {
        auto row = std::ranges::find(of_call, outcome, &TransitionRow::outcome);
        if (row == of_call.end()) {
          of_call.push_back(
              {call.kind, outcome, std::vector<std::uint64_t>(profiles.size()), std::vector<bool>(profiles.size())});
          row = of_call.end() - 1;
        }
        row->applies[i] = true;
      }
    }
    std::ranges::sort(of_call, {}, &TransitionRow::outcome);
    rows.insert(rows.end(), of_call.begin(), of_call.end());
  }
  return rows;
}

void count(const Profile& profile, std::size_t profile_index, const Program& program,
           std::vector<TransitionRow>& rows) {
  const Trace trace = run_model(profile, program);
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    if (trace.guards[i] == Guard::caller_exists) continue;  // not made
    const auto row = std::ranges::find_if(rows, [&](const TransitionRow& candidate) {
      return candidate.call == program.calls[i].kind && candidate.outcome == trace.guards[i];
    });
    if (row == rows.end() || !row->applies[profile_index]) {
      throw std::logic_error(fmt::format("{} stopped by '{}', which its rule is not known to provide for",
                                         print_call(program.calls[i]), info(trace.guards[i]).name));
    }
    ++row->reached[profile_index];
  }
}

std::string outcome_errno(Guard outcome) {
  return outcome == Guard::none ? "" : errno_name(info(outcome).error);
}

void print_table(std::span<const Profile> profiles, const std::vector<TransitionRow>& rows) {
  for (std::size_t i = 0; i < profiles.size(); ++i) fmt::print("[{}] {}\n", i + 1, to_string(profiles[i]));
  fmt::print("\n{:<28} {:<7} {:<62}", "call", "errno", "outcome");
  for (std::size_t i = 0; i < profiles.size(); ++i) fmt::print(" {:>6}", fmt::format("[{}]", i + 1));
  fmt::print("\n");
  CallKind before{};
  for (const TransitionRow& row : rows) {
    const bool first = &row == &rows.front() || row.call != before;
    before = row.call;
    fmt::print("{:<28} {:<7} {:<62}", first ? call_name(row.call) : "", outcome_errno(row.outcome),
               info(row.outcome).name);
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      fmt::print(" {:>6}", row.applies[i] ? std::to_string(row.reached[i]) : "");
    }
    fmt::print("{}\n", row.missing() ? "  NOT REACHED" : "");
  }
}

void print_json(std::span<const Profile> profiles, const std::vector<TransitionRow>& rows) {
  auto all = nlohmann::json::array();
  for (const TransitionRow& row : rows) {
    auto reached = nlohmann::json::object();
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      if (row.applies[i]) reached[to_string(profiles[i])] = row.reached[i];
    }
    all.push_back({{"call", call_name(row.call)},
                   {"outcome", std::string(info(row.outcome).name)},
                   {"errno", outcome_errno(row.outcome)},
                   {"function", std::string(info(row.outcome).function)},
                   {"reached", reached}});
  }
  fmt::print("{}\n", all.dump(2));
}

int run(const CoverageOptions& options) {
  std::vector<Profile> profiles;
  for (const std::string& name : options.profiles) profiles.push_back(parse_profile(name));
  if (profiles.empty()) profiles = kernel_profiles();
  const std::vector<TransitionRow> rows = transition_table(profiles, find_traces(options.paths));
  const auto missing = std::ranges::count_if(rows, &TransitionRow::missing);
  if (options.json) {
    print_json(profiles, rows);
  } else {
    print_table(profiles, rows);
    fmt::print("\n{} rows: {}\n", rows.size(),
               missing == 0 ? "every one is reached" : fmt::format("{} are not reached", missing));
  }
  return missing == 0 ? 0 : 1;
}

}  // namespace

std::string call_name(CallKind kind) {
  const CallInfo& call = info(kind);
  switch (call.form) {
    case Form::proc_file:
    case Form::sysctl:
    case Form::flag_sysctl:
      return fmt::format("write {}", call.name);
    case Form::device:
      return fmt::format("open {}", call.name);
    default:
      return std::string(call.name);
  }
}

bool TransitionRow::missing() const {
  return std::accumulate(reached.begin(), reached.end(), std::uint64_t{0}) == 0;
}

std::vector<TransitionRow> transition_table(std::span<const Profile> profiles, std::span<const fs::path> traces) {
  std::vector<TransitionRow> rows = empty_table(profiles);
  for (const fs::path& file : traces) {
    const TraceText trace = load_trace(file, Profile{.features = {.userns = true}});
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      if (std::ranges::find(trace.profiles, profiles[i]) != trace.profiles.end())
        count(profiles[i], i, trace.program, rows);
    }
  }
  return rows;
}

void add_coverage_command(CLI::App& app, int& status) {
  auto options = std::make_shared<CoverageOptions>();
  CLI::App* command = app.add_subcommand("coverage", "Print which outcomes of which calls the corpus reaches");
  command->add_option("paths", options->paths, "Traces, fuzzer artifacts, or directories of traces")
      ->capture_default_str();
  command->add_option("--profile", options->profiles,
                      "The profiles to count for; those of all kernels if none is given");
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck coverage corpus --profile 6.12+userns");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
