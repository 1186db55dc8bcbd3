// SPDX-License-Identifier: GPL-2.0-only
// What capcheck and an executor say to each other over a byte stream: frames, and what is in them. Read by both sides.
//
// The executor says `hello`. Then capcheck sends `programs` frames, some ahead; the executor answers each program with
// one `trace` or `refusal` frame, in order; where Hello says that coverage is given, with a `coverage` frame before
// each trace. A frame is a header and `size` bytes of payload; the header's numbers and those of Hello are
// little-endian.
#ifndef CAPCHECK_FUZZ_EXECUTOR_FRAMES_H_
#define CAPCHECK_FUZZ_EXECUTOR_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/program.h"
#include "model/world.h"

namespace capcheck {

/// Raised whenever anything below changes. The alphabet of calls has a number of its own, in Hello.
inline constexpr std::uint16_t kFrameVersion = 3;

inline constexpr std::uint32_t kFrameMagic = 0x4b434143;  // "CACK"
inline constexpr std::uint32_t kMaxFramePayload = 1u << 20;

enum class FrameType : std::uint16_t {
  hello,     ///< executor, once, first: a Hello, and lines of text: what of the environment is worth knowing
  programs,  ///< capcheck: what pack_program() makes of one or more; `id` names the first, the numbers after it the
             ///< others
  trace,     ///< executor: the program of that id was run: what pack_trace() makes of it
  refusal,   ///< executor: it does not run the program of that id; the payload is a line that says why
  coverage,  ///< executor: what of the kernel the program of that id ran: what pack_coverage() makes of it
  bye,       ///< capcheck: no more programs; the executor ends (as init, it powers the guest off)
};

struct FrameHeader {
  std::uint32_t magic;
  std::uint16_t version;
  FrameType type;
  std::uint32_t id;
  std::uint32_t size;   ///< of the payload, at most kMaxFramePayload
  std::uint32_t crc32;  ///< of the header with 0 here, and the payload (zlib's polynomial)
};
static_assert(sizeof(FrameHeader) == 20);

/// What both sides must agree on to understand a program and a trace: the calls, in their order, with their arguments.
inline constexpr std::uint64_t kAlphabet = [] {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&](std::uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const CallInfo& call : kCalls) {
    for (const char letter : call.name) add(static_cast<unsigned char>(letter));
    for (const Role role : call.roles) add(static_cast<std::uint64_t>(role));
    add(call.argument_count);
  }
  add(sizeof(Observation));
  return hash;
}();

/// What an executor found out about the system that it runs on.
struct Hello {
  std::uint64_t alphabet;    ///< kAlphabet
  std::uint64_t performs;    ///< bit n: it makes calls of the CallKind n
  std::uint64_t last_cap;    ///< CAP_LAST_CAP
  std::uint64_t securebits;  ///< those of SECURE_ALL_BITS that can be set; 0 where that cannot be asked
  std::uint8_t has_userns_set, drop_lowers_userns, has_userns_mask;  ///< features, as probed
  std::uint8_t privileged;      ///< it can make files with owners and capabilities, and kill what it starts
  std::uint8_t usable;          ///< 0: no program can be run here; the text says why
  std::uint8_t gives_coverage;  ///< the kernel has KCOV
  std::array<std::uint8_t, 2> padding;
  std::array<char, 64> release;  ///< uname -r
};
static_assert(sizeof(Hello) == 104 && kCalls.size() <= 64);

/// CRC-32 with zlib's polynomial; `crc` is that of what came before.
std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t crc = 0);

/// Appends a whole frame.
void append_frame(std::vector<std::uint8_t>& out, FrameType type, std::uint32_t id,
                  std::span<const std::uint8_t> payload);
void append_frame(std::vector<std::uint8_t>& out, FrameType type, std::uint32_t id, std::string_view text);

/// A frame in a buffer, whose memory it points into.
struct Frame {
  FrameType type{};
  std::uint32_t id = 0;
  std::span<const std::uint8_t> payload;

  std::size_t whole_size() const { return sizeof(FrameHeader) + payload.size(); }
};

/// What stands at the start of a buffer: a frame, or nothing yet (not all of it is there), or, said in `broken`,
/// something that is no frame of this version.
struct FrameRead {
  std::optional<Frame> frame;
  std::string broken;
};
FrameRead read_frame(std::span<const std::uint8_t> buffer);

/// Appends a program in few bytes, since the line into a guest is slow: of each call, made canonical, only the
/// arguments that are not 0. It has at most kMaxCalls.
void pack_program(std::vector<std::uint8_t>& out, const Program& program);

/// The inverse: takes a program away from the front of the bytes. False if what stands there is nothing that
/// pack_program() makes.
bool unpack_program(std::span<const std::uint8_t>& bytes, Program& program);

/// Appends a trace in few bytes: of a state only what is not as it was when the task was last seen.
void pack_trace(std::vector<std::uint8_t>& out, const Program& program, const Trace& trace);

/// The inverse. False if the bytes are nothing that pack_trace() makes of a trace of the program.
bool unpack_trace(std::span<const std::uint8_t> bytes, const Program& program, Trace& trace);

}  // namespace capcheck

#endif
