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
#include "compat.h"

static capcheck_softirq_action *softirq_action[NR_SOFTIRQS];
static unsigned int softirqs_pending;

static LIST_HEAD(work_queued);

struct workqueue_struct *system_wq, *system_percpu_wq, *system_unbound_wq;

void open_softirq(int number, capcheck_softirq_action *action)
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

/* What is put off for a while happens as soon as nothing is running: by then that time may have passed. */
bool queue_delayed_work_on(int cpu, struct workqueue_struct *queue, struct delayed_work *work, unsigned long delay)
{
	return queue_work_on(cpu, queue, &work->work);
}

static void run_softirqs(void)
{
	unsigned long pending = softirqs_pending;
	unsigned int number;

	softirqs_pending = 0;
	for_each_set_bit(number, &pending, NR_SOFTIRQS)
		softirq_action[number](CAPCHECK_SOFTIRQ_ARGUMENT);
}

static void run_work(void)
{
	struct work_struct *work;

	if (list_empty(&work_queued))
		return;
	work = list_first_entry(&work_queued, struct work_struct, entry);
	list_del_init(&work->entry);
	work->func(work);
}

/*
 * What kernel/rcu/tiny.c keeps, made visible at link time. It begins with the list of the callbacks that wait; the rest
 * is none of the glue's business.
 */
extern struct rcu_head *rcu_ctrlblk;

/* Whether anything is put off. */
static bool deferred(void)
{
	return rcu_ctrlblk || softirqs_pending || !list_empty(&work_queued) || capcheck_new_threads;
}

static noinline void run_all(void)
{
	struct task_struct *task = capcheck_current;

	/* A kernel thread's credentials, as a worker has. */
	capcheck_switch(&init_task);
	do {
		rcu_qs(); /* raises the softirq of the callbacks that wait */
		run_softirqs();
		run_work();
		if (unlikely(capcheck_new_threads))
			capcheck_run_new_thread();
	} while (deferred());
	capcheck_switch(task);
}

void capcheck_run_deferred(void)
{
	if (deferred())
		run_all();
	capcheck_memory_quiescent();
}
