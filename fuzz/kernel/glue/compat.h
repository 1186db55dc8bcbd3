/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older trees have in another form, brought into the form of the newest one: so that the glue is written once, for
 * that form. Included last, because it takes names of the kernel's own headers.
 */
#ifndef CAPCHECK_COMPAT_H
#define CAPCHECK_COMPAT_H

#include <linux/binfmts.h>
#include <linux/capability.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/umh.h>
#include <linux/version.h>

#define CAPCHECK_BEFORE(major, minor) (LINUX_VERSION_CODE < KERNEL_VERSION(major, minor, 0))

/* 6.3: a set of capabilities is one word, where it was two; the sysctl of a mask points to it, where it had a mark. */
#if CAPCHECK_BEFORE(6, 3)
static inline u64 capcheck_word(kernel_cap_t set)
{
	return set.cap[0] | (u64)set.cap[1] << 32;
}

static inline kernel_cap_t capcheck_set(u64 word)
{
	return (kernel_cap_t){ { (u32)word, (u32)(word >> 32) } };
}

/* Static in kernel/umh.c, made visible at link time. */
extern kernel_cap_t usermodehelper_bset, usermodehelper_inheritable;

static inline kernel_cap_t *capcheck_set_of_sysctl(const struct ctl_table *entry)
{
	switch ((unsigned long)entry->data) {
	case 1:
		return &usermodehelper_bset;
	case 2:
		return &usermodehelper_inheritable;
	default:
		return entry->data;
	}
}
#else
static inline u64 capcheck_word(kernel_cap_t set)
{
	return set.val;
}

static inline kernel_cap_t capcheck_set(u64 word)
{
	return (kernel_cap_t){ word };
}

static inline kernel_cap_t *capcheck_set_of_sysctl(const struct ctl_table *entry)
{
	return entry->data;
}
#endif

/* 6.3: a mount has a struct mnt_idmap, where a user namespace told how ids are mapped. */
#if CAPCHECK_BEFORE(6, 3)
#define mnt_idmap mnt_userns
#define nop_mnt_idmap init_user_ns
#endif

/* 6.4: references to memory that is only borrowed have names of their own. */
#if CAPCHECK_BEFORE(6, 4)
#define mmgrab_lazy_tlb mmgrab
#define mmdrop_lazy_tlb mmdrop
#endif

/* 6.6: a table of sysctls is registered with its size, where an empty row was its end. */
#if CAPCHECK_BEFORE(6, 6)
#define __register_sysctl_init(path, table, name, size) capcheck_register_sysctl_init(path, table, name, size)
void __register_sysctl_init(const char *path, struct ctl_table *table, const char *name, size_t size);

static inline struct ctl_table_header *register_sysctl_sz(const char *path, struct ctl_table *table, size_t size)
{
	return register_sysctl(path, table);
}
#endif

/* 6.4: kernel/umh.c registers its table of sysctls, where it was part of that of kernel/sysctl.c. */
#if CAPCHECK_BEFORE(6, 4)
static inline int init_umh_sysctls(void)
{
	size_t size = 0;

	while (usermodehelper_table[size].procname)
		size++;
	__register_sysctl_init("kernel/usermodehelper", usermodehelper_table, "usermodehelper_table", size);
	return 0;
}
#endif

/* 6.8: bprm_execve() finds the program open, where it opened it. */
#if CAPCHECK_BEFORE(6, 8)
#define CAPCHECK_EXECVE_OPENS 1
#define capcheck_bprm_execve(bprm, name) bprm_execve(bprm, AT_FDCWD, name, 0)
int bprm_execve(struct linux_binprm *bprm, int fd, struct filename *name, int flags);
#else
#define CAPCHECK_EXECVE_OPENS 0
#define capcheck_bprm_execve(bprm, name) bprm_execve(bprm)
int bprm_execve(struct linux_binprm *bprm);
#endif

/* 6.10: allocations can be profiled. */
#if CAPCHECK_BEFORE(6, 10)
#define __alloc_pages_noprof __alloc_pages
#define kmem_cache_alloc_noprof kmem_cache_alloc
#define kmem_cache_alloc_bulk_noprof kmem_cache_alloc_bulk
#define kmem_cache_alloc_lru_noprof kmem_cache_alloc_lru
#define kmem_cache_alloc_node_noprof kmem_cache_alloc_node
#define __kmalloc_noprof __kmalloc
#define __kmalloc_node_noprof __kmalloc_node
#define __kmalloc_node_track_caller_noprof __kmalloc_node_track_caller
#define __kmalloc_cache_noprof kmalloc_trace
#define __kmalloc_cache_node_noprof kmalloc_node_trace
#define __kmalloc_large_noprof kmalloc_large
#endif

/* 6.11: allocations come from buckets. */
#ifndef DECL_BUCKET_PARAMS
#define DECL_BUCKET_PARAMS(size, buckets) size_t(size)
#endif

/* 6.12: what a slab cache is to be like is told in a struct. */
#if CAPCHECK_BEFORE(6, 12)
struct kmem_cache_args {
	void (*ctor)(void *);
};
struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size, struct kmem_cache_args *args,
					    slab_flags_t flags);
#endif

/* 6.12: a softirq's action has no argument, where it had one that none reads. */
#if CAPCHECK_BEFORE(6, 12)
typedef void capcheck_softirq_action(struct softirq_action *);
#define CAPCHECK_SOFTIRQ_ARGUMENT NULL
#else
typedef void capcheck_softirq_action(void);
#define CAPCHECK_SOFTIRQ_ARGUMENT
#endif

/* 6.12: sched_cgroup_fork() can fail. */
#if CAPCHECK_BEFORE(6, 12)
typedef void capcheck_sched_result;
#define CAPCHECK_SCHED_SUCCESS
#else
typedef int capcheck_sched_result;
#define CAPCHECK_SCHED_SUCCESS 0
#endif

/* 6.12: user_path_at() is a function of fs/namei.c, where a header made it of another. */
#if CAPCHECK_BEFORE(6, 12)
#define CAPCHECK_USER_PATH_AT(dfd, name, flags, path) user_path_at_empty(dfd, name, flags, path, int *empty)
#else
#define CAPCHECK_USER_PATH_AT(dfd, name, flags, path) user_path_at(dfd, name, flags, path)
#endif

/* Newer trees declare it in a header. */
extern bool no_hash_pointers;

#endif
