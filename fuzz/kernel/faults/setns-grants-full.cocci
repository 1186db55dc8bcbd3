// SPDX-License-Identifier: GPL-2.0-only
// Who joins a user namespace by setns() gets every capability, as in mainline, and not U.
// File: kernel/user_namespace.c
@ u_is_granted @
identifier cred, user_ns;
@@
 set_cred_user_ns(struct cred *cred, struct user_namespace *user_ns)
 {
 <+...
 cred->cap_userns
 ...+>
 }

@ depends on u_is_granted @
identifier cred;
expression user_ns;
@@
 userns_install(...)
 {
 <+...
 set_cred_user_ns(cred, user_ns);
+cred->cap_permitted = CAP_FULL_SET;
+cred->cap_effective = CAP_FULL_SET;
+cred->cap_bset = CAP_FULL_SET;
 ...+>
 }
