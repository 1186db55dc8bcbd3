// SPDX-License-Identifier: GPL-2.0-only
// Why a call did what it did: of each field that changed the formula over the state before and the kernel function that
// it speaks for, of a call that failed the test that decided, and of a divergence the term that differs. Nothing here
// knows a rule: steps over Explained (explained.h) do.
//
// Sets go by the letters of the rules: P E I X A U. A prime is the value after the call, "P(t1)" another task's, "∅" no
// capability, "FULL" all of the kernel's. Ids are kernel ids, as seen from the initial namespace.
#ifndef CAPCHECK_MODEL_EXPLANATION_H_
#define CAPCHECK_MODEL_EXPLANATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/explained.h"
#include "model/guard.h"
#include "model/profile.h"
#include "model/program.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck {

/// A call as a step over Explained made it.
struct ExplainedCall {
  Call<Concrete> call{};
  bool made = false;                                              ///< its caller lives
  std::array<bool, kMaxTasks> lived{}, lives{};                   ///< before and after
  std::array<TaskState<Explained>, kMaxTasks> before{}, after{};  ///< of those tasks
  Reply<Explained> reply{};
  std::vector<AskedGuard> guards{};  ///< the tests that it came to, in their order

  /// What a task's state after the call compares with: its own before; of a task just born, its creator's.
  const TaskState<Explained>& origin(std::size_t task) const { return before[lived[task] ? task : call.task]; }
};

/// The calls of a program, one after another. The names of what there was before are given anew for each.
class ExplainedRun {
 public:
  explicit ExplainedRun(const Profile& profile) : profile_(profile) { begin(world_, profile); }
  ExplainedRun(const Profile& profile, const Start& start);

  ExplainedCall step(const Call<Concrete>& call);
  const World<Concrete>& world() const { return world_; }

 private:
  Profile profile_;
  World<Concrete> world_{};
};

/// A field of a task's state over Explained, by its place in state_fields().
const ExplainedWord& field_of(const TaskState<Explained>& state, std::size_t field);

/// Fields of one task that one formula gives.
struct FieldChange {
  std::size_t task;
  std::vector<std::size_t> fields;     ///< places in state_fields()
  bool changed;                        ///< one of them is not what it was
  std::string formula;                 ///< "P' = E' = X' = U"
  std::string_view function;           ///< the kernel's
  std::vector<std::string> because{};  ///< what decided between formulas: "CAP_SETUID ∈ E"
};

struct CallExplanation {
  Guard failed = Guard::none;          ///< caller_exists where the caller does not live
  std::vector<std::string> because{};  ///< of the test that failed
  std::vector<FieldChange> changes{};  ///< of all tasks; of sets also what is as before, where none changed
};

CallExplanation explain(const Profile& profile, const ExplainedCall& call);

/// The same as lines: "set_cred_user_ns: P' = E' = X' = U".
std::vector<std::string> lines_of(const CallExplanation& explanation);
std::string line_of(const FieldChange& change);

/// Of a field that a kernel left otherwise: the model's formula for it, both values, and which other term gives what
/// the kernel has, if one does. Lines.
std::vector<std::string> explain_field(const Profile& profile, const ExplainedCall& call, std::size_t task,
                                       std::size_t field, std::uint64_t kernel);

/// The same of what the call wrote, by its place in kOutputFields.
std::vector<std::string> explain_output(const Profile& profile, const ExplainedCall& call, std::size_t output,
                                        std::uint64_t kernel);

/// Of a call to which a kernel gave another result: the test that decided in the model, and the tests that give the
/// kernel's errno. Lines.
std::vector<std::string> explain_result(const Profile& profile, const ExplainedCall& call, std::uint64_t kernel);

}  // namespace capcheck

#endif
