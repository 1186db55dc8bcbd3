// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_race.h"

#include <algorithm>
#include <utility>

namespace capcheck {
namespace {

using M = MutantDomain<Concrete>;

template <class T>
bool same(const T& a, const T& b) {
  bool equal = true;
  zip_words(const_cast<T&>(a), b, [&](const M::Word& x, const M::Word& y) { equal = equal && x.inner == y.inner; });
  return equal;
}

bool same(const Reply<M>& a, const Reply<M>& b) {
  bool equal = a.result.inner == b.result.inner;
  for (const auto member : {&Output<M>::version, &Output<M>::effective, &Output<M>::permitted, &Output<M>::inheritable,
                            &Output<M>::secure, &Output<M>::features}) {
    equal = equal && (a.output.*member).inner == (b.output.*member).inner;
  }
  return equal;
}

bool lives(const World<M>& world, std::size_t task) {
  return world.tasks[task].alive.inner != 0;
}

/// What is observed of a world: which tasks live, and their states.
bool looks_same(const World<M>& a, const World<M>& b) {
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (lives(a, task) != lives(b, task)) return false;
    if (!lives(a, task)) continue;
    const TaskState<M> x = observe(a, task), y = observe(b, task);
    if (x.level.inner != y.level.inner || x.user_ns.inner != y.user_ns.inner || x.dumpable.inner != y.dumpable.inner ||
        !same(x.cred, y.cred)) {
      return false;
    }
  }
  return true;
}

/// All of a world, but for tasks that do not live.
bool is_same(const World<M>& a, const World<M>& b) {
  if (a.namespace_count.inner != b.namespace_count.inner || a.fs_count.inner != b.fs_count.inner ||
      a.session_count.inner != b.session_count.inner || !same(a.sysctls, b.sysctls)) {
    return false;
  }
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    if (lives(a, task) != lives(b, task) || (lives(a, task) && !same(a.tasks[task], b.tasks[task]))) return false;
  }
  for (std::size_t ns = 0; ns < a.namespace_count.inner; ++ns) {
    if (!same(a.namespaces[ns], b.namespaces[ns])) return false;
  }
  return true;
}

/// Copies what is in use: worlds are large.
void copy(const World<M>& from, World<M>& to) {
  to.tasks = from.tasks;
  to.namespace_count = from.namespace_count;
  to.fs_count = from.fs_count;
  to.session_count = from.session_count;
  to.sysctls = from.sysctls;
  std::copy_n(from.namespaces.begin(), std::min<std::size_t>(from.namespace_count.inner, kMaxNamespaces),
              to.namespaces.begin());
}

}  // namespace

MutantRace::MutantRace(const Profile& profile, const Mutants& mutants, std::span<const std::size_t> alive,
                       Oracle oracle, Asked asked)
    : profile_(profile),
      mutants_(mutants),
      oracle_(std::move(oracle)),
      asked_(asked),
      tries_(mutants.all().size()),
      in_vain_(mutants.all().size()),
      passed_over_(mutants.all().size()),
      alive_(mutants.all().size()),
      noted_(mutants.all().size()) {
  for (const std::size_t mutant : alive) {
    alive_.at(mutant) = true;
    ++alive_count_;
    ++alive_of_kind_[static_cast<std::size_t>(mutants.all()[mutant].kind)];
  }
}

void MutantRace::Probe::begin(CallKind kind) {
  kind_ = kind;
  visits_.clear();
}

std::span<const Mutant> MutantRace::Probe::visit(const SiteVisit& visit) {
  if (visits_.size() <= visit.number) visits_.resize(visit.number + 1u);
  if (visits_[visit.number] < 2) ++visits_[visit.number];
  return race_.mutants_.of(kind_, visit.number);
}

void MutantRace::Probe::differs(const Mutant& mutant, std::uint64_t value) {
  const auto index = static_cast<std::size_t>(&mutant - race_.mutants_.all().data());
  if (!race_.alive_[index] || race_.noted_[index]) return;
  race_.noted_[index] = true;
  race_.infected_.push_back({index, value});
}

std::vector<CallKind> MutantRace::alive_kinds() const {
  constexpr std::size_t kOneMoreForEach = 32;
  std::vector<CallKind> kinds;
  for (const CallInfo& call : kCalls) {
    const std::size_t alive = alive_of_kind_[static_cast<std::size_t>(call.kind)];
    kinds.insert(kinds.end(), (alive + kOneMoreForEach - 1) / kOneMoreForEach, call.kind);
  }
  return kinds;
}

void MutantRace::retire(std::size_t mutant) {
  alive_[mutant] = false;
  --alive_count_;
  --alive_of_kind_[static_cast<std::size_t>(mutants_.all()[mutant].kind)];
}

void MutantRace::kill(std::size_t mutant) {
  retire(mutant);
  killed_.push_back(mutant);
}

Reply<MutantDomain<Concrete>> MutantRace::step(std::size_t mutant, World<M>& world, const Call<M>& call) {
  run_.mutant = mutants_.all()[mutant];
  return mutated_step<Concrete>(profile_, run_, world, call);
}

/// Of mutants that keep a field, those that make a difference: the field has changed.
void MutantRace::note_kept_fields(const Call<M>& call, const Reply<M>& reply) {
  if (reply.result.inner >> 63u != 0) return;
  const Task<M>& before = world_.tasks[call.task];
  const std::uint64_t survivor = call.kind == CallKind::execve ? before.leader.inner : call.task;
  for (const Mutant& mutant : mutants_.of(call.kind, kNoSite)) {
    const bool in_child = mutant.change.mutation == Mutation::keep_in_child;
    const std::uint64_t number = in_child ? reply.result.inner - kFirstThreadId : survivor;
    const auto member = kCredentialFields<M>[mutant.change.detail].member;
    if ((before.cred.*member).inner != (next_.tasks[number].cred.*member).inner) probe_.differs(mutant, 0);
  }
}

/// Most mutants that come to nothing again and again never come to anything, and would take most of the time.
bool MutantRace::is_worth_trying(std::size_t mutant) {
  constexpr std::uint32_t kEverySo = 64;
  if (passed_over_[mutant]++ < in_vain_[mutant] / kEverySo) return false;
  passed_over_[mutant] = 0;
  return true;
}

/// Lets a mutant make a call in the model's world; other_ is what it leaves.
MutantRace::Outcome MutantRace::try_out(std::size_t mutant, const Call<M>& call, const Reply<M>& expected) {
  copy(world_, other_);
  const Reply<M> reply = step(mutant, other_, call);
  const bool replies_same = same(reply, expected);
  const bool came_to_the_same = replies_same && is_same(other_, next_);
  if (came_to_the_same && (!oracle_ || asked_ == Asked::which_differ)) return Outcome::same;
  if (oracle_)
    return oracle_({mutant, world_, call, reply, other_, came_to_the_same}) ? Outcome::told : Outcome::untold;
  return replies_same && looks_same(other_, next_) ? Outcome::astray : Outcome::told;
}

/// Two mutants of a site that the call comes by once, with the same value there, go on alike. So of truth values, of
/// which there is but one other, one is run for all. An oracle is asked of each.
bool MutantRace::acts_as(const Infected& one, const Infected& other) const {
  const Mutant &a = mutants_.all()[one.mutant], &b = mutants_.all()[other.mutant];
  return !oracle_ && a.site == b.site && a.site != kNoSite && one.value == other.value && probe_.visits(a.site) == 1;
}

void MutantRace::call(const Call<M>& call) {
  if (!lives(world_, call.task)) return;
  copy(world_, next_);
  infected_.clear();
  const bool probes = alive_of_kind_[static_cast<std::size_t>(call.kind)] != 0;
  probed_run_.observer = probes ? &probe_ : nullptr;
  probe_.begin(call.kind);
  const Reply<M> expected = mutated_step<Concrete>(profile_, probed_run_, next_, call);

  std::erase_if(astray_, [&](Astray& astray) {
    noted_[astray.mutant] = true;  // it goes on from where it is
    const Reply<M> reply = step(astray.mutant, astray.world, call);
    const bool told = !same(reply, expected) || !looks_same(astray.world, next_);
    if (told) kill(astray.mutant);
    noted_[astray.mutant] = !told && !is_same(astray.world, next_);
    return !noted_[astray.mutant];
  });
  if (probes) note_kept_fields(call, expected);
  const Infected* last = nullptr;
  Outcome outcome{};
  for (const Infected& infected : infected_) {
    const std::size_t mutant = infected.mutant;
    noted_[mutant] = false;
    if (!alive_[mutant] || !is_worth_trying(mutant)) continue;
    if (!last || !acts_as(infected, *last)) outcome = try_out(mutant, call, expected);
    last = &infected;
    if (outcome == Outcome::told) kill(mutant);
    if (outcome == Outcome::same) ++in_vain_[mutant];
    if (outcome == Outcome::untold && ++tries_[mutant] == kTries) retire(mutant);
    if (outcome != Outcome::astray) continue;
    astray_.push_back({mutant, other_});
    noted_[mutant] = true;
  }
  std::swap(world_, next_);
}

void MutantRace::start_anew() {
  killed_.clear();
  for (const Astray& astray : astray_) noted_[astray.mutant] = false;
  astray_.clear();
}

const std::vector<std::size_t>& MutantRace::run(const World<Concrete>& world, const Call<Concrete>& call_made) {
  start_anew();
  lift(world, world_);
  call(lift(call_made));
  for (const Astray& astray : astray_) kill(astray.mutant);
  return killed_;
}

const std::vector<std::size_t>& MutantRace::run(const Program& program) {
  start_anew();
  MutantRun<Concrete>* const outer = std::exchange(mutant_run<Concrete>, &probed_run_);
  probed_run_.paused = 1;
  begin(world_, profile_);
  mutant_run<Concrete> = outer;
  for (const Call<Concrete>& each : program.calls) call(lift(each));
  return killed_;
}

}  // namespace capcheck
