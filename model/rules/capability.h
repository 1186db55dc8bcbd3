// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/capability.c: the system calls capget and capset.
#ifndef CAPCHECK_MODEL_RULES_CAPABILITY_H_
#define CAPCHECK_MODEL_RULES_CAPABILITY_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// struct __user_cap_header_struct as the caller passes it, and which of the two pointers are null.
template <Domain D>
struct CapHeader {
  typename D::Word version;
  typename D::Word pid;  ///< sign-extended to 64 bits
  typename D::Bool header_null, data_null;
};

/// The version that the kernel writes into a header whose version it does not know.
inline constexpr std::uint64_t kPreferredVersion = _LINUX_CAPABILITY_VERSION_3;

/// cap_validate_magic(): the header's version is one of the three.
template <Domain D>
constexpr typename D::Bool version_known(const typename D::Word& version) {
  using Word = typename D::Word;
  return (version == Word(_LINUX_CAPABILITY_VERSION_1)) | (version == Word(_LINUX_CAPABILITY_VERSION_2)) |
         (version == Word(_LINUX_CAPABILITY_VERSION_3));
}

/// The bits that travel between user and kernel: version 1 carries one 32-bit word of each set.
template <Domain D>
constexpr typename D::Word carried(const typename D::Word& version) {
  using Word = typename D::Word;
  return D::select(version == Word(_LINUX_CAPABILITY_VERSION_1), Word(0xffffffff), ~Word(0));
}

/// The version found in the header after the call, by cap_validate_magic().
template <Domain D>
constexpr typename D::Word version_after(const CapHeader<D>& header) {
  return D::select(version_known<D>(header.version), header.version, typename D::Word(kPreferredVersion));
}

/// sys_capset(). `own_pid` is the caller's thread id.
template <Domain D>
constexpr Outcome<D, Credentials<D>> sys_capset(const Profile& profile, const Credentials<D>& old,
                                                const typename D::Word& own_pid, const CapHeader<D>& header,
                                                const CapsetRequest<D>& request) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::header_readable, !header.header_null);
  verdict.require(Guard::version_known, version_known<D>(header.version));
  verdict.require(Guard::pid_is_own, (header.pid == Word(0)) | (header.pid == own_pid));
  verdict.require(Guard::data_readable, !header.data_null);

  const Word valid = carried<D>(header.version) & Word(profile.full_set());
  const CapsetRequest<D> want{request.effective & valid, request.permitted & valid, request.inheritable & valid};
  const Credentials<D> cred = cap_capset(verdict, old, want);
  return {verdict, Word(0), cred};
}

/// The three sets that capget(2) copies out.
template <Domain D>
struct CapgetReply {
  typename D::Word effective, permitted, inheritable;
};

/// sys_capget(). `target` are the credentials of the task that header.pid names, of use only where `pid_exists`.
/// A null data pointer asks for the version alone: 0 even where the version is unknown.
template <Domain D>
constexpr Outcome<D, CapgetReply<D>> sys_capget(const Credentials<D>& target, const typename D::Bool& pid_exists,
                                                const CapHeader<D>& header) {
  return kernel_function<D>("sys_capget", [&] {
    using Word = typename D::Word;
    Verdict<D> verdict;
    verdict.require(Guard::header_readable, !header.header_null);
    verdict.require(Guard::version_known, implies<D>(!header.data_null, version_known<D>(header.version)));
    verdict.require(Guard::pid_not_negative, implies<D>(!header.data_null, header.pid < Word(std::uint64_t{1} << 31)));
    verdict.require(Guard::pid_exists, implies<D>(!header.data_null, pid_exists));

    const Word copied = D::select(verdict.passed() & !header.data_null, carried<D>(header.version), Word(0));
    return Outcome<D, CapgetReply<D>>{
        verdict, Word(0), {target.effective & copied, target.permitted & copied, target.inheritable & copied}};
  });
}

}  // namespace capcheck

#endif
