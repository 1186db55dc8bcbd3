// SPDX-License-Identifier: GPL-2.0-only
// RAISE is allowed within X | P, where X & P is meant, with or without CAP_SETPCAP.
// File: security/commoncap.c
@@
identifier cred, cap;
@@
 cap_userns_within_reach(const struct cred *cred, unsigned long cap)
 {
-if (!cap_raised(cred->cap_bset, cap))
-	return false;
-if (cap_capable(cred, cred->user_ns, CAP_SETPCAP, CAP_OPT_NONE) == 0)
-	return true;
-return cap_raised(cred->cap_permitted, cap);
+return cap_raised(cred->cap_bset, cap) || cap_raised(cred->cap_permitted, cap);
 }
