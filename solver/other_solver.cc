// SPDX-License-Identifier: GPL-2.0-only
#include "solver/other_solver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <stdexcept>

#include "solver/process.h"

namespace capcheck {
namespace {

/// Something that can be, and something that cannot, in the form of an obligation.
constexpr std::string_view kProbe =
    "(set-logic QF_BV)\n(declare-fun x () (_ BitVec 64))\n(assert (bvult x (_ bv1 64)))\n(check-sat)\n"
    "(reset)\n(set-logic QF_BV)\n(declare-fun x () (_ BitVec 64))\n(assert (bvult x (_ bv0 64)))\n(check-sat)\n";
constexpr std::string_view kProbeAnswer = "sat\nunsat\n";
constexpr std::chrono::seconds kTimeForProbe{10};

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

/// Without what the answers have to be: cvc5 aborts where it finds another, and it is to say which.
std::string without_status(std::string text) {
  constexpr std::string_view kStatus = "(set-info :status unsat)\n";
  for (std::size_t at = text.find(kStatus); at != std::string::npos; at = text.find(kStatus, at)) {
    text.erase(at, kStatus.size());
  }
  return text;
}

/// What a program said and how it ended, in one line.
std::string describe(const Finished& finished) {
  constexpr std::size_t kLongest = 200;
  const std::string said = fmt::format("{}", fmt::join(words(finished.output), " ")).substr(0, kLongest);
  if (!finished.status) return fmt::format("said '{}' and did not end in its time", said);
  const int status = *finished.status;
  return WIFEXITED(status) ? fmt::format("said '{}' and ended with status {}", said, WEXITSTATUS(status))
                           : fmt::format("said '{}' and died of signal {}", said, WTERMSIG(status));
}

bool is_well(const Finished& finished) {
  return finished.status && WIFEXITED(*finished.status) && WEXITSTATUS(*finished.status) == 0;
}

}  // namespace

OtherSolver::OtherSolver(std::string_view command, std::chrono::milliseconds timeout)
    : command_(words(command)), timeout_(timeout) {
  if (command_.empty()) throw std::runtime_error("the name of a solver is missing; expected for example cvc5");
  const Finished probe = run_on(command_, kProbe, kTimeForProbe);
  if (is_well(probe) && probe.output == kProbeAnswer) return;
  throw std::runtime_error(
      fmt::format("{} {}, asked what is 'sat unsat': expected a solver that reads SMT-LIB 2 from its standard input; "
                  "does it need arguments?",
                  command, describe(probe)));
}

Answer OtherSolver::ask(const Obligation& obligation) const {
  const std::chrono::milliseconds time = timeout_ * obligation.cases;
  const Finished finished = run_on(command_, without_status(obligation.smt2), time);
  const std::vector<std::string> said = words(finished.output);
  const auto answer = [&](Answer::Kind kind, std::string_view what) {
    return Answer{kind, fmt::format("{} {}", name(), what)};
  };
  if (std::ranges::find(said, "sat") != said.end()) {
    return answer(Answer::Kind::yes, "disagrees: it " + describe(finished));
  }
  if (!finished.status) return answer(Answer::Kind::timeout, fmt::format("had no answer in {} ms", time.count()));
  if (!is_well(finished) || said != std::vector<std::string>(obligation.cases, "unsat")) {
    return answer(Answer::Kind::unknown, describe(finished));
  }
  return {Answer::Kind::no, ""};
}

}  // namespace capcheck
