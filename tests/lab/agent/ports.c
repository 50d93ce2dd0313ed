// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_SYSFS "/sys/class/virtio-ports"

/* The name comes with a control message of its own, after the device. */
static bool port_name(const char *node, char *name, size_t size)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PORTS_SYSFS "/%s/name", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, size - 1);
	close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return name[0];
}

static bool port_seen(const struct ports *ports, const char *node)
{
	for (unsigned int i = 0; i < ports->seen_count; i++)
		if (strcmp(ports->seen[i], node) == 0)
			return true;
	return false;
}

static void ports_try(struct ports *ports, const char *node)
{
	char name[128], path[512];
	int fd;

	if (strlen(node) >= sizeof(ports->seen[0]) || ports->seen_count == 32)
		return;
	if (port_seen(ports, node) || !port_name(node, name, sizeof(name)))
		return;
	if (strncmp(name, ports->prefix, strlen(ports->prefix)) != 0)
		return;
	snprintf(path, sizeof(path), "/dev/%s", node);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return; /* its node is to come, and a uevent with it */
	snprintf(ports->seen[ports->seen_count++], sizeof(ports->seen[0]), "%s", node);
	ports->found(ports->data, name, fd);
}

static void ports_scan(struct ports *ports)
{
	DIR *dir = opendir(PORTS_SYSFS);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ports_try(ports, entry->d_name);
	closedir(dir);
}

static void ports_uevent(struct loop_source *src, uint32_t events)
{
	struct ports *ports = src->data;
	char buf[8192];
	bool ours = false;
	ssize_t n;

	/* An overrun (ENOBUFS) lost some: look again as well. */
	while ((n = recv(src->fd, buf, sizeof(buf), 0)) > 0 || (n < 0 && errno == ENOBUFS))
		ours |= n < 0 || memmem(buf, (size_t)n, "virtio-ports", 12);
	if (ours)
		ports_scan(ports);
}

int ports_watch(struct loop *loop, struct ports *ports)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct loop_source *src = &ports->uevent;
	int err;

	src->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 NETLINK_KOBJECT_UEVENT);
	if (src->fd < 0)
		return -errno;
	if (bind(src->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(src->fd);
		return err;
	}
	src->events = EPOLLIN;
	src->fn = ports_uevent;
	src->data = ports;
	err = loop_watch(loop, src);
	if (err) {
		close(src->fd);
		return err;
	}
	ports_scan(ports);
	return 0;
}
