/*
 * What every reproducer begins with: what it saw is compared, call by call, with what is expected, and said.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of proposals: no header has them. */
#ifndef PR_CAP_USERNS
#define PR_CAP_USERNS 48
#define PR_CAP_USERNS_IS_SET 1
#define PR_CAP_USERNS_RAISE 2
#define PR_CAP_USERNS_LOWER 3
#define PR_CAP_USERNS_CLEAR_ALL 4
#endif
#ifndef CAP_USERFAULTFD
#define CAP_USERFAULTFD 41
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

enum { AGREES, DIFFERS, ENVIRONMENT };

enum field { INH, PRM, EFF, BND, AMB, UNS, SECUREBITS, NO_NEW_PRIVS, UID, EUID, SUID, FSUID, GID, EGID, SGID, FSGID, FIELDS };

static const char *const field_names[FIELDS] = {
	"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "CapUNs", "Securebits", "NoNewPrivs",
	"Uid", "EUid", "SUid", "FsUid", "Gid", "EGid", "SGid", "FsGid",
};

/* All tasks see it. */
struct shared {
	atomic_int turn, differences, born;
	pid_t pid[4];
	int user_ns[256], user_ns_count;
};
static struct shared *shared;
static uint64_t want[FIELDS]; /* what this task is expected to have */
static int task, proc = -1, userfault = -1;

/* A line begins so. */
static const char line_start[];

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs(line_start, stdout);
	vprintf(format, arguments);
	va_end(arguments);
}

static void leave(int status)
{
	fflush(stdout);
	_exit(status);
}

static void broken(const char *what)
{
	say("environment: %s: %s\n", what, strerror(errno));
	leave(ENVIRONMENT);
}

static void read_state(uint64_t *state)
{
	static char text[8192];
	unsigned int uid[4] = { 0 }, gid[4] = { 0 };
	char *line, *rest = NULL;
	ssize_t size;
	int file = openat(proc, "thread-self/status", O_RDONLY | O_CLOEXEC), i;

	if (file < 0 || (size = read(file, text, sizeof(text) - 1)) < 0)
		broken("/proc/thread-self/status");
	close(file);
	text[size] = 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		for (i = INH; i <= UNS; i++) {
			size_t length = strlen(field_names[i]);

			if (!strncmp(line, field_names[i], length) && line[length] == ':')
				state[i] = strtoull(line + length + 1, NULL, 16);
		}
		sscanf(line, "NoNewPrivs: %lu", &state[NO_NEW_PRIVS]);
		sscanf(line, "Uid: %u %u %u %u", &uid[0], &uid[1], &uid[2], &uid[3]);
		sscanf(line, "Gid: %u %u %u %u", &gid[0], &gid[1], &gid[2], &gid[3]);
	}
	for (i = 0; i < 4; i++) {
		state[UID + i] = uid[i];
		state[GID + i] = gid[i];
	}
	state[SECUREBITS] = prctl(PR_GET_SECUREBITS);
}

/* Ids are left out of what is compared in a child namespace, where they have other names. */
static int compare_state(const char *when, int with_ids)
{
	uint64_t got[FIELDS] = { 0 };
	int i, differ = 0;

	read_state(got);
	for (i = 0; i < (with_ids ? FIELDS : UID); i++) {
		if (got[i] == want[i])
			continue;
		say("t%d: %s: %s is %016llx, expected %016llx\n", task, when, field_names[i],
		       (unsigned long long)got[i], (unsigned long long)want[i]);
		differ = 1;
	}
	if (differ)
		shared->differences++;
	return differ;
}

static void result(const char *call, long got, int error, long wanted, int wanted_error)
{
	int same = wanted_error ? got == -1 && error == wanted_error : got == wanted;

	if (got == -1)
		say("t%d: %s = -1 %s%s\n", task, call, strerrorname_np(error), same ? "" : "   DIFFERS");
	else
		say("t%d: %s = %ld%s\n", task, call, got, same ? "" : "   DIFFERS");
	if (!same) {
		say("    expected %s\n", wanted_error ? strerrorname_np(wanted_error) : "success");
		shared->differences++;
	}
	fflush(stdout);
}

static void output(const char *name, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	say("t%d: %s is %016llx, expected %016llx\n", task, name, (unsigned long long)got, (unsigned long long)wanted);
	shared->differences++;
}

/* Waits until it is this task's turn; whoever waits for longer than a program takes is alone. */
static void await(int turn)
{
	static const struct timespec pause = { 0, 200000 };
	int i;

	for (i = 0; shared->turn != turn; i++) {
		if (i > 100000) {
			say("environment: t%d waits for turn %d\n", task, turn);
			leave(ENVIRONMENT);
		}
		nanosleep(&pause, NULL);
	}
}

static pid_t pid_of(int number)
{
	return number < 4 && shared->pid[number] ? shared->pid[number] : 0x3fffff;
}

static void enter_new_user_ns(void)
{
	int file = openat(proc, "thread-self/ns/user", O_RDONLY | O_CLOEXEC);

	if (file < 0)
		broken("/proc/thread-self/ns/user");
	shared->user_ns[shared->user_ns_count++] = file; /* tasks share their descriptors */
}

static int user_ns(int number)
{
	return number < shared->user_ns_count ? shared->user_ns[number] : -1;
}

/* Returns when the task is there, in the namespace made for it. */
static int make_task(unsigned long flags, int number, void (*run)(void))
{
	static const struct timespec pause = { 0, 100000 };
	int born = shared->born;
	pid_t child = syscall(SYS_clone, flags | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		task = number;
		if (flags & CLONE_NEWUSER)
			enter_new_user_ns();
		shared->born++;
		run();
		leave(AGREES);
	}
	if (child < 0)
		return -1;
	shared->pid[number] = child;
	while (shared->born == born)
		nanosleep(&pause, NULL);
	return 0;
}

/* A searchable directory that is not the root of the task's namespace. */
static int change_root(void)
{
	return fchdir(proc) ? -1 : chroot(".");
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int descriptor, written, error;

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	descriptor = openat(proc, path, O_WRONLY | O_CLOEXEC);
	if (descriptor < 0)
		return -1;
	written = write(descriptor, text, strlen(text));
	error = errno;
	close(descriptor);
	errno = error;
	return written;
}

static struct __user_cap_header_struct header;
static struct __user_cap_data_struct data[2];

static int set_caps(void *to_header, void *to_data, uint32_t version, int pid, uint64_t effective, uint64_t permitted,
		    uint64_t inheritable)
{
	int i;

	header.version = version;
	header.pid = pid;
	for (i = 0; i < 2; i++) {
		data[i].effective = effective >> 32 * i;
		data[i].permitted = permitted >> 32 * i;
		data[i].inheritable = inheritable >> 32 * i;
	}
	return syscall(SYS_capset, to_header, to_data);
}

static int get_caps(void *to_header, void *to_data, uint32_t version, int pid)
{
	memset(data, 0, sizeof(data));
	header.version = version;
	header.pid = pid;
	return syscall(SYS_capget, to_header, to_data);
}

static int open_userfaultfd(int flags)
{
	int file = syscall(SYS_userfaultfd, flags);

	if (file < 0)
		return -1;
	if (userfault >= 0)
		close(userfault);
	userfault = file;
	return 0;
}

static int join_session(void)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ? -1 : 0;
}

/* Root gives up what the program does without; another user has nothing to give up. */
static void become_ordinary_user(unsigned int id, uint64_t capabilities)
{
	if (geteuid() != 0)
		return;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || syscall(SYS_setgroups, 0, NULL) || setresgid(id, id, id) ||
	    setresuid(id, id, id) ||
	    set_caps(&header, data, _LINUX_CAPABILITY_VERSION_3, 0, capabilities, capabilities, 0) ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		broken("becoming an ordinary user");
}

/* Where nothing is as it was expected to begin, nothing can be said. */
static void begin(void)
{
	uint64_t got[FIELDS] = { 0 };
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (shared == MAP_FAILED || proc < 0)
		broken("/proc");
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	enter_new_user_ns();
	read_state(got);
	for (i = 0; i < FIELDS; i++) {
		if (got[i] == want[i])
			continue;
		say("environment: %s is %016llx at the start, expected %016llx\n", field_names[i],
		       (unsigned long long)got[i], (unsigned long long)want[i]);
		leave(ENVIRONMENT);
	}
}

/* Waits for all tasks, whoever made them. */
static int end(void)
{
	int status;

	while (wait(&status) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == ENVIRONMENT)
			return ENVIRONMENT;
		if (WIFSIGNALED(status)) {
			say("a task was killed by signal %d\n", WTERMSIG(status));
			shared->differences++;
		}
	}
	say("%s\n", shared->differences ? "DIFFERS: this kernel does something else than is expected"
					   : "agrees: this kernel does what is expected");
	fflush(stdout);
	return shared->differences ? DIFFERS : AGREES;
}

/* Of a clone that is to fail: it does nothing. */
static void no_task(void)
{
}

static void task0(void);
static void expect_start(void);
static void become_start(void);
static const int first_turn;

static int run(void)
{
	expect_start();
	become_start();
	begin();
	shared->turn = first_turn;
	if (make_task(0, 0, task0))
		broken("fork");
	return end();
}
