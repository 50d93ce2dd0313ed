// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lab/wire/frame.h"

#define LENGTH_SIZE    4
#define QEMU_FRAME_MAX (4096 + 65536) /* QEMU's own bound, with a virtio header's room */
#define INPUT_SIZE     (2 * QEMU_FRAME_MAX)
#define READS_A_POLL   64 /* so that a flood doesn't keep the timers waiting */

struct link {
	link_frame_fn on_frame;
	void *arg;
	char *path;
	int epoll;
	int listener;
	int peer;
	struct link_counts counts;
	bool waits;    /* for the peer to take what is queued */
	size_t queued; /* bytes in queue, from its start */
	size_t input_len;
	uint8_t queue[LINK_QUEUE];
	uint8_t input[INPUT_SIZE];
};

static int watch(struct link *link, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(link->epoll, op, fd, &event) < 0 ? -errno : 0;
}

static int listen_at(struct link *link)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(link->path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, link->path, strlen(link->path));
	link->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->listener < 0)
		return -errno;
	if (unlink(link->path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(link->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(link->listener, 1) < 0)
		return -errno;
	return watch(link, EPOLL_CTL_ADD, link->listener, EPOLLIN);
}

int link_open(const char *path, link_frame_fn on_frame, void *arg, struct link **ret_link)
{
	struct link *link = calloc(1, sizeof(*link));
	int r = -ENOMEM;

	if (!link)
		return -ENOMEM;
	link->on_frame = on_frame;
	link->arg = arg;
	link->listener = -1;
	link->peer = -1;
	link->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (link->epoll < 0) {
		r = -errno;
		goto fail;
	}
	if (path) {
		link->path = strdup(path);
		if (!link->path)
			goto fail;
		r = listen_at(link);
		if (r < 0)
			goto fail;
	}
	*ret_link = link;
	return 0;
fail:
	link_close(link);
	return r;
}

void link_close(struct link *link)
{
	if (!link)
		return;
	if (link->peer >= 0)
		close(link->peer);
	if (link->listener >= 0) {
		close(link->listener);
		unlink(link->path);
	}
	if (link->epoll >= 0)
		close(link->epoll);
	free(link->path);
	free(link);
}

int link_fd(const struct link *link)
{
	return link->epoll;
}

bool link_is_up(const struct link *link)
{
	return link->peer >= 0;
}

const struct link_counts *link_counts(const struct link *link)
{
	return &link->counts;
}

int link_attach(struct link *link, int fd)
{
	int flags = fcntl(fd, F_GETFL), r;

	if (link->peer >= 0)
		return -EBUSY;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = watch(link, EPOLL_CTL_ADD, fd, EPOLLIN);
	if (r < 0)
		return r;
	/* While there is a peer, the next one stays in the backlog. */
	if (link->listener >= 0)
		watch(link, EPOLL_CTL_MOD, link->listener, 0);
	link->peer = fd;
	link->input_len = 0;
	link->queued = 0;
	link->waits = false;
	link->counts.connects++;
	return 0;
}

static void drop_peer(struct link *link)
{
	if (link->peer < 0)
		return;
	close(link->peer);
	link->peer = -1;
	link->counts.disconnects++;
	if (link->listener >= 0)
		watch(link, EPOLL_CTL_MOD, link->listener, EPOLLIN);
}

static void accept_peer(struct link *link)
{
	int fd;

	if (link->listener < 0 || link->peer >= 0)
		return;
	fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && link_attach(link, fd) < 0)
		close(fd);
}

static uint32_t frame_len(const uint8_t *input)
{
	uint32_t len;

	memcpy(&len, input, sizeof(len));
	return ntohl(len);
}

/* Hands on the whole frames in the input and keeps the rest; false if it makes no sense. */
static bool split_input(struct link *link)
{
	size_t at = 0;

	while (link->input_len - at >= LENGTH_SIZE) {
		size_t len = frame_len(link->input + at);

		if (len == 0 || len > QEMU_FRAME_MAX)
			return false;
		if (link->input_len - at - LENGTH_SIZE < len)
			break;
		link->counts.received++;
		link->on_frame(link->arg, link->input + at + LENGTH_SIZE, len);
		/* The callback may have sent, found the peer gone and dropped it. */
		if (link->peer < 0)
			return true;
		at += LENGTH_SIZE + len;
	}
	link->input_len -= at;
	memmove(link->input, link->input + at, link->input_len);
	return true;
}

static void read_peer(struct link *link)
{
	for (int i = 0; i < READS_A_POLL && link->peer >= 0; i++) {
		ssize_t n = recv(link->peer, link->input + link->input_len,
				 sizeof(link->input) - link->input_len, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			drop_peer(link);
			return;
		}
		link->input_len += (size_t)n;
		if (!split_input(link)) {
			link->counts.protocol_errors++;
			drop_peer(link);
		}
	}
}

/* Writes what it can; what is left comes first in the queue. */
static void write_queue(struct link *link)
{
	size_t done = 0;

	while (done < link->queued) {
		ssize_t n = send(link->peer, link->queue + done, link->queued - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			drop_peer(link);
			return;
		}
		if (n < 0)
			break;
		done += (size_t)n;
	}
	link->queued -= done;
	memmove(link->queue, link->queue + done, link->queued);
	if (link->waits != (link->queued > 0)) {
		link->waits = link->queued > 0;
		watch(link, EPOLL_CTL_MOD, link->peer, EPOLLIN | (link->waits ? EPOLLOUT : 0));
	}
}

int link_poll(struct link *link)
{
	struct epoll_event events[2];
	int n = epoll_wait(link->epoll, events, 2, 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (link->peer >= 0 && link->queued)
		write_queue(link);
	read_peer(link);
	accept_peer(link);
	return 0;
}

int link_send(struct link *link, const uint8_t *frame, size_t len)
{
	uint32_t prefix = htonl((uint32_t)len);
	bool idle = link->queued == 0;
	int r = 0;

	if (len == 0 || len > FRAME_MAX)
		r = -EMSGSIZE;
	else if (link->peer < 0)
		r = -ENOTCONN;
	else if (link->queued + LENGTH_SIZE + len > LINK_QUEUE)
		r = -ENOBUFS;
	if (r < 0) {
		link->counts.refused++;
		return r;
	}
	memcpy(link->queue + link->queued, &prefix, LENGTH_SIZE);
	memcpy(link->queue + link->queued + LENGTH_SIZE, frame, len);
	link->queued += LENGTH_SIZE + len;
	/* A queue that waits for the peer is written when it can take more. */
	if (idle)
		write_queue(link);
	if (link->peer < 0) {
		link->counts.refused++;
		return -ENOTCONN;
	}
	link->counts.sent++;
	return 0;
}
