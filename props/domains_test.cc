// SPDX-License-Identifier: GPL-2.0-only
// The two domains agree: a step built as Z3 terms over unknown credentials and arguments, with numbers put in for them,
// is the step computed on machine integers.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/faults.h"
#include "model/trace_text.h"
#include "props/generators.h"
#include "solver/symbolic.h"

namespace capcheck {
namespace {

/// Names unknowns, and keeps the number each one stands for.
class Unknowns {
 public:
  SymbolicWord stand_for(std::uint64_t number) {
    const SymbolicWord word = SymbolicWord::unknown("v" + std::to_string(names_.size()));
    names_.push_back(word.term());
    numbers_.push_back(SymbolicWord(number).term());
    return word;
  }
  /// A word has this number, when the unknowns have theirs.
  void expect(const std::string& name, const SymbolicWord& word, std::uint64_t number) {
    expectations_.push_back({name, (word == SymbolicWord(number)).term()});
  }
  /// The expectations that are not met. All are first asked at once: they have most of their parts in common.
  std::vector<std::string> unmet() const {
    z3::expr_vector all(TermScope::context());
    for (const auto& [name, holds] : expectations_) all.push_back(holds);
    if (is_met(z3::mk_and(all))) return {};
    std::vector<std::string> names;
    for (const auto& [name, holds] : expectations_) {
      if (!is_met(holds)) names.push_back(name);
    }
    return names;
  }

 private:
  bool is_met(z3::expr holds) const { return holds.substitute(names_, numbers_).simplify().is_true(); }

  z3::expr_vector names_{TermScope::context()}, numbers_{TermScope::context()};
  std::vector<std::pair<std::string, z3::expr>> expectations_;
};

template <class Words, class Numbers>
void copy_words(const Words& words, const Numbers& numbers) {
  for (std::size_t i = 0; i < words.size(); ++i) *words[i] = *numbers[i];
}

/// The world with unknown credentials of task 0; the rest are numerals.
World<Symbolic> lift(World<Concrete>& world, Unknowns& unknowns) {
  World<Symbolic> lifted;
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    copy_words(words_of(lifted.tasks[task]), words_of(world.tasks[task]));
  }
  const auto words = words_of(lifted.tasks[0].cred);
  const auto numbers = words_of(world.tasks[0].cred);
  for (std::size_t i = 0; i < words.size(); ++i) *words[i] = unknowns.stand_for(*numbers[i]);
  lifted.namespace_count = world.namespace_count;
  lifted.fs_count = world.fs_count;
  lifted.session_count = world.session_count;
  copy_words(words_of(lifted.sysctls), words_of(world.sysctls));
  for (std::size_t i = 0; i <= world.namespace_count; ++i) {  // with the one that the call may create
    copy_words(words_of(lifted.namespaces[i]), words_of(world.namespaces[i]));
  }
  return lifted;
}

RC_GTEST_PROP(Domains, AgreeOnEveryStep, ()) {
  const Profile profile = parse_profile(*rc::gen::element<std::string>(
      "6.1", "6.12", "6.17", "6.12+userns", "6.17+userns", "6.12+userns+capbset-drop-lowers-userns",
      "6.12+userns+userns-strict", "6.12+userns+userns-mask"));
  World<Concrete> world = *any_world(profile, 1);  // deeper ones make terms too large to put numbers into
  const Call<Concrete> call = *any_call(profile);

  const TermScope scope;
  Unknowns unknowns;
  World<Symbolic> lifted = lift(world, unknowns);
  Call<Symbolic> lifted_call{call.kind, call.task, {}};
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    lifted_call.args[i] = unknowns.stand_for(call.args[i]);
  }
  // Mostly the rules as they are; else with a fault in them.
  const Fault fault = *rc::gen::inRange(0, 4) == 0 ? (*rc::gen::elementOf(kFaults)).fault : Fault::none;
  const Reply<Symbolic> symbolic = faulty_step(profile, fault, lifted, lifted_call);
  const Reply<Concrete> concrete = faulty_step(profile, fault, world, call);

  unknowns.expect("code", symbolic.code, concrete.code);
  unknowns.expect("result", symbolic.result, concrete.result);
  unknowns.expect("permitted read", symbolic.output.permitted, concrete.output.permitted);
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (!world.tasks[task].alive) continue;
    const auto words = words_of(lifted.tasks[task]);
    const auto numbers = words_of(world.tasks[task]);
    for (std::size_t i = 0; i < words.size(); ++i) {
      unknowns.expect("word " + std::to_string(i) + " of t" + std::to_string(task), *words[i], *numbers[i]);
    }
  }
  RC_ASSERT(unknowns.unmet() == std::vector<std::string>{});
}

}  // namespace
}  // namespace capcheck
