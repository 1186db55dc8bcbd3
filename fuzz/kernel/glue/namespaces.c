// SPDX-License-Identifier: GPL-2.0-only
/* The user namespaces of a world, numbered as they are created and kept by a reference, as an open descriptor would. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/syscalls.h>
#include <linux/user_namespace.h>

#include "glue.h"

#define MAX_NAMESPACES 256

static struct user_namespace *namespaces[MAX_NAMESPACES] = { &init_user_ns };
static unsigned int count = 1;

/* Static in fs/nsfs.c, made visible at link time. */
extern const struct file_operations ns_file_operations;

void capcheck_number_namespace(struct user_namespace *ns)
{
	if (count == MAX_NAMESPACES)
		capcheck_fatal("a world has more than %d user namespaces", MAX_NAMESPACES);
	namespaces[count++] = get_user_ns(ns);
}

void capcheck_namespaces_end(void)
{
	while (count > 1)
		put_user_ns(namespaces[--count]);
}

unsigned int capcheck_namespace_number(struct user_namespace *ns)
{
	unsigned int i;

	if (ns == &init_user_ns)
		return 0;
	for (i = count - 1; i > 0; i--)
		if (namespaces[i] == ns)
			return i;
	capcheck_fatal("a user namespace has no number");
}

static int open_namespace(struct user_namespace *ns)
{
	const struct capcheck_open_request request = {
		.mode = S_IFREG | 0444,
		.operations = &ns_file_operations,
		.private = &ns->ns,
		.capability_size = -1,
	};
	struct file *file = capcheck_open(&request, O_RDONLY, MAY_READ);
	int descriptor;

	if (IS_ERR(file))
		capcheck_fatal("the file of a user namespace cannot be opened");
	descriptor = get_unused_fd_flags(0);
	if (descriptor < 0)
		capcheck_fatal("no descriptor is free");
	fd_install(descriptor, file);
	return descriptor;
}

long capcheck_setns(unsigned int number, unsigned long flags)
{
	int descriptor;
	long result;

	if (number >= count)
		return -EBADF;
	descriptor = open_namespace(namespaces[number]);
	result = sys_setns(descriptor, (int)flags);
	close_fd(descriptor);
	return result;
}

long capcheck_ns_capable(unsigned int number, unsigned int capability)
{
	if (number >= count)
		return -EBADF;
	/* Of a capability that is none the kernel's own code never asks; ns_capable() would be BUG(). */
	if (!cap_valid(capability))
		return -EINVAL;
	return ns_capable(namespaces[number], (int)capability);
}
