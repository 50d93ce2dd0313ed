// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "orchestration/pfkeepd/uevents.h"
#include "pfkeep/cleanup.h"

#define KERNEL_GROUP 1 /* the kernel's own multicast group; udev's is 2 */
#define MESSAGE_MAX  8192
#define SLOT	     "PCI_SLOT_NAME="

/* Two who drain: neither returns before what the other has taken was told. */
static pthread_mutex_t draining = PTHREAD_MUTEX_INITIALIZER;

int uevents_open(int *ret_fd)
{
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	CLEANUP(cleanup_close)
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* "ACTION@DEVPATH", then NAME=VALUE each ended by a zero. */
void uevents_take(const char *message, size_t len, struct vfcache *cache)
{
	const char *slot = NULL, *end;
	bool pci = false;
	struct bdf bdf;

	for (const char *at = message; at < message + len; at = end + 1) {
		end = memchr(at, 0, (size_t)(message + len - at));
		if (!end)
			return;
		pci |= !strcmp(at, "SUBSYSTEM=pci");
		if (!strncmp(at, SLOT, strlen(SLOT)))
			slot = at + strlen(SLOT);
	}
	if (pci && slot && !bdf_parse(slot, &bdf))
		vfcache_touch(cache, &bdf);
}

/* False: there is nothing more. */
static bool take_next(int fd, struct vfcache *cache)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	char message[MESSAGE_MAX];
	ssize_t n;

	n = recvfrom(fd, message, sizeof(message), MSG_TRUNC, (struct sockaddr *)&from, &from_len);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		/* Some were lost: there was no room for them. */
		if (errno != EAGAIN)
			vfcache_touch_all(cache);
		return errno == ENOBUFS;
	}
	/* Others than the kernel have nothing to say. */
	if (from.nl_pid)
		return true;
	if ((size_t)n > sizeof(message))
		vfcache_touch_all(cache);
	else
		uevents_take(message, (size_t)n, cache);
	return true;
}

void uevents_drain(int fd, struct vfcache *cache)
{
	pthread_mutex_lock(&draining);
	while (take_next(fd, cache))
		;
	pthread_mutex_unlock(&draining);
}
