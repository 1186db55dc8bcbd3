
/*
 * Files to execute and nodes of devices are made by root, with owner, mode and attributes as the calls have them. They
 * lie on a tmpfs in a mount namespace that ends with the last task; below nosuid the same files are mounted with
 * MS_NOSUID.
 */
static const char tmpfs[] = "/tmp";

/* A chown clears what the others set, so it comes first. */
static void set_owner_and_mode(const char *file, uid_t uid, gid_t gid, mode_t mode)
{
	if (chown(file, uid, gid) || chmod(file, mode))
		broken(file);
}

/* In the jail is what a program is linked with, so it is another mount of the root. */
static void prepare_directories(unsigned long flags)
{
	static const char *const directories[] = { "plain", "nosuid", "jail" };
	size_t i;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		broken("a mount namespace for the files that root prepares");
	mkdir(tmpfs, 0755);
	if (mount("tmpfs", tmpfs, "tmpfs", flags, "mode=755") || chdir(tmpfs))
		broken(tmpfs);
	for (i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		if (mkdir(directories[i], 0755) || chmod(directories[i], 0755))
			broken(directories[i]);
	if (mount("plain", "nosuid", NULL, MS_BIND, NULL) ||
	    mount(NULL, "nosuid", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) ||
	    mount("/", "jail", NULL, MS_BIND | MS_REC, NULL))
		broken("mounting what root prepares");
	if (syscall(SYS_setgroups, 0, NULL))
		broken("setgroups");
}
