// SPDX-License-Identifier: GPL-2.0-only
// The model against what is claimed of it: every invariant that is claimed to hold does, along any program, on every
// release, as it is, with the userns set, and with all features. No kernel is needed.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/mutator.h"
#include "fuzz/parsers/require.h"
#include "model/trace_text.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace capcheck;

struct Tried {
  Profile profile;
  Oracles oracles;
};

Features all_features() {
  Features features;
  for (const FeatureInfo& feature : kFeatures) features.*feature.member = true;
  return features;
}

std::vector<Tried> make_all_tried() {
  std::vector<Tried> all_tried;
  for (const Release& release : kReleases) {
    for (const Features& features : {Features{}, Features{.userns = true}, all_features()}) {
      const Profile profile{&release, features};
      all_tried.push_back({profile, Oracles(profile)});
    }
  }
  return all_tried;
}

const std::vector<Tried> all_tried = make_all_tried();

/// The comparison applies the oracles to the second trace.
void check(const Tried& tried, const Program& program, Trace& trace) {
  run_model(tried.profile, program, trace);
  const auto divergence = find_divergence(tried.oracles, program, trace, trace);
  if (!divergence) return;
  fmt::print(stderr, "{} on {}, in:\n{}", summarise(*divergence), to_string(tried.profile),
             print_trace(expect_observed(tried.profile, program, trace, "Found by fuzzing the model.")));
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Program program;
  static Trace trace;
  decode({data, size}, program);
  require(decode(encode(program)) == program, "a program encoded again reads the same");
  for (const Tried& tried : all_tried) check(tried, program, trace);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  Random random(seed);
  // Now and then libFuzzer's own mutations, which know of the constants that rules compared with.
  if (pick_below(random, 8) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const Profile& profile = all_tried[pick_below(random, all_tried.size())].profile;
  return write_program(data, max_size, next_program({data, size}, max_size, profile, random));
}
