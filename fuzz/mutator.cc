// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace capcheck {
namespace {

using Calls = std::vector<Call<Concrete>>;

Calls::iterator pick_position(Calls& calls, Random& random) {
  return calls.begin() + static_cast<std::ptrdiff_t>(pick_below(random, calls.size()));
}

void insert_call(Calls& calls, const Call<Concrete>& call, Random& random) {
  const auto position = static_cast<std::ptrdiff_t>(pick_below(random, calls.size() + 1));
  calls.insert(calls.begin() + position, call);
}

/// Removes up to eight calls that stand together.
void erase_run(Calls& calls, Random& random) {
  const auto first = pick_position(calls, random);
  const auto longest = std::min<std::ptrdiff_t>(8, calls.end() - first);
  calls.erase(first, first + 1 + static_cast<std::ptrdiff_t>(pick_below(random, static_cast<std::uint64_t>(longest))));
}

/// Replaces an argument, or moves it a little: values next to a boundary, or one bit apart.
void change_argument(Call<Concrete>& call, const Profile& profile, Random& random) {
  const CallInfo& call_info = info(call.kind);
  if (call_info.argument_count == 0) return;
  const std::size_t index = pick_below(random, call_info.argument_count);
  std::uint64_t& value = call.args[index];
  switch (pick_below(random, 6)) {
    case 0:
      value ^= std::uint64_t{1} << pick_below(random, 64);
      break;
    case 1:
      value += pick_below(random, 2) ? 1 : ~std::uint64_t{0};
      break;
    default:
      value = pick_value(random, call_info.roles[index], profile);
  }
  canonicalise(call);
}

/// Gives an argument the value that an argument of the same role has elsewhere in the program.
void share_argument(Calls& calls, Random& random) {
  auto& to = *pick_position(calls, random);
  const auto& from = *pick_position(calls, random);
  for (std::size_t i = 0; i < info(to.kind).argument_count; ++i) {
    for (std::size_t j = 0; j < info(from.kind).argument_count; ++j) {
      if (info(to.kind).roles[i] != info(from.kind).roles[j] || pick_below(random, 2)) continue;
      to.args[i] = from.args[j];
    }
  }
  canonicalise(to);
}

/// A namespace with its ids mapped, as `unshare --map-root-user` makes one: from it the next can be made.
void append_namespace(Calls& calls) {
  const std::array<Call<Concrete>, 4> setup = {{{CallKind::unshare, 0, {CLONE_NEWUSER}},
                                                {CallKind::write_setgroups, 0, {0}},
                                                {CallKind::write_uid_map, 0, {0, 0, 1}},
                                                {CallKind::write_gid_map, 0, {0, 0, 1}}}};
  calls.insert(calls.end(), setup.begin(), setup.end());
}

void mutate_once(Calls& calls, const Profile& profile, Random& random) {
  if (calls.empty()) {
    calls.push_back(pick_call(random, profile));
    return;
  }
  // Additions and removals balance, so that programs stay short unless length finds something new.
  switch (pick_below(random, 16)) {
    case 0:
    case 1:
    case 2:
      insert_call(calls, pick_call(random, profile), random);
      break;
    case 3:
      insert_call(calls, Call<Concrete>(*pick_position(calls, random)), random);
      break;
    case 4:
    case 5:
      calls.erase(pick_position(calls, random));
      break;
    case 6:
      erase_run(calls, random);
      break;
    case 7:
      append_namespace(calls);
      break;
    case 8:
      std::iter_swap(pick_position(calls, random), pick_position(calls, random));
      break;
    case 9:
    case 10:
      share_argument(calls, random);
      break;
    case 11:
      *pick_position(calls, random) = pick_call(random, profile);
      break;
    default:
      change_argument(*pick_position(calls, random), profile, random);
  }
}

}  // namespace

void mutate(Program& program, std::size_t max_calls, const Profile& profile, Random& random) {
  const std::uint64_t changes = 1 + pick_below(random, 4);
  for (std::uint64_t i = 0; i < changes; ++i) mutate_once(program.calls, profile, random);
  if (program.calls.empty()) program.calls.push_back(pick_call(random, profile));
  if (program.calls.size() > max_calls) program.calls.resize(std::max<std::size_t>(max_calls, 1));
}

Program cross_over(const Program& a, const Program& b, std::size_t max_calls, Random& random) {
  Program child;
  const Program* from = &a;
  // Alternate between the parents at random places, each from where it was left.
  std::array<std::size_t, 2> next = {0, 0};
  while (child.calls.size() < max_calls) {
    std::size_t& position = next[from == &b];
    if (position == from->calls.size()) break;
    const std::size_t length = std::min(1 + pick_below(random, 4), from->calls.size() - position);
    const auto start = from->calls.begin() + static_cast<std::ptrdiff_t>(position);
    child.calls.insert(child.calls.end(), start, start + static_cast<std::ptrdiff_t>(length));
    position += length;
    from = from == &a ? &b : &a;
  }
  if (child.calls.size() > max_calls) child.calls.resize(max_calls);
  return child;
}

}  // namespace capcheck
