// SPDX-License-Identifier: GPL-2.0-only
// capset() leaves the ambient set as it is, and does not check it.
// File: security/commoncap.c
@@
identifier new;
expression set;
@@
 cap_capset(struct cred *new, ...)
 {
 ...
-new->cap_ambient = set;
-if (WARN_ON(!cap_ambient_invariant_ok(new)))
-	return -EINVAL;
 return 0;
 }
