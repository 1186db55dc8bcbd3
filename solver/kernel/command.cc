// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "model/profile.h"
#include "solver/counterexample.h"
#include "solver/kernel/equality.h"
#include "solver/other_solver.h"

namespace capcheck {
namespace {

constexpr int kEqual = 0, kDifferent = 1, kNoAnswer = 2;

/// What came of one function, and of the program that shows a difference.
struct Row {
  EqualityResult result;
  std::optional<TraceText> trace{};
  KernelShown shown{};
};
using Rows = std::vector<Row>;

std::string describe_kernel(const ProvedKernel& kernel) {
  std::string text = kernel.fault.empty() ? kernel.name : fmt::format("{} with {}", kernel.name, kernel.fault);
  if (kernel.rules != kernel.profile) text += fmt::format(" by the rules of {}", kernel.rules);
  return text;
}

/// Whether the kernel shows what the proof says that it does.
std::string describe_shown(const KernelShown& shown) {
  if (!shown.refused.empty()) return fmt::format("NOT REPLAYED on the kernel: {}\n", shown.refused);
  if (shown.divergence.empty())
    return fmt::format("THE KERNEL DOES NOT SHOW IT: Linux {} does as the model does\n", shown.kernel);
  return fmt::format("Linux {}, in this process, shows it:\n{}", shown.kernel, indent(shown.divergence, "  "));
}

std::string describe(const Row& row, const Profile& profile) {
  const EqualityResult& result = row.result;
  std::string text = fmt::format("  {:<11} {:<32} {:6.2f} s  = {}\n", to_string(result.verdict),
                                 fmt::format("{}()", result.function->name), result.seconds, result.function->rule);
  const auto add = [&](std::string_view lines) { text += indent(lines, "              "); };
  if (!result.detail.empty()) add(result.detail);
  if (!text.ends_with('\n')) text += '\n';
  if (!result.no_program.empty()) add(result.no_program + '\n');
  if (row.trace) {
    add("a program that shows it, with what the model says:\n");
    add(indent(print_steps(profile, Fault::none, *result.program), "  "));
    add(describe_shown(row.shown));
  }
  return text;
}

std::ptrdiff_t count(const Rows& rows, EqualityVerdict verdict) {
  return std::ranges::count(rows, verdict, [](const Row& row) { return row.result.verdict; });
}

/// What the proofs rest on, each thing once.
std::string describe_foundations(const Rows& rows) {
  std::set<std::string> assumptions, bounds;
  double slowest = 0;
  for (const auto& [result, trace, shown] : rows) {
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
  return text + fmt::format("  the slowest question took {:.2f} s\n", slowest);
}

std::string summarise(const KernelProofOptions& options, const Rows& rows, const std::string& kernel) {
  double seconds = 0;
  std::size_t confirmed = 0;
  for (const Row& row : rows) {
    seconds += row.result.seconds;
    confirmed += row.result.confirmed;
  }
  const std::ptrdiff_t proved = count(rows, EqualityVerdict::proved), refuted = count(rows, EqualityVerdict::refuted),
                       unreachable = count(rows, EqualityVerdict::unreachable);
  return fmt::format(
      "{} functions of {}: {} proved equal to the model, {} refuted{}, {} without an answer in {:.1f} s{}\n\n",
      rows.size(), kernel, proved, refuted,
      unreachable == 0 ? "" : fmt::format(", {} different where no program leads", unreachable),
      std::ssize(rows) - proved - refuted - unreachable, seconds,
      options.confirm_with.empty()
          ? ""
          : fmt::format("; {} answers \"unsat\" to {} questions", options.confirm_with, confirmed));
}

nlohmann::json replay_as_json(const Row& row) {
  if (!row.trace) return nullptr;
  return {{"kernel", row.shown.kernel},
          {"shows_it", !row.shown.divergence.empty()},
          {"divergence", row.shown.divergence},
          {"refused", row.shown.refused}};
}

nlohmann::json as_json(const Rows& rows) {
  auto array = nlohmann::json::array();
  for (const Row& row : rows) {
    const EqualityResult& result = row.result;
    array.push_back({{"function", result.function->name},
                     {"rule", result.function->rule},
                     {"verdict", to_string(result.verdict)},
                     {"detail", result.detail},
                     {"program", row.trace ? nlohmann::json(print_trace(*row.trace)) : nlohmann::json(nullptr)},
                     {"no_program", result.no_program},
                     {"replay", replay_as_json(row)},
                     {"assumptions", result.assumptions},
                     {"bound", result.function->bound},
                     {"instructions", result.instructions},
                     {"queries", result.queries},
                     {"confirmed", result.confirmed},
                     {"slowest_question", result.slowest},
                     {"seconds", result.seconds}});
  }
  return array;
}

// What a tree of the user's changes.

/// A function that is not what it is in the base.
struct Changed {
  std::string function, how;  ///< "changed", "new", "gone"
  std::string visible;        ///< whether the model sees it
};

std::string describe_visible(const std::string& function, const Rows& rows) {
  const auto is_own = [&](const Row& row) { return row.result.function->name == function; };
  const bool is_proved_itself = std::ranges::any_of(rows, is_own);
  std::vector<std::string> differing, undecided, equal;
  for (const Row& row : rows) {
    const EqualityResult& result = row.result;
    if (is_proved_itself ? !is_own(row) : !result.run.contains(function)) continue;
    const bool is_equal = result.verdict == EqualityVerdict::proved || result.verdict == EqualityVerdict::unreachable;
    (result.verdict == EqualityVerdict::refuted ? differing
     : is_equal                                 ? equal
                                                : undecided)
        .push_back(fmt::format("{}()", result.function->name));
  }
  if (!differing.empty()) return fmt::format("visible to the model: {} refuted", fmt::join(differing, ", "));
  if (!undecided.empty()) return fmt::format("not decided: {} without an answer", fmt::join(undecided, ", "));
  if (!equal.empty()) return fmt::format("not visible to the model: {} still equal", fmt::join(equal, ", "));
  return "run by none of these proofs: whether the model sees it is for capcheck fuzz";
}

std::vector<Changed> find_changed(const ProvedKernel& kernel, const std::filesystem::path& bitcode, const Rows& rows) {
  const auto base = function_texts(kernel_bitcode(kernel.profile, "", kernel.base)), own = function_texts(bitcode);
  std::vector<Changed> changed;
  for (const auto& [function, text] : own) {
    const auto found = base.find(function);
    if (found != base.end() && found->second == text) continue;
    changed.push_back({function, found == base.end() ? "new" : "changed", describe_visible(function, rows)});
  }
  for (const auto& [function, text] : base) {
    if (!own.contains(function)) changed.push_back({function, "gone", "there is nothing to run"});
  }
  return changed;
}

std::string describe(const std::vector<Changed>& changed, const ProvedKernel& kernel) {
  std::string text = fmt::format("  against {}, of the files that hold these functions:\n",
                                 kernel.base.empty() ? "Debian's source" : kernel.base.string());
  if (changed.empty()) text += "    no function differs\n";
  for (const auto& [function, how, visible] : changed)
    text += fmt::format("    {:<7} {}(): {}\n", how, function, visible);
  return text;
}

nlohmann::json as_json(const std::vector<Changed>& changed) {
  auto array = nlohmann::json::array();
  for (const auto& [function, how, visible] : changed)
    array.push_back({{"function", function}, {"how", how}, {"visible", visible}});
  return array;
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

/// The kernel of a name: one that was built of something of the user's own, or one of Debian's source.
ProvedKernel find_kernel(const KernelProofOptions& options, const KernelServices& services, const std::string& name) {
  if (services.find_built) {
    if (auto built = services.find_built(name)) {
      if (!options.fault.empty()) built->fault = options.fault;
      if (!options.rules.empty()) built->rules = options.rules;
      return *built;
    }
  }
  return {name, name, options.rules.empty() ? name : options.rules, options.fault};
}

/// What a program is kept as: what the model's rules ask for is expected, so the kernel does not meet it.
TraceText trace_of(const ProvedKernel& kernel, const Profile& profile, const EqualityResult& result) {
  const Program& program = result.program.value();
  return expect_observed(profile, program, run_model(profile, program),
                         fmt::format("Linux {} does not follow this: {}() is not equal to {}.\n"
                                     "Expected below is what the model asks for.\nFound by capcheck prove --kernel.",
                                     describe_kernel(kernel), result.function->name, result.function->rule));
}

/// The program of a difference on the kernel it is about, and kept.
void show(const KernelProofOptions& options, const KernelServices& services, const ProvedKernel& kernel,
          const Profile& profile, Row& row) {
  if (!row.result.program) return;
  row.trace = trace_of(kernel, profile, row.result);
  row.shown = services.replay ? services.replay(kernel, *row.trace)
                              : KernelShown{.refused = "no kernels can be run in this process"};
  if (options.save.empty()) return;
  std::string name = kernel.fault.empty() ? kernel.name : fmt::format("{}.{}", kernel.name, kernel.fault);
  write_file(options.save / fmt::format("{}.{}.trace", name, row.result.function->name), print_trace(*row.trace));
}

EqualityOptions equality_options(const KernelProofOptions& options, const ProvedKernel& kernel,
                                 const OtherSolver* other) {
  EqualityOptions proving{
      .timeout = std::chrono::milliseconds(std::llround(options.timeout * 1000)),
      .kernel = kernel.fault.empty() ? kernel.name : fmt::format("{}.{}", kernel.name, kernel.fault),
      .find_program = true};
  if (!options.smt2.empty()) {
    proving.on_obligation = [&options](const Obligation& obligation) {
      write_file(options.smt2 / (obligation.name + ".smt2"), obligation.smt2);
    };
  }
  if (other != nullptr) proving.confirm = [other](const Obligation& obligation) { return other->ask(obligation); };
  return proving;
}

Rows prove(const KernelProofOptions& options, const KernelServices& services, const ProvedKernel& kernel,
           const Profile& profile, const std::filesystem::path& bitcode) {
  std::optional<OtherSolver> other;
  const auto selected = selected_functions(options, profile);
  const KernelCode code(bitcode);
  const EqualityOptions proving = [&] {
    if (!options.confirm_with.empty())
      other.emplace(options.confirm_with, std::chrono::milliseconds(std::llround(options.timeout * 1000)));
    return equality_options(options, kernel, other ? &*other : nullptr);
  }();
  if (!options.json) fmt::print("{}\n", describe_kernel(kernel));
  Rows rows;
  for (const ProvedFunction* function : selected) {
    Row& row = rows.emplace_back(Row{prove_equal(code, profile, *function, proving)});
    show(options, services, kernel, profile, row);
    if (!options.json) fmt::print("{}", describe(row, profile));
    std::fflush(stdout);
  }
  return rows;
}

}  // namespace

int prove_kernels(const KernelProofOptions& options, const KernelServices& services) {
  auto kernels = nlohmann::json::array();
  int status = kEqual;
  for (const std::string& name : options.kernels) {
    const ProvedKernel kernel = find_kernel(options, services, name);
    const Profile profile = parse_profile(kernel.rules);
    const std::filesystem::path bitcode = kernel_bitcode(kernel.profile, kernel.fault, kernel.source);
    const Rows rows = prove(options, services, kernel, profile, bitcode);
    const bool is_own = !kernel.source.empty();
    const std::vector<Changed> changed = is_own ? find_changed(kernel, bitcode, rows) : std::vector<Changed>{};
    if (options.json) {
      kernels.push_back({{"kernel", kernel.name},
                         {"profile", kernel.profile},
                         {"rules", kernel.rules},
                         {"fault", kernel.fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(kernel.fault)},
                         {"functions", as_json(rows)},
                         {"changed", is_own ? as_json(changed) : nlohmann::json(nullptr)}});
    } else {
      fmt::print("{}{}{}", describe_foundations(rows), is_own ? describe(changed, kernel) : "",
                 summarise(options, rows, describe_kernel(kernel)));
    }
    if (count(rows, EqualityVerdict::refuted) > 0) {
      status = kDifferent;
    } else if (count(rows, EqualityVerdict::proved) + count(rows, EqualityVerdict::unreachable) < std::ssize(rows) &&
               status == kEqual) {
      status = kNoAnswer;
    }
  }
  if (options.json) fmt::print("{}\n", kernels.dump(2));
  return status;
}

}  // namespace capcheck
