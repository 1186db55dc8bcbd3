// SPDX-License-Identifier: GPL-2.0-only
// Frames and traces come out as they went in, and what is damaged is refused.
#include "fuzz/executor/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

#include "fuzz/values.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

Program random_program(Random& random) {
  Program program;
  for (std::size_t i = pick_below(random, 30); i > 0; --i) {
    const auto kind = static_cast<CallKind>(pick_below(random, kCalls.size()));
    program.calls.push_back(
        pick_call(random, kProfile, kind, static_cast<std::uint8_t>(pick_below(random, kMaxTasks))));
  }
  return program;
}

void expect_same(const Trace& a, const Trace& b) {
  const auto same = [](const auto& x, const auto& y) { return std::memcmp(&x, &y, sizeof(x)) == 0; };
  EXPECT_TRUE(same(a.initial, b.initial));
  EXPECT_TRUE(same(a.sysctls, b.sysctls));
  ASSERT_EQ(a.observations.size(), b.observations.size());
  for (std::size_t i = 0; i < a.observations.size(); ++i) EXPECT_TRUE(same(a.observations[i], b.observations[i])) << i;
  ASSERT_EQ(a.others.size(), b.others.size());
  for (std::size_t i = 0; i < a.others.size(); ++i) EXPECT_TRUE(same(a.others[i], b.others[i])) << i;
  EXPECT_EQ(a.failure, b.failure);
}

std::vector<std::uint8_t> packed(const Program& program, const Trace& trace) {
  std::vector<std::uint8_t> bytes;
  pack_trace(bytes, program, trace);
  return bytes;
}

TEST(Frames, ChecksumIsZlibs) {
  const std::string_view text = "123456789";
  EXPECT_EQ(crc32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), 0xcbf43926u);
}

TEST(Frames, TracesSurvivePacking) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const Program program = random_program(random);
    Trace trace = run_model(kProfile, program);
    trace.sysctls = {1, ~std::uint64_t{0}, 3, 1u << 20};
    if (i % 3 == 0) trace.failure = "t1 died in its call";
    Trace unpacked;
    ASSERT_TRUE(unpack_trace(packed(program, trace), program, unpacked));
    expect_same(trace, unpacked);
  }
}

TEST(Frames, CutAndLengthenedTracesAreRefused) {
  Random random(2);
  const Program program = random_program(random);
  auto bytes = packed(program, run_model(kProfile, program));
  Trace unpacked;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(unpack_trace(std::span(bytes).first(size), program, unpacked)) << size;
  }
  bytes.push_back(0);
  EXPECT_FALSE(unpack_trace(bytes, program, unpacked));
}

TEST(Frames, NoDamagedByteIsOverlooked) {
  std::vector<std::uint8_t> frame;
  append_frame(frame, FrameType::program, 7, std::string_view("some payload"));
  const FrameRead whole = read_frame(frame);
  ASSERT_TRUE(whole.frame.has_value());
  EXPECT_EQ(whole.frame->id, 7u);
  EXPECT_EQ(whole.frame->whole_size(), frame.size());
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const FrameRead part = read_frame(std::span(frame).first(size));
    EXPECT_FALSE(part.frame.has_value()) << size;
    EXPECT_EQ(part.broken, "") << size;
  }
  for (std::size_t byte = 0; byte < frame.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = frame;
      damaged[byte] ^= static_cast<std::uint8_t>(1 << bit);
      const FrameRead read = read_frame(damaged);
      // A size that has grown makes the reader wait for more, which a deadline ends.
      EXPECT_FALSE(read.frame.has_value()) << byte;
    }
  }
}

TEST(Frames, NoiseIsBrokenFromItsFirstByte) {
  const std::string_view noise = "Linux version 6.12";
  EXPECT_NE(read_frame({reinterpret_cast<const std::uint8_t*>(noise.data()), 1}).broken, "");
}

}  // namespace
}  // namespace capcheck
