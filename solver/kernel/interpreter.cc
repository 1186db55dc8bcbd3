// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/interpreter.h"

#include <fmt/format.h>
#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DataLayout.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GetElementPtrTypeIterator.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "solver/refuted.h"

namespace capcheck {
namespace {

constexpr unsigned kBitsOfByte = 8, kPointerBits = 64, kPointerSize = 8, kDeepestCall = 30;
/// The most values that an index may have.
constexpr std::size_t kFewValues = 8;

std::string print(const llvm::Value& value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  value.print(stream);
  return text.substr(text.find_first_not_of(' '));
}

[[noreturn]] void throw_unknown(const llvm::Instruction& instruction, std::string_view what) {
  throw KernelCodeError(
      fmt::format("{}: {} is not understood: {}", describe_place(instruction), what, print(instruction)));
}

unsigned width_of(const llvm::Type& type) {
  return type.isPointerTy() ? kPointerBits : type.getIntegerBitWidth();
}

/// A value as an instruction of this type gives it.
Value of_type(const llvm::Type& type, const Value& value) {
  if (type.isPointerTy()) {
    if (std::holds_alternative<Pointer>(value.content)) return value;
    return Pointer::of_number(as_bits(value));
  }
  if (type.isIntegerTy(1)) {
    if (const auto* bits = std::get_if<z3::expr>(&value.content))
      return equal(bits->get_sort().bv_size() == 1 ? *bits : fold(bits->extract(0, 0)), bits_of(1, 1));
  }
  return value;
}

z3::expr extend(const z3::expr& bits, unsigned width, bool is_signed) {
  const unsigned more = width - bits.get_sort().bv_size();
  return fold(is_signed ? z3::sext(bits, more) : z3::zext(bits, more));
}

z3::expr anything_as_bits(unsigned width) {
  return any_bits("undefined", width);
}

/// (a & c) | (a & !c) is a.
SymbolicBool either_path(const SymbolicBool& a, const SymbolicBool& b) {
  const auto parts = [](const SymbolicBool& path) -> std::optional<std::pair<z3::expr, z3::expr>> {
    if (path.is_true() || path.is_false()) return std::nullopt;
    const z3::expr term = path.term();
    if (!term.is_and() || term.num_args() != 2) return std::nullopt;
    return std::pair(term.arg(0), term.arg(1));
  };
  const auto x = parts(a), y = parts(b);
  if (x && y && z3::eq(x->first, y->first) && (SymbolicBool(x->second) | SymbolicBool(y->second)).is_true())
    return SymbolicBool(x->first);
  return a | b;
}

}  // namespace

/// A function's blocks in an order in which those of a loop stand together, and each after those before it.
class Interpreter::Blocks {
 public:
  explicit Blocks(const llvm::Function& function) {
    const llvm::ReversePostOrderTraversal<const llvm::Function*> order(&function);
    for (const llvm::BasicBlock* block : order) {
      number_.emplace(block, blocks_.size());
      blocks_.push_back(block);
    }
    const std::size_t count = blocks_.size();
    reaches_.assign(count, std::vector<bool>(count));
    for (std::size_t from = 0; from < count; ++from) mark_reached(from);
  }

  std::size_t number(const llvm::BasicBlock& block) const { return number_.at(&block); }
  const llvm::BasicBlock& block(std::size_t number) const { return *blocks_[number]; }
  bool reaches(std::size_t from, std::size_t to) const { return reaches_[from][to]; }

 private:
  void mark_reached(std::size_t from) {
    std::vector<std::size_t> open{from};
    while (!open.empty()) {
      const std::size_t here = open.back();
      open.pop_back();
      for (const llvm::BasicBlock* next : llvm::successors(blocks_[here])) {
        const std::size_t there = number_.at(next);
        if (reaches_[from][there]) continue;
        reaches_[from][there] = true;
        open.push_back(there);
      }
    }
  }

  std::map<const llvm::BasicBlock*, std::size_t> number_;
  std::vector<const llvm::BasicBlock*> blocks_;
  std::vector<std::vector<bool>> reaches_;
};

/// A state at the beginning of a block, with what its function has computed.
struct Interpreter::Arrival {
  State state{};
  std::map<const llvm::Value*, Value> values{};
  unsigned round = 0;     ///< of the loop that it is in
  bool is_again = false;  ///< it comes from the loop's end
};

/// A function that is being run.
struct Interpreter::Frame {
  const llvm::Function& function;
  std::shared_ptr<const Blocks> blocks;
  std::map<std::size_t, Arrival> waiting{};
  std::optional<Arrival> returned{};
  std::optional<Value> result{};
  std::map<const llvm::Value*, Value>* values = nullptr;  ///< of the block that is being run
  std::set<const llvm::Value*> allocated{};

  std::size_t next() const;
};

/// The first that no other which waits leads to: in a loop, of the earliest round.
std::size_t Interpreter::Frame::next() const {
  std::optional<std::size_t> found;
  for (const auto& [number, arrival] : waiting) {
    const bool comes_later = std::ranges::any_of(waiting, [&](const auto& other) {
      return other.first != number && blocks->reaches(other.first, number) && !blocks->reaches(number, other.first);
    });
    if (comes_later) continue;
    if (!found || arrival.round < waiting.at(*found).round) found = number;
  }
  return *found;
}

Interpreter::Interpreter(const KernelCode& code, const Contracts& contracts, Query& query)
    : code_(code), contracts_(contracts), query_(query) {}

// Objects.

ObjectId Interpreter::add_object(std::string name, const std::string& structure) {
  objects_.push_back({std::move(name), structure, code_.size_of(structure), {}});
  return objects_.size() - 1;
}

ObjectId Interpreter::add_cleared(std::string name, const std::string& structure) {
  const ObjectId made = add_object(std::move(name), structure);
  for (std::uint64_t at = 0; at < objects_[made].size; ++at)
    set_bytes(made, at, 1, bits_of(std::uint64_t{0}, kBitsOfByte));
  return made;
}

ObjectId Interpreter::add_memory(std::string name, std::uint64_t size) {
  objects_.push_back({std::move(name), "", size, {}});
  return objects_.size() - 1;
}

ObjectId Interpreter::add_copy(std::string name, State& state, ObjectId original) {
  const Object& from = objects_[original];
  objects_.push_back({std::move(name), from.structure, from.size, original});
  const ObjectId copy = objects_.size() - 1;
  for (const auto& [offset, piece] : state.memory.written(original))
    state.memory.write(copy, offset, piece.size, piece.value);
  return copy;
}

void Interpreter::set_bytes(ObjectId object, std::uint64_t offset, std::uint64_t size, const Value& value) {
  write_piece(objects_[object].initial, offset, size, value);
}

void Interpreter::set(ObjectId object, std::string_view field, const Value& value) {
  const FieldPlace place = code_.field(objects_[object].structure, field);
  set_bytes(object, place.offset, place.size, value);
}

void Interpreter::set(ObjectId object, std::string_view field, const SymbolicWord& word) {
  const FieldPlace place = code_.field(objects_[object].structure, field);
  set_bytes(object, place.offset, place.size, low_bits(word, static_cast<unsigned>(place.size * kBitsOfByte)));
}

Value Interpreter::first(ObjectId id, std::uint64_t offset, std::uint64_t size) {
  Object& object = objects_[id];
  if (object.copy_of) return first(*object.copy_of, offset, size);
  // What was never set is unknown from now on: the same at every reading.
  std::uint64_t here = offset;
  const std::uint64_t end = offset + size;
  while (here < end) {
    auto next = object.initial.upper_bound(here);
    if (next != object.initial.begin()) {
      const auto& [begin, piece] = *std::prev(next);
      if (here < begin + piece.size) {
        here = begin + piece.size;
        continue;
      }
    }
    const std::uint64_t gap_end = next == object.initial.end() ? end : std::min(end, next->first);
    const std::string name = fmt::format("{}.{}", object.name, here);
    object.initial.emplace(
        here, Piece{any_bits(name.c_str(), static_cast<unsigned>((gap_end - here) * kBitsOfByte)), gap_end - here});
    here = gap_end;
  }
  Memory initial;
  std::optional<Value> result;
  here = offset;
  while (here < end) {
    const auto& [begin, piece] = *std::prev(object.initial.upper_bound(here));
    const std::uint64_t length = std::min(end, begin + piece.size) - here;
    const Value part = part_of(piece, here - begin, length);
    result = result ? join(part, *result) : part;
    here += length;
  }
  return *result;
}

Value Interpreter::read(const State& state, ObjectId object, std::uint64_t offset, std::uint64_t size) {
  return state.memory.read(object, offset, size,
                           [&](std::uint64_t here, std::uint64_t length) { return first(object, here, length); });
}

Value Interpreter::read(const State& state, ObjectId object, std::string_view field) {
  const FieldPlace place = code_.field(objects_[object].structure, field);
  return read(state, object, place.offset, place.size);
}

bool Interpreter::possible(const SymbolicBool& condition) {
  if (condition.is_false()) return false;
  const SymbolicBool asked = assumed_ & condition;
  const z3::expr term = asked.term();
  const auto known = answered_.find(term.id());
  if (known != answered_.end()) return known->second.second;
  const bool is_possible = has_model(asked);
  answered_.emplace(term.id(), std::pair(term, is_possible));  // the term has its number as long as it is kept
  return is_possible;
}

/// The same, with a model of it if it can be.
bool Interpreter::has_model(const SymbolicBool& asked) {
  const auto begin = std::chrono::steady_clock::now();
  const Answer answer = query_.ask(asked);
  slowest_ = std::max(slowest_, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (answer.kind == Answer::Kind::no) {
    if (!asked.is_false()) excluded_.push_back(asked);
    return false;
  }
  if (answer.kind == Answer::Kind::yes) return true;
  throw NoAnswerError(fmt::format("Z3 does not say whether a path can be taken: {}", answer.reason));
}

void Interpreter::establish(const SymbolicBool& fact) {
  const Refutable question(!fact, {});
  if (question.find_refutation()) {
    excluded_.push_back(!fact);
  } else {
    if (has_model(!fact)) throw KernelCodeError("what a proof is to be helped by is not so");
    question.add_refutation({});
  }
  assume(fact);
}

void Interpreter::fail(State& state, const std::string& place, const std::string& message) {
  if (possible(state.path)) throw KernelCodeError(fmt::format("{}: {}", place, message));
  state.path = false;
}

/// The object of a target, where so many bytes of it may be read or written.
ObjectId Interpreter::checked(State& state, const Target& target, std::uint64_t size, bool writes,
                              const std::string& place) {
  State here = state;
  here.path = state.path & target.condition;
  if (!target.object) {
    const auto number = numeral_of(*target.number);
    fail(here, place,
         number ? fmt::format("an access to memory at {:#x}", *number)
                : "an access through a pointer of which nothing is known");
    return objects_.size();
  }
  const Object& object = objects_[*target.object];
  const auto end = target.offset + static_cast<std::int64_t>(size);
  if (target.offset < 0 || end > static_cast<std::int64_t>(object.size)) {
    fail(here, place, fmt::format("an access to {} at {}, beyond its end", object.name, target.offset));
    return objects_.size();
  }
  if (writes && object.constant) {
    fail(here, place, fmt::format("{} is constant, and written to", object.name));
    return objects_.size();
  }
  return *target.object;
}

Value Interpreter::read(State& state, const Pointer& pointer, std::uint64_t size, const std::string& place) {
  std::optional<Value> result;
  for (const Target& target : pointer.targets) {
    const ObjectId object = checked(state, target, size, false, place);
    if (object == objects_.size()) continue;
    const Value here = read(state, object, static_cast<std::uint64_t>(target.offset), size);
    result = result ? choose(target.condition, here, *result) : here;
  }
  return result ? *result : any_bits("unreachable", static_cast<unsigned>(size * kBitsOfByte));
}

void Interpreter::write(State& state, const Pointer& pointer, std::uint64_t size, const Value& value,
                        const std::string& place) {
  for (const Target& target : pointer.targets) {
    const ObjectId object = checked(state, target, size, true, place);
    if (object == objects_.size()) continue;
    const auto offset = static_cast<std::uint64_t>(target.offset);
    const bool certainly = pointer.targets.size() == 1;
    state.memory.write(object, offset, size,
                       certainly ? value : choose(target.condition, value, read(state, object, offset, size)));
  }
}

State Interpreter::merge(State a, const State& b) {
  std::vector<std::tuple<ObjectId, std::uint64_t, std::uint64_t>> places;
  for (const State* state : std::initializer_list<const State*>{&a, &b}) {
    for (const auto& [object, pieces] : state->memory.all_written()) {
      for (const auto& [offset, piece] : pieces) places.emplace_back(object, offset, piece.size);
    }
  }
  State merged{either_path(a.path, b.path), a.memory};
  for (const auto& [object, offset, size] : places) {
    merged.memory.write(object, offset, size,
                        choose(b.path, read(b, object, offset, size), read(a, object, offset, size)));
  }
  return merged;
}

// Constants and variables.

ObjectId Interpreter::function_object(const llvm::Function& function) {
  const auto found = globals_.find(&function);
  if (found != globals_.end()) return found->second;
  const ObjectId id = add_memory(fmt::format("{}()", function.getName().str()), 0);
  globals_.emplace(&function, id);
  return id;
}

bool Interpreter::has_variable(std::string_view name) const {
  return code_.module().getNamedGlobal(llvm::StringRef(name.data(), name.size())) != nullptr;
}

ObjectId Interpreter::variable(std::string_view name, const std::string& structure) {
  const ObjectId id = variable(name);
  objects_[id].structure = structure;
  objects_[id].size = code_.size_of(structure);
  return id;
}

ObjectId Interpreter::variable_as_built(std::string_view name, const std::string& structure) {
  const ObjectId id = variable(name);
  objects_[id].structure = structure;
  const llvm::GlobalVariable& built = *code_.module().getNamedGlobal(llvm::StringRef(name.data(), name.size()));
  if (!built.hasDefinitiveInitializer()) throw KernelCodeError(fmt::format("what {} is built with is elsewhere", name));
  initialise(objects_[id], 0, *built.getInitializer());
  return id;
}

ObjectId Interpreter::variable(std::string_view name) {
  const auto* found = code_.module().getNamedGlobal(llvm::StringRef(name.data(), name.size()));
  if (found == nullptr) throw KernelCodeError(fmt::format("the kernel's bitcode has no variable {}", name));
  return variable(*found);
}

ObjectId Interpreter::variable(const llvm::GlobalVariable& variable) {
  const auto found = globals_.find(&variable);
  if (found != globals_.end()) return found->second;
  const llvm::DataLayout& layout = code_.module().getDataLayout();
  std::string structure;
  if (const auto* type = llvm::dyn_cast<llvm::StructType>(variable.getValueType()); type && type->hasName())
    structure = type->getName().drop_front(type->getName().starts_with("struct.") ? 7 : 0).str();
  const std::uint64_t size =
      variable.getValueType()->isSized() ? layout.getTypeAllocSize(variable.getValueType()).getFixedValue() : 0;
  objects_.push_back({variable.getName().str(), structure, size, {}});
  const ObjectId id = objects_.size() - 1;
  globals_.emplace(&variable, id);
  // Whether a warning was given once before.
  objects_[id].is_private = variable.getSection() == ".data.once" || variable.getSection() == ".data..once";
  if (variable.isConstant() && variable.hasDefinitiveInitializer()) {
    objects_[id].constant = true;
    initialise(objects_[id], 0, *variable.getInitializer());
  }
  return id;
}

void Interpreter::initialise(Object& object, std::uint64_t offset, const llvm::Constant& constant) {
  const llvm::DataLayout& layout = code_.module().getDataLayout();
  const std::uint64_t size = layout.getTypeStoreSize(constant.getType()).getFixedValue();
  if (const auto* structure = llvm::dyn_cast<llvm::StructType>(constant.getType())) {
    const llvm::StructLayout* places = layout.getStructLayout(const_cast<llvm::StructType*>(structure));
    for (unsigned i = 0; i < structure->getNumElements(); ++i)
      initialise(object, offset + places->getElementOffset(i).getFixedValue(), *constant.getAggregateElement(i));
  } else if (const auto* array = llvm::dyn_cast<llvm::ArrayType>(constant.getType())) {
    const std::uint64_t element = layout.getTypeAllocSize(array->getElementType()).getFixedValue();
    for (unsigned i = 0; i < array->getNumElements(); ++i)
      initialise(object, offset + i * element, *constant.getAggregateElement(i));
  } else {
    write_piece(object.initial, offset, size, this->constant(constant));
  }
}

Value Interpreter::constant(const llvm::Constant& constant) {
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(&constant)) {
    if (number->getBitWidth() == 1) return SymbolicBool(number->isOne());
    if (number->getBitWidth() <= kPointerBits) return bits_of(number->getZExtValue(), number->getBitWidth());
  }
  if (llvm::isa<llvm::ConstantPointerNull>(constant)) return Pointer::null();
  if (llvm::isa<llvm::UndefValue>(constant)) {
    if (constant.getType()->isPointerTy()) return Pointer::of_number(anything_as_bits(kPointerBits));
    if (constant.getType()->isIntegerTy())
      return of_type(*constant.getType(), anything_as_bits(width_of(*constant.getType())));
  }
  if (const auto* function = llvm::dyn_cast<llvm::Function>(&constant)) return Pointer::to(function_object(*function));
  if (const auto* global = llvm::dyn_cast<llvm::GlobalVariable>(&constant)) return Pointer::to(variable(*global));
  if (const auto* expression = llvm::dyn_cast<llvm::ConstantExpr>(&constant)) {
    if (const auto* place = llvm::dyn_cast<llvm::GEPOperator>(expression)) {
      llvm::APInt offset(kPointerBits, 0);
      const Value base = this->constant(*llvm::cast<llvm::Constant>(place->getPointerOperand()));
      if (place->accumulateConstantOffset(code_.module().getDataLayout(), offset)) {
        Pointer moved = std::get<Pointer>(base.content);
        for (Target& target : moved.targets) target.offset += offset.getSExtValue();
        return moved;
      }
    }
    if (expression->getOpcode() == llvm::Instruction::IntToPtr) {
      const Value number = this->constant(*expression->getOperand(0));
      return Pointer::of_number(extend(as_bits(number), kPointerBits, false));
    }
  }
  throw KernelCodeError(fmt::format("a constant is not understood: {}", print(constant)));
}

Value Interpreter::operand(Frame& frame, State&, const llvm::Value& value) {
  if (const auto* known = llvm::dyn_cast<llvm::Constant>(&value)) return constant(*known);
  const auto found = frame.values->find(&value);
  if (found == frame.values->end()) {
    throw KernelCodeError(
        fmt::format("{}(): a value is used that was not computed: {}", frame.function.getName().str(), print(value)));
  }
  return found->second;
}

z3::expr Interpreter::bits(Frame& frame, State& state, const llvm::Value& value) {
  const Value known = operand(frame, state, value);
  if (const auto* truth = std::get_if<SymbolicBool>(&known.content)) return bits_of(*truth, 1);
  return as_bits(known);
}

SymbolicBool Interpreter::truth(Frame& frame, State& state, const llvm::Value& value) {
  const Value known = of_type(*value.getType(), operand(frame, state, value));
  return std::get<SymbolicBool>(known.content);
}

Pointer Interpreter::address(Frame& frame, State& state, const llvm::Value& value) {
  const Value known = of_type(*value.getType(), operand(frame, state, value));
  return std::get<Pointer>(known.content);
}

// Control flow.

std::optional<Value> Interpreter::run(std::string_view function, std::span<const Value> arguments, State& state) {
  return run(code_.function(function), {arguments.begin(), arguments.end()}, state);
}

std::optional<Value> Interpreter::run(const llvm::Function& function, std::vector<Value> arguments, State& state) {
  if (arguments.size() != function.arg_size() || function.isVarArg()) {
    throw KernelCodeError(fmt::format("{}() takes {} arguments, not {}", function.getName().str(), function.arg_size(),
                                      arguments.size()));
  }
  if (depth_ == kDeepestCall)
    throw KernelCodeError(fmt::format("{}(): calls are nested too deep", function.getName().str()));
  ++depth_;
  run_functions_.insert(function.getName().str());
  std::shared_ptr<const Blocks>& blocks = blocks_[&function];
  if (!blocks) blocks = std::make_shared<const Blocks>(function);
  Frame frame{function, blocks};
  Arrival entry{state};
  for (const llvm::Argument& argument : function.args())
    entry.values.emplace(&argument, of_type(*argument.getType(), arguments[argument.getArgNo()]));
  frame.waiting.emplace(0, std::move(entry));
  while (!frame.waiting.empty()) {
    auto node = frame.waiting.extract(frame.next());
    run_block(frame, frame.blocks->block(node.key()), std::move(node.mapped()));
  }
  --depth_;
  // All paths that the function was entered on return, but those that are impossible.
  const SymbolicBool path = state.path;
  if (!frame.returned) {
    state.path = false;
    return std::nullopt;
  }
  state = frame.returned->state;
  state.path = path;
  return frame.result;
}

void Interpreter::run_block(Frame& frame, const llvm::BasicBlock& block, Arrival arrival) {
  if (arrival.is_again && !possible(arrival.state.path)) return;
  if (arrival.round > kMaxRounds) {
    throw KernelCodeError(
        fmt::format("{}: a loop of more than {} rounds", describe_place(*block.getTerminator()), kMaxRounds));
  }
  frame.values = &arrival.values;
  for (const llvm::Instruction& instruction : block) {
    if (llvm::isa<llvm::PHINode>(instruction) || instruction.isTerminator()) continue;
    ++executed_;
    auto value = evaluate(frame, arrival.state, instruction);
    frame.values = &arrival.values;  // a call has its own
    if (arrival.state.path.is_false()) return;
    if (value) arrival.values.insert_or_assign(&instruction, of_type(*instruction.getType(), *value));
  }
  branch(frame, block, arrival);
}

void Interpreter::branch(Frame& frame, const llvm::BasicBlock& block, Arrival& arrival) {
  const llvm::Instruction& last = *block.getTerminator();
  State& state = arrival.state;
  if (const auto* jump = llvm::dyn_cast<llvm::BranchInst>(&last)) {
    if (jump->isUnconditional()) return leave(frame, block, arrival, *jump->getSuccessor(0), true);
    const SymbolicBool taken = truth(frame, state, *jump->getCondition());
    leave(frame, block, arrival, *jump->getSuccessor(0), taken);
    return leave(frame, block, arrival, *jump->getSuccessor(1), !taken);
  }
  if (const auto* choice = llvm::dyn_cast<llvm::SwitchInst>(&last)) {
    // An address may be chosen by, too: no object has a small number for one.
    const Value chosen = operand(frame, state, *choice->getCondition());
    const auto is_chosen = [&](const z3::expr& value) {
      if (const auto* pointer = std::get_if<Pointer>(&chosen.content))
        return equal(*pointer, Pointer::of_number(value));
      return equal(bits(frame, state, *choice->getCondition()), value);
    };
    SymbolicBool other = true;
    std::map<const llvm::BasicBlock*, SymbolicBool> taken;
    for (const auto& each : choice->cases()) {
      const SymbolicBool here = is_chosen(bits(frame, state, *each.getCaseValue()));
      SymbolicBool& condition = taken.try_emplace(each.getCaseSuccessor(), false).first->second;
      condition = condition | here;
      other = other & !here;
    }
    SymbolicBool& rest = taken.try_emplace(choice->getDefaultDest(), false).first->second;
    rest = rest | other;
    for (const auto& [to, condition] : taken) leave(frame, block, arrival, *to, condition);
    return;
  }
  if (const auto* result = llvm::dyn_cast<llvm::ReturnInst>(&last)) {
    std::optional<Value> value;
    if (result->getReturnValue() != nullptr) value = operand(frame, state, *result->getReturnValue());
    if (!frame.returned) {
      frame.returned = Arrival{state};
      frame.result = value;
      return;
    }
    if (value) frame.result = choose(state.path, *value, *frame.result);
    frame.returned->state = merge(frame.returned->state, state);
    return;
  }
  if (llvm::isa<llvm::UnreachableInst>(last))
    return fail(state, describe_place(last), "a place that must not be reached");
  throw_unknown(last, "the end of a block");
}

void Interpreter::leave(Frame& frame, const llvm::BasicBlock& from, Arrival& arrival, const llvm::BasicBlock& to,
                        const SymbolicBool& condition) {
  const SymbolicBool path = arrival.state.path & condition;
  if (path.is_false()) return;
  Arrival there{arrival.state, arrival.values};
  there.state.path = path;
  for (const llvm::PHINode& phi : to.phis()) {
    const Value value = operand(frame, arrival.state, *phi.getIncomingValueForBlock(&from));
    there.values.insert_or_assign(&phi, of_type(*phi.getType(), value));
  }
  const std::size_t source = frame.blocks->number(from), target = frame.blocks->number(to);
  const bool in_loop = frame.blocks->reaches(target, source);
  there.is_again = in_loop && target <= source;
  if (in_loop) there.round = arrival.round + (there.is_again ? 1 : 0);
  const auto found = frame.waiting.find(target);
  if (found == frame.waiting.end()) {
    frame.waiting.emplace(target, std::move(there));
    return;
  }
  Arrival& here = found->second;
  // What only one of them has computed is of no use after both.
  for (auto value = here.values.begin(); value != here.values.end();) {
    const auto other = there.values.find(value->first);
    if (other == there.values.end()) {
      value = here.values.erase(value);
      continue;
    }
    value->second = choose(there.state.path, other->second, value->second);
    ++value;
  }
  here.state = merge(std::move(here.state), there.state);
  here.round = std::max(here.round, there.round);
  here.is_again = here.is_again || there.is_again;
}

// Instructions.

namespace {

SymbolicBool compare(llvm::CmpInst::Predicate predicate, const z3::expr& a, const z3::expr& b) {
  using llvm::CmpInst;
  switch (predicate) {
    case CmpInst::ICMP_EQ:
      return equal(a, b);
    case CmpInst::ICMP_NE:
      return !equal(a, b);
    case CmpInst::ICMP_UGT:
      return condition_of(z3::ugt(a, b));
    case CmpInst::ICMP_UGE:
      return condition_of(z3::uge(a, b));
    case CmpInst::ICMP_ULT:
      return condition_of(z3::ult(a, b));
    case CmpInst::ICMP_ULE:
      return condition_of(z3::ule(a, b));
    case CmpInst::ICMP_SGT:
      return condition_of(a > b);
    case CmpInst::ICMP_SGE:
      return condition_of(a >= b);
    case CmpInst::ICMP_SLT:
      return condition_of(a < b);
    case CmpInst::ICMP_SLE:
      return condition_of(a <= b);
    default:
      throw std::logic_error("no comparison of integers");
  }
}

/// Where the amount is at least the width, the result is undefined: anything.
z3::expr shifted(const z3::expr& amount, const z3::expr& result) {
  const unsigned width = amount.get_sort().bv_size();
  const SymbolicBool defined = condition_of(z3::ult(amount, bits_of(width, width)));
  return defined.is_true() ? result : choose(defined, result, anything_as_bits(width));
}

std::optional<z3::expr> compute(unsigned opcode, const z3::expr& a, const z3::expr& b) {
  using llvm::Instruction;
  switch (opcode) {
    case Instruction::Add:
      return a + b;
    case Instruction::Sub:
      return a - b;
    case Instruction::Mul:
      return a * b;
    case Instruction::And:
      return a & b;
    case Instruction::Or:
      return a | b;
    case Instruction::Xor:
      return a ^ b;
    case Instruction::Shl:
      return shifted(b, fold(z3::shl(a, b)));
    case Instruction::LShr:
      return shifted(b, fold(z3::lshr(a, b)));
    case Instruction::AShr:
      return shifted(b, fold(z3::ashr(a, b)));
    default:
      return std::nullopt;
  }
}

std::optional<SymbolicBool> compute(unsigned opcode, const SymbolicBool& a, const SymbolicBool& b) {
  using llvm::Instruction;
  switch (opcode) {
    case Instruction::And:
      return a & b;
    case Instruction::Or:
      return a | b;
    case Instruction::Xor:
      return (a & !b) | (!a & b);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Value> Interpreter::evaluate(Frame& frame, State& state, const llvm::Instruction& instruction) {
  const auto operand_bits = [&](unsigned index) { return bits(frame, state, *instruction.getOperand(index)); };
  const auto place = [&] { return describe_place(instruction); };
  const llvm::DataLayout& layout = code_.module().getDataLayout();
  const llvm::Type& type = *instruction.getType();

  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
    if (load->isAtomic()) throw_unknown(instruction, "an atomic access");
    const std::uint64_t size = layout.getTypeStoreSize(load->getType()).getFixedValue();
    if (type.isAggregateType() || size > kPointerSize) throw_unknown(instruction, "an access of this size");
    return read(state, address(frame, state, *load->getPointerOperand()), size, place());
  }
  if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
    if (store->isAtomic()) throw_unknown(instruction, "an atomic access");
    const llvm::Value& stored = *store->getValueOperand();
    const std::uint64_t size = layout.getTypeStoreSize(stored.getType()).getFixedValue();
    if (stored.getType()->isAggregateType() || size > kPointerSize)
      throw_unknown(instruction, "an access of this size");
    Value value = operand(frame, state, stored);
    if (const auto* truth = std::get_if<SymbolicBool>(&value.content)) value = bits_of(*truth, kBitsOfByte);
    write(state, address(frame, state, *store->getPointerOperand()), size, value, place());
    return std::nullopt;
  }
  if (const auto* step = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
    llvm::MapVector<llvm::Value*, llvm::APInt> variable_offsets;
    llvm::APInt offset(kPointerBits, 0);
    if (!step->collectOffset(layout, kPointerBits, variable_offsets, offset)) throw_unknown(instruction, "an offset");
    z3::expr sum = bits_of(offset.getZExtValue(), kPointerBits);
    for (const auto& [index, scale] : variable_offsets) {
      const z3::expr wide = extend(bits(frame, state, *index), kPointerBits, true);
      sum = fold(sum + fold(wide * bits_of(scale.getZExtValue(), kPointerBits)));
    }
    return move(state, address(frame, state, *step->getPointerOperand()), sum, place());
  }
  if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction)) {
    const unsigned opcode = operation->getOpcode();
    if (type.isIntegerTy(1)) {
      const auto result = compute(opcode, truth(frame, state, *operation->getOperand(0)),
                                  truth(frame, state, *operation->getOperand(1)));
      if (result) return *result;
    } else if (type.isIntegerTy()) {
      // The address of an object, and so much more.
      const Value first = operand(frame, state, *operation->getOperand(0));
      if (const auto* pointer = std::get_if<Pointer>(&first.content);
          pointer != nullptr && opcode == llvm::Instruction::Add)
        return move(state, *pointer, operand_bits(1), place());
      if (const auto result = compute(opcode, operand_bits(0), operand_bits(1))) return fold(*result);
    }
    throw_unknown(instruction, "an operation");
  }
  if (const auto* comparison = llvm::dyn_cast<llvm::ICmpInst>(&instruction)) {
    const Value a = operand(frame, state, *comparison->getOperand(0)),
                b = operand(frame, state, *comparison->getOperand(1));
    const auto predicate = comparison->getPredicate();
    if (!std::holds_alternative<Pointer>(a.content) && !std::holds_alternative<Pointer>(b.content))
      return compare(predicate, operand_bits(0), operand_bits(1));
    const llvm::Type& pointer = *llvm::PointerType::get(instruction.getContext(), 0);
    const auto x = std::get<Pointer>(of_type(pointer, a).content), y = std::get<Pointer>(of_type(pointer, b).content);
    if (comparison->isEquality()) {
      const SymbolicBool same = equal(x, y);
      return predicate == llvm::CmpInst::ICMP_EQ ? same : !same;
    }
    // IS_ERR() and its like: no object is in the last page of memory, or in the first.
    constexpr std::uint64_t kPage = 4096;
    SymbolicBool result = false;
    for (const Target& target : x.targets) {
      if (y.targets.size() != 1 || y.targets[0].object) throw_unknown(instruction, "a comparison of addresses");
      const auto limit = numeral_of(*y.targets[0].number);
      if (!limit || (*limit > kPage && *limit < ~kPage) || !comparison->isUnsigned())
        throw_unknown(instruction, "a comparison of addresses");
      const z3::expr address = target.object ? bits_of(2 * kPage, kPointerBits) : *target.number;
      const SymbolicBool here = compare(predicate, address, *y.targets[0].number);
      result = result | (target.condition & here);
    }
    return result;
  }
  if (const auto* selection = llvm::dyn_cast<llvm::SelectInst>(&instruction)) {
    if (!selection->getCondition()->getType()->isIntegerTy(1)) throw_unknown(instruction, "a choice");
    return choose(truth(frame, state, *selection->getCondition()), operand(frame, state, *selection->getTrueValue()),
                  operand(frame, state, *selection->getFalseValue()));
  }
  if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(&instruction)) {
    const llvm::Value& from = *cast->getOperand(0);
    switch (cast->getOpcode()) {
      case llvm::Instruction::ZExt:
      case llvm::Instruction::SExt: {
        const unsigned width = width_of(type);
        const bool is_signed = cast->getOpcode() == llvm::Instruction::SExt;
        if (!from.getType()->isIntegerTy(1)) return extend(operand_bits(0), width, is_signed);
        const std::uint64_t ones = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
        return choose(truth(frame, state, from), bits_of(is_signed ? ones : 1, width),
                      bits_of(std::uint64_t{0}, width));
      }
      case llvm::Instruction::Trunc: {
        const z3::expr whole = operand_bits(0);
        return fold(low_bits(word_of_bits(whole), width_of(type)));
      }
      case llvm::Instruction::IntToPtr:
      case llvm::Instruction::PtrToInt: {
        if (width_of(type) != width_of(*from.getType())) break;
        Value value = operand(frame, state, from);
        if (from.getType()->isPointerTy()) value = narrowed(state, address(frame, state, from));
        const auto* pointer = std::get_if<Pointer>(&value.content);
        const bool is_number = pointer != nullptr && std::ranges::none_of(pointer->targets, [](const Target& target) {
                                 return target.object.has_value();
                               });
        return is_number ? Value(as_bits(value)) : value;
      }
      default:
        break;
    }
    throw_unknown(instruction, "a conversion");
  }
  if (llvm::isa<llvm::FreezeInst>(instruction)) return operand(frame, state, *instruction.getOperand(0));
  if (const auto* allocation = llvm::dyn_cast<llvm::AllocaInst>(&instruction)) {
    const auto size = allocation->getAllocationSize(layout);
    if (!size || size->isScalable()) throw_unknown(instruction, "an allocation");
    if (!frame.allocated.insert(&instruction).second) throw_unknown(instruction, "an allocation in a loop");
    const ObjectId made = add_memory(
        fmt::format("{} of {}()", allocation->getName().str(), frame.function.getName().str()), size->getFixedValue());
    set_private(made);
    return Pointer::to(made);
  }
  if (const auto* part = llvm::dyn_cast<llvm::ExtractValueInst>(&instruction)) {
    Value value = operand(frame, state, *part->getAggregateOperand());
    for (const unsigned index : part->indices()) value = Value(std::get<Aggregate>(value.content).members.at(index));
    return value;
  }
  if (const auto* made = llvm::dyn_cast<llvm::CallInst>(&instruction)) return call(frame, state, *made);
  throw_unknown(instruction, "an instruction");
}

Pointer Interpreter::narrowed(const State& state, const Pointer& pointer) {
  if (pointer.targets.size() == 1) return pointer;
  Pointer left;
  for (const Target& target : pointer.targets) {
    if (possible(state.path & target.condition)) left.targets.push_back(target);
  }
  if (left.targets.size() == 1) left.targets.front().condition = true;
  return left.targets.empty() ? pointer : left;
}

Pointer Interpreter::move(State& state, const Pointer& pointer, const z3::expr& offset, const std::string& place) {
  const auto known = numeral_of(offset);
  if (known) {
    Pointer moved = pointer;
    for (Target& target : moved.targets) {
      if (target.object) {
        target.offset += static_cast<std::int64_t>(*known);
      } else {
        target.number = fold(*target.number + offset);
      }
    }
    return moved;
  }
  Pointer moved;
  for (const auto& [here, value] : values_of(state, offset, place)) {
    Pointer there = move(state, pointer, bits_of(value, kPointerBits), place);
    for (Target& target : there.targets) {
      target.condition = target.condition & here;
      moved.targets.push_back(target);
    }
  }
  return moved;
}

std::vector<std::pair<SymbolicBool, std::uint64_t>> Interpreter::values_of(const State& state, const z3::expr& term,
                                                                           const std::string& place) {
  if (const auto known = numeral_of(term)) return {{true, *known}};
  std::vector<std::pair<SymbolicBool, std::uint64_t>> found;
  SymbolicBool rest = state.path;
  while (has_model(assumed_ & rest)) {
    if (found.size() == kFewValues)
      throw KernelCodeError(fmt::format("{}: an index, size or address with more than {} values", place, kFewValues));
    const std::uint64_t value = query_.value(word_of_bits(term));
    const SymbolicBool here = equal(term, bits_of(value, term.get_sort().bv_size()));
    rest = rest & !here;
    found.emplace_back(here, value);
  }
  return found;
}

const Value& Interpreter::given(std::string_view name) const {
  const auto found = given_.find(name);
  if (found == given_.end())
    throw KernelCodeError(fmt::format("a contract asks for '{}', of which this proof says nothing", name));
  return found->second;
}

SymbolicBool Interpreter::perhaps(const char* name) {
  z3::context& context = TermScope::context();
  failures_.push_back(SymbolicBool(z3::expr(context, Z3_mk_fresh_const(context, name, context.bool_sort()))));
  return failures_.back();
}

z3::expr Interpreter::abbreviate(const char* name, const z3::expr& term) {
  if (term.is_numeral()) return term;
  for (const auto& [constant, known] : abbreviated_) {
    if (z3::eq(known, term) || z3::eq(constant, term)) return constant;
  }
  z3::context& context = TermScope::context();
  const z3::expr constant(context, Z3_mk_fresh_const(context, name, term.get_sort()));
  abbreviated_.emplace_back(constant, term);
  return constant;
}

z3::expr Interpreter::spelled_out(z3::expr term) const {
  // One may be part of those after it.
  for (auto each = abbreviated_.rbegin(); each != abbreviated_.rend(); ++each) {
    z3::expr_vector from(term.ctx()), to(term.ctx());
    from.push_back(each->first);
    to.push_back(each->second);
    term = term.substitute(from, to);
  }
  return term;
}

const Contract* Interpreter::contract(const std::string& function) const {
  if (const auto found = replaced_.find(function); found != replaced_.end()) return &found->second;
  const auto found = contracts_.find(function);
  return found == contracts_.end() ? nullptr : &found->second;
}

std::optional<Value> Interpreter::call(Frame& frame, State& state, const llvm::CallInst& instruction) {
  if (instruction.isInlineAsm()) return call_assembly(frame, state, instruction);
  const llvm::Function* called = instruction.getCalledFunction();
  if (called == nullptr) throw_unknown(instruction, "a call through a pointer");
  if (called->isIntrinsic()) return call_intrinsic(frame, state, instruction);
  const std::string name = called->getName().str();
  std::vector<Value> arguments;
  const Contract* contract = this->contract(name);
  if (contract == nullptr && called->isDeclaration()) {
    fail(state, describe_place(instruction), fmt::format("a call of {}(), which has neither code nor contract", name));
    return std::nullopt;
  }
  for (const llvm::Use& argument : instruction.args()) arguments.push_back(operand(frame, state, *argument.get()));
  if (contract == nullptr) return run(*called, std::move(arguments), state);
  used_.insert(fmt::format("{}() {}", name, contract->sentence));
  return contract->apply(*this, state, {describe_place(instruction), std::move(arguments)});
}

/// The kernel's atomic operations, as one processor sees them.
std::optional<Value> Interpreter::call_assembly(Frame& frame, State& state, const llvm::CallInst& instruction) {
  const auto& assembly = *llvm::cast<llvm::InlineAsm>(instruction.getCalledOperand());
  const llvm::StringRef text = llvm::StringRef(assembly.getAsmString()).ltrim("\n\t ");
  if (text.empty() && instruction.arg_empty()) return std::nullopt;  // a barrier for the compiler
  const std::string place = describe_place(instruction);
  const auto begins = [&](llvm::StringRef prefix) { return text.starts_with(prefix); };
  const auto change = [&](unsigned width, const z3::expr& difference) {
    const Pointer at = address(frame, state, *instruction.getArgOperand(0));
    const z3::expr before = as_bits(read(state, at, width / kBitsOfByte, place));
    const z3::expr after = fold(before + difference);
    write(state, at, width / kBitsOfByte, after, place);
    return std::pair(before, after);
  };
  const auto one = [](unsigned width) { return bits_of(1, width); };
  const auto is_zero = [](const z3::expr& bits) {
    return bits_of(equal(bits, bits_of(0, bits.get_sort().bv_size())), kBitsOfByte);
  };
  if (begins("xaddl $0, $1")) return change(32, bits(frame, state, *instruction.getArgOperand(1))).first;
  if (begins("incl $0")) return change(32, one(32)), std::nullopt;
  if (begins("incq $0")) return change(64, one(64)), std::nullopt;
  if (begins("addq $1,$0")) return change(64, bits(frame, state, *instruction.getArgOperand(1))), std::nullopt;
  if (begins("decq $0") && text.contains("output condition code e")) return is_zero(change(64, fold(-one(64))).second);
  if (begins("decl $0") && text.contains("output condition code e")) return is_zero(change(32, fold(-one(32))).second);
  if (begins("subq $2, $0") && text.contains("output condition code e"))
    return is_zero(change(64, fold(-bits(frame, state, *instruction.getArgOperand(1)))).second);
  if (begins("cmpxchgl $2,$1")) {
    const Pointer at = address(frame, state, *instruction.getArgOperand(0));
    z3::expr before = as_bits(read(state, at, 4, place));
    const z3::expr made = bits(frame, state, *instruction.getArgOperand(1)),
                   expected = bits(frame, state, *instruction.getArgOperand(2));
    write(state, at, 4, choose(equal(before, expected), made, before), place);
    return before;
  }
  throw_unknown(instruction, "inline assembly");
}

std::optional<Value> Interpreter::call_intrinsic(Frame& frame, State& state, const llvm::CallInst& instruction) {
  const auto* intrinsic = llvm::cast<llvm::IntrinsicInst>(&instruction);
  const auto argument = [&](unsigned index) { return bits(frame, state, *instruction.getArgOperand(index)); };
  const std::string place = describe_place(instruction);
  switch (intrinsic->getIntrinsicID()) {
    case llvm::Intrinsic::lifetime_start:
    case llvm::Intrinsic::lifetime_end:
    case llvm::Intrinsic::assume:
    case llvm::Intrinsic::dbg_value:
    case llvm::Intrinsic::dbg_declare:
    case llvm::Intrinsic::dbg_label:
    case llvm::Intrinsic::dbg_assign:
    case llvm::Intrinsic::experimental_noalias_scope_decl:
      return std::nullopt;
    case llvm::Intrinsic::memset: {
      const auto size = numeral_of(argument(2));
      const auto byte = numeral_of(argument(1));
      if (!size || byte != 0) break;
      if (*size == 0) return std::nullopt;
      const Pointer to = address(frame, state, *instruction.getArgOperand(0));
      for (std::uint64_t done = 0; done < *size;) {
        const std::uint64_t length = std::min<std::uint64_t>(kPointerSize, *size - done);
        write(state, move(state, to, bits_of(done, kPointerBits), place), length,
              bits_of(0, static_cast<unsigned>(length * kBitsOfByte)), place);
        done += length;
      }
      return std::nullopt;
    }
    case llvm::Intrinsic::memcpy:
    case llvm::Intrinsic::memmove: {
      const auto size = numeral_of(argument(2));
      if (!size) break;
      const Pointer to = address(frame, state, *instruction.getArgOperand(0)),
                    from = address(frame, state, *instruction.getArgOperand(1));
      std::vector<std::pair<std::uint64_t, Piece>> copied;
      for (std::uint64_t done = 0; done < *size;) {
        const std::uint64_t length = std::min<std::uint64_t>(kPointerSize, *size - done);
        copied.emplace_back(
            done, Piece{read(state, move(state, from, bits_of(done, kPointerBits), place), length, place), length});
        done += length;
      }
      for (const auto& [offset, piece] : copied)
        write(state, move(state, to, bits_of(offset, kPointerBits), place), piece.size, piece.value, place);
      return std::nullopt;
    }
    case llvm::Intrinsic::umin:
      return choose(condition_of(z3::ult(argument(0), argument(1))), argument(0), argument(1));
    case llvm::Intrinsic::umax:
      return choose(condition_of(z3::ult(argument(0), argument(1))), argument(1), argument(0));
    case llvm::Intrinsic::smin:
      return choose(condition_of(argument(0) < argument(1)), argument(0), argument(1));
    case llvm::Intrinsic::smax:
      return choose(condition_of(argument(0) < argument(1)), argument(1), argument(0));
    case llvm::Intrinsic::uadd_sat: {
      const z3::expr sum = fold(argument(0) + argument(1));
      const z3::expr most = fold(~bits_of(std::uint64_t{0}, sum.get_sort().bv_size()));
      return choose(condition_of(z3::ult(sum, argument(0))), most, sum);
    }
    case llvm::Intrinsic::expect:
      return operand(frame, state, *instruction.getArgOperand(0));
    default:
      break;
  }
  throw_unknown(instruction, "an intrinsic");
}

}  // namespace capcheck
