// SPDX-License-Identifier: GPL-2.0-only
/*
 * The proposal's sample, as the first process of a guest: lowers CAP_SYS_RAWIO in the userns set, and then runs
 * util-linux's `unshare -r grep Cap /proc/self/status`. What that prints goes to the console; the guest is then powered
 * off.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the proposal: no header has them. */
#define PR_CAP_USERNS 48
#define PR_CAP_USERNS_LOWER 3

static int lower_and_unshare(void)
{
	static char *const command[] = { "unshare", "-r", "grep", "Cap", "/proc/self/status", NULL };
	static char *const environment[] = { "PATH=/usr/bin:/bin", NULL };

	if (prctl(PR_CAP_USERNS, PR_CAP_USERNS_LOWER, CAP_SYS_RAWIO, 0, 0))
		printf("PR_CAP_USERNS: %s\n", strerrorname_np(errno));
	fflush(stdout);
	execve("/usr/bin/unshare", command, environment);
	printf("unshare: %s\n", strerrorname_np(errno));
	return 127;
}

int main(void)
{
	int status = 0;
	pid_t child;

	if (mount("proc", "/proc", "proc", 0, NULL))
		perror("mount");
	child = fork();
	if (child == 0)
		return lower_and_unshare();
	if (child < 0 || waitpid(child, &status, 0) != child)
		perror("the sample");
	printf("status %d\n", status);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 1;
}
