// SPDX-License-Identifier: GPL-2.0-only
// Runs the kernel's functions on terms.
//
// All paths of a function are run at once: where two meet, what differs becomes a choice by the conditions under which
// each was taken. A loop is run until no path stays in it. Whatever is not understood, and may be reached, is an error:
// nothing is skipped.
#ifndef CAPCHECK_SOLVER_KERNEL_INTERPRETER_H_
#define CAPCHECK_SOLVER_KERNEL_INTERPRETER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "solver/kernel/code.h"
#include "solver/kernel/memory.h"
#include "solver/kernel/value.h"
#include "solver/query.h"
#include "solver/symbolic.h"

namespace llvm {
class BasicBlock;
class CallInst;
class Constant;
class Function;
class GlobalVariable;
class Instruction;
class Type;
class Value;
}  // namespace llvm

namespace capcheck {

class Interpreter;

/// A path, or several that have met.
struct State {
  SymbolicBool path = true;  ///< the condition under which it is taken
  Memory memory{};
};

/// A call that the kernel's code makes.
struct KernelCall {
  std::string place;  ///< of the call
  std::vector<Value> arguments;
};

/// What is taken for granted of a function instead of running it.
struct Contract {
  std::string sentence;  ///< what it does, for those who read the proof
  std::function<std::optional<Value>(Interpreter&, State&, const KernelCall&)> apply;
};
using Contracts = std::map<std::string, Contract, std::less<>>;

/// Z3 gave no answer to a question that the translation depends on.
struct NoAnswerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The most rounds of a loop: more than namespaces can nest, or maps have lines.
inline constexpr unsigned kMaxRounds = 80;

class Interpreter {
 public:
  /// All of these live as long.
  Interpreter(const KernelCode& code, const Contracts& contracts, Query& query);

  const KernelCode& code() const { return code_; }

  /// An object of one of the kernel's structures, of which nothing is known.
  ObjectId add_object(std::string name, const std::string& structure);
  /// One that is all zeros.
  ObjectId add_cleared(std::string name, const std::string& structure);
  /// One that holds what `original` holds in this state.
  ObjectId add_copy(std::string name, State& state, ObjectId original);
  /// Memory without a structure.
  ObjectId add_memory(std::string name, std::uint64_t size);
  /// What is in it is of no use to anybody after the function.
  void set_private(ObjectId id) { objects_[id].is_private = true; }
  const Object& object(ObjectId id) const { return objects_[id]; }
  std::size_t object_count() const { return objects_.size(); }

  /// The object that stands for a variable of the kernel. Throws KernelCodeError if there is none.
  ObjectId variable(std::string_view name);
  bool has_variable(std::string_view name) const;
  /// The same, of a variable that is one of the kernel's structures.
  ObjectId variable(std::string_view name, const std::string& structure);

  /// One whose values are those that it is built with, though they might change: an array of such structures.
  ObjectId variable_as_built(std::string_view name, const std::string& structure);

  /// What a field holds at first. Values that are too wide are cut.
  void set(ObjectId object, std::string_view field, const Value& value);
  void set(ObjectId object, std::string_view field, const SymbolicWord& word);
  void set_bytes(ObjectId object, std::uint64_t offset, std::uint64_t size, const Value& value);

  /// Holds of every input.
  void assume(const SymbolicBool& fact) { assumed_ = assumed_ & fact; }
  const SymbolicBool& assumed() const { return assumed_; }

  /// A constant in place of a term, the same for the same. Whoever asks for it says that they are equal, in a form that
  /// Z3 likes: with assume() or define().
  z3::expr abbreviate(const char* name, const z3::expr& term);
  /// What constants stand for: not assumed, for what holds whatever they are is found out sooner without.
  void define(const SymbolicBool& fact) { definitions_ = definitions_ & fact; }
  const SymbolicBool& definitions() const { return definitions_; }
  /// A term with those terms in the place of their constants.
  z3::expr spelled_out(z3::expr term) const;

  /// From here on, a contract for a function in place of its code, or of another contract.
  void replace(const std::string& function, Contract contract) {
    replaced_.insert_or_assign(function, std::move(contract));
  }

  /// Runs a function. The conditions of the state that it gives are those of the one before.
  std::optional<Value> run(std::string_view function, std::span<const Value> arguments, State& state);

  // For contracts, and for those who look at the end.

  Value read(const State& state, ObjectId object, std::uint64_t offset, std::uint64_t size);
  Value read(const State& state, ObjectId object, std::string_view field);
  /// Through a pointer. `place` is for errors.
  Value read(State& state, const Pointer& pointer, std::uint64_t size, const std::string& place);
  void write(State& state, const Pointer& pointer, std::uint64_t size, const Value& value, const std::string& place);

  /// Where a pointer may point on a path.
  Pointer narrowed(const State& state, const Pointer& pointer);

  /// What an object held at first.
  Value first(ObjectId object, std::uint64_t offset, std::uint64_t size);

  /// The values that a term can have on a path, each with the condition for it. Throws KernelCodeError if they are
  /// many.
  std::vector<std::pair<SymbolicBool, std::uint64_t>> values_of(const State& state, const z3::expr& term,
                                                                const std::string& place);

  /// What a contract gives, or asks for: a value under a name. given() throws KernelCodeError if there is none.
  void give(std::string name, const Value& value) { given_.insert_or_assign(std::move(name), value); }
  const Value& given(std::string_view name) const;

  /// A truth value of which nothing is known: whether memory runs out, and the like. The call then fails, for a reason
  /// that is none of the model's.
  SymbolicBool perhaps(const char* name);
  const std::vector<SymbolicBool>& failures() const { return failures_; }

  /// Memory of the user's at an address.
  void add_user_memory(std::uint64_t address, ObjectId object) { user_memory_.emplace(address, object); }
  const std::map<std::uint64_t, ObjectId>& user_memory() const { return user_memory_; }

  /// Can it be, of any input?
  bool possible(const SymbolicBool& condition);
  /// What cannot be, as possible() has found, with what was assumed then: the translation rests on it.
  const std::vector<SymbolicBool>& excluded() const { return excluded_; }
  /// Has Z3 show that something is so, whatever is assumed, and makes use of it: a fact of arithmetic that it finds
  /// hard to come by in passing. Asked once in a run. Throws KernelCodeError if it is not so.
  void establish(const SymbolicBool& fact);
  /// Throws KernelCodeError, unless the state is impossible; then it has no path any more.
  void fail(State& state, const std::string& place, const std::string& message);

  Query& query() { return query_; }
  /// The contracts that were made use of, in words.
  const std::set<std::string>& used() const { return used_; }
  /// The kernel's functions that were run.
  const std::set<std::string>& run_functions() const { return run_functions_; }
  std::size_t executed() const { return executed_; }
  /// The longest that Z3 took for an answer, in seconds.
  double slowest() const { return slowest_; }

 private:
  bool has_model(const SymbolicBool& asked);

  struct Frame;
  struct Arrival;
  class Blocks;

  const Contract* contract(const std::string& function) const;
  std::optional<Value> run(const llvm::Function& function, std::vector<Value> arguments, State& state);
  void run_block(Frame& frame, const llvm::BasicBlock& block, Arrival arrival);
  std::optional<Value> evaluate(Frame& frame, State& state, const llvm::Instruction& instruction);
  std::optional<Value> call(Frame& frame, State& state, const llvm::CallInst& instruction);
  std::optional<Value> call_assembly(Frame& frame, State& state, const llvm::CallInst& instruction);
  std::optional<Value> call_intrinsic(Frame& frame, State& state, const llvm::CallInst& instruction);
  void leave(Frame& frame, const llvm::BasicBlock& from, Arrival& arrival, const llvm::BasicBlock& to,
             const SymbolicBool& condition);
  void branch(Frame& frame, const llvm::BasicBlock& block, Arrival& arrival);
  State merge(State a, const State& b);

  Value operand(Frame& frame, State& state, const llvm::Value& value);
  Value constant(const llvm::Constant& constant);
  Pointer address(Frame& frame, State& state, const llvm::Value& value);
  Pointer move(State& state, const Pointer& pointer, const z3::expr& offset, const std::string& place);
  z3::expr bits(Frame& frame, State& state, const llvm::Value& value);
  SymbolicBool truth(Frame& frame, State& state, const llvm::Value& value);

  ObjectId variable(const llvm::GlobalVariable& variable);
  ObjectId function_object(const llvm::Function& function);
  void initialise(Object& object, std::uint64_t offset, const llvm::Constant& constant);
  ObjectId checked(State& state, const Target& target, std::uint64_t size, bool writes, const std::string& place);

  const KernelCode& code_;
  const Contracts& contracts_;
  Query& query_;
  SymbolicBool assumed_ = true, definitions_ = true;
  std::deque<Object> objects_;
  std::map<const llvm::Value*, ObjectId> globals_;
  std::map<const llvm::Function*, std::shared_ptr<const Blocks>> blocks_;
  Contracts replaced_;
  std::map<std::string, Value, std::less<>> given_;
  std::vector<SymbolicBool> failures_;
  std::vector<SymbolicBool> excluded_;
  std::vector<std::pair<z3::expr, z3::expr>> abbreviated_;  ///< a constant, and its term
  std::map<unsigned, std::pair<z3::expr, bool>> answered_;  ///< what possible() said of a term, by the term's number
  std::map<std::uint64_t, ObjectId> user_memory_;
  std::set<std::string> used_;
  std::set<std::string> run_functions_;
  std::size_t executed_ = 0;
  double slowest_ = 0;
  unsigned depth_ = 0;
};

}  // namespace capcheck

#endif
