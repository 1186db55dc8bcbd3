// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system-wide masks of capabilities under /proc/sys/kernel. They are registered and written through the kernel's
 * own fs/proc/proc_sysctl.c; what is made here is the inode that a walk along the name would end at.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mnt_idmapping.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <linux/uio.h>
#include <linux/user_namespace.h>

#include "glue.h"
#include "../fs/proc/internal.h"
#include "compat.h"

/* Static in fs/proc/proc_sysctl.c and kernel/umh.c, made visible at link time. */
extern const struct file_operations proc_sys_file_operations;
extern const struct inode_operations proc_sys_inode_operations;
int init_umh_sysctls(void);

/* The table of the feature userns-mask; null in a kernel without it. */
extern struct ctl_table cap_userns_table[] __attribute__((weak, visibility("hidden")));

/* Before 6.6 it was in the table of kernel/sysctl.c, with much that is not linked; now fs/userfaultfd.c has one. */
extern int sysctl_unprivileged_userfaultfd __attribute__((weak, visibility("hidden")));
static struct ctl_table userfaultfd_table[] = {
	{
		.procname	= "unprivileged_userfaultfd",
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
	{}
};

static struct sysctl {
	const char *name;
	struct ctl_table_header *header;
	struct ctl_table *entry; /* null where this kernel has none */
	kernel_cap_t at_boot;
} sysctls[] = {
	[CAPCHECK_UMH_BSET] = { "bset" },
	[CAPCHECK_UMH_INHERITABLE] = { "inheritable" },
	[CAPCHECK_UMH_USERNS] = { "userns" },
	[CAPCHECK_CAP_USERNS_MASK] = { "cap_userns_mask" },
	[CAPCHECK_UNPRIVILEGED_USERFAULTFD] = { "unprivileged_userfaultfd" },
};
static bool written;

static struct sysctl *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sysctls); i++)
		if (!strcmp(sysctls[i].name, name))
			return &sysctls[i];
	return NULL;
}

/* As fs/proc/proc_sysctl.c has it, and remembers where each of ours is found. */
void __register_sysctl_init(const char *path, struct ctl_table *table, const char *table_name, size_t size)
{
	struct ctl_table_header *header = register_sysctl_sz(path, table, size);
	struct sysctl *sysctl;
	size_t i;

	if (!header)
		capcheck_fatal("boot: the sysctls of %s cannot be registered", path);
	for (i = 0; i < size; i++) {
		sysctl = table[i].procname ? find(table[i].procname) : NULL;
		if (!sysctl)
			continue;
		sysctl->header = header;
		sysctl->entry = &table[i];
		if (sysctl != &sysctls[CAPCHECK_UNPRIVILEGED_USERFAULTFD])
			sysctl->at_boot = *capcheck_set_of_sysctl(&table[i]);
	}
}

void capcheck_sysctl_boot(void)
{
	if (init_umh_sysctls())
		capcheck_fatal("boot: init_umh_sysctls() fails");
	if (cap_userns_table)
		__register_sysctl_init("kernel", cap_userns_table, "cap_userns_table", 1);
	if (&sysctl_unprivileged_userfaultfd) {
		userfaultfd_table[0].data = &sysctl_unprivileged_userfaultfd;
		__register_sysctl_init("vm", userfaultfd_table, "userfaultfd_table", 1);
	}
	if (!sysctls[CAPCHECK_UNPRIVILEGED_USERFAULTFD].entry)
		capcheck_fatal("boot: there is no sysctl vm.unprivileged_userfaultfd");
}

void capcheck_sysctl_begin(void)
{
	unsigned int i;

	if (likely(!written))
		return;
	for (i = 0; i < ARRAY_SIZE(sysctls); i++)
		if (i == CAPCHECK_UNPRIVILEGED_USERFAULTFD)
			*(int *)sysctls[i].entry->data = 0;
		else if (sysctls[i].entry)
			*capcheck_set_of_sysctl(sysctls[i].entry) = sysctls[i].at_boot;
	written = false;
}

/*
 * A new namespace's own /proc/sys/user is left out: registering it would cost most of the time of creating one, and
 * nothing here reads or writes these files. The limits themselves are set by create_user_ns().
 */
bool setup_userns_sysctls(struct user_namespace *ns)
{
	return true;
}

void retire_userns_sysctls(struct user_namespace *ns)
{
}

static long write_open_file(struct file *file, const char *text, size_t size)
{
	struct kiocb control;
	struct iov_iter source;
	long result = file->f_op->open(file->f_inode, file);

	if (result)
		return result;
	init_sync_kiocb(&control, file);
	iov_iter_ubuf(&source, ITER_SOURCE, (void __user *)text, size);
	return file->f_op->write_iter(&control, &source);
}

/* open(2), write(2) and close(2), without a descriptor and without the walk along the name. */
long capcheck_write_sysctl(enum capcheck_sysctl which, const char *text, unsigned long size)
{
	static struct super_block filesystem = { .s_user_ns = &init_user_ns };
	static struct proc_inode node;
	static struct file file;
	const struct sysctl *sysctl = &sysctls[which];
	struct inode *inode = &node.vfs_inode;
	long result;

	if ((unsigned int)which >= ARRAY_SIZE(sysctls))
		capcheck_fatal("there is no sysctl %u", (unsigned int)which);
	if (!sysctl->entry)
		return -ENOENT;
	memset(&node, 0, sizeof(node));
	node.sysctl = sysctl->header;
	node.sysctl_entry = sysctl->entry;
	inode->i_sb = &filesystem;
	inode->i_mode = S_IFREG | sysctl->entry->mode;
	inode->i_op = &proc_sys_inode_operations;
	result = inode_permission(&nop_mnt_idmap, inode, MAY_WRITE | MAY_OPEN);
	if (result)
		return result;

	memset(&file, 0, sizeof(file));
	file.f_mode = FMODE_WRITE;
	file.f_flags = O_WRONLY;
	file.f_inode = inode;
	file.f_op = &proc_sys_file_operations;
	written = true;
	return write_open_file(&file, text, size);
}
