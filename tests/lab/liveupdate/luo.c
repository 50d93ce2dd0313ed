// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/lab/liveupdate/lu.h"
#include "tests/lab/liveupdate/uapi.h"

static int session(const char *name, unsigned long request, const char *what)
{
	struct luo_session arg = { .size = sizeof(arg) };
	int fd = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	snprintf((char *)arg.name, sizeof(arg.name), "%s", name);
	if (fd < 0)
		lu_fail("/dev/liveupdate: %d", errno);
	if (ioctl(fd, request, &arg))
		lu_fail("session %s %s: %d", name, what, errno);
	close(fd);
	return arg.fd;
}

int lu_session_new(void)
{
	return session(LU_SESSION, LUO_CREATE_SESSION, "can't be made");
}

/* Nobody else gets a session of that name while we live. */
void lu_session_hold(const char *name)
{
	session(name, LUO_CREATE_SESSION, "can't be made");
}

int lu_session_get(void)
{
	return session(LU_SESSION, LUO_RETRIEVE_SESSION, "can't be had back");
}

void lu_session_put_fd(int session_fd, uint64_t token, int fd)
{
	struct luo_fd arg = { .size = sizeof(arg), .fd = fd, .token = token };

	if (ioctl(session_fd, LUO_PRESERVE_FD, &arg))
		lu_fail("file %llu can't be preserved: %d", (unsigned long long)token, errno);
}

int lu_session_get_fd(int session_fd, uint64_t token)
{
	struct luo_fd arg = { .size = sizeof(arg), .token = token };

	if (ioctl(session_fd, LUO_RETRIEVE_FD, &arg))
		lu_fail("file %llu can't be had back: %d", (unsigned long long)token, errno);
	return arg.fd;
}

int lu_session_finish(int session_fd)
{
	struct luo_finish arg = { .size = sizeof(arg) };

	return ioctl(session_fd, LUO_FINISH, &arg) ? -errno : 0;
}
