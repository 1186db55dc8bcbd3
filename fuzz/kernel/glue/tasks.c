// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks of a world. A task's credentials, fs_struct and namespaces are made and released by the kernel's own
 * functions; the structs around them lie in fixed places and are restored from a snapshot taken at boot.
 */
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/fs_struct.h>
#include <linux/init_task.h>
#include <linux/mm_types.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "glue.h"

struct slot {
	struct task_struct task;
	struct signal_struct signal;
	struct mm_struct mm;
};

static struct slot slots[CAPCHECK_TASKS], slots_at_boot[CAPCHECK_TASKS];
/* Not part of the restored memory: the kernel shares them by reference. */
static struct sighand_struct sighands[CAPCHECK_TASKS];
static struct pid *pids[CAPCHECK_TASKS];
static bool alive[CAPCHECK_TASKS];

struct task_struct *capcheck_current = &init_task;

static void prepare_slot(struct slot *slot, struct sighand_struct *sighand, struct pid *pid)
{
	struct task_struct *task = &slot->task;
	unsigned int type;

	*task = init_task;
	task->flags = 0;
	task->stack = NULL;
	refcount_set(&task->usage, 2);
	spin_lock_init(&task->alloc_lock);
	INIT_LIST_HEAD(&task->tasks);
	INIT_LIST_HEAD(&task->children);
	INIT_LIST_HEAD(&task->sibling);
	INIT_LIST_HEAD(&task->ptraced);
	INIT_LIST_HEAD(&task->ptrace_entry);
	task->cpus_ptr = &task->cpus_mask;
	task->group_leader = task;
	task->thread_pid = pid;
	task->pid = task->tgid = pid_nr(pid);
	strscpy(task->comm, "capcheck");
	task->files = &init_files; /* no descriptor is open */

	slot->signal = *init_task.signal;
	refcount_set(&slot->signal.sigcnt, 1);
	atomic_set(&slot->signal.live, 1);
	slot->signal.nr_threads = 1;
	INIT_LIST_HEAD(&slot->signal.thread_head);
	list_add_tail(&task->thread_node, &slot->signal.thread_head);
	for (type = PIDTYPE_TGID; type < PIDTYPE_MAX; type++)
		slot->signal.pids[type] = pid;
	task->signal = &slot->signal;

	refcount_set(&sighand->count, 1);
	task->sighand = sighand;

	/* No memory is mapped. The struct is there for its flags: dumpable is part of what credentials change. */
	atomic_set(&slot->mm.mm_users, 1);
	atomic_set(&slot->mm.mm_count, 1);
	init_rwsem(&slot->mm.mmap_lock);
	slot->mm.user_ns = &init_user_ns;
	slot->mm.flags = SUID_DUMP_USER;
	task->mm = task->active_mm = &slot->mm;
}

void capcheck_tasks_boot(void)
{
	unsigned int i;

	for (i = 0; i < CAPCHECK_TASKS; i++) {
		/* Numbers are handed out in order: task n is thread n + 1. */
		pids[i] = alloc_pid(&init_pid_ns, NULL, 0);
		if (IS_ERR(pids[i]) || pid_nr(pids[i]) != i + 1)
			capcheck_fatal("boot: thread id %u is not to be had", i + 1);
		prepare_slot(&slots[i], &sighands[i], pids[i]);
	}
	memcpy(slots_at_boot, slots, sizeof(slots));
}

/* What copy_process() does for a child of the first task that shares nothing with it, as far as credentials go. */
static void start(unsigned int number)
{
	struct task_struct *task = &slots[number].task;

	memcpy(&slots[number], &slots_at_boot[number], sizeof(struct slot));
	if (copy_creds(task, 0))
		capcheck_fatal("copy_creds() fails");
	task->fs = copy_fs_struct(init_task.fs);
	if (!task->fs)
		capcheck_fatal("copy_fs_struct() fails");
	get_nsproxy(task->nsproxy);
	attach_pid(task, PIDTYPE_PID);
	alive[number] = true;
}

/* What do_exit() and release_task() do, in their order. */
static void stop(unsigned int number)
{
	struct task_struct *task = &slots[number].task;

	exit_fs(task);
	exit_task_namespaces(task);
	dec_rlimit_ucounts(task_ucounts(task), UCOUNT_RLIMIT_NPROC, 1);
	/* Half of detach_pid(), which would also free the number; the numbers are kept for the next world. */
	hlist_del_rcu(&task->pid_links[PIDTYPE_PID]);
	exit_creds(task);
	alive[number] = false;
}

void capcheck_tasks_begin(void)
{
	if (capcheck_current != &init_task)
		capcheck_fatal("a world is begun before the last one is ended");
	start(0);
	capcheck_current = &slots[0].task;
}

void capcheck_tasks_end(void)
{
	unsigned int i;

	capcheck_check_world();
	capcheck_current = &init_task;
	for (i = 0; i < CAPCHECK_TASKS; i++)
		if (alive[i])
			stop(i);
}

/* Between worlds the current task is the kernel's own, which no call may change. */
void capcheck_check_world(void)
{
	if (unlikely(capcheck_current == &init_task))
		capcheck_fatal("a call is made while no world is open");
}

struct task_struct *capcheck_task(unsigned int number)
{
	if (number >= CAPCHECK_TASKS || !alive[number])
		capcheck_fatal("there is no task %u in this world", number);
	return &slots[number].task;
}

void capcheck_observe(unsigned int number, struct capcheck_task_state *out)
{
	struct task_struct *task = capcheck_task(number);
	const struct cred *cred = task->real_cred;

	*out = (struct capcheck_task_state) {
		.inheritable = cred->cap_inheritable.val,
		.permitted = cred->cap_permitted.val,
		.effective = cred->cap_effective.val,
		.bounding = cred->cap_bset.val,
		.ambient = cred->cap_ambient.val,
#ifdef CAPCHECK_HAS_USERNS_SET
		.userns = cred->cap_userns.val,
#endif
		.securebits = cred->securebits,
		.no_new_privs = task_no_new_privs(task),
		.uid = __kuid_val(cred->uid),
		.euid = __kuid_val(cred->euid),
		.suid = __kuid_val(cred->suid),
		.fsuid = __kuid_val(cred->fsuid),
		.gid = __kgid_val(cred->gid),
		.egid = __kgid_val(cred->egid),
		.sgid = __kgid_val(cred->sgid),
		.fsgid = __kgid_val(cred->fsgid),
		.level = cred->user_ns->level,
	};
}
