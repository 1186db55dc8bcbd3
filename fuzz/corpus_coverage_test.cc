// SPDX-License-Identifier: GPL-2.0-only
// The hand-written seeds reach every row of the transition table, and the table has a row for whatever programs reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "corpus/files.h"
#include "fuzz/coverage_command.h"
#include "fuzz/mutator.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/possible.h"
#include "model/program.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using ::testing::IsEmpty;

TEST(Corpus, SeedsReachEveryTransition) {
  const std::vector<std::filesystem::path> seeds{std::filesystem::path(CAPCHECK_SOURCE_DIR) / "corpus/seeds"};
  const auto files = find_traces(seeds);
  for (const auto& file : files) {
    EXPECT_NE(load_trace(file, Profile{}).intent, "") << file << " does not open with its intent";
  }
  const auto rows = transition_table(kernel_profiles(), files);
  EXPECT_GT(rows.size(), 140u);
  std::vector<std::string> missing;
  for (const TransitionRow& row : rows) {
    if (row.missing()) missing.push_back(std::string(info(row.call).name) + ": " + std::string(info(row.outcome).name));
  }
  EXPECT_THAT(missing, IsEmpty());
}

TEST(Corpus, TableWithoutSeedsIsMissingEveryRow) {
  for (const TransitionRow& row : transition_table(kernel_profiles(), {})) EXPECT_TRUE(row.missing());
}

TEST(Corpus, TableHasARowForWhateverProgramsReach) {
  for (const Profile& profile : kernel_profiles()) {
    std::set<std::pair<CallKind, Guard>> provided;
    for (const CallInfo& call : kCalls) {
      for (const Guard outcome : possible_outcomes(profile, call.kind)) provided.emplace(call.kind, outcome);
    }
    Random random(1);
    Program program;
    Trace trace;
    for (int i = 0; i < 20000; ++i) {
      mutate(program, 16, profile, random);
      run_model(profile, program, trace);
      for (std::size_t call = 0; call < program.calls.size(); ++call) {
        if (trace.guards[call] == Guard::caller_exists) continue;
        ASSERT_TRUE(provided.contains({program.calls[call].kind, trace.guards[call]}))
            << print_call(program.calls[call]) << ": " << info(trace.guards[call]).name;
      }
    }
  }
}

/// A row of fuzz/kernel/COVERED.md: the call, the kernel functions that run in process, and those that do not.
struct CoveredRow {
  std::string call;
  std::vector<std::string> in_process, booted_only;
};

/// The words between backquotes.
std::vector<std::string> quoted_words(const std::string& cell) {
  std::vector<std::string> words;
  for (std::size_t start = cell.find('`'); start != std::string::npos; start = cell.find('`', start)) {
    const std::size_t end = cell.find('`', start + 1);
    words.push_back(cell.substr(start + 1, end - start - 1));
    start = end + 1;
  }
  return words;
}

std::vector<CoveredRow> covered_rows() {
  std::ifstream file(std::filesystem::path(CAPCHECK_SOURCE_DIR) / "fuzz/kernel/COVERED.md");
  std::vector<CoveredRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| ") || line.starts_with("| call ")) continue;
    std::vector<std::string> cells;
    std::istringstream text(line.substr(1));
    for (std::string cell; std::getline(text, cell, '|');) cells.push_back(cell);
    cells.resize(4);
    const std::string& name = cells[0];
    rows.push_back({name.substr(1, name.size() - 2), quoted_words(cells[1]), quoted_words(cells[3])});
  }
  return rows;
}

/// The functions and data that a kernel defines, as llvm-nm lists them.
std::set<std::string> defined_symbols(const std::filesystem::path& kernel) {
  const std::string command = std::string(LLVM_NM) + " --defined-only --format=just-symbols '" + kernel.string() + "'";
  std::set<std::string> symbols;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 512> line{};
  while (pipe && fgets(line.data(), line.size(), pipe.get())) symbols.emplace(line.data(), strcspn(line.data(), "\n"));
  return symbols;
}

TEST(CoveredCalls, EveryCallHasARow) {
  std::vector<std::string> rows, calls;
  for (const CoveredRow& row : covered_rows()) rows.push_back(row.call);
  for (const CallInfo& call : kCalls) calls.push_back(call_name(call.kind));
  EXPECT_EQ(rows, calls);
}

TEST(CoveredCalls, WhatIsSaidToRunInProcessIsLinked) {
  for (const Profile& profile : kernel_profiles()) {
    const std::set<std::string> symbols = defined_symbols(kernel_file(profile));
    ASSERT_GT(symbols.size(), 1000u) << "no symbols of " << kernel_file(profile);
    for (const CoveredRow& row : covered_rows()) {
      EXPECT_FALSE(row.in_process.empty()) << row.call;
      for (const std::string& function : row.in_process) {
        EXPECT_TRUE(symbols.contains(function)) << row.call << ": " << function << " is not in " << to_string(profile);
      }
      for (const std::string& function : row.booted_only) {
        EXPECT_FALSE(symbols.contains(function)) << row.call << ": " << function << " is in " << to_string(profile);
      }
    }
  }
}

}  // namespace
}  // namespace capcheck
