// SPDX-License-Identifier: GPL-2.0-only
#include "model/explanation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "model/constants.h"
#include "model/start.h"
#include "model/term_text.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

// Names for what there was before a call, in the order of zip_words().

constexpr std::array<std::string_view, kCredentialFields<Concrete>.size()> kCredentialNames = {
    "I",    "P",     "E",   "X",    "A",    "U",     "securebits", "no_new_privs", "uid",   "euid",
    "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "groups",     "group0",       "group1"};
constexpr std::array<std::string_view, 23> kTaskNames = {"userfaultfd",
                                                         "user_mode_only",
                                                         "initialised",
                                                         "close_on_exec",
                                                         "memory_gone",
                                                         "device_open",
                                                         "user_ns",
                                                         "alive",
                                                         "leader",
                                                         "parent",
                                                         "fs",
                                                         "chrooted",
                                                         "dumpable",
                                                         "mm_user_ns",
                                                         "session",
                                                         "session_uid",
                                                         "pending_session",
                                                         "pending_uid",
                                                         "traced",
                                                         "tracer",
                                                         "tracer_user_ns",
                                                         "tracer_euid",
                                                         "tracer_effective"};
constexpr std::array<std::string_view, 6> kNamespaceNames = {
    "parent", "level", "owner", "group", "parent_could_setfcap", "setgroups_allowed"};
constexpr std::array<std::string_view, 5> kSysctlNames = {"usermodehelper/bset", "usermodehelper/inheritable",
                                                          "usermodehelper/userns", "cap_userns_mask",
                                                          "unprivileged_userfaultfd"};

Role meaning_of_name(std::string_view name) {
  constexpr std::array<std::string_view, 11> kSets = {"I",
                                                      "P",
                                                      "E",
                                                      "X",
                                                      "A",
                                                      "U",
                                                      "tracer_effective",
                                                      kSysctlNames[0],
                                                      kSysctlNames[1],
                                                      kSysctlNames[2],
                                                      kSysctlNames[3]};
  if (std::ranges::find(kSets, name) != kSets.end()) return Role::set;
  if (name == "securebits") return Role::securebits;
  const bool is_id = name.ends_with("id") || name == "owner" || name == "group" || name == "group0" || name == "group1";
  return is_id ? Role::id : Role::number;
}

ExplainedWord variable(std::string_view name, std::string_view suffix, std::uint64_t value) {
  return ExplainedWord::of({.kind = Term::Kind::variable,
                            .value = value,
                            .meaning = meaning_of_name(name),
                            .given = false,
                            .name = fmt::format("{}{}", name, suffix)});
}

/// The same words over Explained: name(i, word) of each.
template <template <Domain> class T, class Name>
T<Explained> lift_words(T<Concrete> value, Name name) {
  T<Explained> lifted{};
  const auto from = words_of(value);
  const auto to = words_of(lifted);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = name(i, *from[i]);
  return lifted;
}

template <template <Domain> class T>
T<Concrete> lower_words(T<Explained> value) {
  T<Concrete> lowered{};
  const auto from = words_of(value);
  const auto to = words_of(lowered);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = from[i]->value();
  return lowered;
}

/// A world whose words are named for a call of `caller`, whose own names are plain.
World<Explained> lift(const World<Concrete>& world, std::size_t caller) {
  World<Explained> lifted{};
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    const std::string suffix = task == caller ? "" : fmt::format("(t{})", task);
    lifted.tasks[task] = lift_words(world.tasks[task], [&](std::size_t i, std::uint64_t value) {
      const bool credential = i < kCredentialNames.size();
      const std::string_view name = credential ? kCredentialNames.at(i) : kTaskNames.at(i - kCredentialNames.size());
      return name == "alive" ? ExplainedWord::of({.value = value}) : variable(name, suffix, value);
    });
  }
  for (std::size_t ns = 0; ns < world.namespace_count; ++ns) {
    const std::string suffix = ns == world.tasks[caller].user_ns ? "" : fmt::format("(ns{})", ns);
    lifted.namespaces[ns] = lift_words(world.namespaces[ns], [&](std::size_t i, std::uint64_t value) {
      return i < kNamespaceNames.size() ? variable(kNamespaceNames.at(i), suffix, value)
                                        : ExplainedWord::of({.value = value, .meaning = Role::id, .mapped = true});
    });
  }
  lifted.sysctls = lift_words(
      world.sysctls, [](std::size_t i, std::uint64_t value) { return variable(kSysctlNames.at(i), "", value); });
  const auto count = [](std::uint64_t value) { return ExplainedWord::of({.value = value}); };
  lifted.namespace_count = count(world.namespace_count);
  lifted.fs_count = count(world.fs_count);
  lifted.session_count = count(world.session_count);
  return lifted;
}

void lower(const World<Explained>& world, World<Concrete>& lowered) {
  lowered.namespace_count = world.namespace_count.value();
  lowered.fs_count = world.fs_count.value();
  lowered.session_count = world.session_count.value();
  lowered.sysctls = lower_words(world.sysctls);
  for (std::size_t task = 0; task < kMaxTasks; ++task) lowered.tasks[task] = lower_words(world.tasks[task]);
  for (std::size_t ns = 0; ns < lowered.namespace_count; ++ns)
    lowered.namespaces[ns] = lower_words(world.namespaces[ns]);
}

/// What formulas call an argument, where that says more than its value.
std::string_view name_of_argument(CallKind kind, std::size_t argument) {
  constexpr std::array<std::string_view, kMaxArguments> kOfCapset = {"",          "",          "",
                                                                     "effective", "permitted", "inheritable"};
  constexpr std::array<std::string_view, kMaxArguments> kOfExecve = {"file.uid", "file.gid", "", "", "", "fP", "fI"};
  if (kind == CallKind::capset) return kOfCapset.at(argument);
  if (kind == CallKind::execve) return kOfExecve.at(argument);
  return info(kind).roles.at(argument) == Role::set ? "written" : "";
}

Call<Explained> lift(const Call<Concrete>& call) {
  Call<Explained> lifted{call.kind, call.task, {}};
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    const Role role = info(call.kind).roles[i];
    lifted.args[i] = ExplainedWord::of({.kind = role == Role::set ? Term::Kind::variable : Term::Kind::known,
                                        .value = call.args[i],
                                        .meaning = role,
                                        .name = std::string(name_of_argument(call.kind, i))});
  }
  return lifted;
}

// Which kernel function leaves what.

struct Leaver {
  CallKind kind;
  std::string_view sets, ids, user_ns;
};

constexpr std::array kLeavers = {
    Leaver{CallKind::capset, "cap_capset", "", ""},
    Leaver{CallKind::capbset_drop, "cap_prctl_drop", "", ""},
    Leaver{CallKind::cap_ambient, "cap_task_prctl", "", ""},
    Leaver{CallKind::cap_userns, "cap_task_prctl", "", ""},
    Leaver{CallKind::set_securebits, "cap_task_prctl", "", ""},
    Leaver{CallKind::set_keepcaps, "cap_task_prctl", "", ""},
    Leaver{CallKind::set_no_new_privs, "sys_prctl", "", ""},
    Leaver{CallKind::unshare, "set_cred_user_ns", "", "create_user_ns"},
    Leaver{CallKind::clone, "set_cred_user_ns", "", "create_user_ns"},
    Leaver{CallKind::setns, "set_cred_user_ns", "", "userns_install"},
    Leaver{CallKind::setuid, "cap_task_fix_setuid", "__sys_setuid", ""},
    Leaver{CallKind::setreuid, "cap_task_fix_setuid", "__sys_setreuid", ""},
    Leaver{CallKind::setresuid, "cap_task_fix_setuid", "__sys_setresuid", ""},
    Leaver{CallKind::setfsuid, "cap_task_fix_setuid", "__sys_setfsuid", ""},
    Leaver{CallKind::setgid, "", "__sys_setgid", ""},
    Leaver{CallKind::setregid, "", "__sys_setregid", ""},
    Leaver{CallKind::setresgid, "", "__sys_setresgid", ""},
    Leaver{CallKind::setfsgid, "", "__sys_setfsgid", ""},
    Leaver{CallKind::setgroups, "", "sys_setgroups", ""},
    Leaver{CallKind::execve, "cap_bprm_creds_from_file", "bprm_fill_uid", ""},
    Leaver{CallKind::usermodehelper, "call_usermodehelper_exec_async", "call_usermodehelper_exec_async",
           "call_usermodehelper_exec_async"},
};

constexpr std::size_t kLevelField = kCredentialFields<Concrete>.size(), kUserNsField = kLevelField + 1,
                      kDumpableField = kUserNsField + 1, kFieldCount = kDumpableField + 1, kNoNewPrivsField = 7;

/// Empty where the call leaves no such field.
std::string_view function_of(CallKind kind, std::size_t field) {
  if (field == kDumpableField && kind != CallKind::usermodehelper) {
    return kind == CallKind::execve ? "begin_new_exec" : kind == CallKind::clone ? "copy_process" : "commit_creds";
  }
  const auto* const row = std::ranges::find(kLeavers, kind, &Leaver::kind);
  if (row == kLeavers.end()) return "";
  if (field <= kNoNewPrivsField) return row->sets;
  return field < kLevelField ? row->ids : row->user_ns;
}

std::string_view name_of_field(std::size_t field) {
  constexpr std::array<std::string_view, 3> kOthers = {"level", "user_ns", "dumpable"};
  return field < kLevelField ? kCredentialNames.at(field) : kOthers.at(field - kLevelField);
}

Role role_of_field(std::size_t field) {
  return meaning_of_name(name_of_field(field));
}

/// "P'", "P'(t1)".
std::string primed_name(const ExplainedCall& call, std::size_t task, std::size_t field) {
  return task == call.call.task ? fmt::format("{}'", name_of_field(field))
                                : fmt::format("{}'(t{})", name_of_field(field), task);
}

/// A longer formula than this is no explanation.
constexpr std::size_t kLongestFormula = 100;

/// A field of which the call's rule says something: another term than the one that it had.
struct GivenField {
  std::size_t field;
  const ExplainedWord& word;
  bool changed;
};

std::vector<GivenField> given_fields(const ExplainedCall& call, std::size_t task) {
  std::vector<GivenField> given;
  for (std::size_t field = 0; field < kFieldCount; ++field) {
    const ExplainedWord &before = field_of(call.origin(task), field), &after = field_of(call.after.at(task), field);
    const TermPointer term = after.term();
    const bool kept = after.same_as(before) || (!before.is_constant() && &taken_arm(*term) == before.term().get());
    if (!kept) given.push_back({field, after, after.value() != before.value()});
  }
  return given;
}

/// Puts a field to those that have the same formula.
void add_change(const ExplainedCall& call, std::size_t task, const GivenField& given, const TermWriter& writer,
                std::vector<FieldChange>& changes) {
  const TermPointer term = given.word.term();
  std::string formula = writer.formula(*term, role_of_field(given.field));
  if (formula.size() > kLongestFormula) formula = "…";
  const std::string_view function = function_of(call.call.kind, given.field);
  const auto found = std::ranges::find_if(changes, [&](const FieldChange& change) {
    return change.task == task && change.formula == formula && change.function == function && formula != "…";
  });
  FieldChange& change = found != changes.end()
                            ? *found
                            : changes.emplace_back(task, std::vector<std::size_t>{}, false, formula, function);
  change.fields.push_back(given.field);
  change.changed |= given.changed;
  if (formula != "…") add_reasons(*term, writer, change.because);
}

/// A writer that knows what the call gives to a task's fields.
TermWriter writer_of(const Profile& profile, const ExplainedCall& call, std::size_t task) {
  TermWriter writer(profile);
  for (const GivenField& one : given_fields(call, task)) {
    writer.give_name(one.word, primed_name(call, task, one.field));
  }
  return writer;
}

/// The formulas of one task, in the order of their first fields.
std::vector<FieldChange> changes_of(const Profile& profile, const ExplainedCall& call, std::size_t task) {
  const std::vector<GivenField> given = given_fields(call, task);
  const TermWriter writer = writer_of(profile, call, task);
  std::vector<FieldChange> changes;
  for (const GivenField& one : given) add_change(call, task, one, writer, changes);
  const auto of_sets = [](const FieldChange& change) { return state_fields()[change.fields.front()].is_set; };
  const bool any_set =
      std::ranges::any_of(changes, [&](const FieldChange& change) { return change.changed && of_sets(change); });
  std::erase_if(changes, [&](const FieldChange& change) { return !change.changed && (any_set || !of_sets(change)); });
  for (FieldChange& change : changes) {
    std::string names;
    for (const std::size_t field : change.fields) names += primed_name(call, task, field) + " = ";
    change.formula = names + change.formula;
  }
  return changes;
}

/// The terms that one change to a term gives: an operand alone, or a choice's other arm.
std::vector<TermPointer> variants(const TermPointer& term) {
  if (!term->left) return {};
  std::vector<TermPointer> found;
  if (term->kind == Term::Kind::choice) {
    found = variants(term->left);
    found.push_back(term->right);
    return found;
  }
  if (term->kind != Term::Kind::intersection && term->kind != Term::Kind::union_) return {};
  found = {term->left, term->right};
  const auto rebuilt = [&](const TermPointer& left, const TermPointer& right) {
    Term other = *term;
    other.left = left;
    other.right = right;
    other.value = term->kind == Term::Kind::union_ ? left->value | right->value : left->value & right->value;
    return std::make_shared<const Term>(std::move(other));
  };
  for (const TermPointer& left : variants(term->left)) found.push_back(rebuilt(left, term->right));
  for (const TermPointer& right : variants(term->right)) found.push_back(rebuilt(term->left, right));
  return found;
}

/// "; more by {CAP_MKNOD}": what a kernel's set has that the model's has not, and the reverse.
std::string difference(const TermWriter& writer, std::uint64_t model, std::uint64_t kernel) {
  std::string text;
  if ((kernel & ~model) != 0) text += fmt::format("; more by {}", writer.set(kernel & ~model));
  if ((model & ~kernel) != 0) text += fmt::format("; less by {}", writer.set(model & ~kernel));
  return text;
}

/// A formula that gives the kernel's value where the model's does not: the field as it was, the model's formula with
/// one change, another set as it was. Empty if none does.
std::string other_formula(const TermWriter& writer, const ExplainedCall& call, std::size_t task, std::size_t field,
                          std::uint64_t kernel) {
  const TaskState<Explained>& origin = call.origin(task);
  const Role role = role_of_field(field);
  if (field_of(origin, field).value() == kernel) return writer.formula(*field_of(origin, field).term(), role);
  if (kernel == 0) return writer.number(0, role);
  for (const TermPointer& term : variants(field_of(call.after.at(task), field).term())) {
    if (term->value == kernel) return writer.formula(*term, role);
  }
  if (role == Role::set) {
    for (std::size_t set = 0; set < kCredentialNames.size() && state_fields()[set].is_set; ++set) {
      if (field_of(origin, set).value() == kernel) return writer.formula(*field_of(origin, set).term(), role);
    }
  }
  return "";
}

/// "cap_task_prctl asks: … (EPERM)".
std::string asks(Guard guard) {
  const GuardInfo& asked = info(guard);
  const std::string whose = asked.function.empty() ? "it takes: " : fmt::format("{} asks: ", asked.function);
  return fmt::format("{}{} ({})", whose, asked.name, errno_name(asked.error));
}

/// A test with what decided it.
std::string asks(Guard guard, const std::vector<std::string>& because) {
  return because.empty() ? asks(guard) : fmt::format("{}; here {}", asks(guard), fmt::join(because, ", "));
}

std::vector<std::string> reasons_of(const Profile& profile, const ExplainedBool& holds) {
  const TermWriter writer(profile);
  std::vector<std::string> reasons;
  if (!holds.why) return reasons;
  add_reasons(*holds.why, writer, reasons);
  for (const Condition* comparison : deciding_comparisons(*holds.why)) {
    add_reasons(*comparison->left, writer, reasons);
    add_reasons(*comparison->right, writer, reasons);
  }
  return reasons;
}

const AskedGuard* failed_guard_of(const ExplainedCall& call) {
  const auto failed = std::ranges::find_if(call.guards, [](const AskedGuard& asked) { return !asked.holds.value; });
  return failed == call.guards.end() ? nullptr : &*failed;
}

}  // namespace

ExplainedRun::ExplainedRun(const Profile& profile, const Start& start) : profile_(profile) {
  begin(world_, profile, start);
}

ExplainedCall ExplainedRun::step(const Call<Concrete>& call) {
  ExplainedCall explained;
  explained.call = call;
  explained.made = world_.tasks[call.task].alive != 0;
  World<Explained> world = lift(world_, call.task);
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    explained.lived.at(task) = explained.lives.at(task) = world_.tasks[task].alive != 0;
    explained.before.at(task) = explained.after.at(task) = observe(world, task);
  }
  if (!explained.made) return explained;
  std::vector<AskedGuard>* const outer = std::exchange(asked_guards, &explained.guards);
  explained.reply = capcheck::step<Explained>(profile_, world, lift(call));
  asked_guards = outer;
  lower(world, world_);
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    explained.lives.at(task) = world_.tasks[task].alive != 0;
    explained.after.at(task) = observe(world, task);
  }
  return explained;
}

const ExplainedWord& field_of(const TaskState<Explained>& state, std::size_t field) {
  if (field < kLevelField) return state.cred.*kCredentialFields<Explained>.at(field).member;
  if (field == kLevelField) return state.level;
  return field == kUserNsField ? state.user_ns : state.dumpable;
}

CallExplanation explain(const Profile& profile, const ExplainedCall& call) {
  CallExplanation explanation;
  if (!call.made) {
    explanation.failed = Guard::caller_exists;
    return explanation;
  }
  if (const AskedGuard* failed = failed_guard_of(call)) {
    explanation.failed = failed->guard;
    explanation.because = reasons_of(profile, failed->holds);
  }
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (call.lives.at(task))
      std::ranges::move(changes_of(profile, call, task), std::back_inserter(explanation.changes));
  }
  return explanation;
}

std::string line_of(const FieldChange& change) {
  constexpr std::size_t kMostReasons = 8;
  std::string line = fmt::format("{}{}{}", change.function, change.function.empty() ? "" : ": ", change.formula);
  const std::size_t count = change.because.size(), said = count > kMostReasons ? kMostReasons - 1 : count;
  const auto begin = change.because.begin(), end = begin + static_cast<std::ptrdiff_t>(said);
  if (count != 0) line += fmt::format(", as {}", fmt::join(begin, end, ", "));
  if (said != count) line += fmt::format(", and for {} reasons more", count - said);
  return change.changed ? line : line + " (as before)";
}

std::vector<std::string> lines_of(const CallExplanation& explanation) {
  std::vector<std::string> lines;
  if (explanation.failed != Guard::none) lines.push_back(asks(explanation.failed, explanation.because));
  for (const FieldChange& change : explanation.changes) lines.push_back(line_of(change));
  return lines;
}

std::vector<std::string> explain_field(const Profile& profile, const ExplainedCall& call, std::size_t task,
                                       std::size_t field, std::uint64_t kernel) {
  const TermWriter writer = writer_of(profile, call, task);
  const ExplainedWord& word = field_of(call.after.at(task), field);
  const std::string name = primed_name(call, task, field);
  FieldChange model{task, {field}, true, "", function_of(call.call.kind, field)};
  model.formula = fmt::format("{} = {}", name, writer.formula(*word.term(), role_of_field(field)));
  add_reasons(*word.term(), writer, model.because);
  const StateField& shown = state_fields()[field];
  std::string values = fmt::format("{}: {} by the model, {} by the kernel", shown.name,
                                   print_field(shown, word.value()), print_field(shown, kernel));
  const std::string other = other_formula(writer, call, task, field, kernel);
  if (!other.empty()) values += fmt::format(", which {} = {} would give", name, other);
  if (shown.is_set) values += difference(writer, word.value(), kernel);
  return {line_of(model), values};
}

std::vector<std::string> explain_output(const Profile& profile, const ExplainedCall& call, std::size_t output,
                                        std::uint64_t kernel) {
  const TermWriter writer(profile);
  const OutputField& shown = kOutputFields.at(output);
  const Output<Explained>& given = call.reply.output;
  const std::array<const ExplainedWord*, kOutputFields.size()> words = {
      &given.version, &given.effective, &given.permitted, &given.inheritable, &given.secure, &given.features};
  const ExplainedWord& word = *words.at(output);
  FieldChange model{call.call.task, {}, true, "", ""};
  model.formula =
      fmt::format("{} = {}", shown.name, writer.formula(*word.term(), shown.is_set ? Role::set : Role::number));
  add_reasons(*word.term(), writer, model.because);
  return {line_of(model), fmt::format("{}: {} by the model, {} by the kernel", shown.name,
                                      print_field(shown, word.value()), print_field(shown, kernel))};
}

std::vector<std::string> explain_result(const Profile& profile, const ExplainedCall& call, std::uint64_t kernel) {
  std::vector<std::string> lines;
  const AskedGuard* const failed = failed_guard_of(call);
  if (failed) {
    lines.push_back(asks(failed->guard, reasons_of(profile, failed->holds)));
  } else {
    lines.push_back(call.made ? "the model's tests all pass" : asks(Guard::caller_exists));
  }
  const auto value = static_cast<std::int64_t>(kernel);
  if (value >= 0) {
    lines.push_back(failed ? "the kernel does not ask this, or is content" : "the kernel gives another value");
    return lines;
  }
  std::vector<std::string> tests;
  for (const AskedGuard& asked : call.guards) {
    if (info(asked.guard).error != -value) continue;
    std::string text = asks(asked.guard, reasons_of(profile, asked.holds));
    if (std::ranges::find(tests, text) == tests.end()) tests.push_back(std::move(text));
  }
  const std::string error = errno_name(static_cast<int>(-value));
  if (tests.empty()) lines.push_back(fmt::format("no test of this call gives {}", error));
  for (const std::string& test : tests) lines.push_back(fmt::format("a test that gives {}: {}", error, test));
  return lines;
}

}  // namespace capcheck
