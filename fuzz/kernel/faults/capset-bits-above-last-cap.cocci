// SPDX-License-Identifier: GPL-2.0-only
// capset() does not mask the bits above CAP_LAST_CAP.
// File: kernel/capability.c
@@
expression bits;
@@
 mk_kernel_cap(...)
 {
 <+...
-(bits) & CAP_VALID_MASK
+bits
 ...+>
 }
