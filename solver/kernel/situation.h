// SPDX-License-Identifier: GPL-2.0-only
// What the situations of several of the kernel's functions have in common: how these are run, what stands for those
// that are proved on their own, and how a call is compared with its rule.
#ifndef CAPCHECK_SOLVER_KERNEL_SITUATION_H_
#define CAPCHECK_SOLVER_KERNEL_SITUATION_H_

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/profile.h"
#include "model/rules/uidgid.h"
#include "model/world.h"
#include "solver/kernel/functions.h"
#include "solver/kernel/scene.h"

namespace capcheck {

using Word = SymbolicWord;
using Bool = SymbolicBool;

inline constexpr unsigned kIntBits = 32, kLongBits = 64;

/// Of a function that has one situation.
unsigned once(const Profile& profile);

/// An error as the kernel returns it.
Word negated(int error);
/// An argument of so many bits.
Value argument(const Word& word, unsigned width);

/// Runs a function, and gives what it gives, as a signed number of 64 bits.
Word run(Scene& scene, std::string_view function, const std::vector<Value>& arguments);

/// What commit_creds() may change, and what new credentials have of their own; and that the task has used a privilege,
/// PF_SUPERPRIV.
extern const std::vector<std::string> kCommitted;

/// Where in struct group_info, which ends with the groups, one of them is.
std::uint64_t group_offset(const KernelCode& code, std::uint64_t group);
/// Room for as many groups as the model has.
ObjectId add_group_info(Scene& scene, const std::string& name);
/// The groups that the task has: what it has not is 0 to the model.
void add_groups(Scene& scene);

/// What a mount has that is not idmapped: from 6.2 on a map of its own kind, before that the initial namespace.
Pointer mount_without_map(Scene& scene);

/// One of the functions that translate ids, and what of the model it is to be.
struct IdFunction {
  std::string_view name;
  IdMap<Symbolic> UserNamespace<Symbolic>::* map;
  Word (*model)(const IdMap<Symbolic>& map, const Word& id);
};

inline constexpr auto kUidMapOf = &UserNamespace<Symbolic>::uid_map, kGidMapOf = &UserNamespace<Symbolic>::gid_map;
inline constexpr std::array kIdFunctions = {
    IdFunction{"make_kuid", kUidMapOf, map_id_down<Symbolic>},
    IdFunction{"make_kgid", kGidMapOf, map_id_down<Symbolic>},
    IdFunction{"from_kuid", kUidMapOf, map_id_up<Symbolic>},
    IdFunction{"from_kgid", kGidMapOf, map_id_up<Symbolic>},
    IdFunction{"from_kuid_munged", kUidMapOf, from_id_munged<Symbolic>},
    IdFunction{"from_kgid_munged", kGidMapOf, from_id_munged<Symbolic>},
};

/// The functions that translate ids are proved on their own: in this scene they are what the model has in their place.
/// As long as it lives, what they give has names, in the rules as well: little depends on how it came about.
class IdFunctions {
 public:
  explicit IdFunctions(Scene& scene);
  ~IdFunctions();
  IdFunctions(const IdFunctions&) = delete;
  IdFunctions& operator=(const IdFunctions&) = delete;
};
/// The same of map_id_range_down(), of ranges that do not wrap.
void use_map_id_range_down(Scene& scene);
/// The same of mappings_overlap(), of a map of up to one line.
void use_mappings_overlap(Scene& scene);
/// The same of cap_capable(): asked of the credentials that it is given, as they are then. As long as it lives, its
/// answers have names, in the rules as well: the same for the same credentials, namespace and capability.
class CapCapable {
 public:
  explicit CapCapable(Scene& scene);
  ~CapCapable();
  CapCapable(const CapCapable&) = delete;
  CapCapable& operator=(const CapCapable&) = delete;

 private:
  std::vector<std::pair<std::vector<Word>, Bool>> answers_{};  ///< by what was asked
};

/// What the model says of a call by task 0, and leaves.
struct Predicted {
  Word result;
  Credentials<Symbolic> cred;
};
Predicted predict(Scene& scene, CallKind kind, const std::array<Word, kMaxArguments>& arguments);

/// No failure for want of memory and the like.
Bool all_well(const Scene& scene);

Bool is_negative(const Word& word);

/// Where the kernel fails for want of memory, that is no case of the model. But no failure changes credentials.
void compare_outcome(Scene& scene, const std::string& name, const Word& result, const Predicted& model,
                     const Bool& matters);

}  // namespace capcheck

#endif
