// SPDX-License-Identifier: GPL-2.0-only
// prctl(PR_CAP_USERNS, LOWER) asks for CAP_SETPCAP.
// File: security/commoncap.c
@@
identifier op, cap, arg4, arg5, old;
@@
 cap_prctl_userns(unsigned long op, unsigned long cap, unsigned long arg4, unsigned long arg5)
 {
 <+...
 if (op == PR_CAP_USERNS_RAISE && !cap_raised(old->cap_userns, cap) && !cap_userns_within_reach(old, cap))
 	return -EPERM;
+if (op == PR_CAP_USERNS_LOWER && cap_capable(old, old->user_ns, CAP_SETPCAP, CAP_OPT_NONE) != 0)
+	return -EPERM;
 ...+>
 }
