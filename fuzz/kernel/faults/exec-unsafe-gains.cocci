// SPDX-License-Identifier: GPL-2.0-only
// An unsafe exec (no_new_privs, a shared fs_struct, an unprivileged tracer) gains capabilities.
// File: security/commoncap.c
@@
identifier new, old;
@@
 cap_bprm_creds_from_file(...)
 {
 <+...
-new->cap_permitted = cap_intersect(new->cap_permitted, old->cap_permitted);
 ...+>
 }
