/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Comes before the tree's <asm/thread_info.h>. UML finds the current thread_info at the start of the kernel stack that
 * it runs on; here all tasks run on the process's own stack, so it is found through the current task.
 */
#ifndef CAPCHECK_ASM_THREAD_INFO_H
#define CAPCHECK_ASM_THREAD_INFO_H

#define current_thread_info current_thread_info_of_uml
#include_next <asm/thread_info.h>
#undef current_thread_info

#ifndef __ASSEMBLY__
extern struct thread_info *capcheck_current_info;
#define current_thread_info() capcheck_current_info
#endif

#endif
