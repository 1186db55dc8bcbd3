// SPDX-License-Identifier: GPL-2.0-only
// KEYCTL_SESSION_TO_PARENT fills the parent's new credentials field by field; U is one of the fields.
// File: security/keys/process_keys.c
@@
identifier twork, old, new;
@@
 key_change_session_keyring(struct callback_head *twork)
 {
 <+...
 new->cap_bset = old->cap_bset;
+#ifdef CONFIG_USER_NS
+new->cap_userns = old->cap_userns;
+#endif
 ...+>
 }
