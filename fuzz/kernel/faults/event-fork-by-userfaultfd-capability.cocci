// SPDX-License-Identifier: GPL-2.0-only
// UFFDIO_API takes CAP_USERFAULTFD for UFFD_FEATURE_EVENT_FORK.
// File: fs/userfaultfd.c
@@
identifier ctx, arg;
@@
 userfaultfd_api(struct userfaultfd_ctx *ctx, unsigned long arg)
 {
 <+...
-!capable(CAP_SYS_PTRACE)
+(!capable(CAP_SYS_PTRACE) && !capable(CAP_USERFAULTFD))
 ...+>
 }
