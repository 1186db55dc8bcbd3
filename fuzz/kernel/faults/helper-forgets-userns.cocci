// SPDX-License-Identifier: GPL-2.0-only
// A user-mode helper's U is not limited by kernel.usermodehelper.userns.
// File: kernel/umh.c
@@
identifier new;
@@
 call_usermodehelper_exec_async(...)
 {
 <+...
-new->cap_userns = cap_intersect(usermodehelper_userns, new->cap_userns);
 ...+>
 }
