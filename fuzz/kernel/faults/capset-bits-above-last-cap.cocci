// SPDX-License-Identifier: GPL-2.0-only
// capset() does not mask the bits above CAP_LAST_CAP.
// File: kernel/capability.c
@@
expression bits;
identifier set;
@@
(
-(bits) & CAP_VALID_MASK
+bits
|
-set.cap[CAP_LAST_U32] &= CAP_LAST_U32_VALID_MASK
+set.cap[CAP_LAST_U32] |= 0
)
