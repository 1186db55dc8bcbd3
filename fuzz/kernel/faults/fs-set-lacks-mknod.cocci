// SPDX-License-Identifier: GPL-2.0-only
// What setfsuid() takes from E and gives back to it lacks CAP_MKNOD, as in CVE-2009-1072.
// File: security/commoncap.c
@@
identifier new, old;
expression leaves_root, becomes_root;
@@
 cap_task_fix_setuid(struct cred *new, const struct cred *old, ...)
 {
 <+...
 if (leaves_root)
-	new->cap_effective = cap_drop_fs_set(new->cap_effective);
+{
+	new->cap_effective = cap_drop_fs_set(new->cap_effective);
+	if (cap_raised(old->cap_effective, CAP_MKNOD))
+		cap_raise(new->cap_effective, CAP_MKNOD);
+}
 if (becomes_root)
-	new->cap_effective = cap_raise_fs_set(new->cap_effective, new->cap_permitted);
+{
+	new->cap_effective = cap_raise_fs_set(new->cap_effective, new->cap_permitted);
+	if (!cap_raised(old->cap_effective, CAP_MKNOD))
+		cap_lower(new->cap_effective, CAP_MKNOD);
+}
 ...+>
 }
