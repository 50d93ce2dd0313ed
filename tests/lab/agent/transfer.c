// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct transfer {
	int fd;
	char path[PATH_MAX];
	char part[PATH_MAX + 16]; /* a push's file until it is whole */
};

static void transfer_end(struct session *session, struct transfer *xfer)
{
	if (xfer->fd >= 0)
		close(xfer->fd);
	if (xfer->part[0])
		unlink(xfer->part);
	free(xfer);
	session_work_ended(session);
}

static void transfer_fail(struct session *session, struct transfer *xfer, int error)
{
	session_send_fail(session, error, xfer->path);
	transfer_end(session, xfer);
}

static void transfer_done(struct session *session, struct transfer *xfer)
{
	struct proto_exit how = { 0 };
	uint8_t payload[8];

	session_send(session, PROTO_EXIT, payload, proto_exit_pack(&how, payload));
	transfer_end(session, xfer);
}

static void transfer_cancel(struct session *session)
{
	transfer_end(session, session->work_data);
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Publish a pushed file under its name. */
static int push_finish(struct transfer *xfer)
{
	int fd = xfer->fd;

	xfer->fd = -1;
	if (close(fd) < 0)
		return -errno;
	if (rename(xfer->part, xfer->path) < 0)
		return -errno;
	xfer->part[0] = '\0';
	return 0;
}

static void push_frame(struct session *session, const struct proto_frame *frame)
{
	struct transfer *xfer = session->work_data;
	uint8_t payload[4];
	int err;

	if (frame->type == PROTO_IN) {
		err = write_all(xfer->fd, frame->payload, frame->len);
		if (err)
			transfer_fail(session, xfer, -err);
		else
			session_send(session, PROTO_CREDIT_GRANT, payload,
				     proto_u32_pack((uint32_t)frame->len, payload));
	} else if (frame->type == PROTO_IN_EOF) {
		err = push_finish(xfer);
		if (err)
			transfer_fail(session, xfer, -err);
		else
			transfer_done(session, xfer);
	}
}

static void push_room(struct session *session)
{
}

static const struct session_work push_work = {
	.frame = push_frame,
	.room = push_room,
	.cancel = transfer_cancel,
};

static void pull_room(struct session *session)
{
	struct transfer *xfer = session->work_data;
	uint8_t buf[PROTO_PAYLOAD_MAX];
	ssize_t n;

	while (session_has_room(session)) {
		n = read(xfer->fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			transfer_fail(session, xfer, errno);
			return;
		}
		if (n == 0) {
			transfer_done(session, xfer);
			return;
		}
		session_send(session, PROTO_OUT, buf, (size_t)n);
	}
}

static void pull_frame(struct session *session, const struct proto_frame *frame)
{
}

static const struct session_work pull_work = {
	.frame = pull_frame,
	.room = pull_room,
	.cancel = transfer_cancel,
};

static struct transfer *transfer_begin(struct session *session, const struct proto_frame *frame,
				       const struct session_work *work, uint32_t *ret_mode)
{
	struct transfer *xfer = calloc(1, sizeof(*xfer));
	const char *path;
	int err;

	if (!xfer) {
		session_send_fail(session, ENOMEM, "file transfer");
		return NULL;
	}
	xfer->fd = -1;
	session->work = work;
	session->work_data = xfer;
	err = proto_path_parse(frame->payload, frame->len, ret_mode, &path);
	if (!err && strlen(path) >= sizeof(xfer->path))
		err = -ENAMETOOLONG;
	if (err) {
		snprintf(xfer->path, sizeof(xfer->path), "file transfer");
		transfer_fail(session, xfer, -err);
		return NULL;
	}
	snprintf(xfer->path, sizeof(xfer->path), "%s", path);
	return xfer;
}

void transfer_push(struct session *session, const struct proto_frame *frame)
{
	struct transfer *xfer;
	uint32_t mode;

	xfer = transfer_begin(session, frame, &push_work, &mode);
	if (!xfer)
		return;
	snprintf(xfer->part, sizeof(xfer->part), "%s.part", xfer->path);
	xfer->fd = open(xfer->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (xfer->fd < 0 || fchmod(xfer->fd, mode) < 0)
		transfer_fail(session, xfer, errno);
}

void transfer_pull(struct session *session, const struct proto_frame *frame)
{
	struct transfer *xfer;
	struct stat st;
	uint32_t mode;

	xfer = transfer_begin(session, frame, &pull_work, &mode);
	if (!xfer)
		return;
	/* Never wait for the other end of a FIFO. */
	xfer->fd = open(xfer->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (xfer->fd < 0 || fstat(xfer->fd, &st) < 0)
		transfer_fail(session, xfer, errno);
	else if (!S_ISREG(st.st_mode))
		transfer_fail(session, xfer, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
	else
		pull_room(session);
}
