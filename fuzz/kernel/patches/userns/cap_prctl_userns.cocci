// SPDX-License-Identifier: GPL-2.0-only
// LOWER and CLEAR_ALL ask nothing; RAISE reaches p'U = (pE & CAP_SETPCAP) ? X : (X & pP), and what U holds already.
// File: security/commoncap.c
@@
typedef bool;
@@
+#ifdef CONFIG_USER_NS
+static bool cap_userns_within_reach(const struct cred *cred, unsigned long cap)
+{
+	if (!cap_raised(cred->cap_bset, cap))
+		return false;
+	if (cap_capable(cred, cred->user_ns, CAP_SETPCAP, CAP_OPT_NONE) == 0)
+		return true;
+	return cap_raised(cred->cap_permitted, cap);
+}
+
+static int cap_prctl_userns(unsigned long op, unsigned long cap, unsigned long arg4, unsigned long arg5)
+{
+	const struct cred *old = current_cred();
+	struct cred *new;
+
+	if (op == PR_CAP_USERNS_CLEAR_ALL) {
+		if (cap | arg4 | arg5)
+			return -EINVAL;
+	} else {
+		if (!cap_valid(cap) | arg4 | arg5)
+			return -EINVAL;
+		if (op == PR_CAP_USERNS_IS_SET)
+			return !!cap_raised(old->cap_userns, cap);
+		if (op != PR_CAP_USERNS_RAISE && op != PR_CAP_USERNS_LOWER)
+			return -EINVAL;
+		if (op == PR_CAP_USERNS_RAISE && !cap_raised(old->cap_userns, cap) && !cap_userns_within_reach(old, cap))
+			return -EPERM;
+	}
+
+	new = prepare_creds();
+	if (!new)
+		return -ENOMEM;
+	if (op == PR_CAP_USERNS_CLEAR_ALL)
+		cap_clear(new->cap_userns);
+	else if (op == PR_CAP_USERNS_RAISE)
+		cap_raise(new->cap_userns, cap);
+	else
+		cap_lower(new->cap_userns, cap);
+	return commit_creds(new);
+}
+#endif
+
 int cap_task_prctl(...)
 {
 ...
 }
