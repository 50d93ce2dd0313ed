/* SPDX-License-Identifier: GPL-2.0-only */
/* Is this host ready for pfkeep? Each finding says what to do about it. */
#ifndef PFKEEP_DOCTOR_H
#define PFKEEP_DOCTOR_H

#include <stddef.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"

#define DOCTOR_QEMU "/usr/lib/pfkeep/qemu/bin/qemu-system-x86_64"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_BLOCKER };

struct doctor_finding {
	const char *check; /* a static name */
	enum doctor_level level;
	char text[256];
	char mend[256]; /* a command or a line of advice; empty if there is nothing to mend */
};

struct doctor_options {
	const struct root *root;
	const char *qemu;      /* below the root; DOCTOR_QEMU if NULL */
	const char *libvirt;   /* connection URI; NULL: don't ask libvirt */
	const struct bdf *pfs; /* those that shall be adopted; none: any will do */
	size_t n_pfs;
};

struct doctor_report {
	struct doctor_finding *findings;
	size_t n;
	enum doctor_level worst;
};

/* Only -ENOMEM: whatever can't be found out is a finding. */
int doctor_run(const struct doctor_options *options, struct doctor_report *ret_report);
void doctor_release(struct doctor_report *report);

/*
 * -EBUSY if the PF can't be taken from the host as it is now, by what doctor_run() calls
 * a blocker of it: somebody needs it, or it isn't apart from others.
 */
int doctor_refuse_pf(const struct root *root, const struct bdf *bdf, struct problem *problem);

/* "ok", "warning", "blocker" */
const char *doctor_level_name(enum doctor_level level);

#endif
