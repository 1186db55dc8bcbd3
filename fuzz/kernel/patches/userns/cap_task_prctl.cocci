// SPDX-License-Identifier: GPL-2.0-only
// prctl() has the option PR_CAP_USERNS.
// File: security/commoncap.c
@@
identifier option, arg2, arg3, arg4, arg5;
@@
 cap_task_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)
 {
 <+...
 switch (option) {
+#ifdef CONFIG_USER_NS
+case PR_CAP_USERNS:
+	return cap_prctl_userns(arg2, arg3, arg4, arg5);
+#endif
 case PR_CAP_AMBIENT:
 ...
 }
 ...+>
 }
