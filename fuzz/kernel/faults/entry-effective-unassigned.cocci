// SPDX-License-Identifier: GPL-2.0-only
// Who enters a user namespace keeps E.
// File: kernel/user_namespace.c
@@
identifier cred, user_ns;
expression set;
@@
 set_cred_user_ns(struct cred *cred, struct user_namespace *user_ns)
 {
 ...
-cred->cap_effective = set;
 ...
 }
