/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says about PCI functions, for the cache of VFs. */
#ifndef PFKEEPD_UEVENTS_H
#define PFKEEPD_UEVENTS_H

#include "pfkeep/vfcache.h"

int uevents_open(int *ret_fd);
/* Tell the cache all that was said so far. */
void uevents_drain(int fd, struct vfcache *cache);
/* One message of the kernel; what isn't about PCI changes nothing. */
void uevents_take(const char *message, size_t len, struct vfcache *cache);

#endif
