// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/ask_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "corpus/files.h"
#include "fuzz/replay.h"
#include "model/constants.h"
#include "solver/ask.h"
#include "solver/counterexample.h"
#include "solver/question.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kAsExpected = 0, kSurprise = 1, kNoAnswer = 2;
constexpr const char* kUsualProfile = "6.12+userns";
constexpr std::string_view kQuestionSuffix = ".question";

struct AskCommandOptions {
  std::vector<std::string> questions, profiles;
  double timeout = 10;
  std::size_t bound = AskOptions{}.bound;
  fs::path save;
  bool no_kernel = false;
  bool table = false;
  bool json = false;
};

/// A question, and where it comes from: a file, or nothing if it was an argument.
struct Asked {
  fs::path file;
  std::string text;
  Question question;
};

/// What came of a question on one profile.
struct Answered {
  const Asked* asked;
  std::string profile;
  AskAnswer answer;
  std::optional<ExpectedAnswer> expected{};
  std::optional<Replayed> replayed{};  ///< of a trace, on the profile's kernel
  double seconds = 0;

  bool is_answer() const { return answer.kind == AskAnswer::Kind::never || answer.kind == AskAnswer::Kind::yes; }
  bool as_expected() const {
    if (!expected) return true;
    switch (expected->kind) {
      case ExpectedAnswer::Kind::never:
        return answer.kind == AskAnswer::Kind::never;
      case ExpectedAnswer::Kind::unknown:
        return answer.kind == AskAnswer::Kind::unknown;
      case ExpectedAnswer::Kind::yes:
        return answer.kind == AskAnswer::Kind::yes && answer.trace->calls.size() == expected->calls;
    }
    __builtin_unreachable();
  }
  bool kernel_follows() const { return !replayed || replayed->problem.empty(); }

  int status() const {
    if (!as_expected() || !kernel_follows()) return kSurprise;
    const bool no_answer = !is_answer() && !expected;
    return no_answer || (replayed && !replayed->refused.empty()) ? kNoAnswer : kAsExpected;
  }
};

std::vector<fs::path> question_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.path().extension() == kQuestionSuffix) files.push_back(entry.path());
  }
  if (files.empty()) throw std::runtime_error(fmt::format("{}: no {} below it", path.string(), kQuestionSuffix));
  std::ranges::sort(files);
  return files;
}

std::vector<Asked> read_questions(const AskCommandOptions& options) {
  std::vector<Asked> all;
  for (const std::string& argument : options.questions) {
    if (!fs::exists(argument)) {
      const bool is_path = argument.ends_with(kQuestionSuffix);
      if (is_path) throw std::runtime_error(fmt::format("{}: no such file", argument));
      all.push_back({{}, argument, parse_question(argument, "question")});
      continue;
    }
    for (const fs::path& file : question_files(argument)) {
      std::string text = read_file(file);
      Question question = parse_question(text, file.string());
      all.push_back({file, std::move(text), std::move(question)});
    }
  }
  return all;
}

/// The profiles to ask a question of: those that were named, or those for which it expects an answer.
std::vector<std::string> profiles_of(const AskCommandOptions& options, const Question& question) {
  if (!options.profiles.empty()) return options.profiles;
  std::vector<std::string> profiles;
  for (const ExpectedAnswer& expected : question.expected) profiles.push_back(expected.profile);
  if (profiles.empty()) profiles.emplace_back(kUsualProfile);
  return profiles;
}

std::string name_of(const Asked& asked) {
  return asked.file.empty() ? "question" : asked.file.stem().string();
}

TraceText trace_of(const Answered& answered) {
  const Profile profile = parse_profile(answered.profile);
  const Program& program = answered.answer.trace.value();
  std::string intent = fmt::format("Answers {}", name_of(*answered.asked));
  const std::string& words = answered.asked->question.intent;
  intent += words.empty() ? fmt::format(": {}", answered.asked->text) : fmt::format(":\n{}", words);
  intent += "\nFound by capcheck ask.";
  return expect_observed(profile, program, run_model(profile, program), intent);
}

/// The trace on the kernel of its profile, in this process. A kernel that is not there is a refusal.
Replayed replay_on_kernel(const Answered& answered, Kernels& kernels) {
  try {
    return replay(name_of(*answered.asked), trace_of(answered), kernels.of(parse_profile(answered.profile)));
  } catch (const std::runtime_error& problem) {
    return {name_of(*answered.asked), answered.profile, "", "", problem.what(), false};
  }
}

std::string describe_start(const Answered& answered) {
  std::string text;
  const AskAnswer& answer = answered.answer;
  for (std::size_t i = 0; i < answer.variables.size(); ++i) {
    const std::uint64_t number = answer.variables[i];
    text += fmt::format(", for {} = {}", answered.asked->question.variables[i],
                        capability_name(number).value_or(std::to_string(number)));
  }
  if (answer.start > 0) text += fmt::format(", from the state after call {}", answer.start);
  return text;
}

std::string describe_answer(const Answered& answered) {
  const AskAnswer& answer = answered.answer;
  switch (answer.kind) {
    case AskAnswer::Kind::never: {
      if (answer.invariant.empty()) return "never: no call does it in any state\n";
      std::string text = "never: what a task to start from has, every call keeps, and what is asked for breaks it:\n";
      for (const PredicatePtr& part : answer.invariant) text += fmt::format("    {}\n", to_string(*part));
      return text;
    }
    case AskAnswer::Kind::yes: {
      const std::size_t calls = answer.trace->calls.size();
      std::string text = fmt::format("yes, by {} call{}{}{}:\n", calls, calls == 1 ? "" : "s",
                                     answer.looked_at + 1 >= calls ? " and no fewer" : "; no shorter way was found",
                                     describe_start(answered));
      return text + indent(print_steps(parse_profile(answered.profile), Fault::none, *answer.trace), "    ");
    }
    case AskAnswer::Kind::unknown:
      return fmt::format(
          "unknown: not by up to {} call{}, nor by any longer trace that was sampled; and no invariant "
          "of the candidates rules it out{}{}\n",
          answer.looked_at, answer.looked_at == 1 ? "" : "s", answer.detail.empty() ? "" : ": ", answer.detail);
    case AskAnswer::Kind::timeout:
      return fmt::format("timeout: {}\n", answer.detail);
  }
  __builtin_unreachable();
}

std::string describe_kernel(const Replayed& replayed) {
  if (!replayed.refused.empty()) return fmt::format("  NOT REPLAYED on the kernel: {}\n", replayed.refused);
  if (!replayed.problem.empty()) return fmt::format("  THE KERNEL DOES NOT FOLLOW:\n{}", replayed.problem);
  return fmt::format("  Linux {} follows it.\n", replayed.kernel);
}

std::string describe_expected(const ExpectedAnswer& expected) {
  switch (expected.kind) {
    case ExpectedAnswer::Kind::never:
      return "never";
    case ExpectedAnswer::Kind::unknown:
      return "unknown";
    case ExpectedAnswer::Kind::yes:
      return fmt::format("yes by {}", expected.calls);
  }
  __builtin_unreachable();
}

void print(const Answered& answered) {
  fmt::print("{} on {} ({:.2f} s): {}", name_of(*answered.asked), answered.profile, answered.seconds,
             describe_answer(answered));
  if (answered.replayed) fmt::print("{}", describe_kernel(*answered.replayed));
  if (!answered.as_expected()) fmt::print("  SURPRISE: expected {}\n", describe_expected(*answered.expected));
  std::fflush(stdout);
}

nlohmann::json as_json(const Answered& answered) {
  const AskAnswer& answer = answered.answer;
  nlohmann::json row{{"question", answered.asked->text},     {"file", answered.asked->file.string()},
                     {"profile", answered.profile},          {"answer", std::string(to_string(answer.kind))},
                     {"looked_at", answer.looked_at},        {"seconds", answered.seconds},
                     {"as_expected", answered.as_expected()}};
  if (!answer.detail.empty()) row["detail"] = answer.detail;
  if (answer.kind == AskAnswer::Kind::never) {
    auto parts = nlohmann::json::array();
    for (const PredicatePtr& part : answer.invariant) parts.push_back(to_string(*part));
    row["invariant"] = std::move(parts);
    row["lemmas"] = answer.lemmas;
  }
  if (answer.trace) {
    row["calls"] = answer.trace->calls.size();
    row["trace"] = print_trace(trace_of(answered));
    for (std::size_t i = 0; i < answer.variables.size(); ++i) {
      row["variables"][answered.asked->question.variables[i]] = answer.variables[i];
    }
  }
  if (answered.replayed) {
    row["kernel"] = {{"follows", answered.kernel_follows() && answered.replayed->refused.empty()},
                     {"problem", answered.replayed->problem},
                     {"refused", answered.replayed->refused}};
  }
  return row;
}

std::string cell_of(const Answered& answered) {
  const AskAnswer& answer = answered.answer;
  return answer.trace ? fmt::format("yes, {}", answer.trace->calls.size()) : std::string(to_string(answer.kind));
}

/// Questions in words by profiles, as a table of Markdown.
void print_table(const std::vector<Asked>& questions, const std::vector<Answered>& all) {
  std::vector<std::string> profiles;
  for (const Answered& answered : all) {
    if (std::ranges::find(profiles, answered.profile) == profiles.end()) profiles.push_back(answered.profile);
  }
  std::ranges::sort(profiles, {}, [](const std::string& name) { return std::pair(name.size(), name); });
  fmt::print("| question | {} |\n|---|{}\n", fmt::join(profiles, " | "),
             fmt::join(std::vector<std::string>(profiles.size(), "---|"), ""));
  for (const Asked& asked : questions) {
    const std::string& words = asked.question.intent;
    fmt::print("| {} |", words.empty() ? name_of(asked) : words.substr(0, words.find('\n')));
    for (const std::string& profile : profiles) {
      const auto found = std::ranges::find_if(
          all, [&](const Answered& answered) { return answered.asked == &asked && answered.profile == profile; });
      fmt::print(" {} |", found == all.end() ? "" : cell_of(*found));
    }
    fmt::print("\n");
  }
}

Answered answer(Asker& asker, const Asked& asked, const std::string& profile) {
  const auto start = Clock::now();
  Answered answered{&asked, profile, asker.ask(asked.question)};
  answered.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const auto expected = std::ranges::find(asked.question.expected, profile, &ExpectedAnswer::profile);
  if (expected != asked.question.expected.end()) answered.expected = *expected;
  return answered;
}

void save(const AskCommandOptions& options, const Answered& answered) {
  if (options.save.empty() || !answered.answer.trace) return;
  write_file(options.save / fmt::format("{}.{}.trace", answered.profile, name_of(*answered.asked)),
             print_trace(trace_of(answered)));
}

int run(const AskCommandOptions& options) {
  const std::vector<Asked> questions = read_questions(options);
  const AskOptions asking{std::chrono::milliseconds(std::llround(options.timeout * 1000)), options.bound};
  // One profile after the other: what is proved of it serves all questions.
  std::map<std::string, std::vector<const Asked*>> by_profile;
  for (const Asked& asked : questions) {
    for (const std::string& profile : profiles_of(options, asked.question)) {
      by_profile[to_string(parse_profile(profile))].push_back(&asked);
    }
  }
  Kernels kernels;
  std::vector<Answered> all;
  for (const auto& [profile, of_profile] : by_profile) {
    Asker asker(parse_profile(profile), asking);
    for (const Asked* asked : of_profile) {
      Answered& answered = all.emplace_back(answer(asker, *asked, profile));
      if (answered.answer.trace && !options.no_kernel) answered.replayed = replay_on_kernel(answered, kernels);
      save(options, answered);
      if (!options.json && !options.table) print(answered);
    }
  }
  if (options.table) print_table(questions, all);
  if (options.json) {
    auto rows = nlohmann::json::array();
    for (const Answered& answered : all) rows.push_back(as_json(answered));
    fmt::print("{}\n", rows.dump(2));
  }
  const auto count = [&](int status) { return std::ranges::count(all, status, &Answered::status); };
  return count(kSurprise) ? kSurprise : count(kNoAnswer) ? kNoAnswer : kAsExpected;
}

}  // namespace

void add_ask_command(CLI::App& app, int& status) {
  auto options = std::make_shared<AskCommandOptions>();
  CLI::App* command = app.add_subcommand("ask", "Is a state reachable? Answer with a proof, or with a shortest trace");
  command
      ->add_option("questions", options->questions,
                   "Questions (see solver/QUESTION.md), files with one each, or directories of them")
      ->required();
  command->add_option(
      "--profile", options->profiles,
      fmt::format("The kernels whose rules to ask (those a question expects something of; else {})", kUsualProfile));
  command->add_option("--timeout", options->timeout, "Seconds for each question to Z3")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command
      ->add_option("--bound", options->bound,
                   "All traces of up to so many calls are looked at; longer ones are sampled")
      ->capture_default_str()
      ->check(CLI::Range(1, 12));
  command->add_option("--save", options->save, "A directory to save traces in, as PROFILE.QUESTION.trace");
  command->add_flag("--no-kernel", options->no_kernel, "Do not replay traces on the kernel in this process");
  CLI::Option* table = command->add_flag("--table", options->table, "Print a table: questions by profiles");
  command->add_flag("--json", options->json, "Print one JSON array instead of text")->excludes(table);
  command->footer(
      "Example: capcheck ask 'capability c from any where c not in U | X reach c in U'\n"
      "Exit status: 0 answered, and as expected; 1 an answer is another, or the kernel does not follow; 2 no answer.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
