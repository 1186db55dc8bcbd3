// SPDX-License-Identifier: GPL-2.0-only
// A file's capabilities do not cancel the ambient set: only a change of ids does.
// File: security/commoncap.c
@@
expression is_setid;
identifier has_fcap, new;
@@
 cap_bprm_creds_from_file(...)
 {
 <+...
-if (has_fcap || is_setid)
+if (is_setid)
 	cap_clear(new->cap_ambient);
 ...+>
 }
