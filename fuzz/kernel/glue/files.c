// SPDX-License-Identifier: GPL-2.0-only
/*
 * The few files there are: the root of the mount tree, a directory in it to chroot to, the three files of /proc/PID
 * that set up a user namespace, and files that are made to be opened. The structs are made here; what is done with them
 * is the kernel's own code.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/init_task.h>
#include <linux/mnt_idmapping.h>
#include <linux/namei.h>
#include <linux/nsproxy.h>
#include <linux/string.h>
#include <linux/syscalls.h>
#include <linux/user_namespace.h>
#include <linux/xattr.h>

#include "glue.h"
#include "../fs/internal.h"
#include "../fs/mount.h"
#include "../fs/proc/internal.h"
#include "compat.h"

/* A file that is made to be opened. It is free when nobody holds its dentry but this array. */
struct made_file {
	struct inode inode;
	struct dentry dentry;
	const void *capability;
	int capability_size; /* negative: there is none */
};

/*
 * Each task has its program open, and may have a userfaultfd and the device that gives them; then there are those that
 * a call in progress opens.
 */
static struct made_file made_files[3 * CAPCHECK_TASKS + 4];

/* How a filesystem's handler of extended attributes reads security.capability. */
static int get_security(const struct xattr_handler *handler, struct dentry *dentry, struct inode *inode,
			const char *name, void *buffer, size_t size)
{
	struct made_file *file = container_of(inode, struct made_file, inode);

	if (strcmp(name, XATTR_CAPS_SUFFIX) || file->capability_size < 0)
		return -ENODATA;
	if (size && file->capability_size > size)
		return -ERANGE;
	if (size)
		memcpy(buffer, file->capability, file->capability_size);
	return file->capability_size;
}

static const struct xattr_handler security_handler = { .prefix = XATTR_SECURITY_PREFIX, .get = get_security };
static const struct xattr_handler *handlers[] = { &security_handler, NULL };

static struct super_block filesystem = { .s_user_ns = &init_user_ns, .s_xattr = handlers };
static const struct inode_operations directory_operations;
static struct inode directory_inode = {
	.i_mode = S_IFDIR | 0755,
	.i_sb = &filesystem,
	.i_op = &directory_operations,
	.i_opflags = IOP_FASTPERM,
};
static struct dentry root_dentry, jail_dentry;
static struct mount root_mount, nosuid_mount;
static struct mnt_namespace mount_namespace;

static const struct path root_path = { .mnt = &root_mount.mnt, .dentry = &root_dentry };
static const struct path jail_path = { .mnt = &root_mount.mnt, .dentry = &jail_dentry };

static void make_dentry(struct dentry *dentry, struct dentry *parent, struct inode *inode, unsigned int type)
{
	spin_lock_init(&dentry->d_lockref.lock);
	dentry->d_lockref.count = 1;
	dentry->d_flags = type;
	dentry->d_inode = inode;
	dentry->d_parent = parent;
	dentry->d_sb = &filesystem;
}

static void make_mount(struct mount *mount, int flags)
{
	mount->mnt_parent = &root_mount;
	mount->mnt_mountpoint = &root_dentry;
	mount->mnt.mnt_root = &root_dentry;
	mount->mnt.mnt_sb = &filesystem;
	mount->mnt.mnt_flags = flags;
	mount->mnt.mnt_idmap = &nop_mnt_idmap;
	mount->mnt_ns = &mount_namespace;
	mount->mnt_count = 1;
}

void capcheck_files_boot(void)
{
	unsigned int i;

	make_dentry(&root_dentry, &root_dentry, &directory_inode, DCACHE_DIRECTORY_TYPE);
	make_dentry(&jail_dentry, &root_dentry, &directory_inode, DCACHE_DIRECTORY_TYPE);
	for (i = 0; i < ARRAY_SIZE(made_files); i++)
		make_dentry(&made_files[i].dentry, &root_dentry, &made_files[i].inode, DCACHE_REGULAR_TYPE);
	make_mount(&root_mount, 0);
	make_mount(&nosuid_mount, MNT_NOSUID);
	mount_namespace.root = &root_mount;
	mount_namespace.user_ns = &init_user_ns;
	refcount_set(&mount_namespace.ns.count, 1);
	init_nsproxy.mnt_ns = &mount_namespace;
	set_fs_root(&init_fs, &root_path);
	set_fs_pwd(&init_fs, &root_path);
}

/* Stands in for the walk along a name, which can have but one end: the directory to chroot to. */
int CAPCHECK_USER_PATH_AT(int dfd, const char __user *name, unsigned int flags, struct path *path)
{
	*path = jail_path;
	path_get(path);
	return 0;
}

long capcheck_chroot(void)
{
	return sys_chroot((const char __user *)"/jail");
}

static bool is_free(const struct made_file *file)
{
	return file->dentry.d_lockref.count == 1;
}

static struct made_file *free_file(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(made_files); i++)
		if (is_free(&made_files[i]))
			return &made_files[i];
	capcheck_fatal("more than %zu files are open", ARRAY_SIZE(made_files));
}

unsigned int capcheck_files_held(void)
{
	unsigned int i, held = 0;

	for (i = 0; i < ARRAY_SIZE(made_files); i++)
		held += !is_free(&made_files[i]);
	return held;
}

static void make_inode(struct inode *inode, const struct capcheck_open_request *request)
{
	static const struct inode_operations inode_operations;
	static const struct address_space_operations mapping_operations;

	memset(inode, 0, sizeof(*inode));
	inode->i_mode = request->mode;
	inode->i_uid = KUIDT_INIT(request->uid);
	inode->i_gid = KGIDT_INIT(request->gid);
	inode->i_sb = &filesystem;
	inode->i_op = &inode_operations;
	inode->i_opflags = IOP_XATTR;
	inode->i_fop = request->operations;
	inode->i_private = request->private;
	init_rwsem(&inode->i_rwsem);
	inode->i_mapping = &inode->i_data;
	inode->i_data.host = inode;
	inode->i_data.a_ops = &mapping_operations;
}

/* Static in fs/namei.c, made visible at link time. */
int may_open(typeof(nop_mnt_idmap) *idmap, const struct path *path, int acc_mode, int flag);

static int open_path(struct file *file, const struct path *path, int flags, int may)
{
	int error = may_open(&nop_mnt_idmap, path, may, flags);

	return error ? error : vfs_open(path, file);
}

/* What path_openat() does when its walk has ended at such a file. */
struct file *capcheck_open(const struct capcheck_open_request *request, int flags, int may)
{
	struct made_file *made = free_file();
	const struct path path = {
		.mnt = request->nosuid ? &nosuid_mount.mnt : &root_mount.mnt,
		.dentry = &made->dentry,
	};
	struct file *file = alloc_empty_file(flags, current_cred());
	int error;

	if (IS_ERR(file))
		return file;
	make_inode(&made->inode, request);
	made->capability = request->capability;
	made->capability_size = request->capability_size;
	error = open_path(file, &path, flags, may);
	if (error) {
		fput(file);
		return ERR_PTR(error);
	}
	return file;
}

/* Reading ahead is for files that hold something. */
void file_ra_state_init(struct file_ra_state *state, struct address_space *mapping)
{
}

/* Static tables of fs/proc/base.c, made visible at link time. */
extern const struct file_operations proc_uid_map_operations, proc_gid_map_operations, proc_setgroups_operations;

static const struct file_operations *const proc_files[] = {
	[CAPCHECK_UID_MAP] = &proc_uid_map_operations,
	[CAPCHECK_GID_MAP] = &proc_gid_map_operations,
	[CAPCHECK_SETGROUPS] = &proc_setgroups_operations,
};

static void make_proc_inode(struct proc_inode *node, struct task_struct *target)
{
	static const struct inode_operations no_operations;
	struct inode *inode = &node->vfs_inode;

	memset(node, 0, sizeof(*node));
	node->pid = target->thread_pid;
	inode->i_sb = &filesystem;
	inode->i_op = &no_operations;
	inode->i_mode = S_IFREG | 0644;
	task_dump_owner(target, inode->i_mode, &inode->i_uid, &inode->i_gid);
}

/* open(2), without a descriptor and without the walk along the name. */
static long open_proc_file(struct file *file, struct inode *inode, const struct file_operations *operations)
{
	long result = inode_permission(&nop_mnt_idmap, inode, MAY_WRITE | MAY_OPEN);

	if (result)
		return result;
	memset(file, 0, sizeof(*file));
	file->f_mode = FMODE_WRITE;
	file->f_flags = O_WRONLY;
	file->f_inode = inode;
	file->f_op = operations;
	file->f_cred = get_current_cred();
	result = operations->open(inode, file);
	if (result)
		put_cred(file->f_cred);
	return result;
}

/* The descriptor passes from the opener to the current task in no time: nothing happens between open() and write(). */
long capcheck_write_proc_file(enum capcheck_proc_file which, struct task_struct *target, struct task_struct *opener,
			      const char *text, unsigned long size)
{
	static struct proc_inode node;
	static struct file file;
	struct task_struct *writer = current;
	loff_t position = 0;
	long result;

	if ((unsigned int)which >= ARRAY_SIZE(proc_files))
		capcheck_fatal("there is no /proc file %u", (unsigned int)which);
	make_proc_inode(&node, target);
	capcheck_switch(opener);
	result = open_proc_file(&file, &node.vfs_inode, proc_files[which]);
	capcheck_switch(writer);
	if (result)
		return result;
	result = file.f_op->write(&file, (const char __user *)text, size, &position);
	file.f_op->release(&node.vfs_inode, &file);
	put_cred(file.f_cred);
	return result;
}

/* A dead task's files leave the dentry cache. The ones made here never enter it. */
void proc_invalidate_siblings_dcache(struct hlist_head *inodes, spinlock_t *lock)
{
	if (!hlist_empty(inodes))
		capcheck_fatal("an inode of /proc is cached");
}
