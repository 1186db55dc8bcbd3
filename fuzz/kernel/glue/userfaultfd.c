// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd(2), its device and its ioctls, by the kernel's own fs/userfaultfd.c. Nothing is mapped here: a fault is
 * made by what the kernel's fault handling would call for a page that is registered. What is supplied are the files,
 * whose inodes would come from a filesystem of anonymous inodes and from devtmpfs.
 */
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/syscalls.h>
#include <linux/userfaultfd.h>
#include <linux/userfaultfd_k.h>
#include <linux/wait.h>

#include "glue.h"
#include "compat.h"

/* Static in fs/userfaultfd.c, made visible at link time. */
extern const struct file_operations userfaultfd_fops;

/* Those of /dev/userfaultfd. */
static const struct file_operations *device_operations;

int misc_register(struct miscdevice *device)
{
	device_operations = device->fops;
	return 0;
}

static struct file *make_file(const struct file_operations *operations, void *private, int flags)
{
	const struct capcheck_open_request request = {
		.mode = S_IFREG | 0600,
		.operations = operations,
		.private = current->mm,
		.capability_size = -1,
	};
	struct file *file = capcheck_open(&request, flags & (O_ACCMODE | O_NONBLOCK), 0);

	if (!IS_ERR(file))
		file->private_data = private;
	return file;
}

static long install(struct file *file, int flags)
{
	int descriptor;

	if (IS_ERR(file))
		return PTR_ERR(file);
	descriptor = get_unused_fd_flags(flags);
	if (descriptor < 0)
		fput(file);
	else
		fd_install(descriptor, file);
	return descriptor;
}

/* How 6.12 makes the file, and 6.1 the file and its descriptor. */
struct file *anon_inode_create_getfile(const char *name, const struct file_operations *operations, void *private,
				       int flags, const struct inode *context)
{
	return make_file(operations, private, flags);
}

int anon_inode_getfd_secure(const char *name, const struct file_operations *operations, void *private, int flags,
			    const struct inode *context);
int anon_inode_getfd_secure(const char *name, const struct file_operations *operations, void *private, int flags,
			    const struct inode *context)
{
	return (int)install(make_file(operations, private, flags), flags);
}

/* Nothing is mapped: there is no area to let go of when a descriptor is closed. 6.12 has this in mm/userfaultfd.c. */
void userfaultfd_release_all(struct mm_struct *mm, struct userfaultfd_ctx *context);
void userfaultfd_release_all(struct mm_struct *mm, struct userfaultfd_ctx *context)
{
}

/* When a descriptor is closed, those are woken that wait for a page or a report; nobody does. */
void __wake_up_locked_key(struct wait_queue_head *queue, unsigned int mode, void *key)
{
	if (waitqueue_active(queue))
		capcheck_fatal("somebody waits for a userfaultfd");
}

static int number_if_operated_by(const void *operations, struct file *file, unsigned int descriptor)
{
	return file->f_op == operations ? descriptor + 1 : 0;
}

/* The current task's descriptor of that kind; -1 if it has none. */
static int own_descriptor(const struct file_operations *operations)
{
	return iterate_fd(current->files, 0, number_if_operated_by, (void *)operations) - 1;
}

static void close_own(const struct file_operations *operations)
{
	int descriptor = own_descriptor(operations);

	if (descriptor >= 0)
		close_fd(descriptor);
}

static long own_ioctl(const struct file_operations *operations, unsigned int command, unsigned long argument)
{
	int descriptor = own_descriptor(operations);
	struct file *file;
	long result;

	if (descriptor < 0)
		return -EBADF;
	file = fget(descriptor);
	result = file->f_op->unlocked_ioctl(file, command, argument);
	fput(file);
	return result;
}

/* A descriptor that the task got takes the place of the one it had. */
static long take_place_of(int former, long descriptor)
{
	if (descriptor < 0)
		return descriptor;
	if (former >= 0)
		close_fd(former);
	capcheck_mark_task();
	return 0;
}

long capcheck_userfaultfd(int flags)
{
	int former = own_descriptor(&userfaultfd_fops);

	return take_place_of(former, sys_userfaultfd(flags));
}

long capcheck_userfaultfd_ioc_new(int flags)
{
	int former = own_descriptor(&userfaultfd_fops);

	return take_place_of(former, own_ioctl(device_operations, USERFAULTFD_IOC_NEW, (unsigned int)flags));
}

/* As path_openat() does when its walk has ended at the node; of a device's own open() the kernel's has none. */
long capcheck_open_userfaultfd_device(unsigned int uid, unsigned int gid, unsigned int mode)
{
	const struct capcheck_open_request request = {
		.mode = S_IFCHR | mode,
		.uid = uid,
		.gid = gid,
		.operations = device_operations,
		.capability_size = -1,
	};
	int former = own_descriptor(device_operations);

	return take_place_of(former, install(capcheck_open(&request, O_RDWR, MAY_READ | MAY_WRITE), O_CLOEXEC));
}

/* A child has copies of its creator's descriptors. */
void capcheck_close_userfaultfds(struct task_struct *child)
{
	struct task_struct *task = current;

	capcheck_switch(child);
	close_own(&userfaultfd_fops);
	close_own(device_operations);
	capcheck_switch(task);
}

long capcheck_uffdio_api(void *structure)
{
	return own_ioctl(&userfaultfd_fops, UFFDIO_API, (unsigned long)structure);
}

/*
 * What the registration of a page would say. Whether UFFDIO_API was used is asked before anything else is looked at; a
 * descriptor from before an execve() keeps its address space's struct, of which nothing is left to register.
 */
static long try_registration(void)
{
	long result = own_ioctl(&userfaultfd_fops, UFFDIO_REGISTER, 0);
	struct file *file;

	if (result != -EFAULT)
		return result;
	file = fget(own_descriptor(&userfaultfd_fops));
	result = file_inode(file)->i_private == current->mm ? 0 : -ENOMEM;
	fput(file);
	return result;
}

long capcheck_fault(bool in_user_mode)
{
	long error = try_registration();
	struct vm_area_struct area = { .vm_mm = current->mm };
	/* Who may not wait is told that there is somebody to wait for. */
	struct vm_fault fault = {
		.vma = &area,
		.flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT | (in_user_mode ? FAULT_FLAG_USER : 0),
	};
	struct file *file;
	vm_fault_t handled;

	if (error)
		return error;
	file = fget(own_descriptor(&userfaultfd_fops));
	area.vm_userfaultfd_ctx.ctx = file->private_data;
	mmap_read_lock(current->mm);
	handled = handle_userfault(&fault, VM_UFFD_MISSING);
	mmap_read_unlock(current->mm);
	fput(file);
	return handled == VM_FAULT_RETRY ? 0 : -EFAULT;
}
