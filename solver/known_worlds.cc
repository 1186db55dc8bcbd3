// SPDX-License-Identifier: GPL-2.0-only
#include "solver/known_worlds.h"

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "solver/symbolic.h"

namespace capcheck {
namespace {

/// What an unknown is. Terms live in one thread's context; a name and a number do not.
struct Value {
  std::string name;
  unsigned bits;  ///< 0 of a truth value
  std::uint64_t value;
};
using KnownWorld = std::vector<Value>;

std::mutex mutex;
std::unordered_map<std::string, std::vector<KnownWorld>> kept;

KnownWorld values_of(const z3::model& model) {
  KnownWorld world;
  for (unsigned i = 0; i < model.num_consts(); ++i) {
    const z3::func_decl unknown = model.get_const_decl(i);
    const z3::expr value = model.get_const_interp(unknown);
    const std::string name = unknown.name().str();
    if (value.is_bool()) world.push_back({name, 0, value.is_true()});
    if (value.is_bv()) world.push_back({name, value.get_sort().bv_size(), value.get_numeral_uint64()});
  }
  return world;
}

z3::model model_of(const KnownWorld& world) {
  z3::context& context = TermScope::context();
  z3::model model(context);
  for (const auto& [name, bits, value] : world) {
    z3::func_decl unknown =
        (bits == 0 ? context.bool_const(name.c_str()) : context.bv_const(name.c_str(), bits)).decl();
    z3::expr term = bits == 0 ? context.bool_val(value != 0) : context.bv_val(value, bits);
    model.add_const_interp(unknown, term);
  }
  return model;
}

}  // namespace

void keep_world(const std::string& question, const z3::model& world) {
  constexpr std::size_t kMost = 8;
  KnownWorld values = values_of(world);
  const std::lock_guard lock(mutex);
  std::vector<KnownWorld>& worlds = kept[question];
  if (worlds.size() < kMost) worlds.push_back(std::move(values));
}

std::vector<z3::model> known_worlds(const std::string& question) {
  const std::lock_guard lock(mutex);
  std::vector<z3::model> models;
  const auto found = kept.find(question);
  if (found == kept.end()) return models;
  for (const KnownWorld& world : found->second) models.push_back(model_of(world));
  return models;
}

}  // namespace capcheck
