// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lab/labd/log.h"

struct guest_boot *guest_current(struct guest *guest)
{
	unsigned int n = guest->n_boots;

	return n ? &guest->boots[(n < GUEST_BOOTS ? n : GUEST_BOOTS) - 1] : NULL;
}

/* The value of key in lines of key=value, printable and cut to size. */
static void get_value(const char *text, const char *key, char *ret_value, size_t size)
{
	size_t key_len = strlen(key), n = 0;

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, key_len) != 0 || p[key_len] != '=')
			continue;
		for (p += key_len + 1; *p && *p != '\n' && n < size - 1; p++)
			ret_value[n++] = *p < 0x21 || *p > 0x7e ? '?' : *p;
		break;
	}
	ret_value[n] = '\0';
}

static void guest_boot_event(struct guest *guest, const char *text)
{
	struct guest_boot *boot;
	char boot_id[40];

	get_value(text, "boot_id", boot_id, sizeof(boot_id));
	boot = guest_current(guest);
	/* The agent was restarted: the same boot. */
	if (boot && strcmp(boot->boot_id, boot_id) == 0)
		return;
	/* When all places are taken the last one is taken again. */
	boot = &guest->boots[guest->n_boots < GUEST_BOOTS ? guest->n_boots : GUEST_BOOTS - 1];
	guest->n_boots++;
	guest->stopping = false;
	memset(boot, 0, sizeof(*boot));
	memcpy(boot->boot_id, boot_id, sizeof(boot_id));
	get_value(text, "release", boot->release, sizeof(boot->release));
	boot->at = log_uptime();
	guest->on_event(guest->data, "boot");
}

static void guest_ready_event(struct guest *guest, const char *text)
{
	struct guest_boot *boot = guest_current(guest);
	char status[16], *end;
	long number;

	if (!boot)
		return;
	get_value(text, "status", status, sizeof(status));
	/* What is no number is no success either. */
	number = strtol(status, &end, 10);
	boot->ready_status = end == status || *end ? -1 : (int)number;
	boot->ready_at = log_uptime();
	guest->on_event(guest->data, "ready");
}

static void guest_frame(struct guest *guest, const struct proto_frame *frame)
{
	char text[1024], event[32];

	if (frame->type != PROTO_EVENT || frame->len >= sizeof(text))
		return;
	memcpy(text, frame->payload, frame->len);
	text[frame->len] = '\0';
	get_value(text, "event", event, sizeof(event));
	if (strcmp(event, "boot") == 0) {
		guest_boot_event(guest, text);
	} else if (strcmp(event, "ready") == 0) {
		guest_ready_event(guest, text);
	} else if (strcmp(event, "stopping") == 0) {
		guest->stopping = true;
		guest->on_event(guest->data, "stopping");
	}
}

static void guest_readable(struct loop_source *src, uint32_t events)
{
	struct guest *guest = src->data;
	struct proto_frame frame;
	uint8_t buf[4096], *p = buf;
	size_t used;
	ssize_t n;

	n = recv(src->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		loop_unwatch(guest->loop, src);
	for (; n > 0; p += used, n -= (ssize_t)used)
		if (proto_decode(&guest->dec, p, (size_t)n, &used, &frame) == 1)
			guest_frame(guest, &frame);
}

int guest_open(struct loop *loop, struct guest *guest, int fd)
{
	guest->loop = loop;
	proto_decoder_reset(&guest->dec);
	guest->src = (struct loop_source){ fd, EPOLLIN, guest_readable, guest, false };
	return loop_watch(loop, &guest->src);
}

void guest_close(struct guest *guest)
{
	if (!guest->loop)
		return;
	loop_unwatch(guest->loop, &guest->src);
	close(guest->src.fd);
	guest->loop = NULL;
}
