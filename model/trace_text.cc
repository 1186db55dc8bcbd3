// SPDX-License-Identifier: GPL-2.0-only
#include "model/trace_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "model/constants.h"

namespace capcheck {
namespace {

/// Values up to this are written in decimal; above it a number is more likely a mask.
constexpr std::uint64_t kLargestDecimal = 0xffff;

std::string print_number(std::uint64_t value) {
  const auto number = static_cast<std::int64_t>(value);
  if (number < 0 && number >= -static_cast<std::int64_t>(kLargestDecimal)) return fmt::format("{}", number);
  return value <= kLargestDecimal ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}

std::string print_flags(std::uint64_t value, std::span<const Constant> names) {
  std::vector<std::string_view> terms;
  std::uint64_t rest = value;
  for (const Constant& constant : names) {
    if ((rest & constant.value) != constant.value) continue;
    terms.push_back(constant.name);
    rest &= ~constant.value;
  }
  if (rest == 0 && !terms.empty()) return fmt::format("{}", fmt::join(terms, "|"));
  if (terms.empty()) return print_number(value);
  return fmt::format("{}|{}", fmt::join(terms, "|"), print_number(rest));
}

std::string print_set(std::uint64_t set) {
  constexpr int kFewCapabilities = 3;
  if (set == 0) return "0";
  if (std::popcount(set) > kFewCapabilities) return fmt::format("{:#x}", set);
  std::vector<std::string> terms;
  for (std::uint64_t rest = set; rest != 0; rest &= rest - 1) {
    const auto capability = static_cast<std::uint64_t>(std::countr_zero(rest));
    terms.push_back("1<<" + capability_name(capability).value_or(std::to_string(capability)));
  }
  return fmt::format("{}", fmt::join(terms, "|"));
}

std::string print_value(Role role, bool userns, std::uint64_t value) {
  const auto names = constants(role, userns);
  switch (role) {
    case Role::set:
      return print_set(value);
    case Role::capability:
    case Role::valid_capability:
      return capability_name(value).value_or(print_number(value));
    case Role::user_ns:
      return fmt::format("ns{}", value);
    case Role::id:
      return value == kInvalidId ? "-1" : print_number(value);
    case Role::securebits: {
      // Bits from 8 on mean one thing from 6.14 on and another in proposal 1: they are read by name, and written as
      // numbers.
      constexpr std::size_t kOfEveryRelease = 8;
      return print_flags(value, names.first(kOfEveryRelease));
    }
    case Role::unshare_flags:
    case Role::clone_flags:
    case Role::exec_mode:
    case Role::device_mode:
    case Role::exec_flags:
    case Role::capability_magic:
    case Role::userfaultfd_flags:
    case Role::userfaultfd_features:
      return print_flags(value, names);
    default:
      break;
  }
  const auto named = std::ranges::find(names, value, &Constant::value);
  return named == names.end() ? print_number(value) : std::string(named->name);
}

std::string print_argument(const Call<Concrete>& call, std::size_t index) {
  return print_value(info(call.kind).roles[index], call.kind == CallKind::cap_userns, call.args[index]);
}

std::string print_header_call(const Call<Concrete>& call) {
  const std::uint64_t pointers = call.args[2];
  const std::string header =
      pointers & kHeaderNull ? "NULL"
                             : fmt::format("{{version={}, pid={}}}", print_argument(call, 0), print_argument(call, 1));
  std::string data = "NULL";
  if (!(pointers & kDataNull)) {
    data = call.kind == CallKind::capget
               ? "data"
               : fmt::format("{{effective={}, permitted={}, inheritable={}}}", print_argument(call, 3),
                             print_argument(call, 4), print_argument(call, 5));
  }
  return fmt::format("{}({}, {})", info(call.kind).name, header, data);
}

/// How many arguments are written: trailing zeros that say nothing are left out.
std::size_t shown_arguments(const Call<Concrete>& call) {
  const auto& roles = info(call.kind).roles;
  const bool clears_all = roles[0] == Role::set_operation && call.args[0] == kClearAll;
  std::size_t shown = info(call.kind).argument_count;
  const auto says_nothing = [&](std::size_t i) {
    return call.args[i] == 0 && (roles[i] == Role::number || (clears_all && roles[i] == Role::capability));
  };
  while (shown > 0 && says_nothing(shown - 1)) --shown;
  return shown;
}

/// prctl(OPTION, …), keyctl(OPTION), ptrace(REQUEST, …), ioctl(REQUEST, …).
std::string print_option_call(std::string_view function, const Call<Concrete>& call) {
  std::string text = fmt::format("{}({}", function, info(call.kind).name);
  for (std::size_t i = 0; i < shown_arguments(call); ++i) text += ", " + print_argument(call, i);
  return text + ")";
}

std::string print_task(std::uint64_t task) {
  return fmt::format("t{}", task);
}

std::string print_map_line(const Call<Concrete>& call, std::size_t first) {
  return fmt::format("{} {} {}", call.args[first], call.args[first + 1], call.args[first + 2]);
}

std::string print_write(const Call<Concrete>& call) {
  const std::uint64_t target = call.args[0], opener = call.args[1];
  std::string content;
  if (call.kind == CallKind::write_setgroups) {
    content = call.args[2] ? "allow" : "deny";
  } else {
    content = print_map_line(call, 2);
    if (call.args[5] | call.args[6] | call.args[7]) content += ", " + print_map_line(call, 5);
  }
  return fmt::format("write(\"/proc/{}/{}\", \"{}\"{})", target == call.task ? "self" : print_task(target),
                     info(call.kind).name, content, opener == call.task ? "" : ", opener=" + print_task(opener));
}

/// The members of a file in text, in the order of the arguments of execve; a device has the first three.
constexpr std::array<std::string_view, kMaxArguments> kFileMembers = {"uid",   "gid",       "mode",        "flags",
                                                                      "magic", "permitted", "inheritable", "rootid"};

/// {MEMBER=value, …}; members of the value 0 are left out.
std::string print_file(const Call<Concrete>& call) {
  std::vector<std::string> members;
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    if (call.args[i] != 0) members.push_back(fmt::format("{}={}", kFileMembers[i], print_argument(call, i)));
  }
  return fmt::format("{{{}}}", fmt::join(members, ", "));
}

std::string print_plain(const Call<Concrete>& call) {
  if (call.kind == CallKind::chroot) return "chroot(\"jail\")";
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) arguments.push_back(print_argument(call, i));
  return fmt::format("{}({})", info(call.kind).name, fmt::join(arguments, ", "));
}

std::string print_field_value(std::string_view name, bool is_set, std::uint64_t value) {
  if (is_set) return fmt::format("{:016x}", value);
  if (name == "Securebits" || name == "version" || name == "features") return fmt::format("{:#x}", value);
  return fmt::format("{}", value);
}

/// Reads one line from left to right; every error names the place.
class Cursor {
 public:
  Cursor(std::string_view file, std::string_view line, std::size_t number)
      : file_(file), line_(line), number_(number) {}

  [[noreturn]] void fail(std::string_view message) const { fail_at(position_, message); }
  [[noreturn]] void fail_at(std::size_t position, std::string_view message) const {
    throw TraceError(file_, number_, position + 1, message);
  }

  void skip_spaces() {
    while (position_ < line_.size() && (line_[position_] == ' ' || line_[position_] == '\t')) ++position_;
  }
  bool at_end() {
    skip_spaces();
    return position_ == line_.size();
  }
  void expect_end() {
    if (!at_end()) fail(fmt::format("unexpected '{}' after the end", line_.substr(position_)));
  }
  bool accept(std::string_view token) {
    skip_spaces();
    if (!line_.substr(position_).starts_with(token)) return false;
    position_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(fmt::format("expected '{}'", token));
  }
  /// The longest run of letters, digits and underscores; empty if there is none.
  std::string_view word() {
    skip_spaces();
    const std::size_t start = position_;
    while (position_ < line_.size() &&
           (std::isalnum(static_cast<unsigned char>(line_[position_])) || line_[position_] == '_')) {
      ++position_;
    }
    return line_.substr(start, position_ - start);
  }
  std::string_view rest() {
    skip_spaces();
    return line_.substr(std::exchange(position_, line_.size()));
  }
  std::size_t position() {
    skip_spaces();
    return position_;
  }
  std::size_t line_number() const { return number_; }

  /// A word in a base; the word stands at `start`.
  std::uint64_t digits(std::string_view text, int base, std::size_t start) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error == std::errc::result_out_of_range) fail_at(start, fmt::format("'{}' does not fit in 64 bits", text));
    if (error != std::errc() || end != text.data() + text.size()) {
      fail_at(start, fmt::format("'{}' is not a number", text));
    }
    return value;
  }

  /// number: decimal, 0x…, or a negative decimal.
  std::uint64_t number() {
    const std::size_t start = position();
    const bool negative = accept("-");
    const std::string_view text = word();
    if (text.empty()) fail_at(start, "expected a number");
    if (text.starts_with("0x") && !negative) return digits(text.substr(2), 16, start);
    const std::uint64_t value = digits(text, 10, start);
    if (negative && value > std::uint64_t{1} << 63) fail_at(start, fmt::format("-{} does not fit in 64 bits", text));
    return negative ? 0 - value : value;
  }

 private:
  std::string_view file_, line_;
  std::size_t number_, position_ = 0;
};

bool starts_number(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0]));
}

std::uint64_t parse_capability(Cursor& cursor) {
  Cursor ahead = cursor;
  const std::string_view name = ahead.word();
  if (name.empty() || starts_number(name)) return cursor.number();
  const auto capability = capability_number(name);
  if (!capability || !name.starts_with("CAP_")) cursor.fail(fmt::format("unknown capability '{}'", name));
  cursor = ahead;
  return *capability;
}

std::uint64_t parse_term(Cursor& cursor, Role role, bool userns) {
  if (role == Role::capability || role == Role::valid_capability) return parse_capability(cursor);
  if (role == Role::user_ns) {
    cursor.expect("ns");
    return cursor.number();
  }
  if (role == Role::set && cursor.accept("1<<")) {
    const std::size_t start = cursor.position();
    const std::uint64_t capability = parse_capability(cursor);
    if (capability > 63) cursor.fail_at(start, "a set has bits 0 to 63");
    return cap_bit(static_cast<unsigned>(capability));
  }
  Cursor ahead = cursor;
  const std::string_view name = ahead.word();
  if (name.empty() || starts_number(name)) return cursor.number();
  const auto names = constants(role, userns);
  const auto named = std::ranges::find(names, name, &Constant::name);
  if (named == names.end()) cursor.fail(fmt::format("'{}' is not a constant of this argument", name));
  cursor = ahead;
  return named->value;
}

std::uint64_t parse_value(Cursor& cursor, Role role, bool userns) {
  const std::size_t start = cursor.position();
  std::uint64_t value = parse_term(cursor, role, userns);
  while (cursor.accept("|")) value |= parse_term(cursor, role, userns);
  if (role == Role::id && value == ~std::uint64_t{0}) value = kInvalidId;
  if (canonical<Concrete>(role, value) != value) {
    cursor.fail_at(start, fmt::format("{} cannot be passed here, or is outside the model", print_number(value)));
  }
  return value;
}

void parse_argument(Cursor& cursor, Call<Concrete>& call, std::size_t index) {
  call.args[index] = parse_value(cursor, info(call.kind).roles[index], call.kind == CallKind::cap_userns);
}

void parse_header_call(Cursor& cursor, Call<Concrete>& call) {
  cursor.expect("(");
  if (cursor.accept("NULL")) {
    call.args[2] |= kHeaderNull;
  } else {
    cursor.expect("{");
    cursor.expect("version=");
    parse_argument(cursor, call, 0);
    cursor.expect(",");
    cursor.expect("pid=");
    parse_argument(cursor, call, 1);
    cursor.expect("}");
  }
  cursor.expect(",");
  if (cursor.accept("NULL")) {
    call.args[2] |= kDataNull;
  } else if (call.kind == CallKind::capget) {
    cursor.expect("data");
  } else {
    std::size_t index = 3;
    for (const std::string_view token : {"{effective=", ", permitted=", ", inheritable="}) {
      cursor.expect(token.substr(0, 1));
      cursor.expect(token.substr(token.find_first_not_of("{, ")));
      parse_argument(cursor, call, index++);
    }
    cursor.expect("}");
  }
  cursor.expect(")");
}

/// The call of a form that has this name; fails at `start` if there is none.
CallKind find_call(const Cursor& cursor, std::size_t start, Form form, std::string_view name, std::string_view what) {
  const auto found =
      std::ranges::find_if(kCalls, [&](const CallInfo& row) { return row.form == form && row.name == name; });
  if (found == kCalls.end()) cursor.fail_at(start, fmt::format("unknown {} '{}'", what, name));
  return found->kind;
}

/// prctl(OPTION, …), keyctl(OPTION), ptrace(OPTION). Arguments that are left out are 0.
void parse_option_call(Cursor& cursor, Call<Concrete>& call, Form form, std::string_view what) {
  cursor.expect("(");
  const std::size_t start = cursor.position();
  const std::string_view option = cursor.word();
  call.kind = find_call(cursor, start, form, option, what);
  for (std::size_t i = 0; i < info(call.kind).argument_count && cursor.accept(","); ++i) {
    parse_argument(cursor, call, i);
  }
  cursor.expect(")");
}

std::optional<std::uint8_t> accept_task(Cursor& cursor) {
  for (const Constant& task : constants(Role::task, false)) {
    if (cursor.accept(task.name)) return static_cast<std::uint8_t>(task.value);
  }
  return std::nullopt;
}

std::uint8_t expect_task(Cursor& cursor) {
  const auto task = accept_task(cursor);
  if (!task) cursor.fail("expected a task (t0 to t3)");
  return *task;
}

void parse_map_line(Cursor& cursor, Call<Concrete>& call, std::size_t first) {
  for (std::size_t i = first; i < first + 3; ++i) parse_argument(cursor, call, i);
}

void parse_proc_write(Cursor& cursor, Call<Concrete>& call) {
  call.args[0] = cursor.accept("self") ? call.task : expect_task(cursor);
  call.args[1] = call.task;
  cursor.expect("/");
  const std::size_t start = cursor.position();
  call.kind = find_call(cursor, start, Form::proc_file, cursor.word(), "file of /proc/PID");
  cursor.expect("\"");
  cursor.expect(",");
  cursor.expect("\"");
  if (call.kind == CallKind::write_setgroups) {
    call.args[2] = cursor.accept("allow") ? 1 : 0;
    if (call.args[2] == 0) cursor.expect("deny");
  } else {
    parse_map_line(cursor, call, 2);
    if (cursor.accept(",")) parse_map_line(cursor, call, 5);
  }
  cursor.expect("\"");
  if (cursor.accept(",")) {
    cursor.expect("opener=");
    call.args[1] = expect_task(cursor);
  }
}

void parse_sysctl_write(Cursor& cursor, Call<Concrete>& call) {
  const Form form = cursor.accept("kernel/") ? Form::sysctl : Form::flag_sysctl;
  const auto found =
      std::ranges::find_if(kCalls, [&](const CallInfo& row) { return row.form == form && cursor.accept(row.name); });
  if (found == kCalls.end()) cursor.fail("unknown file of /proc/sys");
  call.kind = found->kind;
  cursor.expect("\"");
  cursor.expect(",");
  parse_argument(cursor, call, 0);
}

void parse_write(Cursor& cursor, Call<Concrete>& call) {
  cursor.expect("(");
  cursor.expect("\"/proc/");
  if (cursor.accept("sys/")) {
    parse_sysctl_write(cursor, call);
  } else {
    parse_proc_write(cursor, call);
  }
  cursor.expect(")");
}

void parse_file(Cursor& cursor, Call<Concrete>& call) {
  const auto members = std::span(kFileMembers).first(info(call.kind).argument_count);
  cursor.expect("{");
  for (bool first = true; !cursor.accept("}"); first = false) {
    if (!first) cursor.expect(",");
    const std::size_t start = cursor.position();
    const std::string_view name = cursor.word();
    const auto member = std::ranges::find(members, name);
    if (member == members.end()) cursor.fail_at(start, fmt::format("a file has no '{}'", name));
    cursor.expect("=");
    parse_argument(cursor, call, static_cast<std::size_t>(member - members.begin()));
  }
}

void parse_execve(Cursor& cursor, Call<Concrete>& call) {
  call.kind = CallKind::execve;
  cursor.expect("(");
  parse_file(cursor, call);
  cursor.expect(")");
  Call<Concrete> canonical_call = call;
  canonicalise(canonical_call);
  if (canonical_call != call) cursor.fail("the file has a part of the attribute that its flags or magic exclude");
}

void parse_device(Cursor& cursor, Call<Concrete>& call) {
  call.kind = CallKind::open_userfaultfd_device;
  cursor.expect("(");
  cursor.expect(fmt::format("\"{}\"", info(call.kind).name));
  cursor.expect(",");
  parse_file(cursor, call);
  cursor.expect(")");
}

void parse_plain(Cursor& cursor, Call<Concrete>& call, std::size_t start, std::string_view name) {
  call.kind = find_call(cursor, start, Form::plain, name, "call");
  cursor.expect("(");
  if (call.kind == CallKind::chroot) cursor.expect("\"jail\"");
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    if (i > 0) cursor.expect(",");
    parse_argument(cursor, call, i);
  }
  cursor.expect(")");
}

Call<Concrete> parse_call(Cursor& cursor, std::uint8_t task) {
  Call<Concrete> call{.task = task};
  const std::size_t start = cursor.position();
  const std::string_view name = cursor.word();
  if (name == "prctl") {
    parse_option_call(cursor, call, Form::prctl, "prctl option");
  } else if (name == "keyctl") {
    parse_option_call(cursor, call, Form::keyctl, "keyctl option");
  } else if (name == "ptrace") {
    parse_option_call(cursor, call, Form::ptrace, "ptrace request");
  } else if (name == "ioctl") {
    parse_option_call(cursor, call, Form::ioctl, "ioctl request");
  } else if (name == "write") {
    parse_write(cursor, call);
  } else if (name == "execve") {
    parse_execve(cursor, call);
  } else if (name == "open") {
    parse_device(cursor, call);
  } else if (name == "capget" || name == "capset") {
    call.kind = name == "capget" ? CallKind::capget : CallKind::capset;
    parse_header_call(cursor, call);
  } else {
    parse_plain(cursor, call, start, name);
  }
  return call;
}

std::uint64_t parse_result(Cursor& cursor, CallKind kind) {
  if (gives_birth(kind)) {
    if (const auto task = accept_task(cursor)) return thread_id(*task);
  }
  const std::size_t start = cursor.position();
  const std::uint64_t value = cursor.number();
  if (value != ~std::uint64_t{0}) {
    if (static_cast<std::int64_t>(value) < 0) cursor.fail_at(start, "a result is a value, or -1 and an errno by name");
    return value;
  }
  const std::size_t name_start = cursor.position();
  const std::string_view name = cursor.word();
  const auto error = errno_number(name);
  if (!error) cursor.fail_at(name_start, fmt::format("expected an errno by name, found '{}'", name));
  return 0 - static_cast<std::uint64_t>(*error);
}

std::uint64_t parse_field_value(Cursor& cursor, bool is_set) {
  if (!is_set) return cursor.number();
  const std::size_t start = cursor.position();
  std::string_view text = cursor.word();
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.empty()) cursor.fail_at(start, "expected a set in hexadecimal");
  return cursor.digits(text, 16, start);
}

template <class Fields>
ExpectedField parse_field(Cursor& cursor, const Fields& fields, const std::vector<ExpectedField>& earlier) {
  const std::size_t start = cursor.position();
  const std::string_view name = cursor.word();
  const auto found = std::ranges::find_if(fields, [&](const auto& field) { return field.name == name; });
  if (found == fields.end()) cursor.fail_at(start, fmt::format("unknown field '{}'", name));
  const auto index = static_cast<std::size_t>(found - fields.begin());
  if (std::ranges::find(earlier, index, &ExpectedField::field) != earlier.end()) {
    cursor.fail_at(start, fmt::format("field '{}' stands here twice", name));
  }
  cursor.expect(":");
  return {index, parse_field_value(cursor, found->is_set)};
}

/// As the states of a known divergence stand in text.
constexpr std::array<std::string_view, 3> kDivergenceStates = {"open", "explained", "fixed"};

/// Reads a file line by line. A block of fields is open between its heading and the next unindented line.
class Parser {
 public:
  Parser(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  TraceText parse() {
    if (text_.find('\0') != std::string_view::npos) throw TraceError(file_, 1, 1, "a trace is text; this is binary");
    std::size_t number = 0;
    for (std::size_t start = 0; start < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', start), text_.size());
      parse_line(Cursor(file_, text_.substr(start, end - start), ++number), start < end && is_space(text_[start]));
      start = end + 1;
    }
    if (!versioned_) throw TraceError(file_, 1, 1, "expected 'capcheck trace 1'");
    if (trace_.profiles.empty()) throw TraceError(file_, number, 1, "no 'profile' line");
    close_block(number + 1);
    return std::move(trace_);
  }

 private:
  enum class Block : std::uint8_t { none, state, output };

  static bool is_space(char c) { return c == ' ' || c == '\t'; }

  void parse_line(Cursor cursor, bool indented) {
    if (cursor.at_end()) return;
    if (!versioned_) {
      cursor.expect("capcheck trace 1");
      cursor.expect_end();
      versioned_ = true;
    } else if (cursor.accept("#")) {
      if (trace_.profiles.empty()) add_intent(cursor.rest());
    } else if (indented) {
      parse_expectation(cursor);
      cursor.expect_end();
    } else {
      close_block(cursor.line_number());
      if (cursor.accept("profile ")) {
        parse_profile_line(cursor);
      } else if (cursor.accept("divergence ")) {
        parse_divergence_line(cursor);
      } else if (cursor.accept("kernel ")) {
        known_divergence(cursor).kernel = parse_divergence_word(cursor);
      } else if (cursor.accept("state ")) {
        parse_state_line(cursor);
      } else {
        parse_call_line(cursor);
      }
      cursor.expect_end();
    }
  }

  void add_intent(std::string_view line) {
    if (!trace_.intent.empty()) trace_.intent += '\n';
    trace_.intent += line;
  }

  void parse_profile_line(Cursor& cursor) {
    const std::size_t start = cursor.position();
    if (!trace_.program.calls.empty()) cursor.fail_at(start, "profiles stand before the first call");
    std::string_view name = cursor.rest();
    name = name.substr(0, name.find_last_not_of(" \t\r") + 1);
    try {
      trace_.profiles.push_back(parse_profile(name));
    } catch (const std::invalid_argument& error) {
      cursor.fail_at(start, error.what());
    }
  }

  /// Of `divergence SIGNATURE`, `kernel NAME` and `state STATE`, what stands after the first word.
  std::string parse_divergence_word(Cursor& cursor) {
    const std::size_t start = cursor.position();
    if (!trace_.program.calls.empty())
      cursor.fail_at(start, "what is known of a divergence stands before the first call");
    std::string_view word = cursor.rest();
    word = word.substr(0, word.find_last_not_of(" \t\r") + 1);
    // It may become part of a file's name.
    const bool plain = std::ranges::all_of(word, [](unsigned char letter) {
      return std::isalnum(letter) ||
             std::string_view("._-+,").find(static_cast<char>(letter)) != std::string_view::npos;
    });
    if (word.empty() || !plain) cursor.fail_at(start, "expected a word of letters, digits and \"._-+,\"");
    return std::string(word);
  }

  void parse_divergence_line(Cursor& cursor) {
    const std::size_t start = cursor.position();
    if (trace_.known) cursor.fail_at(start, "a trace shows one divergence");
    trace_.known = KnownDivergence{parse_divergence_word(cursor), {}, {}};
  }

  KnownDivergence& known_divergence(Cursor& cursor) {
    if (!trace_.known) cursor.fail("expected a 'divergence' line before this one");
    return *trace_.known;
  }

  void parse_state_line(Cursor& cursor) {
    const std::size_t start = cursor.position();
    KnownDivergence& known = known_divergence(cursor);
    const std::string name = parse_divergence_word(cursor);
    const auto found = std::ranges::find(kDivergenceStates, name);
    if (found == kDivergenceStates.end()) {
      cursor.fail_at(start, fmt::format("expected {}, found '{}'", fmt::join(kDivergenceStates, ", "), name));
    }
    known.state = static_cast<KnownDivergence::State>(found - kDivergenceStates.begin());
  }

  void parse_call_line(Cursor& cursor) {
    const std::size_t start = cursor.position();
    if (trace_.profiles.empty()) cursor.fail("expected a 'profile' line before the first call");
    const std::uint8_t task = expect_task(cursor);
    cursor.expect(":");
    const Call<Concrete> call = parse_call(cursor, task);
    if (trace_.program.calls.size() == kMaxCalls) {
      cursor.fail_at(start, fmt::format("a program has at most {} calls", kMaxCalls));
    }
    const auto asking = std::ranges::count_if(trace_.program.calls, asks_for_namespace);
    if (asks_for_namespace(call) && static_cast<std::size_t>(asking) == kMaxNamespaceCalls) {
      cursor.fail_at(start, fmt::format("a program has at most {} calls with CLONE_NEWUSER", kMaxNamespaceCalls));
    }
    trace_.program.calls.push_back(call);
    Expectation& expectation = trace_.expectations.emplace_back();
    expectation.line = cursor.line_number();
    if (cursor.accept("=")) expectation.result = parse_result(cursor, call.kind);
  }

  void parse_expectation(Cursor& cursor) {
    if (trace_.expectations.empty()) cursor.fail("an expectation follows a call");
    Expectation& expectation = trace_.expectations.back();
    if (cursor.accept("output:")) {
      close_block(cursor.line_number());
      block_ = Block::output;
    } else if (const auto heading = accept_heading(cursor)) {
      close_block(cursor.line_number());
      block_ = Block::state;
      state_ = &open_state(cursor, *heading, expectation);
    } else if (block_ == Block::state) {
      state_->fields.push_back(parse_field(cursor, state_fields(), state_->fields));
    } else if (block_ == Block::output) {
      expectation.output.push_back(parse_field(cursor, kOutputFields, expectation.output));
    } else {
      cursor.fail("expected 'changes:', 'state:' or 'output:', perhaps of a task (t1 changes:)");
    }
  }

  /// "changes:" or "state:", of the caller or of the task it names.
  struct Heading {
    std::size_t start;
    std::optional<std::uint8_t> task;
    StateExpectation::Scope scope;
  };
  static std::optional<Heading> accept_heading(Cursor& cursor) {
    Heading heading{cursor.position(), {}, StateExpectation::Scope::changes};
    Cursor ahead = cursor;
    heading.task = accept_task(ahead);
    if (!ahead.accept("changes:")) {
      if (!ahead.accept("state:")) return std::nullopt;
      heading.scope = StateExpectation::Scope::whole;
    }
    cursor = ahead;
    return heading;
  }

  /// The block that a heading opens. Those of the same call that were opened before may move.
  static StateExpectation& open_state(Cursor& cursor, const Heading& heading, Expectation& expectation) {
    StateExpectation* state = &expectation.state;
    if (heading.task) {
      const auto taken = std::ranges::find(expectation.others, *heading.task, &OtherExpectation::task);
      if (taken != expectation.others.end()) cursor.fail_at(heading.start, "the task's state stands here twice");
      state = &expectation.others.emplace_back(OtherExpectation{*heading.task, {}}).state;
    } else if (state->scope != StateExpectation::Scope::any) {
      cursor.fail_at(heading.start, "the state stands here twice");
    }
    state->scope = heading.scope;
    return *state;
  }

  void close_block(std::size_t line) {
    if (block_ == Block::state && state_->scope == StateExpectation::Scope::whole &&
        state_->fields.size() != state_fields().size()) {
      throw TraceError(file_, line, 1, "the state above does not list every field; 'changes:' need not");
    }
    block_ = Block::none;
  }

  std::string_view text_, file_;
  TraceText trace_;
  Block block_ = Block::none;
  StateExpectation* state_ = nullptr;  ///< the one that is open
  bool versioned_ = false;
};

void print_state(std::string& text, std::string_view task, const StateExpectation& state) {
  if (state.scope == StateExpectation::Scope::any) return;
  text += fmt::format("  {}{}:\n", task, state.scope == StateExpectation::Scope::changes ? "changes" : "state");
  for (const auto& [field, value] : state.fields) {
    text += fmt::format("    {}: {}\n", state_fields()[field].name, print_field(state_fields()[field], value));
  }
}

void print_expectation(std::string& text, const Call<Concrete>& call, const Expectation& expectation) {
  if (expectation.result) text += " = " + print_result(call, *expectation.result);
  text += '\n';
  if (!expectation.output.empty()) {
    text += "  output:\n";
    for (const auto& [field, value] : expectation.output) {
      text += fmt::format("    {}: {}\n", kOutputFields[field].name, print_field(kOutputFields[field], value));
    }
  }
  print_state(text, "", expectation.state);
  for (const auto& [task, state] : expectation.others) print_state(text, print_task(task) + " ", state);
}

}  // namespace

TraceError::TraceError(std::string_view file, std::size_t error_line, std::size_t error_column,
                       std::string_view message)
    : std::runtime_error(fmt::format("{}:{}:{}: {}", file, error_line, error_column, message)),
      line(error_line),
      column(error_column) {}

namespace {

template <std::size_t Index>
std::uint64_t get_credential(const TaskState<Concrete>& state) {
  return state.cred.*kCredentialFields<Concrete>[Index].member;
}

}  // namespace

const std::vector<StateField>& state_fields() {
  static const std::vector<StateField> fields = [] {
    std::vector<StateField> made;
    [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      (made.push_back({kCredentialFields<Concrete>[Index].name, kCredentialFields<Concrete>[Index].is_set,
                       &get_credential<Index>}),
       ...);
    }(std::make_index_sequence<kCredentialFields<Concrete>.size()>());
    made.push_back({"NsLevel", false, [](const TaskState<Concrete>& state) { return state.level; }});
    made.push_back({"UserNs", false, [](const TaskState<Concrete>& state) { return state.user_ns; }});
    made.push_back({"Dumpable", false, [](const TaskState<Concrete>& state) { return state.dumpable; }});
    return made;
  }();
  return fields;
}

TraceText parse_trace(std::string_view text, std::string_view file) {
  return Parser(text, file).parse();
}

std::string print_trace(const TraceText& trace) {
  std::string text = "capcheck trace 1\n";
  if (!trace.intent.empty()) {
    for (std::size_t start = 0; start <= trace.intent.size();) {
      const std::size_t end = std::min(trace.intent.find('\n', start), trace.intent.size());
      text += fmt::format("# {}\n", std::string_view(trace.intent).substr(start, end - start));
      start = end + 1;
    }
  }
  for (const Profile& profile : trace.profiles) text += fmt::format("profile {}\n", to_string(profile));
  if (trace.known) {
    text += fmt::format("divergence {}\n", trace.known->signature);
    if (!trace.known->kernel.empty()) text += fmt::format("kernel {}\n", trace.known->kernel);
    text += fmt::format("state {}\n", kDivergenceStates[static_cast<std::size_t>(trace.known->state)]);
  }
  text += '\n';
  for (std::size_t i = 0; i < trace.program.calls.size(); ++i) {
    text += print_call(trace.program.calls[i]);
    print_expectation(text, trace.program.calls[i], trace.expectations[i]);
  }
  return text;
}

namespace {

std::vector<ExpectedField> changed_fields(const TaskState<Concrete>& before, const TaskState<Concrete>& after) {
  std::vector<ExpectedField> changed;
  for (std::size_t field = 0; field < state_fields().size(); ++field) {
    const std::uint64_t value = state_fields()[field].get(after);
    if (value != state_fields()[field].get(before)) changed.push_back({field, value});
  }
  return changed;
}

/// What a call gave, but for what is no news: a version that the kernel left as it was.
std::vector<ExpectedField> given_output(const Call<Concrete>& call, const Observation& observed) {
  std::vector<ExpectedField> output;
  const bool has_header = info(call.kind).form == Form::capability_header;
  for (std::size_t field = 0; field < kOutputFields.size(); ++field) {
    const std::uint64_t value = observed.output.*kOutputFields[field].member;
    const std::uint64_t usual = has_header && kOutputFields[field].name == "version" ? call.args[0] : 0;
    if (value != usual) output.push_back({field, value});
  }
  return output;
}

Expectation expect_step(const TraceStep& step) {
  Expectation expectation;
  expectation.result = step.observed.result;
  expectation.output = given_output(step.call, step.observed);
  expectation.state.scope = StateExpectation::Scope::changes;
  for (std::uint8_t task = 0; task < kMaxTasks; ++task) {
    if (!step.after[task]) continue;
    std::vector<ExpectedField> changed = changed_fields(*step.origin(task), *step.after[task]);
    if (task == step.call.task) {
      expectation.state.fields = std::move(changed);
    } else if (!changed.empty()) {
      expectation.others.push_back({task, {StateExpectation::Scope::changes, std::move(changed)}});
    }
  }
  return expectation;
}

}  // namespace

TraceText expect_observed(const Profile& profile, const Program& program, const Trace& trace, std::string_view intent) {
  if (trace.observations.size() != program.calls.size())
    throw std::out_of_range("a trace of the whole program is needed");
  TraceText text{std::string(intent), {profile}, {}, program, {}};
  for_each_step(program, trace, [&](const TraceStep& step) {
    text.expectations.push_back(expect_step(step));
    return true;
  });
  return text;
}

std::string print_call(const Call<Concrete>& call) {
  std::string text = fmt::format("t{}: ", call.task);
  switch (info(call.kind).form) {
    case Form::capability_header:
      return text + print_header_call(call);
    case Form::prctl:
      return text + print_option_call("prctl", call);
    case Form::ioctl:
      return text + print_option_call("ioctl", call);
    case Form::proc_file:
      return text + print_write(call);
    case Form::sysctl:
      return text + fmt::format("write(\"/proc/sys/kernel/{}\", {})", info(call.kind).name, print_argument(call, 0));
    case Form::flag_sysctl:
      return text + fmt::format("write(\"/proc/sys/{}\", {})", info(call.kind).name, print_argument(call, 0));
    case Form::execve:
      return text + fmt::format("execve({})", print_file(call));
    case Form::device:
      return text + fmt::format("open(\"{}\", {})", info(call.kind).name, print_file(call));
    case Form::keyctl:
      return text + print_option_call("keyctl", call);
    case Form::ptrace:
      return text + print_option_call("ptrace", call);
    case Form::plain:
      return text + print_plain(call);
  }
  __builtin_unreachable();
}

std::string print_result(std::uint64_t result) {
  const auto value = static_cast<std::int64_t>(result);
  return value < 0 ? "-1 " + errno_name(static_cast<int>(-value)) : fmt::format("{}", value);
}

std::string print_result(const Call<Concrete>& call, std::uint64_t result) {
  const bool is_task = gives_birth(call.kind) && result >= kFirstThreadId && result < thread_id(kMaxTasks);
  return is_task ? print_task(result - kFirstThreadId) : print_result(result);
}

std::string print_field(const StateField& field, std::uint64_t value) {
  return print_field_value(field.name, field.is_set, value);
}

std::string print_field(const OutputField& field, std::uint64_t value) {
  return print_field_value(field.name, field.is_set, value);
}

std::string describe_set(std::uint64_t set, std::uint64_t full_set) {
  if (set == 0) return "none";
  if (set == full_set) return "all";
  const bool mostly_full = std::popcount(set) > std::popcount(full_set) / 2 && (set & ~full_set) == 0;
  std::vector<std::string> names;
  for (std::uint64_t rest = mostly_full ? full_set & ~set : set; rest != 0; rest &= rest - 1) {
    const auto capability = static_cast<std::uint64_t>(std::countr_zero(rest));
    std::string name = capability_name(capability).value_or(std::to_string(capability));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    names.push_back(std::move(name));
  }
  return fmt::format("{}{}", mostly_full ? "all but " : "", fmt::join(names, ","));
}

namespace {

/// What of a task's state after a step does not meet the expectation.
void add_unmet(const StateExpectation& expectation, const TraceStep& step, std::uint8_t task,
               std::vector<std::string>& lines) {
  const std::string prefix = task == step.call.task ? "" : print_task(task) + " ";
  const TaskState<Concrete>*before = step.origin(task), *after = step.after[task];
  if (!after) {
    if (!expectation.fields.empty()) lines.push_back(fmt::format("{}does not live", prefix));
    return;
  }
  for (std::size_t i = 0; i < state_fields().size(); ++i) {
    const StateField& field = state_fields()[i];
    const auto listed = std::ranges::find(expectation.fields, i, &ExpectedField::field);
    const std::uint64_t expected = listed == expectation.fields.end() ? field.get(*before) : listed->value;
    if (expected == field.get(*after)) continue;
    lines.push_back(fmt::format("{}{}: expected {}, got {}", prefix, field.name, print_field(field, expected),
                                print_field(field, field.get(*after))));
  }
}

}  // namespace

std::vector<std::string> unmet(const Expectation& expectation, const TraceStep& step) {
  std::vector<std::string> lines;
  const auto compare = [&](std::string_view name, const std::string& expected, const std::string& got) {
    if (expected != got) lines.push_back(fmt::format("{}: expected {}, got {}", name, expected, got));
  };
  if (expectation.result) {
    compare("result", print_result(step.call, *expectation.result), print_result(step.call, step.observed.result));
  }
  for (const auto& [field, value] : expectation.output) {
    const OutputField& output = kOutputFields[field];
    compare(output.name, print_field(output, value), print_field(output, step.observed.output.*output.member));
  }
  if (expectation.state.scope != StateExpectation::Scope::any) {
    add_unmet(expectation.state, step, step.call.task, lines);
  }
  for (std::uint8_t task = 0; task < kMaxTasks; ++task) {
    if (task == step.call.task) continue;
    const auto listed = std::ranges::find(expectation.others, task, &OtherExpectation::task);
    if (listed != expectation.others.end()) {
      add_unmet(listed->state, step, task, lines);
    } else if (expectation.state.scope != StateExpectation::Scope::any) {
      add_unmet({StateExpectation::Scope::changes, {}}, step, task, lines);
    }
  }
  return lines;
}

}  // namespace capcheck
