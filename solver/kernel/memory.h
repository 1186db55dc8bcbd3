// SPDX-License-Identifier: GPL-2.0-only
// Objects with contents: what they held at first, and what has been written since.
#ifndef CAPCHECK_SOLVER_KERNEL_MEMORY_H_
#define CAPCHECK_SOLVER_KERNEL_MEMORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "solver/kernel/value.h"

namespace capcheck {

/// A value and how many bytes it takes.
struct Piece {
  Value value;
  std::uint64_t size;
};

/// Pieces by their offsets, which do not overlap.
using Pieces = std::map<std::uint64_t, Piece>;

/// Something with an address, and what it holds before it is written to. Of what was never set, that is unknown.
struct Object {
  std::string name;
  std::string structure;            ///< the kernel's struct of which it is one; empty if none
  std::uint64_t size;               ///< accesses beyond it are errors
  std::optional<ObjectId> copy_of;  ///< what it holds at first is what that one held at first
  bool constant = false;            ///< must not be written
  bool is_private = false;          ///< its contents are of no use to others: a function's own, or a log's
  Pieces initial{};                 ///< as far as it was set or read
};

/// What has been written to objects on a path. `first` says what an object holds where nothing was.
class Memory {
 public:
  /// What a path reads; pieces are put together and taken apart as need be.
  template <class First>
  Value read(ObjectId object, std::uint64_t offset, std::uint64_t size, First first) const;
  void write(ObjectId object, std::uint64_t offset, std::uint64_t size, const Value& value);

  /// What has been written to an object.
  const Pieces& written(ObjectId object) const;
  const std::map<ObjectId, Pieces>& all_written() const { return written_; }

 private:
  std::map<ObjectId, Pieces> written_;
};

/// Writes over pieces. Throws std::logic_error where a pointer would be cut.
void write_piece(Pieces& pieces, std::uint64_t offset, std::uint64_t size, const Value& value);

/// The part of a value that lies at an offset in it.
Value part_of(const Piece& piece, std::uint64_t offset, std::uint64_t size);

/// The value of so many bits that begins with `low` and goes on with `high`.
Value join(const Value& high, const Value& low);

/// Bits of any value that fits in a register; of a pointer, only where it is a number.
z3::expr as_bits(const Value& value);

template <class First>
Value Memory::read(ObjectId object, std::uint64_t offset, std::uint64_t size, First first) const {
  const Pieces& pieces = written(object);
  std::optional<Value> result;
  std::uint64_t here = offset;
  const std::uint64_t end = offset + size;
  while (here < end) {
    auto next = pieces.upper_bound(here);
    std::optional<Value> part;
    std::uint64_t length = 0;
    if (next != pieces.begin()) {
      const auto& [begin, piece] = *std::prev(next);
      if (here < begin + piece.size) {
        length = std::min(end, begin + piece.size) - here;
        part = part_of(piece, here - begin, length);
      }
    }
    if (!part) {
      length = (next == pieces.end() ? end : std::min(end, next->first)) - here;
      part = first(here, length);
    }
    result = result ? join(*part, *result) : *part;
    here += length;
  }
  return *result;
}

}  // namespace capcheck

#endif
