// SPDX-License-Identifier: GPL-2.0-only
// The bound of every user-mode helper's U, which kernel.usermodehelper.userns shows; it starts full.
// File: kernel/umh.c
@@
@@
 static kernel_cap_t usermodehelper_bset = CAP_FULL_SET;
+#ifdef CONFIG_USER_NS
+static kernel_cap_t usermodehelper_userns = CAP_FULL_SET;
+#endif
