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
#include <set>
#include <string>
#include <system_error>
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
  std::string name;  ///< of its file, or "question"; numbered where there are several of one name
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

  bool is_decided() const { return answer.kind != AskAnswer::Kind::unknown && answer.kind != AskAnswer::Kind::timeout; }
  bool as_expected() const {
    if (!expected) return true;
    switch (expected->kind) {
      case ExpectedAnswer::Kind::never:
        return answer.kind == AskAnswer::Kind::never;
      case ExpectedAnswer::Kind::vacuous:
        return answer.kind == AskAnswer::Kind::vacuous;
      case ExpectedAnswer::Kind::unknown:
        return answer.kind == AskAnswer::Kind::unknown;
      case ExpectedAnswer::Kind::yes:
        return answer.kind == AskAnswer::Kind::yes && answer.trace->calls.size() == expected->calls;
    }
    __builtin_unreachable();
  }
  bool kernel_follows() const { return !replayed || replayed->problem.empty(); }

  int status() const {
    if (!kernel_follows()) return kSurprise;
    if (!as_expected()) return is_decided() ? kSurprise : kNoAnswer;
    const bool says_nothing = !expected && (!is_decided() || answer.kind == AskAnswer::Kind::vacuous);
    return says_nothing || (replayed && !replayed->refused.empty()) ? kNoAnswer : kAsExpected;
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

/// No question has one word alone: it is meant for a path.
bool is_one_word(const std::string& argument) {
  return !argument.empty() && argument.find_first_of(" \t\n") == std::string::npos;
}

std::vector<Asked> read_questions(const AskCommandOptions& options) {
  std::vector<Asked> all;
  std::map<std::string, std::size_t> names;
  const auto add = [&](const fs::path& file, const std::string& text) {
    const std::string stem = file.empty() ? "question" : file.stem().string();
    const std::size_t number = ++names[stem];
    all.push_back({number == 1 ? stem : fmt::format("{}-{}", stem, number), file, text,
                   parse_question(text, file.empty() ? stem : file.string())});
  };
  for (const std::string& argument : options.questions) {
    std::error_code none;  // a text can be too long for a path
    if (!fs::exists(argument, none)) {
      if (is_one_word(argument)) throw std::runtime_error(fmt::format("{}: no such file", argument));
      add({}, argument);
      continue;
    }
    for (const fs::path& file : question_files(argument)) add(file, read_file(file));
  }
  return all;
}

/// The profiles to ask a question of: those that were named, or those for which it expects an answer.
std::set<std::string> profiles_of(const AskCommandOptions& options, const Question& question) {
  std::set<std::string> profiles;
  for (const std::string& name : options.profiles) profiles.insert(to_string(parse_profile(name)));
  if (!profiles.empty()) return profiles;
  for (const ExpectedAnswer& expected : question.expected) profiles.insert(expected.profile);
  if (profiles.empty()) profiles.emplace(kUsualProfile);
  return profiles;
}

TraceText trace_of(const Answered& answered) {
  const Profile profile = parse_profile(answered.profile);
  const Program& program = answered.answer.trace.value();
  std::string intent = fmt::format("Answers {}", answered.asked->name);
  const std::string& words = answered.asked->question.intent;
  intent += words.empty() ? fmt::format(": {}", answered.asked->text) : fmt::format(":\n{}", words);
  intent += "\nFound by capcheck ask.";
  return expect_observed(profile, program, run_model(profile, program), intent);
}

/// The trace on the kernel of its profile, in this process. A kernel that is not there is a refusal.
Replayed replay_on_kernel(const Answered& answered, Kernels& kernels) {
  try {
    return replay(answered.asked->name, trace_of(answered), kernels.of(parse_profile(answered.profile)));
  } catch (const std::runtime_error& problem) {
    return {answered.asked->name, answered.profile, "", "", problem.what(), false};
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
    case AskAnswer::Kind::vacuous:
      return "vacuous: no task in any reachable state is one to start from\n";
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
    case ExpectedAnswer::Kind::vacuous:
      return "vacuous";
    case ExpectedAnswer::Kind::yes:
      return fmt::format("yes by {}", expected.calls);
  }
  __builtin_unreachable();
}

std::string cell_of(const Answered& answered) {
  const AskAnswer& answer = answered.answer;
  return answer.trace ? fmt::format("yes, {}", answer.trace->calls.size()) : std::string(to_string(answer.kind));
}

std::string describe_surprise(const Answered& answered) {
  if (answered.as_expected()) return "";
  return fmt::format("  {}: expected {}\n", answered.is_decided() ? "SURPRISE" : "NO ANSWER",
                     describe_expected(*answered.expected));
}

void print(const Answered& answered) {
  fmt::print("{} on {} ({:.2f} s): {}", answered.asked->name, answered.profile, answered.seconds,
             describe_answer(answered));
  if (answered.replayed) fmt::print("{}", describe_kernel(*answered.replayed));
  fmt::print("{}", describe_surprise(answered));
  std::fflush(stdout);
}

/// What a table has no room for, on standard error.
void print_trouble(const Answered& answered) {
  if (answered.status() == kAsExpected) return;
  const bool is_refused = answered.replayed && !answered.replayed->refused.empty();
  fmt::print(stderr, "{} on {}: {}\n{}{}", answered.asked->name, answered.profile, cell_of(answered),
             !answered.kernel_follows() || is_refused ? describe_kernel(*answered.replayed) : "",
             describe_surprise(answered));
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
  if (answer.kind == AskAnswer::Kind::vacuous) row["lemmas"] = answer.lemmas;
  if (answer.trace) {
    row["start"] = answer.start;
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
    std::string title = words.empty() ? asked.name : words.substr(0, words.find('\n'));
    for (std::size_t bar = title.find('|'); bar != std::string::npos; bar = title.find('|', bar + 2)) {
      title.insert(bar, 1, '\\');
    }
    fmt::print("| {} |", title);
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
  write_file(options.save / fmt::format("{}.{}.trace", answered.profile, answered.asked->name),
             print_trace(trace_of(answered)));
}

int run(const AskCommandOptions& options) {
  const std::vector<Asked> questions = read_questions(options);
  const AskOptions asking{std::chrono::milliseconds(std::llround(options.timeout * 1000)), options.bound};
  // One profile after the other: what is proved of it serves all questions.
  std::map<std::string, std::vector<const Asked*>> by_profile;
  for (const Asked& asked : questions) {
    for (const std::string& profile : profiles_of(options, asked.question)) {
      by_profile[profile].push_back(&asked);
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
      if (options.table) print_trouble(answered);
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
      "Exit status: 0 answered, and as expected; 1 an answer is another, or the kernel does not follow; 2 no answer: "
      "unknown, timeout or vacuous where that is not expected.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
