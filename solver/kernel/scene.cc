// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "model/rules/uidgid.h"
#include "solver/kernel/contracts.h"
#include "solver/kernel/occurrence.h"

namespace capcheck {
namespace {

constexpr unsigned kIdBits = 32, kWordBits = 64, kBitsOfByte = 8;

/// The kernel's name of a field of Credentials; empty if struct cred has none.
std::string_view kernel_name(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"CapInh", "cap_inheritable"},
                                                                      {"CapPrm", "cap_permitted"},
                                                                      {"CapEff", "cap_effective"},
                                                                      {"CapBnd", "cap_bset"},
                                                                      {"CapAmb", "cap_ambient"},
                                                                      {"CapUNs", "cap_userns"},
                                                                      {"Securebits", "securebits"},
                                                                      {"Uid", "uid"},
                                                                      {"EUid", "euid"},
                                                                      {"SUid", "suid"},
                                                                      {"FsUid", "fsuid"},
                                                                      {"Gid", "gid"},
                                                                      {"EGid", "egid"},
                                                                      {"SGid", "sgid"},
                                                                      {"FsGid", "fsgid"}};
  const auto* found = std::ranges::find(kNames, name, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(kNames) ? "" : found->second;
}

}  // namespace

std::vector<CredField> cred_fields(const Profile& profile) {
  std::vector<CredField> fields;
  for (const auto& field : kCredentialFields<Symbolic>) {
    const std::string_view kernel = kernel_name(field.name);
    if (kernel.empty() || (kernel == "cap_userns" && !profile.features.userns)) continue;
    fields.push_back({kernel, field.member, field.name, field.is_set});
  }
  return fields;
}

Scene::Scene(const KernelCode& code, const Profile& profile, Query& query)
    : profile_(profile), interpreter_(code, kernel_contracts(), query) {}

SymbolicWord Scene::unknown(const std::string& name, unsigned width, Shown shown) {
  const SymbolicWord word = word_of_bits(TermScope::context().bv_const(name.c_str(), width));
  unknowns_.push_back({name, word, shown});
  return word;
}

void Scene::show(const std::string& name, const SymbolicBool& condition) {
  unknowns_.push_back({name, as_word<Symbolic>(condition), Shown::number});
}

void Scene::assume(std::string sentence, const SymbolicBool& fact) {
  interpreter_.assume(fact);
  assumptions_.push_back(std::move(sentence));
}

Credentials<Symbolic> Scene::unknown_credentials(const std::string& owner) {
  Credentials<Symbolic> made;
  for (const CredField& field : cred_fields(profile_)) {
    const bool is_bits = field.kernel == "securebits";
    made.*field.model = unknown(fmt::format("{}{}", owner, field.name), field.is_set ? kWordBits : kIdBits,
                                field.is_set ? Shown::set
                                : is_bits    ? Shown::bits
                                             : Shown::number);
  }
  return made;
}

void Scene::put(ObjectId cred, const Credentials<Symbolic>& values) {
  for (const CredField& field : cred_fields(profile_)) interpreter_.set(cred, field.kernel, values.*field.model);
}

void Scene::put_map(ObjectId ns, std::string_view field, const IdMap<Symbolic>& map, unsigned lines) {
  const auto put_line = [&](unsigned number, const IdExtent<Symbolic>& line) {
    interpreter_.set(ns, fmt::format("{}.extent.{}.first", field, number), line.first);
    interpreter_.set(ns, fmt::format("{}.extent.{}.lower_first", field, number), line.lower_first);
    interpreter_.set(ns, fmt::format("{}.extent.{}.count", field, number), line.count);
  };
  put_line(0, map.line0);
  put_line(1, map.line1);
  interpreter_.set(ns, fmt::format("{}.nr_extents", field), SymbolicWord(lines));
}

void Scene::add_namespace(const std::string& name, unsigned number, const SymbolicWord& parent,
                          const SymbolicWord& level) {
  const bool is_initial = level.numeral() == 0 && interpreter_.has_variable("init_user_ns");
  const ObjectId object = is_initial ? interpreter_.variable("init_user_ns", "user_namespace")
                                     : interpreter_.add_object(name, "user_namespace");
  UserNamespace<Symbolic> ns{};
  ns.parent = parent;
  ns.level = level;
  ns.owner = unknown(name + ".owner", kIdBits, Shown::number);
  ns.group = unknown(name + ".group", kIdBits, Shown::number);
  interpreter_.set(object, "level", ns.level);
  interpreter_.set(object, "owner", ns.owner);
  interpreter_.set(object, "group", ns.group);
  world_.namespaces[number] = ns;
  namespaces_.emplace(number, object);
}

void Scene::add_namespaces(unsigned highest, unsigned deepest) {
  for (unsigned level = highest; level <= deepest; ++level) {
    // Above the highest is what nobody asks for: unknown. The initial namespace is its own parent to the model.
    const bool has_parent = level > highest;
    add_namespace(fmt::format("ns{}", level), level,
                  has_parent   ? SymbolicWord(level - 1)
                  : level == 0 ? SymbolicWord(0)
                               : SymbolicWord::anything(),
                  level);
    if (has_parent) {
      interpreter_.set(namespaces_.at(level), "parent", Value(Pointer::to(namespaces_.at(level - 1))));
    } else if (level == 0) {
      interpreter_.set(namespaces_.at(level), "parent", Value(Pointer::null()));
    }
  }
}

unsigned Scene::add_other_namespace(const SymbolicWord& level) {
  add_namespace("other_ns", kOtherNamespace, SymbolicWord::anything(), level);
  return kOtherNamespace;
}

unsigned Scene::add_other_namespace() {
  return add_other_namespace(unknown("other_ns.level", kIdBits, Shown::number));
}

void Scene::add_second_other_namespace() {
  add_namespace("second_other_ns", kSecondOtherNamespace, SymbolicWord::anything(),
                unknown("second_other_ns.level", kIdBits, Shown::number));
}

unsigned Scene::number_of(const Target& target, const std::string& place) const {
  for (const auto& [number, object] : namespaces_) {
    if (target.object == object && target.offset == 0) return number;
  }
  throw KernelCodeError(fmt::format("{}: this is no user namespace that was given", place));
}

const UserNamespace<Symbolic>& Scene::model_namespace(const Target& target, const std::string& place) {
  return world_.namespaces[number_of(target, place)];
}

const IdMap<Symbolic>& Scene::model_map(const Pointer& pointer, const std::string& place) {
  if (pointer.targets.size() != 1) throw KernelCodeError(fmt::format("{}: this is no map that was given", place));
  const auto offset_of = [&](std::string_view field) {
    return static_cast<std::int64_t>(interpreter_.code().field("user_namespace", field).offset);
  };
  Target ns = pointer.targets.front();
  const bool of_users = ns.offset == offset_of("uid_map");
  ns.offset -= offset_of(of_users ? "uid_map" : "gid_map");
  UserNamespace<Symbolic>& found = world_.namespaces[number_of(ns, place)];
  return of_users ? found.uid_map : found.gid_map;
}

SymbolicWord Scene::namespace_number(const Pointer& pointer, const std::string& place) const {
  const std::span<const Target> targets(pointer.targets);
  SymbolicWord number = number_of(targets.front(), place);
  for (const Target& target : targets.subspan(1))
    number = Symbolic::select(target.condition, number_of(target, place), number);
  return number;
}

void Scene::add_identity_maps(unsigned number) {
  UserNamespace<Symbolic>& ns = world_.namespaces[number];
  const IdExtent<Symbolic> all{0, 0, kAllIds}, none{0, 0, 0};
  ns.uid_map = ns.gid_map = {all, none};
  put_map(namespaces_.at(number), "uid_map", ns.uid_map, 1);
  put_map(namespaces_.at(number), "gid_map", ns.gid_map, 1);
}

/// A line as map_write() takes it: no range is empty, or goes beyond the last id.
IdExtent<Symbolic> Scene::add_line(ObjectId ns, const std::string& field, unsigned index, const std::string& name) {
  const auto part = [&](std::string_view which) {
    const SymbolicWord word = unknown(fmt::format("{}.{}.{}", name, index, which), kIdBits, Shown::number);
    interpreter_.set(ns, fmt::format("{}.extent.{}.{}", field, index, which), word);
    return word;
  };
  const IdExtent<Symbolic> line{part("first"), part("lower_first"), part("count")};
  interpreter_.assume(!(line.count == SymbolicWord(0)));
  for (const SymbolicWord& first : {line.first, line.lower_first})
    interpreter_.assume((first + line.count) < SymbolicWord(kInvalidId + 1));
  return line;
}

void Scene::add_maps(unsigned number) {
  const ObjectId ns = namespaces_.at(number);
  const auto add = [&](const std::string& field) {
    const std::string name = fmt::format("ns{}.{}", number, field);
    const SymbolicWord lines = unknown(name + ".lines", kBitsOfByte, Shown::number);
    interpreter_.assume(lines < SymbolicWord(3));
    interpreter_.set(ns, field + ".nr_extents", lines);
    const auto line = [&](unsigned index) {
      const IdExtent<Symbolic> made = add_line(ns, field, index, name);
      const auto if_there = [&](const SymbolicWord& word) {
        return Symbolic::select(SymbolicWord(index) < lines, word, 0);
      };
      return IdExtent<Symbolic>{if_there(made.first), if_there(made.lower_first), if_there(made.count)};
    };
    const IdExtent<Symbolic> first = line(0);
    return IdMap<Symbolic>{first, line(1)};
  };
  world_.namespaces[number].uid_map = add("uid_map");
  world_.namespaces[number].gid_map = add("gid_map");
}

void Scene::add_task(unsigned user_ns) {
  add_task(Pointer::to(namespaces_.at(user_ns)));
}

void Scene::add_task_anywhere() {
  add_task(any_namespace(""));
}

ObjectId Scene::add_other_credentials(std::size_t number, const std::string& owner, std::optional<unsigned> user_ns) {
  const ObjectId cred = interpreter_.add_object(fmt::format("cred of the {}", owner), "cred");
  const std::string prefix = owner + " ";
  put_into(cred, world_.tasks[number], prefix, user_ns ? Pointer::to(namespaces_.at(*user_ns)) : any_namespace(prefix));
  return cred;
}

Pointer Scene::any_namespace(const std::string& owner, bool in_chain) {
  const SymbolicWord number = unknown(fmt::format("{}user_ns", owner), kBitsOfByte, Shown::number);
  Pointer any;
  SymbolicBool is_one = false;
  for (const auto& [here, object] : namespaces_) {
    if (in_chain && (here == kOtherNamespace || here == kSecondOtherNamespace)) continue;
    const SymbolicBool is_here = number == SymbolicWord(here);
    any.targets.push_back({is_here, object, 0, {}});
    is_one = is_one | is_here;
  }
  interpreter_.assume(is_one);
  return any;
}

void Scene::put_into(ObjectId cred, Task<Symbolic>& task, const std::string& owner, const Pointer& ns) {
  task.cred = unknown_credentials(owner);
  task.user_ns = namespace_number(ns, "at first");
  task.alive = 1;
  put(cred, task.cred);
  interpreter_.set(cred, "user_ns", Value(ns));
}

void Scene::add_task(const Pointer& ns) {
  has_task_ = true;
  task_ = interpreter_.add_object("task", "task_struct");
  cred_ = interpreter_.add_object("cred", "cred");
  put_into(cred_, world_.tasks[0], "", ns);
  interpreter_.set(task_, "cred", Value(Pointer::to(cred_)));
  interpreter_.set(task_, "real_cred", Value(Pointer::to(cred_)));
  interpreter_.set_bytes(interpreter_.variable("capcheck_current"), 0, 8, Value(Pointer::to(task_)));
}

ObjectId Scene::add_new_credentials(const std::string& name) {
  return interpreter_.add_copy(name, state_, cred_);
}

void Scene::change(ObjectId cred, const Credentials<Symbolic>& values) {
  for (const CredField& field : cred_fields(profile_)) {
    const FieldPlace place = interpreter_.code().field("cred", field.kernel);
    state_.memory.write(cred, place.offset, place.size,
                        low_bits(values.*field.model, static_cast<unsigned>(place.size * kBitsOfByte)));
  }
}

/// A group's threads are in a list: from 6.7 on that of its signal_struct, before that their own.
SymbolicBool Scene::add_thread_group() {
  const SymbolicBool alone = SymbolicBool::unknown("alone"), leads = SymbolicBool::unknown("leads");
  show("the task is alone in its thread group", alone);
  const ObjectId other = interpreter_.add_object("another task", "task_struct"),
                 group = interpreter_.add_object("signal", "signal_struct");
  const KernelCode& code = interpreter_.code();
  const auto link = [&](std::string_view list, const Pointer& end) {
    const Pointer next = Pointer::to(other, static_cast<std::int64_t>(code.field("task_struct", list).offset));
    interpreter_.set(task_, fmt::format("{}.next", list), Value(choose(alone, end, next)));
  };
  if (code.has_field("task_struct", "thread_group")) {
    link("thread_group",
         Pointer::to(task_, static_cast<std::int64_t>(code.field("task_struct", "thread_group").offset)));
  } else {
    link("thread_node",
         Pointer::to(group, static_cast<std::int64_t>(code.field("signal_struct", "thread_head").offset)));
  }
  interpreter_.set(task_, "signal", Value(Pointer::to(group)));
  // thread_group_leader(): exit_signal is not negative.
  constexpr std::uint64_t kNoLeader = 0xffffffff;
  interpreter_.set(task_, "exit_signal", Symbolic::select(alone | leads, 0, kNoLeader));
  return alone;
}

void Scene::add_references() {
  const auto refer = [&](std::string_view field, const std::string& structure, bool may_be_null) {
    const Pointer to = Pointer::to(interpreter_.add_object(std::string(field), structure));
    const SymbolicBool there = may_be_null ? SymbolicBool::unknown(fmt::format("has_{}", field)) : SymbolicBool(true);
    interpreter_.set(cred_, field, Value(choose(there, to, Pointer::null())));
  };
  refer("user", "user_struct", false);
  refer("ucounts", "ucounts", false);
  refer("group_info", "group_info", false);
  refer("thread_keyring", "key", true);
  refer("process_keyring", "key", true);
}

Value Scene::current_value(std::string_view field) {
  const FieldPlace place = interpreter_.code().field("cred", field);
  Pointer at = as_pointer(interpreter_.read(state_, task_, "cred"));
  for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
  return interpreter_.read(state_, at, place.size, "at the end");
}

SymbolicBool Scene::add_fs() {
  const SymbolicWord users = unknown("fs.users", kIdBits, Shown::number);
  const ObjectId fs = interpreter_.add_object("fs", "fs_struct");
  interpreter_.set(fs, "users", users);
  interpreter_.set(task_, "fs", Value(Pointer::to(fs)));
  return !(users == SymbolicWord(1));
}

SymbolicWord Scene::word_of(const Value& value, bool is_signed) {
  const z3::expr bits = as_bits(value);
  const unsigned more = kWordBits - bits.get_sort().bv_size();
  return word_of_bits(fold(more == 0 ? bits : is_signed ? z3::sext(bits, more) : z3::zext(bits, more)));
}

Credentials<Symbolic> Scene::read_credentials(ObjectId cred) {
  Credentials<Symbolic> found;
  for (const CredField& field : cred_fields(profile_))
    found.*field.model = word_of(interpreter_.read(state_, cred, field.kernel));
  return found;
}

Credentials<Symbolic> Scene::current() {
  Credentials<Symbolic> found;
  for (const CredField& field : cred_fields(profile_)) found.*field.model = word_of(current_value(field.kernel));
  return found;
}

void Scene::compare(std::string name, const SymbolicWord& kernel, const SymbolicWord& model, Shown shown,
                    const SymbolicBool& matters) {
  compared_.push_back({std::move(name), kernel, model, shown, matters});
}

void Scene::compare(const std::string& name, const Credentials<Symbolic>& kernel, const Credentials<Symbolic>& model,
                    const SymbolicBool& matters) {
  for (const CredField& field : cred_fields(profile_)) {
    compare(fmt::format("{}{}", name, field.name), kernel.*field.model, model.*field.model,
            field.is_set ? Shown::set : Shown::number, matters);
  }
}

void Scene::compare_if_ever(const std::string& name, const Credentials<Symbolic>& kernel,
                            const Credentials<Symbolic>& model, const SymbolicBool& matters) {
  const std::size_t before = compared_.size();
  compare(name, kernel, model, matters);
  for (Compared& each : std::span(compared_).subspan(before)) each.may_be_nowhere = true;
}

bool Scene::is_excepted(ObjectId object, std::uint64_t offset, const std::vector<std::string>& changed) const {
  const Object& here = interpreter_.object(object);
  if (std::ranges::find(changed, here.name) != changed.end()) return true;
  const auto covers = [&](std::string_view field) {
    const FieldPlace place = interpreter_.code().field(here.structure, field);
    return place.offset <= offset && offset < place.end();
  };
  if (here.structure == "cred" &&
      std::ranges::any_of(cred_fields(profile_), [&](const CredField& field) { return covers(field.kernel); })) {
    return true;
  }
  return std::ranges::any_of(changed, [&](const std::string& name) {
    const std::size_t dot = name.find('.');
    return name.substr(0, dot) == here.structure && covers(name.substr(dot + 1));
  });
}

void Scene::compare_the_rest(const std::vector<std::string>& changed, const std::vector<ObjectId>& compared) {
  for (const auto& [object, pieces] : state_.memory.all_written()) {
    const Object& here = interpreter_.object(object);
    if (here.is_private || std::ranges::find(compared, object) != compared.end()) continue;
    for (const auto& [offset, piece] : pieces) {
      if (is_excepted(object, offset, changed)) continue;
      const Value before = interpreter_.first(object, offset, piece.size);
      const std::string name = fmt::format("{}: {}", here.name, interpreter_.code().field_name(here.structure, offset));
      if (std::holds_alternative<Pointer>(piece.value.content) || std::holds_alternative<Pointer>(before.content)) {
        const SymbolicBool same = equal(as_pointer(piece.value), as_pointer(before));
        compare(name, Symbolic::select(same, 1, 0), 1, Shown::number);
      } else {
        compare(name, word_of(piece.value), word_of(before), Shown::bits);
      }
    }
  }
}

}  // namespace capcheck
