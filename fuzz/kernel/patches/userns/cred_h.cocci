// SPDX-License-Identifier: GPL-2.0-only
// Credentials carry U.
// File: include/linux/cred.h
@@
@@
 struct cred {
 ...
+#ifdef CONFIG_USER_NS
+kernel_cap_t cap_userns;	/* the most that a user namespace below can grant */
+#endif
 kernel_cap_t cap_ambient;
 ...
 } __randomize_layout;
