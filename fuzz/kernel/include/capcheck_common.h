/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What most of the linked files include; compiled once for all of them. A file that is compiled with it means the same
 * as without it, as long as it does not define a macro that one of these headers asks for.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/key.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
