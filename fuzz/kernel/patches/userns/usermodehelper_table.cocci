// SPDX-License-Identifier: GPL-2.0-only
// The sysctl kernel.usermodehelper.userns, which like its siblings can only shrink.
// File: kernel/umh.c
@@
@@
 struct ctl_table usermodehelper_table[] = {
+#ifdef CONFIG_USER_NS
+	{
+		.procname	= "userns",
+		.data		= &usermodehelper_userns,
+		.maxlen		= 2 * sizeof(unsigned long),
+		.mode		= 0600,
+		.proc_handler	= proc_cap_handler,
+	},
+#endif
 	{ .procname = "bset", },
 	...
 };
