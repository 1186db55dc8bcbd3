// SPDX-License-Identifier: GPL-2.0-only
// The two domains agree: a step built as Z3 terms over unknown credentials and arguments, with numbers put in for them,
// is the step computed on machine integers.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "model/trace_text.h"
#include "props/generators.h"
#include "solver/symbolic.h"

namespace capcheck {
namespace {

constexpr std::size_t kNamespaces = 3;

/// Names unknowns, and keeps the number each one stands for.
class Unknowns {
 public:
  SymbolicWord stand_for(std::uint64_t number) {
    const SymbolicWord word = SymbolicWord::unknown("v" + std::to_string(names_.size()));
    names_.push_back(word.term());
    numbers_.push_back(SymbolicWord(number).term());
    return word;
  }
  std::uint64_t value(const SymbolicWord& word) const {
    if (word.numeral()) return *word.numeral();
    z3::expr term = word.term();
    return term.substitute(names_, numbers_).simplify().get_numeral_uint64();
  }

 private:
  z3::expr_vector names_{TermScope::context()}, numbers_{TermScope::context()};
};

template <class Words, class Numbers>
void copy_words(const Words& words, const Numbers& numbers) {
  for (std::size_t i = 0; i < words.size(); ++i) *words[i] = *numbers[i];
}

/// The world with unknown credentials; the rest are numerals.
World<Symbolic> lift(World<Concrete>& world, Unknowns& unknowns) {
  World<Symbolic> lifted;
  const auto words = words_of(lifted.tasks[0].cred);
  const auto numbers = words_of(world.tasks[0].cred);
  for (std::size_t i = 0; i < words.size(); ++i) *words[i] = unknowns.stand_for(*numbers[i]);
  lifted.tasks[0].user_ns = world.tasks[0].user_ns;
  lifted.tasks[0].chrooted = world.tasks[0].chrooted;
  lifted.namespace_count = world.namespace_count;
  for (std::size_t i = 0; i < kNamespaces; ++i) {
    copy_words(words_of(lifted.namespaces[i]), words_of(world.namespaces[i]));
  }
  return lifted;
}

RC_GTEST_PROP(Domains, AgreeOnEveryStep, ()) {
  const Profile profile =
      parse_profile(*rc::gen::element<std::string>("6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"));
  World<Concrete> world = *any_world(profile);
  const Call<Concrete> call = *any_call(profile);

  const TermScope scope;
  Unknowns unknowns;
  World<Symbolic> lifted = lift(world, unknowns);
  Call<Symbolic> lifted_call{call.kind, call.task, {}};
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    lifted_call.args[i] = unknowns.stand_for(call.args[i]);
  }
  const Reply<Symbolic> symbolic = step(profile, lifted, lifted_call);
  const Reply<Concrete> concrete = step(profile, world, call);

  RC_ASSERT(unknowns.value(symbolic.code) == concrete.code);
  RC_ASSERT(unknowns.value(symbolic.result) == concrete.result);
  RC_ASSERT(unknowns.value(symbolic.output.permitted) == concrete.output.permitted);
  const auto words = words_of(lifted.tasks[0].cred);
  const auto numbers = words_of(world.tasks[0].cred);
  for (std::size_t i = 0; i < words.size(); ++i) {
    RC_LOG() << kCredentialFields<Concrete>[i].name << '\n';
    RC_ASSERT(unknowns.value(*words[i]) == *numbers[i]);
  }
  RC_ASSERT(unknowns.value(lifted.tasks[0].user_ns) == world.tasks[0].user_ns);
}

}  // namespace
}  // namespace capcheck
