// SPDX-License-Identifier: GPL-2.0-only
// Rules of include/linux/uidgid.h, and of the lookups in kernel/user_namespace.c behind them: ids as namespaces see
// them, and as the kernel does.
#ifndef CAPCHECK_MODEL_RULES_UIDGID_H_
#define CAPCHECK_MODEL_RULES_UIDGID_H_

#include <cstdint>

#include "model/domain.h"
#include "model/world.h"

namespace capcheck {

/// (uid_t)-1: no id.
inline constexpr std::uint64_t kInvalidId = 0xffffffff;
/// overflowuid, overflowgid: what stands for an id that a namespace has no name for.
inline constexpr std::uint64_t kOverflowId = 65534;

/// first ≤ id < first + count, for ids of 32 bits.
template <Domain D>
constexpr typename D::Bool in_range(const typename D::Word& id, const typename D::Word& first,
                                    const typename D::Word& count) {
  return !(id < first) & (id - first < count);
}

namespace detail {

/// What a map's line makes of an id that is in it, else of what comes after it.
template <Domain D>
constexpr typename D::Word translate(const IdMap<D>& map, typename D::Word IdExtent<D>::* from,
                                     typename D::Word IdExtent<D>::* to, const typename D::Word& id) {
  const auto in = [&](const IdExtent<D>& line) { return in_range<D>(id, line.*from, line.count); };
  const auto translated = [&](const IdExtent<D>& line) { return line.*to + (id - line.*from); };
  return D::select(in(map.line0), translated(map.line0),
                   D::select(in(map.line1), translated(map.line1), typename D::Word(kInvalidId)));
}

template <Domain D>
constexpr typename D::Word id_down(const IdMap<D>& map, const typename D::Word& id) {
  return translate<D>(map, &IdExtent<D>::first, &IdExtent<D>::lower_first, id);
}

template <Domain D>
constexpr typename D::Word id_up(const IdMap<D>& map, const typename D::Word& kernel_id) {
  return translate<D>(map, &IdExtent<D>::lower_first, &IdExtent<D>::first, kernel_id);
}

template <Domain D>
constexpr typename D::Word id_range_down(const IdMap<D>& map, const typename D::Word& id,
                                         const typename D::Word& count) {
  using Word = typename D::Word;
  const Word last = id + (count - Word(1));
  const auto in = [&](const IdExtent<D>& line) {
    return in_range<D>(id, line.first, line.count) & in_range<D>(last, line.first, line.count);
  };
  const auto mapped = [&](const IdExtent<D>& line) { return line.lower_first + (id - line.first); };
  return D::select(in(map.line0), mapped(map.line0), D::select(in(map.line1), mapped(map.line1), Word(kInvalidId)));
}

}  // namespace detail

/// map_id_down(), make_kuid(), make_kgid(): the kernel id that `id` stands for; kInvalidId if none.
template <Domain D>
constexpr typename D::Word map_id_down(const IdMap<D>& map, const typename D::Word& id) {
  return kernel_function<D>("make_kuid", [&] { return function_of<D>(detail::id_down<D>, map, id); });
}

/// map_id_range_down(): the same for a range of ids (not empty), which must lie in one line of the map.
template <Domain D>
constexpr typename D::Word map_id_range_down(const IdMap<D>& map, const typename D::Word& id,
                                             const typename D::Word& count) {
  return kernel_function<D>("map_id_range_down",
                            [&] { return function_of<D>(detail::id_range_down<D>, map, id, count); });
}

/// map_id_up(), from_kuid(), from_kgid(): the name that a namespace has for a kernel id; kInvalidId if none.
template <Domain D>
constexpr typename D::Word map_id_up(const IdMap<D>& map, const typename D::Word& kernel_id) {
  return kernel_function<D>("make_kuid", [&] { return function_of<D>(detail::id_up<D>, map, kernel_id); });
}

/// from_kuid_munged(), from_kgid_munged().
template <Domain D>
constexpr typename D::Word from_id_munged(const IdMap<D>& map, const typename D::Word& kernel_id) {
  return kernel_function<D>("make_kuid", [&] {
    using Word = typename D::Word;
    const Word id = map_id_up(map, kernel_id);
    return D::select(id == Word(kInvalidId), Word(kOverflowId), id);
  });
}

/// kuid_has_mapping(), kgid_has_mapping(): the namespace has a name for this kernel id.
template <Domain D>
constexpr typename D::Bool has_mapping(const IdMap<D>& map, const typename D::Word& kernel_id) {
  const auto is_mapped = [](const IdMap<D>& own, const typename D::Word& id) {
    return in_range<D>(id, own.line0.lower_first, own.line0.count) |
           in_range<D>(id, own.line1.lower_first, own.line1.count);
  };
  return function_of<D>(is_mapped, map, kernel_id);
}

}  // namespace capcheck

#endif
