// SPDX-License-Identifier: GPL-2.0-only
// Generators of calls, programs and states, with the edge values that the fuzzer's mutator uses, and shrinking towards
// fewer calls with plainer arguments. Programs are shown as trace text.
#ifndef CAPCHECK_PROPS_GENERATORS_H_
#define CAPCHECK_PROPS_GENERATORS_H_

#include <rapidcheck.h>

#include <ostream>

#include "model/program.h"

namespace capcheck {

/// A canonical call of task 0; shrinks one argument at a time towards 0, sets bit by bit.
rc::Gen<Call<Concrete>> any_call(const Profile& profile);

/// A call of any task, alive or not.
rc::Gen<Call<Concrete>> any_call_of_any_task(const Profile& profile);

/// A call of task 0 of this kind.
rc::Gen<Call<Concrete>> any_call(const Profile& profile, CallKind kind);

/// A program; shrinks by leaving out calls, then by shrinking those that are left.
rc::Gen<Program> any_program(const Profile& profile);

/// A world that some calls may have led to, or not: tasks with any credentials whose sets lie within the full set, as
/// the proved invariants allow, in namespaces of any depth with any maps (nested one deeper than `deepest` at most).
/// Task 0 lives.
rc::Gen<World<Concrete>> any_world(const Profile& profile, std::uint64_t deepest = 32);

/// A call of task 0, with arguments that a world treats apart: ids at the edges of its maps, its namespaces and tasks.
/// Of one of these kinds; of none: any.
rc::Gen<Call<Concrete>> any_call_in(const Profile& profile, const World<Concrete>& world,
                                    std::vector<CallKind> kinds = {});

// What RapidCheck prints of a counterexample.
void showValue(const Call<Concrete>& call, std::ostream& out);
void showValue(const Program& program, std::ostream& out);
void showValue(const World<Concrete>& world, std::ostream& out);

}  // namespace capcheck

#endif
