// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/status.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "fuzz/executor/raw.h"

namespace capcheck {
namespace {

/// Reads the next number of a line and takes it away; false if there is none.
bool next_number(std::string_view& rest, std::uint64_t& value, int base = 10) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

bool read_groups(std::string_view rest, Credentials<Concrete>& cred) {
  cred.group_count = cred.group0 = cred.group1 = 0;
  for (std::uint64_t group = 0; next_number(rest, group); ++cred.group_count) {
    if (cred.group_count == 0) cred.group0 = group;
    if (cred.group_count == 1) cred.group1 = group;
  }
  return rest.find_first_not_of(" \t") == std::string_view::npos;
}

/// The lines that are read, each a bit of what was seen.
enum Line : unsigned {
  kState = 1,
  kUid = 2,
  kGid = 4,
  kGroups = 8,
  kInherited = 16,
  kPermitted = 32,
  kEffective = 64,
  kBounding = 128,
  kAmbient = 256,
  kNoNewPrivs = 512,
  kUserns = 1024,
};
constexpr unsigned kNeeded = kUserns - 1;

struct LineName {
  Line line;
  const char* name;
};
constexpr LineName kNames[] = {{kState, "State"},          {kUid, "Uid"},          {kGid, "Gid"},
                               {kGroups, "Groups"},        {kInherited, "CapInh"}, {kPermitted, "CapPrm"},
                               {kEffective, "CapEff"},     {kBounding, "CapBnd"},  {kAmbient, "CapAmb"},
                               {kNoNewPrivs, "NoNewPrivs"}};

/// Takes in a line that is read; 0 if it is another, or not as it should be.
unsigned take(std::string_view name, std::string_view rest, Credentials<Concrete>& cred, char& state) {
  const auto set = [&](Line line, std::uint64_t& word) { return next_number(rest, word, 16) ? line : 0u; };
  const auto ids = [&](Line line, std::uint64_t& real, std::uint64_t& effective, std::uint64_t& saved,
                       std::uint64_t& fs) {
    return next_number(rest, real) && next_number(rest, effective) && next_number(rest, saved) && next_number(rest, fs)
               ? line
               : 0u;
  };
  if (name.starts_with("Cap")) {
    if (name == "CapInh") return set(kInherited, cred.inheritable);
    if (name == "CapPrm") return set(kPermitted, cred.permitted);
    if (name == "CapEff") return set(kEffective, cred.effective);
    if (name == "CapBnd") return set(kBounding, cred.bounding);
    if (name == "CapAmb") return set(kAmbient, cred.ambient);
    if (name == "CapUNs") return set(kUserns, cred.userns);
    return 0;
  }
  if (name == "State") {
    const std::size_t letter = rest.find_first_not_of(" \t");
    if (letter == std::string_view::npos) return 0;
    state = rest[letter];
    return kState;
  }
  if (name == "Uid") return ids(kUid, cred.uid, cred.euid, cred.suid, cred.fsuid);
  if (name == "Gid") return ids(kGid, cred.gid, cred.egid, cred.sgid, cred.fsgid);
  if (name == "Groups") return read_groups(rest, cred) ? kGroups : 0u;
  if (name == "NoNewPrivs") return next_number(rest, cred.no_new_privs) ? kNoNewPrivs : 0u;
  return 0;
}

/// How much of two texts is the same, in whole words.
std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  std::size_t same = 0;
  for (std::uint64_t x = 0, y = 0; same + sizeof(x) <= size; same += sizeof(x)) {
    std::memcpy(&x, a.data() + same, sizeof(x));
    std::memcpy(&y, b.data() + same, sizeof(y));
    if (x != y) break;
  }
  return same;
}

}  // namespace

/// Where the next line starts that is read and has not been, if it stands where it stood; else `start`.
std::size_t StatusReader::expected_after(std::size_t start) const {
  std::size_t next = std::string_view::npos;
  for (const Place& place : places_) {
    if (place.end > start && place.start >= start) next = std::min(next, place.start);
  }
  return next == std::string_view::npos ? start : next;
}

unsigned StatusReader::seen() const {
  unsigned seen = 0;
  for (std::size_t line = 0; line < kLines; ++line) seen |= (places_[line].end != 0 ? 1u : 0u) << line;
  return seen;
}

/// Takes in the lines from `start` on, where a line starts, up to NoNewPrivs, the last that is read.
void StatusReader::parse_from(std::size_t start, std::string_view text) {
  const bool as_before = text.size() == before_.size() && (seen() & kNeeded) == kNeeded;
  std::array<Place, kLines> places{};
  for (std::size_t line = 0; line < kLines; ++line) {
    if (places_[line].end <= start) places[line] = places_[line];
  }
  while (start < text.size() && places[std::countr_zero(unsigned{kNoNewPrivs})].end == 0) {
    const std::size_t expected = as_before ? expected_after(start) : start;
    if (expected != start && text[expected - 1] == '\n') start = expected;
    const std::size_t newline = text.find('\n', start);
    const std::size_t end = newline == std::string_view::npos ? text.size() : newline;
    const std::string_view line = text.substr(start, end - start);
    const std::size_t line_start = start;
    start = end + 1;
    // Most lines are about memory; the first letter tells them apart.
    if (line.empty() || (line[0] != 'C' && line[0] != 'S' && line[0] != 'U' && line[0] != 'G' && line[0] != 'N')) {
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const unsigned taken = take(line.substr(0, colon), line.substr(colon + 1), cred_, state_);
    if (taken != 0) places[static_cast<std::size_t>(std::countr_zero(taken))] = {line_start, start};
  }
  places_ = places;
}

const char* StatusReader::parse(std::string_view text, Credentials<Concrete>& cred, char& state) {
  // From the line on in which the first difference is.
  const unsigned seen_before = seen();
  const std::size_t newline = text.substr(0, common_prefix(text, before_)).rfind('\n');
  parse_from(newline == std::string_view::npos ? 0 : newline + 1, text);
  if (seen() != seen_before) {
    // It is laid out otherwise, so a line may have been passed over.
    before_ = {};
    parse_from(0, text);
  }
  before_ = text;
  if (!(seen() & kUserns)) cred_.userns = 0;
  const std::uint64_t securebits = cred.securebits;
  cred = cred_;
  cred.securebits = securebits;
  state = state_;
  static_assert(kNeeded == 1023 && kUserns == 1u << (kLines - 1));
  for (const LineName& name : kNames) {
    if (!(seen() & name.line)) return name.name;
  }
  return nullptr;
}

StatusRead StatusReader::read(int descriptor, Credentials<Concrete>& cred, char& state, const char*& missing) {
  std::array<char, kSize>& text = before_.data() == texts_[0].data() ? texts_[1] : texts_[0];
  const long size = raw(SYS_pread64, descriptor, text.data(), text.size(), 0);
  if (size == -ESRCH) return StatusRead::gone;
  if (size < 0 || static_cast<std::size_t>(size) == text.size()) {
    missing = size < 0 ? "the file itself" : "its end within 4096 bytes";
    return StatusRead::unreadable;
  }
  missing = parse({text.data(), static_cast<std::size_t>(size)}, cred, state);
  if (missing) return StatusRead::unreadable;
  return state == 'Z' || state == 'X' ? StatusRead::gone : StatusRead::read;
}

const char* parse_status(std::string_view text, Credentials<Concrete>& cred, char& state) {
  StatusReader reader;
  return reader.parse(text, cred, state);
}

StatusRead read_status(int descriptor, Credentials<Concrete>& cred, char& state, const char*& missing) {
  StatusReader reader;
  return reader.read(descriptor, cred, state, missing);
}

}  // namespace capcheck
