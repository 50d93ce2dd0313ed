/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Another QEMU takes over a domain that runs: guest, memory and devices stay, and no
 * function is reset (QEMU's cpr-transfer). libvirt manages it afterwards as before: it
 * starts anew, and finds in its own account of the domain the new process.
 */
#ifndef PFKEEP_VMM_H
#define PFKEEP_VMM_H

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <sys/types.h>

#include "pfkeep/root.h"
#include "pfkeep/stages.h"

#define VMM_TIMEOUT_S 60

struct vmm_update {
	const struct root *root;
	const char *uri;	/* of libvirt */
	const char *domain;	/* name or UUID */
	const char *program;	/* NULL: the domain's emulator, as it is now on disk */
	unsigned int timeout_s; /* for the guest to run in the new QEMU; 0: VMM_TIMEOUT_S */
	bool dry_run;		/* only look what is in the way */
	stages_watch watch;	/* may be NULL */
	void *watch_data;
};

struct vmm_updated {
	char domain[256];
	char from[32], to[32]; /* versions */
	pid_t old, new;
	int64_t transfer_ms; /* from the order to the old QEMU until the guest runs in the new one */
	int64_t libvirt_ms;  /* that libvirt wasn't there for */
};

/*
 * What fails before the guest has moved leaves it where it was. After that, it runs in
 * the new QEMU whatever happens, and problem names what is in the way of libvirt.
 */
int vmm_update(const struct vmm_update *how, struct vmm_updated *ret_updated,
	       struct problem *problem);

/* The running domains that have PCI functions of the host: names, each and the list are allocated. */
int vmm_list(const char *uri, char ***ret_names, size_t *ret_n, struct problem *problem);

#endif
