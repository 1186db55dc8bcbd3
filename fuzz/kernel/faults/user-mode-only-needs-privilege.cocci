// SPDX-License-Identifier: GPL-2.0-only
// userfaultfd() asks for privilege with UFFD_USER_MODE_ONLY, too.
// File: fs/userfaultfd.c
@@
identifier flags;
@@
 userfaultfd_syscall_allowed(int flags)
 {
-if (flags & UFFD_USER_MODE_ONLY)
-	return true;
 ...
 }
