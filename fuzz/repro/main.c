
static const char line_start[] = "";

/* As the first process of a guest it runs the program, says what came of it, and powers off. */
int main(int argc, char **argv)
{
	int status = 0;
	pid_t child;

	go_on(argv[argc - 1]);
	may_change_system = getpid() == 1 || !strcmp(argv[argc - 1], "--allow-system-changes");
	if (getpid() != 1)
		return run();
	if (mount("proc", "/proc", "proc", 0, NULL))
		perror("mount");
	child = fork();
	if (child == 0)
		_exit(run());
	waitpid(child, &status, 0);
	printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return ENVIRONMENT;
}
