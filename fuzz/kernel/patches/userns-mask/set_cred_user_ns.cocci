// SPDX-License-Identifier: GPL-2.0-only
// Who enters a user namespace has U limited to kernel.cap_userns_mask.
// File: kernel/user_namespace.c
@@
identifier cred, user_ns;
expression set;
@@
 set_cred_user_ns(struct cred *cred, struct user_namespace *user_ns)
 {
 ...
+#ifdef CONFIG_USER_NS
+	cap_userns_apply_mask(cred);
+#endif
 cred->cap_permitted = set;
 ...
 }
