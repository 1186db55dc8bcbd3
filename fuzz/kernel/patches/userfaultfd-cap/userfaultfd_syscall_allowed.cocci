// SPDX-License-Identifier: GPL-2.0-only
// CAP_USERFAULTFD in the initial namespace is as good for userfaultfd() as CAP_SYS_PTRACE is.
// File: fs/userfaultfd.c
@@
identifier flags;
statement S;
@@
 userfaultfd_syscall_allowed(int flags)
 {
 ...
-if (capable(CAP_SYS_PTRACE)) S
+if (capable(CAP_USERFAULTFD) || capable(CAP_SYS_PTRACE)) S
 ...
 }
