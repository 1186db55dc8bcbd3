// SPDX-License-Identifier: GPL-2.0-only
// Every trace of the corpus over Explained: the same values as over machine integers, and a word about each change.
#include "model/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/files.h"
#include "model/program.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Words of what lives, one after another.
std::vector<std::uint64_t> words_of_world(const World<Concrete>& world) {
  std::vector<std::uint64_t> words{world.namespace_count, world.fs_count, world.session_count};
  const auto add = [&](auto value) {
    for (const std::uint64_t* word : words_of(value)) words.push_back(*word);
  };
  add(world.sysctls);
  for (const Task<Concrete>& task : world.tasks) {
    words.push_back(task.alive);
    if (task.alive) add(task);
  }
  for (std::size_t ns = 0; ns < world.namespace_count; ++ns) add(world.namespaces[ns]);
  return words;
}

void expect_same_output(const Output<Explained>& explained, const Output<Concrete>& expected) {
  EXPECT_EQ(explained.version.value(), expected.version);
  EXPECT_EQ(explained.effective.value(), expected.effective);
  EXPECT_EQ(explained.permitted.value(), expected.permitted);
  EXPECT_EQ(explained.inheritable.value(), expected.inheritable);
  EXPECT_EQ(explained.secure.value(), expected.secure);
  EXPECT_EQ(explained.features.value(), expected.features);
}

/// What a term's operation makes of its operands.
std::uint64_t computed(const Term& term) {
  const std::uint64_t left = term.left->value, right = term.right->value;
  switch (term.kind) {
    case Term::Kind::intersection:
      return left & right;
    case Term::Kind::union_:
      return left | right;
    case Term::Kind::difference:
      return left ^ right;
    case Term::Kind::complement:
      return ~left;
    case Term::Kind::sum:
      return left + right;
    case Term::Kind::minus:
      return left - right;
    case Term::Kind::shift:
      return left >> right;
    case Term::Kind::choice:
      return left;
    case Term::Kind::known:
    case Term::Kind::variable:
      break;
  }
  return term.value;
}

/// A formula gives the value that it stands for, in all its parts.
void expect_true(const Term& term) {
  if (!term.left) return;
  EXPECT_EQ(term.value, computed(term));
  expect_true(*term.left);
  expect_true(*term.right);
}

/// Each field that changed stands in one formula, with the kernel function that it is of.
void expect_every_change(const ExplainedCall& call, const CallExplanation& explanation) {
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (!call.lives[task]) continue;
    for (std::size_t field = 0; field < state_fields().size(); ++field) {
      expect_true(*field_of(call.after[task], field).term());
      if (field_of(call.after[task], field).value() == field_of(call.origin(task), field).value()) continue;
      const auto of_field = [&](const FieldChange& change) {
        return change.task == task && change.changed && std::ranges::find(change.fields, field) != change.fields.end();
      };
      EXPECT_EQ(std::ranges::count_if(explanation.changes, of_field), 1)
          << print_call(call.call) << ": " << state_fields()[field].name << " of t" << task;
    }
  }
  for (const FieldChange& change : explanation.changes) {
    EXPECT_NE(change.function, "") << print_call(call.call) << ": " << change.formula;
    EXPECT_THAT(change.formula, Not(HasSubstr("…"))) << print_call(call.call);
  }
}

/// Runs a program both ways, and notes the kernel functions that are named.
void expect_same_run(const Profile& profile, const Program& program, std::set<std::string_view>& functions) {
  World<Concrete> world{};
  begin(world, profile);
  ExplainedRun run(profile);
  for (const Call<Concrete>& call : program.calls) {
    const ExplainedCall explained = run.step(call);
    const CallExplanation explanation = explain(profile, explained);
    ASSERT_EQ(explained.made, world.tasks[call.task].alive != 0);
    if (explained.made) {
      const Reply<Concrete> reply = step(profile, world, call);
      ASSERT_EQ(explained.reply.result.value(), reply.result) << print_call(call);
      ASSERT_EQ(explained.reply.code.value(), reply.code) << print_call(call);
      EXPECT_EQ(explanation.failed, failed_guard(reply.code)) << print_call(call);
      expect_same_output(explained.reply.output, reply.output);
    }
    ASSERT_EQ(words_of_world(run.world()), words_of_world(world)) << print_call(call);
    expect_every_change(explained, explanation);
    for (const FieldChange& change : explanation.changes) functions.insert(change.function);
  }
}

TEST(ExplainedCorpus, HasTheValuesOfMachineIntegers) {
  const std::vector<std::filesystem::path> corpus{std::filesystem::path(CAPCHECK_SOURCE_DIR) / "corpus"};
  const auto files = find_traces(corpus);
  EXPECT_GT(files.size(), 300u);
  std::set<std::string_view> functions;
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    const TraceText trace = load_trace(file, Profile{});
    for (const Profile& profile : trace.profiles) expect_same_run(profile, trace.program, functions);
  }
  // A function that an explanation names is one that a rule says it speaks for.
  std::string rules;
  for (const auto& file :
       std::filesystem::directory_iterator(std::filesystem::path(CAPCHECK_SOURCE_DIR) / "model/rules")) {
    rules += read_file(file.path());
  }
  for (const std::string_view function : functions) EXPECT_THAT(rules, HasSubstr(std::string(function) + "()"));
  EXPECT_GT(functions.size(), 15u);
}

}  // namespace
}  // namespace capcheck
