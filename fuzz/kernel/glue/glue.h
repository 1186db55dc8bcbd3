/* SPDX-License-Identifier: GPL-2.0-only */
/* What the glue files share. All of them are compiled in kernel context, beside the kernel's own C files. */
#ifndef CAPCHECK_GLUE_H
#define CAPCHECK_GLUE_H

#include <linux/compiler.h>
#include <linux/sched.h>

#include "harness_abi.h"

#define CAPCHECK_TASKS 4

extern const struct capcheck_host *capcheck_host; /* entry.c */

/* log.c: both end with a message of one line. */
void __noreturn __printf(1, 2) capcheck_fatal(const char *format, ...);
void __noreturn capcheck_unsupplied(const char *symbol);

/* memory.c */
void capcheck_memory_boot(void);
void capcheck_memory_booted(void);
unsigned long capcheck_memory_end(void);

/* deferred.c */
void capcheck_run_deferred(void);

/* files.c */
void capcheck_files_boot(void);
long capcheck_chroot(void);
long capcheck_write_proc_file(enum capcheck_proc_file file, const char *text, unsigned long size);

/* tasks.c */
void capcheck_tasks_boot(void);
void capcheck_tasks_begin(void);
void capcheck_tasks_end(void);
void capcheck_check_world(void);
struct task_struct *capcheck_task(unsigned int number);
void capcheck_observe(unsigned int number, struct capcheck_task_state *out);

#endif
