// SPDX-License-Identifier: GPL-2.0-only
// A directory that does not outlive its owner.
#ifndef CAPCHECK_FUZZ_GUEST_SCRATCH_H_
#define CAPCHECK_FUZZ_GUEST_SCRATCH_H_

#include <filesystem>

#include "corpus/files.h"
#include "fuzz/guest/child.h"

namespace capcheck {

/// A directory for what a guest is started with and leaves behind. It goes with its owner, even with one that is
/// killed: a shell waits for that, in a session of its own, which a terminal's signals do not reach.
class Scratch {
 public:
  /// Makes it among the temporary files. Throws std::system_error.
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  Pipe alive_;  ///< the shell reads it; its end is the owner's
  Child remover_;
};

}  // namespace capcheck

#endif
