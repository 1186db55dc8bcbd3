// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stands for the scheduler. There is one processor, and no task runs but the one that capcheck makes current; the
 * exceptions are tasks that a call starts in the kernel (they run when the call is over) and tasks that have to die.
 */
#include <linux/completion.h>
#include <linux/mm_types.h>
#include <linux/kthread.h>
#include <linux/resume_user_mode.h>
#include <linux/sched/debug.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>
#include <linux/swait.h>
#include <linux/wait.h>

#include "glue.h"
#include "compat.h"

struct task_struct *capcheck_current = &init_task;

/* The linker script's in a real kernel. At its start lies init_task's thread_info. */
unsigned long init_stack[THREAD_SIZE / sizeof(unsigned long)] __aligned(THREAD_SIZE);
struct thread_info *capcheck_current_info = (struct thread_info *)init_stack;

void capcheck_scheduler_boot(void)
{
	struct thread_info *info = task_thread_info(&init_task);

	info->task = &init_task;
	info->preempt_count = INIT_PREEMPT_COUNT;
	/* As kthreadd does: who is reparented to the kernel is reaped when it dies. */
	init_task.sighand->action[SIGCHLD - 1].sa.sa_handler = SIG_IGN;
}

/* Where do_task_dead() goes: back to what let the task run. */
static void *way_out[5];

/* Lets the current task run in the kernel until it has done that, or dies. */
static noinline void run(void (*what)(void *), void *argument)
{
	void *outer[ARRAY_SIZE(way_out)];

	memcpy(outer, way_out, sizeof(outer));
	if (!__builtin_setjmp(way_out))
		what(argument);
	memcpy(way_out, outer, sizeof(outer));
}

void __noreturn do_task_dead(void)
{
	WRITE_ONCE(current->__state, TASK_DEAD);
	__builtin_longjmp(way_out, 1);
}

static bool is_dead(const struct task_struct *task)
{
	return task->__state == TASK_DEAD;
}

/* The parent (or tracer) of a task that has become a zombie waits for it at once, as wait_task_zombie() does. */
static void reap(struct task_struct *task)
{
	if (task->exit_state != EXIT_ZOMBIE || delay_group_leader(task))
		return;
	task->exit_state = EXIT_DEAD;
	release_task(task);
}

/* What finish_task_switch() does for a task that has left the processor for good. */
static void bury(struct task_struct *task)
{
	struct mm_struct *mm = task->active_mm;

	capcheck_switch(&init_task);
	task->active_mm = NULL;
	if (mm)
		mmdrop_lazy_tlb(mm);
	reap(task);
	put_task_struct_rcu_user(task);
}

static void exit_group(void *unused)
{
	do_group_exit(0);
}

static void kill(struct task_struct *task)
{
	capcheck_switch(task);
	run(exit_group, NULL);
	if (!is_dead(task))
		capcheck_fatal("do_group_exit() returns");
	bury(task);
}

/* Lets all tasks die that were sent SIGKILL: each would, before it returns to user mode. */
static bool let_doomed_die(const struct task_struct *but)
{
	struct task_struct *task;
	unsigned int i;
	bool any = false;

	for (i = 0; i < CAPCHECK_TASKS; i++) {
		task = capcheck_tasks[i];
		if (task && task != but && !is_dead(task) && fatal_signal_pending(task)) {
			kill(task);
			any = true;
		}
	}
	return any;
}

/* A task sleeps until others have died; there is nothing else that one here could wait for. */
asmlinkage void schedule(void)
{
	struct task_struct *sleeper = current;

	if (!let_doomed_die(sleeper))
		capcheck_fatal("task %d sleeps, and nothing is left that could wake it", sleeper->pid);
	capcheck_switch(sleeper);
	__set_current_state(TASK_RUNNING);
}

static void get_signals(void *unused)
{
	struct ksignal signal;

	get_signal(&signal);
}

/*
 * A traced task stops at each signal until its tracer lets it go on; here that is at once, and without the signal. The
 * one there is in practice is the SIGTRAP of an execve(). An untraced task takes what comes.
 */
static void take_signals(struct task_struct *task)
{
	capcheck_switch(task);
	if (task->ptrace)
		flush_signals(task);
	else
		run(get_signals, NULL);
	if (is_dead(task))
		bury(task);
}

/* Signals that are no SIGKILL: those that a parent's death sends (PR_SET_PDEATHSIG). */
static bool let_signals_arrive(void)
{
	struct task_struct *task;
	unsigned int i;
	bool any = false;

	for (i = 0; i < CAPCHECK_TASKS; i++) {
		task = capcheck_tasks[i];
		if (task && !is_dead(task) && task_sigpending(task)) {
			take_signals(task);
			any = true;
		}
	}
	return any;
}

/* What the death of a task brings about: the deaths of others, maybe of the current task too. */
void capcheck_settle_deaths(void)
{
	struct task_struct *task = current;
	unsigned int i;

	while (let_doomed_die(NULL) || let_signals_arrive())
		;
	/* Leaders that had to wait for the other threads of their group. */
	for (i = 0; i < CAPCHECK_TASKS; i++)
		if (capcheck_tasks[i] && is_dead(capcheck_tasks[i]))
			reap(capcheck_tasks[i]);
	capcheck_refresh_tasks();
	capcheck_switch(is_dead(task) ? &init_task : task);
}

void capcheck_exit_current(void)
{
	kill(current);
	capcheck_settle_deaths();
}

void capcheck_do_user_mode_work(struct task_struct *task)
{
	if (test_thread_flag(TIF_NOTIFY_RESUME))
		resume_user_mode_work(NULL);
	if (test_thread_flag(TIF_SIGPENDING))
		take_signals(task);
	if (is_dead(task))
		capcheck_settle_deaths();
}

/* New tasks that begin with a function of the kernel. */
static struct new_thread {
	struct task_struct *task;
	int (*function)(void *argument);
	void *argument;
} made, started[CAPCHECK_TASKS];
unsigned int capcheck_new_threads;

int copy_thread(struct task_struct *task, const struct kernel_clone_args *args)
{
	made = (struct new_thread) { task, args->fn, args->fn_arg };
	return 0;
}

void wake_up_new_task(struct task_struct *task)
{
	/* Without such a function it is in user mode already, where capcheck makes its calls. */
	if (made.task != task || !made.function)
		return;
	if (capcheck_new_threads == ARRAY_SIZE(started))
		capcheck_fatal("more than %zu new tasks begin in the kernel", ARRAY_SIZE(started));
	started[capcheck_new_threads++] = made;
}

static void begin_thread(void *argument)
{
	struct new_thread *thread = argument;
	int result = thread->function(thread->argument);

	if (result)
		capcheck_fatal("a new task's function returns %d instead of going to user mode", result);
}

/* Lets one of them run, from its beginning until it is in user mode. */
void capcheck_run_new_thread(void)
{
	struct new_thread thread = started[--capcheck_new_threads];

	capcheck_switch(thread.task);
	/* As context_switch() does for a task without memory of its own. */
	if (!current->mm) {
		current->active_mm = &init_mm;
		mmgrab_lazy_tlb(&init_mm);
	}
	run(begin_thread, &thread);
	if (is_dead(thread.task))
		bury(thread.task);
	else
		capcheck_return_to_user(thread.task);
	capcheck_switch(&init_task);
}

/* There are no run queues to put a task on, and no priorities. */
int sched_fork(unsigned long clone_flags, struct task_struct *task)
{
	return 0;
}

capcheck_sched_result sched_cgroup_fork(struct task_struct *task, struct kernel_clone_args *args)
{
	return CAPCHECK_SCHED_SUCCESS;
}

void sched_post_fork(struct task_struct *task)
{
}

void sched_cancel_fork(struct task_struct *task)
{
}

/* One memory node. */
int tsk_fork_get_node(struct task_struct *task)
{
	return NUMA_NO_NODE;
}

void set_user_nice(struct task_struct *task, long nice)
{
}

int task_curr(const struct task_struct *task)
{
	return task == current;
}

/* Nothing else wants the processor. */
int __sched __cond_resched(void)
{
	return 0;
}

/* No task sleeps but in schedule() above, which does its own waking. */
int wake_up_process(struct task_struct *task)
{
	return 0;
}

int wake_up_state(struct task_struct *task, unsigned int state)
{
	return 0;
}

/* An empty queue. kernel/sched/wait.c, which has this function, cannot be compiled without the scheduler. */
void __init_waitqueue_head(struct wait_queue_head *queue, const char *name, struct lock_class_key *key)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->head);
}

void __init_swait_queue_head(struct swait_queue_head *queue, const char *name, struct lock_class_key *key)
{
	raw_spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->task_list);
}

/* No task ever waits in a queue. */
int __wake_up(struct wait_queue_head *queue, unsigned int mode, int count, void *key)
{
	return 0;
}

void __wake_up_sync_key(struct wait_queue_head *queue, unsigned int mode, void *key)
{
}
