// SPDX-License-Identifier: GPL-2.0-only
// capset() lets the inheritable set gain what is outside the bounding set.
// File: security/commoncap.c
@@
identifier old, inheritable;
@@
 cap_capset(...)
 {
 ...
-if (!cap_issubset(*inheritable, cap_combine(old->cap_inheritable, old->cap_bset)))
-	return -EPERM;
 ...
 }
