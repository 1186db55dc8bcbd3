// SPDX-License-Identifier: GPL-2.0-only
/* Boot, and the table of entry points: the one symbol of the shared object. */
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/nsproxy.h>
#include <linux/prctl.h>
#include <linux/rcupdate.h>
#include <linux/radix-tree.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/pid_namespace.h>
#include <linux/syscalls.h>
#include <generated/utsrelease.h>

#include "glue.h"

const struct capcheck_host *capcheck_host;

/* Initcalls, static in their files and made visible at link time. */
int uid_cache_init(void);
int user_namespaces_init(void);
int user_namespace_sysctl_init(void);

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
	no_hash_pointers = true; /* hashing them would need a source of randomness */
	radix_tree_init();
	rcu_init();
	pid_idr_init();
	cred_init();
	fork_init();
	proc_caches_init();
	seq_file_init();
	run_initcall(uid_cache_init);
	run_initcall(user_namespaces_init);
	run_initcall(user_namespace_sysctl_init);
	capcheck_files_boot();
	capcheck_tasks_boot();
	capcheck_run_deferred();
	capcheck_memory_booted();
}

static void begin(void)
{
	capcheck_tasks_begin();
}

static unsigned long end(void)
{
	capcheck_tasks_end();
	capcheck_run_deferred();
	return capcheck_memory_end();
}

static void run_as(unsigned int task)
{
	capcheck_current = capcheck_task(task);
}

/* A call, and the way back to user mode. */
#define CALL(call) \
	({ \
		long result; \
		capcheck_check_world(); \
		result = (call); \
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

static long call_unshare(unsigned long flags)
{
	return CALL(sys_unshare(flags));
}

static long call_chroot(void)
{
	return CALL(capcheck_chroot());
}

static long call_write_proc_file(enum capcheck_proc_file file, const char *text, unsigned long size)
{
	return CALL(capcheck_write_proc_file(file, text, size));
}

/* Watched by AddressSanitizer, it would bring a second symbol with it. */
__attribute__((visibility("default"), no_sanitize("address"))) const struct capcheck_kernel capcheck_kernel = {
	.abi = CAPCHECK_HARNESS_ABI,
	.last_cap = CAP_LAST_CAP,
#ifdef CAPCHECK_HAS_USERNS_SET
	.has_userns_set = 1,
#endif
	.release = UTS_RELEASE,
	.boot = boot,
	.begin = begin,
	.end = end,
	.run_as = run_as,
	.observe = capcheck_observe,
	.capget = call_capget,
	.capset = call_capset,
	.prctl = call_prctl,
	.unshare = call_unshare,
	.chroot = call_chroot,
	.write_proc_file = call_write_proc_file,
};
