// SPDX-License-Identifier: GPL-2.0-only
// What all systems under test have in common: they run programs and give traces.
#ifndef CAPCHECK_FUZZ_SUT_SYSTEM_H_
#define CAPCHECK_FUZZ_SUT_SYSTEM_H_

#include <functional>
#include <string>

#include "fuzz/executor/coverage.h"
#include "model/program.h"

namespace capcheck {

/// A system under test. One at a time runs a program.
class System {
 public:
  /// Takes a program that was run, with its trace.
  using Receiver = std::function<void(const Program&, const Trace&)>;

  System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  virtual ~System() = default;

  /// Runs a program in a fresh world, into a trace whose memory is used again. If the system dies or cannot finish it,
  /// trace.failure says so; if it does not run it at all, trace.refusal does.
  virtual void run(const Program& program, Trace& trace) = 0;

  /// The same, when it suits: the receiver is given each program handed in, in their order, in this call or a later
  /// one, at the latest by finish().
  virtual void submit(const Program& program, const Receiver& receiver) {
    run(program, submitted_);
    receiver(program, submitted_);
  }
  virtual void finish(const Receiver&) {}

  /// Why the system does not make a call; empty if it does.
  virtual std::string refusal(const Call<Concrete>&) const { return {}; }
  /// It makes all calls, and at once: there is nothing to be had from refusal() and submit().
  virtual bool makes_all() const { return true; }

  /// Programs begin where the system happens to be, not in the model's initial state: the model goes by trace.initial
  /// and trace.sysctls.
  virtual bool begins_as_found() const { return false; }

  /// What of the kernel's code the program last given to a receiver, or last run, made it run. Null if the kernel does
  /// not tell. One in this process tells libFuzzer itself.
  virtual const Coverage* coverage() const { return nullptr; }

  /// How often the system was lost (it died, or hung) and was made again, and how that went last: "it was killed by
  /// signal 9". Which program was the cause is not known, unless its trace's failure tells.
  virtual unsigned losses() const { return 0; }
  virtual std::string last_loss() const { return {}; }

  /// For reports: "6.12+userns", "host (6.18.4)".
  virtual std::string name() const = 0;
  /// The options of `capcheck replay` that run programs here: "--kernel FILE", "--on host".
  virtual std::string replay_options() const = 0;
  /// The kernel's version: "6.12.117".
  virtual std::string release() const = 0;

 private:
  Trace submitted_;
};

}  // namespace capcheck

#endif
