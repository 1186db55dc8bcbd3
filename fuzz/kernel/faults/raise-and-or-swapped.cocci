// SPDX-License-Identifier: GPL-2.0-only
// RAISE has a | for the & of its formula: p'U = (pE & CAP_SETPCAP) ? X : (X | pP).
// File: security/commoncap.c
@@
identifier cred, cap;
@@
 cap_userns_within_reach(const struct cred *cred, unsigned long cap)
 {
-if (!cap_raised(cred->cap_bset, cap))
-	return false;
 if (cap_capable(cred, cred->user_ns, CAP_SETPCAP, CAP_OPT_NONE) == 0)
-	return true;
+	return cap_raised(cred->cap_bset, cap);
-return cap_raised(cred->cap_permitted, cap);
+return cap_raised(cred->cap_bset, cap) || cap_raised(cred->cap_permitted, cap);
 }
