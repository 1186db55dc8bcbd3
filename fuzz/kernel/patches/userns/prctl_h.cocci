// SPDX-License-Identifier: GPL-2.0-only
// The numbers of prctl(PR_CAP_USERNS).
// File: include/uapi/linux/prctl.h
@@
expression e;
@@
 #define PR_CAP_AMBIENT_CLEAR_ALL e
+
+/* Read and change the user namespace capability set. */
+#define PR_CAP_USERNS			48
+# define PR_CAP_USERNS_IS_SET		1
+# define PR_CAP_USERNS_RAISE		2
+# define PR_CAP_USERNS_LOWER		3
+# define PR_CAP_USERNS_CLEAR_ALL	4
