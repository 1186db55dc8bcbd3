// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine below the kernel: one processor without interrupts, whose user memory is the memory of this process, and
 * on which nothing else is runnable.
 */
#include <linux/cpuhotplug.h>
#include <linux/jiffies.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/uaccess.h>

#include "glue.h"

/* User addresses are addresses of this process; all of them but the first page may be good. */
unsigned long task_size = ULONG_MAX;

static bool is_bad(const void __user *address)
{
	return (unsigned long)address < PAGE_SIZE;
}

unsigned long raw_copy_from_user(void *to, const void __user *from, unsigned long size)
{
	if (is_bad(from))
		return size;
	memcpy(to, (const void __force *)from, size);
	return 0;
}

unsigned long raw_copy_to_user(void __user *to, const void *from, unsigned long size)
{
	if (is_bad(to))
		return size;
	memcpy((void __force *)to, from, size);
	return 0;
}

long strncpy_from_user(char *to, const char __user *from, long size)
{
	long length;

	if (is_bad(from))
		return -EFAULT;
	for (length = 0; length < size; length++) {
		to[length] = ((const char __force *)from)[length];
		if (!to[length])
			break;
	}
	return length;
}

/* Interrupts never come, so whether they are masked makes no difference. */
int signals_enabled;

int um_set_signals(int enable)
{
	return 0;
}

void block_signals(void)
{
}

void unblock_signals(void)
{
}

/* Time stands still: no call here depends on its passing. */
unsigned long volatile jiffies = INITIAL_JIFFIES;

/* Nothing else wants the processor. */
int __sched __cond_resched(void)
{
	return 0;
}

/* No task ever sleeps here (schedule() is not supplied), so there is none to wake. */
int wake_up_process(struct task_struct *task)
{
	return 0;
}

/* An empty queue. kernel/sched/wait.c, which has this function, cannot be compiled without the scheduler. */
void __init_waitqueue_head(struct wait_queue_head *queue, const char *name, struct lock_class_key *key)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->head);
}

/* Processors neither come nor go. */
int __cpuhp_setup_state(enum cpuhp_state state, const char *name, bool invoke, int (*startup)(unsigned int cpu),
			int (*teardown)(unsigned int cpu), bool multi_instance)
{
	return 0;
}

/* A machine of 16 GiB: fork_init() derives from it how many threads, and so how many namespaces, there may be. */
unsigned long __init memblock_estimated_nr_free_pages(void)
{
	return 16UL << (30 - PAGE_SHIFT);
}

/* A task's struct mm_struct is there for its flags; no memory is mapped in it. */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long address)
{
	return NULL;
}

/* The one thing it makes ready is a statistic of mapped memory, and no memory is mapped. */
void __init mmap_init(void)
{
}

/* Empty, as in a tree built without CONFIG_PROVE_RCU. */
void rcu_early_boot_tests(void);
void rcu_early_boot_tests(void)
{
}
