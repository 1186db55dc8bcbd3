// SPDX-License-Identifier: GPL-2.0-only
// Frames, programs and traces come out as they went in, and what is damaged is refused.
#include "fuzz/executor/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string_view>
#include <vector>

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

std::vector<std::uint8_t> packed(const Program& program) {
  std::vector<std::uint8_t> bytes;
  pack_program(bytes, program);
  return bytes;
}

/// Whether bytes are what one program is packed to.
bool is_program(std::span<const std::uint8_t> bytes) {
  Program program;
  return unpack_program(bytes, program) && bytes.empty();
}

/// Changes, takes away or adds some bytes.
void damage(Random& random, std::vector<std::uint8_t>& bytes) {
  for (std::size_t i = 1 + pick_below(random, 3); i > 0; --i) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(pick_below(random, bytes.size()));
    const auto byte = static_cast<std::uint8_t>(random() >> 3);
    switch (pick_below(random, 3)) {
      case 0:
        *at = byte;
        break;
      case 1:
        bytes.insert(at, byte);
        break;
      case 2:
        if (bytes.size() > 1) bytes.erase(at);
    }
  }
}

TEST(Frames, ProgramsSurvivePacking) {
  Random random(1);
  std::vector<std::uint8_t> bytes;
  std::vector<Program> programs = {{}};
  for (int i = 0; i < 2000; ++i) programs.push_back(random_program(random));
  Program& longest = programs.emplace_back();
  for (std::size_t i = 0; i < kMaxCalls; ++i) {
    Call<Concrete>& call = longest.calls.emplace_back();
    call = {static_cast<CallKind>(i % kCalls.size()), static_cast<std::uint8_t>(i % kMaxTasks), {}};
    call.args.fill(~std::uint64_t{0});
    canonicalise(call);
  }
  for (const Program& program : programs) pack_program(bytes, program);
  std::span<const std::uint8_t> rest = bytes;
  Program unpacked;
  for (const Program& program : programs) {
    ASSERT_TRUE(unpack_program(rest, unpacked));
    ASSERT_EQ(unpacked, program);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(Frames, ProgramsArePackedInFewBytes) {
  Random random(1);
  std::size_t plain = 0, small = 0;
  for (int i = 0; i < 2000; ++i) {
    const Program program = random_program(random);
    plain += encode(program).size();
    small += packed(program).size();
  }
  EXPECT_LT(small * 3, plain);
}

TEST(Frames, CutAndLengthenedProgramsAreRefused) {
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    auto bytes = packed(random_program(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(is_program(std::span(bytes).first(size)));
    bytes.push_back(0);
    EXPECT_FALSE(is_program(bytes));
  }
}

/// Whatever is taken for a program is what that program is packed to, byte for byte.
TEST(Frames, WhatNoProgramIsPackedToIsRefused) {
  Random random(3);
  int taken = 0;
  for (int i = 0; i < 200000; ++i) {
    auto bytes = packed(random_program(random));
    damage(random, bytes);
    std::span<const std::uint8_t> rest = bytes;
    Program program;
    if (!unpack_program(rest, program)) continue;
    ++taken;
    ASSERT_LE(program.calls.size(), kMaxCalls);
    bytes.resize(bytes.size() - rest.size());
    ASSERT_EQ(packed(program), bytes);
  }
  EXPECT_GT(taken, 0) << "no damage makes another program; the test says nothing";
}

TEST(Frames, ProgramsThatAreWrittenOtherwiseAreRefused) {
  using Bytes = std::vector<std::uint8_t>;
  constexpr auto kDrop = static_cast<std::uint8_t>(CallKind::capbset_drop),
                 kUnshare = static_cast<std::uint8_t>(CallKind::unshare);
  EXPECT_TRUE(is_program(Bytes{1, kDrop, 1, 5}));
  EXPECT_FALSE(is_program(Bytes{0x81, 0, kDrop, 1, 5})) << "a number with a zero at its end";
  EXPECT_FALSE(is_program(Bytes{1, kDrop, 1, 0})) << "an argument that is there and 0";
  EXPECT_FALSE(is_program(Bytes{1, kCalls.size(), 0})) << "no such call";
  EXPECT_FALSE(is_program(Bytes{1, kUnshare, 2, 5})) << "an argument that the call has not";
  EXPECT_FALSE(is_program(Bytes{1, kUnshare, 0x80, 2, 5})) << "an argument that no call has";
  EXPECT_TRUE(is_program(Bytes{1, kDrop, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}));
  EXPECT_FALSE(is_program(Bytes{1, kDrop, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 3}))
      << "a number of 65 bits";
  Bytes many(2 * (kMaxCalls + 1) + 2, 0);
  many[0] = 0x80 | ((kMaxCalls + 1) & 0x7f);
  many[1] = (kMaxCalls + 1) >> 7;
  EXPECT_FALSE(is_program(many)) << "too many calls";
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
    trace.sysctls = {1, ~std::uint64_t{0}, 3, 1u << 20, 1};
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

/// Whatever is taken for a trace of a program is what that trace is packed to, byte for byte.
TEST(Frames, WhatNoTraceIsPackedToIsRefused) {
  Random random(3);
  int taken = 0;
  for (int i = 0; i < 50000; ++i) {
    const Program program = random_program(random);
    auto bytes = packed(program, run_model(kProfile, program));
    damage(random, bytes);
    Trace trace;
    if (!unpack_trace(bytes, program, trace)) continue;
    ++taken;
    ASSERT_EQ(packed(program, trace), bytes);
  }
  EXPECT_GT(taken, 0) << "no damage makes another trace; the test says nothing";
}

TEST(Frames, NoDamagedByteIsOverlooked) {
  std::vector<std::uint8_t> frame;
  append_frame(frame, FrameType::programs, 7, std::string_view("some payload"));
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
