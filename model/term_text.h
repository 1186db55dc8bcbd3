// SPDX-License-Identifier: GPL-2.0-only
// Terms and conditions of explained.h as text: "U ∖ {CAP_CHOWN}", "SECBIT_NOROOT ∉ securebits".
#ifndef CAPCHECK_MODEL_TERM_TEXT_H_
#define CAPCHECK_MODEL_TERM_TEXT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/explained.h"
#include "model/profile.h"

namespace capcheck {

/// Of choices, the arm that was taken.
const Term& taken_arm(const Term& term);

/// Writes terms and comparisons with the names that a profile's kernel has for values.
class TermWriter {
 public:
  explicit TermWriter(const Profile& profile);

  /// Has a term go by a name wherever it is a part: what a call gives to a field, by the field's. A variable keeps its
  /// own.
  void give_name(const ExplainedWord& word, std::string name);

  /// A whole term, of which nothing has a given name but its parts. `role`: how its value is written, if it does not
  /// say.
  std::string formula(const Term& term, Role role) const;

  /// A comparison as it came out; empty if it says nothing.
  std::string comparison(const Condition& condition) const;

  /// "{CAP_CHOWN, CAP_KILL}", "FULL ∖ {CAP_CHOWN}", "∅".
  std::string set(std::uint64_t value) const;
  std::string number(std::uint64_t value, Role role) const;

 private:
  std::string bits(std::uint64_t value) const;
  /// An operand; `tight` is how tightly what is around it binds.
  std::string part(const Term& term, Role role, int tight) const;
  std::string operation(const Term& term, Role role, int tight) const;
  /// Of two sets, without parentheses: what is taken away reads better than what stays.
  std::string intersection(const Term& term) const;
  /// That an intersection is empty, or not: membership, inclusion, or that.
  std::string emptiness(const Term& term, bool empty) const;

  std::uint64_t full_, securebits_, strict_;
  std::map<const Term*, std::string> names_;
};

/// The comparisons that, as they came out, make a condition what it is; no more than that takes.
std::vector<const Condition*> deciding_comparisons(const Condition& condition);

/// What made a condition what it is, and what decided between the arms of a term's choices. Reasons are said once.
void add_reasons(const Condition& condition, const TermWriter& writer, std::vector<std::string>& reasons);
void add_reasons(const Term& term, const TermWriter& writer, std::vector<std::string>& reasons);

}  // namespace capcheck

#endif
