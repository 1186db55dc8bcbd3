// SPDX-License-Identifier: GPL-2.0-only
// Who enters a user namespace under the securebit has U limited to X first. The entry then resets the securebits.
// File: kernel/user_namespace.c
@@
identifier cred, user_ns;
expression bits;
@@
 set_cred_user_ns(struct cred *cred, struct user_namespace *user_ns)
 {
+#ifdef CONFIG_USER_NS
+	if (cred->securebits & SECBIT_USERNS_STRICT_CAPS)
+		cred->cap_userns = cap_intersect(cred->cap_userns, cred->cap_bset);
+#endif
 cred->securebits = bits;
 ...
 }
