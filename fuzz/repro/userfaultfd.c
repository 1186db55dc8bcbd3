
static struct uffdio_api api;

static int enable_userfaultfd(uint64_t version, uint64_t features)
{
	api = (struct uffdio_api){ .api = version, .features = features };
	return ioctl(userfault, UFFDIO_API, &api);
}

/* There the kernel's own use of a page is the task's: no fault is one of the kernel's code. */
static void need_kernel_faults(void)
{
	char text[512] = "";
	int file = openat(PROC_FD, "cpuinfo", O_RDONLY | O_CLOEXEC);

	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		broken("/proc/cpuinfo");
	close(file);
	if (!strstr(text, "User Mode Linux"))
		return;
	say("environment: user-mode Linux takes the kernel's own accesses for the task's\n");
	_exit(ENVIRONMENT);
}

/*
 * Gives the page its contents when it is told of a fault. It is a process, since a second thread would be seen in what
 * the task may do, and it ends with the task. What it does not understand ends the task, who would wait for ever.
 */
static void handle_faults(struct uffdio_range page, pid_t process)
{
	struct uffd_msg message;
	struct uffdio_zeropage zero = { .range = page };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(userfault, F_SETFL, 0); /* to wait for the fault */
	while (read(userfault, &message, sizeof(message)) == sizeof(message)) {
		shared->faults++;
		if (message.event != UFFD_EVENT_PAGEFAULT || ioctl(userfault, UFFDIO_ZEROPAGE, &zero))
			break;
	}
	say("t%d: the handler of its page faults: %s\n", task, strerror(errno));
	kill(process, SIGKILL);
}

/* The kernel's own use is to read a byte of the shared memory into the page. */
static int load(char *page, int in_user_mode)
{
	if (!in_user_mode)
		return pread(SHARED_FD, page, 1, 0) == 1 ? 0 : -1;
	(void)*(volatile char *)page;
	return 0;
}

static int load_monitored(char *page, struct uffdio_range range, int in_user_mode)
{
	pid_t monitor, process = getpid();
	int got, error;

	shared->faults = 0;
	monitor = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (monitor < 0)
		broken("fork");
	if (monitor == 0) {
		handle_faults(range, process);
		leave();
	}
	got = load(page, in_user_mode);
	error = errno;
	kill(monitor, SIGKILL);
	waitpid(monitor, NULL, 0);
	output("the number of page faults", shared->faults, got == 0);
	errno = error;
	return got;
}

/* Where forks are reported, one is while the page is registered, but for a page that no child gets. */
static int use_page(int in_user_mode)
{
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t size = sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int got, error;

	if (page == MAP_FAILED || madvise(page, size, MADV_DONTFORK))
		broken("mapping a page");
	area.range.start = (uintptr_t)page;
	area.range.len = size;
	got = ioctl(userfault, UFFDIO_REGISTER, &area);
	if (got == 0)
		got = load_monitored(page, area.range, in_user_mode);
	error = errno;
	ioctl(userfault, UFFDIO_UNREGISTER, &area.range); /* or unmapping might be one thing more that is reported */
	munmap(page, size);
	errno = error;
	return got;
}
