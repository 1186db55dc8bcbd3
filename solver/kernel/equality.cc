// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/equality.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "model/capability.h"
#include "model/trace_text.h"
#include "solver/process.h"

namespace capcheck {
namespace {

/// How long a comparison is looked at in the light of those before.
constexpr std::chrono::milliseconds kHaste{300};

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

/// Has Z3 find an input for which a condition holds and as much as possible is 0, or all capabilities.
void find_plain_input(Scene& scene, SymbolicBool condition) {
  Query& query = scene.interpreter().query();
  const auto can_be = [&](const SymbolicBool& wish) {
    const bool can = query.ask(condition & wish).kind == Answer::Kind::yes;
    if (can) condition = condition & wish;
    return can;
  };
  for (const Unknown& each : scene.unknowns()) {
    if (can_be(each.word == SymbolicWord(0)) || each.shown != Shown::set) continue;
    if (can_be(each.word == SymbolicWord(scene.profile().full_set()))) continue;
    for (std::uint64_t bit = 0; bit <= scene.profile().last_cap(); ++bit)
      can_be((each.word & SymbolicWord(cap_bit(bit))) == SymbolicWord(0));
  }
  if (query.ask(condition).kind != Answer::Kind::yes) throw NoAnswerError("Z3 does not find its counterexample again");
}

/// An input for which they differ, and how.
std::string describe_difference(Scene& scene, const SymbolicBool& difference) {
  find_plain_input(scene, difference);
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

/// What is compared, by name; true if it is compared of any input at all.
using Met = std::map<std::string, bool, std::less<>>;

/// Nothing is proved of what is never compared.
void find_what_is_met(Scene& scene, Met& met) {
  for (const Compared& each : scene.compared()) {
    if (each.may_be_nowhere) continue;
    bool& here = met.try_emplace(each.name, false).first->second;
    here = here || scene.interpreter().possible(each.matters);
  }
}

SymbolicBool differs(const Compared& each) {
  return each.matters & !(each.kernel == each.model);
}

/// Who answers what is compared.
struct Questions {
  Query hasty;  ///< knows what was asked before, and gives up soon
  std::chrono::milliseconds timeout;
};

/// Most comparisons are settled at once by who knows the ones before; the others better by who begins anew.
Answer ask(const SymbolicBool& goal, Questions& questions) {
  const Answer answer = questions.hasty.ask(goal);
  const bool is_answer = answer.kind == Answer::Kind::no || answer.kind == Answer::Kind::yes;
  return is_answer ? answer : ask_once(goal, questions.timeout);
}

/// Proves one situation, or says in `result` why not.
bool prove_situation(Scene& scene, unsigned situation, EqualityResult& result, Met& met, Questions& questions) {
  result.function->run(scene, situation);
  find_what_is_met(scene, met);
  SymbolicBool any_differs = false;
  for (const Compared& each : scene.compared()) any_differs = any_differs | differs(each);
  if (questions.hasty.ask(scene.interpreter().assumed() & any_differs).kind == Answer::Kind::no) return true;
  for (const Compared& each : scene.compared()) {
    if (differs(each).is_false()) continue;
    const Clock::time_point begin = Clock::now();
    const Answer answer = ask(scene.interpreter().assumed() & differs(each), questions);
    result.slowest = std::max(result.slowest, seconds_since(begin));
    switch (answer.kind) {
      case Answer::Kind::no:
        continue;
      case Answer::Kind::yes:
        result.verdict = EqualityVerdict::refuted;
        result.detail = describe_difference(scene, scene.interpreter().assumed() & differs(each));
        return false;
      case Answer::Kind::timeout:
      case Answer::Kind::unknown:
        result.verdict = answer.kind == Answer::Kind::timeout ? EqualityVerdict::timeout : EqualityVerdict::unknown;
        result.detail = fmt::format("{}: {}", each.name, answer.reason);
        return false;
    }
  }
  return true;
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
  Met met;
  const unsigned situations = function.situations(profile);
  const TermScope terms(static_cast<int>(profile.release->max_parent_level) + 2);
  Query query(timeout);
  Questions questions{Query(std::min(timeout, kHaste)), timeout};
  try {
    for (unsigned situation = 0; situation < situations; ++situation) {
      Scene scene(code, profile, query);
      const bool proved = prove_situation(scene, situation, result, met, questions);
      assumed.insert(scene.assumptions().begin(), scene.assumptions().end());
      used.insert(scene.interpreter().used().begin(), scene.interpreter().used().end());
      result.instructions += scene.interpreter().executed();
      if (!proved) break;
    }
    for (const auto& [name, is_met] : met) {
      if (!is_met && result.verdict == EqualityVerdict::proved)
        throw KernelCodeError(fmt::format("{}(): nothing is compared as '{}'", function.name, name));
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
  result.assumptions.insert(result.assumptions.end(), used.begin(), used.end());
  result.queries = query.asked() + questions.hasty.asked();
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
