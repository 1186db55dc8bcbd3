// SPDX-License-Identifier: GPL-2.0-only
// A program run as root gets X & I, where X | I is meant: any user can take capabilities from a setuid-root program, as in CVE-2000-0506.
// File: security/commoncap.c
@@
identifier old, new;
@@
 handle_privileged_root(...)
 {
 <+...
-new->cap_permitted = cap_combine(old->cap_bset, old->cap_inheritable);
+new->cap_permitted = cap_intersect(old->cap_bset, old->cap_inheritable);
 ...+>
 }
