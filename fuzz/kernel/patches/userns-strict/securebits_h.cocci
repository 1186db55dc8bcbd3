// SPDX-License-Identifier: GPL-2.0-only
// The securebit SECURE_USERNS_STRICT_CAPS and its lock.
// File: include/uapi/linux/securebits.h
@@
expression bits;
@@
+/* When set, who enters a user namespace gets no capability that is outside the bounding set. */
+#ifdef SECURE_EXEC_RESTRICT_FILE
+# define SECURE_USERNS_STRICT_CAPS		12
+# define SECURE_USERNS_STRICT_CAPS_LOCKED	13
+#else
+# define SECURE_USERNS_STRICT_CAPS		8
+# define SECURE_USERNS_STRICT_CAPS_LOCKED	9
+#endif
+
+#define SECBIT_USERNS_STRICT_CAPS (issecure_mask(SECURE_USERNS_STRICT_CAPS))
+#define SECBIT_USERNS_STRICT_CAPS_LOCKED \
+			(issecure_mask(SECURE_USERNS_STRICT_CAPS_LOCKED))
+
-#define SECURE_ALL_BITS bits
+#define SECURE_ALL_BITS (bits | issecure_mask(SECURE_USERNS_STRICT_CAPS))
