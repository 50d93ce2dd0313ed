/* SPDX-License-Identifier: GPL-2.0-only */
/* The lab host's serial console: always read and logged, shown to who asks. */
#ifndef LABD_CONSOLE_H
#define LABD_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/lab/lib/loop.h"

#define CONSOLE_VIEWERS 8

struct console {
	struct loop *loop;
	struct loop_source src;
	int log_fd;
	struct loop_source viewers[CONSOLE_VIEWERS]; /* fd -1: free */
	size_t line_len;
	char line[512];
	/* A complete line was printed, cut to the buffer. */
	void (*on_line)(void *data, const char *line);
	void *data;
};

/* Takes both descriptors over. */
int console_open(struct loop *loop, struct console *console, int fd, int log_fd);
void console_close(struct console *console);
/* Join a socket to the console, both ways, until it hangs up; takes it over. */
int console_attach(struct console *console, int fd);

#endif
