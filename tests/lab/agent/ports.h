/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding the virtio-serial ports by name, from sysfs and the kernel's uevents:
 * the agent starts before udev has made its links.
 */
#ifndef LAB_AGENT_PORTS_H
#define LAB_AGENT_PORTS_H

#include "tests/lab/lib/loop.h"

/* Called once per opened port whose name starts with the prefix; owns the fd. */
typedef void (*ports_found_fn)(void *data, const char *name, int fd);

struct ports {
	struct loop_source uevent;
	const char *prefix;
	ports_found_fn found;
	void *data;
	char seen[32][64]; /* device nodes opened already */
	unsigned int seen_count;
};

int ports_watch(struct loop *loop, struct ports *ports);

#endif
