
/* Files to execute are copies of this program. */

static void copy_program(const char *file)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = creat(file, 0755);
	ssize_t size;

	if (from < 0 || to < 0)
		broken(file);
	while ((size = sendfile(to, from, NULL, 1 << 20)) > 0)
		;
	if (size < 0 || close(to))
		broken(file);
	close(from);
}

static void write_script(const char *file, const char *text)
{
	int to = creat(file, 0755);

	if (to < 0 || write(to, text, strlen(text)) != (ssize_t)strlen(text) || close(to))
		broken(file);
}

static void set_file_caps(const char *file, uint32_t magic, uint64_t permitted, uint64_t inheritable, uint32_t rootid)
{
	struct vfs_ns_cap_data attribute = { .magic_etc = htole32(magic), .rootid = htole32(rootid) };
	int i;

	for (i = 0; i < 2; i++) {
		attribute.data[i].permitted = htole32(permitted >> 32 * i);
		attribute.data[i].inheritable = htole32(inheritable >> 32 * i);
	}
	if (setxattr(file, "security.capability", &attribute,
		     (magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3 ? XATTR_CAPS_SZ_3 : XATTR_CAPS_SZ_2, 0))
		broken(file);
}

static void copy_interpreter(void)
{
	copy_program("plain/interpreter");
	if (chmod("plain/interpreter", 0755))
		broken("plain/interpreter");
}

static const char argument_format[] = "go_on: task %d after call %d";

/* Returns if it fails; otherwise the file goes on after the call, as the task that leads this one's process. */
static long execute(const char *file, int call, int leader)
{
	char argument[64];

	snprintf(argument, sizeof(argument), argument_format, leader, call);
	memcpy(shared->want[leader], want, sizeof(want));
	shared->userfault[leader] = userfault;
	return execve(file, (char *[]){ "repro", argument, NULL }, environ);
}

static void after_execve(int call);

/* Of a script it is the last argument too. */
static void go_on(const char *argument)
{
	int call;

	if (sscanf(argument, argument_format, &task, &call) != 2)
		return;
	map_shared();
	memcpy(want, shared->want[task], sizeof(want));
	userfault = fcntl(shared->userfault[task], F_GETFD) < 0 ? -1 : shared->userfault[task];
	after_execve(call);
	leave();
}
