// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel puts off: softirqs (through which the real kernel/rcu/tiny.c runs its callbacks) and work items.
 * The harness runs both when a call returns to user mode, which is a quiescent state, and until nothing is left.
 */
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/workqueue.h>

#include "glue.h"

static void (*softirq_action[NR_SOFTIRQS])(void);
static unsigned int softirqs_pending;

static LIST_HEAD(work_queued);

struct workqueue_struct *system_wq, *system_percpu_wq, *system_unbound_wq;

void open_softirq(int number, void (*action)(void))
{
	softirq_action[number] = action;
}

/* There are no interrupts, so a softirq waits for the end of the call, as on a processor with them masked. */
void raise_softirq_irqoff(unsigned int number)
{
	softirqs_pending |= BIT(number);
}

/* One worker, in the order of queueing: what any workqueue grants. */
bool queue_work_on(int cpu, struct workqueue_struct *queue, struct work_struct *work)
{
	if (!list_empty(&work->entry))
		return false;
	list_add_tail(&work->entry, &work_queued);
	return true;
}

static bool run_softirqs(void)
{
	unsigned int number, pending = softirqs_pending;

	softirqs_pending = 0;
	for (number = 0; pending >> number; number++)
		if (pending >> number & 1)
			softirq_action[number]();
	return pending;
}

static bool run_work(void)
{
	struct work_struct *work;

	if (list_empty(&work_queued))
		return false;
	work = list_first_entry(&work_queued, struct work_struct, entry);
	list_del_init(&work->entry);
	work->func(work);
	return true;
}

void capcheck_run_deferred(void)
{
	struct task_struct *task = capcheck_current;
	bool more;

	/* A kernel thread's credentials, as a worker has. */
	capcheck_current = &init_task;
	do {
		rcu_qs();
		more = run_softirqs();
		more |= run_work();
	} while (more);
	capcheck_current = task;
}
