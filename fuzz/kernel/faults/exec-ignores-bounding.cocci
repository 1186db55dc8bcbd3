// SPDX-License-Identifier: GPL-2.0-only
// A file's permitted capabilities are granted outside the bounding set too.
// File: security/commoncap.c
@@
identifier new, caps, i;
@@
 bprm_caps_from_vfs_caps(...)
 {
 <+...
(
-(new->cap_bset.val & caps->permitted.val)
+caps->permitted.val
|
-(new->cap_bset.cap[i] & permitted)
+permitted
)
 ...+>
 }
