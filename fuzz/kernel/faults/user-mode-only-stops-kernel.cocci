// SPDX-License-Identifier: GPL-2.0-only
// Faults of the kernel are handed to a userfaultfd with UFFD_USER_MODE_ONLY, too.
// File: fs/userfaultfd.c
@@
struct userfaultfd_ctx *ctx;
@@
-(ctx->flags & UFFD_USER_MODE_ONLY)
+0
