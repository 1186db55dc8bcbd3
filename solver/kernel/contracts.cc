// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/contracts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace capcheck {
namespace {

constexpr std::uint64_t kPointerSize = 8;
constexpr unsigned kIntBits = 32, kLongBits = 64;

Pointer pointer_argument(const KernelCall& call, std::size_t index) {
  return as_pointer(call.arguments.at(index));
}

/// The pointer, or null.
Value unless(const SymbolicBool& fails, const Pointer& pointer) {
  return choose(fails, Pointer::null(), pointer);
}

Pointer current_task(Interpreter& interpreter, State& state) {
  return as_pointer(interpreter.read(state, interpreter.variable("capcheck_current"), 0, kPointerSize));
}

std::optional<Value> prepare_creds(Interpreter& interpreter, State& state, const KernelCall& call) {
  const ObjectId old = current_credentials(interpreter, state);
  const ObjectId made = interpreter.add_copy(fmt::format("credentials made at {}", call.place), state, old);
  for (const char* field : {"usage", "rcu"}) {
    const FieldPlace place = interpreter.code().field("cred", field);
    for (std::uint64_t at = place.offset; at < place.end(); at += kPointerSize) {
      const std::uint64_t size = std::min(kPointerSize, place.end() - at);
      state.memory.write(made, at, size, any_bits(field, static_cast<unsigned>(size * 8)));
    }
  }
  return unless(interpreter.perhaps("no_memory"), Pointer::to(made));
}

std::optional<Value> commit_creds(Interpreter& interpreter, State& state, const KernelCall& call) {
  const Pointer task = current_task(interpreter, state);
  for (const char* field : {"cred", "real_cred"}) {
    const FieldPlace place = interpreter.code().field("task_struct", field);
    Pointer at = task;
    for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
    interpreter.write(state, at, place.size, pointer_argument(call, 0), call.place);
  }
  return bits_of(std::uint64_t{0}, kIntBits);
}

std::optional<Value> nothing(Interpreter&, State&, const KernelCall&) {
  return std::nullopt;
}

std::optional<Value> any_int(Interpreter&, State&, const KernelCall&) {
  return any_bits("result", kIntBits);
}

/// A value that the proof gives.
auto given(const char* name) {
  return [name](Interpreter& interpreter, State&, const KernelCall&) -> std::optional<Value> {
    return interpreter.given(name);
  };
}

/// 0, or an error for want of something.
auto unless_out_of(const char* name, int error) {
  return [name, error](Interpreter& interpreter, State&, const KernelCall&) -> std::optional<Value> {
    const auto failed = static_cast<std::uint64_t>(static_cast<std::int64_t>(-error)) & 0xffffffff;
    return choose(interpreter.perhaps(name), bits_of(failed, kIntBits), bits_of(std::uint64_t{0}, kIntBits));
  };
}

std::optional<Value> succeeds_or_not(Interpreter& interpreter, State&, const KernelCall&) {
  return !interpreter.perhaps("fails");
}

std::optional<Value> any_success(Interpreter&, State&, const KernelCall&) {
  return bits_of(std::uint64_t{0}, kIntBits);
}

/// An object that the proof gives, or null.
auto object_given(const char* name) {
  return [name](Interpreter& interpreter, State&, const KernelCall&) -> std::optional<Value> {
    return unless(interpreter.perhaps("no_memory"), as_pointer(interpreter.given(name)));
  };
}

std::optional<Value> set_ucounts(Interpreter& interpreter, State& state, const KernelCall& call) {
  const SymbolicBool failed = interpreter.perhaps("no_ucounts");
  const FieldPlace place = interpreter.code().field("cred", "ucounts");
  Pointer at = pointer_argument(call, 0);
  for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
  const Value old = interpreter.read(state, at, place.size, call.place);
  const Pointer counts = Pointer::to(interpreter.add_object("new ucounts", "ucounts"));
  interpreter.write(state, at, place.size, choose(failed, as_pointer(old), counts), call.place);
  constexpr std::uint64_t kFailed = static_cast<std::uint32_t>(-EAGAIN);
  return choose(failed, bits_of(kFailed, kIntBits), bits_of(std::uint64_t{0}, kIntBits));
}

/// An object of which nothing is asked, or null.
auto object_or_null(const char* name, const char* structure) {
  return [name, structure](Interpreter& interpreter, State&, const KernelCall& call) -> std::optional<Value> {
    const ObjectId made = interpreter.add_object(fmt::format("{} from {}", name, call.place), structure);
    interpreter.set_private(made);
    return unless(interpreter.perhaps("no_memory"), Pointer::to(made));
  };
}

std::optional<Value> any_truth(Interpreter&, State&, const KernelCall&) {
  return equal(any_bits("truth", 1), bits_of(1, 1));
}

std::optional<Value> first_argument(Interpreter&, State&, const KernelCall& call) {
  return call.arguments.at(0);
}

/// A piece of memory that is copied: from one pointer to another, where a condition holds.
void copy_where(Interpreter& interpreter, State& state, const SymbolicBool& condition, Pointer to, Pointer from,
                std::uint64_t size, const std::string& place) {
  constexpr std::uint64_t kStep = 4;
  State here = state;
  here.path = state.path & condition;
  for (std::uint64_t done = 0; done < size; done += kStep) {
    const std::uint64_t length = std::min(kStep, size - done);
    const Value copied = interpreter.read(here, from, length, place);
    const Value old = interpreter.read(here, to, length, place);
    interpreter.write(here, to, length, choose(condition, copied, old), place);
    for (Pointer* pointer : {&to, &from}) {
      for (Target& target : pointer->targets) target.offset += static_cast<std::int64_t>(kStep);
    }
  }
  state.memory = here.memory;
}

/// An address of the user's memory: null is no memory, and all else was given.
std::optional<Pointer> user_pointer(const Interpreter& interpreter, std::uint64_t address, std::uint64_t size,
                                    const std::string& place) {
  constexpr std::uint64_t kFirstPage = 4096;
  if (address < kFirstPage) return std::nullopt;
  const auto& memory = interpreter.user_memory();
  auto found = memory.upper_bound(address);
  if (found == memory.begin()) throw KernelCodeError(fmt::format("{}: a user's address that was not given", place));
  --found;
  const std::uint64_t offset = address - found->first;
  if (offset + size > interpreter.object(found->second).size)
    throw KernelCodeError(fmt::format("{}: a user's memory is accessed beyond its end", place));
  return Pointer::to(found->second, static_cast<std::int64_t>(offset));
}

/// raw_copy_from_user(to, from, size), raw_copy_to_user(to, from, size): gives how much was not copied.
template <bool kToUser>
std::optional<Value> copy_user(Interpreter& interpreter, State& state, const KernelCall& call) {
  const std::size_t user = kToUser ? 0 : 1;
  const Pointer own = as_pointer(call.arguments.at(1 - user));
  z3::expr left = bits_of(std::uint64_t{0}, kLongBits);
  for (const auto& [is_address, address] : interpreter.values_of(state, as_bits(call.arguments.at(user)), call.place)) {
    for (const auto& [is_size, size] : interpreter.values_of(state, as_bits(call.arguments.at(2)), call.place)) {
      const SymbolicBool here = is_address & is_size;
      const auto theirs = user_pointer(interpreter, address, size, call.place);
      if (!theirs) {
        left = choose(here, bits_of(size, kLongBits), left);
      } else {
        copy_where(interpreter, state, here, kToUser ? *theirs : own, kToUser ? own : *theirs, size, call.place);
      }
    }
  }
  return left;
}

/// memset(to, 0, size)
std::optional<Value> clear(Interpreter& interpreter, State& state, const KernelCall& call) {
  if (numeral_of(as_bits(call.arguments.at(1))) != 0)
    throw KernelCodeError(fmt::format("{}: memset() to something else than 0 is not understood", call.place));
  Pointer to = pointer_argument(call, 0);
  for (const auto& [here, size] : interpreter.values_of(state, as_bits(call.arguments.at(2)), call.place)) {
    if (size == 0) continue;
    const ObjectId zeros = interpreter.add_memory("zeros", size);
    interpreter.set_bytes(zeros, 0, size, bits_of(std::uint64_t{0}, static_cast<unsigned>(size * 8)));
    copy_where(interpreter, state, here, to, Pointer::to(zeros), size, call.place);
  }
  return to;
}

/// kmem_cache_zalloc() of a user namespace.
std::optional<Value> allocate_user_ns(Interpreter& interpreter, State&, const KernelCall& call) {
  constexpr std::uint64_t kZero = 0x100;  // __GFP_ZERO
  const auto flags = numeral_of(as_bits(call.arguments.at(1)));
  if (!flags || (*flags & kZero) == 0)
    throw KernelCodeError(fmt::format("{}: memory that is not cleared is asked for", call.place));
  return unless(interpreter.perhaps("no_memory"), as_pointer(interpreter.given("new_ns")));
}

/// __vfs_getxattr(dentry, inode, name, value, size): the attribute's size, or an error.
std::optional<Value> read_attribute(Interpreter& interpreter, State& state, const KernelCall& call) {
  const Pointer attribute = as_pointer(interpreter.given("attribute"));
  const std::uint64_t size = interpreter.object(*attribute.targets.at(0).object).size;
  copy_where(interpreter, state, true, pointer_argument(call, 3), attribute, size, call.place);
  return interpreter.given("attribute_size");
}

/// memcpy(to, from, size)
std::optional<Value> copy(Interpreter& interpreter, State& state, const KernelCall& call) {
  for (const auto& [here, size] : interpreter.values_of(state, as_bits(call.arguments.at(2)), call.place))
    copy_where(interpreter, state, here, pointer_argument(call, 0), pointer_argument(call, 1), size, call.place);
  return call.arguments.at(0);
}

/// memdup_user_nul(user, size)
std::optional<Value> copy_user_text(Interpreter& interpreter, State&, const KernelCall& call) {
  const Pointer text = as_pointer(interpreter.given("text"));
  if (numeral_of(as_bits(call.arguments.at(1))) != interpreter.object(*text.targets.at(0).object).size - 1)
    throw KernelCodeError(fmt::format("{}: a text of another size is copied", call.place));
  const auto failed = static_cast<std::uint64_t>(static_cast<std::int64_t>(-ENOMEM));
  return choose(interpreter.perhaps("no_memory"), Pointer::of_number(bits_of(failed, kLongBits)), text);
}

/// simple_strtoul(text, end, 10) of a text that has only places for numbers, which the proof gives.
std::optional<Value> read_number(Interpreter& interpreter, State& state, const KernelCall& call) {
  Pointer at = interpreter.narrowed(state, pointer_argument(call, 0));
  if (at.targets.size() != 1 || !at.targets[0].object || numeral_of(as_bits(call.arguments.at(2))) != 10)
    throw KernelCodeError(fmt::format("{}: no place of a text is read, or no decimal number", call.place));
  Value number = interpreter.given(fmt::format("number at {}", at.targets[0].offset));
  const auto is_at_digit = [&] {
    const auto byte = numeral_of(as_bits(interpreter.read(state, at, 1, call.place)));
    return byte && '0' <= *byte && *byte <= '9';
  };
  while (is_at_digit()) ++at.targets[0].offset;
  interpreter.write(state, pointer_argument(call, 1), kPointerSize, at, call.place);
  return number;
}

/// proc_doulongvec_minmax(table, write, …) of a table whose data are two numbers: those that the proof gives.
std::optional<Value> read_two_numbers(Interpreter& interpreter, State& state, const KernelCall& call) {
  constexpr std::uint64_t kSize = 8;
  const FieldPlace data = interpreter.code().field("ctl_table", "data");
  Pointer at = pointer_argument(call, 0);
  for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(data.offset);
  Pointer number = as_pointer(interpreter.read(state, at, data.size, call.place));
  const SymbolicBool reads = equal(as_bits(call.arguments.at(1)), bits_of(std::uint64_t{0}, kIntBits));
  for (const char* name : {"low word", "high word"}) {
    const Value old = interpreter.read(state, number, kSize, call.place);
    interpreter.write(state, number, kSize, choose(reads, old, interpreter.given(name)), call.place);
    for (Target& target : number.targets) target.offset += static_cast<std::int64_t>(kSize);
  }
  return unless_out_of("no_numbers", EINVAL)(interpreter, state, call);
}

/// set_dumpable(mm, value)
std::optional<Value> set_dumpable(Interpreter& interpreter, State& state, const KernelCall& call) {
  constexpr std::uint64_t kMask = 3;  // MMF_DUMPABLE_MASK
  const FieldPlace place = interpreter.code().field("mm_struct", "flags");
  Pointer at = pointer_argument(call, 0);
  for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
  const SymbolicWord old = word_of_bits(as_bits(interpreter.read(state, at, place.size, call.place))),
                     value = word_of_bits(as_bits(call.arguments.at(1)));
  interpreter.write(state, at, place.size, low_bits((old & ~SymbolicWord(kMask)) | value, kLongBits), call.place);
  return std::nullopt;
}

std::optional<Value> any_long(Interpreter&, State&, const KernelCall&) {
  return any_bits("result", kLongBits);
}

/// sort(base, count, size, compare, swap) of up to two numbers.
std::optional<Value> sort_two(Interpreter& interpreter, State& state, const KernelCall& call) {
  constexpr std::uint64_t kSize = 4;
  const Pointer first = pointer_argument(call, 0), compare = pointer_argument(call, 3);
  if (numeral_of(as_bits(call.arguments.at(2))) != kSize)
    throw KernelCodeError(fmt::format("{}: something else than numbers of 32 bits is sorted", call.place));
  Pointer second = first;
  for (Target& target : second.targets) target.offset += static_cast<std::int64_t>(kSize);
  for (const auto& [here, count] : interpreter.values_of(state, as_bits(call.arguments.at(1)), call.place)) {
    if (count < 2) continue;
    if (count > 2) throw KernelCodeError(fmt::format("{}: more than two numbers are sorted", call.place));
    const std::string name = interpreter.object(*compare.targets.at(0).object).name;  // "FUNCTION()"
    const std::vector<Value> numbers{first, second};
    const auto order = interpreter.run(name.substr(0, name.find('(')), numbers, state);
    const SymbolicBool swaps = here & condition_of(as_bits(*order) > bits_of(std::uint64_t{0}, kIntBits));
    const Value low = interpreter.read(state, first, kSize, call.place),
                high = interpreter.read(state, second, kSize, call.place);
    interpreter.write(state, first, kSize, choose(swaps, high, low), call.place);
    interpreter.write(state, second, kSize, choose(swaps, low, high), call.place);
  }
  return std::nullopt;
}

/// single_open(file, show, data): what writes to the file then finds the data by it.
std::optional<Value> open_sequence(Interpreter& interpreter, State& state, const KernelCall& call) {
  const Pointer sequence = as_pointer(interpreter.given("sequence"));
  const auto store = [&](Pointer at, std::string_view structure, std::string_view field, const Value& value) {
    const FieldPlace place = interpreter.code().field(structure, field);
    for (Target& target : at.targets) target.offset += static_cast<std::int64_t>(place.offset);
    interpreter.write(state, at, place.size, value, call.place);
  };
  store(pointer_argument(call, 0), "file", "private_data", sequence);
  store(sequence, "seq_file", "private", call.arguments.at(2));
  return unless_out_of("no_memory", ENOMEM)(interpreter, state, call);
}

std::optional<Value> ends(Interpreter&, State& state, const KernelCall&) {
  state.path = false;
  return std::nullopt;
}

std::optional<Value> must_not_be(Interpreter& interpreter, State& state, const KernelCall& call) {
  interpreter.fail(state, call.place, "the kernel warns, or stops");
  return std::nullopt;
}

Contracts make_contracts() {
  Contracts contracts;
  const auto add = [&](std::string name, std::string sentence, auto apply) {
    contracts.emplace(std::move(name), Contract{std::move(sentence), apply});
  };
  add("prepare_creds",
      "gives a copy of the current task's credentials with a reference count of its own or, out of memory, null",
      prepare_creds);
  add("commit_creds", "makes the credentials those of the current task, and gives 0 (proved as commit_creds)",
      commit_creds);
  add("abort_creds", "lets go of credentials that nobody has seen", nothing);
  add("_printk", "writes to the log, and changes nothing else", any_int);
  add("capcheck_warn", "WARN() is never reached (proved)", must_not_be);
  add("panic", "BUG() is never reached (proved)", must_not_be);
  add("refcount_warn_saturate", "a reference count that overflows is made safe, and changes nothing else", nothing);
  add("key_put", "lets go of a key", nothing);
  add("__task_pid_nr_ns", "gives the thread id of the current task", given("own_pid"));
  add("find_task_by_vpid", "gives the task that has the id, or null", given("task of the pid"));
  add("__get_task_comm", "writes the task's name where it is told, and changes nothing else", first_argument);
  add("raw_copy_from_user", "copies from the user's memory: of a null pointer nothing, of any other all",
      copy_user<false>);
  add("raw_copy_to_user", "copies to the user's memory: of a null pointer nothing, of any other all", copy_user<true>);
  add("memset", "sets memory to 0", clear);
  add("set_cred_ucounts", "sets cred->ucounts, or runs out of memory", set_ucounts);
  add("__put_cred", "lets go of credentials", nothing);
  add("prepare_kernel_cred", "gives a copy of init_cred or, out of memory, null", object_given("init_cred"));
  add("flush_signal_handlers", "is not about credentials", nothing);
  add("set_user_nice", "is not about credentials", nothing);
  add("block_signals", "is not about credentials", nothing);
  add("unblock_signals", "is not about credentials", nothing);
  add("kernel_execve", "is the exec that follows, with the credentials of then: it succeeds", any_success);
  add("do_exit", "ends a helper that was not started", ends);
  add("alloc_uid", "gives the accounting of a user, or null", object_or_null("user_struct", "user_struct"));
  add("free_uid", "lets go of the accounting of a user", nothing);
  add("is_rlimit_overlimit", "says whether a user has too many processes: anything", any_truth);
  add("get_ucounts", "takes a reference", first_argument);
  add("queue_work_on", "has work done later", any_truth);
  add("ptracer_capable", "says whether there is no tracer, or one that has SYS_PTRACE in the namespace: either",
      given("ptracer_capable"));
  add("mnt_may_suid", "says whether the mount lets set-id bits and file capabilities count: either",
      given("mnt_may_suid"));
  add("__vfs_getxattr", "reads the attribute security.capability: of any size up to 24 bytes, or none", read_attribute);
  add("current_chrooted", "says whether the task is chrooted: either", given("chrooted"));
  add("inc_ucount", "counts a namespace, or says that there are too many", object_or_null("ucounts", "ucounts"));
  add("dec_ucount", "counts a namespace less", nothing);
  add("kmem_cache_alloc_noprof", "gives cleared memory, or null", allocate_user_ns);
  add("kmem_cache_alloc", "gives cleared memory, or null", allocate_user_ns);
  add("kmem_cache_free", "gives memory back", nothing);
  add("proc_alloc_inum", "gives an inode number, or fails for want of memory", unless_out_of("inum", ENOMEM));
  add("proc_free_inum", "gives an inode number back", nothing);
  add("setup_userns_sysctls", "registers the namespace's sysctls, or runs out of memory", succeeds_or_not);
  add("__init_rwsem", "makes a lock", nothing);
  add("mutex_lock", "takes a lock: nobody else changes what is looked at", nothing);
  add("mutex_unlock", "lets go of a lock", nothing);
  for (const char* name : {"__kvmalloc_node_noprof", "kvmalloc_node"})
    add(name, "gives memory for the groups, or null", object_given("group_info"));
  add("kvfree", "gives memory back", nothing);
  add("sort", "puts two numbers in the order of what compares them", sort_two);
  add("proc_doulongvec_minmax", "reads two numbers of 32 bits, any, or says that there are none", read_two_numbers);
  add("inode_permission", "lets a task execute the file: it has come so far", any_success);
  add("down_write", "takes a lock: nobody else changes what is looked at", nothing);
  add("up_write", "lets go of a lock", nothing);
  add("set_dumpable", "sets whether the address space is dumpable", set_dumpable);
  add("inc_rlimit_ucounts", "counts a process", any_long);
  add("dec_rlimit_ucounts", "counts a process less", any_truth);
  add("key_fsuid_changed", "gives the thread's keyring another owner", nothing);
  add("key_fsgid_changed", "gives the thread's keyring another owner", nothing);
  add("memcpy", "copies memory", copy);
  add("memdup_user_nul", "gives a copy of the user's text or, out of memory, an error", copy_user_text);
  add("simple_strtoul", "reads a number of 32 bits to the end of its digits: any number", read_number);
  add("kfree", "gives memory back", nothing);
  add("get_pid_task", "gives the task that the file of /proc is about: it lives", given("task of the file"));
  add("single_open", "has what writes to the file find the namespace by it, or runs out of memory", open_sequence);
  add("new_userfaultfd", "is reached by those who may have a userfaultfd, and gives one or an error of its own",
      given("userfaultfd"));
  return contracts;
}

}  // namespace

ObjectId current_credentials(Interpreter& interpreter, State& state) {
  const Pointer task = current_task(interpreter, state);
  if (task.targets.size() != 1 || !task.targets[0].object)
    throw KernelCodeError("the current task is not one that was given");
  const Pointer cred = as_pointer(interpreter.read(state, *task.targets[0].object, "cred"));
  if (cred.targets.size() != 1 || !cred.targets[0].object)
    throw KernelCodeError("new credentials are asked for where others may have been committed");
  return *cred.targets[0].object;
}

const Contracts& kernel_contracts() {
  static const Contracts contracts = make_contracts();
  return contracts;
}

}  // namespace capcheck
