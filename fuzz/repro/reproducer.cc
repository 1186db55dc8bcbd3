// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/repro/reproducer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/repro/parts.h"
#include "fuzz/sut/perform.h"
#include "model/constants.h"
#include "model/program.h"
#include "model/start.h"
#include "model/step.h"

namespace capcheck {
namespace {

/// A field of the prelude's `want`.
struct WantedField {
  std::string_view name;
  std::uint64_t Credentials<Concrete>::* member;
};
constexpr std::array kWanted = {
    WantedField{"INH", &Credentials<Concrete>::inheritable},
    WantedField{"PRM", &Credentials<Concrete>::permitted},
    WantedField{"EFF", &Credentials<Concrete>::effective},
    WantedField{"BND", &Credentials<Concrete>::bounding},
    WantedField{"AMB", &Credentials<Concrete>::ambient},
    WantedField{"UNS", &Credentials<Concrete>::userns},
    WantedField{"SECUREBITS", &Credentials<Concrete>::securebits},
    WantedField{"NO_NEW_PRIVS", &Credentials<Concrete>::no_new_privs},
    WantedField{"UID", &Credentials<Concrete>::uid},
    WantedField{"EUID", &Credentials<Concrete>::euid},
    WantedField{"SUID", &Credentials<Concrete>::suid},
    WantedField{"FSUID", &Credentials<Concrete>::fsuid},
    WantedField{"GID", &Credentials<Concrete>::gid},
    WantedField{"EGID", &Credentials<Concrete>::egid},
    WantedField{"SGID", &Credentials<Concrete>::sgid},
    WantedField{"FSGID", &Credentials<Concrete>::fsgid},
};

/// A value as C: by its constant's name where it is one that every header has, or the prelude.
std::string c_value(Role role, std::uint64_t value, bool userns) {
  if (role == Role::capability || role == Role::valid_capability) {
    if (const auto name = capability_name(value)) return *name;
  }
  constexpr std::uint64_t kNewSecurebits = 1 << 8;
  for (const Constant& constant : constants(role, userns)) {
    if (role == Role::securebits && value >= kNewSecurebits) break;
    if (constant.value == value && value != 0) return std::string(constant.name);
  }
  return value > 9 ? fmt::format("{:#x}UL", value) : fmt::format("{}", value);
}

/// As it stands in a string of C.
std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("\"\\", at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

bool has_call(const Program& program, CallKind kind) {
  return std::ranges::find(program.calls, kind, &Call<Concrete>::kind) != program.calls.end();
}

/// What a program does before it begins.
std::string c_start(const Program& program, const Privilege& privilege) {
  std::string text;
  if (privilege.capabilities)
    text += fmt::format("\tbecome_ordinary_user({}, {:#x});\n", kOrdinaryUser, *privilege.capabilities);
  if (has_call(program, CallKind::session_to_parent)) text += "\tbegin_session();\n";
  return text;
}

/// Writes to /proc/sys.
bool changes_system(const Call<Concrete>& call) {
  const Form form = info(call.kind).form;
  return form == Form::sysctl || form == Form::flag_sysctl;
}

bool changes_system(const Program& program) {
  return std::ranges::any_of(program.calls, [](const Call<Concrete>& call) { return changes_system(call); });
}

struct SysctlInfo {
  CallKind write;
  std::uint64_t Sysctls<Concrete>::* member;
};
constexpr std::array kSysctls = {
    SysctlInfo{CallKind::write_umh_bset, &Sysctls<Concrete>::umh_bset},
    SysctlInfo{CallKind::write_umh_inheritable, &Sysctls<Concrete>::umh_inheritable},
    SysctlInfo{CallKind::write_umh_userns, &Sysctls<Concrete>::umh_userns},
    SysctlInfo{CallKind::write_cap_userns_mask, &Sysctls<Concrete>::cap_userns_mask},
    SysctlInfo{CallKind::write_unprivileged_userfaultfd, &Sysctls<Concrete>::unprivileged_userfaultfd},
};

/// Below /proc, quoted.
std::string sysctl_path(CallKind write) {
  const CallInfo& call = info(write);
  return fmt::format("\"sys/{}{}\"", call.form == Form::sysctl ? "kernel/" : "", call.name);
}

/// What is written to set it to a value, quoted.
std::string sysctl_text(CallKind write, std::uint64_t value) {
  if (info(write).form == Form::flag_sysctl) return value ? "\"1\\n\"" : "\"0\\n\"";
  return fmt::format("\"{:10} {:10}\\n\"", value & 0xffffffff, value >> 32);
}

/// Makes sure that what a program writes to is as it is expected to begin.
std::string c_sysctl_checks(const Program& program, const Sysctls<Concrete>& start) {
  std::string text;
  for (const SysctlInfo& sysctl : kSysctls) {
    if (!has_call(program, sysctl.write)) continue;
    const std::uint64_t value = start.*sysctl.member;
    text +=
        fmt::format("\tcheck_sysctl({}, {:#x}, {:#x});\n", sysctl_path(sysctl.write), value & 0xffffffff, value >> 32);
  }
  return text.empty() ? text : "\task_system_changes();\n" + text;
}

/// Gives back what can be given back: masks only shrink.
std::string c_sysctl_restoration(const Program& program, const Sysctls<Concrete>& start) {
  std::string text;
  for (const SysctlInfo& sysctl : kSysctls) {
    if (info(sysctl.write).form != Form::flag_sysctl || !has_call(program, sysctl.write)) continue;
    text += fmt::format("\trestore_sysctl({}, {});\n", sysctl_path(sysctl.write),
                        sysctl_text(sysctl.write, start.*sysctl.member));
  }
  return text;
}

/// The file that a call executes, by its path below the working directory: those that calls describe alike are one.
std::string executed_file(const Program& program, const Call<Concrete>& call) {
  const auto first = std::ranges::find_if(program.calls, [&](const Call<Concrete>& other) {
    return other.kind == CallKind::execve && other.args == call.args;
  });
  return fmt::format("{}/call{}", call.args[3] & kExecNosuid ? "nosuid" : "plain", first - program.calls.begin() + 1);
}

/// The node that a call opens, as executed_file().
std::string opened_node(const Program& program, const Call<Concrete>& call) {
  const auto first = std::ranges::find_if(program.calls, [&](const Call<Concrete>& other) {
    return other.kind == CallKind::open_userfaultfd_device && other.args == call.args;
  });
  return fmt::format("plain/userfaultfd{}", first - program.calls.begin() + 1);
}

/// Makes the node that a call opens.
std::string c_node(const Call<Concrete>& call, const std::string& name) {
  return fmt::format("\n\t/* {} */\n\tmake_device(\"{}\", {}, {}, {:#o});\n", print_call(call), name, call.args[0],
                     call.args[1], call.args[2]);
}

/// Makes the file that a call executes.
std::string c_file(const Call<Concrete>& call, const std::string& name) {
  const auto& [uid, gid, mode, flags, magic, permitted, inheritable, rootid] = call.args;
  const std::string directory = name.substr(0, name.find('/'));
  const std::string quoted = fmt::format("\"plain{}\"", name.substr(directory.size()));
  std::string text = fmt::format("\n\t/* {} */\n", print_call(call));
  text += flags & kExecScript ? fmt::format("\twrite_script({}, \"#!{}/interpreter\\n\");\n", quoted, directory)
                              : fmt::format("\tcopy_program({});\n", quoted);
  text += fmt::format("\tset_owner_and_mode({}, {}, {}, {:#o});\n", quoted, uid, gid, mode | kExecMode);
  if (flags & kExecCapability) {
    text +=
        fmt::format("\tset_file_caps({}, {:#x}, {:#x}, {:#x}, {});\n", quoted, magic, permitted, inheritable, rootid);
  }
  return text;
}

/// Of a program that executes no file.
constexpr std::string_view kGoesOnNowhere = R"(
static void go_on(const char *argument)
{
	(void)argument;
}
)";

/// Makes the text of one task's calls.
class Writer {
 public:
  Writer(const Program& program, const Sysctls<Concrete>& sysctls, const Trace& model)
      : program_(program), sysctls_(sysctls), model_(model) {
    births_.push_back({"task0", 0, nullptr});
    std::array<std::size_t, kMaxTasks> leaders{};
    for_each_step(program_, model_, [&](const TraceStep& step) {
      leaders_.push_back(leaders[step.call.task]);
      const auto result = static_cast<std::int64_t>(step.observed.result);
      if (!gives_birth(step.call.kind) || result < 0) return true;
      const std::size_t task = step.observed.result - kFirstThreadId;
      births_.push_back({fmt::format("task{}_of_call{}", task, step.index + 1), task, &step.call});
      const bool is_thread = step.call.args[0] & CLONE_THREAD;
      leaders[task] = is_thread ? leaders[step.call.task] : task;
      has_threads_ |= is_thread;
      return true;
    });
    several_ = births_.size() > 1;  // one that makes no call lives on all the same
  }

  std::string start() const { return differences(Credentials<Concrete>{}, model_.initial.cred); }

  /// The functions of all tasks, as C. A number is given anew when its task has died, so they go by births.
  std::string functions() const {
    std::string declarations, bodies;
    for (const Birth& birth : births_) {
      declarations += fmt::format("static void {}(void);\n", birth.function);
      bodies += fmt::format("\nstatic void {}(void)\n{{\n\tlong got;\n\n\t(void)got;\n{}}}\n", birth.function,
                            function(birth));
    }
    return declarations + declarations_after_execve() + bodies;
  }

  /// Makes all files that calls execute or open, each once.
  std::string c_files() const {
    const bool executes = has_call(program_, CallKind::execve),
               opens = has_call(program_, CallKind::open_userfaultfd_device);
    if (!executes && !opens) return "";
    std::string text = fmt::format("\tprepare_directories({});\n", opens ? "0" : "MS_NODEV");
    if (executes) text += "\tcopy_interpreter();\n";
    std::vector<std::string> files;
    for (const Call<Concrete>& call : program_.calls) {
      const bool executed = call.kind == CallKind::execve;
      if (!executed && call.kind != CallKind::open_userfaultfd_device) continue;
      const std::string file = executed ? executed_file(program_, call) : opened_node(program_, call);
      if (std::ranges::find(files, file) != files.end()) continue;
      files.push_back(file);
      text += executed ? c_file(call, file) : c_node(call, file);
    }
    return text;
  }

  /// Whether a fault of kernel code is to be told from one of the task's.
  bool wants_kernel_faults() const {
    bool wants = false;
    for_each_step(program_, model_, [&](const TraceStep& step) {
      wants |= step.call.kind == CallKind::kernel_fault && step.observed.result == 0 - std::uint64_t{EFAULT};
      return true;
    });
    return wants;
  }

  /// What is done before the first task and after the last, as C.
  std::string preparation() const {
    std::string text = c_sysctl_checks(program_, sysctls_);
    if (has_call(program_, CallKind::ptrace_traceme)) text += "\tbe_root();\n";
    if (wants_kernel_faults()) text += "\tneed_kernel_faults();\n";
    if (has_call(program_, CallKind::session_to_parent)) text += "\trefuse_session();\n";
    text += c_files();
    return fmt::format("\nstatic void prepare(void)\n{{\n{}}}\n\nstatic void restore(void)\n{{\n{}}}\n", text,
                       c_sysctl_restoration(program_, sysctls_));
  }

  /// What a file does that has been executed, as C.
  std::string going_on() const {
    if (!has_call(program_, CallKind::execve)) return std::string(kGoesOnNowhere);
    std::string cases;
    for (const std::size_t call : executing_calls()) {
      cases += fmt::format("\tcase {0}:\n\t\tafter_call{0}(0);\n\t\tbreak;\n", call);
    }
    return fmt::format("\nstatic void after_execve(int call)\n{{\n\tswitch (call) {{\n{}\t}}\n}}\n", cases);
  }

  /// Of the first call that is made.
  std::size_t first_turn() const { return next_turn(std::size_t{0} - 1); }

 private:
  /// Those that are made, by number from 1.
  std::vector<std::size_t> executing_calls() const {
    std::vector<std::size_t> calls;
    for_each_step(program_, model_, [&](const TraceStep& step) {
      if (step.call.kind == CallKind::execve && step.before[step.call.task]) calls.push_back(step.index + 1);
      return true;
    });
    return calls;
  }

  std::string declarations_after_execve() const {
    std::string text;
    for (const std::size_t call : executing_calls()) text += fmt::format("static void after_call{}(long got);\n", call);
    return text;
  }

  /// A task with the number that it has, and the call that made it; null of the first.
  struct Birth {
    std::string function;
    std::size_t task;
    const Call<Concrete>* by;
  };

  /// What a task does, and is expected to have.
  std::string function(const Birth& birth) const {
    std::string text;
    std::size_t number = birth.task;
    bool ends_itself = false;
    const TaskState<Concrete>* known = birth.by ? nullptr : &model_.initial;
    for_each_step(program_, model_, [&](const TraceStep& step) {
      const bool born_now = birth.by == &step.call;
      if (born_now) known = step.before[step.call.task];  // a child has what its creator had
      if (!known) return true;
      const bool calls = !born_now && step.call.task == number;
      if (calls) text += call(step);
      const bool executes = step.call.kind == CallKind::execve && step.observed.result == 0;
      // A thread that executes a file goes on as its leader, who ends as all others do.
      if (executes && calls) number = leaders_[step.index];
      if (!step.after[number] || (executes && !calls && leaders_[step.index] == number)) {
        known = nullptr;
        ends_itself = calls;
        return false;
      }
      text += differences(known->cred, step.after[number]->cred);
      if (calls) text += checked(step, *step.after[number]);
      known = step.after[number];
      return true;
    });
    if (!known && ends_itself) return text;
    if (several_) text += fmt::format("\tawait({});\n", program_.calls.size());  // or until another ends this task
    if (!known) return text;
    return text + fmt::format("\tcompare_state(\"at the end\", {});\n", known->level == 0 ? 1 : 0);
  }

  /// Assignments that turn one state into another.
  static std::string differences(const Credentials<Concrete>& from, const Credentials<Concrete>& to) {
    std::string text;
    for (const WantedField& field : kWanted) {
      if (from.*field.member == to.*field.member) continue;
      text += fmt::format("\twant[{}] = {:#x};\n", field.name, to.*field.member);
    }
    return text;
  }

  std::string call(const TraceStep& step) const {
    std::string text =
        fmt::format("\n\t/* {} = {} */\n", print_call(step.call), print_result(step.call, step.observed.result));
    if (several_) text += fmt::format("\tawait({});\n", step.index);
    if (step.call.kind == CallKind::exit_group) {
      std::uint64_t dying = 0;
      for (const std::size_t task : those_who_die(step)) dying |= std::uint64_t{1} << task;
      return text + fmt::format("\tdie({:#x}, {});\n", dying, next_turn(step.index));
    }
    if (step.call.kind == CallKind::execve) {
      // Where it goes on is a function: the file that is executed begins with it.
      text +=
          fmt::format("\tafter_call{0}(execute(\"{1}\", {0}, {2}));\n}}\n\nstatic void after_call{0}(long got)\n{{\n",
                      step.index + 1, executed_file(program_, step.call), leaders_[step.index]);
      for (const std::size_t task : those_who_die(step)) text += fmt::format("\tshared->pid[{}] = 0;\n", task);
      return text + returned(step);
    }
    return text + fmt::format("\tgot = {};\n", c_call(step.call)) + returned(step);
  }

  static std::vector<std::size_t> those_who_die(const TraceStep& step) {
    std::vector<std::size_t> tasks;
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (step.before[task] && !step.after[task]) tasks.push_back(task);
    }
    return tasks;
  }

  /// Compares what the call gave.
  static std::string returned(const TraceStep& step) {
    const auto result = static_cast<std::int64_t>(step.observed.result);
    const std::string wanted = result < 0 ? fmt::format("0, {}", errno_name(static_cast<int>(-result)))
                                          : fmt::format("{}, 0", gives_birth(step.call.kind) ? 0 : result);
    std::string text = fmt::format("\tresult(\"{}\", got, errno, {});\n", escaped(print_call(step.call)), wanted);
    for (const OutputField& field : kOutputFields) {
      if (const auto name = c_output(step.call, field.name)) {
        text += fmt::format("\toutput(\"{}\", {}, {:#x});\n", field.name, *name, step.observed.output.*field.member);
      }
    }
    return text;
  }

  std::string checked(const TraceStep& step, const TaskState<Concrete>& after) const {
    std::string text;
    const bool created =
        step.call.kind == CallKind::unshare && step.observed.result == 0 && (step.call.args[0] & CLONE_NEWUSER);
    if (created) text += "\tenter_new_user_ns();\n";
    text += fmt::format("\tcompare_state(\"after it\", {});\n", after.level == 0 ? 1 : 0);
    return text + advance(step);
  }

  std::string advance(const TraceStep& step) const {
    return several_ ? fmt::format("\tgive_turn({});\n", next_turn(step.index)) : "";
  }

  /// Calls of tasks that do not live are not made, so nobody takes their turns.
  std::size_t next_turn(std::size_t index) const {
    std::size_t next = index + 1;
    for_each_step(program_, model_, [&](const TraceStep& step) {
      if (step.index == next && !step.before[step.call.task]) ++next;
      return true;
    });
    return next;
  }

  /// What the call wrote, as C, of the outputs that a program can see.
  static std::optional<std::string> c_output(const Call<Concrete>& call, std::string_view name) {
    const bool reads = call.kind == CallKind::capget, writes = call.kind == CallKind::capset;
    if ((reads || writes) && name == "version" && !(call.args[2] & kHeaderNull)) return "header.version";
    if (reads && (name == "effective" || name == "permitted" || name == "inheritable")) {
      return fmt::format("data[0].{0} | (uint64_t)data[1].{0} << 32", name);
    }
    if (call.kind == CallKind::uffdio_api && name == "features") {
      return fmt::format("api.features & {:#x}", kUserfaultfdFeatures);
    }
    if (call.kind == CallKind::execve && name == "secure") return "got ? 0 : getauxval(AT_SECURE)";
    return std::nullopt;
  }

  static std::string c_pid(std::uint64_t pid) {
    const std::uint64_t task = pid - kFirstThreadId;
    return static_cast<std::int64_t>(pid) <= 0 ? fmt::format("{}", static_cast<std::int64_t>(pid))
                                               : fmt::format("pid_of({})", task);
  }

  std::string c_call(const Call<Concrete>& call) const;
  static std::string c_proc_write(const Call<Concrete>& call, const std::string& text);
  static std::string c_prctl(const Call<Concrete>& call);
  std::string c_plain(const Call<Concrete>& call) const;

  const Program& program_;
  const Sysctls<Concrete>& sysctls_;
  const Trace& model_;
  bool several_ = false;
  std::vector<Birth> births_;
  std::vector<std::size_t> leaders_;  ///< of each call: the task that leads the caller's thread group
  bool has_threads_ = false;
};

std::string Writer::c_prctl(const Call<Concrete>& call) {
  const CallInfo& call_info = info(call.kind);
  std::vector<std::string> arguments{std::string(call_info.name)};
  for (std::size_t i = 0; i < call_info.argument_count; ++i) {
    arguments.push_back("(unsigned long)" +
                        c_value(call_info.roles[i], call.args[i], call.kind == CallKind::cap_userns));
  }
  return fmt::format("prctl({})", fmt::join(arguments, ", "));
}

/// The calls whose name and arguments are C's. The C library changes the ids of all threads.
std::string Writer::c_plain(const Call<Concrete>& call) const {
  const CallInfo& call_info = info(call.kind);
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < call_info.argument_count; ++i) {
    arguments.push_back(c_value(call_info.roles[i], call.args[i], false));
  }
  const std::string joined = fmt::format("{}", fmt::join(arguments, ", "));
  return has_threads_ ? fmt::format("syscall(SYS_{}, {})", call_info.name, joined)
                      : fmt::format("{}({})", call_info.name, joined);
}

/// A write to a file of /proc/PID.
std::string Writer::c_proc_write(const Call<Concrete>& call, const std::string& text) {
  const std::string write =
      call.args[1] == call.task ? "write_proc(" : fmt::format("write_opened_by({}, ", call.args[1]);
  return fmt::format("{}pid_of({}), \"{}\", \"{}\")", write, call.args[0], info(call.kind).name, text);
}

std::string Writer::c_call(const Call<Concrete>& call) const {
  const auto& args = call.args;
  switch (call.kind) {
    case CallKind::capget:
    case CallKind::capset: {
      const char* const header = args[2] & kHeaderNull ? "NULL" : "&header";
      const char* const data = args[2] & kDataNull ? "NULL" : "data";
      const std::string start = fmt::format("{}, {}, {:#x}, {}", header, data, args[0], c_pid(args[1]));
      return call.kind == CallKind::capget
                 ? fmt::format("get_caps({})", start)
                 : fmt::format("set_caps({}, {:#x}, {:#x}, {:#x})", start, args[3], args[4], args[5]);
    }
    case CallKind::chroot:
      return "change_root()";
    case CallKind::write_uid_map:
    case CallKind::write_gid_map: {
      const MapLines lines(call);
      std::string text(lines.text.data(), lines.size);
      for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.replace(at, 1, "\\n");
      return c_proc_write(call, text);
    }
    case CallKind::write_setgroups:
      return c_proc_write(call, args[2] ? "allow" : "deny");
    case CallKind::write_umh_bset:
    case CallKind::write_umh_inheritable:
    case CallKind::write_umh_userns:
    case CallKind::write_cap_userns_mask:
    case CallKind::write_unprivileged_userfaultfd:
      return fmt::format("write_file({}, {})", sysctl_path(call.kind), sysctl_text(call.kind, args[0]));
    case CallKind::clone: {
      const auto birth = std::ranges::find(births_, &call, &Birth::by);
      // One that is to fail would be no task of the program's.
      return birth == births_.end() ? fmt::format("make_task({:#x}, 3, no_task)", args[0])
                                    : fmt::format("make_task({:#x}, {}, {})", args[0], birth->task, birth->function);
    }
    case CallKind::unshare:
      return fmt::format("syscall(SYS_unshare, {:#x}UL)", args[0]);
    case CallKind::setns:
      return fmt::format("setns(user_ns({}), {:#x})", args[0], args[1]);
    case CallKind::setgroups:
      return fmt::format("syscall(SYS_setgroups, {}, (gid_t[]){{ {}, {} }})", args[0], args[1], args[2]);
    case CallKind::setfsuid:
    case CallKind::setfsgid:
      return fmt::format("{}({:#x})", info(call.kind).name, args[0]);
    case CallKind::ptrace_traceme:
      return "ptrace(PTRACE_TRACEME, 0, 0, 0)";
    case CallKind::ptrace_seize:
      return fmt::format("ptrace(PTRACE_SEIZE, pid_of({}), 0, 0)", args[0]);
    case CallKind::join_session_keyring:
      return "join_session()";
    case CallKind::session_to_parent:
      return "session_to_parent()";
    case CallKind::userfaultfd:
      return fmt::format("keep(&userfault, syscall(SYS_userfaultfd, {:#x}))", args[0]);
    case CallKind::open_userfaultfd_device:
      return fmt::format("keep(&userfault_device, open(\"{}\", O_RDWR | O_CLOEXEC))", opened_node(program_, call));
    case CallKind::userfaultfd_ioc_new:
      return fmt::format("keep(&userfault, ioctl(userfault_device, USERFAULTFD_IOC_NEW, {:#x}))", args[0]);
    case CallKind::uffdio_api:
      return fmt::format("enable_userfaultfd({:#x}, {:#x})", args[0], args[1]);
    case CallKind::user_fault:
      return "use_page(1)";
    case CallKind::kernel_fault:
      return "use_page(0)";
    default:
      return info(call.kind).form == Form::prctl ? c_prctl(call) : c_plain(call);
  }
}

/// As it stands in a C comment of several lines.
std::string commented(std::string text) {
  for (std::size_t at = 0; (at = text.find("*/", at)) != std::string::npos;) text.replace(at, 2, "* /");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 4) text.replace(at, 1, "\n * ");
  return text;
}

/// A task opens a file for another between its own calls, and only by returning to user mode, where it takes the
/// session keyring that its child gave it: earlier than in the model. Throws std::invalid_argument if that is so
/// anywhere.
void check_openers(const Program& program, const Profile& profile, const Start& start) {
  World<Concrete> world;
  begin(world, profile, start);
  for (const Call<Concrete>& call : program.calls) {
    if (!world.tasks[call.task].alive) continue;
    if (info(call.kind).form == Form::proc_file && call.args[1] != call.task) {
      const Task<Concrete>& opener = world.tasks[call.args[1]];
      if (opener.alive && opener.pending_session) {
        throw std::invalid_argument(fmt::format(
            "{}: to open it, t{} returns to user mode, and takes the session keyring that its child gave it "
            "earlier than in the model",
            print_call(call), call.args[1]));
      }
    }
    step(profile, world, call);
  }
}

/// The parts of the C file that a program needs before its own.
std::string c_parts(const Program& program) {
  const auto any_of = [&](std::initializer_list<CallKind> kinds) {
    return std::ranges::any_of(kinds, [&](CallKind kind) { return has_call(program, kind); });
  };
  std::string text = kPrelude;
  if (any_of({CallKind::execve, CallKind::open_userfaultfd_device})) text += kFiles;
  if (any_of({CallKind::execve})) text += kExecute;
  if (any_of({CallKind::open_userfaultfd_device})) text += kDevice;
  if (any_of({CallKind::uffdio_api, CallKind::user_fault, CallKind::kernel_fault})) text += kUserfaultfd;
  return text;
}

}  // namespace

std::string no_c_form(const Call<Concrete>& call) {
  if (call.kind == CallKind::ns_capable || call.kind == CallKind::usermodehelper) return "it is no system call";
  const char* const obstacle = unmakeable_file(call);
  return obstacle ? obstacle : "";
}

std::string why_root(const Program& program) {
  const bool executes = has_call(program, CallKind::execve),
             opens = has_call(program, CallKind::open_userfaultfd_device);
  if (executes || opens) {
    return fmt::format("it prepares {}{}{}, on a tmpfs in a mount namespace of its own",
                       executes ? "files to execute" : "", executes && opens ? " and " : "",
                       opens ? "the device's node" : "");
  }
  if (has_call(program, CallKind::ptrace_traceme)) return "it is the parent that may trace";
  return changes_system(program) ? "it looks what is in /proc/sys before, and restores it" : "";
}

std::string c_reproducer(const TraceText& trace, const Profile& profile, const Privilege& privilege,
                         ReproducerShape shape, std::string_view command) {
  for (const Call<Concrete>& call : trace.program.calls) {
    const std::string reason = no_c_form(call);
    if (!reason.empty()) throw std::invalid_argument(fmt::format("{}: {}", print_call(call), reason));
  }
  Trace model;
  const Start start = start_with(profile, privilege);
  run_model(profile, start, trace.program, model);
  if (std::ranges::find(model.guards, Guard::task_free) != model.guards.end()) {
    throw std::invalid_argument("it makes more tasks at once than the model has, which a kernel does not mind");
  }
  check_openers(trace.program, profile, start);
  const Writer writer(trace.program, start.sysctls, model);
  const bool is_selftest = shape == ReproducerShape::kselftest;
  const std::string intent = trace.intent.empty() ? "A program of capcheck." : trace.intent;
  std::string text = fmt::format(
      "// SPDX-License-Identifier: GPL-2.0-only\n/*\n * {}\n *\n * Expected of Linux {}.\n"
      " * Least privilege, found by trying: {}. Root gives up the rest.\n",
      commented(intent), to_string(profile), describe(privilege));
  if (const std::string why = why_root(trace.program); !why.empty()) {
    text += fmt::format(" * Root has to start it: {}.\n", why);
  }
  if (changes_system(trace.program)) {
    text +=
        " * It writes to /proc/sys, if started with --allow-system-changes. A mask there is whole again after a "
        "boot.\n";
  }
  text += fmt::format(" * Made by: {}\n", command);
  text += is_selftest ? " * A test for tools/testing/selftests/DIRECTORY, to be named in its Makefile.\n */\n"
                        "#define _GNU_SOURCE\n#include \"../kselftest.h\"\n\n"
                      : " * Compile and run: cc -o repro repro.c && ./repro\n"
                        " * Exit status: 0 agrees, 1 differs, 2 could not be asked.\n */\n";
  text += c_parts(trace.program);
  text += fmt::format("\nstatic const int first_turn = {};\n\nstatic void expect_start(void)\n{{\n{}}}\n\n",
                      writer.first_turn(), writer.start());
  text += fmt::format("static void become_start(void)\n{{\n{}}}\n\n", c_start(trace.program, privilege));
  text += writer.functions() + writer.preparation() + writer.going_on();
  if (!is_selftest) return text + kMain;
  const std::string name = trace.known ? trace.known->signature : intent.substr(0, intent.find('\n'));
  return text + fmt::format("\nstatic const char test_name[] = \"{}\";\n", escaped(name)) + kKselftestMain;
}

}  // namespace capcheck
