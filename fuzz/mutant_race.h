// SPDX-License-Identifier: GPL-2.0-only
// Which mutants of the model a program tells from the model: what is observed of a call differs.
#ifndef CAPCHECK_FUZZ_MUTANT_RACE_H_
#define CAPCHECK_FUZZ_MUTANT_RACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/mutant.h"
#include "model/mutants.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// The model over machine integers, and mutants of it that nothing has told from it yet. A mutant runs along with the
/// model from a call at which the changed operation gives another value, for as long as the worlds differ; the more
/// often that came to nothing, the more seldom.
class MutantRace {
 public:
  static constexpr std::uint16_t kTries = 2048;

  /// Whether a call that a mutant made in the model's world, and what it left, show that it is wrong.
  struct Attempt {
    std::size_t mutant;
    const World<MutantDomain<Concrete>>& before;
    const Call<MutantDomain<Concrete>>& call;
    const Reply<MutantDomain<Concrete>>& reply;
    const World<MutantDomain<Concrete>>& after;
    bool came_to_the_same;  ///< as by the rules: an operation gave another value, and nothing came of it
  };
  using Oracle = std::function<bool(const Attempt& attempt)>;
  /// Of which calls an oracle is asked, of those in which the changed operation gives another value.
  enum class Asked : std::uint8_t {
    which_differ,  ///< calls that give or leave anything else
    all,           ///< those, too, in which that comes to nothing
  };

  /// `alive` are places in mutants.all(). With an oracle, that alone tells mutants from the model, and a mutant leaves
  /// the race when so many of its calls have shown nothing: most oracles are blind to most mutants.
  MutantRace(const Profile& profile, const Mutants& mutants, std::span<const std::size_t> alive, Oracle oracle = {},
             Asked asked = Asked::which_differ);

  /// Runs a program, and gives those that were told from the model by what is observed of it: a result, what a call
  /// wrote, which tasks live, the state of one. They are no longer alive.
  const std::vector<std::size_t>& run(const Program& program);

  /// Makes one call in a world, and gives the mutants that give or leave anything else there, whether it is observed or
  /// not; with an oracle, those that it tells. They are no longer alive.
  const std::vector<std::size_t>& run(const World<Concrete>& world, const Call<Concrete>& call);

  bool is_alive(std::size_t mutant) const { return alive_[mutant]; }
  std::size_t alive() const { return alive_count_; }
  /// The kinds of call of which mutants are alive; those of which more are, more often.
  std::vector<CallKind> alive_kinds() const;

 private:
  using M = MutantDomain<Concrete>;

  /// A mutant whose world differs from the model's in what is not observed.
  struct Astray {
    std::size_t mutant;
    World<M> world;
  };
  /// Notes the mutants that give another value somewhere in a call.
  class Probe : public SiteObserver {
   public:
    explicit Probe(MutantRace& race) : race_(race) {}
    std::span<const Mutant> visit(const SiteVisit& visit) override;
    void differs(const Mutant& mutant, std::uint64_t value) override;
    void begin(CallKind kind);
    /// How often the call came by a site.
    unsigned visits(std::uint16_t site) const { return site < visits_.size() ? visits_[site] : 0; }

   private:
    MutantRace& race_;
    CallKind kind_{};
    std::vector<std::uint8_t> visits_{};
  };
  /// A mutant that computes another value than the model at its site.
  struct Infected {
    std::size_t mutant;
    std::uint64_t value;
  };
  /// What its call came to.
  enum class Outcome : std::uint8_t { same, astray, told, untold };

  void start_anew();
  void call(const Call<M>& call);
  void note_kept_fields(const Call<M>& call, const Reply<M>& reply);
  bool is_worth_trying(std::size_t mutant);
  Outcome try_out(std::size_t mutant, const Call<M>& call, const Reply<M>& expected);
  bool acts_as(const Infected& one, const Infected& other) const;
  Reply<M> step(std::size_t mutant, World<M>& world, const Call<M>& call);
  void kill(std::size_t mutant);
  void retire(std::size_t mutant);

  Profile profile_;
  const Mutants& mutants_;
  Oracle oracle_;
  Asked asked_;
  std::vector<std::uint16_t> tries_;                  ///< of each mutant, those that showed an oracle nothing
  std::vector<std::uint32_t> in_vain_, passed_over_;  ///< of each mutant, calls that gave and left the same; not tried
  std::vector<bool> alive_, noted_;
  std::size_t alive_count_ = 0;
  std::array<std::size_t, kCalls.size()> alive_of_kind_{};
  MutantRun<Concrete> run_{}, probed_run_{};
  Probe probe_{*this};
  World<M> world_{}, next_{}, other_{};
  std::vector<Infected> infected_{};
  std::vector<std::size_t> killed_{};
  std::vector<Astray> astray_;
};

}  // namespace capcheck

#endif
