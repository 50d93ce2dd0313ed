/* SPDX-License-Identifier: GPL-2.0-only */
/* The consoles of the lab host's own VMs. */
#ifndef LAB_CONSOLES_H
#define LAB_CONSOLES_H

#include "tests/lab/lib/rundir.h"

/* Where the lab host's VMs log their serial consoles, NAME.log each. */
#define CONSOLES_DIR "/run/pfkeep-lab/consoles"
/* Beside them: all VMs' QMP events, as virsh prints them. */
#define CONSOLES_EVENTS "vm-events.log"

/* In the run's directory: a copy of that folder, and of libvirt's NAME.log of each QEMU. */
#define CONSOLES_COPY	      "consoles"
#define CONSOLES_LIBVIRT_COPY "libvirt"

/*
 * Make or renew the copies, as far as they can be had: a lab host that answers
 * nothing has none to give.
 */
void consoles_collect(const char *lab, const struct rundir *dir);

#endif
