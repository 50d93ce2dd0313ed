/* SPDX-License-Identifier: GPL-2.0-only */
/* What a QEMU is able to do, by its own word. */
#ifndef LIBPFKEEP_VMM_PROBE_H
#define LIBPFKEEP_VMM_PROBE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pfkeep/problem.h"

struct vmm_qemu {
	unsigned int version; /* 10.2.1: 10002001 */
	char text[32];	      /* 10.2.1 */
	bool cpr_transfer;
	bool sriov, token; /* properties of its vfio-pci */
};

/* Of query-version's answer. */
int vmm_read_version(struct json_object *value, struct vmm_qemu *qemu);

/* Starts it as the process like runs, without a machine. */
int vmm_probe(const char *program, pid_t like, int pidfd, int64_t deadline,
	      struct vmm_qemu *ret_qemu, struct problem *problem);

#endif
