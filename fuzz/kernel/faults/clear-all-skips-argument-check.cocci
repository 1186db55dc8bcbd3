// SPDX-License-Identifier: GPL-2.0-only
// prctl(PR_CAP_USERNS, CLEAR_ALL) takes any further arguments.
// File: security/commoncap.c
@@
identifier op, cap, arg4, arg5;
@@
 cap_prctl_userns(unsigned long op, unsigned long cap, unsigned long arg4, unsigned long arg5)
 {
 ...
 if (op == PR_CAP_USERNS_CLEAR_ALL) {
-	if (cap | arg4 | arg5)
-		return -EINVAL;
 } else {
 ...
 }
 ...
 }
