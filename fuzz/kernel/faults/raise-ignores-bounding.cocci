// SPDX-License-Identifier: GPL-2.0-only
// RAISE does not ask whether the capability is in the bounding set.
// File: security/commoncap.c
@@
identifier cred, cap;
@@
 cap_userns_within_reach(const struct cred *cred, unsigned long cap)
 {
-if (!cap_raised(cred->cap_bset, cap))
-	return false;
 ...
 }
