// SPDX-License-Identifier: GPL-2.0-only
// A kernel that is booted, as a system under test: an executor makes the calls of programs on it, at the other end of a
// link.
#ifndef CAPCHECK_FUZZ_SUT_BOOTED_SYSTEM_H_
#define CAPCHECK_FUZZ_SUT_BOOTED_SYSTEM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/executor/frames.h"
#include "fuzz/sut/link.h"
#include "fuzz/sut/system.h"
#include "model/profile.h"

namespace capcheck {

struct BootedOptions {
  std::vector<std::string> command;  ///< standard input and output are the link, standard error is the console
  Processors processors = Processors::all;
  std::string name;            ///< for reports: "host"
  std::string replay_options;  ///< "--on host"
  /// The kernel is of this profile, and programs begin in its initial state. Without one, the kernel is taken as found.
  std::optional<Profile> profile;
  std::chrono::milliseconds boot{120'000};   ///< until the executor says hello
  std::chrono::milliseconds answer{30'000};  ///< between two answers, while some are due
  std::size_t window = 64;                   ///< programs sent ahead
  std::shared_ptr<const void> keeps;         ///< what the command needs as long as it may be started
};

/// The machine here or there is not one on which programs can be run; what() says why.
struct EnvironmentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The profile of a kernel as found: the newest release that is modelled and not newer than the kernel, and what was
/// found by asking. Throws EnvironmentError if the rules of none can be expected of it.
Profile detect_profile(const Hello& hello);

/// Keeps a guest running. If one dies, hangs or says what is no frame, it is killed and another is started; programs
/// that were under way are run again, one at a time. A program under way alone at two such deaths is taken to be the
/// cause: its trace's failure tells of it, with the console's last lines.
class BootedSystem final : public System {
 public:
  /// Starts the command and waits for its hello. Throws EnvironmentError, with the console's last lines.
  explicit BootedSystem(BootedOptions options);
  ~BootedSystem() override;

  void run(const Program& program, Trace& trace) override;
  void submit(const Program& program, const Receiver& receiver) override;
  void finish(const Receiver& receiver) override;
  std::string refusal(const Call<Concrete>& call) const override;
  bool makes_all() const override { return false; }
  bool begins_as_found() const override { return !options_.profile; }
  const Coverage* coverage() const override { return hello_.gives_coverage ? &coverage_ : nullptr; }
  unsigned losses() const override { return losses_; }
  std::string last_loss() const override { return last_loss_; }
  std::string name() const override;
  std::string replay_options() const override { return options_.replay_options; }
  std::string release() const override { return hello_.release.data(); }

  const Hello& hello() const { return hello_; }
  /// What of the environment is worth knowing: lines.
  const std::string& notes() const { return notes_; }
  /// The process that runs now: a guest, or an executor here.
  pid_t process() const { return link_->process(); }
  /// How often it was started again after it was lost, and how many programs were then sent again.
  unsigned restarts() const { return restarts_; }
  std::uint64_t sent_again() const { return sent_again_; }

 private:
  struct Waiting {
    Program program;
    std::uint32_t id = 0;
    unsigned deaths = 0;  ///< of the guest while this program was the only one under way
  };

  void start();
  void pump(const Receiver& receiver, std::size_t keep);
  void send_ahead();
  void take(const Frame& frame, const Receiver& receiver);
  std::string read_answer(const Frame& frame);
  void lose(const std::string& reason, const Receiver& receiver);
  void start_again();
  bool is_spent(const Trace& trace) const;
  void give_front(const Receiver& receiver);

  BootedOptions options_;
  std::unique_ptr<Link> link_;
  Hello hello_{};
  std::string notes_;
  std::deque<Waiting> queue_;
  std::size_t under_way_ = 0;  ///< of the queue, from its front
  std::size_t careful_ = 0;    ///< of the queue, from its front: run one at a time
  std::uint32_t next_id_ = 1;
  std::vector<std::uint8_t> packed_;
  bool answered_ = false;  ///< since the last start
  Trace trace_;
  Coverage coverage_;
  std::uint32_t covered_ = 0;  ///< the program of that coverage; 0 if there is none
  unsigned restarts_ = 0, losses_ = 0;
  std::string last_loss_;
  std::uint64_t sent_again_ = 0;
};

}  // namespace capcheck

#endif
