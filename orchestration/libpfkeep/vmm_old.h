/* SPDX-License-Identifier: GPL-2.0-only */
/* The QEMU that is to go: its monitor is libvirt's, and is asked by way of that. */
#ifndef LIBPFKEEP_VMM_OLD_H
#define LIBPFKEEP_VMM_OLD_H

#include <json-c/json_object.h>
#include <libvirt/libvirt.h>

#include "orchestration/libpfkeep/vmm_args.h"
#include "orchestration/libpfkeep/vmm_probe.h"

/* arguments may be NULL and are taken over, ret_return may be NULL. */
int vmm_old_command(virDomainPtr dom, const char *name, struct json_object *arguments,
		    struct json_object **ret_return, struct problem *problem);
int vmm_old_version(virDomainPtr dom, struct vmm_qemu *qemu, struct problem *problem);

/* What keeps it from handing over, in its own words: -ENOTSUP. */
int vmm_old_blockers(virDomainPtr dom, struct problem *problem);
/*
 * It connects to both and goes on when it has been read. -ECONNABORTED: libvirtd went away
 * with the order, and whether QEMU has it nobody knows.
 */
int vmm_old_migrate(virDomainPtr dom, const char *main_path, const char *cpr_path,
		    struct problem *problem);
/* It gives up handing over; if that is over already, it says so. */
int vmm_old_cancel(virDomainPtr dom, struct problem *problem);
/* Until it runs its guest again. */
int vmm_old_go_on(virDomainPtr dom, unsigned int timeout_ms, struct problem *problem);

/* Under which number QEMU keeps what it was given for one of its sets. */
int vmm_old_set_fd(virDomainPtr dom, int set, int *ret_fd, struct problem *problem);

/*
 * What was plugged in or out since the old QEMU's start, into its command line. -ENOTSUP
 * names what isn't a PCI function of the host's: with the rest nobody knows.
 */
int vmm_old_plugged(virDomainPtr dom, struct vmm_args *args, struct problem *problem);

#endif
