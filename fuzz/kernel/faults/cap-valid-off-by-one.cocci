// SPDX-License-Identifier: GPL-2.0-only
// prctl(PR_CAP_USERNS) takes CAP_LAST_CAP + 1 for a capability.
// File: security/commoncap.c
@@
identifier op, cap, arg4, arg5;
@@
 cap_prctl_userns(unsigned long op, unsigned long cap, unsigned long arg4, unsigned long arg5)
 {
 <+...
-!cap_valid(cap)
+(cap > CAP_LAST_CAP + 1)
 ...+>
 }
