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
#include "solver/kernel/reach.h"
#include "solver/process.h"
#include "solver/prove.h"
#include "solver/refuted.h"

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

/// A proof of one function.
class Proof {
 public:
  Proof(const KernelCode& code, const Profile& profile, const ProvedFunction& function, const EqualityOptions& options)
      : code_(code),
        profile_(profile),
        function_(function),
        options_(options),
        terms_(static_cast<int>(profile.release->max_parent_level) + 2),
        result_{&function, EqualityVerdict::proved, "", {}} {}

  EqualityResult run() {
    const Clock::time_point begin = Clock::now();
    try {
      prove();
    } catch (const NoAnswerError& error) {
      result_.verdict = EqualityVerdict::timeout;
      result_.detail = error.what();
    } catch (const KernelCodeError& error) {
      result_.verdict = EqualityVerdict::error;
      result_.detail = error.what();
    } catch (const std::logic_error& error) {
      result_.verdict = EqualityVerdict::error;
      result_.detail = fmt::format("{}(): {}", function_.name, error.what());
    }
    result_.assumptions.assign(assumed_.begin(), assumed_.end());
    result_.assumptions.insert(result_.assumptions.end(), used_.begin(), used_.end());
    result_.queries = asked_;
    result_.seconds = seconds_since(begin);
    return std::move(result_);
  }

 private:
  void prove() {
    const unsigned situations = function_.situations(profile_);
    for (unsigned situation = 0; situation < situations && result_.verdict == EqualityVerdict::proved; ++situation) {
      // One that has been asked much is slow.
      Query query(options_.timeout);
      hasty_.emplace(std::min(options_.timeout, kHaste));
      Scene scene(code_, profile_, query);
      function_.run(scene, situation);
      find_what_is_met(scene, met_);
      prove_situation(scene, situation);
      note(scene);
      asked_ += query.asked() + hasty_->asked();
    }
    for (const auto& [name, is_met] : met_) {
      if (!is_met && result_.verdict == EqualityVerdict::proved)
        throw KernelCodeError(fmt::format("{}(): nothing is compared as '{}'", function_.name, name));
    }
    if (result_.verdict != EqualityVerdict::proved) return;
    if (!excluding_.empty()) {
      settle_unreachable();
    } else {
      give_obligation();
    }
  }

  void note(const Scene& scene) {
    const Interpreter& interpreter = scene.interpreter();
    assumed_.insert(scene.assumptions().begin(), scene.assumptions().end());
    used_.insert(interpreter.used().begin(), interpreter.used().end());
    result_.run.insert(interpreter.run_functions().begin(), interpreter.run_functions().end());
    result_.instructions += interpreter.executed();
    result_.slowest = std::max(result_.slowest, interpreter.slowest());
  }

  /// Most comparisons are settled at once by who knows the ones before; the others better by who begins anew.
  Answer ask(const SymbolicBool& goal) {
    const Clock::time_point begin = Clock::now();
    Answer answer = hasty_->ask(goal);
    if (answer.kind != Answer::Kind::no && answer.kind != Answer::Kind::yes) {
      answer = ask_once(goal, options_.timeout);
      ++asked_;
    }
    result_.slowest = std::max(result_.slowest, seconds_since(begin));
    return answer;
  }

  /// What may differ, as far as it is assumed.
  struct Difference {
    const Compared* first;  ///< null if nothing differs
    Answer answer;
  };

  void prove_situation(Scene& scene, unsigned situation) {
    SymbolicBool assumed = scene.interpreter().assumed();
    SymbolicBool any_differs = false;
    for (const Compared& each : scene.compared()) any_differs = any_differs | differs(each);
    Difference found = find_difference(scene, assumed, any_differs);
    // What names stand for matters seldom.
    if (found.first && !scene.interpreter().definitions().is_true()) {
      assumed = assumed & scene.interpreter().definitions();
      found = find_difference(scene, assumed, any_differs);
    }
    if (!found.first) {
      collect_obligation(scene, situation, assumed, any_differs);
    } else if (found.answer.kind == Answer::Kind::yes) {
      refute(scene, situation, assumed & any_differs, assumed & differs(*found.first));
    } else {
      const bool timed_out = found.answer.kind == Answer::Kind::timeout;
      result_.verdict = timed_out ? EqualityVerdict::timeout : EqualityVerdict::unknown;
      result_.detail = fmt::format("{}: {}", found.first->name, found.answer.reason);
    }
  }

  Difference find_difference(const Scene& scene, const SymbolicBool& assumed, const SymbolicBool& any_differs) {
    const Answer none{Answer::Kind::no, ""};
    // Kernels have most of their code in common.
    const Refutable question(assumed & any_differs, {});
    if (question.find_refutation()) return {nullptr, none};
    const Clock::time_point begin = Clock::now();
    const bool none_differs = hasty_->ask(assumed & any_differs).kind == Answer::Kind::no;
    result_.slowest = std::max(result_.slowest, seconds_since(begin));
    SymbolicBool shown = assumed;
    for (const Compared& each : scene.compared()) {
      if (none_differs) break;
      if (differs(each).is_false()) continue;
      const Answer answer = ask(shown & differs(each));
      if (answer.kind != Answer::Kind::no) return {&each, answer};
      // What was shown helps with what follows: most of it depends on whether the call passes.
      shown = shown & !differs(each);
    }
    question.add_refutation({});
    return {nullptr, none};
  }

  /// There is an input for which they differ. Is it one that a program can lead to?
  void refute(Scene& scene, unsigned situation, const SymbolicBool& any, const SymbolicBool& first) {
    const auto excluding = invariants_that_exclude(scene, any, options_.timeout);
    if (!excluding.empty()) {
      if (excluding_.empty()) result_.detail = describe_difference(scene, first);
      excluding_.insert(excluding.begin(), excluding.end());
      return;
    }
    result_.verdict = EqualityVerdict::refuted;
    result_.detail = describe_difference(scene, first);
    if (!options_.find_program) return;
    Reached reached = reach(scene, function_, situation, any, options_.timeout);
    result_.program = std::move(reached.program);
    result_.no_program = std::move(reached.why_none);
  }

  /// That no program leads to what differs is as good as the proofs of those invariants.
  void settle_unreachable() {
    ProveOptions proving;
    proving.timeout = options_.timeout;
    proving.invariants.assign(excluding_.begin(), excluding_.end());
    result_.verdict = EqualityVerdict::unreachable;
    std::string names;
    for (const ProofResult& proof : prove_catalogue(profile_, proving)) {
      names += fmt::format("no program leads to such an input, by {}: {} ({})\n", proof.info->name, proof.info->formula,
                           to_string(proof.verdict));
      if (proof.verdict != ProofVerdict::proved) result_.verdict = EqualityVerdict::refuted;
    }
    result_.detail += names;
  }

  void collect_obligation(const Scene& scene, unsigned situation, const SymbolicBool& assumed,
                          const SymbolicBool& any_differs) {
    if (!options_.on_obligation && !options_.confirm) return;
    const Interpreter& interpreter = scene.interpreter();
    const auto add = [&](std::string what, Parts parts) {
      const bool is_plain = std::ranges::all_of(parts.ways, [](const SymbolicBool& way) { return way.is_false(); });
      if (!is_plain) {
        cases_.push_back(
            {fmt::format("situation {}: {}", situation, what), std::move(parts.assumed), std::move(parts.ways)});
      }
    };
    add("paths that are not taken", {{}, interpreter.excluded()});
    add("something differs", {{assumed}, {any_differs}});
  }

  /// What was proved, for readers and for the other solver.
  void give_obligation() {
    if (!options_.on_obligation && !options_.confirm) return;
    const Obligation obligation = write_obligation(
        fmt::format("{}/{}", options_.kernel, function_.name),
        fmt::format(
            "; {}() of {}, and the rule: {}\n"
            "; Each (check-sat) asks whether a path that was left out can be taken, or anything differs, in one\n"
            "; of the situations that the function is run in: unsat, it cannot.\n",
            function_.name, options_.kernel, function_.rule),
        cases_);
    if (options_.on_obligation) options_.on_obligation(obligation);
    if (!options_.confirm || obligation.is_plain) return;
    const Answer answer = options_.confirm(obligation);
    if (answer.kind == Answer::Kind::no) {
      result_.confirmed = obligation.cases;
      return;
    }
    result_.verdict = EqualityVerdict::unconfirmed;
    result_.detail = answer.reason;
  }

  struct Parts {
    std::vector<SymbolicBool> assumed, ways;
  };

  const KernelCode& code_;
  const Profile& profile_;
  const ProvedFunction& function_;
  const EqualityOptions& options_;
  const TermScope terms_;
  std::optional<Query> hasty_{};  ///< knows what was asked before of a situation, and gives up soon
  std::size_t asked_ = 0;
  EqualityResult result_;
  std::set<std::string> used_{}, assumed_{};
  std::set<std::string_view> excluding_{};  ///< the invariants by which what differs is not reached
  Met met_{};
  std::vector<ObligationCase> cases_{};
};

/// Of the source tree that this was built from, or as it is installed.
std::string bitcode_script() {
  const auto installed =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../../share/capcheck/kernel/build_bitcode";
  return std::filesystem::exists(installed) ? installed.string() : CAPCHECK_BITCODE_SCRIPT;
}

}  // namespace

std::string_view to_string(EqualityVerdict verdict) {
  switch (verdict) {
    case EqualityVerdict::proved:
      return "proved";
    case EqualityVerdict::refuted:
      return "refuted";
    case EqualityVerdict::unreachable:
      return "unreachable";
    case EqualityVerdict::timeout:
      return "timeout";
    case EqualityVerdict::unknown:
      return "unknown";
    case EqualityVerdict::unconfirmed:
      return "unconfirmed";
    case EqualityVerdict::error:
      return "error";
  }
  __builtin_unreachable();
}

EqualityResult prove_equal(const KernelCode& code, const Profile& profile, const ProvedFunction& function,
                           const EqualityOptions& options) {
  return Proof(code, profile, function, options).run();
}

std::filesystem::path kernel_bitcode(std::string_view kernel, std::string_view fault,
                                     const std::filesystem::path& source) {
  constexpr std::chrono::minutes kTimeToBuild{10};
  std::vector<std::string> command{bitcode_script(), "--name", std::string(kernel)};
  if (!fault.empty()) command.insert(command.end(), {"--fault", std::string(fault)});
  if (!source.empty()) command.insert(command.end(), {"--source", source.string()});
  const Finished finished = run_on(command, "", kTimeToBuild);
  std::string said = finished.output;
  while (said.ends_with('\n')) said.pop_back();
  if (!finished.status || !WIFEXITED(*finished.status) || WEXITSTATUS(*finished.status) != 0)
    throw std::runtime_error(fmt::format("no bitcode of the kernel {}: {}", kernel, said));
  return said.substr(said.rfind('\n') + 1);
}

}  // namespace capcheck
