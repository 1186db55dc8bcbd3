
/*
 * Files to execute are copies of this program, with owner, mode and attributes as the calls have them. They lie on a
 * tmpfs in a mount namespace that ends with the last task; below nosuid the same files are mounted with MS_NOSUID.
 */
static const char tmpfs[] = "/tmp";

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

/* A chown clears what the others set, so it comes first. */
static void set_owner_and_mode(const char *file, uid_t uid, gid_t gid, mode_t mode)
{
	if (chown(file, uid, gid) || chmod(file, mode))
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

/* In the jail is what a program is linked with, so it is another mount of the root. */
static void prepare_directories(void)
{
	static const char *const directories[] = { "plain", "nosuid", "jail" };
	size_t i;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		broken("a mount namespace for the files to execute, which root prepares");
	mkdir(tmpfs, 0755);
	if (mount("tmpfs", tmpfs, "tmpfs", MS_NODEV, "mode=755") || chdir(tmpfs))
		broken(tmpfs);
	for (i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		if (mkdir(directories[i], 0755) || chmod(directories[i], 0755))
			broken(directories[i]);
	if (mount("plain", "nosuid", NULL, MS_BIND, NULL) ||
	    mount(NULL, "nosuid", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) ||
	    mount("/", "jail", NULL, MS_BIND | MS_REC, NULL))
		broken("mounting what is to execute");
	copy_program("plain/interpreter");
	if (chmod("plain/interpreter", 0755) || syscall(SYS_setgroups, 0, NULL))
		broken("preparing what is to execute");
}

static const char argument_format[] = "go_on: task %d after call %d";

/* Returns if it fails; otherwise the file goes on after the call, as the task that leads this one's process. */
static long execute(const char *file, int call, int leader)
{
	char argument[64];

	snprintf(argument, sizeof(argument), argument_format, leader, call);
	memcpy(shared->want[leader], want, sizeof(want));
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
	after_execve(call);
	leave();
}
