// SPDX-License-Identifier: GPL-2.0-only
// A kernel for tests of the loader alone: it dies in prctl(), and leaks in unshare(). No Linux code is in it.
#include "fuzz/kernel/harness_abi.h"

static const struct capcheck_host *host;
static unsigned long held;

static void boot(const struct capcheck_host *given)
{
	host = given;
}

static void begin(void)
{
	held = 0;
}

static unsigned long end(void)
{
	return held;
}

static void run_as(unsigned task)
{
	(void)task;
}

static void observe(unsigned task, struct capcheck_task_state *out)
{
	(void)task;
	*out = (struct capcheck_task_state){ 0 };
}

static unsigned alive(void)
{
	return 1;
}

static long nothing(void)
{
	return 0;
}

static long die(unsigned long option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)
{
	(void)option, (void)arg2, (void)arg3, (void)arg4, (void)arg5;
	host->fatal("BUG in die()");
}

static long leak(unsigned long flags)
{
	(void)flags;
	held += 3;
	return 0;
}

__attribute__((visibility("default"))) const struct capcheck_kernel capcheck_kernel = {
	.abi = CAPCHECK_HARNESS_ABI + WRONG_ABI,
	.last_cap = 40,
	.securebits = 0x55,
	.name = "6.12",
	.release = "none",
	.boot = boot,
	.begin = begin,
	.end = end,
	.alive = alive,
	.run_as = run_as,
	.observe = observe,
	.chroot = nothing,
	.prctl = die,
	.unshare = leak,
};
