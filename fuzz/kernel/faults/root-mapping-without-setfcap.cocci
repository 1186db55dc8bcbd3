// SPDX-License-Identifier: GPL-2.0-only
// A uid_map may map the parent's uid 0 without CAP_SETFCAP.
// File: kernel/user_namespace.c
@@
identifier map_ns, file_ns;
statement inside, outside;
@@
 verify_root_map(...)
 {
 ...
-if (map_ns == file_ns) inside else outside
 ...
 return true;
 }
