// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/console.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void viewer_drop(struct console *console, struct loop_source *viewer)
{
	loop_unwatch(console->loop, viewer);
	close(viewer->fd);
	viewer->fd = -1;
}

static void console_lines(struct console *console, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n') {
			if (console->line_len < sizeof(console->line) - 1)
				console->line[console->line_len++] = data[i];
			continue;
		}
		console->line[console->line_len] = '\0';
		console->line_len = 0;
		console->on_line(console->data, console->line);
	}
}

static void console_readable(struct loop_source *src, uint32_t events)
{
	struct console *console = src->data;
	char buf[4096];
	ssize_t n;

	n = recv(src->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		loop_unwatch(console->loop, src);
		return;
	}
	if (write(console->log_fd, buf, (size_t)n) < 0) {
		/* A full disk must not stop the lab host's console. */
	}
	for (int i = 0; i < CONSOLE_VIEWERS; i++) {
		struct loop_source *viewer = &console->viewers[i];

		/* One who doesn't read loses bytes; the log has them. */
		if (viewer->fd >= 0 &&
		    send(viewer->fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno != EAGAIN)
			viewer_drop(console, viewer);
	}
	console_lines(console, buf, (size_t)n);
}

static void viewer_readable(struct loop_source *src, uint32_t events)
{
	struct console *console = src->data;
	char buf[256];
	ssize_t n;

	n = recv(src->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		viewer_drop(console, src);
	else
		send(console->src.fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int console_open(struct loop *loop, struct console *console, int fd, int log_fd)
{
	console->loop = loop;
	console->log_fd = log_fd;
	for (int i = 0; i < CONSOLE_VIEWERS; i++)
		console->viewers[i] =
			(struct loop_source){ -1, EPOLLIN, viewer_readable, console, false };
	console->src = (struct loop_source){ fd, EPOLLIN, console_readable, console, false };
	return loop_watch(loop, &console->src);
}

void console_close(struct console *console)
{
	if (!console->loop)
		return;
	for (int i = 0; i < CONSOLE_VIEWERS; i++)
		if (console->viewers[i].fd >= 0)
			viewer_drop(console, &console->viewers[i]);
	loop_unwatch(console->loop, &console->src);
	close(console->src.fd);
	close(console->log_fd);
	console->loop = NULL;
}

int console_attach(struct console *console, int fd)
{
	for (int i = 0; i < CONSOLE_VIEWERS; i++) {
		if (console->viewers[i].fd >= 0)
			continue;
		console->viewers[i].fd = fd;
		return loop_watch(console->loop, &console->viewers[i]);
	}
	return -EBUSY;
}
