// SPDX-License-Identifier: GPL-2.0-only
// The initial task's U is full.
// File: kernel/cred.c
@@
@@
 struct cred init_cred = {
 ...,
+#ifdef CONFIG_USER_NS
+.cap_userns = CAP_FULL_SET,
+#endif
 .cap_bset = CAP_FULL_SET,
 ...,
 };
