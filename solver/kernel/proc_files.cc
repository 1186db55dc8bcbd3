// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/proc_files.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/rules/umh.h"
#include "model/rules/user_namespace.h"
#include "solver/kernel/situation.h"

namespace capcheck {
namespace {

/// Where the user's memory is: nothing depends on it.
constexpr unsigned kByteBits = 8;
constexpr std::uint64_t kTextAddress = 0x10000, kTaskSize = 0x7ffffffff000;

/// A file of /proc/PID that is open to write, and where in it is written.
struct ProcFile {
  ObjectId file, position;
};

ProcFile add_proc_file(Scene& scene, ObjectId opener) {
  constexpr std::uint64_t kWritable = 2;  // FMODE_WRITE
  Interpreter& interpreter = scene.interpreter();
  const ProcFile made{interpreter.add_object("file", "file"), interpreter.add_memory("position", kLongBits / 8)};
  interpreter.set(made.file, "f_cred", Value(Pointer::to(opener)));
  interpreter.set(made.file, "f_mode", Word(kWritable));
  interpreter.set_bytes(made.position, 0, kLongBits / 8, bits_of(std::uint64_t{0}, kLongBits));
  scene.assume("what is written to a file of /proc is written at its beginning", true);
  return made;
}

/// The inode of a file of /proc/PID, and the task that has that id.
Pointer add_proc_inode(Scene& scene, unsigned user_ns) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId task = interpreter.add_object("target", "task_struct"),
                 cred = interpreter.add_object("target's cred", "cred"),
                 inode = interpreter.add_object("inode", "proc_inode");
  // It lives, and whoever is given it holds it.
  interpreter.set(task, "usage", Word(2));
  interpreter.set(task, "real_cred", Value(Pointer::to(cred)));
  interpreter.set(cred, "user_ns", Value(Pointer::to(scene.kernel_namespace(user_ns))));
  interpreter.give("task of the file", Pointer::to(task));
  return Pointer::to(inode, static_cast<std::int64_t>(interpreter.code().field("proc_inode", "vfs_inode").offset));
}

Value add_user_text(Scene& scene, std::string_view text) {
  Interpreter& interpreter = scene.interpreter();
  interpreter.set_bytes(interpreter.variable("task_size"), 0, 8, bits_of(kTaskSize, kLongBits));
  const ObjectId memory = interpreter.add_memory("text", text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    interpreter.set_bytes(memory, i, 1, bits_of(static_cast<std::uint8_t>(text[i]), 8));
  interpreter.add_user_memory(kTextAddress, memory);
  return bits_of(kTextAddress, kLongBits);
}

/// Who opens and who writes may be in any namespace of the chain, or in another: it need not be long to have them all.
constexpr unsigned kLevels = 4;

/// Of each level, "deny" and "allow".
unsigned setgroups_situations(const Profile&) {
  return 2 * kLevels;
}

void run_proc_setgroups_write(Scene& scene, unsigned situation) {
  const unsigned level = situation / 2;
  const bool allows = situation % 2 != 0;
  const CapCapable cap_capable_as_proved(scene);
  scene.add_namespaces(0, level);
  scene.add_other_namespace();
  scene.add_task_anywhere();
  Interpreter& interpreter = scene.interpreter();
  UserNamespace<Symbolic>& ns = scene.world().namespaces[level];
  const ObjectId kernel_ns = scene.kernel_namespace(level);
  ns.setgroups_allowed = scene.unknown("setgroups_allowed", 1, Shown::number);
  interpreter.set(kernel_ns, "flags", ns.setgroups_allowed);
  const Word lines = scene.unknown("lines of gid_map", kIntBits, Shown::number);
  ns.gid_map.line0.count = lines;
  interpreter.set(kernel_ns, "gid_map.nr_extents", lines);

  const auto [file, position] = add_proc_file(scene, scene.cred());
  interpreter.give("sequence", Pointer::to(interpreter.add_object("sequence", "seq_file")));
  const Word opened = run(scene, "proc_setgroups_open", {add_proc_inode(scene, level), Pointer::to(file)});
  const Bool is_open = opened == Word(0);
  const std::string_view text = allows ? "allow" : "deny";
  scene.state().path = is_open;
  const Word written =
      run(scene, "proc_setgroups_write",
          {Pointer::to(file), add_user_text(scene, text), bits_of(text.size(), kLongBits), Pointer::to(position)});
  scene.state().path = true;

  const auto model =
      proc_setgroups_write<Symbolic>({}, scene.world().namespaces, level, scene.task(), allows ? Word(1) : Word(0));
  const Bool well = all_well(scene), passed = model.verdict.passed();
  const auto read = [&](ObjectId object, std::string_view field) {
    return Scene::word_of(interpreter.read(scene.state(), object, field));
  };
  scene.compare("result", Symbolic::select(is_open, written, opened), model.result(), Shown::number, well);
  scene.compare("setgroups_allowed", Symbolic::select(is_open, read(kernel_ns, "flags"), ns.setgroups_allowed),
                Symbolic::select(passed & well, model.after, ns.setgroups_allowed), Shown::number);
  scene.compare("position", Scene::word_of(interpreter.read(scene.state(), position, 0, kLongBits / 8)),
                Symbolic::select(passed, Word(text.size()), 0), Shown::number, is_open);
  scene.compare_the_rest({"user_namespace.ns.count", "user_namespace.flags", "task_struct.usage", "task_struct.flags",
                          "file.private_data", "seq_file.private"},
                         {position});
}

// uid_map and gid_map

unsigned map_situations(const Profile&) {
  return kMapSituations.size();
}

/// A map of no line, or one, and another line: valid each.
unsigned overlap_situations(const Profile&) {
  return 2;
}

void run_mappings_overlap(Scene& scene, unsigned lines) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId map = interpreter.add_object("map", "uid_gid_map"),
                 line = interpreter.add_object("line", "uid_gid_extent");
  const auto add_line = [&](ObjectId object, const std::string& prefix) {
    const auto part = [&](const std::string& field) {
      const Word word =
          scene.unknown(fmt::format("{} {}", interpreter.object(object).name, field), kIntBits, Shown::number);
      interpreter.set(object, prefix + field, word);
      return word;
    };
    const IdExtent<Symbolic> made{part("first"), part("lower_first"), part("count")};
    interpreter.assume(detail::extent_valid(made));
    return made;
  };
  const IdExtent<Symbolic> before = add_line(map, "extent.0."), added = add_line(line, "");
  interpreter.set(map, "nr_extents", Word(lines));
  const Word result = run(scene, "mappings_overlap", {Pointer::to(map), Pointer::to(line)}) & Word(1);
  const Bool model = lines == 0 ? Bool(false) : detail::extents_overlap(before, added);
  scene.compare("result", result, as_word<Symbolic>(model), Shown::number);
  scene.compare_the_rest({});
}

/// Lines in the form in which the kernel prints a map. What reads a number is given it, by where it stands.
MapText<Symbolic> add_map_text(Scene& scene, unsigned lines) {
  constexpr std::string_view kNumbers[] = {"0000000000 ", "0000000000 ", "0000000000\n"};
  Interpreter& interpreter = scene.interpreter();
  std::string text;
  MapText<Symbolic> written{{0, 0, 0}, {0, 0, 0}};
  const auto add_line = [&](unsigned index, IdExtent<Symbolic>& line) {
    Word* numbers[] = {&line.first, &line.lower_first, &line.count};
    constexpr std::string_view kNames[] = {"first", "lower_first", "count"};
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
      *numbers[i] = scene.unknown(fmt::format("{} of line {}", kNames[i], index), kIntBits, Shown::number);
      interpreter.give(fmt::format("number at {}", text.size()), argument(*numbers[i], kLongBits));
      text += kNumbers[i];
    }
  };
  add_line(0, written.line0);
  if (lines == 2) add_line(1, written.line1);
  const ObjectId memory = interpreter.add_memory("text", text.size() + 1);
  for (std::size_t i = 0; i <= text.size(); ++i)
    interpreter.set_bytes(memory, i, 1, bits_of(static_cast<std::uint8_t>(text.c_str()[i]), 8));
  interpreter.set_private(memory);
  interpreter.give("text", Pointer::to(memory));
  return written;
}

/// The map that is written: it may have lines already.
IdExtent<Symbolic> add_own_map(Scene& scene, unsigned level, const MapFile<Symbolic>& file, std::string_view field) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId ns = scene.kernel_namespace(level);
  const auto add = [&](std::string_view part) {
    const Word word = scene.unknown(fmt::format("ns{}.{}.0.{}", level, field, part), kIntBits, Shown::number);
    interpreter.set(ns, fmt::format("{}.extent.0.{}", field, part), word);
    return word;
  };
  const Word lines = scene.unknown(fmt::format("ns{}.{}.lines", level, field), kByteBits, Shown::number);
  interpreter.assume(lines < Word(3));
  const IdExtent<Symbolic> line{add("first"), add("lower_first"), add("count")};
  interpreter.assume(!(line.count == Word(0)));
  interpreter.set(ns, fmt::format("{}.nr_extents", field), lines);
  const auto if_written = [&](const Word& word) { return Symbolic::select(lines == Word(0), 0, word); };
  scene.world().namespaces[level].*
      file.map = {{if_written(line.first), if_written(line.lower_first), if_written(line.count)}, {0, 0, 0}};
  return line;
}

void add_flags(Scene& scene, unsigned level) {
  Interpreter& interpreter = scene.interpreter();
  UserNamespace<Symbolic>& ns = scene.world().namespaces[level];
  ns.parent_could_setfcap = scene.unknown("parent_could_setfcap", 1, Shown::number);
  ns.setgroups_allowed = scene.unknown("setgroups_allowed", 1, Shown::number);
  interpreter.set(scene.kernel_namespace(level), "parent_could_setfcap", ns.parent_could_setfcap);
  interpreter.set(scene.kernel_namespace(level), "flags", ns.setgroups_allowed);
}

void run_map_write(Scene& scene, unsigned situation, const MapFile<Symbolic>& map) {
  const auto [level, lines] = kMapSituations[situation];
  const std::string_view field = map.of_users ? "uid_map" : "gid_map";
  const CapCapable cap_capable_as_proved(scene);
  const IdFunctions id_functions(scene);
  use_map_id_range_down(scene);
  use_mappings_overlap(scene);
  scene.add_namespaces(0, level);
  scene.add_other_namespace();
  scene.add_second_other_namespace();
  scene.add_task_anywhere();
  const Task<Symbolic>& opener = scene.world().tasks[1];
  const auto [file, position] = add_proc_file(scene, scene.add_other_credentials(1, "opener"));
  Interpreter& interpreter = scene.interpreter();
  if (level > 0) scene.add_maps(level - 1);
  add_flags(scene, level);
  const IdExtent<Symbolic> before = add_own_map(scene, level, map, field);
  const MapText<Symbolic> text = add_map_text(scene, lines);
  const ObjectId sequence = interpreter.add_object("sequence", "seq_file"), ns = scene.kernel_namespace(level);
  interpreter.set(file, "private_data", Value(Pointer::to(sequence)));
  interpreter.set(sequence, "private", Value(Pointer::to(ns)));
  interpreter.set(sequence, "file", Value(Pointer::to(file)));
  const std::uint64_t size = lines * kMapLineSize;
  const Word result =
      run(scene, fmt::format("proc_{}_write", field),
          {Pointer::to(file), bits_of(kTextAddress, kLongBits), bits_of(size, kLongBits), Pointer::to(position)});

  const auto model = map_write<Symbolic>({}, scene.world().namespaces, map, level, {opener, scene.task()}, text);
  // A second line of zeros is none to the model.
  const Bool matters = lines == 2 ? text.has_second() : Bool(true);
  const Bool well = all_well(scene), passed = model.verdict.passed() & well;
  scene.compare("result", result, model.result(), Shown::number, matters & well);
  std::vector<std::string> changed{"task_struct.flags"};
  const auto compare_field = [&](const std::string& name, const Word& old, const Word& made) {
    const std::string path = fmt::format("{}.{}", field, name);
    scene.compare(path, Scene::word_of(interpreter.read(scene.state(), ns, path)), Symbolic::select(passed, made, old),
                  Shown::number, matters);
    changed.push_back(fmt::format("user_namespace.{}", path));
  };
  const auto compare_line = [&](unsigned index, const IdExtent<Symbolic>& old, const IdExtent<Symbolic>& made) {
    compare_field(fmt::format("extent.{}.first", index), old.first, made.first);
    compare_field(fmt::format("extent.{}.lower_first", index), old.lower_first, made.lower_first);
    compare_field(fmt::format("extent.{}.count", index), old.count, made.count);
  };
  const auto first = [&](std::string_view part) {
    const FieldPlace place = interpreter.code().field("user_namespace", fmt::format("{}.extent.1.{}", field, part));
    return Scene::word_of(interpreter.first(ns, place.offset, place.size));
  };
  compare_line(0, before, model.after.line0);
  if (lines == 2) compare_line(1, {first("first"), first("lower_first"), first("count")}, model.after.line1);
  const FieldPlace count = interpreter.code().field("user_namespace", fmt::format("{}.nr_extents", field));
  compare_field("nr_extents", Scene::word_of(interpreter.first(ns, count.offset, count.size)), Word(lines));
  scene.compare("position", Scene::word_of(interpreter.read(scene.state(), position, 0, kLongBits / 8)),
                Symbolic::select(passed, Word(size), 0), Shown::number, matters);
  scene.compare_the_rest(changed, {position});
}

void run_proc_uid_map_write(Scene& scene, unsigned situation) {
  run_map_write(scene, situation, kUidMap<Symbolic>);
}

void run_proc_gid_map_write(Scene& scene, unsigned situation) {
  run_map_write(scene, situation, kGidMap<Symbolic>);
}

// /proc/sys/kernel

unsigned set_sysctls(const Profile& profile) {
  // A mask is that of a series that has a set of its own.
  return profile.features.userns_mask ? 4 : profile.features.userns ? 3 : 2;
}

/// A row of one of the kernel's tables, by the name of its file.
Pointer find_row(Scene& scene, std::string_view table, std::string_view name) {
  Interpreter& interpreter = scene.interpreter();
  const ObjectId rows = interpreter.variable_as_built(table, "ctl_table");
  const FieldPlace place = interpreter.code().field("ctl_table", "procname");
  const std::uint64_t size = interpreter.code().size_of("ctl_table");
  const auto is_name = [&](const Pointer& text) {
    const Target& target = text.targets.front();
    if (!target.object || interpreter.object(*target.object).size != name.size() + 1) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      const Value byte = interpreter.first(*target.object, i, 1);
      if (numeral_of(as_bits(byte)) != static_cast<std::uint8_t>(name[i])) return false;
    }
    return true;
  };
  for (std::uint64_t row = 0; row < interpreter.object(rows).size; row += size) {
    if (is_name(as_pointer(interpreter.first(rows, row + place.offset, place.size))))
      return Pointer::to(rows, static_cast<std::int64_t>(row));
  }
  throw KernelCodeError(fmt::format("{} has no row {}", table, name));
}

/// One of the sets, read or written, by a task of the initial namespace or another.
void run_proc_cap_handler(Scene& scene, unsigned situation) {
  constexpr std::pair<std::string_view, std::string_view> kRows[] = {{"usermodehelper_table", "bset"},
                                                                     {"usermodehelper_table", "inheritable"},
                                                                     {"usermodehelper_table", "userns"},
                                                                     {"cap_userns_table", "cap_userns_mask"}};
  constexpr std::string_view kVariables[] = {"usermodehelper_bset", "usermodehelper_inheritable",
                                             "usermodehelper_userns", "cap_userns_mask"};
  const CapCapable cap_capable_as_proved(scene);
  scene.add_namespaces(0, 0);
  scene.add_other_namespace();
  scene.add_task_anywhere();
  scene.assume("a sysctl of mode 0600 is written by whose euid is 0", scene.task().cred.euid == Word(0));
  Interpreter& interpreter = scene.interpreter();
  const ObjectId variable = interpreter.variable(kVariables[situation]);
  const Word mask = scene.unknown("mask", kLongBits, Shown::set), set = scene.unknown("set", kLongBits, Shown::set),
             write = scene.unknown("write", 1, Shown::number);
  interpreter.set_bytes(variable, 0, 8, argument(mask, kLongBits));
  interpreter.give("low word", argument(set & Word(0xffffffff), kLongBits));
  interpreter.give("high word", argument(set >> kIntBits, kLongBits));
  const auto [table, row] = kRows[situation];
  const Value anywhere = Pointer::to(interpreter.add_memory("of the caller", 8));
  const Word result = run(scene, "proc_cap_handler",
                          {find_row(scene, table, row), argument(write, kIntBits), anywhere, anywhere, anywhere});

  const auto model = proc_cap_handler<Symbolic>(scene.world().namespaces, scene.task(), true, mask, set);
  const Bool well = all_well(scene), writes = write == Word(1), passed = model.verdict.passed();
  scene.compare("result", result, Symbolic::select(passed | !writes, 0, Word(0) - model.verdict.error()), Shown::number,
                well);
  scene.compare("mask after", Scene::word_of(interpreter.read(scene.state(), variable, 0, 8)),
                Symbolic::select(writes & passed & well, model.after, mask), Shown::set);
  scene.compare_the_rest({"task_struct.flags"}, {variable});
}

constexpr std::string_view kMapBound =
    "namespaces up to 3 deep; one line or two are written, in the form in which the kernel prints them";

}  // namespace

std::vector<ProvedFunction> proc_file_functions() {
  return {
      {"proc_cap_handler", "proc_cap_handler()", "", set_sysctls, run_proc_cap_handler, 0,
       occurrences<OfSetSysctl>(kinds({CallKind::write_umh_bset, CallKind::write_umh_inheritable,
                                       CallKind::write_umh_userns, CallKind::write_cap_userns_mask}))},
      {"proc_setgroups_write", "proc_setgroups_write(): proc_setgroups_open() too",
       "namespaces up to 3 deep; \"deny\" or \"allow\" is written", setgroups_situations, run_proc_setgroups_write, 0,
       occurrences<OfSetgroupsWrite>(kinds({CallKind::write_setgroups}))},
      {"mappings_overlap", "extents_overlap()", "a map of up to one line", overlap_situations, run_mappings_overlap},
      {"proc_uid_map_write", "map_write()", kMapBound, map_situations, run_proc_uid_map_write, 0,
       occurrences<OfMapWrite>(kinds({CallKind::write_uid_map}))},
      {"proc_gid_map_write", "map_write()", kMapBound, map_situations, run_proc_gid_map_write, 0,
       occurrences<OfMapWrite>(kinds({CallKind::write_gid_map}))},
  };
}

}  // namespace capcheck
