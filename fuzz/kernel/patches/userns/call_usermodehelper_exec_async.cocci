// SPDX-License-Identifier: GPL-2.0-only
// A user-mode helper's U stays within kernel.usermodehelper.userns.
// File: kernel/umh.c
@@
identifier new;
@@
 call_usermodehelper_exec_async(...)
 {
 <+...
 new->cap_bset = cap_intersect(usermodehelper_bset, new->cap_bset);
+#ifdef CONFIG_USER_NS
+new->cap_userns = cap_intersect(usermodehelper_userns, new->cap_userns);
+#endif
 ...+>
 }
