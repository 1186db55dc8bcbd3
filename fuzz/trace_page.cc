// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/trace_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <set>

#include "fuzz/html_page.h"
#include "model/constants.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

/// Pixels. The lanes of namespaces stand over the columns of the matrix.
constexpr int kLabelWidth = 150, kNarrowColumn = 76, kWideColumn = 130, kTaskHeight = 14;
/// So many columns fit a landscape page; what is longer goes on below.
constexpr std::size_t kColumnsAbreast = 11;

constexpr std::string_view kStyle = R"(
@page { size: A4 landscape; margin: 10mm; }
.intent { max-width: 50rem; } .legend { color: var(--faint); font-size: .87rem; max-width: 60rem; }
.lanes { display: block; max-width: none; height: auto; }
.lanes .lane { fill: var(--band); stroke: var(--line); } .lanes .task { fill: none; stroke: var(--mark); stroke-width: 2; }
.lanes text.name { fill: var(--ink); font-weight: 600; } .lanes .call { fill: var(--mark); stroke: var(--mark); stroke-width: 2; }
.lanes .call.failed { fill: var(--back); stroke: var(--bad); } .lanes .cross { stroke: var(--bad); stroke-width: 2; }
table.matrix { table-layout: fixed; font-size: .8rem; margin-bottom: 1.5rem; }
.matrix th, .matrix td { padding: 2px 4px; overflow-wrap: anywhere; border-left: 1px solid var(--line); }
.matrix th:first-child { position: sticky; left: 0; background: var(--back); border-left: 0; z-index: 1; color: var(--ink); }
.matrix tbody tr:nth-child(even) { background: none; } .matrix thead th { vertical-align: bottom; font-weight: 400; }
.matrix thead a { color: var(--mark); font-weight: 600; } .matrix tr.name th { padding-top: .7rem; font-size: .95rem; }
.matrix tr.name td { padding-top: .7rem; color: var(--faint); } .matrix td.calls { background: var(--band); }
.matrix thead span { display: block; font-size: 11px; line-height: 1.35; }
.cell { font: 12px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; white-space: nowrap; }
.cell i { font-style: normal; color: var(--faint); } .cell b { font-weight: 400; }
.letter { display: inline-block; width: 10px; margin-right: 1px; text-align: center; font-family: ui-monospace, 'DejaVu Sans Mono', monospace; }
.letter.gained { background: var(--mark); color: var(--on-mark); font-weight: 700; }
.letter.lost { color: var(--bad); outline: 1px dashed var(--bad); outline-offset: -1px; text-decoration: none; font-weight: 700; }
.new { font-weight: 700; text-decoration: underline; text-decoration-thickness: 2px; white-space: normal; }
.tip { display: none; position: fixed; left: 0; right: 0; bottom: 0; z-index: 10; padding: .6rem 1rem; font: .9rem/1.4 system-ui, sans-serif;
       white-space: normal; color: var(--ink); background: var(--back); border-top: 3px solid var(--mark); }
.matrix thead .tip { display: none; } .matrix .tip span { display: block; font-size: inherit; }
.matrix .cell:hover .tip, .matrix .cell:focus .tip, .matrix .head:hover .tip, .matrix .head:focus-within .tip { display: block; font-size: .9rem; }
.cell:focus, .matrix a:focus { outline: 2px solid var(--mark); outline-offset: 1px; }
ol.calls { padding-left: 2.5rem; } ol.calls .call-item { margin: .5rem 0; break-inside: avoid; } ol.calls ul { margin: .1rem 0; padding-left: 1.2rem; }
ol.calls code { font-size: .9em; overflow-wrap: anywhere; } ol.calls .call-item:target { outline: 2px solid var(--mark); outline-offset: 3px; }
.parts { border: 2px solid var(--bad); padding: .4rem .8rem; margin: 1rem 0; } .parts ul { margin: .2rem 0; }
.block { break-inside: avoid; }
@media print { .tip { display: none !important; } .matrix th:first-child { position: static; } body { max-width: none; } }
)";

/// Letters of the sets, as the rules have them, in the order of kCredentialFields.
constexpr std::string_view kLetters = "IPEXAU";

using Patterns = std::array<bool, kLetters.size()>;

/// Which sets a capability is in.
Patterns patterns_of(const TaskState<Concrete>& state, unsigned capability) {
  Patterns in{};
  for (std::size_t set = 0; set < in.size(); ++set) in.at(set) = state_fields()[set].get(state) >> capability & 1;
  return in;
}

/// What a column of the matrix shows: the states of the tasks that live.
using Column = std::array<std::optional<TaskState<Concrete>>, kMaxTasks>;

/// Capabilities that are in the same sets of the same tasks at all times.
struct Alike {
  std::vector<unsigned> capabilities;
};

/// A trace, laid out.
struct Layout {
  const ShownTrace& trace;
  std::vector<Column> columns{};  ///< before the first call, and after each
  std::vector<Alike> rows{};      ///< the largest class last
  /// Fields that are no sets and change, together those that are alike.
  std::vector<std::vector<std::size_t>> fields{};

  int column_width() const {
    const std::size_t abreast = std::min(columns.size(), kColumnsAbreast);
    return std::clamp(kNarrowColumn * static_cast<int>(kColumnsAbreast) / static_cast<int>(abreast), kNarrowColumn,
                      kWideColumn);
  }

  /// What a task's state in a column compares with: null in the first.
  const TaskState<Concrete>* before(std::size_t column, std::size_t task) const {
    if (column == 0) return nullptr;
    const Column& last = columns[column - 1];
    const auto& origin = last.at(task) ? last.at(task) : last.at(trace.program.calls[column - 1].task);
    return origin ? &*origin : nullptr;
  }
};

std::vector<Column> columns_of(const ShownTrace& trace) {
  std::vector<Column> columns(1);
  columns[0][0] = trace.seen.initial;
  for_each_step(trace.program, trace.seen, [&](const TraceStep& step) {
    Column& column = columns.emplace_back();
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (step.after.at(task)) column.at(task) = *step.after.at(task);
    }
    return true;
  });
  return columns;
}

std::vector<Alike> rows_of(const ShownTrace& trace, const std::vector<Column>& columns) {
  std::map<std::vector<Patterns>, Alike> classes;
  for (unsigned capability = 0; capability <= trace.profile.last_cap(); ++capability) {
    std::vector<Patterns> history;
    for (const Column& column : columns) {
      for (const auto& state : column) history.push_back(state ? patterns_of(*state, capability) : Patterns{});
    }
    classes[history].capabilities.push_back(capability);
  }
  std::vector<Alike> rows;
  for (auto& [history, alike] : classes) rows.push_back(std::move(alike));
  std::ranges::sort(rows, {}, [](const Alike& alike) { return alike.capabilities.front(); });
  const auto largest = std::ranges::max_element(rows, {}, [](const Alike& alike) { return alike.capabilities.size(); });
  std::rotate(largest, largest + 1, rows.end());
  return rows;
}

/// Where a task is stands at its head, and in the lanes.
constexpr std::array<std::string_view, 2> kPlaces = {"NsLevel", "UserNs"};

std::size_t field_named(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(state_fields(), name, &StateField::name) - state_fields().begin());
}

std::vector<std::vector<std::size_t>> changing_fields(const Layout& layout) {
  std::map<std::vector<std::uint64_t>, std::vector<std::size_t>> alike;
  for (std::size_t field = kLetters.size(); field < state_fields().size(); ++field) {
    const StateField& shown = state_fields()[field];
    if (std::ranges::find(kPlaces, shown.name) != kPlaces.end()) continue;
    std::vector<std::uint64_t> history;
    for (const Column& column : layout.columns) {
      for (const auto& state : column) history.push_back(state ? shown.get(*state) : shown.get(*layout.columns[0][0]));
    }
    const bool changes = std::ranges::any_of(history, [&](std::uint64_t value) { return value != history.front(); });
    if (changes) alike[history].push_back(field);
  }
  std::vector<std::vector<std::size_t>> fields;
  for (auto& [history, some] : alike) fields.push_back(std::move(some));
  std::ranges::sort(fields);
  return fields;
}

std::string capability(unsigned number) {
  return capability_name(number).value_or(std::to_string(number));
}

std::string label_of(const Alike& alike, bool only) {
  constexpr std::size_t kNamed = 2;
  std::vector<std::string> names;
  for (const unsigned number : alike.capabilities) names.push_back(capability(number));
  if (names.size() <= kNamed) return fmt::format("{}", fmt::join(names, ", "));
  return only ? fmt::format("all {}, alike", names.size()) : fmt::format("{} others, alike", names.size());
}

/// Which call a column comes after.
const Call<Concrete>& call_of(const Layout& layout, std::size_t column) {
  return layout.trace.program.calls[column - 1];
}

std::string result_of(const Layout& layout, std::size_t column) {
  return print_result(call_of(layout, column), layout.trace.seen.observations[column - 1].result);
}

bool failed(const Layout& layout, std::size_t column) {
  return static_cast<std::int64_t>(layout.trace.seen.observations[column - 1].result) < 0;
}

// The lanes.

pugi::xml_node add_shape(pugi::xml_node parent, const char* name, const char* style_class,
                         std::initializer_list<std::pair<const char*, std::string>> attributes) {
  pugi::xml_node node = add(parent, name, {}, style_class);
  for (const auto& [attribute, value] : attributes) set(node, attribute, value);
  return node;
}

void add_words(pugi::xml_node parent, int x, int y, const std::string& text, const char* style_class = nullptr) {
  pugi::xml_node node = add(parent, "text", text, style_class);
  set(node, "x", std::to_string(x));
  set(node, "y", std::to_string(y));
}

/// One picture of lanes: the columns from `first` up to `last`.
class Lanes {
 public:
  Lanes(const Layout& layout, std::size_t first, std::size_t last) : layout_(layout), first_(first), last_(last) {
    for (std::size_t column = first; column < last; ++column) {
      for (const auto& state : layout.columns[column]) {
        if (state) lanes_.emplace(state->user_ns, 0);
      }
    }
    int lane = 0;
    for (auto& [user_ns, place] : lanes_) place = lane++;
    int tasks = 2;  // the least that the lane's name has room in
    for (std::size_t column = first; column < last; ++column) {
      for (std::size_t task = 0; task < kMaxTasks; ++task) {
        if (layout.columns[column].at(task)) tasks = std::max(tasks, static_cast<int>(task) + 1);
      }
    }
    lane_height_ = kTaskHeight * (tasks + 1) + 8;
  }

  void draw(pugi::xml_node parent) const {
    const int width = kLabelWidth + layout_.column_width() * static_cast<int>(last_ - first_),
              height = lane_height_ * static_cast<int>(lanes_.size());
    pugi::xml_node picture = add_shape(parent, "svg", "lanes",
                                       {{"width", std::to_string(width)},
                                        {"height", std::to_string(height)},
                                        {"role", "img"},
                                        {"aria-label", summary()}});
    for (const auto& [user_ns, place] : lanes_) draw_lane(picture, user_ns, place, width);
    for (std::size_t task = 0; task < kMaxTasks; ++task) draw_task(picture, task);
    for (std::size_t column = std::max<std::size_t>(first_, 1); column < last_; ++column) draw_call(picture, column);
  }

 private:
  int x(std::size_t column) const {
    return kLabelWidth + layout_.column_width() * static_cast<int>(column - first_) + layout_.column_width() / 2;
  }
  /// Each task keeps its own height in a lane.
  int y(const TaskState<Concrete>& state, std::size_t task) const {
    return lanes_.at(state.user_ns) * lane_height_ + kTaskHeight * (static_cast<int>(task) + 1) - 2;
  }

  std::string summary() const {
    std::vector<std::string> names;
    for (const auto& [user_ns, place] : lanes_) names.push_back(fmt::format("ns{}", user_ns));
    return fmt::format("Tasks in the user namespaces {}", fmt::join(names, ", "));
  }

  void draw_lane(pugi::xml_node picture, std::uint64_t user_ns, int place, int width) const {
    const int top = place * lane_height_;
    add_shape(picture, "rect", "lane",
              {{"x", "0"},
               {"y", fmt::format("{}.5", top)},
               {"width", std::to_string(width)},
               {"height", std::to_string(lane_height_ - 4)},
               {"rx", "4"}});
    const UserNamespace<Concrete>& ns = layout_.trace.namespaces[user_ns];
    add_words(picture, 8, top + 17, fmt::format("ns{}", user_ns), "name");
    add_words(picture, 8, top + 32, user_ns == 0 ? "initial" : fmt::format("in ns{}, owner {}", ns.parent, ns.owner));
  }

  void draw_task(pugi::xml_node picture, std::size_t task) const {
    std::string path;
    for (std::size_t column = first_; column < last_; ++column) {
      const auto& state = layout_.columns[column].at(task);
      if (!state) continue;
      const int here = y(*state, task);
      if (path.empty()) {
        begin_task(path, column, task, here);
        const bool born = path.find(fmt::format("M{},", x(column))) != 0;
        add_words(picture, x(column) - (born ? 5 : 22), here + (born ? 15 : 4), fmt::format("t{}", task), "name");
      }
      path += fmt::format(" L{},{}", x(column), here);
    }
    if (path.empty()) return;
    // Dashes tell tasks apart where colours do not.
    constexpr std::array<const char*, kMaxTasks> kDashes = {"none", "7 3", "2 3", "9 3 2 3"};
    add_shape(picture, "path", "task", {{"d", path}, {"stroke-dasharray", kDashes.at(task)}});
  }

  /// A task that another made comes from there.
  void begin_task(std::string& path, std::size_t column, std::size_t task, int here) const {
    path = fmt::format("M{},{}", x(column), here);
    if (column <= first_ || layout_.columns[column - 1].at(task)) return;
    const std::size_t creator = call_of(layout_, column).task;
    if (const auto& origin = layout_.columns[column - 1].at(creator)) {
      path = fmt::format("M{},{}", x(column - 1), y(*origin, creator));
    }
  }

  void draw_call(pugi::xml_node picture, std::size_t column) const {
    const std::size_t caller = call_of(layout_, column).task;
    const auto& after = layout_.columns[column].at(caller);
    const auto& state = after ? after : layout_.columns[column - 1].at(caller);
    if (!state || !lanes_.contains(state->user_ns)) return;
    const int left = x(column), top = y(*state, caller);
    const bool refused = failed(layout_, column);
    pugi::xml_node mark = add_shape(picture, "circle", refused ? "call failed" : "call",
                                    {{"cx", std::to_string(left)}, {"cy", std::to_string(top)}, {"r", "4.5"}});
    add(mark, "title", fmt::format("{} = {}", print_call(call_of(layout_, column)), result_of(layout_, column)));
    if (after) return;
    // The caller is gone.
    add_shape(picture, "path", "cross", {{"d", fmt::format("M{},{} l12,12 m-12,0 l12,-12", left - 6, top - 6)}});
  }

  const Layout& layout_;
  std::size_t first_, last_;
  std::map<std::uint64_t, int> lanes_;
  int lane_height_ = 0;
};

// The matrix.

/// What a head has room for: an operation on a set rather than the option that it is of.
std::string short_name(const Call<Concrete>& call) {
  std::string_view name = info(call.kind).name;
  if (info(call.kind).roles[0] == Role::set_operation) {
    const auto operations = constants(Role::set_operation, call.kind == CallKind::cap_userns);
    const auto found = std::ranges::find(operations, call.args[0], &Constant::value);
    if (found != operations.end()) name = found->name.substr(std::string_view("PR_CAP_").size());
  }
  return std::string(name.starts_with("PR_") ? name.substr(3) : name);
}

/// Text that may break after each underscore.
void add_breakable(pugi::xml_node parent, const std::string& text) {
  pugi::xml_node span = add(parent, "span");
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('_', start), text.size() - 1) + 1;
    span.append_child(pugi::node_pcdata).set_value(text.substr(start, end - start).c_str());
    if (end != text.size()) add(span, "wbr");
    start = end;
  }
}

/// Formulas of a call that give one of these fields of a task.
std::vector<std::string> rules_of(const Layout& layout, std::size_t column, std::size_t task,
                                  const std::vector<std::size_t>& fields) {
  std::vector<std::string> rules;
  for (const FieldChange& change : layout.trace.explanations[column - 1].changes) {
    const bool about = change.task == task && std::ranges::any_of(fields, [&](std::size_t field) {
                         return std::ranges::find(change.fields, field) != change.fields.end();
                       });
    if (about) rules.push_back(line_of(change));
  }
  return rules;
}

/// What a call did, said at the foot of the window.
void add_tip(pugi::xml_node parent, const Layout& layout, std::size_t column, std::string_view what,
             const std::vector<std::string>& rules) {
  pugi::xml_node tip = add(parent, "span", {}, "tip");
  add(add(tip, "span"), "code",
      fmt::format("{}. {} = {}", column, print_call(call_of(layout, column)), result_of(layout, column)));
  if (!what.empty()) add(tip, "span", what);
  for (const std::string& rule : rules) add(add(tip, "span"), "code", rule);
}

/// A cell that changed: it takes the focus, and tells the rule.
void explain_cell(pugi::xml_node cell, const std::string& what, const Layout& layout, std::size_t column,
                  const std::vector<std::string>& rules) {
  set(cell, "tabindex", "0");
  set(cell, "aria-label", fmt::format("{}: {}", what, fmt::join(rules, "; ")));
  add_tip(cell, layout, column, what, rules);
}

void add_set_cell(pugi::xml_node row, const Layout& layout, const Alike& alike, std::size_t column, std::size_t task) {
  pugi::xml_node cell = add(row, "td", {}, "cell");
  const auto& state = layout.columns[column].at(task);
  if (!state) return;
  const TaskState<Concrete>* const before = layout.before(column, task);
  const Patterns now = patterns_of(*state, alike.capabilities.front()),
                 was = before ? patterns_of(*before, alike.capabilities.front()) : now;
  std::string gained, lost;
  std::vector<std::size_t> fields;
  const std::size_t letters = layout.trace.profile.features.userns ? kLetters.size() : kLetters.size() - 1;
  for (std::size_t set = 0; set < letters; ++set) {
    const std::string_view letter = kLetters.substr(set, 1);
    if (now.at(set) == was.at(set)) {
      add(cell, now.at(set) ? "b" : "i", now.at(set) ? letter : "·", "letter");
      continue;
    }
    fields.push_back(set);
    add(cell, now.at(set) ? "b" : "s", letter, now.at(set) ? "letter gained" : "letter lost");
    (now.at(set) ? gained : lost) += letter;
  }
  if (fields.empty()) return;
  std::string what = fmt::format("t{}, {}", task, label_of(alike, layout.rows.size() == 1));
  if (!gained.empty()) what += fmt::format(": now in {}", fmt::join(gained, " "));
  if (!lost.empty()) what += fmt::format(": no longer in {}", fmt::join(lost, " "));
  explain_cell(cell, what, layout, column, rules_of(layout, column, task, fields));
}

std::string names_of(const std::vector<std::size_t>& fields) {
  std::vector<std::string_view> names;
  for (const std::size_t field : fields) names.push_back(state_fields()[field].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Of fields that are alike.
void add_field_cell(pugi::xml_node row, const Layout& layout, const std::vector<std::size_t>& fields,
                    std::size_t column, std::size_t task) {
  pugi::xml_node cell = add(row, "td", {}, "cell");
  const auto& state = layout.columns[column].at(task);
  if (!state) return;
  const StateField& shown = state_fields()[fields.front()];
  const std::string value = print_field(shown, shown.get(*state));
  const TaskState<Concrete>* const before = layout.before(column, task);
  if (!before || shown.get(*before) == shown.get(*state)) {
    add(cell, "i", value);
    return;
  }
  add(cell, "b", value, "new");
  explain_cell(cell, fmt::format("t{}, {}: was {}", task, names_of(fields), print_field(shown, shown.get(*before))),
               layout, column, rules_of(layout, column, task, fields));
}

void add_head(pugi::xml_node table, const Layout& layout, std::size_t first, std::size_t last) {
  pugi::xml_node columns = add(table, "colgroup");
  set(add(columns, "col"), "style", fmt::format("width: {}px", kLabelWidth));
  for (std::size_t column = first; column < last; ++column) {
    set(add(columns, "col"), "style", fmt::format("width: {}px", layout.column_width()));
  }
  pugi::xml_node row = add(add(table, "thead"), "tr");
  add(row, "th");
  for (std::size_t column = first; column < last; ++column) {
    pugi::xml_node head = add(row, "th", {}, "head");
    set(head, "scope", "col");
    if (column == 0) {
      add(head, "span", "start");
      continue;
    }
    pugi::xml_node link = add(head, "a", std::to_string(column));
    set(link, "href", fmt::format("#call-{}", column));
    head.append_child(pugi::node_pcdata).set_value(fmt::format(" t{}", call_of(layout, column).task).c_str());
    add_breakable(head, short_name(call_of(layout, column)));
    add(head, "span", failed(layout, column) ? result_of(layout, column).substr(3) : "= " + result_of(layout, column),
        failed(layout, column) ? "bad" : "faint");
    if (layout.trace.divergence && layout.trace.divergence->call == column - 1) {
      add(head, "span", "≠ kernel", "bad");
    }
    add_tip(head, layout, column, "", lines_of(layout.trace.explanations[column - 1]));
  }
}

/// The namespace that a task is in.
void add_place_cell(pugi::xml_node row, const Layout& layout, std::size_t column, std::size_t task) {
  const bool calls = column != 0 && call_of(layout, column).task == task;
  pugi::xml_node cell = add(row, "td", {}, calls ? "cell calls" : "cell");
  const auto& state = layout.columns[column].at(task);
  const TaskState<Concrete>* const before = layout.before(column, task);
  const bool entered = state && before && before->user_ns != state->user_ns;
  add(cell, entered ? "b" : "span", state ? fmt::format("ns{}", state->user_ns) : "–", entered ? "new" : nullptr);
  if (!entered) return;
  explain_cell(cell, fmt::format("t{} enters ns{}, level {}", task, state->user_ns, state->level), layout, column,
               rules_of(layout, column, task, {field_named(kPlaces[0]), field_named(kPlaces[1])}));
}

void add_task(pugi::xml_node table, const Layout& layout, std::size_t task, std::size_t first, std::size_t last) {
  const auto lives = [&](const Column& column) { return column.at(task).has_value(); };
  const auto begin = layout.columns.begin();
  if (std::none_of(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last), lives))
    return;
  pugi::xml_node body = add(table, "tbody");
  pugi::xml_node names = add(body, "tr", {}, "name");
  set(add(names, "th", fmt::format("t{}", task)), "scope", "rowgroup");
  for (std::size_t column = first; column < last; ++column) add_place_cell(names, layout, column, task);
  for (const Alike& alike : layout.rows) {
    pugi::xml_node row = add(body, "tr");
    pugi::xml_node label = add(row, "th", label_of(alike, layout.rows.size() == 1));
    set(label, "scope", "row");
    std::vector<std::string> all;
    for (const unsigned number : alike.capabilities) all.push_back(capability(number));
    if (all.size() > 2) set(label, "title", fmt::format("{}", fmt::join(all, ", ")));
    for (std::size_t column = first; column < last; ++column) add_set_cell(row, layout, alike, column, task);
  }
  for (const std::vector<std::size_t>& fields : layout.fields) {
    pugi::xml_node row = add(body, "tr");
    set(add(row, "th", names_of(fields)), "scope", "row");
    for (std::size_t column = first; column < last; ++column) add_field_cell(row, layout, fields, column, task);
  }
}

void add_matrix(pugi::xml_node body, const Layout& layout) {
  std::size_t first = 0;
  do {
    const std::size_t last = std::min(layout.columns.size(), first + kColumnsAbreast);
    pugi::xml_node block = add(add(body, "div", {}, "block"), "div", {}, "scroll");
    Lanes(layout, first, last).draw(block);
    pugi::xml_node table = add(block, "table", {}, "matrix");
    set(table, "style",
        fmt::format("width: {}px", kLabelWidth + layout.column_width() * static_cast<int>(last - first)));
    add_head(table, layout, first, last);
    for (std::size_t task = 0; task < kMaxTasks; ++task) add_task(table, layout, task, first, last);
    first = last;
  } while (first < layout.columns.size());
}

void add_legend(pugi::xml_node body, bool has_userns) {
  pugi::xml_node legend = add(body, "p", {}, "legend");
  const auto say = [&](const char* text) { legend.append_child(pugi::node_pcdata).set_value(text); };
  say("Which sets a capability is in: I inheritable, P permitted, E effective, X bounding, A ambient");
  say(has_userns ? ", U userns; · none. " : "; · none. ");
  add(legend, "b", "P", "letter gained");
  say(" now in P, ");
  add(legend, "s", "P", "letter lost");
  say(" no longer in P, ");
  add(legend, "b", "1", "new");
  say(" another value. What changed tells its rule, under the pointer or by the Tab key; the list below has them all.");
}

void add_lines(pugi::xml_node parent, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  pugi::xml_node list = add(parent, "ul");
  for (const std::string& line : lines) add(add(list, "li"), "code", line);
}

void add_divergence(pugi::xml_node body, const ShownDivergence& divergence) {
  pugi::xml_node box = add(body, "div", {}, "parts");
  add(box, "strong", fmt::format("The kernel {} parts from the model: {}", divergence.kernel, divergence.summary),
      "bad");
  add_lines(box, divergence.lines);
}

void add_calls(pugi::xml_node body, const ShownTrace& trace) {
  add(body, "h2", "Calls, and why");
  pugi::xml_node list = add(body, "ol", {}, "calls");
  for (std::size_t i = 0; i < trace.program.calls.size(); ++i) {
    const Call<Concrete>& call = trace.program.calls[i];
    const Observation& observed = trace.seen.observations[i];
    pugi::xml_node item = add(list, "li", {}, "call-item");
    set(item, "id", fmt::format("call-{}", i + 1));
    add(item, "code", fmt::format("{} = {}", print_call(call), print_result(call, observed.result)));
    std::vector<std::string> lines = lines_of(trace.explanations[i]);
    for (const OutputField& field : kOutputFields) {
      const std::uint64_t value = observed.output.*field.member;
      const bool is_as_given = info(call.kind).form == Form::capability_header && value == call.args[0];
      if (value != 0 && !is_as_given)
        lines.push_back(fmt::format("wrote {}: {}", field.name, print_field(field, value)));
    }
    add_lines(item, lines);
    if (trace.divergence && trace.divergence->call == i) add_divergence(item, *trace.divergence);
  }
}

}  // namespace

std::string html_of(const ShownTrace& trace) {
  pugi::xml_document document;
  pugi::xml_node body = begin_page(document, fmt::format("capcheck: {}", trace.name), kStyle);
  add(body, "h1", trace.name);
  if (!trace.intent.empty()) add(body, "p", trace.intent, "intent");
  add(body, "p",
      fmt::format("By the rules of Linux {}; {} calls. Ids are kernel ids.", to_string(trace.profile),
                  trace.program.calls.size()),
      "faint");
  if (trace.divergence) add_divergence(body, *trace.divergence);
  Layout layout{.trace = trace, .columns = columns_of(trace)};
  layout.rows = rows_of(trace, layout.columns);
  layout.fields = changing_fields(layout);
  add_legend(body, trace.profile.features.userns);
  add_matrix(body, layout);
  add_calls(body, trace);
  return text_of_page(document);
}

}  // namespace capcheck
