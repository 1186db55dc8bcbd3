// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/situation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "model/rules/commoncap.h"
#include "model/rules/user_namespace.h"
#include "model/step.h"

namespace capcheck {
namespace {

/// What cap_capable() reads of credentials.
Subject<Symbolic> subject_of(Scene& scene, const State& state, const Target& cred, const std::string& place) {
  Interpreter& interpreter = scene.interpreter();
  if (!cred.object || cred.offset != 0 || interpreter.object(*cred.object).structure != "cred")
    throw KernelCodeError(fmt::format("{}: these are no credentials that were given", place));
  const auto read = [&](std::string_view field) { return interpreter.read(state, *cred.object, field); };
  return {scene.namespace_number(as_pointer(read("user_ns")), place), Scene::word_of(read("euid")),
          Scene::word_of(read("cap_effective"))};
}

Pointer moved(Pointer pointer, std::uint64_t offset) {
  for (Target& target : pointer.targets) target.offset += static_cast<std::int64_t>(offset);
  return pointer;
}

/// A line of a map in the kernel's memory.
IdExtent<Symbolic> read_line(Interpreter& interpreter, State& state, const Pointer& line, const std::string& place) {
  const auto read = [&](std::string_view field) {
    const FieldPlace part = interpreter.code().field("uid_gid_extent", field);
    return Scene::word_of(interpreter.read(state, moved(line, part.offset), part.size, place));
  };
  return {read("first"), read("lower_first"), read("count")};
}

/// Where every id stands for itself, a lookup is a choice between the id and that there is none.
bool is_choice_or_none(const Word& id) {
  const z3::expr term = id.term();
  return term.is_ite() && !term.arg(1).is_numeral() && term.arg(2).is_numeral();
}

/// An id as the kernel's functions give it: of 32 bits, which is proved with them.
Word named_id(Interpreter& interpreter, const Word& id) {
  if (id.numeral()) return id;
  if (is_choice_or_none(id)) {
    const Word chosen(id.term().arg(1));
    if (!interpreter.possible(!(id == chosen))) return chosen;
  }
  const z3::expr low = low_bits(id, kIntBits), name = interpreter.abbreviate("id", low);
  const Word named = word_of_bits(name);
  if (!z3::eq(name, low)) interpreter.define(named == id);
  return named;
}

Bool named_truth(Interpreter& interpreter, const Bool& truth) {
  if (truth.is_true() || truth.is_false()) return truth;
  const z3::expr term = truth.term(), name = interpreter.abbreviate("capable", term);
  if (!z3::eq(name, term)) interpreter.define(Bool(name == term));
  return Bool(name);
}

bool same_words(const std::vector<Word>& a, const std::vector<Word>& b) {
  return std::ranges::equal(a, b, [](const Word& one, const Word& other) { return identical(one, other); });
}

}  // namespace

const std::vector<std::string> kCommitted = {"task_struct.cred", "task_struct.real_cred", "task_struct.flags",
                                             "cred.usage", "cred.rcu"};

unsigned once(const Profile&) {
  return 1;
}

Word negated(int error) {
  return Word(0) - Word(static_cast<std::uint64_t>(error));
}

Value argument(const Word& word, unsigned width) {
  return low_bits(word, width);
}

Word run(Scene& scene, std::string_view function, const std::vector<Value>& arguments) {
  const auto result = scene.interpreter().run(function, arguments, scene.state());
  if (!result) throw KernelCodeError(fmt::format("{}() gives nothing", function));
  return Scene::word_of(*result, true);
}

/// struct group_info ends with the groups.
std::uint64_t group_offset(const KernelCode& code, std::uint64_t group) {
  return code.size_of("group_info") + group * (kIntBits / 8);
}

/// Room for as many groups as the model has.
ObjectId add_group_info(Scene& scene, const std::string& name) {
  return scene.interpreter().add_memory(name, group_offset(scene.interpreter().code(), kMaxGroups));
}

/// The groups that the task has: what it has not is 0 to the model.
void add_groups(Scene& scene) {
  Interpreter& interpreter = scene.interpreter();
  Credentials<Symbolic>& cred = scene.task().cred;
  cred.group_count = scene.unknown("Groups", kIntBits, Shown::number);
  cred.group0 = scene.unknown("Group0", kIntBits, Shown::number);
  cred.group1 = scene.unknown("Group1", kIntBits, Shown::number);
  const ObjectId info = add_group_info(scene, "group_info");
  const FieldPlace count = interpreter.code().field("group_info", "ngroups");
  interpreter.set_bytes(info, count.offset, count.size, argument(cred.group_count, kIntBits));
  for (const auto& [index, group] : {std::pair(0, cred.group0), std::pair(1, cred.group1)})
    interpreter.set_bytes(info, group_offset(interpreter.code(), index), 4, argument(group, kIntBits));
  interpreter.set(scene.cred(), "group_info", Value(Pointer::to(info)));
}

Pointer mount_without_map(Scene& scene) {
  Interpreter& interpreter = scene.interpreter();
  scene.assume("no mount is idmapped", true);
  return Pointer::to(interpreter.has_variable("nop_mnt_idmap") ? interpreter.variable("nop_mnt_idmap")
                                                               : scene.kernel_namespace(0));
}

IdFunctions::IdFunctions(Scene& scene) {
  word_of_function = [&interpreter = scene.interpreter()](std::string_view function, const Word& id) {
    return function == "make_kuid" || function == "map_id_range_down" ? named_id(interpreter, id) : id;
  };
  for (const IdFunction& function : kIdFunctions) {
    const auto apply = [&scene, &function](Interpreter&, State&, const KernelCall& call) -> std::optional<Value> {
      const Pointer ns = as_pointer(call.arguments.at(0));
      const Word id = word_of_bits(as_bits(call.arguments.at(1)));
      std::optional<Value> result;
      for (const Target& target : ns.targets) {
        const Word here = function.model(scene.model_namespace(target, call.place).*function.map, id);
        const Value value = argument(here, kIntBits);
        result = result ? choose(target.condition, value, *result) : value;
      }
      return result;
    };
    scene.interpreter().replace(std::string(function.name),
                                {"translates an id as the model does (proved as make_kuid)", apply});
  }
}

IdFunctions::~IdFunctions() {
  word_of_function = nullptr;
}

void use_map_id_range_down(Scene& scene) {
  const auto apply = [&scene](Interpreter& interpreter, State& state, const KernelCall& call) -> std::optional<Value> {
    const Word id = word_of_bits(as_bits(call.arguments.at(1))), count = word_of_bits(as_bits(call.arguments.at(2)));
    State wrapping = state;
    wrapping.path = state.path & ((count == Word(0)) | (Word(kInvalidId) < id + count));
    interpreter.fail(wrapping, call.place, "a range of ids is empty, or wraps");
    const IdMap<Symbolic>& map = scene.model_map(as_pointer(call.arguments.at(0)), call.place);
    return argument(map_id_range_down(map, id, count), kIntBits);
  };
  scene.interpreter().replace("map_id_range_down",
                              {"translates a range of ids as the model does (proved as map_id_range_down)", apply});
}

void use_mappings_overlap(Scene& scene) {
  const auto apply = [](Interpreter& interpreter, State& state, const KernelCall& call) -> std::optional<Value> {
    const Pointer map = as_pointer(call.arguments.at(0));
    const FieldPlace count = interpreter.code().field("uid_gid_map", "nr_extents"),
                     first = interpreter.code().field("uid_gid_map", "extent.0");
    const Word lines = Scene::word_of(interpreter.read(state, moved(map, count.offset), count.size, call.place));
    if (lines.numeral() == 0) return Bool(false);
    const IdExtent<Symbolic> before = read_line(interpreter, state, moved(map, first.offset), call.place),
                             added = read_line(interpreter, state, as_pointer(call.arguments.at(1)), call.place);
    State others = state;
    others.path = state.path & !((lines == Word(1)) & detail::extent_valid(before) & detail::extent_valid(added));
    interpreter.fail(others, call.place, "a map has more lines, or one that is not valid");
    return detail::extents_overlap(before, added);
  };
  scene.interpreter().replace("mappings_overlap",
                              {"says whether lines overlap as the model does (proved as mappings_overlap)", apply});
}

CapCapable::CapCapable(Scene& scene) {
  truth_of_function = [this, &scene](std::string_view function, const FunctionInputs& inputs, const auto& give) {
    // Of other namespaces than the scene's, the same words say something else.
    if (function != "cap_capable" || inputs.part != &scene.world().namespaces) return give();
    const auto known =
        std::ranges::find_if(answers_, [&](const auto& answer) { return same_words(answer.first, inputs.words); });
    if (known != answers_.end()) return known->second;
    return answers_.emplace_back(inputs.words, named_truth(scene.interpreter(), give())).second;
  };
  const auto apply = [&scene](Interpreter&, State& state, const KernelCall& call) -> std::optional<Value> {
    const Word capability = word_of_bits(as_bits(call.arguments.at(2)));
    const Word target = scene.namespace_number(as_pointer(call.arguments.at(1)), call.place);
    Bool capable = false;
    for (const Target& cred : as_pointer(call.arguments.at(0)).targets) {
      const Subject<Symbolic> subject = subject_of(scene, state, cred, call.place);
      capable =
          capable | (cred.condition & cap_capable<Symbolic>(scene.world().namespaces, subject, target, capability));
    }
    return argument(Symbolic::select(capable, 0, negated(EPERM)), kIntBits);
  };
  scene.interpreter().replace("cap_capable", {"says what the model's does (proved as cap_capable)", apply});
}

CapCapable::~CapCapable() {
  truth_of_function = nullptr;
}

Predicted predict(Scene& scene, CallKind kind, const std::array<Word, kMaxArguments>& arguments) {
  World<Symbolic> world = scene.world();
  const Call<Symbolic> call{kind, 0, arguments};
  const Word result = step(scene.profile(), world, call).result;
  return {result, world.tasks[0].cred};
}

Bool all_well(const Scene& scene) {
  Bool well = true;
  for (const Bool& failed : scene.interpreter().failures()) well = well & !failed;
  return well;
}

Bool is_negative(const Word& word) {
  return !(word < Word(std::uint64_t{1} << (kLongBits - 1)));
}

void compare_outcome(Scene& scene, const std::string& name, const Word& result, const Predicted& model,
                     const Bool& matters) {
  const Bool well = matters & all_well(scene);
  const Credentials<Symbolic> after = scene.current();
  scene.compare(fmt::format("{}result", name), result, model.result, Shown::number, well);
  scene.compare(name, after, model.cred, well);
  scene.compare_if_ever(fmt::format("{}failed, ", name), after, scene.task().cred, matters & is_negative(result));
}

}  // namespace capcheck
