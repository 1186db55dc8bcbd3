// SPDX-License-Identifier: GPL-2.0-only
// userfaultfd() takes CAP_USERFAULTFD held in any user namespace.
// File: fs/userfaultfd.c
@@
@@
-capable(CAP_USERFAULTFD)
+ns_capable(current_user_ns(), CAP_USERFAULTFD)
