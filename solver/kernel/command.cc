// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/profile.h"
#include "solver/counterexample.h"
#include "solver/kernel/equality.h"

namespace capcheck {
namespace {

constexpr int kEqual = 0, kDifferent = 1, kNoAnswer = 2;

using Results = std::vector<EqualityResult>;

std::string describe_kernel(const std::string& kernel, const std::string& fault) {
  return fault.empty() ? kernel : fmt::format("{} with {}", kernel, fault);
}

std::string describe(const EqualityResult& result) {
  std::string text = fmt::format("  {:<8} {:<32} {:6.2f} s  = {}\n", to_string(result.verdict),
                                 fmt::format("{}()", result.function->name), result.seconds, result.function->rule);
  if (!result.detail.empty()) text += indent(result.detail, "             ");
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::ptrdiff_t count(const Results& results, EqualityVerdict verdict) {
  return std::ranges::count(results, verdict, &EqualityResult::verdict);
}

/// What the proofs rest on, each thing once.
std::string describe_foundations(const Results& results) {
  std::set<std::string> assumptions, bounds;
  double slowest = 0;
  for (const EqualityResult& result : results) {
    assumptions.insert(result.assumptions.begin(), result.assumptions.end());
    if (!result.function->bound.empty())
      bounds.insert(fmt::format("{}(): {}", result.function->name, result.function->bound));
    slowest = std::max(slowest, result.slowest);
  }
  std::string text =
      "  assumed:\n    what clang 19 makes of the code at -O1 is what the code says; nobody else changes what a "
      "function "
      "looks at\n";
  for (const std::string& each : assumptions) text += fmt::format("    {}\n", each);
  if (!bounds.empty()) text += "  bounds:\n";
  for (const std::string& each : bounds) text += fmt::format("    {}\n", each);
  return text + fmt::format("  the slowest comparison took {:.2f} s\n", slowest);
}

std::string summarise(const Results& results, const std::string& kernel) {
  double seconds = 0;
  for (const EqualityResult& result : results) seconds += result.seconds;
  const std::ptrdiff_t proved = count(results, EqualityVerdict::proved),
                       refuted = count(results, EqualityVerdict::refuted);
  return fmt::format(
      "{} functions of {}: {} proved equal to the model, {} refuted, {} without an answer in {:.1f} s\n\n",
      results.size(), kernel, proved, refuted, std::ssize(results) - proved - refuted, seconds);
}

nlohmann::json as_json(const Results& results, const std::string& kernel, const std::string& fault) {
  auto rows = nlohmann::json::array();
  for (const EqualityResult& result : results) {
    rows.push_back({{"function", result.function->name},
                    {"rule", result.function->rule},
                    {"verdict", to_string(result.verdict)},
                    {"detail", result.detail},
                    {"assumptions", result.assumptions},
                    {"bound", result.function->bound},
                    {"instructions", result.instructions},
                    {"queries", result.queries},
                    {"slowest_comparison", result.slowest},
                    {"seconds", result.seconds}});
  }
  return {{"kernel", kernel},
          {"fault", fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(fault)},
          {"functions", rows}};
}

std::vector<const ProvedFunction*> selected_functions(const KernelProofOptions& options, const Profile& profile) {
  std::vector<const ProvedFunction*> selected;
  for (const std::string& name : options.functions) {
    if (std::ranges::find(proved_functions(), name, &ProvedFunction::name) != proved_functions().end()) continue;
    std::vector<std::string_view> names;
    for (const ProvedFunction& function : proved_functions()) names.push_back(function.name);
    throw std::invalid_argument(fmt::format("no function '{}' is proved; there are {}", name, fmt::join(names, ", ")));
  }
  for (const ProvedFunction& function : proved_functions()) {
    const bool wanted =
        options.functions.empty() || std::ranges::find(options.functions, function.name) != options.functions.end();
    if (wanted && function.situations(profile) > 0) selected.push_back(&function);
  }
  return selected;
}

Results prove(const KernelProofOptions& options, const std::string& kernel) {
  const Profile profile = parse_profile(kernel);
  const KernelCode code(kernel_bitcode(kernel, options.fault));
  const std::chrono::milliseconds timeout(std::llround(options.timeout * 1000));
  if (!options.json) fmt::print("{}\n", describe_kernel(kernel, options.fault));
  Results results;
  for (const ProvedFunction* function : selected_functions(options, profile)) {
    results.push_back(prove_equal(code, profile, *function, timeout));
    if (!options.json) fmt::print("{}", describe(results.back()));
    std::fflush(stdout);
  }
  return results;
}

}  // namespace

int prove_kernels(const KernelProofOptions& options) {
  auto rows = nlohmann::json::array();
  int status = kEqual;
  for (const std::string& kernel : options.kernels) {
    const Results results = prove(options, kernel);
    if (options.json) {
      rows.push_back(as_json(results, kernel, options.fault));
    } else {
      fmt::print("{}{}", describe_foundations(results), summarise(results, describe_kernel(kernel, options.fault)));
    }
    if (count(results, EqualityVerdict::refuted) > 0) {
      status = kDifferent;
    } else if (count(results, EqualityVerdict::proved) < std::ssize(results) && status == kEqual) {
      status = kNoAnswer;
    }
  }
  if (options.json) fmt::print("{}\n", rows.dump(2));
  return status;
}

}  // namespace capcheck
