// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/frames.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace capcheck {

static_assert(std::endian::native == std::endian::little, "frames are read and written as memory");

namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
    table[byte] = value;
  }
  return table;
}();

template <class T>
std::span<const std::uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(T)};
}

std::uint32_t checksum(FrameHeader header, std::span<const std::uint8_t> payload) {
  header.crc32 = 0;
  return crc32(payload, crc32(bytes_of(header)));
}

/// Numbers of seven bits a byte, the low ones first; the last byte has its high bit clear.
class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<std::uint8_t>(value | 0x80));
    out_.push_back(static_cast<std::uint8_t>(value));
  }
  /// Small if the value is near 0 on either side.
  void signed_number(std::uint64_t value) { number(value << 1 ^ (0 - (value >> 63))); }
  /// The words that differ from `from`, after a number whose bits say which they are.
  template <class T>
  void difference(const T& from, const T& to) {
    const auto before = words(from), after = words(to);
    std::uint64_t changed = 0;
    for (std::size_t i = 0; i < after.size(); ++i) changed |= std::uint64_t{before[i] != after[i]} << i;
    number(changed);
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (changed >> i & 1) number(after[i]);
    }
  }
  void text(std::string_view text) {
    number(text.size());
    out_.insert(out_.end(), text.begin(), text.end());
  }

  template <class T>
  static auto words(const T& value) {
    return std::bit_cast<std::array<std::uint64_t, sizeof(T) / sizeof(std::uint64_t)>>(value);
  }

 private:
  std::vector<std::uint8_t>& out_;
};

/// The inverse of Writer, which has one way to write each value; another is wrong. Once something is wrong, all that is
/// read is 0.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      const std::uint64_t part = next & 0x7fu;
      if (part << shift >> shift != part || (next == 0 && shift != 0)) return fail();
      value |= part << shift;
      if (!(next & 0x80)) return value;
    }
    return fail();
  }
  std::uint64_t signed_number() {
    const std::uint64_t value = number();
    return value >> 1 ^ (0 - (value & 1));
  }
  template <class T>
  T difference(const T& from) {
    auto result = Writer::words(from);
    const std::uint64_t changed = number();
    if (result.size() < 64 && changed >> result.size() != 0) fail();
    for (std::size_t i = 0; i < result.size() && good_; ++i) {
      if (!(changed >> i & 1)) continue;
      const std::uint64_t word = number();
      if (word == result[i]) fail();
      result[i] = word;
    }
    return std::bit_cast<T>(result);
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > bytes_.size()) {
      fail();
      return {};
    }
    std::string text(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return text;
  }

  std::uint8_t byte() {
    if (bytes_.empty()) return static_cast<std::uint8_t>(fail());
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }

  bool good() const { return good_; }
  std::span<const std::uint8_t> rest() const { return bytes_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::uint64_t fail() {
    good_ = false;
    bytes_ = {};
    return 0;
  }

  std::span<const std::uint8_t> bytes_;
  bool good_ = true;
};

constexpr std::uint64_t kAllTasks = (1u << kMaxTasks) - 1;

/// A call's kind and task are one byte; the kind has its low bits.
constexpr unsigned kKindBits = 6;
static_assert(kCalls.size() <= 1u << kKindBits && kMaxTasks <= 1u << (8 - kKindBits));

Call<Concrete> canonical(Call<Concrete> call) {
  canonicalise(call);
  return call;
}

}  // namespace

std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const std::uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xff] ^ crc >> 8;
  return ~crc;
}

void append_frame(std::vector<std::uint8_t>& out, FrameType type, std::uint32_t id,
                  std::span<const std::uint8_t> payload) {
  FrameHeader header{kFrameMagic, kFrameVersion, type, id, static_cast<std::uint32_t>(payload.size()), 0};
  header.crc32 = checksum(header, payload);
  const auto bytes = bytes_of(header);
  out.insert(out.end(), bytes.begin(), bytes.end());
  out.insert(out.end(), payload.begin(), payload.end());
}

void append_frame(std::vector<std::uint8_t>& out, FrameType type, std::uint32_t id, std::string_view text) {
  append_frame(out, type, id, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

FrameRead read_frame(std::span<const std::uint8_t> buffer) {
  // The magic is looked at as soon as its first byte is there: what is no frame may never grow to a header's size.
  const auto magic = bytes_of(kFrameMagic);
  const std::size_t seen = std::min(buffer.size(), magic.size());
  if (!std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(seen), buffer.begin())) {
    return {{}, "bytes that are no frame"};
  }
  if (buffer.size() < sizeof(FrameHeader)) return {};
  FrameHeader header;
  std::memcpy(&header, buffer.data(), sizeof(header));
  if (header.version != kFrameVersion) {
    return {
        {},
        "a frame of version " + std::to_string(header.version) + "; this side speaks " + std::to_string(kFrameVersion)};
  }
  if (header.size > kMaxFramePayload) return {{}, "a frame of " + std::to_string(header.size) + " bytes"};
  if (buffer.size() - sizeof(header) < header.size) return {};
  const auto payload = buffer.subspan(sizeof(header), header.size);
  if (checksum(header, payload) != header.crc32) return {{}, "a frame whose checksum is wrong"};
  return {Frame{header.type, header.id, payload}, {}};
}

void pack_program(std::vector<std::uint8_t>& out, const Program& program) {
  Writer writer(out);
  writer.number(program.calls.size());
  for (const Call<Concrete>& call : program.calls) {
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(call.kind) | call.task << kKindBits));
    writer.difference(decltype(call.args){}, canonical(call).args);
  }
}

bool unpack_program(std::span<const std::uint8_t>& bytes, Program& program) {
  Reader reader(bytes);
  program.calls.clear();
  const std::uint64_t count = reader.number();
  if (count > kMaxCalls) return false;
  for (std::uint64_t i = 0; i < count && reader.good(); ++i) {
    const std::uint8_t who_and_what = reader.byte();
    Call<Concrete>& call = program.calls.emplace_back();
    const unsigned kind = who_and_what & ((1u << kKindBits) - 1);
    if (kind >= kCalls.size()) return false;
    call.kind = static_cast<CallKind>(kind);
    call.task = who_and_what >> kKindBits;
    call.args = reader.difference(call.args);
    if (call != canonical(call)) return false;
  }
  bytes = reader.rest();
  return reader.good();
}

void pack_trace(std::vector<std::uint8_t>& out, const Program& program, const Trace& trace) {
  Writer writer(out);
  std::array<TaskState<Concrete>, kMaxTasks> last{};
  writer.difference(Sysctls<Concrete>{}, trace.sysctls);
  writer.difference(last[0], trace.initial);
  last[0] = trace.initial;
  writer.number(trace.observations.size());
  const auto state = [&](std::size_t task, const TaskState<Concrete>& now) {
    writer.difference(last[task], now);
    last[task] = now;
  };
  const TaskState<Concrete>* other = trace.others.data();
  for (std::size_t i = 0; i < trace.observations.size(); ++i) {
    const Observation& observation = trace.observations[i];
    writer.signed_number(observation.result);
    writer.difference(Output<Concrete>{}, observation.output);
    writer.number(observation.alive);
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (!(observation.alive >> task & 1)) continue;
      state(task, task == program.calls[i].task ? observation.state : *other++);
    }
  }
  writer.text(trace.failure);
}

bool unpack_trace(std::span<const std::uint8_t> bytes, const Program& program, Trace& trace) {
  Reader reader(bytes);
  std::array<TaskState<Concrete>, kMaxTasks> last{};
  trace.sysctls = reader.difference(Sysctls<Concrete>{});
  trace.initial = last[0] = reader.difference(last[0]);
  const std::uint64_t count = reader.number();
  if (!reader.good() || count > program.calls.size()) return false;
  trace.observations.assign(count, {});
  trace.others.clear();
  trace.guards.clear();
  for (std::size_t i = 0; i < count && reader.good(); ++i) {
    Observation& observation = trace.observations[i];
    observation.result = reader.signed_number();
    observation.output = reader.difference(Output<Concrete>{});
    observation.alive = reader.number();
    if (observation.alive & ~kAllTasks) return false;
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (!(observation.alive >> task & 1)) continue;
      last[task] = reader.difference(last[task]);
      if (task == program.calls[i].task) {
        observation.state = last[task];
      } else {
        trace.others.push_back(last[task]);
      }
    }
  }
  trace.failure = reader.text();
  return reader.good() && reader.at_end();
}

}  // namespace capcheck
