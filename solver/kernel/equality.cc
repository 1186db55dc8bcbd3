// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/equality.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "model/trace_text.h"
#include "solver/kernel/contracts.h"
#include "solver/process.h"

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string print(const Profile& profile, Shown shown, std::uint64_t value) {
  switch (shown) {
    case Shown::set:
      return fmt::format("{:016x} ({})", value, describe_set(value, profile.full_set()));
    case Shown::number:
      return fmt::format("{}", static_cast<std::int64_t>(value));
    case Shown::bits:
      return fmt::format("{:#x}", value);
  }
  __builtin_unreachable();
}

/// An input for which they differ, and how.
std::string describe_difference(Scene& scene) {
  const Query& query = scene.interpreter().query();
  std::string text;
  for (const Compared& each : scene.compared()) {
    const std::uint64_t kernel = query.value(each.kernel), model = query.value(each.model);
    if (!query.value(each.matters) || kernel == model) continue;
    text += fmt::format("{}: the kernel gives {}, the model {}\n", each.name,
                        print(scene.profile(), each.shown, kernel), print(scene.profile(), each.shown, model));
  }
  text += "where\n";
  for (const Unknown& each : scene.unknowns()) {
    const std::uint64_t value = query.value(each.word);
    if (value != 0) text += fmt::format("  {} = {}\n", each.name, print(scene.profile(), each.shown, value));
  }
  return text + "  and all else is 0\n";
}

/// Proves one situation, or says in `result` why not.
bool prove_situation(Scene& scene, unsigned situation, EqualityResult& result) {
  result.function->run(scene, situation);
  SymbolicBool differs = false;
  for (const Compared& each : scene.compared()) differs = differs | (each.matters & !(each.kernel == each.model));
  const Clock::time_point begin = Clock::now();
  const Answer answer = scene.interpreter().query().ask(scene.interpreter().assumed() & differs);
  result.slowest = std::max(result.slowest, seconds_since(begin));
  switch (answer.kind) {
    case Answer::Kind::no:
      return true;
    case Answer::Kind::yes:
      result.verdict = EqualityVerdict::refuted;
      result.detail = describe_difference(scene);
      return false;
    case Answer::Kind::timeout:
    case Answer::Kind::unknown:
      result.verdict = answer.kind == Answer::Kind::timeout ? EqualityVerdict::timeout : EqualityVerdict::unknown;
      result.detail = answer.reason;
      return false;
  }
  __builtin_unreachable();
}

}  // namespace

std::string_view to_string(EqualityVerdict verdict) {
  switch (verdict) {
    case EqualityVerdict::proved:
      return "proved";
    case EqualityVerdict::refuted:
      return "refuted";
    case EqualityVerdict::timeout:
      return "timeout";
    case EqualityVerdict::unknown:
      return "unknown";
    case EqualityVerdict::error:
      return "error";
  }
  __builtin_unreachable();
}

EqualityResult prove_equal(const KernelCode& code, const Profile& profile, const ProvedFunction& function,
                           std::chrono::milliseconds timeout) {
  const Clock::time_point begin = Clock::now();
  EqualityResult result{&function, EqualityVerdict::proved, "", {}};
  std::set<std::string> used, assumed;
  const unsigned situations = function.situations(profile);
  const TermScope terms(static_cast<int>(profile.release->max_parent_level) + 2);
  Query query(timeout);
  try {
    for (unsigned situation = 0; situation < situations; ++situation) {
      Scene scene(code, profile, query);
      const bool proved = prove_situation(scene, situation, result);
      assumed.insert(scene.assumptions().begin(), scene.assumptions().end());
      used.insert(scene.interpreter().used().begin(), scene.interpreter().used().end());
      result.instructions += scene.interpreter().executed();
      if (!proved) break;
    }
  } catch (const NoAnswerError& error) {
    result.verdict = EqualityVerdict::timeout;
    result.detail = error.what();
  } catch (const KernelCodeError& error) {
    result.verdict = EqualityVerdict::error;
    result.detail = error.what();
  } catch (const std::logic_error& error) {
    result.verdict = EqualityVerdict::error;
    result.detail = fmt::format("{}(): {}", function.name, error.what());
  }
  result.assumptions.assign(assumed.begin(), assumed.end());
  const Contracts& contracts = kernel_contracts();
  for (const std::string& name : used)
    result.assumptions.push_back(fmt::format("{}() {}", name, contracts.at(name).sentence));
  result.queries = query.asked();
  result.seconds = seconds_since(begin);
  return result;
}

std::filesystem::path kernel_bitcode(std::string_view kernel, std::string_view fault) {
  constexpr std::chrono::minutes kTimeToBuild{10};
  std::vector<std::string> command{CAPCHECK_BITCODE_SCRIPT, "--name", std::string(kernel)};
  if (!fault.empty()) command.insert(command.end(), {"--fault", std::string(fault)});
  const Finished finished = run_on(command, "", kTimeToBuild);
  std::string said = finished.output;
  while (said.ends_with('\n')) said.pop_back();
  if (!finished.status || !WIFEXITED(*finished.status) || WEXITSTATUS(*finished.status) != 0)
    throw std::runtime_error(fmt::format("no bitcode of the kernel {}: {}", kernel, said));
  return said.substr(said.rfind('\n') + 1);
}

}  // namespace capcheck
