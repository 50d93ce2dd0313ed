// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/lib/session_priv.h"

static int transfer(const char *lab, enum proto_type type, uint32_t mode, const char *path,
		    const struct session_io *io, struct lab_error *ret_error)
{
	struct session *s = calloc(1, sizeof(*s));
	struct session_result result;
	int err;

	if (!s)
		return -ENOMEM;
	s->io = io;
	s->result = &result;
	s->error = ret_error;
	s->request = type;
	err = path[0] == '/'
		      ? proto_path_pack(mode, path, s->payload, sizeof(s->payload), &s->payload_len)
		      : -EINVAL;
	if (err)
		lab_error_set(ret_error, "%.200s: the lab host's path must begin with '/'", path);
	else
		err = session_run(s, lab);
	free(s);
	if (!err && result.error) {
		lab_error_set(ret_error, "lab host: %s", result.text);
		err = -result.error;
	}
	return err;
}

int session_push(const char *lab, const char *src, const char *dst, unsigned int timeout_ms,
		 struct lab_error *ret_error)
{
	struct session_io io = { .signal_fd = -1, .timeout_ms = timeout_ms };
	struct stat st = { 0 };
	int err = 0;

	io.in_fd = open(src, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (io.in_fd < 0 || fstat(io.in_fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (err)
		lab_error_set(ret_error, "%.300s: %s", src,
			      err == -EINVAL ? "not a regular file" : strerror(-err));
	else
		err = transfer(lab, PROTO_PUSH, st.st_mode & 0777, dst, &io, ret_error);
	if (io.in_fd >= 0)
		close(io.in_fd);
	return err;
}

static int write_file(void *data, const uint8_t *bytes, size_t len)
{
	int fd = *(int *)data;
	ssize_t n;

	while (len) {
		n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int session_pull(const char *lab, const char *src, const char *dst, unsigned int timeout_ms,
		 struct lab_error *ret_error)
{
	char part[PATH_MAX];
	int fd, err;
	struct session_io io = { .in_fd = -1,
				 .signal_fd = -1,
				 .out = write_file,
				 .data = &fd,
				 .timeout_ms = timeout_ms };

	if ((size_t)snprintf(part, sizeof(part), "%s.part", dst) >= sizeof(part)) {
		lab_error_set(ret_error, "%.200s...: path too long", dst);
		return -ENAMETOOLONG;
	}
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		err = -errno;
		lab_error_set(ret_error, "%.300s: %s", part, strerror(-err));
		return err;
	}
	err = transfer(lab, PROTO_PULL, 0, src, &io, ret_error);
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(part, dst) < 0) {
		err = -errno;
		lab_error_set(ret_error, "%.300s: %s", dst, strerror(-err));
	}
	if (err)
		unlink(part);
	return err;
}
