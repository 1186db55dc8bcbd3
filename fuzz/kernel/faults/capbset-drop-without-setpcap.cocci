// SPDX-License-Identifier: GPL-2.0-only
// PR_CAPBSET_DROP does not ask for CAP_SETPCAP.
// File: security/commoncap.c
@@
identifier cap;
@@
 cap_prctl_drop(unsigned long cap)
 {
 ...
-if (!ns_capable(current_user_ns(), CAP_SETPCAP))
-	return -EPERM;
 ...
 }
