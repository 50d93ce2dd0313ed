/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the doctor's table and its checks. */
#ifndef LIBPFKEEP_DOCTOR_PRIV_H
#define LIBPFKEEP_DOCTOR_PRIV_H

#include "pfkeep/doctor.h"
#include "pfkeep/pci.h"
#include "pfkeep/pcicap.h"

struct doctor {
	const struct doctor_options *options;
	const struct root *root;
	const char *check; /* the one that runs */
	struct pci_inventory pfs;
	struct pcicap *cap; /* NULL if config space can't be read */
	struct doctor_report report;
	int error;
};

/* Report; mend may be NULL. The text is quoted as problem_set() would. */
void doctor_found(struct doctor *d, enum doctor_level level, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

void doctor_iommu(struct doctor *d);
void doctor_remapping(struct doctor *d);
void doctor_kvm(struct doctor *d);
void doctor_memlock(struct doctor *d);
void doctor_kexec(struct doctor *d);
void doctor_luo(struct doctor *d);

void doctor_pfs(struct doctor *d);

void doctor_module(struct doctor *d);
void doctor_qemu(struct doctor *d);
void doctor_libvirt(struct doctor *d);
void doctor_hook(struct doctor *d);
void doctor_image(struct doctor *d);
void doctor_apparmor(struct doctor *d);

#endif
