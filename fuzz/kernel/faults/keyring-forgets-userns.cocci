// SPDX-License-Identifier: GPL-2.0-only
// KEYCTL_SESSION_TO_PARENT gives the parent credentials with an empty U.
// File: security/keys/process_keys.c
@@
identifier twork, old, new;
@@
 key_change_session_keyring(struct callback_head *twork)
 {
 <+...
-new->cap_userns = old->cap_userns;
 ...+>
 }
