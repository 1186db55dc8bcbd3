// SPDX-License-Identifier: GPL-2.0-only
// One situation in two forms: the model's values, and the kernel's objects that hold the same.
#ifndef CAPCHECK_SOLVER_KERNEL_SCENE_H_
#define CAPCHECK_SOLVER_KERNEL_SCENE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/domain.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/kernel/interpreter.h"
#include "solver/symbolic.h"

namespace capcheck {

/// How a value is written when it is shown.
enum class Shown : std::uint8_t {
  set,     ///< of capabilities
  number,  ///< decimal, signed
  bits,    ///< hexadecimal
};

/// An unknown of a situation, under the name by which people know it.
struct Unknown {
  std::string name;
  SymbolicWord word;
  Shown shown;
};

/// Something that the kernel's code and the model's rule each say.
struct Compared {
  std::string name;
  SymbolicWord kernel, model;
  Shown shown;
  SymbolicBool matters = true;  ///< where the two must be equal
  bool may_be_nowhere = false;  ///< such as after a failure of what cannot fail
};

/// A field of struct cred, as the kernel and the model name it.
struct CredField {
  std::string_view kernel;
  SymbolicWord Credentials<Symbolic>::* model;
  std::string_view name;  ///< in trace text
  bool is_set;
};
/// Those that the model has and struct cred of this profile's kernels.
std::vector<CredField> cred_fields(const Profile& profile);

/// A current task with its credentials, namespaces, and what else a function is about.
class Scene {
 public:
  /// `code` and `query` live as long.
  Scene(const KernelCode& code, const Profile& profile, Query& query);

  const Profile& profile() const { return profile_; }
  Interpreter& interpreter() { return interpreter_; }
  const Interpreter& interpreter() const { return interpreter_; }
  State& state() { return state_; }
  World<Symbolic>& world() { return world_; }
  /// The current task: task 0 of the world.
  Task<Symbolic>& task() { return world_.tasks[0]; }
  ObjectId kernel_task() const { return task_; }
  bool has_task() const { return has_task_; }
  ObjectId cred() const { return cred_; }

  /// Something that holds of every input, and is no part of the model's rules: printed with the proof.
  void assume(std::string sentence, const SymbolicBool& fact);
  /// The same of an invariant of the catalogue, of the current task.
  template <class Invariant>
  void assume_invariant() {
    const TaskState<Symbolic> state{task().cred, 0, 0, 0};
    assume(std::string("every task has ") + std::string(Invariant::info.name) + ": " +
               std::string(Invariant::info.formula) + " (capcheck prove --invariant proves it)",
           Invariant::template holds<Symbolic>(profile_, state));
  }
  const std::vector<std::string>& assumptions() const { return assumptions_; }

  // What is made here is unknown, and the same in both forms.

  /// An argument or a field: a word of which so many bits are unknown, and the others 0.
  SymbolicWord unknown(const std::string& name, unsigned width, Shown shown);
  /// Has it shown with the others.
  void show(const std::string& name, const SymbolicBool& condition);
  Credentials<Symbolic> unknown_credentials(const std::string& owner);

  // A namespace's number is its level, if it is in the chain of namespaces up from the one that matters.

  /// The chain between two levels, both among it.
  void add_namespaces(unsigned highest, unsigned deepest);
  /// One that is not in the chain, of any level or of this. Gives its number, kOtherNamespace.
  unsigned add_other_namespace(const SymbolicWord& level);
  unsigned add_other_namespace();
  /// And one more, of any level: kSecondOtherNamespace.
  void add_second_other_namespace();
  /// Ids as that namespace and the kernel number them, in maps of any number of lines up to two.
  void add_maps(unsigned number);
  /// The initial namespace's maps, for any: every id stands for itself.
  void add_identity_maps(unsigned number);
  /// The namespace that a pointer's target is. Throws KernelCodeError if it is none.
  const UserNamespace<Symbolic>& model_namespace(const Target& target, const std::string& place);
  /// The map that a pointer points to: its only target. Throws the same.
  const IdMap<Symbolic>& model_map(const Pointer& pointer, const std::string& place);
  /// The number of the namespace that a pointer points to. Throws the same.
  SymbolicWord namespace_number(const Pointer& pointer, const std::string& place) const;
  ObjectId kernel_namespace(unsigned number) const { return namespaces_.at(number); }

  /// Makes the task's credentials, and puts it into a namespace.
  void add_task(unsigned user_ns);
  /// The same, in any of the namespaces.
  void add_task_anywhere();
  /// The credentials of another task of the model, in a namespace, or in any.
  ObjectId add_other_credentials(std::size_t number, const std::string& owner, std::optional<unsigned> user_ns = {});
  /// Any of the namespaces, as OWNERuser_ns says; or any in the chain.
  Pointer any_namespace(const std::string& owner, bool in_chain = false);

  /// What the task's credentials refer to, and count: accounting, groups, and keyrings (if it has them).
  void add_references();

  /// A copy of the task's credentials that the kernel has made, to be changed; with fields that it has changed so far.
  ObjectId add_new_credentials(const std::string& name);
  void change(ObjectId cred, const Credentials<Symbolic>& values);
  /// Whether the task is the only one of its thread group: either.
  SymbolicBool add_thread_group();
  /// Whether its fs_struct is used by others: either.
  SymbolicBool add_fs();

  /// Puts the fields of the model's credentials into an object.
  void put(ObjectId cred, const Credentials<Symbolic>& values);

  // How a function left things.

  /// A value that the kernel gave, in 64 bits.
  static SymbolicWord word_of(const Value& value, bool is_signed = false);
  /// The credentials that the current task has now, as the model has them.
  Credentials<Symbolic> current();
  /// A field of them.
  Value current_value(std::string_view field);
  Credentials<Symbolic> read_credentials(ObjectId cred);

  /// Adds what is to be compared: a word; all credentials.
  void compare(std::string name, const SymbolicWord& kernel, const SymbolicWord& model, Shown shown,
               const SymbolicBool& matters = true);
  void compare(const std::string& name, const Credentials<Symbolic>& kernel, const Credentials<Symbolic>& model,
               const SymbolicBool& matters = true);
  /// The same, where that may be nowhere.
  void compare_if_ever(const std::string& name, const Credentials<Symbolic>& kernel, const Credentials<Symbolic>& model,
                       const SymbolicBool& matters);
  /// Adds everything that has been written to the kernel's objects, but for these fields (STRUCT.FIELD) and
  /// variables, of credentials those that the model has, and objects that were compared as a whole.
  void compare_the_rest(const std::vector<std::string>& changed, const std::vector<ObjectId>& compared = {});

  const std::vector<Compared>& compared() const { return compared_; }
  const std::vector<Unknown>& unknowns() const { return unknowns_; }

 private:
  void add_namespace(const std::string& name, unsigned number, const SymbolicWord& parent, const SymbolicWord& level);
  unsigned number_of(const Target& target, const std::string& place) const;
  void put_into(ObjectId cred, Task<Symbolic>& task, const std::string& owner, const Pointer& ns);
  void add_task(const Pointer& ns);
  IdExtent<Symbolic> add_line(ObjectId ns, const std::string& field, unsigned index, const std::string& name);
  void put_map(ObjectId ns, std::string_view field, const IdMap<Symbolic>& map, unsigned lines);
  bool is_excepted(ObjectId object, std::uint64_t offset, const std::vector<std::string>& changed) const;

  Profile profile_;
  Interpreter interpreter_;
  State state_;
  World<Symbolic> world_;
  bool has_task_ = false;
  ObjectId task_ = 0, cred_ = 0;
  std::map<unsigned, ObjectId> namespaces_;  ///< by number
  std::vector<Unknown> unknowns_;
  std::vector<Compared> compared_;
  std::vector<std::string> assumptions_;
};

}  // namespace capcheck

#endif
