/* SPDX-License-Identifier: GPL-2.0-only */
/* Included before every kernel file. */
#ifndef CAPCHECK_PREAMBLE_H
#define CAPCHECK_PREAMBLE_H

#ifndef __ASSEMBLY__
#include <linux/bug.h>
#include <linux/init.h>

/*
 * Functions marked __init share one section per file, which would make the linker keep all of a file's boot code, and
 * what that calls, for the sake of one function. Without the mark, -ffunction-sections gives each its own again.
 */
#undef __init
#define __init
#undef __exit
#define __exit
#undef __ref
#define __ref

/* WARN() names its file and line, but not its function. */
void __noreturn capcheck_warn(const char *function, const char *file, int line, const char *format, ...);
#define warn_slowpath_fmt(file, line, taint, ...) capcheck_warn(__func__, file, line, __VA_ARGS__)
#endif

#endif
