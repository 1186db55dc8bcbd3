// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/sut/booted_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "fuzz/sut/perform.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

/// A frame has all programs that begin before this byte; a program has 16 KiB at most.
constexpr std::size_t kFrameAt = 65536;

/// "6.18.4-x" as 6018, to compare; 0 if it is no version.
unsigned version_number(const std::string& text) {
  constexpr unsigned kMinors = 1000;
  unsigned major = 0, minor = 0;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, major);
  if (error != std::errc() || dot == end || *dot != '.') return 0;
  std::from_chars(dot + 1, end, minor);
  return major * kMinors + minor;
}

Features detected_features(const Hello& hello, const Release& release) {
  Features features;
  features.userns = hello.has_userns_set != 0;
  features.capbset_drop_lowers_userns = features.userns && hello.drop_lowers_userns;
  features.userns_mask = features.userns && hello.has_userns_mask;
  features.userns_strict = features.userns && (hello.securebits & ~release.securebits) != 0;
  features.userfaultfd_cap = hello.last_cap == release.last_cap + 1;
  return features;
}

/// What of a kernel is not as its profile says; empty if all is.
std::string find_mismatch(const Hello& hello, const Profile& profile) {
  if (hello.last_cap != profile.last_cap()) {
    return fmt::format("CAP_LAST_CAP is {}, profile {} has {}", hello.last_cap, to_string(profile), profile.last_cap());
  }
  // Without privilege these cannot be asked for; and whose kernel has unprivileged ones shows only those.
  if (hello.privileged && hello.securebits != profile.securebits()) {
    return fmt::format("the securebits are {:#x}, profile {} has {:#x}", hello.securebits, to_string(profile),
                       profile.securebits());
  }
  const Features found = detected_features(hello, *profile.release);
  for (const FeatureInfo& feature : kFeatures) {
    if (found.*feature.member != profile.features.*feature.member) {
      return fmt::format("the kernel has {}the feature {}, unlike profile {}", found.*feature.member ? "" : "not ",
                         feature.name, to_string(profile));
    }
  }
  return {};
}

}  // namespace

Profile detect_profile(const Hello& hello) {
  const std::string release = hello.release.data();
  const unsigned version = version_number(release);
  const Release* newest = nullptr;
  for (const Release& known : kReleases) {
    if (version_number(std::string(known.name)) <= version) newest = &known;
  }
  if (!newest) throw EnvironmentError(fmt::format("Linux {} is older than any release that is modelled", release));
  const Profile profile{newest, detected_features(hello, *newest)};
  const std::string mismatch = find_mismatch(hello, profile);
  if (!mismatch.empty()) {
    throw EnvironmentError(
        fmt::format("Linux {} is not as Linux {}, whose rules are the nearest: {}", release, newest->name, mismatch));
  }
  return profile;
}

BootedSystem::BootedSystem(BootedOptions options) : options_(std::move(options)) {
  start();
}

BootedSystem::~BootedSystem() {
  if (link_ && queue_.empty()) link_->close();
}

std::string BootedSystem::name() const {
  return fmt::format("{} ({})", options_.name, release());
}

void BootedSystem::start() {
  link_ = std::make_unique<Link>(options_.command, options_.processors);
  const auto reject = [&](std::string_view reason) {
    throw EnvironmentError(fmt::format("{}: {}{}", options_.name, reason, link_->console()));
  };
  const std::optional<Frame> frame = link_->receive(options_.boot);
  if (!frame) {
    reject(link_->broken().empty() ? fmt::format("no executor answered within {} s", options_.boot.count() / 1000)
                                   : "the executor did not start: " + link_->broken());
  }
  Hello hello;
  if (frame->type != FrameType::hello || frame->payload.size() < sizeof(Hello)) reject("the first frame is no hello");
  std::memcpy(&hello, frame->payload.data(), sizeof(hello));
  hello.release.back() = '\0';
  if (hello.alphabet != kAlphabet) reject("the executor knows other calls than this program; build both again");
  const auto text = frame->payload.subspan(sizeof(Hello));
  notes_.assign(reinterpret_cast<const char*>(text.data()), text.size());
  if (!hello.usable) reject("no program can be run there: " + notes_);
  if (restarts_ > 0 && std::memcmp(&hello, &hello_, sizeof(hello)) != 0) {
    reject("the kernel is another one after it was started again");
  }
  hello_ = hello;
  answered_ = false;
  if (!options_.profile) return;
  const std::string mismatch = find_mismatch(hello_, *options_.profile);
  if (!mismatch.empty()) reject(mismatch);
}

std::string BootedSystem::refusal(const Call<Concrete>& call) const {
  if (!(hello_.performs >> static_cast<unsigned>(call.kind) & 1)) {
    return fmt::format("{} makes no {}", options_.name, info(call.kind).name);
  }
  const char* obstacle = unmakeable_file(call);
  return obstacle ? obstacle : "";
}

void BootedSystem::run(const Program& program, Trace& trace) {
  bool given = false;
  const Receiver receiver = [&](const Program&, const Trace& seen) {
    trace = seen;
    given = true;
  };
  submit(program, receiver);
  finish(receiver);
  if (!given) throw std::logic_error("a booted kernel gave no trace of a program");
}

void BootedSystem::submit(const Program& program, const Receiver& receiver) {
  queue_.push_back({program, next_id_++, 0});
  pump(receiver, options_.window - 1);
}

void BootedSystem::finish(const Receiver& receiver) {
  pump(receiver, 0);
}

/// Sends and receives what can be, and waits until no more than `keep` programs are left.
void BootedSystem::pump(const Receiver& receiver, std::size_t keep) {
  while (!queue_.empty()) {
    send_ahead();
    const bool wait = queue_.size() > keep;
    const std::optional<Frame> frame = link_->receive(wait ? options_.answer : std::chrono::milliseconds(0));
    if (frame) {
      take(*frame, receiver);
    } else if (!link_->broken().empty()) {
      lose(link_->broken(), receiver);
    } else if (wait) {
      lose(fmt::format("it did not answer within {} s", options_.answer.count() / 1000), receiver);
    } else {
      return;
    }
  }
}

/// Half of the window is a frame: while its programs are run, the answers to the other half are read, and others sent.
void BootedSystem::send_ahead() {
  const std::size_t window = careful_ > 0 ? 1 : options_.window, part = std::max<std::size_t>(window / 2, 1);
  while (under_way_ <= window - part && under_way_ < queue_.size()) {
    packed_.clear();
    const std::uint32_t first = queue_[under_way_].id;
    const std::size_t end = std::min(under_way_ + part, queue_.size());
    for (; under_way_ < end && packed_.size() < kFrameAt; ++under_way_)
      pack_program(packed_, queue_[under_way_].program);
    link_->send(FrameType::programs, first, packed_);
  }
}

/// Reads what was answered of the program at the queue's front; what is wrong with it, or nothing.
std::string BootedSystem::read_answer(const Frame& frame) {
  trace_.refusal.clear();
  if (frame.type == FrameType::refusal) {
    trace_.refusal.assign(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size());
    coverage_.clear();
    return {};
  }
  if (frame.type != FrameType::trace || !unpack_trace(frame.payload, queue_.front().program, trace_)) {
    return "it answered with what is no trace";
  }
  return hello_.gives_coverage && covered_ != frame.id ? "it gave a trace without coverage" : "";
}

void BootedSystem::take(const Frame& frame, const Receiver& receiver) {
  if (under_way_ == 0 || frame.id != queue_.front().id) {
    return lose(fmt::format("it answered program {}, which was not asked", frame.id), receiver);
  }
  if (frame.type == FrameType::coverage) {
    covered_ = frame.id;
    return unpack_coverage(frame.payload, coverage_) ? void() : lose("it answered with what is no coverage", receiver);
  }
  const std::string wrong = read_answer(frame);
  if (!wrong.empty()) return lose(wrong, receiver);
  if (is_spent(trace_)) {
    if (!answered_)
      throw EnvironmentError(options_.name + ": its masks under /proc/sys/kernel are not full at its start");
    sent_again_ += under_way_;
    return start_again();
  }
  answered_ = true;
  give_front(receiver);
}

void BootedSystem::give_front(const Receiver& receiver) {
  const Program program = std::move(queue_.front().program);
  queue_.pop_front();
  --under_way_;
  if (careful_ > 0) --careful_;
  receiver(program, trace_);
}

/// A mask only ever shrinks, and one that has is no start for another program. Those of the user-mode helper show only
/// in helpers, which are not made here.
bool BootedSystem::is_spent(const Trace& trace) const {
  if (!options_.profile || !options_.profile->features.userns_mask || !trace.refusal.empty()) return false;
  return (~trace.sysctls.cap_userns_mask & options_.profile->full_set()) != 0;
}

void BootedSystem::start_again() {
  link_.reset();
  under_way_ = 0;
  covered_ = 0;
  ++restarts_;
  start();
}

void BootedSystem::lose(const std::string& reason, const Receiver& receiver) {
  const std::string console = link_->console();
  ++losses_;
  last_loss_ = fmt::format("{}; its last words:{}", reason, console.empty() ? " none" : console);
  const std::size_t lost = under_way_;
  sent_again_ += lost;
  careful_ = std::max(careful_, lost);
  const bool guilty = lost == 1 && ++queue_.front().deaths == 2;
  start_again();
  if (!guilty) return;
  --sent_again_;
  coverage_.clear();
  trace_ = {};
  trace_.failure = fmt::format("{} was lost while it ran this program alone, twice: {}", options_.name, last_loss_);
  ++under_way_;
  give_front(receiver);
}

}  // namespace capcheck
