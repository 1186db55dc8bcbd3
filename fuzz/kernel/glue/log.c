// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's log, and the ways a kernel says that it cannot go on. */
#include <linux/kernel.h>
#include <linux/kern_levels.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "glue.h"

static char line[1024]; /* what printk() has gathered; after the newline, the last line */
static size_t length;

static void flush(void)
{
	line[length] = '\0';
	length = 0;
	capcheck_host->log(line);
}

static void append(const char *text)
{
	for (; *text; text++) {
		if (*text == KERN_SOH_ASCII && text[1])
			text++; /* the level that follows */
		else if (*text == '\n')
			flush();
		else if (length < sizeof(line) - 1)
			line[length++] = *text;
	}
}

static void append_formatted(const char *format, va_list arguments)
{
	static char text[1024];

	vsnprintf(text, sizeof(text), format, arguments);
	append(text);
}

asmlinkage int _printk(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append_formatted(format, arguments);
	va_end(arguments);
	return 0;
}

void capcheck_fatal(const char *format, ...)
{
	static char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	capcheck_host->fatal(strim(message));
}

void capcheck_unsupplied(const char *symbol)
{
	capcheck_fatal("the kernel called %s, which the in-process harness does not supply", symbol);
}

/* BUG() logs where it stands and then panics, so the last line of the log belongs to the message. */
void panic(const char *format, ...)
{
	static char reason[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	capcheck_fatal("panic: %s (last line of the log: %s)", reason, line);
}

/* What capcheck_preamble.h makes of warn_slowpath_fmt(). A warning is a finding here, so it is as final as a panic. */
void capcheck_warn(const char *function, const char *file, int line_number, const char *format, ...)
{
	static char reason[512];
	va_list arguments;

	reason[0] = '\0';
	if (format) {
		va_start(arguments, format);
		vsnprintf(reason, sizeof(reason), format, arguments);
		va_end(arguments);
	}
	capcheck_fatal("WARN in %s (%s:%d) %s", function, file, line_number, reason);
}
