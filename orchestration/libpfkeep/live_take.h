/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a QEMU sends to its successor by cpr-transfer, taken by us. It then waits for a
 * word that all was loaded, which never comes: the next kernel does, or our end of the
 * connection closes, by our end too, and it goes on as if nothing had been.
 */
#ifndef LIBPFKEEP_LIVE_TAKE_H
#define LIBPFKEEP_LIVE_TAKE_H

#include <limits.h>
#include <stdint.h>

#include "pfkeep/live.h"

/* How a device is called that has to be there for VFIO by iommufd. */
#define LIVE_IOMMUFD "pfkeep-iommufd"

struct live_take {
	int cpr, main; /* -1, or what QEMU connects to */
	char cpr_path[PATH_MAX], main_path[PATH_MAX];
	int64_t deadline;
};

/* dir: where user, and so its QEMU, may reach a socket. */
int live_take_listen(struct live_take *take, const char *dir, uid_t user, int64_t deadline,
		     struct problem *problem);
/* Its descriptors and what they are, beside those that vm has already. */
int live_take_fds(struct live_take *take, struct live_vm *vm, struct problem *problem);
/* Its device state. From here on vm->hold holds it. -EPIPE: it has given up. */
int live_take_state(struct live_take *take, struct live_vm *vm, struct problem *problem);
void live_take_end(struct live_take *take);

/* live_kind.c: what a descriptor is; -EOPNOTSUPP: what can't be carried. */
int live_kind_of(int fd, enum live_kind *ret_kind);

#endif
