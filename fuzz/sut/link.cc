// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/sut/link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kConsoleLines = 20;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// In the child: descriptors in their places, and the command in the place of this program. A descriptor that tells of
/// a failed exec by its errno.
[[noreturn]] void become(char* const* arguments, Processors processors, pid_t parent, int link, int console,
                         int failure) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before it could take this one with it
  setpgid(0, 0);
  keep_to(processors);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(link, STDIN_FILENO);
  dup2(link, STDOUT_FILENO);
  dup2(console, STDERR_FILENO);
  execvp(arguments[0], arguments);
  const int error = errno;
  const ssize_t ignored = write(failure, &error, sizeof(error));
  _exit(ignored == sizeof(error) ? 127 : 126);
}

void set_nonblocking(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

}  // namespace

Link::Link(const std::vector<std::string>& command, Processors processors) : name_(command.front()) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> link, console, failure;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link.data()) != 0) fail("socketpair");
  if (pipe2(console.data(), O_CLOEXEC) != 0 || pipe2(failure.data(), O_CLOEXEC) != 0) fail("pipe");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments.data(), processors, parent, link[1], console[1], failure[1]);
  const int fork_error = errno;
  ::close(link[1]);
  ::close(console[1]);
  ::close(failure[1]);
  socket_ = link[0];
  console_ = console[0];
  set_nonblocking(socket_);
  set_nonblocking(console_);
  int error = pid_ < 0 ? fork_error : 0;
  if (pid_ > 0 && read(failure[0], &error, sizeof(error)) > 0) waitpid(pid_, nullptr, 0);
  ::close(failure[0]);
  if (error == 0) return;
  ::close(socket_);
  ::close(console_);
  throw std::system_error(error, std::generic_category(), name_ + ": cannot start");
}

Link::~Link() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);  // it may have left its group
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ::close(socket_);
  ::close(console_);
}

void Link::send(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload) {
  append_frame(out_, type, id, payload);
}

bool Link::take_frame(std::optional<Frame>& frame) {
  const FrameRead next = read_frame(std::span(in_).subspan(taken_));
  if (!next.broken.empty()) {
    break_off(next.broken + " on the link");
    return false;
  }
  if (!next.frame) return false;
  frame = next.frame;
  taken_ += next.frame->whole_size();
  return true;
}

std::optional<Frame> Link::receive(std::chrono::milliseconds patience) {
  std::optional<Frame> frame;
  const Clock::time_point deadline = Clock::now() + patience;
  if (sent_ < out_.size()) write_out();
  while (broken_.empty() && !take_frame(frame) && broken_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    exchange(static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (left <= 0) {
      take_frame(frame);
      break;
    }
  }
  return frame;
}

void Link::exchange(int timeout_ms) {
  std::array<pollfd, 2> polled = {pollfd{socket_, static_cast<short>(POLLIN | (sent_ < out_.size() ? POLLOUT : 0)), 0},
                                  pollfd{console_, POLLIN, 0}};
  if (poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) fail("poll");
  if (polled[1].revents != 0) read_console();
  if (polled[0].revents & POLLOUT) write_out();
  if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) read_answers();
}

void Link::read_answers() {
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  constexpr std::size_t kChunk = 65536;
  const std::size_t held = in_.size();
  in_.resize(held + kChunk);
  const ssize_t size = read(socket_, in_.data() + held, kChunk);
  in_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) break_off(how_it_ended());
}

void Link::write_out() {
  const ssize_t size = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) break_off(how_it_ended());
    return;
  }
  sent_ += static_cast<std::size_t>(size);
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
}

void Link::read_console() {
  std::array<char, 4096> text;
  const ssize_t size = read(console_, text.data(), text.size());
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    // Whoever held it has closed it; poll() would tell us so forever.
    ::close(console_);
    console_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return;
  }
  for (const char letter : std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)))) {
    if (letter == '\r') continue;
    if (letter != '\n') {
      line_ += letter;
      continue;
    }
    lines_.push_back(std::move(line_));
    line_.clear();
    if (lines_.size() > kConsoleLines) lines_.pop_front();
  }
}

void Link::break_off(std::string reason) {
  if (broken_.empty()) broken_ = std::move(reason);
}

/// After the end of its output: how the command ended, for which it is given a moment.
std::string Link::how_it_ended() {
  constexpr int kTries = 100;
  int status = 0;
  for (int i = 0; i < kTries; ++i) {
    read_console();
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      kill(-pid_, SIGKILL);  // what it has left
      pid_ = -1;
      read_console();
      return WIFSIGNALED(status) ? fmt::format("it was killed by signal {}", WTERMSIG(status))
                                 : fmt::format("it ended with status {}", WEXITSTATUS(status));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return "it closed the link";
}

std::string Link::console() const {
  std::string text;
  for (const std::string& line : lines_) text += "\n  " + line;
  if (!line_.empty()) text += "\n  " + line_;
  return text;
}

void Link::close() {
  if (pid_ < 0 || !broken_.empty()) return;
  send(FrameType::bye, 0, {});
  constexpr std::chrono::milliseconds kPatience{1000};
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (broken_.empty() && Clock::now() < deadline) receive(std::chrono::milliseconds(20));
}

}  // namespace capcheck
