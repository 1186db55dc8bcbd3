// SPDX-License-Identifier: GPL-2.0-only
// Who gives up uid 0 by set*uid() loses P and E in spite of SECBIT_KEEP_CAPS.
// File: security/commoncap.c
@@
identifier new, old;
@@
 cap_emulate_setxuid(struct cred *new, const struct cred *old)
 {
 <+...
-if (!issecure(SECURE_KEEP_CAPS)) {
 cap_clear(new->cap_permitted);
 cap_clear(new->cap_effective);
-}
 ...+>
 }
