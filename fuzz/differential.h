// SPDX-License-Identifier: GPL-2.0-only
// The comparison: a program's trace on the model against its trace on a kernel.
#ifndef CAPCHECK_FUZZ_DIFFERENTIAL_H_
#define CAPCHECK_FUZZ_DIFFERENTIAL_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/sut/in_process_kernel.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Where two traces of one program part, or where the kernel's own states break an invariant.
struct Divergence {
  enum class Kind : std::uint8_t {
    initial_state,  ///< before the first call
    result,         ///< of the call
    output,         ///< what the call wrote to user memory
    state,          ///< of a task, after the call; or which tasks live
    invariant,      ///< the kernel's states break one that is claimed to hold
    failure,        ///< the kernel could not finish the program
  };
  Kind kind;
  std::size_t call;                          ///< index of the call; the number of calls made for a failure
  const InvariantInfo* invariant = nullptr;  ///< the one broken, if that is the kind
};

/// The first divergence between what the model expects and what the kernel did. Oracles apply to the kernel's trace.
std::optional<Divergence> find_divergence(const Oracles& oracles, const Program& program, const Trace& model,
                                          const Trace& kernel);

/// The model and a kernel, side by side. The traces are of the program last run.
class Differential {
 public:
  /// Loads the kernel. Throws as InProcessKernel does.
  Differential(const Profile& profile, std::filesystem::path kernel_file)
      : profile_(profile), oracles_(profile), kernel_(std::move(kernel_file), profile) {}

  /// Runs a program on both and compares.
  std::optional<Divergence> run(const Program& program);

  const Profile& profile() const { return profile_; }
  const Trace& model_trace() const { return model_trace_; }
  const Trace& kernel_trace() const { return kernel_trace_; }
  InProcessKernel& kernel() { return kernel_; }

  /// The report on a divergence of the program last run: see the free function below.
  std::string explain(const Divergence& divergence, const Program& program, std::string_view replay) const;

 private:
  Profile profile_;
  Oracles oracles_;
  InProcessKernel kernel_;
  Trace model_trace_, kernel_trace_;
};

/// "state of call 3", for a table's cell.
std::string summarise(const Divergence& divergence);

/// A report for a person: the program in text, the call that differs, both states side by side by name, and the command
/// that replays it (`replay`).
std::string explain(const Divergence& divergence, const Profile& profile, const Program& program, const Trace& model,
                    const Trace& kernel, std::string_view kernel_name, std::string_view replay);

}  // namespace capcheck

#endif
