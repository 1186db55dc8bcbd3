// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/memory.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

namespace capcheck {
namespace {

constexpr unsigned kBitsOfByte = 8;

/// Some bits of a number: if it was put together, of the part in which they are.
z3::expr extract(z3::expr bits, unsigned high, unsigned low) {
  while (bits.is_app() && bits.decl().decl_kind() == Z3_OP_CONCAT && bits.num_args() == 2) {
    const unsigned width = bits.arg(1).get_sort().bv_size();
    if (high >= width && low < width) break;
    const bool is_high = low >= width;
    bits = bits.arg(is_high ? 0 : 1);
    if (is_high) high -= width, low -= width;
  }
  return low == 0 && high + 1 == bits.get_sort().bv_size() ? bits : fold(bits.extract(high, low));
}

}  // namespace

z3::expr as_bits(const Value& value) {
  if (const auto* bits = std::get_if<z3::expr>(&value.content)) return *bits;
  if (const auto* truth = std::get_if<SymbolicBool>(&value.content)) return bits_of(*truth, kBitsOfByte);
  const auto* pointer = std::get_if<Pointer>(&value.content);
  if (pointer == nullptr) throw std::logic_error("a structure is no number");
  std::optional<z3::expr> bits;
  for (const Target& target : pointer->targets) {
    if (target.object) throw std::logic_error("an address is used as a number");
    bits = bits ? choose(target.condition, *target.number, *bits) : *target.number;
  }
  return bits.value();
}

Value part_of(const Piece& piece, std::uint64_t offset, std::uint64_t size) {
  if (offset == 0 && size == piece.size) return piece.value;
  const z3::expr bits = as_bits(piece.value);
  const auto low = static_cast<unsigned>(offset * kBitsOfByte);
  return extract(bits, low + static_cast<unsigned>(size * kBitsOfByte) - 1, low);
}

Value join(const Value& high, const Value& low) {
  return fold(z3::concat(as_bits(high), as_bits(low)));
}

void write_piece(Pieces& pieces, std::uint64_t offset, std::uint64_t size, const Value& value) {
  const std::uint64_t end = offset + size;
  auto here = pieces.upper_bound(offset);
  if (here != pieces.begin()) --here;
  std::vector<std::pair<std::uint64_t, Piece>> left;
  while (here != pieces.end() && here->first < end) {
    const auto& [begin, piece] = *here;
    const std::uint64_t piece_end = begin + piece.size;
    if (piece_end <= offset) {
      ++here;
      continue;
    }
    if (begin < offset) left.emplace_back(begin, Piece{part_of(piece, 0, offset - begin), offset - begin});
    if (piece_end > end) left.emplace_back(end, Piece{part_of(piece, end - begin, piece_end - end), piece_end - end});
    here = pieces.erase(here);
  }
  for (auto& [begin, piece] : left) pieces.emplace(begin, std::move(piece));
  pieces.emplace(offset, Piece{value, size});
}

void Memory::write(ObjectId object, std::uint64_t offset, std::uint64_t size, const Value& value) {
  write_piece(written_[object], offset, size, value);
}

const Pieces& Memory::written(ObjectId object) const {
  static const Pieces kNothing;
  const auto found = written_.find(object);
  return found == written_.end() ? kNothing : found->second;
}

}  // namespace capcheck
