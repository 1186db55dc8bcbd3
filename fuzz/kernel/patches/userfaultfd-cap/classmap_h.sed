# SPDX-License-Identifier: GPL-2.0-only
# SELinux knows CAP_USERFAULTFD by name; its list is guarded by an #error.
# File: security/selinux/include/classmap.h
s/"checkpoint_restore"$/"checkpoint_restore", "userfaultfd"/
s/^#if CAP_LAST_CAP > CAP_CHECKPOINT_RESTORE$/#if CAP_LAST_CAP > CAP_USERFAULTFD/
