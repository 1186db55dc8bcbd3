// SPDX-License-Identifier: GPL-2.0-only
/*
 * execve(): the kernel's own bprm_execve(), from the opening of the file to the new credentials, with a binary format
 * whose programs are the descriptions that capcheck gives. Nothing is read from a file, and nothing is mapped.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/umh.h>
#include <linux/xattr.h>

#include "glue.h"
#include "../fs/internal.h"
#include "compat.h"

/* Static functions of fs/exec.c, made visible at link time. */
struct file *do_open_execat(int fd, struct filename *name, int flags);
void free_bprm(struct linux_binprm *bprm);

/* Root's, and nothing special: the interpreter of scripts, and the program of user-mode helpers. */
const struct capcheck_executable capcheck_plain_program = { .mode = 0755 };

static const struct file_operations program_operations;

/* What is being opened, and what is to be executed. */
static const struct capcheck_executable *opening;
static struct {
	bool is_script;
	bool nosuid;
	bool secure;
} program;

/*
 * Stands in for path_openat(): the walk along a name can have but one end, and what comes after it is what do_open()
 * does for a file that exists.
 */
struct file *do_filp_open(int directory, struct filename *name, const struct open_flags *flags)
{
	struct capcheck_open_request request = {
		.mode = S_IFREG | (opening->mode & 07777),
		.uid = opening->uid,
		.gid = opening->gid,
		.nosuid = opening->nosuid,
		.operations = &program_operations,
		.capability = opening->capability,
		.capability_size = -1,
	};

	if (opening->has_capability)
		request.capability_size = min_t(unsigned int, opening->capability_size, XATTR_SIZE_MAX);
	return capcheck_open(&request, flags->open_flag, flags->acc_mode);
}

static struct filename program_name = { .name = "/program", .refcnt = ATOMIC_INIT(1) };

static struct file *open_program(const struct capcheck_executable *file)
{
	opening = file;
	return do_open_execat(AT_FDCWD, &program_name, 0);
}

/* As load_script(): the interpreter takes the script's place. */
static int load_script(struct linux_binprm *bprm)
{
	struct capcheck_executable interpreter = capcheck_plain_program;
	struct file *file;

	interpreter.nosuid = program.nosuid;
	file = open_program(&interpreter);
	if (IS_ERR(file))
		return PTR_ERR(file);
	bprm->interpreter = file;
	return 0;
}

/* What every binary format does with credentials, and nothing else. */
static int load_program(struct linux_binprm *bprm)
{
	int error;

	if (program.is_script) {
		program.is_script = false;
		return load_script(bprm);
	}
	error = begin_new_exec(bprm);
	if (error)
		return error;
	setup_new_exec(bprm);
	finalize_exec(bprm);
	program.secure = bprm->secureexec;
	return 0;
}

static struct linux_binfmt format = { .load_binary = load_program };

/* The files are empty; load_program() knows what they stand for. */
ssize_t kernel_read(struct file *file, void *to, size_t size, loff_t *position)
{
	return 0;
}

void capcheck_exec_boot(void)
{
	register_binfmt(&format);
}

/*
 * Restated from alloc_bprm() and bprm_mm_init(), whose other work is on memory: the stack's mapping and the strings of
 * arguments and environment.
 */
static struct linux_binprm *make_bprm(const struct capcheck_executable *file)
{
	struct linux_binprm *bprm;
	struct file *opened = CAPCHECK_EXECVE_OPENS ? NULL : open_program(file);

	if (IS_ERR(opened))
		return ERR_CAST(opened);
	bprm = kzalloc(sizeof(*bprm), GFP_KERNEL);
	if (!bprm)
		capcheck_fatal("kzalloc() fails");
	bprm->file = opened;
	bprm->filename = "/program";
	bprm->interp = bprm->filename;
	bprm->argc = 1;
	bprm->mm = mm_alloc();
	if (!bprm->mm)
		capcheck_fatal("mm_alloc() fails");
	bprm->rlim_stack = current->signal->rlim[RLIMIT_STACK];
	return bprm;
}

static int execute(const struct capcheck_executable *file)
{
	struct linux_binprm *bprm = make_bprm(file);
	int error;

	if (IS_ERR(bprm))
		return PTR_ERR(bprm);
	program.is_script = file->script;
	program.nosuid = file->nosuid;
	opening = file;
	error = capcheck_bprm_execve(bprm, &program_name);
	free_bprm(bprm);
	return error;
}

long capcheck_exec(struct capcheck_executable *file)
{
	long result = execute(file);

	if (!result)
		file->secure = program.secure;
	return result;
}

/* How the kernel itself starts a program: a user-mode helper, and at boot the first task. */
int kernel_execve(const char *name, const char *const *argv, const char *const *envp)
{
	return execute(&capcheck_plain_program);
}
