// SPDX-License-Identifier: GPL-2.0-only
// The executor: takes programs from a link, runs them by real system calls, and sends back what it saw.
//
//   executor [--allow-system-changes] [--unlink]    on this machine; the link is standard input and output
//   (as process 1)                                  in a guest; the link is the device that the kernel's command line
//                                                   names: capcheck.link=/dev/ttyS0
#include <fmt/format.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

#include "fuzz/executor/coverage.h"
#include "fuzz/executor/environment.h"
#include "fuzz/executor/frames.h"
#include "fuzz/executor/runner.h"

namespace capcheck {
namespace {

struct Link {
  int in, out;
};

/// Answers are sent when all programs of a frame have been run, or there are this many bytes of them.
constexpr std::size_t kSendAt = 16384;

class Server {
 public:
  Server(const Link& link, const Environment& environment)
      : link_(link), gives_coverage_(environment.hello.gives_coverage != 0), runner_(environment) {
    std::vector<std::uint8_t> hello(sizeof(Hello));
    std::memcpy(hello.data(), &environment.hello, sizeof(Hello));
    hello.insert(hello.end(), environment.notes.begin(), environment.notes.end());
    append_frame(out_, FrameType::hello, 0, hello);
    flush();
  }

  /// Serves until capcheck says bye or is gone.
  void serve() {
    while (take_frames()) {
      if (!fill()) return;
    }
  }

 private:
  /// Reads what is there, at least something; false at the end.
  bool fill() {
    constexpr std::size_t kChunk = 65536;
    const std::size_t held = in_.size();
    in_.resize(held + kChunk);
    ssize_t size = 0;
    do {
      size = read(link_.in, in_.data() + held, kChunk);
    } while (size < 0 && errno == EINTR);
    if (size < 0) throw std::runtime_error(fmt::format("reading from the link: {}", std::strerror(errno)));
    in_.resize(held + static_cast<std::size_t>(size));
    return size > 0;
  }

  void flush() {
    for (std::size_t sent = 0; sent < out_.size();) {
      const ssize_t size = write(link_.out, out_.data() + sent, out_.size() - sent);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) throw std::runtime_error(fmt::format("writing to the link: {}", std::strerror(errno)));
      sent += static_cast<std::size_t>(size);
    }
    out_.clear();
  }

  /// Runs every whole frame that was read; false after a bye.
  bool take_frames() {
    std::size_t taken = 0;
    for (;;) {
      const FrameRead next = read_frame(std::span(in_).subspan(taken));
      if (!next.broken.empty()) throw std::runtime_error("on the link: " + next.broken);
      if (!next.frame) break;
      if (next.frame->type == FrameType::bye) return false;
      if (next.frame->type != FrameType::programs) throw std::runtime_error("on the link: a frame of no programs");
      run_all(*next.frame);
      taken += next.frame->whole_size();
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken));
    return true;
  }

  void run_all(const Frame& frame) {
    std::span<const std::uint8_t> rest = frame.payload;
    std::uint32_t id = frame.id;
    do {
      if (!unpack_program(rest, program_)) throw std::runtime_error("on the link: bytes that are no program");
      run(id++);
      if (out_.size() >= kSendAt) flush();
    } while (!rest.empty());
    flush();
  }

  void run(std::uint32_t id) {
    try {
      runner_.run(program_, trace_);
      if (gives_coverage_) {
        payload_.clear();
        pack_coverage(payload_, runner_.coverage());
        append_frame(out_, FrameType::coverage, id, payload_);
      }
      payload_.clear();
      pack_trace(payload_, program_, trace_);
      append_frame(out_, FrameType::trace, id, payload_);
    } catch (const Refusal& refusal) {
      append_frame(out_, FrameType::refusal, id, std::string_view(refusal.what()));
    }
  }

  Link link_;
  bool gives_coverage_;
  Runner runner_;
  Program program_;
  Trace trace_;
  std::vector<std::uint8_t> in_, out_, payload_;
};

void block_signals() {
  // Tasks inherit this. So a tracee does not stop for the SIGTRAP of its execve().
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

/// Does not return: whether the guest powers itself off or, after an error, panics for want of an init, its process
/// ends.
int run_in_guest() {
  try {
    block_signals();
    const int link = become_init();
    const Environment environment = prepare(Place::guest, true);
    Server({link, link}, environment).serve();
  } catch (const std::exception& error) {
    fmt::print(stderr, "executor: {}\n", error.what());
    return 1;
  }
  reboot(RB_POWER_OFF);
  return 1;
}

int run_here(int argc, char** argv) {
  bool changes = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--allow-system-changes") {
      changes = true;
    } else if (argument == "--unlink") {
      unlink(argv[0]);
    } else {
      fmt::print(stderr, "executor: unknown argument {}; capcheck starts this program\n", argument);
      return 2;
    }
  }
  try {
    const Place place = isolate();
    block_signals();
    const Environment environment = prepare(place, changes);
    Server({STDIN_FILENO, STDOUT_FILENO}, environment).serve();
  } catch (const std::exception& error) {
    fmt::print(stderr, "executor: {}\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace capcheck

int main(int argc, char** argv) {
  return getpid() == 1 ? capcheck::run_in_guest() : capcheck::run_here(argc, argv);
}
