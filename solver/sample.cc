// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "fuzz/minimise.h"
#include "fuzz/mutator.h"
#include "solver/quest.h"

namespace capcheck {
namespace {

/// The calls of a program, without those that make a start.
constexpr std::size_t kLongest = 12;

std::size_t longest_of(const Quest& quest) {
  std::size_t longest_start = 0;
  for (const Program& start : quest.starts) longest_start = std::max(longest_start, start.calls.size());
  return std::min(kLongest + longest_start, kMaxCalls);
}

/// The program without the calls that it can do without and stay as good, the later ones first.
Program without_needless_calls(const std::function<bool(const Program&)>& is_good, Program program) {
  for (std::size_t i = program.calls.size(); i-- > 0;) {
    Program shorter = program;
    shorter.calls.erase(shorter.calls.begin() + static_cast<std::ptrdiff_t>(i));
    if (is_good(shorter)) program = std::move(shorter);
  }
  return program;
}

/// The programs that came nearest, of those that do not meet the quest.
class Nearest {
 public:
  explicit Nearest(const Quest& quest) : quest_(quest) { begin_again(); }

  bool is_known() const { return !programs_.empty(); }

  const Program& pick(Random& random) const { return programs_[pick_below(random, programs_.size())]; }

  /// One that comes as near is as good, so that the search does not stay where it is. What is nearest for too long
  /// leads nowhere, and is forgotten.
  void look_at(const Program& program, Random& random) {
    constexpr std::size_t kMany = 16;
    constexpr int kLong = 8000;
    if (!quest_.nearness) return;
    if (++since_nearer_ > kLong) begin_again();
    const std::size_t nearness = quest_.nearness(program);
    if (nearness == 0 || nearness < nearness_) return;
    if (nearness > nearness_) {
      programs_.clear();
      nearness_ = nearness;
      since_nearer_ = 0;
    }
    // Most stay as they are, since what is needless now may be of use; but there has to be room for more.
    constexpr std::uint64_t kShortened = 4;
    Program kept = program;
    if (pick_below(random, kShortened) == 0) {
      kept =
          without_needless_calls([&](const Program& it) { return quest_.nearness(it) >= nearness; }, std::move(kept));
    }
    if (programs_.size() < kMany) {
      programs_.push_back(std::move(kept));
    } else {
      programs_[pick_below(random, kMany)] = std::move(kept);
    }
  }

 private:
  void begin_again() {
    programs_ = quest_.starts;
    nearness_ = programs_.empty() ? 0 : quest_.nearness(programs_.front());
    since_nearer_ = 0;
  }

  const Quest& quest_;
  std::vector<Program> programs_;
  std::size_t nearness_ = 0;
  int since_nearer_ = 0;
};

/// Goes on with a program by calls of those kinds, which share arguments as the fuzzer's do.
void go_on(Program& program, std::size_t longest, const std::vector<CallKind>& kinds, const Profile& profile,
           Random& random) {
  constexpr std::uint64_t kMost = 3;
  for (std::uint64_t more = 1 + pick_below(random, kMost); more > 0 && program.calls.size() < longest; --more) {
    const std::uint8_t task = program.calls.empty() ? 0 : program.calls[pick_below(random, program.calls.size())].task;
    program.calls.push_back(pick_call(random, profile, kinds[pick_below(random, kinds.size())], task));
  }
}

}  // namespace

std::size_t programs_worth_sampling(const Quest& quest) {
  return quest.nearness ? 300'000 : 100'000;
}

std::optional<Program> sample(const Profile& profile, const Quest& quest, std::size_t programs,
                              std::size_t after_best) {
  constexpr std::size_t kFromScratch = 16, kFromBest = 4;
  const std::size_t longest = longest_of(quest);
  Random random(1);
  Program program;
  std::optional<Program> best;
  Nearest nearest(quest);
  std::size_t since_best = 0;
  for (std::size_t i = 0; i < programs && since_best < after_best; ++i) {
    if (best && i % kFromBest == 0) {
      program = *best;
    } else if (i % kFromScratch == 0) {
      program.calls.clear();
    } else if (nearest.is_known() && i % kFromBest != 0) {
      program = nearest.pick(random);
    }
    if (nearest.is_known() && !quest.last_kinds.empty() && pick_below(random, 2)) {
      go_on(program, longest, quest.last_kinds, profile, random);
    } else {
      mutate(program, longest, profile, random, Idioms::short_ones);
    }
    since_best += best.has_value();
    auto meeting = quest.beginning(program);
    if (!meeting) {
      if (!best) nearest.look_at(program, random);
      continue;
    }
    Program short_one = without_needless_calls(quest.replays, *std::move(meeting));
    if (leave_out_tasks(short_one, quest.replays)) {
      short_one = without_needless_calls(quest.replays, std::move(short_one));
    }
    if (best && short_one.calls.size() >= best->calls.size()) continue;
    best = std::move(short_one);
    since_best = 0;
  }
  return best;
}

}  // namespace capcheck
