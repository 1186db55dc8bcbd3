// SPDX-License-Identifier: GPL-2.0-only
// What leaves the bounding set leaves U, so that no user namespace below can bring it back.
// File: security/commoncap.c
@@
identifier cap, new;
@@
 cap_prctl_drop(unsigned long cap)
 {
 <+...
 cap_lower(new->cap_bset, cap);
+#ifdef CONFIG_USER_NS
+cap_lower(new->cap_userns, cap);
+#endif
 ...+>
 }
