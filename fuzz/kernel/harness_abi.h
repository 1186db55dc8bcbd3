/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boundary between capcheck and a kernel that runs inside its process.
 *
 * An in-process kernel is one shared object made of Linux's own C files and the harness beside this header. All its
 * symbols are hidden but one: CAPCHECK_KERNEL_SYMBOL, a table of entry points. The header is read by C in kernel
 * context and by C++ in user context, so it uses nothing but the compiler's own integer types.
 */
#ifndef CAPCHECK_HARNESS_ABI_H
#define CAPCHECK_HARNESS_ABI_H

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever anything below changes; a loader refuses a kernel built for another number. */
#define CAPCHECK_HARNESS_ABI 1

#define CAPCHECK_KERNEL_SYMBOL "capcheck_kernel"

typedef unsigned long long capcheck_u64;

/*
 * What is observed of one task after every call, read from its struct cred and task_struct. Ids are kuid_t and kgid_t
 * values, that is, as seen from the initial user namespace. The model's TaskState has the same members in the same
 * order (checked at compile time where the two meet), so that two states are compared as bytes.
 */
struct capcheck_task_state {
	capcheck_u64 inheritable;  /* cred->cap_inheritable */
	capcheck_u64 permitted;    /* cred->cap_permitted */
	capcheck_u64 effective;    /* cred->cap_effective */
	capcheck_u64 bounding;     /* cred->cap_bset */
	capcheck_u64 ambient;      /* cred->cap_ambient */
	capcheck_u64 userns;       /* cred->cap_userns; 0 where the kernel has none */
	capcheck_u64 securebits;   /* cred->securebits */
	capcheck_u64 no_new_privs; /* task_no_new_privs(): 0 or 1 */
	capcheck_u64 uid, euid, suid, fsuid;
	capcheck_u64 gid, egid, sgid, fsgid;
	capcheck_u64 level; /* cred->user_ns->level: 0 in the initial user namespace */
};

/* The files of /proc/PID that set up a user namespace. */
enum capcheck_proc_file {
	CAPCHECK_UID_MAP,
	CAPCHECK_GID_MAP,
	CAPCHECK_SETGROUPS,
};

/* What the kernel needs of the process it runs in. None of these may be null. */
struct capcheck_host {
	void *(*allocate)(unsigned long size); /* zeroed memory, or null */
	void (*release)(void *memory);
	/*
	 * The kernel cannot go on: BUG(), panic(), WARN(), or a call of a function that the harness does not supply.
	 * The message is one line and names the kernel function or the missing symbol. Does not return.
	 */
	void (*fatal)(const char *message) __attribute__((noreturn));
	/* One line of the kernel's log, without its level prefix and without a newline. */
	void (*log)(const char *line);
};

/*
 * The entry points. All of them run on the calling thread; a kernel is one world and is not reentrant. Calls return
 * what the kernel's system call returns: a value, or a negated errno. User pointers are pointers of this process; a
 * null user pointer is a bad address (EFAULT).
 */
struct capcheck_kernel {
	unsigned abi;              /* CAPCHECK_HARNESS_ABI */
	unsigned last_cap;         /* CAP_LAST_CAP */
	unsigned has_userns_set;   /* 1 if struct cred has cap_userns (proposal 1) */
	const char *release;       /* the tree's kernel version, "6.12.117" */

	/* Boots: initialises what the linked files initialise at boot. Once, before all else. */
	void (*boot)(const struct capcheck_host *host);

	/*
	 * Opens a fresh world: one task, number 0, with the credentials of init_cred (root, all capabilities, the initial
	 * user namespace), single-threaded, not chrooted, no_new_privs clear. Its thread id is 1; task n has n + 1.
	 */
	void (*begin)(void);

	/*
	 * Ends the world: lets go of its tasks, runs everything deferred (RCU callbacks, work items) and returns the
	 * number of allocations still held beyond those at boot. Anything but 0 is a leak.
	 */
	unsigned long (*end)(void);

	/* Makes a task current; the calls below are its calls. */
	void (*run_as)(unsigned task);
	void (*observe)(unsigned task, struct capcheck_task_state *out);

	long (*capget)(void *header, void *data);
	long (*capset)(void *header, const void *data);
	long (*prctl)(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5);
	long (*unshare)(unsigned long flags);
	/* chroot(2) to a directory that exists and is searchable and is not the root of the mount namespace. */
	long (*chroot)(void);
	/* write(2) of the whole text, at offset 0, to the current task's own file, opened by itself. */
	long (*write_proc_file)(enum capcheck_proc_file file, const char *text, unsigned long size);
};

#ifdef __cplusplus
}
#endif

#endif
