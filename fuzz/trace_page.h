// SPDX-License-Identifier: GPL-2.0-only
// A trace as a page to look at: who was in which namespace when, which capability was in which set, and why.
#ifndef CAPCHECK_FUZZ_TRACE_PAGE_H_
#define CAPCHECK_FUZZ_TRACE_PAGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/explanation.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Where a kernel parts from the model.
struct ShownDivergence {
  std::string kernel, summary;      ///< "6.12+userns", "state after call 2"
  std::optional<std::size_t> call;  ///< its index; none before the first
  std::vector<std::string> lines;   ///< which term differs
};

/// A trace of the model, with an explanation of each call.
struct ShownTrace {
  std::string name, intent;  ///< the file's name; what it says of itself
  Profile profile;
  Program program;
  Trace seen;
  std::vector<CallExplanation> explanations;
  std::vector<UserNamespace<Concrete>> namespaces;  ///< at the end, by number
  std::optional<ShownDivergence> divergence;
};

/// One HTML page.
std::string html_of(const ShownTrace& trace);

}  // namespace capcheck

#endif
