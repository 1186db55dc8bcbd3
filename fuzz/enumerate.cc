// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/enumerate.h"

#include <fmt/format.h>
#include <tsl/robin_set.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fuzz/differential.h"
#include "model/step.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// The calls whose outcome hangs on what a state of a small world tells of its task, and on nothing else; and that
/// change nothing else which one of them reads.
constexpr CallKinds kTold =
    kinds({CallKind::capget, CallKind::capset, CallKind::capbset_read, CallKind::capbset_drop, CallKind::cap_ambient,
           CallKind::cap_userns, CallKind::set_securebits, CallKind::get_securebits, CallKind::set_keepcaps,
           CallKind::get_keepcaps, CallKind::set_no_new_privs, CallKind::get_no_new_privs, CallKind::unshare,
           CallKind::setuid, CallKind::setreuid, CallKind::setresuid, CallKind::setfsuid, CallKind::execve});

void check_alphabet(const SmallWorld& world) {
  for (const Call<Concrete>& call : world.calls) {
    if (kTold & kinds({call.kind})) continue;
    throw std::logic_error(
        fmt::format("{} is not for small worlds: it reads or leaves more than their states tell", print_call(call)));
  }
}

/// The model in one state, from which calls are made again and again.
class ModelStep {
 public:
  ModelStep(const Profile& profile, Fault fault) : profile_(profile), fault_(fault) {
    begin(before_, profile_);
    const IdExtent<Concrete> unwritten{0, 0, 0};
    before_.namespaces[1] = {.parent = 0,
                             .level = 1,
                             .owner = 0,
                             .group = 0,
                             .parent_could_setfcap = 0,
                             .setgroups_allowed = 1,
                             .uid_map = {unwritten, unwritten},
                             .gid_map = {unwritten, unwritten}};
    after_ = before_;
  }

  void stand_in(const TaskState<Concrete>& state) {
    state_ = state;
    before_.tasks[0].cred = state.cred;
    before_.tasks[0].user_ns = state.user_ns;
    before_.tasks[0].dumpable = state.dumpable;
    before_.namespace_count = state.user_ns + 1;
  }

  /// The reply, and what is observed of the task afterwards.
  Reply<Concrete> make(const Call<Concrete>& call, TaskState<Concrete>& after) {
    after_.tasks[0] = before_.tasks[0];
    after_.namespaces[0] = before_.namespaces[0];
    after_.namespaces[1] = before_.namespaces[1];
    after_.namespace_count = before_.namespace_count;
    const Reply<Concrete> reply =
        fault_ == Fault::none ? step(profile_, after_, call) : faulty_step(profile_, fault_, after_, call);
    after = observe(after_, 0);
    return reply;
  }

  const TaskState<Concrete>& state() const { return state_; }
  const World<Concrete>& world() const { return before_; }

 private:
  Profile profile_;
  Fault fault_;
  TaskState<Concrete> state_{};
  World<Concrete> before_{}, after_{};
};

/// Of a step: the invariants whose premise it met, and those that it broke. Bit n is the catalogue's n-th.
struct Judgement {
  std::uint64_t met = 0, broken = 0;
};

template <class I>
void judge_by(const Profile& profile, const Step<Concrete>& step, std::uint64_t bit, Judgement& judged) {
  if constexpr (StateInvariant<I, Concrete>) {
    judged.met |= bit;
    if (!I::holds(profile, step.after)) judged.broken |= bit;
  } else if constexpr (!OfHelpers<I>) {
    if (!I::premise(profile, step)) return;
    judged.met |= bit;
    if (!I::conclusion(profile, step)) judged.broken |= bit;
  }
}

/// Asks what can break by a call of one kind: compiled for each kind by itself. Where nothing changed, only what is
/// about that kind can (see Oracles).
template <CallKind Kind, bool Changed>
Judgement judge_kind(const Profile& profile, const Step<Concrete>& step) {
  if (step.call.kind != Kind) __builtin_unreachable();
  Judgement judged;
  std::size_t index = 0;
  for_each_invariant([&]<class I>() __attribute__((always_inline)) {
    const std::uint64_t bit = std::uint64_t{1} << index++;
    if constexpr (AboutOneCall<I>) {
      if constexpr (I::about == Kind) judge_by<I>(profile, step, bit, judged);
    } else if constexpr (Changed) {
      judge_by<I>(profile, step, bit, judged);
    }
  });
  return judged;
}

using JudgeKind = Judgement (*)(const Profile&, const Step<Concrete>&);

template <bool Changed, std::size_t... Kind>
constexpr std::array<JudgeKind, kCalls.size()> judges(std::index_sequence<Kind...>) {
  return {&judge_kind<static_cast<CallKind>(Kind), Changed>...};
}

Judgement judge(const Profile& profile, const Step<Concrete>& step, bool changed) {
  static constexpr auto kOfChange = judges<true>(std::make_index_sequence<kCalls.size()>());
  static constexpr auto kOfRest = judges<false>(std::make_index_sequence<kCalls.size()>());
  return (changed ? kOfChange : kOfRest)[static_cast<std::size_t>(step.call.kind)](profile, step);
}

struct HashState {
  std::size_t operator()(const PackedState& state) const {
    // Multiplied by odd numbers without a pattern, the upper bits depend on all others; they are what is folded down.
    const std::uint64_t mixed = (state.sets * 0x9e3779b97f4a7c15 ^ state.rest) * 0xd6e8feb86659fd93;
    return mixed ^ mixed >> 32;
  }
};

/// How a state was reached first.
struct Origin {
  std::uint32_t state, call;
};
constexpr std::uint32_t kStart = std::numeric_limits<std::uint32_t>::max();

class Search {
 public:
  Search(const Profile& profile, const SmallWorld& world, Fault fault)
      : profile_(profile), world_(world), packing_(profile, world), model_(profile, fault) {
    check_alphabet(world);
    for_each_invariant([&]<class I>() {
      invariants_.push_back({&I::info, I::claim(profile), false, std::nullopt});
      if (I::claim(profile) == Claim::not_applicable) settled_ |= std::uint64_t{1} << (invariants_.size() - 1);
    });
  }

  Enumeration run() {
    const auto begun = Clock::now();
    for (const TaskState<Concrete>& start : world_.starts) add(packing_.pack(start), {kStart, 0});
    for (std::uint32_t state = 0; state < states_.size(); ++state) look_at(state);
    Enumeration found;
    found.steps = states_.size() * world_.calls.size();
    found.seconds = seconds_since(begun);
    found.states = std::move(states_);
    for (std::size_t i = 0; i < invariants_.size(); ++i) {
      invariants_[i].met = met_ >> i & 1;
      if (invariants_[i].claim != Claim::not_applicable) found.invariants.push_back(std::move(invariants_[i]));
    }
    return found;
  }

 private:
  void add(const PackedState& state, Origin origin) {
    if (!known_.insert(state).second) return;
    if (states_.size() == kStart) throw std::length_error("a small world has more states than fit 32 bits");
    states_.push_back(state);
    origins_.push_back(origin);
  }

  void look_at(std::uint32_t number) {
    model_.stand_in(packing_.unpack(states_[number]));
    TaskState<Concrete> after;
    for (std::uint32_t i = 0; i < world_.calls.size(); ++i) {
      const Call<Concrete>& call = world_.calls[i];
      const Reply<Concrete> reply = model_.make(call, after);
      const bool changed = !same(model_.state(), after);
      // Of the first states, also what cannot break there: so that it is seen to have been met.
      const Judgement judged =
          judge(profile_, {model_.state(), call, reply.result, after, Whose::caller, &model_.world()},
                changed || number < world_.starts.size());
      met_ |= judged.met;
      if (judged.broken & ~settled_) [[unlikely]]
        note_broken(judged.broken & ~settled_, {number, i});
      if (changed) add(packing_.pack(after), {number, i});
    }
  }

  void note_broken(std::uint64_t broken, Origin last) {
    settled_ |= broken;
    for (std::size_t i = 0; i < invariants_.size(); ++i) {
      if (broken >> i & 1) invariants_[i].broken = path_by(last);
    }
  }

  Path path_by(Origin last) const {
    Path path;
    Origin here = last;
    for (; here.state != kStart; here = origins_[here.state]) {
      path.calls.push_back(world_.calls[here.call]);
      path.start = packing_.unpack(states_[here.state]);
    }
    std::ranges::reverse(path.calls);
    return path;
  }

  const Profile profile_;
  const SmallWorld& world_;
  const StatePacking packing_;
  ModelStep model_;
  tsl::robin_set<PackedState, HashState> known_;
  std::vector<PackedState> states_;
  std::vector<Origin> origins_;
  std::vector<Exhausted> invariants_;
  std::uint64_t met_ = 0;
  std::uint64_t settled_ = 0;  ///< nothing more is to be learnt of these
};

/// The same state again and again, on a kernel. A call that enters a namespace ends the world, since no task comes
/// back.
class KernelStep {
 public:
  explicit KernelStep(InProcessKernel& kernel) : kernel_(kernel) {}

  void stand_in(const TaskState<Concrete>& state) {
    if (!open_ || level_ != state.level) reopen(state.level);
    state_ = state;
    kernel_.dress(state_);
  }

  Observation make(const Call<Concrete>& call) {
    const Observation observed = kernel_.call(call, others_);
    if (observed.state.user_ns != state_.user_ns) {
      reopen(state_.level);
      kernel_.dress(state_);
    } else if (!same(observed.state, state_)) {
      kernel_.dress(state_);
    }
    return observed;
  }

  void end() {
    if (open_) kernel_.end();
    open_ = false;
  }

 private:
  void reopen(std::uint64_t level) {
    end();
    kernel_.begin();
    open_ = true;
    level_ = level;
    for (std::uint64_t entered = 0; entered < level; ++entered) {
      const Observation observed = kernel_.call({CallKind::unshare, 0, {CLONE_NEWUSER}}, others_);
      if (observed.result != 0) throw std::runtime_error("the kernel lets root enter no user namespace");
    }
  }

  InProcessKernel& kernel_;
  bool open_ = false;
  std::uint64_t level_ = 0;
  TaskState<Concrete> state_{};
  std::vector<TaskState<Concrete>> others_;
};

}  // namespace

Enumeration enumerate_model(const Profile& profile, const SmallWorld& world, Fault fault) {
  return Search(profile, world, fault).run();
}

KernelEnumeration enumerate_kernel(const Profile& profile, const SmallWorld& world,
                                   const std::vector<PackedState>& states, InProcessKernel& kernel) {
  const auto begun = Clock::now();
  const StatePacking packing(profile, world);
  ModelStep model(profile, Fault::none);
  KernelStep stepped(kernel);
  KernelEnumeration found;
  // One level after the other, since it takes a world to change it.
  for (const bool nested : {false, true}) {
    for (const PackedState& packed : states) {
      const TaskState<Concrete> state = packing.unpack(packed);
      if ((state.level != 0) != nested) continue;
      model.stand_in(state);
      stepped.stand_in(state);
      for (const Call<Concrete>& call : world.calls) {
        Observation expected;
        const Reply<Concrete> reply = model.make(call, expected.state);
        expected.result = reply.result;
        expected.output = reply.output;
        expected.alive = 1;
        const Observation observed = stepped.make(call);
        ++found.steps;
        if (same(expected, observed)) continue;
        found.difference = {state, call, side_by_side(call, expected, observed, profile.full_set())};
        stepped.end();
        found.seconds = seconds_since(begun);
        return found;
      }
    }
  }
  stepped.end();
  found.seconds = seconds_since(begun);
  return found;
}

}  // namespace capcheck
