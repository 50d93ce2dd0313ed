/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tenants: libvirt domains in the lab host that boot the lab's small guest
 * (tests/lab/guest/init) with PCI functions of the host.
 */
#ifndef TESTS_LAB_HARNESS_TENANT_H
#define TESTS_LAB_HARNESS_TENANT_H

#include "tests/lab/harness/lab.h"

/* The mark of a tenant whose echo program answers. */
#define TENANT_SERVES "listening on "

struct tenant {
	const char *name;
	const char *bdf;      /* its PCI function, "0000:01:10.0" */
	const char *append;   /* lab.ip=... lab.mac=...; see the guest's init */
	const char *emulator; /* NULL: the lab host's stock QEMU */
	bool tools;	      /* with the lab host's image as a read-only disk */
	const char *metadata; /* XML; NULL: none */
};

/* Starts it; tenant_wait() says when it is ready, so that several boot side by side. */
void tenant_start(struct lab *lab, const struct tenant *tenant);
/* Defines it; tenant_boot() starts it, as often as need be. */
void tenant_define(struct lab *lab, const struct tenant *tenant);
void tenant_boot(struct lab *lab, const struct tenant *tenant);
void tenant_undefine(struct lab *lab, const struct tenant *tenant);
/* Until its console shows this mark; the line's rest, which the caller frees. */
char *tenant_wait(struct lab *lab, const struct tenant *tenant, unsigned int timeout_s,
		  const char *mark);
void tenant_destroy(struct lab *lab, const struct tenant *tenant);

#endif
