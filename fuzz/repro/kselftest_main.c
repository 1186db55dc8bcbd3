
static const char line_start[] = "# ";

int main(int argc, char **argv)
{
	int status = 0;
	pid_t child;

	go_on(argv[argc - 1]);
	may_change_system = !strcmp(argv[argc - 1], "--allow-system-changes");
	ksft_print_header();
	ksft_set_plan(1);
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(run());
	if (child < 0 || waitpid(child, &status, 0) != child)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENVIRONMENT)
		ksft_exit_skip("not as the program begins\n");
	ksft_test_result(WIFEXITED(status) && WEXITSTATUS(status) == AGREES, "%s\n", test_name);
	ksft_finished();
}
