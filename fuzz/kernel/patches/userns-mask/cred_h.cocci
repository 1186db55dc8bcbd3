// SPDX-License-Identifier: GPL-2.0-only
// What applies the mask is told to kernel/user_namespace.c.
// File: include/linux/cred.h
@@
@@
 extern struct cred *prepare_creds(void);
+#ifdef CONFIG_USER_NS
+extern void cap_userns_apply_mask(struct cred *);
+#endif
