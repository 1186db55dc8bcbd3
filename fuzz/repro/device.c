
/* The first words of lines of /proc/misc are minor numbers. */
static unsigned int misc_minor(const char *device)
{
	char name[64];
	unsigned int minor;
	FILE *devices = fdopen(openat(PROC_FD, "misc", O_RDONLY | O_CLOEXEC), "r");

	if (!devices)
		broken("/proc/misc");
	while (fscanf(devices, "%u %63s", &minor, name) == 2) {
		if (strcmp(name, device))
			continue;
		fclose(devices);
		return minor;
	}
	errno = ENODEV;
	broken(device);
	return 0;
}

static void make_device(const char *node, uid_t uid, gid_t gid, mode_t mode)
{
	enum { MISC_MAJOR = 10 };

	if (mknod(node, S_IFCHR, makedev(MISC_MAJOR, misc_minor("userfaultfd"))))
		broken(node);
	set_owner_and_mode(node, uid, gid, mode);
}
