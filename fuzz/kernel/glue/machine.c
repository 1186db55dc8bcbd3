// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine below the kernel: one processor without interrupts, whose user memory is the memory of this process, and
 * on which nothing else is runnable.
 */
#include <linux/cpuhotplug.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/random.h>
#include <linux/sched/debug.h>
#include <linux/timekeeping.h>
#include <linux/tty.h>
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
int signals_enabled = 1;

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

/* What jump_label_init() says of itself. Without CONFIG_JUMP_LABEL it has nothing else to do. */
bool static_key_initialized = true;

/* Time stands still: no call here depends on its passing. */
unsigned long volatile jiffies = INITIAL_JIFFIES;

ktime_t ktime_get(void)
{
	return 0;
}

ktime_t ktime_get_with_offset(enum tk_offsets offset)
{
	return 0;
}

time64_t ktime_get_real_seconds(void)
{
	return 0;
}

/* Random enough for serial numbers of keys, and the same in every world (Knuth's MMIX generator). */
static u64 randomness;

void capcheck_seed_randomness(void)
{
	randomness = 0;
}

void get_random_bytes(void *to, size_t size)
{
	u8 *byte = to;

	for (; size; size--) {
		randomness = randomness * 6364136223846793005 + 1442695040888963407;
		*byte++ = randomness >> 56;
	}
}

/* It would add to what a real generator knows. */
void add_device_randomness(const void *bytes, size_t size)
{
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

/* Registers are the process's own, and no task has a terminal. */
void flush_thread(void)
{
}

void user_disable_single_step(struct task_struct *task)
{
}

void disassociate_ctty(int on_exit)
{
}

void tty_kref_put(struct tty_struct *tty)
{
}

/* Empty, as in a tree built without CONFIG_PROVE_RCU. */
void rcu_early_boot_tests(void);
void rcu_early_boot_tests(void)
{
}
