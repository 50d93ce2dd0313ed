// SPDX-License-Identifier: GPL-2.0-only
#include "pfkeep/luo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/ioctl.h>
#include <linux/types.h>

#include "pfkeep/cleanup.h"

/* include/uapi/linux/liveupdate.h, for build hosts that don't have it */
#define NAME_SIZE 64

struct luo_session_arg {
	__u32 size;
	__s32 fd;
	__u8 name[NAME_SIZE];
};

struct luo_fd_arg {
	__u32 size;
	__s32 fd;
	__aligned_u64 token;
};

struct luo_finish_arg {
	__u32 size;
	__u32 reserved;
};

#define CREATE_SESSION	 _IO(0xba, 0x00)
#define RETRIEVE_SESSION _IO(0xba, 0x01)
#define PRESERVE_FD	 _IO(0xba, 0x40)
#define RETRIEVE_FD	 _IO(0xba, 0x41)
#define FINISH		 _IO(0xba, 0x42)

static int session(unsigned long request, const char *name, int *ret_session,
		   struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	struct luo_session_arg arg = { .size = sizeof(arg) };
	int ret = -errno;

	if (fd < 0)
		return problem_set(problem, ret, LUO_DEVICE ": %s", strerror(-ret));
	snprintf((char *)arg.name, sizeof(arg.name), "%s", name);
	if (ioctl(fd, request, &arg)) {
		ret = -errno;
		return problem_set(problem, ret, "live update session %s: %s", name,
				   strerror(-ret));
	}
	*ret_session = arg.fd;
	return 0;
}

int luo_session_create(const char *name, int *ret_session, struct problem *problem)
{
	return session(CREATE_SESSION, name, ret_session, problem);
}

int luo_session_retrieve(const char *name, int *ret_session, struct problem *problem)
{
	return session(RETRIEVE_SESSION, name, ret_session, problem);
}

int luo_preserve(int session_fd, uint64_t token, int fd, struct problem *problem)
{
	struct luo_fd_arg arg = { .size = sizeof(arg), .fd = fd, .token = token };
	int ret;

	if (!ioctl(session_fd, PRESERVE_FD, &arg))
		return 0;
	ret = -errno;
	return problem_set(problem, ret, "the kernel can't preserve it: %s", strerror(-ret));
}

int luo_retrieve(int session_fd, uint64_t token, int *ret_fd, struct problem *problem)
{
	struct luo_fd_arg arg = { .size = sizeof(arg), .token = token };
	int ret;

	if (!ioctl(session_fd, RETRIEVE_FD, &arg)) {
		*ret_fd = arg.fd;
		return 0;
	}
	ret = -errno;
	return problem_set(problem, ret, "file %llu of the live update can't be had back: %s",
			   (unsigned long long)token, strerror(-ret));
}

int luo_finish(int session_fd, struct problem *problem)
{
	struct luo_finish_arg arg = { .size = sizeof(arg) };
	int ret;

	if (!ioctl(session_fd, FINISH, &arg))
		return 0;
	ret = -errno;
	return problem_set(problem, ret, "the live update can't be finished: %s", strerror(-ret));
}
