// SPDX-License-Identifier: GPL-2.0-only
// Who gives up uid 0 by set*uid() keeps the ambient set.
// File: security/commoncap.c
@@
identifier new, old;
@@
 cap_emulate_setxuid(struct cred *new, const struct cred *old)
 {
 <+...
-cap_clear(new->cap_ambient);
 ...+>
 }
