/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to domains without our doing. libvirt's events come in its own
 * thread, which must not wait; a worker takes them one by one, as operations.
 */
#ifndef PFKEEPD_WATCHER_H
#define PFKEEPD_WATCHER_H

#include "orchestration/pfkeepd/service.h"

/* There is one. Finish what a crash interrupted, then call ready, then follow the events. */
int watcher_start(struct service *service, void (*ready)(void), struct problem *problem);

#endif
