// SPDX-License-Identifier: GPL-2.0-only
// PR_SET_SECUREBITS changes locked bits and clears locks.
// File: security/commoncap.c
@@
identifier old;
@@
-(old->securebits & SECURE_ALL_LOCKS)
+0
