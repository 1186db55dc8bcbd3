/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replaces the tree's <asm/current.h>. UML finds the current task below the kernel stack; the harness has no kernel
 * stacks, so it keeps the task in a variable.
 */
#ifndef CAPCHECK_ASM_CURRENT_H
#define CAPCHECK_ASM_CURRENT_H

#ifndef __ASSEMBLY__
struct task_struct;
extern struct task_struct *capcheck_current;
#define current capcheck_current
#endif

#endif
