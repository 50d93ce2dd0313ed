// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/guest/udp.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER (8 << 20)

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int udp_open(uint32_t address, uint16_t port, int *ret_fd)
{
	struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(address),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0)
		r = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	/* Without privilege, what the system allows must do. */
	if (r == 0 && set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		r = set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (r == 0 && bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int udp_port(int fd, uint16_t *ret_port)
{
	struct sockaddr_in local = { 0 };
	socklen_t len = sizeof(local);

	if (getsockname(fd, (struct sockaddr *)&local, &len) < 0)
		return -errno;
	*ret_port = ntohs(local.sin_port);
	return 0;
}

/* A message to or from peer, with room for the address and interface at our end. */
static struct msghdr message(struct sockaddr_in *peer, struct iovec *iov, void *control,
			     size_t control_size)
{
	return (struct msghdr){
		.msg_name = peer,
		.msg_namelen = sizeof(*peer),
		.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = control_size,
	};
}

ssize_t udp_receive(int fd, void *data, size_t size, struct udp_origin *ret_origin)
{
	char control[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
	struct iovec iov = { data, size };
	struct msghdr msg = message(&ret_origin->from, &iov, control, sizeof(control));
	ssize_t n = recvmsg(fd, &msg, 0);

	if (n < 0)
		return -errno;
	memset(&ret_origin->to, 0, sizeof(ret_origin->to));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&ret_origin->to, CMSG_DATA(c), sizeof(ret_origin->to));
	}
	return n;
}

int udp_reply(int fd, void *data, size_t len, const struct udp_origin *origin)
{
	char control[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8))) = { 0 };
	struct sockaddr_in to = origin->from;
	struct iovec iov = { data, len };
	struct msghdr msg = message(&to, &iov, control, sizeof(control));
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	memcpy(CMSG_DATA(c), &origin->to, sizeof(origin->to));
	return sendmsg(fd, &msg, 0) < 0 ? -errno : 0;
}

int udp_signals(int *ret_fd)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

uint64_t udp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}
