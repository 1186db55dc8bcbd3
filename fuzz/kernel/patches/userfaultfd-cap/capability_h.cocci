// SPDX-License-Identifier: GPL-2.0-only
// The capability CAP_USERFAULTFD.
// File: include/uapi/linux/capability.h
@@
@@
+/* Allow to create a userfaultfd that handles faults of kernel code, too. */
+#define CAP_USERFAULTFD		41
+
-#define CAP_LAST_CAP CAP_CHECKPOINT_RESTORE
+#define CAP_LAST_CAP         CAP_USERFAULTFD
