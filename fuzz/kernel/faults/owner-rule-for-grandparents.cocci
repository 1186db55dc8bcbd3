// SPDX-License-Identifier: GPL-2.0-only
// The owner of any namespace on the way up has every capability, not only the owner of a child of one's own namespace.
// File: security/commoncap.c
@@
expression own_ns;
identifier ns, cred;
@@
-(ns->parent == own_ns) && uid_eq(ns->owner, cred->euid)
+uid_eq(ns->owner, cred->euid)
