// SPDX-License-Identifier: GPL-2.0-only
// RAISE looks for CAP_SETPCAP in the permitted set instead of the effective one.
// File: security/commoncap.c
@@
identifier cred, cap;
@@
 cap_userns_within_reach(const struct cred *cred, unsigned long cap)
 {
 ...
-if (cap_capable(cred, cred->user_ns, CAP_SETPCAP, CAP_OPT_NONE) == 0)
+if (cap_raised(cred->cap_permitted, CAP_SETPCAP))
 	return true;
 ...
 }
