/*
 * What every reproducer begins with: what it saw is compared, call by call, with what is expected, and said.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* A program needs some of what is here. */
#pragma GCC diagnostic ignored "-Wunused-function"

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

/* Of kernels that are newer than some headers. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

enum { AGREES, DIFFERS, ENVIRONMENT };

enum field { INH, PRM, EFF, BND, AMB, UNS, SECUREBITS, NO_NEW_PRIVS, UID, EUID, SUID, FSUID, GID, EGID, SGID, FSGID, FIELDS };

static const char *const field_names[FIELDS] = {
	"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "CapUNs", "Securebits", "NoNewPrivs",
	"Uid", "EUid", "SUid", "FsUid", "Gid", "EGid", "SGid", "FsGid",
};

enum { TASKS = 4 };

/* All tasks see it. */
struct shared {
	atomic_int turn, differences, born, faults;
	atomic_int bell[TASKS], awaits[TASKS]; /* futexes of tasks that sleep, and the turns for which they do */
	pid_t pid[TASKS], dying[TASKS];
	int user_ns_count;
	atomic_int opener; /* 1 + the task that is to open the file for another; 0: none */
	char path[64]; /* of the file, below /proc */
	int open_error; /* 0: the file lies in the socket */
	uint64_t want[TASKS][FIELDS]; /* of a task that executes a file, until that goes on */
	int userfault[TASKS]; /* the same */
};
static struct shared *shared;
static __thread uint64_t want[FIELDS]; /* what this task is expected to have */
static __thread int task, userfault = -1, userfault_device = -1;

/* Descriptors that every task has, also in a file that it executes. */
enum { SHARED_FD = 100, PROC_FD, SEND_USER_NS_FD, USER_NS_FD, SEND_FILE_FD, FILE_FD };

/* A line begins so. */
static const char line_start[];

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs(line_start, stdout);
	vprintf(format, arguments);
	va_end(arguments);
	fflush(stdout); /* another process may go on from here */
}

static void broken(const char *what)
{
	say("environment: %s: %s\n", what, strerror(errno));
	_exit(ENVIRONMENT);
}

static void read_state(uint64_t *state)
{
	static __thread char text[8192];
	unsigned int uid[4] = { 0 }, gid[4] = { 0 };
	char *line, *rest = NULL;
	ssize_t size;
	int file = openat(PROC_FD, "thread-self/status", O_RDONLY | O_CLOEXEC), i;

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
		say("%s = -1 %s%s\n", call, strerrorname_np(error), same ? "" : "   DIFFERS");
	else
		say("%s = %ld%s\n", call, got, same ? "" : "   DIFFERS");
	if (!same) {
		say("    expected %s\n", wanted_error ? strerrorname_np(wanted_error) : "success");
		shared->differences++;
	}
}

static void output(const char *name, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	say("t%d: %s is %016llx, expected %016llx\n", task, name, (unsigned long long)got, (unsigned long long)wanted);
	shared->differences++;
}

/* The letter of a process's state; 0 if there is none. */
static char state_of(pid_t pid)
{
	char path[32], text[512], *state;
	ssize_t size;
	int file;

	snprintf(path, sizeof(path), "%d/stat", pid);
	file = openat(PROC_FD, path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	size = read(file, text, sizeof(text) - 1);
	close(file);
	text[size > 0 ? size : 0] = 0;
	state = strrchr(text, ')');
	return state ? state[2] : 0;
}

/* Whether a process still is more than remains to be waited for. */
static int lives(pid_t pid)
{
	char state = state_of(pid);

	return state && !strchr("ZX", state);
}

static int someone_dies(void)
{
	int i;

	for (i = 0; i < TASKS; i++)
		if (shared->dying[i] && lives(shared->dying[i]))
			return 1;
	return 0;
}

/* Whoever waits for longer than a program takes is alone. */
static void wait_a_little(const char *what, int times_before)
{
	static const struct timespec pause = { 0, 200000 };

	if (times_before > 100000) {
		say("environment: t%d waits %s\n", task, what);
		_exit(ENVIRONMENT);
	}
	nanosleep(&pause, NULL);
}

/* Of a message with a byte and a descriptor. */
union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_descriptor(int socket, int file)
{
	char byte = 0;
	struct iovec bytes = { &byte, 1 };
	union control control = { { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = {
		.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
	if (sendmsg(socket, &message, MSG_DONTWAIT) != 1)
		broken("passing a descriptor");
}

static int receive_descriptor(int socket, int flags)
{
	char byte;
	struct iovec bytes = { &byte, 1 };
	union control control;
	struct msghdr message = {
		.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};
	int file;

	if (recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		broken("receiving a descriptor");
	memcpy(&file, CMSG_DATA(&control.header), sizeof(file));
	return file;
}

/* Another task has asked for it, who writes to the file. */
static void open_for_another(void)
{
	int file = openat(PROC_FD, shared->path, O_WRONLY | O_CLOEXEC);

	shared->open_error = file < 0 ? errno : 0;
	if (file >= 0) {
		send_descriptor(SEND_FILE_FD, file);
		close(file);
	}
	shared->opener = 0;
}

static void ring(int number)
{
	shared->bell[number]++;
	syscall(SYS_futex, &shared->bell[number], FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void give_turn(int turn)
{
	int i;

	shared->turn = turn;
	for (i = 0; i < TASKS; i++)
		if (shared->awaits[i] == turn)
			ring(i);
}

/*
 * Waits until it is this task's turn. It sleeps in the kernel and nobody else wakes it: what is put off until it returns
 * to user mode (a session keyring from its child) happens at its own next call, and no earlier.
 */
static void await(int turn)
{
	static const struct timespec patience = { 20, 0 };
	int i;

	shared->awaits[task] = turn;
	for (;;) {
		int bell = shared->bell[task];

		if (shared->opener == task + 1)
			open_for_another();
		if (shared->turn == turn)
			break;
		if (syscall(SYS_futex, &shared->bell[task], FUTEX_WAIT, bell, &patience, NULL, 0) && errno == ETIMEDOUT) {
			say("environment: t%d waits for turn %d\n", task, turn);
			_exit(ENVIRONMENT);
		}
	}
	for (i = 0; someone_dies(); i++)
		wait_a_little("for the end of those who died", i);
}

/* With all tasks that are threads of one process. */
static void die(unsigned int tasks, int next_turn)
{
	int i;

	say("t%d: exit_group()\n", task);
	for (i = 0; i < TASKS; i++) {
		if (!(tasks >> i & 1))
			continue;
		shared->dying[i] = shared->pid[i];
		shared->pid[i] = 0;
	}
	give_turn(next_turn);
	_exit(AGREES);
}

/* The other threads of the process go on. */
static void leave(void)
{
	syscall(SYS_exit, AGREES);
}

static pid_t pid_of(int number)
{
	return number < TASKS && shared->pid[number] ? shared->pid[number] : 0x3fffff;
}

/* Namespaces lie in a socket in the order in which they are made: tasks that execute files share no descriptors. */
static void enter_new_user_ns(void)
{
	int file = openat(PROC_FD, "thread-self/ns/user", O_RDONLY | O_CLOEXEC);

	if (file < 0)
		broken("/proc/thread-self/ns/user");
	send_descriptor(SEND_USER_NS_FD, file);
	close(file);
	shared->user_ns_count++;
}

/* Looks at a message and leaves it there. */
static int user_ns(int number)
{
	if (number >= shared->user_ns_count)
		return -1;
	if (setsockopt(USER_NS_FD, SOL_SOCKET, SO_PEEK_OFF, &number, sizeof(number)))
		broken("finding a user namespace");
	return receive_descriptor(USER_NS_FD, MSG_PEEK);
}

struct birth {
	unsigned long flags;
	int number;
	void (*run)(void);
	uint64_t want[FIELDS];
};

static void *begin_thread(void *argument)
{
	struct birth birth = *(struct birth *)argument;

	task = birth.number;
	memcpy(want, birth.want, sizeof(want));
	if (!(birth.flags & CLONE_FS) && unshare(CLONE_FS)) /* pthread_create() shares it */
		broken("unshare(CLONE_FS)");
	shared->pid[task] = syscall(SYS_gettid);
	shared->born++;
	birth.run();
	leave();
	return NULL;
}

static int make_thread(unsigned long flags, int number, void (*run)(void))
{
	static const struct timespec pause = { 0, 100000 };
	struct birth birth = { .flags = flags, .number = number, .run = run };
	int born = shared->born;
	pthread_t thread;

	memcpy(birth.want, want, sizeof(want));
	errno = pthread_create(&thread, NULL, begin_thread, &birth);
	if (errno)
		return -1;
	while (shared->born == born)
		nanosleep(&pause, NULL);
	return 0;
}

/* What a task has of userfaultfd is its own: a child gets none of its creator's. */
static void close_userfaultfd(void)
{
	close(userfault);
	close(userfault_device);
	userfault = userfault_device = -1;
}

/* Returns when the task is there, in the namespace made for it. */
static int make_task(unsigned long flags, int number, void (*run)(void))
{
	static const struct timespec pause = { 0, 100000 };
	const unsigned long thread = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	int born = shared->born;
	pid_t child;

	if ((flags & (thread | CLONE_NEWUSER)) == thread)
		return make_thread(flags, number, run);
	child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		task = number;
		close_userfaultfd();
		if (flags & CLONE_NEWUSER)
			enter_new_user_ns();
		shared->pid[task] = getpid();
		shared->born++;
		run();
		leave();
	}
	if (child < 0)
		return -1;
	while (shared->born == born)
		nanosleep(&pause, NULL);
	return 0;
}

/* To a searchable directory that is not the root of the task's namespace. The working directory has files to execute. */
static int change_root(void)
{
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), got, error;

	got = chdir("jail") && fchdir(PROC_FD) ? -1 : chroot(".");
	error = errno;
	if (before >= 0 && (fchdir(before) || close(before)))
		broken("the working directory");
	errno = error;
	return got;
}

static int write_and_close(int file, const char *text)
{
	int written, error;

	if (file < 0)
		return -1;
	written = write(file, text, strlen(text));
	error = errno;
	close(file);
	errno = error;
	return written;
}

static int write_file(const char *path, const char *text)
{
	return write_and_close(openat(PROC_FD, path, O_WRONLY | O_CLOEXEC), text);
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	return write_file(path, text);
}

/* What a file says of who opened it is kept with it: another task has to. */
static int write_opened_by(int opener, pid_t pid, const char *file, const char *text)
{
	int i;

	if (!shared->pid[opener]) {
		errno = EBADF;
		return -1;
	}
	snprintf(shared->path, sizeof(shared->path), "%d/%s", pid, file);
	shared->opener = opener + 1;
	ring(opener);
	for (i = 0; shared->opener; i++)
		wait_a_little("until another has opened a file", i);
	errno = shared->open_error;
	return write_and_close(errno ? -1 : receive_descriptor(FILE_FD, 0), text);
}

/* The first process of a guest may, others are to be asked. */
static int may_change_system;

static void ask_system_changes(void)
{
	sigset_t signals;

	if (!may_change_system) {
		say("environment: it writes to /proc/sys; to allow that: --allow-system-changes\n");
		_exit(ENVIRONMENT);
	}
	/* What is restored at the end is so after Ctrl-C too. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* What is not there fails the call that writes it. */
static void check_sysctl(const char *path, unsigned int low, unsigned int high)
{
	char text[64] = "";
	unsigned int words[2] = { 0 };
	int file = openat(PROC_FD, path, O_RDONLY | O_CLOEXEC);

	if (file < 0 && errno == ENOENT)
		return;
	if (file < 0 || read(file, text, sizeof(text) - 1) <= 0)
		broken(path);
	close(file);
	sscanf(text, "%u %u", &words[0], &words[1]);
	if (words[0] == low && words[1] == high)
		return;
	say("environment: /proc/%s is %u %u at the start, expected %u %u\n", path, words[0], words[1], low, high);
	_exit(ENVIRONMENT);
}

static void restore_sysctl(const char *path, const char *text)
{
	if (write_file(path, text) < 0 && errno != ENOENT)
		broken(path);
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

/* To a number that no other file gets, so that one closed by an exec is known. It stays close-on-exec if it is. */
static int out_of_the_way(int file)
{
	enum { FIRST = 200 };
	int command = fcntl(file, F_GETFD) & FD_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, moved = fcntl(file, command, FIRST);

	if (moved < 0)
		broken("moving a descriptor");
	close(file);
	return moved;
}

/* A task uses what it got last: of userfaultfds, and of their device. */
static int keep(int *kept, int file)
{
	if (file < 0)
		return -1;
	if (*kept >= 0)
		close(*kept);
	*kept = out_of_the_way(file);
	return 0;
}

static int join_session(void)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ? -1 : 0;
}

/* Programs begin with a session keyring of their own, which their tasks share. */
static void begin_session(void)
{
	if (join_session())
		broken("making a session keyring");
}

/* A parent that does not sleep would have the keyring at once, and not at its next call. */
static long session_to_parent(void)
{
	int i;

	for (i = 0; state_of(getppid()) != 'S'; i++)
		wait_a_little("until its parent sleeps", i);
	return syscall(SYS_keyctl, KEYCTL_SESSION_TO_PARENT);
}

static int second_thread(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

/*
 * The parent of the first task, and of those whose own has died, is none that takes a session keyring: with a second
 * thread it is as little one as a kernel thread or the system's first process. The C library does not know of it.
 */
static void refuse_session(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	if (clone(second_thread, stack + sizeof(stack), flags, NULL) < 0)
		broken("making a thread");
}

/* Whoever lets himself be traced is traced by his parent, who is to be allowed it. */
static void be_root(void)
{
	if (geteuid() == 0)
		return;
	errno = EPERM;
	broken("being a tracer, for which root has to start it");
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

static void place(int file, int where)
{
	if (file < 0 || dup2(file, where) < 0)
		broken("making a descriptor");
	close(file);
}

static void map_shared(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	if (shared == MAP_FAILED)
		broken("mapping memory");
}

static void place_sockets(int one, int other)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		broken("making a socket");
	place(sockets[0], one);
	place(sockets[1], other);
}

/* What all tasks have. */
static void begin(void)
{
	place(memfd_create("shared", 0), SHARED_FD);
	if (ftruncate(SHARED_FD, sizeof(*shared)))
		broken("making memory");
	map_shared();
	place(open("/proc", O_RDONLY | O_DIRECTORY), PROC_FD);
	place_sockets(SEND_USER_NS_FD, USER_NS_FD);
	place_sockets(SEND_FILE_FD, FILE_FD);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	enter_new_user_ns();
}

/* Where nothing is as it was expected to begin, nothing can be said. */
static void check_start(void)
{
	uint64_t got[FIELDS] = { 0 };
	int i;

	read_state(got);
	for (i = 0; i < FIELDS; i++) {
		if (got[i] == want[i])
			continue;
		say("environment: %s is %016llx at the start, expected %016llx\n", field_names[i],
		       (unsigned long long)got[i], (unsigned long long)want[i]);
		_exit(ENVIRONMENT);
	}
}

/* Waits for all tasks, whoever made them. */
static int end(void)
{
	int status;

	while (wait(&status) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) != AGREES)
			return ENVIRONMENT; /* it has said why */
		if (WIFSIGNALED(status)) {
			say("a task was killed by signal %d\n", WTERMSIG(status));
			shared->differences++;
		}
	}
	say("%s\n", shared->differences ? "DIFFERS: this kernel does something else than is expected"
					   : "agrees: this kernel does what is expected");
	return shared->differences ? DIFFERS : AGREES;
}

/* Of a clone that is to fail: it does nothing. */
static void no_task(void)
{
}

static void task0(void);
static void expect_start(void);
static void prepare(void);
static void become_start(void);
static void restore(void);
static void go_on(const char *argument);
static const int first_turn;

/* A tracee stops at every signal that it does not block, and nobody would let it go on. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTRAP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		broken("blocking signals");
}

static void first_task(void)
{
	become_start();
	check_start();
	task0();
}

/* The parent of all keeps what it was started with. */
static int run(void)
{
	int status;

	block_signals();
	begin();
	expect_start();
	prepare();
	shared->turn = first_turn;
	if (make_task(0, 0, first_task))
		broken("fork");
	status = end();
	restore();
	return status;
}
