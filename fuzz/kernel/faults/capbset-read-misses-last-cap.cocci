// SPDX-License-Identifier: GPL-2.0-only
// prctl(PR_CAPBSET_READ) does not know CAP_LAST_CAP.
// File: security/commoncap.c
@@
symbol arg2;
@@
-!cap_valid(arg2)
+(arg2 >= CAP_LAST_CAP)
