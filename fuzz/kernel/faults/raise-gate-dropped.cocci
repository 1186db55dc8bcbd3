// SPDX-License-Identifier: GPL-2.0-only
// RAISE is never refused.
// File: security/commoncap.c
@@
identifier op, cap, arg4, arg5, old;
@@
 cap_prctl_userns(unsigned long op, unsigned long cap, unsigned long arg4, unsigned long arg5)
 {
 <+...
-if (op == PR_CAP_USERNS_RAISE && !cap_raised(old->cap_userns, cap) && !cap_userns_within_reach(old, cap))
-	return -EPERM;
 ...+>
 }
