// SPDX-License-Identifier: GPL-2.0-only
/*
 * The few files there are: the root of the one mount, a directory in it to chroot to, and the three files of
 * /proc/PID that set up a user namespace. The structs are made here; what is done with them is the kernel's own code.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/init_task.h>
#include <linux/mnt_idmapping.h>
#include <linux/namei.h>
#include <linux/nsproxy.h>
#include <linux/string.h>
#include <linux/syscalls.h>
#include <linux/user_namespace.h>

#include "glue.h"
#include "../fs/mount.h"
#include "../fs/proc/internal.h"

static struct super_block filesystem = { .s_user_ns = &init_user_ns };
static const struct inode_operations directory_operations;
static struct inode directory_inode = {
	.i_mode = S_IFDIR | 0755,
	.i_sb = &filesystem,
	.i_op = &directory_operations,
	.i_opflags = IOP_FASTPERM,
};
static struct dentry root_dentry, jail_dentry;
static struct mount root_mount;
static struct mnt_namespace mount_namespace;

static const struct path root_path = { .mnt = &root_mount.mnt, .dentry = &root_dentry };
static const struct path jail_path = { .mnt = &root_mount.mnt, .dentry = &jail_dentry };

static void make_dentry(struct dentry *dentry, struct dentry *parent)
{
	spin_lock_init(&dentry->d_lockref.lock);
	dentry->d_lockref.count = 1;
	dentry->d_flags = DCACHE_DIRECTORY_TYPE;
	dentry->d_inode = &directory_inode;
	dentry->d_parent = parent;
	dentry->d_sb = &filesystem;
}

void capcheck_files_boot(void)
{
	make_dentry(&root_dentry, &root_dentry);
	make_dentry(&jail_dentry, &root_dentry);
	root_mount.mnt_parent = &root_mount;
	root_mount.mnt_mountpoint = &root_dentry;
	root_mount.mnt.mnt_root = &root_dentry;
	root_mount.mnt.mnt_sb = &filesystem;
	root_mount.mnt.mnt_idmap = &nop_mnt_idmap;
	root_mount.mnt_ns = &mount_namespace;
	root_mount.mnt_count = 1;
	mount_namespace.root = &root_mount;
	mount_namespace.user_ns = &init_user_ns;
	refcount_set(&mount_namespace.ns.count, 1);
	init_nsproxy.mnt_ns = &mount_namespace;
	set_fs_root(&init_fs, &root_path);
	set_fs_pwd(&init_fs, &root_path);
}

/* Stands in for the walk along a name, which can have but one end: the directory to chroot to. */
int user_path_at(int dfd, const char __user *name, unsigned int flags, struct path *path)
{
	*path = jail_path;
	path_get(path);
	return 0;
}

long capcheck_chroot(void)
{
	return sys_chroot((const char __user *)"/jail");
}

/* Static tables of fs/proc/base.c, made visible at link time. */
extern const struct file_operations proc_uid_map_operations, proc_gid_map_operations, proc_setgroups_operations;

static const struct file_operations *const proc_files[] = {
	[CAPCHECK_UID_MAP] = &proc_uid_map_operations,
	[CAPCHECK_GID_MAP] = &proc_gid_map_operations,
	[CAPCHECK_SETGROUPS] = &proc_setgroups_operations,
};

static long write_open_file(struct inode *inode, struct file *file, const char *text, size_t size)
{
	loff_t position = 0;
	long result = file->f_op->open(inode, file);

	if (result)
		return result;
	result = file->f_op->write(file, (const char __user *)text, size, &position);
	file->f_op->release(inode, file);
	return result;
}

/* open(2), write(2) and close(2), without descriptors and without the walk to /proc/self. */
long capcheck_write_proc_file(enum capcheck_proc_file which, const char *text, unsigned long size)
{
	static const struct inode_operations no_operations;
	static struct proc_inode node;
	static struct file file;
	struct inode *inode = &node.vfs_inode;
	long result;

	if ((unsigned int)which >= ARRAY_SIZE(proc_files))
		capcheck_fatal("there is no /proc file %u", (unsigned int)which);

	memset(&node, 0, sizeof(node));
	node.pid = capcheck_current->thread_pid;
	inode->i_sb = &filesystem;
	inode->i_op = &no_operations;
	inode->i_mode = S_IFREG | 0644;
	task_dump_owner(capcheck_current, inode->i_mode, &inode->i_uid, &inode->i_gid);
	result = inode_permission(&nop_mnt_idmap, inode, MAY_WRITE | MAY_OPEN);
	if (result)
		return result;

	memset(&file, 0, sizeof(file));
	file.f_mode = FMODE_WRITE;
	file.f_flags = O_WRONLY;
	file.f_inode = inode;
	file.f_op = proc_files[which];
	file.f_cred = get_current_cred();
	result = write_open_file(inode, &file, text, size);
	put_cred(file.f_cred);
	return result;
}
