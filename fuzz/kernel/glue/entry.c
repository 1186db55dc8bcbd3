// SPDX-License-Identifier: GPL-2.0-only
/* Boot, and the table of entry points: the one symbol of the shared object. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/key.h>
#include <linux/maple_tree.h>
#include <linux/nsproxy.h>
#include <linux/prctl.h>
#include <linux/rcupdate.h>
#include <linux/radix-tree.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/securebits.h>
#include <linux/seq_file.h>
#include <linux/pid_namespace.h>
#include <linux/syscalls.h>
#include <linux/umh.h>
#include <linux/user_namespace.h>
#include <generated/utsrelease.h>

#include "glue.h"
#include "../security/keys/internal.h"
#include "compat.h"

/* The build defines it: "6.12+userns". */
#ifndef CAPCHECK_KERNEL_NAME
#define CAPCHECK_KERNEL_NAME UTS_RELEASE
#endif

const struct capcheck_host *capcheck_host;

/* Initcalls, static in their files and made visible at link time. */
int uid_cache_init(void);
int user_namespaces_init(void);
int user_namespace_sysctl_init(void);
int userfaultfd_init(void);

static void run_initcall(int (*initcall)(void))
{
	int error = initcall();

	if (error)
		capcheck_fatal("boot: an initcall fails with %d", error);
}

/* The part of start_kernel() that concerns the linked files, in its order. */
static void boot(const struct capcheck_host *host)
{
	if (capcheck_host)
		host->fatal("the kernel is booted twice");
	capcheck_host = host;
	capcheck_memory_boot();
	capcheck_scheduler_boot();
	no_hash_pointers = true; /* hashing them would need a source of randomness */
	radix_tree_init();
	maple_tree_init();
	rcu_init();
	pid_idr_init();
	cred_init();
	mm_cache_init();
	fork_init();
	proc_caches_init();
	key_init();
	files_init();
	signals_init();
	seq_file_init();
	nsproxy_cache_init();
	run_initcall(uid_cache_init);
	run_initcall(user_namespaces_init);
	run_initcall(user_namespace_sysctl_init);
	run_initcall(userfaultfd_init);
	capcheck_sysctl_boot();
	usermodehelper_enable();
	capcheck_files_boot();
	capcheck_exec_boot();
	capcheck_tasks_boot();
}

static void begin(void)
{
	capcheck_sysctl_begin();
	capcheck_tasks_begin();
}

static void run_as(unsigned int task)
{
	capcheck_switch(capcheck_task(task));
	capcheck_return_to_user(capcheck_current);
	capcheck_check_world();
}

static void dress(const struct capcheck_task_state *state)
{
	capcheck_check_world();
	capcheck_dress(state);
}

/* A call, and the way back to user mode. */
#define CALL(call) \
	({ \
		long result; \
		capcheck_check_world(); \
		result = (call); \
		capcheck_return_to_user(capcheck_current); \
		capcheck_run_deferred(); \
		result; \
	})

static long call_capget(void *header, void *data)
{
	return CALL(sys_capget((cap_user_header_t)header, (cap_user_data_t)data));
}

static long call_capset(void *header, const void *data)
{
	return CALL(sys_capset((cap_user_header_t)header, (const cap_user_data_t)data));
}

static long call_prctl(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
		       unsigned long arg5)
{
	return CALL(sys_prctl((int)option, arg2, arg3, arg4, arg5));
}

static long unshare(unsigned long flags)
{
	long result = sys_unshare(flags);

	if (!result && flags & CLONE_NEWUSER)
		capcheck_number_namespace(current_user_ns());
	return result;
}

static long call_unshare(unsigned long flags)
{
	return CALL(unshare(flags));
}

static long call_chroot(void)
{
	return CALL(capcheck_chroot());
}

static long write_proc_file(enum capcheck_proc_file file, unsigned int target, unsigned int opener, const char *text,
			    unsigned long size)
{
	if (opener >= CAPCHECK_TASKS || !capcheck_tasks[opener])
		return -EBADF;
	if (target >= CAPCHECK_TASKS || !capcheck_tasks[target])
		return -ENOENT;
	return capcheck_write_proc_file(file, capcheck_tasks[target], capcheck_tasks[opener], text, size);
}

static long call_write_proc_file(enum capcheck_proc_file file, unsigned int target, unsigned int opener,
				 const char *text, unsigned long size)
{
	return CALL(write_proc_file(file, target, opener, text, size));
}

static long call_write_sysctl(enum capcheck_sysctl file, const char *text, unsigned long size)
{
	return CALL(capcheck_write_sysctl(file, text, size));
}

static long call_setns(unsigned int user_ns, unsigned long flags)
{
	return CALL(capcheck_setns(user_ns, flags));
}

static long call_ns_capable(unsigned int user_ns, unsigned int capability)
{
	return CALL(capcheck_ns_capable(user_ns, capability));
}

static long call_setuid(unsigned int uid)
{
	return CALL(sys_setuid(uid));
}

static long call_setreuid(unsigned int ruid, unsigned int euid)
{
	return CALL(sys_setreuid(ruid, euid));
}

static long call_setresuid(unsigned int ruid, unsigned int euid, unsigned int suid)
{
	return CALL(sys_setresuid(ruid, euid, suid));
}

static long call_setfsuid(unsigned int uid)
{
	return CALL(sys_setfsuid(uid));
}

static long call_setgid(unsigned int gid)
{
	return CALL(sys_setgid(gid));
}

static long call_setregid(unsigned int rgid, unsigned int egid)
{
	return CALL(sys_setregid(rgid, egid));
}

static long call_setresgid(unsigned int rgid, unsigned int egid, unsigned int sgid)
{
	return CALL(sys_setresgid(rgid, egid, sgid));
}

static long call_setfsgid(unsigned int gid)
{
	return CALL(sys_setfsgid(gid));
}

static long call_setgroups(unsigned long count, const unsigned int *groups)
{
	return CALL(sys_setgroups((int)count, (gid_t __user *)groups));
}

static long call_join_session_keyring(void)
{
	return CALL(min(keyctl_join_session_keyring(NULL), 0L));
}

/* From here on, calls that do more than change the current task's credentials. */
#define CALL_OF_TASK(call) ({ capcheck_mark_task(); CALL(call); })

static long call_clone(unsigned long flags)
{
	return CALL(capcheck_clone(flags));
}

static void call_exit_group(void)
{
	capcheck_check_world();
	capcheck_mark_task();
	capcheck_exit_current();
	capcheck_run_deferred();
}

static long execve(struct capcheck_executable *file)
{
	long result = capcheck_exec(file);

	capcheck_settle_deaths(); /* of the other threads */
	return result;
}

static long call_execve(struct capcheck_executable *file)
{
	return CALL_OF_TASK(execve(file));
}

static long call_ptrace_traceme(void)
{
	return CALL_OF_TASK(sys_ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static long ptrace_seize(unsigned int task)
{
	return sys_ptrace(PTRACE_SEIZE, CAPCHECK_FIRST_TID + task, 0, 0);
}

static long call_ptrace_seize(unsigned int task)
{
	capcheck_mark_world();
	return CALL_OF_TASK(ptrace_seize(task));
}

static long call_session_to_parent(void)
{
	capcheck_mark_world();
	return CALL(keyctl_session_to_parent());
}

static long call_start_helper(void)
{
	return CALL(capcheck_usermodehelper());
}

static long call_userfaultfd(int flags)
{
	return CALL(capcheck_userfaultfd(flags));
}

static long call_uffdio_api(void *structure)
{
	return CALL(capcheck_uffdio_api(structure));
}

static long call_open_userfaultfd_device(unsigned int uid, unsigned int gid, unsigned int mode)
{
	return CALL(capcheck_open_userfaultfd_device(uid, gid, mode));
}

static long call_userfaultfd_ioc_new(int flags)
{
	return CALL(capcheck_userfaultfd_ioc_new(flags));
}

static long call_fault(int in_user_mode)
{
	return CALL(capcheck_fault(in_user_mode));
}

/* Watched by AddressSanitizer, it would bring a second symbol with it. */
__attribute__((visibility("default"), no_sanitize("address"))) const struct capcheck_kernel capcheck_kernel = {
	.abi = CAPCHECK_HARNESS_ABI,
	.last_cap = CAP_LAST_CAP,
#ifdef CAPCHECK_HAS_USERNS_SET
	.has_userns_set = 1,
#endif
	.securebits = SECURE_ALL_BITS,
	.name = CAPCHECK_KERNEL_NAME,
	.release = UTS_RELEASE,
	.boot = boot,
	.begin = begin,
	.end = capcheck_tasks_end,
	.alive = capcheck_alive,
	.run_as = run_as,
	.observe = capcheck_observe,
	.dress = dress,
	.capget = call_capget,
	.capset = call_capset,
	.prctl = call_prctl,
	.unshare = call_unshare,
	.chroot = call_chroot,
	.write_proc_file = call_write_proc_file,
	.write_sysctl = call_write_sysctl,
	.clone = call_clone,
	.exit_group = call_exit_group,
	.setns = call_setns,
	.ns_capable = call_ns_capable,
	.setuid = call_setuid,
	.setreuid = call_setreuid,
	.setresuid = call_setresuid,
	.setfsuid = call_setfsuid,
	.setgid = call_setgid,
	.setregid = call_setregid,
	.setresgid = call_setresgid,
	.setfsgid = call_setfsgid,
	.setgroups = call_setgroups,
	.execve = call_execve,
	.ptrace_traceme = call_ptrace_traceme,
	.ptrace_seize = call_ptrace_seize,
	.join_session_keyring = call_join_session_keyring,
	.session_to_parent = call_session_to_parent,
	.usermodehelper = call_start_helper,
	.userfaultfd = call_userfaultfd,
	.uffdio_api = call_uffdio_api,
	.open_userfaultfd_device = call_open_userfaultfd_device,
	.userfaultfd_ioc_new = call_userfaultfd_ioc_new,
	.fault = call_fault,
};
