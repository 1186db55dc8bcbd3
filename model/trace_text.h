// SPDX-License-Identifier: GPL-2.0-only
// The text form of programs and of what is expected of them. Grammar: model/TRACE.md.
#ifndef CAPCHECK_MODEL_TRACE_TEXT_H_
#define CAPCHECK_MODEL_TRACE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/program.h"

namespace capcheck {

/// A parse error, located. what() is "FILE:LINE:COLUMN: message".
class TraceError : public std::runtime_error {
 public:
  TraceError(std::string_view file, std::size_t line, std::size_t column, std::string_view message);
  std::size_t line, column;  ///< from 1
};

/// A field of a task's state or of a call's output, with the value expected of it.
struct ExpectedField {
  std::size_t field;  ///< index in kStateFields or kOutputFields
  std::uint64_t value;
  bool operator==(const ExpectedField&) const = default;
};

/// What a trace expects of a task's state after a call.
struct StateExpectation {
  enum class Scope : std::uint8_t {
    any,      ///< nothing is said of the state
    changes,  ///< the fields listed have these values; all others are as before the call (in a task just born: as its
              ///< creator's were)
    whole,    ///< every field is listed
  };
  Scope scope = Scope::any;
  std::vector<ExpectedField> fields{};

  bool operator==(const StateExpectation&) const = default;
};

/// The same of a task other than the caller.
struct OtherExpectation {
  std::uint8_t task;
  StateExpectation state;

  bool operator==(const OtherExpectation&) const = default;
};

/// What a trace expects of one call. What is absent is not expected. Where something is said of the caller's state,
/// tasks that are not listed in `others` have not changed.
struct Expectation {
  std::optional<std::uint64_t> result;
  StateExpectation state;
  std::vector<OtherExpectation> others;
  std::vector<ExpectedField> output;
  std::size_t line = 0;  ///< of the call, from 1; 0 if not read from text

  bool operator==(const Expectation& other) const {
    return result == other.result && state == other.state && others == other.others && output == other.output;
  }
};

/// Of a trace that shows where a kernel and the model part.
struct KnownDivergence {
  enum class State : std::uint8_t {
    open,       ///< nobody knows yet why
    explained,  ///< the trace's intent says why; it is there to stay
    fixed,      ///< it is gone, and must stay so
  };
  std::string signature;      ///< fuzz/signature.h
  std::string kernel{};       ///< a kernel in process, by its file's name without ".so"; empty: that of the profile
  State state = State::open;  ///< where the text names none

  bool operator==(const KnownDivergence&) const = default;
};

/// A trace file.
struct TraceText {
  std::string intent;                    ///< the comment lines that open it, without '#', joined by newlines
  std::vector<Profile> profiles;         ///< the kernels it speaks of; at least one
  std::optional<KnownDivergence> known;  ///< then its expectations are the model's alone
  Program program;
  std::vector<Expectation> expectations;  ///< one a call

  bool operator==(const TraceText&) const = default;
};

/// A field of TaskState by its name in text.
struct StateField {
  std::string_view name;
  bool is_set;
  std::uint64_t (*get)(const TaskState<Concrete>& state);
};
/// The fields of Credentials, in their order, and the namespace level.
const std::vector<StateField>& state_fields();

struct OutputField {
  std::string_view name;
  bool is_set;
  std::uint64_t Output<Concrete>::* member;
};
inline constexpr std::array kOutputFields = {
    OutputField{"version", false, &Output<Concrete>::version},
    OutputField{"effective", true, &Output<Concrete>::effective},
    OutputField{"permitted", true, &Output<Concrete>::permitted},
    OutputField{"inheritable", true, &Output<Concrete>::inheritable},
    OutputField{"secure", false, &Output<Concrete>::secure},
    OutputField{"features", false, &Output<Concrete>::features},
};

/// Reads a trace. `file` is for error messages. Throws TraceError.
TraceText parse_trace(std::string_view text, std::string_view file);

/// Writes a trace; parse_trace() gives the same back.
std::string print_trace(const TraceText& trace);

/// A trace that expects exactly what was observed: results, outputs, and changes of state.
TraceText expect_observed(const Profile& profile, const Program& program, const Trace& trace, std::string_view intent);

/// One call as it stands in a trace: "t0: prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN)".
std::string print_call(const Call<Concrete>& call);

/// A result as strace writes it: "0", "-1 EPERM".
std::string print_result(std::uint64_t result);

/// The same of a call; a task that it made is written by its name: "t1".
std::string print_result(const Call<Concrete>& call, std::uint64_t result);

/// A field's value as it stands in a trace: 16 hexadecimal digits for a set, 0x… for bits, else decimal.
std::string print_field(const StateField& field, std::uint64_t value);
std::string print_field(const OutputField& field, std::uint64_t value);

/// A set in words: "all but cap_sys_admin", "cap_chown,cap_kill", "none". Names are those of capability_name(), in
/// lower case.
std::string describe_set(std::uint64_t set, std::uint64_t full_set);

/// What does not meet the expectation, one line each: "CapBnd: expected …, got …". Empty if all is met.
std::vector<std::string> unmet(const Expectation& expectation, const TraceStep& step);

}  // namespace capcheck

#endif
