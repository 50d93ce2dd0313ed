/* SPDX-License-Identifier: GPL-2.0-only */
/* The lab host's machine: QEMU's command line, and nothing else. */
#ifndef LABD_MACHINE_H
#define LABD_MACHINE_H

#include <stdbool.h>

#include "tests/lab/agent/proto.h"
#include "tests/lab/lib/spec.h"

#define MACHINE_IGB_VFS	      7 /* what an 82576 has */
#define MACHINE_NVME_VFS      32
#define MACHINE_NVME_MOST_VFS 127 /* as the emulation has them at most */
#define MACHINE_NVME_NS	      4
#define MACHINE_NVME_MIB      256 /* a namespace */
#define MACHINE_VIRTIO_VFS    7
/* Where QEMU, in a root of its own, sees the run's directory. */
#define MACHINE_RUN "/run/lab"

/* The lab host knows its disks by their serials. */
struct machine_disk {
	const char *serial;
	const char *path;
	bool keeps_nothing; /* written to, and what is written goes with QEMU */
};

/* Paths as QEMU sees them; descriptors that it inherits. */
struct machine {
	const struct lab_spec *spec;
	bool kvm;
	unsigned int tsc_khz; /* 0: leave it to the guest */
	const char *qemu;
	const char *kernel;
	const char *initrd;
	const struct machine_disk *disks; /* the root disk first */
	size_t n_disks;
	int qmp_fd;
	int console_fd;
	int event_fd;
	int agent_fds[PROTO_PORTS];
};

/* NULL-terminated, freed with machine_argv_free(). */
int machine_argv(const struct machine *machine, char ***ret_argv);
void machine_argv_free(char **argv);
/* The MAC address of the i-th PF's port. */
void machine_mac(unsigned int pf, char ret_mac[18]);

#endif
