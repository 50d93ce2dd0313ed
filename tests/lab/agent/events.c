// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void events_flush(struct events *events)
{
	ssize_t n = write(events->port.fd, events->out, events->len);

	if (n <= 0)
		return;
	memmove(events->out, events->out + n, events->len - (size_t)n);
	events->len -= (size_t)n;
}

/* Nothing comes in on this port; a wake-up means that it may take more. */
static void events_port_event(struct loop_source *src, uint32_t mask)
{
	struct events *events = src->data;

	if (events->len)
		events_flush(events);
}

void events_post(struct events *events, const char *format, ...)
{
	char text[1024];
	va_list args;
	size_t n;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;
	if (sizeof(events->out) - events->len < PROTO_WIRE_MAX)
		return; /* nobody listens */
	if (proto_encode(PROTO_EVENT, text, (size_t)len, events->out + events->len, &n))
		return;
	events->len += n;
	events_flush(events);
}

static void read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

void events_post_boot(struct events *events)
{
	struct utsname uts;
	char boot_id[64];

	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	uname(&uts);
	events_post(events, "event=boot\nboot_id=%s\nrelease=%s\n", boot_id, uts.release);
}

int events_open(struct loop *loop, int port_fd, struct events **ret_events)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return -ENOMEM;
	events->port.fd = port_fd;
	events->port.events = EPOLLIN | EPOLLOUT | EPOLLET;
	events->port.fn = events_port_event;
	events->port.data = events;
	err = loop_watch(loop, &events->port);
	if (err) {
		free(events);
		return err;
	}
	/* A frame of the kernel before this one may hang half-sent at the far end. */
	events->out[events->len++] = 0;
	*ret_events = events;
	return 0;
}
