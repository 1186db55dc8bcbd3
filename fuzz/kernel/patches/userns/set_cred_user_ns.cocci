// SPDX-License-Identifier: GPL-2.0-only
// Who enters a user namespace gets U, where mainline gives every capability: P' = E' = X' = U.
// File: kernel/user_namespace.c
@@
identifier cred, user_ns;
@@
 set_cred_user_ns(struct cred *cred, struct user_namespace *user_ns)
 {
 ...
-cred->cap_permitted = CAP_FULL_SET;
+cred->cap_permitted = cred->cap_userns;
 ...
-cred->cap_effective = CAP_FULL_SET;
+cred->cap_effective = cred->cap_userns;
 ...
-cred->cap_bset = CAP_FULL_SET;
+cred->cap_bset = cred->cap_userns;
 ...
 }
