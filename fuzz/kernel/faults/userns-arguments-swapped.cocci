// SPDX-License-Identifier: GPL-2.0-only
// prctl(PR_CAP_USERNS) reads the operation from arg3 and the capability from arg2.
// File: security/commoncap.c
@@
expression arg2, arg3, arg4, arg5;
@@
-cap_prctl_userns(arg2, arg3, arg4, arg5)
+cap_prctl_userns(arg3, arg2, arg4, arg5)
