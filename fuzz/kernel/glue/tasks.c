// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks of a world. All are made by the kernel's copy_process() and die in its do_exit().
 *
 * Making the first task takes longer than most programs do, so it is kept from world to world: as long as only its
 * credentials, fs_struct and namespaces change (and what a snapshot of its structs restores), only these are made anew.
 * A call that does more marks the world, and then the first task dies with all others and is made again.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/init_task.h>
#include <linux/key.h>
#include <linux/mm_types.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/umh.h>
#include <linux/user_namespace.h>

#include "glue.h"
#include "../security/keys/internal.h"
#include "compat.h"

struct task_struct *capcheck_tasks[CAPCHECK_TASKS];

/* The first task as it is before a world begins. */
static struct {
	struct task_struct task;
	struct signal_struct signal;
	struct mm_struct mm;
	unsigned long thread_flags;
} first;
/* What the calls of the world, or of the last one, have changed beyond what is made anew for each. */
static enum { NOTHING, OTHER_TASKS, FIRST_TASK } changed;
static bool world_is_open;

/* Static in kernel/fork.c, made visible at link time. */
extern int max_threads;

/* Runs as the new task. */
static int become_first_task(void *unused)
{
	return kernel_execve("/program", NULL, NULL);
}

/* Numbers are handed out in turn, from this cursor on; so the next one will be the lowest that is free. */
static void use_lowest_number(void)
{
	idr_set_cursor(&init_pid_ns.idr, CAPCHECK_FIRST_TID);
}

void capcheck_refresh_tasks(void)
{
	unsigned int i;

	for (i = 0; i < CAPCHECK_TASKS; i++)
		capcheck_tasks[i] = find_task_by_pid_ns(CAPCHECK_FIRST_TID + i, &init_pid_ns);
}

static void make_first_task(void)
{
	struct task_struct *task;
	pid_t number;

	capcheck_seed_randomness();
	use_lowest_number();
	number = user_mode_thread(become_first_task, NULL, SIGCHLD);
	if (number != CAPCHECK_FIRST_TID)
		capcheck_fatal("the first task cannot be made (%d)", number);
	capcheck_run_deferred();
	capcheck_refresh_tasks();
	task = capcheck_tasks[0];
	if (!task || !task->mm)
		capcheck_fatal("the first task does not live to execute a program");
	memcpy(&first.task, task, sizeof(first.task));
	memcpy(&first.signal, task->signal, sizeof(first.signal));
	memcpy(&first.mm, task->mm, sizeof(first.mm));
	first.thread_flags = task_thread_info(task)->flags;
	/* As after dup_task_struct(), for copy_creds(). */
	first.task.real_cred = first.task.cred = init_task.cred;
	/* As strip_first_task() leaves them. */
	first.task.fs = NULL;
	first.task.nsproxy = NULL;
}

/* What each world makes anew goes, in the order of do_exit() and release_task(). */
static void strip_first_task(void)
{
	struct task_struct *task = capcheck_tasks[0];

	exit_fs(task);
	exit_task_namespaces(task);
	dec_rlimit_ucounts(task_ucounts(task), UCOUNT_RLIMIT_NPROC, 1);
	exit_creds(task);
}

/* All but its floating-point registers, half of its size: no code of a program is ever run, so nothing writes them. */
static void restore_task_struct(struct task_struct *task)
{
	const size_t registers = offsetof(struct task_struct, thread.regs.regs.fp);
	const size_t rest = offsetofend(struct task_struct, thread.regs.regs.fp);

	memcpy(task, &first.task, registers);
	memcpy((char *)task + rest, (char *)&first.task + rest, sizeof(*task) - rest);
}

/* What the birth and death of other tasks may have changed: all there is. */
static void restore_what_others_write(struct task_struct *task)
{
	restore_task_struct(task);
	memcpy(task->signal, &first.signal, sizeof(first.signal));
	memcpy(task->mm, &first.mm, sizeof(first.mm));
}

/* What the first task's own calls write, of those that mark nothing as changed. */
static void restore_what_calls_write(struct task_struct *task)
{
	task->real_cred = first.task.real_cred;
	task->cred = first.task.cred;
	task->flags = first.task.flags;               /* PF_SUPERPRIV */
	task->atomic_flags = first.task.atomic_flags; /* PFA_NO_NEW_PRIVS */
	task->mm->flags = first.mm.flags;             /* dumpable */
	task_thread_info(task)->flags = first.thread_flags;
}

static void check_same(const char *name, const char *found, const char *wanted, size_t size)
{
	size_t offset;

	for (offset = 0; offset < size; offset++)
		if (found[offset] != wanted[offset])
			capcheck_fatal("the first task's %s is not restored at offset %zu", name, offset);
}

static void restore_first_task(struct task_struct *task)
{
	if (unlikely(changed == OTHER_TASKS))
		restore_what_others_write(task);
	restore_what_calls_write(task);
	changed = NOTHING;
	if (!EVERY_OBJECT_FROM_HOST)
		return;
	check_same("task_struct", (char *)task, (char *)&first.task, sizeof(first.task));
	check_same("signal_struct", (char *)task->signal, (char *)&first.signal, sizeof(first.signal));
	check_same("mm_struct", (char *)task->mm, (char *)&first.mm, sizeof(first.mm));
}

/* What copy_process() does for a child of init_task that shares nothing with it, as far as credentials go. */
static void dress_first_task(void)
{
	struct task_struct *task = capcheck_tasks[0];

	restore_first_task(task);
	if (copy_creds(task, 0))
		capcheck_fatal("copy_creds() fails");
	task->fs = copy_fs_struct(init_task.fs);
	if (!task->fs)
		capcheck_fatal("copy_fs_struct() fails");
	task->nsproxy = init_task.nsproxy;
	get_nsproxy(task->nsproxy);
}

static void prepare_first_task(void)
{
	make_first_task();
	strip_first_task();
	capcheck_run_deferred();
	capcheck_memory_ready();
}

void capcheck_tasks_boot(void)
{
	struct cred *cred = (struct cred *)init_task.real_cred;

	/* Made once, and shared by the first tasks of all worlds: one of each world's own could not be told from it. */
	if (install_session_keyring_to_cred(cred, NULL))
		capcheck_fatal("boot: no session keyring");
	max_threads = CAPCHECK_TASKS;
	/*
	 * A kernel thread, the parent outside the world, always lives: without it free_pid() would take the number of
	 * the last task for one that was never used, and free the number 0 of the group and session of all tasks.
	 */
	init_pid_ns.pid_allocated++;
	attach_pid(&init_task, PIDTYPE_PGID);
	attach_pid(&init_task, PIDTYPE_SID);
	/* What alloc_pid() would set aside at its first call, and keep. */
	idr_preload(GFP_KERNEL);
	idr_preload_end();
	capcheck_run_deferred();
	capcheck_memory_booted();
	prepare_first_task();
}

void capcheck_tasks_begin(void)
{
	if (world_is_open)
		capcheck_fatal("a world is begun before the last one is ended");
	world_is_open = true;
	capcheck_seed_randomness();
	dress_first_task();
	capcheck_switch(capcheck_tasks[0]);
}

static void end_tasks_from(unsigned int first_to_end)
{
	unsigned int i;

	for (i = first_to_end; i < CAPCHECK_TASKS; i++) {
		if (!capcheck_tasks[i])
			continue;
		capcheck_switch(capcheck_tasks[i]);
		capcheck_exit_current();
	}
	capcheck_run_deferred();
}

/* Tasks that share nothing with the first leave no trace in it that its snapshot does not restore. */
static void end_other_tasks(void)
{
	end_tasks_from(1);
	capcheck_switch(&init_task);
}

static unsigned long end_and_make_anew(void)
{
	unsigned long leaked;

	end_tasks_from(0);
	leaked = capcheck_memory_held_beyond_boot() + capcheck_stacks_held() + capcheck_files_held();
	if (!leaked)
		capcheck_memory_forget_all();
	prepare_first_task();
	changed = NOTHING;
	return leaked;
}

static unsigned long end_and_keep(void)
{
	unsigned long leaked;

	strip_first_task();
	capcheck_run_deferred();
	leaked = capcheck_memory_held();
	if (!leaked)
		capcheck_memory_forget_world();
	return leaked;
}

unsigned long capcheck_tasks_end(void)
{
	if (!world_is_open)
		capcheck_fatal("a world is ended that is not open");
	capcheck_switch(&init_task);
	capcheck_namespaces_end();
	world_is_open = false;
	if (changed == FIRST_TASK || !capcheck_tasks[0])
		return end_and_make_anew();
	if (changed == OTHER_TASKS)
		end_other_tasks();
	return end_and_keep();
}

void capcheck_no_task(void)
{
	capcheck_fatal("a call is made while no task is current");
}

struct task_struct *capcheck_task(unsigned int number)
{
	if (number >= CAPCHECK_TASKS || !world_is_open || !capcheck_tasks[number])
		capcheck_fatal("there is no task %u in this world", number);
	return capcheck_tasks[number];
}

unsigned int capcheck_alive(void)
{
	unsigned int i, alive = 0;

	for (i = 0; i < CAPCHECK_TASKS && world_is_open; i++)
		alive |= (unsigned int)!!capcheck_tasks[i] << i;
	return alive;
}

void capcheck_observe(unsigned int number, struct capcheck_task_state *out)
{
	struct task_struct *task = capcheck_task(number);
	const struct cred *cred = task->real_cred;
	const struct group_info *groups = cred->group_info;

	out->inheritable = capcheck_word(cred->cap_inheritable);
	out->permitted = capcheck_word(cred->cap_permitted);
	out->effective = capcheck_word(cred->cap_effective);
	out->bounding = capcheck_word(cred->cap_bset);
	out->ambient = capcheck_word(cred->cap_ambient);
#ifdef CAPCHECK_HAS_USERNS_SET
	out->userns = capcheck_word(cred->cap_userns);
#else
	out->userns = 0;
#endif
	out->securebits = cred->securebits;
	out->no_new_privs = task_no_new_privs(task);
	out->uid = __kuid_val(cred->uid);
	out->euid = __kuid_val(cred->euid);
	out->suid = __kuid_val(cred->suid);
	out->fsuid = __kuid_val(cred->fsuid);
	out->gid = __kgid_val(cred->gid);
	out->egid = __kgid_val(cred->egid);
	out->sgid = __kgid_val(cred->sgid);
	out->fsgid = __kgid_val(cred->fsgid);
	out->group_count = groups->ngroups;
	out->group0 = groups->ngroups > 0 ? __kgid_val(groups->gid[0]) : 0;
	out->group1 = groups->ngroups > 1 ? __kgid_val(groups->gid[1]) : 0;
	out->level = cred->user_ns->level;
	out->user_ns = capcheck_namespace_number(cred->user_ns);
	out->dumpable = get_dumpable(task->mm);
}

/* As __sys_setresuid() does, for the counts that go with a uid. */
static void give_uid(struct cred *cred, kuid_t uid)
{
	struct user_struct *user;

	if (uid_eq(cred->uid, uid))
		return;
	user = alloc_uid(uid);
	if (!user)
		capcheck_fatal("alloc_uid() fails");
	free_uid(cred->user);
	cred->user = user;
	cred->uid = uid;
	if (set_cred_ucounts(cred))
		capcheck_fatal("set_cred_ucounts() fails");
}

/* What it writes is what the begin of a world restores. */
void capcheck_dress(const struct capcheck_task_state *state)
{
	struct cred *cred = prepare_creds();

	if (!cred)
		capcheck_fatal("prepare_creds() fails");
	if (state->user_ns != capcheck_namespace_number(cred->user_ns) ||
	    state->group_count != cred->group_info->ngroups)
		capcheck_fatal("a task cannot be dressed with another user namespace or other groups");
	cred->cap_inheritable = capcheck_set(state->inheritable);
	cred->cap_permitted = capcheck_set(state->permitted);
	cred->cap_effective = capcheck_set(state->effective);
	cred->cap_bset = capcheck_set(state->bounding);
	cred->cap_ambient = capcheck_set(state->ambient);
#ifdef CAPCHECK_HAS_USERNS_SET
	cred->cap_userns = capcheck_set(state->userns);
#endif
	cred->securebits = state->securebits;
	give_uid(cred, KUIDT_INIT(state->uid));
	cred->euid = KUIDT_INIT(state->euid);
	cred->suid = KUIDT_INIT(state->suid);
	cred->fsuid = KUIDT_INIT(state->fsuid);
	cred->gid = KGIDT_INIT(state->gid);
	cred->egid = KGIDT_INIT(state->egid);
	cred->sgid = KGIDT_INIT(state->sgid);
	cred->fsgid = KGIDT_INIT(state->fsgid);
	commit_creds(cred);
	if (state->no_new_privs)
		task_set_no_new_privs(current);
	else
		clear_bit(PFA_NO_NEW_PRIVS, &current->atomic_flags);
	set_dumpable(current->mm, (int)state->dumpable);
}

/* A call that changes more of the current task than its credentials, or ends it. */
void capcheck_mark_task(void)
{
	changed = max_t(unsigned int, changed, capcheck_current == capcheck_tasks[0] ? FIRST_TASK : OTHER_TASKS);
}

/* A call that changes a task other than the current one. */
void capcheck_mark_world(void)
{
	changed = FIRST_TASK;
}

/* A call that makes a task, which may be a thread of the current one. */
static void mark_birth(bool thread)
{
	changed = max_t(unsigned int, changed, thread ? FIRST_TASK : OTHER_TASKS);
}

static struct task_struct *task_of(pid_t number)
{
	capcheck_refresh_tasks();
	return capcheck_task(number - CAPCHECK_FIRST_TID);
}

long capcheck_clone(unsigned long flags)
{
	const unsigned long known = CLONE_NEWUSER | CLONE_FS | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	struct kernel_clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	struct task_struct *child;
	pid_t number;

	mark_birth(flags & CLONE_THREAD);
	if (flags & ~known)
		capcheck_fatal("clone() with flags %#lx, which the harness does not know", flags & ~known);
	use_lowest_number();
	number = kernel_clone(&args);
	if (number < 0)
		return number;
	child = task_of(number);
	capcheck_close_userfaultfds(child);
	if (flags & CLONE_NEWUSER)
		capcheck_number_namespace(child->real_cred->user_ns);
	return number;
}

/* As umh_keys_init() does in security/keys/request_key.c, with a keyring that is made for it. */
static int give_keyring(struct subprocess_info *info, struct cred *cred)
{
	return install_session_keyring_to_cred(cred, NULL);
}

static int lowest_free_task(void)
{
	unsigned int i;

	for (i = 0; i < CAPCHECK_TASKS; i++)
		if (!capcheck_tasks[i])
			return i;
	return -1;
}

long capcheck_usermodehelper(void)
{
	static char *no_strings[] = { NULL };
	int number = lowest_free_task();
	struct subprocess_info *info;
	int error;

	mark_birth(false);
	/* call_usermodehelper_exec() tells its caller no error of copy_process() unless it waits. */
	if (number < 0)
		return -EAGAIN;
	info = call_usermodehelper_setup("/program", no_strings, no_strings, GFP_KERNEL, give_keyring, NULL, NULL);
	if (!info)
		capcheck_fatal("call_usermodehelper_setup() fails");
	use_lowest_number();
	error = call_usermodehelper_exec(info, UMH_NO_WAIT);
	if (error)
		return error;
	capcheck_run_deferred();
	task_of(CAPCHECK_FIRST_TID + number);
	return CAPCHECK_FIRST_TID + number;
}
