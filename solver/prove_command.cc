// SPDX-License-Identifier: GPL-2.0-only
#include "solver/prove_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "corpus/checks.h"
#include "corpus/files.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/counterexample.h"
#include "solver/explain.h"
#include "solver/other_solver.h"
#include "solver/proof_checks.h"
#include "solver/prove.h"
#include "solver/replay.h"

namespace capcheck {
namespace {

constexpr int kAsClaimed = 0, kSurprise = 1, kNoAnswer = 2;
constexpr std::size_t kLongestSearch = 12;

struct CommandOptions {
  std::vector<std::string> profiles{"6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"};
  std::vector<std::string> invariants;
  std::string fault;
  double timeout = 10;
  std::size_t bound = ProveOptions{}.bound;
  std::filesystem::path save;
  std::filesystem::path smt2;
  std::string confirm_with;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  std::string explain;
  bool list = false;
  bool json = false;
  CheckFiles checks;
  std::vector<std::string> kernels;
  std::string rules;
  std::vector<std::string> functions;
};

/// The rules that something is said of: a profile's, with a fault in them or null.
struct Rules {
  Profile profile;
  const FaultInfo* fault;
};

/// "6.12+userns", "6.12+userns with raise-gate-dropped".
std::string describe(const Rules& rules) {
  std::string text = to_string(rules.profile);
  return rules.fault ? fmt::format("{} with {}", text, rules.fault->name) : text;
}

Fault fault_of(const Rules& rules) {
  return rules.fault ? rules.fault->fault : Fault::none;
}

/// What the verdict is against the claim, in words.
std::string_view describe_claim(const ProofResult& result) {
  if (result.as_claimed()) return result.claim == Claim::refuted ? "  (as expected)" : "";
  if (!is_answer(result.verdict)) return "  (NO ANSWER)";
  return result.claim == Claim::refuted ? "  (SURPRISE: claimed to be false)" : "  (SURPRISE: claimed to hold)";
}

/// What the verdict makes of the invariant's words.
std::string_view describe_verdict(ProofVerdict verdict) {
  switch (verdict) {
    case ProofVerdict::proved:
      return "So it is";
    case ProofVerdict::refuted:
      return "Not so";
    case ProofVerdict::vacuous:
      return "True of nothing";
    case ProofVerdict::unknown:
    case ProofVerdict::timeout:
      return "Undecided";
    case ProofVerdict::unconfirmed:
      return "Proved by Z3 alone";
  }
  __builtin_unreachable();
}

/// The width of the longest name in a table.
template <class Table, class Name>
std::size_t widest(const Table& table, Name name) {
  std::size_t width = 0;
  for (const auto& row : table) width = std::max(width, std::invoke(name, row).size());
  return width;
}

std::string describe(const Rules& rules, const ProofResult& result, bool in_full) {
  static const std::size_t name_width =
      widest(all_statements(), [](const Statement& statement) { return statement.info->name; });
  std::string text = fmt::format("  {:<8} {:<{}} {:5.2f} s  {}{}\n", to_string(result.verdict), result.info->name,
                                 name_width, result.seconds, result.info->formula, describe_claim(result));
  if (in_full || !result.as_claimed() || result.counterexample) {
    text += fmt::format("           {} {}: {}.\n", result.info->words, describe_verdict(result.verdict), result.detail);
  }
  if (result.counterexample)
    text += indent(print_steps(rules.profile, fault_of(rules), *result.counterexample), "             ");
  return text;
}

std::string counted(std::ptrdiff_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// ", 391 obligations confirmed by cvc5"
std::string describe_confirmed(const CommandOptions& options, const ProfileProofs& proved) {
  if (options.confirm_with.empty()) return "";
  std::ptrdiff_t confirmed = 0;
  for (const ProofResult& result : proved.results) confirmed += static_cast<std::ptrdiff_t>(result.confirmed);
  return fmt::format(", {} confirmed by {}", counted(confirmed, "obligation"), options.confirm_with);
}

std::string summarise(const CommandOptions& options, const Rules& rules, const ProfileProofs& proved) {
  const auto count = [&](auto condition) { return std::ranges::count_if(proved.results, condition); };
  const auto unanswered = count([](const ProofResult& r) { return !is_answer(r.verdict); });
  return fmt::format(
      "{} on {}: {} proved, {} refuted as expected, {}{}{} in {:.1f} s\n\n",
      counted(std::ssize(proved.results), "invariant"), describe(rules),
      count([](const ProofResult& r) { return r.as_claimed() && r.verdict == ProofVerdict::proved; }),
      count([](const ProofResult& r) { return r.as_claimed() && r.verdict == ProofVerdict::refuted; }),
      counted(count([](const ProofResult& r) { return !r.as_claimed() && is_answer(r.verdict); }), "surprise"),
      unanswered == 0 ? "" : fmt::format(", {} without an answer", unanswered), describe_confirmed(options, proved),
      proved.seconds);
}

void save(const Rules& rules, const ProofResult& result, const std::filesystem::path& directory) {
  write_file(directory / counterexample_name(rules.profile, rules.fault, result),
             print_trace(counterexample_trace(rules.profile, rules.fault, result)));
}

std::string_view to_string(Claim claim) {
  switch (claim) {
    case Claim::not_applicable:
      return "does not apply";
    case Claim::holds:
      return "holds";
    case Claim::refuted:
      return "is refuted";
  }
  __builtin_unreachable();
}

nlohmann::json program_as_json(const Rules& rules, const std::optional<Program>& program) {
  if (!program) return nullptr;
  auto calls = nlohmann::json::array();
  for (const Call<Concrete>& call : program->calls) calls.push_back(print_call(call));
  return {{"calls", calls}, {"trace", print_steps(rules.profile, fault_of(rules), *program)}};
}

/// Of a proof that was put to another solver, whether that confirms it; else null.
nlohmann::json confirmation_as_json(const CommandOptions& options, const ProofResult& result) {
  if (options.confirm_with.empty()) return nullptr;
  if (result.verdict == ProofVerdict::proved) return true;
  return result.verdict == ProofVerdict::unconfirmed ? nlohmann::json(false) : nlohmann::json(nullptr);
}

nlohmann::json as_json(const CommandOptions& options, const Rules& rules, const ProfileProofs& proved) {
  auto rows = nlohmann::json::array();
  for (const ProofResult& result : proved.results) {
    rows.push_back({{"name", result.info->name},
                    {"formula", result.info->formula},
                    {"words", result.info->words},
                    {"claim", to_string(result.claim)},
                    {"verdict", to_string(result.verdict)},
                    {"as_claimed", result.as_claimed()},
                    {"detail", result.detail},
                    {"counterexample", program_as_json(rules, result.counterexample)},
                    {"witness", program_as_json(rules, result.witness)},
                    {"calls", result.calls},
                    {"queries", result.queries},
                    {"confirmed", confirmation_as_json(options, result)},
                    {"obligations_confirmed", result.confirmed},
                    {"seconds", result.seconds},
                    {"slowest_obligation_seconds", result.slowest_obligation}});
  }
  return {{"profile", to_string(rules.profile)},
          {"fault", rules.fault ? nlohmann::json(rules.fault->name) : nlohmann::json(nullptr)},
          {"seconds", proved.seconds},
          {"invariants", rows}};
}

std::string describe_kinds(CallKinds kinds) {
  std::vector<std::string_view> names;
  for (const CallInfo& call : kCalls) {
    if (kinds & capcheck::kinds({call.kind})) names.push_back(call.name);
  }
  return names.size() == kCalls.size() ? "every call" : fmt::format("{}", fmt::join(names, ", "));
}

/// The feature whose rule a fault is in.
std::string_view feature_name(const FaultInfo& fault) {
  return std::ranges::find(kFeatures, fault.needs, &FeatureInfo::member)->name;
}

void print_list() {
  for (const Statement& statement : all_statements()) {
    fmt::print("{}", explain(statement));
  }
  fmt::print("\nFaults to plant:\n");
  for (const FaultInfo& fault : kFaults) {
    fmt::print("  {:<{}} in {}{}\n", fault.name, widest(kFaults, &FaultInfo::name), describe_kinds(fault.calls),
               fault.needs ? fmt::format(", needs {}", feature_name(fault)) : "");
  }
}

/// Prints what comes of several profiles side by side as if it came of one after the other: of the first that is not
/// done, at once.
class InOrder {
 public:
  explicit InOrder(std::size_t profiles) : texts_(profiles), done_(profiles) {}

  void add(std::size_t profile, std::string_view text) {
    texts_[profile] += text;
    flush();
  }
  void finish(std::size_t profile) {
    done_[profile] = true;
    flush();
  }

 private:
  void flush() {
    for (; first_ < texts_.size(); ++first_) {
      fmt::print("{}", std::exchange(texts_[first_], {}));
      if (!done_[first_]) break;
    }
    std::fflush(stdout);
  }

  std::vector<std::string> texts_;
  std::vector<bool> done_;
  std::size_t first_ = 0;  ///< that is not done
};

std::vector<ProfileProofs> prove(const CommandOptions& options, const std::vector<Profile>& profiles,
                                 const FaultInfo* fault) {
  ProveOptions proving;
  proving.fault = fault ? fault->fault : Fault::none;
  proving.timeout = std::chrono::milliseconds(std::llround(options.timeout * 1000));
  proving.bound = options.bound;
  proving.invariants = options.invariants;
  if (!options.smt2.empty()) {
    proving.on_obligation = [&](const Obligation& obligation) {
      write_file(options.smt2 / (obligation.name + ".smt2"), obligation.smt2);
    };
  }
  std::optional<OtherSolver> other;
  if (!options.confirm_with.empty()) {
    other.emplace(options.confirm_with, proving.timeout);
    proving.confirm = [&](const Obligation& obligation) { return other->ask(obligation); };
  }
  InOrder text(profiles.size());
  std::vector<bool> begun(profiles.size());
  ProofObserver observer;
  observer.on_result = [&](std::size_t index, const ProofResult& result) {
    const Rules rules{profiles[index], fault};
    if (!begun[index] && !options.json) text.add(index, describe(rules) + "\n");
    begun[index] = true;
    if (!options.json) text.add(index, describe(rules, result, !options.explain.empty()));
    if (!options.save.empty() && result.counterexample) save(rules, result, options.save);
  };
  observer.on_profile = [&](std::size_t index, const ProfileProofs& proved) {
    if (!options.json) text.add(index, summarise(options, {profiles[index], fault}, proved));
    text.finish(index);
  };
  return prove_profiles(profiles, proving, options.jobs, observer);
}

/// The profiles asked for, each once. A fault that needs a feature is planted in those that have it.
std::vector<Profile> selected_profiles(const CommandOptions& options, const FaultInfo* fault) {
  std::vector<Profile> profiles;
  for (const std::string& name : options.profiles) {
    const Profile profile = parse_profile(name);
    if (std::ranges::find(profiles, profile) != profiles.end()) continue;
    if (!fault || !fault->needs || profile.features.*fault->needs) profiles.push_back(profile);
  }
  if (profiles.empty()) {
    throw std::invalid_argument(fmt::format("fault '{}' is in a rule of the feature {}, which no profile given has",
                                            fault->name, feature_name(*fault)));
  }
  return profiles;
}

int status_of(const std::vector<ProfileProofs>& proofs) {
  int status = kAsClaimed;
  for (const ProfileProofs& proved : proofs) {
    for (const ProofResult& result : proved.results) {
      if (!result.as_claimed() && is_answer(result.verdict)) return kSurprise;
      if (!result.as_claimed()) status = kNoAnswer;
    }
  }
  return status;
}

void add_kernel_options(CLI::App& command, CommandOptions& options) {
  CLI::Option* kernel = command.add_option(
      "--kernel", options.kernels,
      "Kernels (6.12+userns, or what capcheck kernel build made) whose own functions to prove equal to the model's "
      "rules, for every input; --fault is then planted in the kernel's code");
  command.add_option("--function", options.functions, "Of the kernel, the functions to prove (all of them)")
      ->needs(kernel);
  command
      .add_option("--rules", options.rules,
                  "The profile whose rules the kernel is compared with (its own): 6.12+userns for a series of your own "
                  "that implements that")
      ->needs(kernel);
  for (const char* other :
       {"--profile", "--invariant", "--list", "--explain", "--bound", "--jobs", "--sarif", "--junit", "--tap"})
    kernel->excludes(other);
}

/// For CLI11: what is wrong with a command. An empty one must not pass for none.
std::string names_a_program(const std::string& command) {
  return command.find_first_not_of(' ') == std::string::npos ? "expected the name of a solver, for example cvc5" : "";
}

/// For CLI11: what is wrong with an invariant's name. An empty one must not pass for none.
std::string names_an_invariant(const std::string& name) {
  std::vector<std::string_view> known;
  for (const Statement& statement : all_statements()) known.push_back(statement.info->name);
  if (std::ranges::find(known, name) != known.end()) return "";
  return fmt::format("unknown invariant '{}' (known: {})", name, fmt::join(known, ", "));
}

/// The statement of a name that is known.
const Statement& find_statement(std::string_view name) {
  const auto has_name = [&](const Statement& statement) { return statement.info->name == name; };
  return *std::ranges::find_if(all_statements(), has_name);
}

int run(CommandOptions options) {
  if (!options.explain.empty()) options.invariants = {options.explain};
  const FaultInfo* fault = options.fault.empty() ? nullptr : &find_fault(options.fault);
  std::vector<Profile> profiles = selected_profiles(options, fault);
  if (options.list) {
    print_list();
    return kAsClaimed;
  }
  if (!options.explain.empty()) {
    const Statement& statement = find_statement(options.explain);
    std::erase_if(profiles, [&](const Profile& profile) { return statement.claim(profile) == Claim::not_applicable; });
    fmt::print("{}\n", explain(statement));
  }
  const std::vector<ProfileProofs> proofs = prove(options, profiles, fault);
  if (options.explain.empty() &&
      std::ranges::all_of(proofs, [](const ProfileProofs& proved) { return proved.results.empty(); })) {
    throw std::invalid_argument(
        fmt::format("{} does not apply to {}", fmt::join(options.invariants, ", "), fmt::join(options.profiles, ", ")));
  }
  if (options.json) {
    auto rows = nlohmann::json::array();
    for (const ProfileProofs& proved : proofs) rows.push_back(as_json(options, {proved.profile, fault}, proved));
    fmt::print("{}\n", rows.dump(2));
  }
  write_checks(options.checks, checks_of(proofs, fault));
  return status_of(proofs);
}

}  // namespace

void add_prove_command(CLI::App& app, int& status, KernelProof prove_kernel) {
  auto options = std::make_shared<CommandOptions>();
  CLI::App* command =
      app.add_subcommand("prove", "Prove the invariants of a profile, or refute them by shortest traces");
  command->add_option("--profile", options->profiles, "The kernels whose rules to prove them of")
      ->capture_default_str();
  command->add_option("--invariant", options->invariants, "The invariants to report (all of them)");
  command->add_option("--fault", options->fault, "A fault to plant in the model first");
  command->add_flag("--list", options->list, "List the invariants, what is claimed of them, and the faults");
  command
      ->add_option(
          "--explain", options->explain,
          "Say what this invariant states, of what, where it is claimed and which faults break it; then prove it")
      ->check(names_an_invariant)
      ->excludes("--invariant", "--list");
  command
      ->add_option("--timeout", options->timeout,
                   "Seconds for each question to Z3; for another solver, of processor time")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command
      ->add_option("--bound", options->bound,
                   "All traces of up to so many calls are looked at; longer ones are sampled")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kLongestSearch));
  command->add_option("--jobs", options->jobs, "Profiles to prove side by side")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--save", options->save, "A directory to save counterexamples in, as PROFILE.NAME.trace");
  command->add_option("--smt2", options->smt2,
                      "A directory to write to, as SMT-LIB 2, what each proof has to show: PROFILE/NAME.CALL.smt2 for "
                      "each kind of call, with those of the lemmas that it rests on");
  command
      ->add_option("--confirm-with", options->confirm_with,
                   "Another solver to put that to (cvc5): a program, with arguments if need be, that reads SMT-LIB 2 "
                   "from its standard input. What it does not confirm in --timeout is not proved")
      ->check(names_a_program);
  command->add_flag("--json", options->json, "Print one JSON array instead of text")->excludes("--list", "--explain");
  add_check_files(*command, options->checks);
  if (prove_kernel) add_kernel_options(*command, *options);
  command->footer(
      "Example: capcheck prove --profile 6.12+userns --invariant userns-within-bounding --save findings\n"
      "What a proof has to show of the initial state is computed, and a counterexample is replayed, on the model over\n"
      "machine integers: for these there is no SMT-LIB, and no other solver is asked.\n"
      "Exit status: 0 all as claimed, 1 a claim came out otherwise, 2 one found no answer, or was not confirmed.");
  command->callback([options, &status, prove_kernel = std::move(prove_kernel)] {
    status = options->kernels.empty()
                 ? run(*options)
                 : prove_kernel({options->kernels, options->functions, options->fault, options->rules, options->timeout,
                                 options->save, options->smt2, options->confirm_with, options->json});
  });
}

}  // namespace capcheck
