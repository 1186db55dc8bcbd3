// SPDX-License-Identifier: GPL-2.0-only
// /proc/PID/status shows U in the line CapUNs.
// File: fs/proc/array.c
@@
identifier m, p, cred, ambient;
@@
 task_cap(struct seq_file *m, struct task_struct *p)
 {
 const struct cred *cred;
+#ifdef CONFIG_USER_NS
+kernel_cap_t cap_userns;
+#endif
 ...
 ambient = cred->cap_ambient;
+#ifdef CONFIG_USER_NS
+cap_userns = cred->cap_userns;
+#endif
 ...
 render_cap_t(m, "CapAmb:\t", &ambient);
+#ifdef CONFIG_USER_NS
+render_cap_t(m, "CapUNs:\t", &cap_userns);
+#endif
 }
