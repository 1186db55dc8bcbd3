// SPDX-License-Identifier: GPL-2.0-only
// The sysctl kernel.cap_userns_mask. Its siblings lie in a directory below, so it has a table of its own.
// File: kernel/umh.c
@@
@@
 proc_cap_handler(...)
 {
 ...
 }
+
+#ifdef CONFIG_USER_NS
+struct ctl_table cap_userns_table[] = {
+	{
+		.procname	= "cap_userns_mask",
+		.data		= &cap_userns_mask,
+		.maxlen		= 2 * sizeof(unsigned long),
+		.mode		= 0600,
+		.proc_handler	= proc_cap_handler,
+	},
+#ifndef register_sysctl		/* before 6.6 an empty row ends a table; since then its size does */
+	{ }
+#endif
+};
+
+static int __init init_cap_userns_sysctl(void)
+{
+	register_sysctl_init("kernel", cap_userns_table);
+	return 0;
+}
+early_initcall(init_cap_userns_sysctl);
+#endif
