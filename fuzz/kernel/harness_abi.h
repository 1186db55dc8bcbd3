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
#define CAPCHECK_HARNESS_ABI 4

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
	capcheck_u64 group_count;    /* cred->group_info->ngroups: at most CAPCHECK_GROUPS */
	capcheck_u64 group0, group1; /* the supplementary groups in the kernel's order; 0 beyond group_count */
	capcheck_u64 level;          /* cred->user_ns->level: 0 in the initial user namespace */
	capcheck_u64 user_ns;        /* the number of cred->user_ns: 0 is the initial one, then in order of creation */
	capcheck_u64 dumpable;       /* get_dumpable(task->mm): SUID_DUMP_DISABLE 0, SUID_DUMP_USER 1 */
};

/* The most tasks that live at once, and the most supplementary groups a program asks for. */
#define CAPCHECK_TASKS 4
#define CAPCHECK_GROUPS 2

/* The thread id of task 0. The id 1 is that of init, which the kernel treats apart. */
#define CAPCHECK_FIRST_TID 2

/* The files of /proc/PID that set up a user namespace. */
enum capcheck_proc_file {
	CAPCHECK_UID_MAP,
	CAPCHECK_GID_MAP,
	CAPCHECK_SETGROUPS,
};

/* The system-wide masks of capabilities under /proc/sys/kernel. */
enum capcheck_sysctl {
	CAPCHECK_UMH_BSET,        /* usermodehelper/bset */
	CAPCHECK_UMH_INHERITABLE, /* usermodehelper/inheritable */
	CAPCHECK_UMH_USERNS,      /* usermodehelper/userns: with the userns set only */
	CAPCHECK_CAP_USERNS_MASK, /* cap_userns_mask: with the feature userns-mask only */
	CAPCHECK_UNPRIVILEGED_USERFAULTFD, /* /proc/sys/vm/unprivileged_userfaultfd */
};

/* An executable file, as execve(2) finds it. Its filesystem belongs to the initial user namespace. */
struct capcheck_executable {
	unsigned uid, gid;          /* kernel ids of its owner */
	unsigned mode;              /* permission bits, S_ISUID and S_ISGID among them */
	const void *capability;     /* the attribute security.capability as it lies on disk */
	unsigned capability_size;   /* its size in bytes */
	unsigned has_capability;    /* 0: there is no such attribute */
	unsigned nosuid;            /* 1: the mount has MNT_NOSUID */
	unsigned script;            /* 1: a script; its interpreter is root's, 0755, on the same mount, and has no attribute */
	unsigned secure;            /* written by a successful execve: AT_SECURE, bprm->secureexec */
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
	unsigned securebits;       /* SECURE_ALL_BITS */
	const char *name;          /* the --name it was built as, "6.12+userns" */
	const char *release;       /* the tree's kernel version, "6.12.117" */

	/* Boots: initialises what the linked files initialise at boot. Once, before all else. */
	void (*boot)(const struct capcheck_host *host);

	/*
	 * Opens a fresh world: one task, number 0, with the credentials of init_cred (root, all capabilities, the initial
	 * user namespace), single-threaded, not chrooted, no_new_privs clear, with an anonymous session keyring of its
	 * own and a parent outside the world. Its thread id is CAPCHECK_FIRST_TID; task n has n more. It is current.
	 */
	void (*begin)(void);

	/*
	 * Ends the world: lets go of its tasks, runs everything deferred (RCU callbacks, work items) and returns the
	 * number of allocations still held beyond those at boot. Anything but 0 is a leak.
	 */
	unsigned long (*end)(void);

	/* The tasks that live: bit n for task n. */
	unsigned (*alive)(void);

	/*
	 * Makes a task current; the calls below are its calls. What the kernel does before a task returns to user mode
	 * (task_work_run()) is done for it here, before its next call. The task must be alive.
	 */
	void (*run_as)(unsigned task);
	void (*observe)(unsigned task, struct capcheck_task_state *out);

	/*
	 * No call: puts the current task into a state, by prepare_creds() and commit_creds(). Its groups, level and
	 * user_ns must be those that the task has.
	 */
	void (*dress)(const struct capcheck_task_state *state);

	long (*capget)(void *header, void *data);
	long (*capset)(void *header, const void *data);
	long (*prctl)(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5);
	long (*unshare)(unsigned long flags);
	/* chroot(2) to a directory that exists and is searchable and is not the root of the mount namespace. */
	long (*chroot)(void);

	/*
	 * open(2) for writing of a file of /proc/PID of the task `target`, by the task `opener` with its credentials of
	 * now; then write(2) of the whole text at offset 0 by the current task. EBADF if the opener does not live (nobody
	 * could have passed the descriptor), ENOENT if the target does not, then what open() says, then what write() says.
	 */
	long (*write_proc_file)(enum capcheck_proc_file file, unsigned target, unsigned opener, const char *text,
				unsigned long size);
	/* The same for a file of /proc/sys/kernel, by the current task. ENOENT if this kernel has no such file. */
	long (*write_sysctl)(enum capcheck_sysctl file, const char *text, unsigned long size);

	/*
	 * clone(2) with flags among CLONE_NEWUSER, CLONE_FS, CLONE_VM, CLONE_SIGHAND, CLONE_THREAD. The child is the free
	 * task of the lowest number; its thread id is returned. EAGAIN if all CAPCHECK_TASKS live. Whoever is born shares
	 * with its creator what the flags say, and nothing else; its parent is the creator (or the creator's parent, for
	 * a thread).
	 */
	long (*clone)(unsigned long flags);
	/*
	 * exit_group(2): every thread of the current task's group is gone, as if reaped at once. Children go to a parent
	 * outside the world (as those of task 0 have), tracees of the dead are untraced. No task is current afterwards.
	 */
	void (*exit_group)(void);
	/*
	 * setns(2) with a descriptor of the user namespace of that number, which is kept open from its creation on. EBADF
	 * if there is none.
	 */
	long (*setns)(unsigned user_ns, unsigned long flags);
	/* ns_capable(): 1 or 0, asked of the user namespace of that number; EBADF if there is none. */
	long (*ns_capable)(unsigned user_ns, unsigned capability);

	long (*setuid)(unsigned uid);
	long (*setreuid)(unsigned ruid, unsigned euid);
	long (*setresuid)(unsigned ruid, unsigned euid, unsigned suid);
	long (*setfsuid)(unsigned uid);
	long (*setgid)(unsigned gid);
	long (*setregid)(unsigned rgid, unsigned egid);
	long (*setresgid)(unsigned rgid, unsigned egid, unsigned sgid);
	long (*setfsgid)(unsigned gid);
	long (*setgroups)(unsigned long count, const unsigned *groups);

	/*
	 * execve(2) as far as credentials go: the permission to execute, then what fs/exec.c and security/commoncap.c do
	 * with credentials, and on success the new, empty address space. The other threads of the group are gone. A thread
	 * that was not the leader goes on as the leader: it is then the task of the leader's number, and is current.
	 */
	long (*execve)(struct capcheck_executable *file);
	/* ptrace(PTRACE_TRACEME): the tracer is the parent. A parent outside the world has full capabilities. */
	long (*ptrace_traceme)(void);
	/* ptrace(PTRACE_SEIZE) of a task; ESRCH if there is none. */
	long (*ptrace_seize)(unsigned int task);
	/* keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL): a new, anonymous session keyring. 0 for any serial number. */
	long (*join_session_keyring)(void);
	/* keyctl(KEYCTL_SESSION_TO_PARENT). */
	long (*session_to_parent)(void);
	/*
	 * The kernel starts a user-mode helper: a new task, the free one of the lowest number, whose thread id is returned;
	 * EAGAIN if there is none. Its program is root's, 0755, without attributes. It gets a session keyring of its own,
	 * as call_sbin_request_key() gives one. Its parent is outside the world.
	 */
	long (*usermodehelper)(void);

	/*
	 * userfaultfd(2): 0 for any descriptor. The one that the task had is then closed; a child has none, as if it had
	 * closed those that it got.
	 */
	long (*userfaultfd)(int flags);
	/* ioctl(UFFDIO_API) of the current task's userfaultfd, with a struct uffdio_api. EBADF if there is none. */
	long (*uffdio_api)(void *structure);
	/*
	 * open(2) of /dev/userfaultfd, as a node of these ids and this mode. The one that the task had open is then
	 * closed; an execve() closes it, and a child has none. 0 for any descriptor.
	 */
	long (*open_userfaultfd_device)(unsigned int uid, unsigned int gid, unsigned int mode);
	/* ioctl(USERFAULTFD_IOC_NEW) of that; as userfaultfd(). */
	long (*userfaultfd_ioc_new)(int flags);
	/*
	 * A fault of a page that is registered with the current task's userfaultfd: by the task itself or, for the task,
	 * by the kernel. 0 if it is handed to who monitors; what a fault that is not gives, EFAULT, otherwise. EBADF if
	 * there is no userfaultfd, EINVAL if UFFDIO_API was not used, ENOMEM if it is from before an execve().
	 */
	long (*fault)(int in_user_mode);
};

#ifdef __cplusplus
}
#endif

#endif
