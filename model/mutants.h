// SPDX-License-Identifier: GPL-2.0-only
// Every mutant of a profile's rules (mutant.h), and how a reader finds the place of each.
#ifndef CAPCHECK_MODEL_MUTANTS_H_
#define CAPCHECK_MODEL_MUTANTS_H_

#include <array>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/guard.h"
#include "model/mutant.h"
#include "model/profile.h"

namespace capcheck {

/// What is in use of a world, with what mutants add to words; the rest of `to` stays as it is.
void lift(const World<Concrete>& from, World<MutantDomain<Concrete>>& to);
Call<MutantDomain<Concrete>> lift(const Call<Concrete>& call);
/// What is in use of a world, without it.
World<Concrete> lower(const World<MutantDomain<Concrete>>& world);
Call<Concrete> lower(const Call<MutantDomain<Concrete>>& call);

/// The mutants of a profile, in the same order every time.
class Mutants {
 public:
  explicit Mutants(const Profile& profile);

  const std::vector<Mutant>& all() const { return all_; }
  /// Those of one kind of call, and of one of its sites, or of none (kNoSite).
  std::span<const Mutant> of(CallKind kind) const;
  std::span<const Mutant> of(CallKind kind, std::size_t site) const;
  /// The place of a mutant in all().
  std::size_t index(const Mutant& mutant) const;

  /// The functions of the kernel that rules stand for (kernel_function() of domain.h).
  std::set<std::string_view> functions() const;
  /// "execve 45: & without its right side, between file_executable and …".
  std::string describe(const Mutant& mutant) const;
  Operation operation(const Mutant& mutant) const;
  /// The innermost function of the kernel that a rule around the changed site stands for; empty if there is none.
  std::string_view function(const Mutant& mutant) const;

 private:
  struct Site {
    Operation operation;
    Guard guard;          ///< of a guard
    Guard after, before;  ///< the guards around it: none where there is none
    bool in_loop;
    std::string_view function;  ///< the innermost kernel_function() around it
  };
  struct OfKind {
    std::vector<Site> sites;
    std::vector<std::size_t> first;  ///< in all(), of each site, and of what is of no site
    std::size_t end = 0;
  };
  friend class SiteList;

  const OfKind& of_kind(CallKind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }

  std::vector<Mutant> all_;
  std::array<OfKind, kCalls.size()> kinds_;
};

/// "drop", "swap with the next", …
std::string_view to_string(Mutation mutation);
/// "guard", "&", …
std::string_view to_string(Operation operation);

}  // namespace capcheck

#endif
