/* SPDX-License-Identifier: GPL-2.0-only */
/* What the glue files share. All of them are compiled in kernel context, beside the kernel's own C files. */
#ifndef CAPCHECK_GLUE_H
#define CAPCHECK_GLUE_H

#include <linux/compiler.h>
#include <linux/init_task.h>
#include <linux/sched.h>

#include "harness_abi.h"

/* Sanitizer build: every object of the slab allocator is an allocation of the host, so that each is watched. */
#if __has_feature(address_sanitizer)
#define EVERY_OBJECT_FROM_HOST 1
#else
#define EVERY_OBJECT_FROM_HOST 0
#endif

extern const struct capcheck_host *capcheck_host; /* entry.c */

/* log.c: both end with a message of one line. */
void __noreturn __printf(1, 2) capcheck_fatal(const char *format, ...);
void __noreturn capcheck_unsupplied(const char *symbol);

/* memory.c */
void capcheck_memory_boot(void);
void capcheck_memory_booted(void);
void capcheck_memory_ready(void);
unsigned long capcheck_memory_held(void);
unsigned long capcheck_memory_held_beyond_boot(void);
void capcheck_memory_forget_world(void);
void capcheck_memory_forget_all(void);
void capcheck_memory_release_retired(void);

/* A grace period ends. */
static inline void capcheck_memory_quiescent(void)
{
	if (EVERY_OBJECT_FROM_HOST)
		capcheck_memory_release_retired();
}

/* task_memory.c */
unsigned long capcheck_stacks_held(void);

/* machine.c */
void capcheck_seed_randomness(void);

/* deferred.c */
void capcheck_run_deferred(void);

/* scheduler.c */
extern unsigned int capcheck_new_threads; /* that have not run yet */
void capcheck_scheduler_boot(void);
void capcheck_run_new_thread(void);
void capcheck_do_user_mode_work(struct task_struct *task);

static inline void capcheck_switch(struct task_struct *task)
{
	capcheck_current = task;
	capcheck_current_info = task_thread_info(task);
}

/* What a task does before it is in user mode (again). It must be current; if it dies of a signal, no task is then. */
static inline void capcheck_return_to_user(struct task_struct *task)
{
	const unsigned long work = _TIF_NOTIFY_RESUME | _TIF_SIGPENDING;

	while (unlikely(capcheck_current_info->flags & work) && capcheck_current == task)
		capcheck_do_user_mode_work(task);
}

void capcheck_exit_current(void);
void capcheck_settle_deaths(void);

/* files.c */
void capcheck_files_boot(void);
long capcheck_chroot(void);
long capcheck_write_proc_file(enum capcheck_proc_file file, struct task_struct *target, struct task_struct *opener,
			      const char *text, unsigned long size);
struct capcheck_open_request {
	umode_t mode;
	unsigned int uid, gid;
	bool nosuid;
	const struct file_operations *operations;
	void *private;
	const void *capability;
	int capability_size; /* negative: there is none */
};
struct file *capcheck_open(const struct capcheck_open_request *request, int flags, int may);
unsigned int capcheck_files_held(void);

/* exec.c */
void capcheck_exec_boot(void);
long capcheck_exec(struct capcheck_executable *file);
extern const struct capcheck_executable capcheck_plain_program;

/* namespaces.c */
void capcheck_namespaces_end(void);
void capcheck_number_namespace(struct user_namespace *ns);
unsigned int capcheck_namespace_number(struct user_namespace *ns);
long capcheck_setns(unsigned int number, unsigned long flags);
long capcheck_ns_capable(unsigned int number, unsigned int capability);

/* sysctl.c */
void capcheck_sysctl_boot(void);
void capcheck_sysctl_begin(void);
long capcheck_write_sysctl(enum capcheck_sysctl file, const char *text, unsigned long size);

/* tasks.c */
extern struct task_struct *capcheck_tasks[CAPCHECK_TASKS]; /* null where no such task lives */
void capcheck_tasks_boot(void);
void capcheck_tasks_begin(void);
unsigned long capcheck_tasks_end(void);
void __noreturn capcheck_no_task(void);

/* Between worlds, and after exit_group(), the current task is the kernel's own, which no call may change. */
static inline void capcheck_check_world(void)
{
	if (unlikely(capcheck_current == &init_task))
		capcheck_no_task();
}

void capcheck_refresh_tasks(void);
struct task_struct *capcheck_task(unsigned int number);
unsigned int capcheck_alive(void);
void capcheck_observe(unsigned int number, struct capcheck_task_state *out);
void capcheck_dress(const struct capcheck_task_state *state);
void capcheck_mark_task(void);
void capcheck_mark_world(void);
long capcheck_clone(unsigned long flags);
long capcheck_usermodehelper(void);
long capcheck_userfaultfd(int flags);
void capcheck_close_userfaultfds(struct task_struct *child);
long capcheck_uffdio_api(void *structure);
long capcheck_open_userfaultfd_device(unsigned int uid, unsigned int gid, unsigned int mode);
long capcheck_userfaultfd_ioc_new(int flags);
long capcheck_fault(bool in_user_mode);

#endif
