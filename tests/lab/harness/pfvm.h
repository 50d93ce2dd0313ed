/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PF VMs: libvirt domains in the lab host that boot the image of product pf-image
 * as docs/pf-vm-image.md says, and the agent in them, which is the only way in.
 */
#ifndef TESTS_LAB_HARNESS_PFVM_H
#define TESTS_LAB_HARNESS_PFVM_H

#include "tests/lab/harness/lab.h"

/* Where the lab host sees the image, once a PF VM was started or pfvm_image() called. */
#define PFVM_IMAGE "/run/pfkeep-lab/pf-image"

/* Where the PF VM sees its PF. */
#define PFVM_PF "/sys/bus/pci/devices/0000:01:00.0"

struct pfvm {
	const char *name;
	const char *bdf;    /* the PF */
	const char *append; /* behind the image's own command line: "pf_vm.vfs=3" */
	bool sriov;	    /* our QEMU, on a PF that our driver has; else stock parts */
};

void pfvm_image(struct lab *lab);
/* Starts it; pfvm_wait() says when its agent answers, so that several boot side by side. */
void pfvm_start(struct lab *lab, const struct pfvm *vm);
void pfvm_wait(struct lab *lab, const struct pfvm *vm, unsigned int timeout_s);
void pfvm_destroy(struct lab *lab, const struct pfvm *vm);

/* One command of the agent, as JSON; its whole answer, or NULL if it is not on its list. */
struct json_object *pfvm_agent(struct lab *lab, const struct pfvm *vm, const char *command);
/* A shell line in the VM, which must succeed; its output, which the caller frees. */
__attribute__((format(printf, 3, 4))) char *pfvm_run(struct lab *lab, const struct pfvm *vm,
						     const char *format, ...);
/* The same, its exit status; the output is both streams'. */
__attribute__((format(printf, 4, 5))) int pfvm_try(struct lab *lab, const struct pfvm *vm,
						   char **ret_output, const char *format, ...);

#endif
