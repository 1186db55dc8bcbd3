// SPDX-License-Identifier: GPL-2.0-only
// The mask, which starts full, and what applies it.
// File: kernel/umh.c
@@
@@
+#ifdef CONFIG_USER_NS
+static kernel_cap_t cap_userns_mask = CAP_FULL_SET;
+
+/* Limits U to what the sysctl kernel.cap_userns_mask leaves to every user namespace. */
+void cap_userns_apply_mask(struct cred *cred)
+{
+	spin_lock(&umh_sysctl_lock);
+	cred->cap_userns = cap_intersect(cred->cap_userns, cap_userns_mask);
+	spin_unlock(&umh_sysctl_lock);
+}
+#endif
+
 call_usermodehelper_freeinfo(...)
 {
 ...
 }
