/* SPDX-License-Identifier: GPL-2.0-only */
/* The libvirt domain that boots the lab's small guest (tests/lab/guest/init). */
#ifndef LAB_GUEST_XML_H
#define LAB_GUEST_XML_H

#include <stdbool.h>
#include <stddef.h>

#define GUEST_XML_MAX 4096

struct guest_xml {
	const char *name;
	const char *bdf;      /* its PCI function, "0000:01:10.0"; NULL: none */
	const char *append;   /* to the kernel's command line; see the guest's init */
	const char *emulator; /* NULL: the lab host's stock QEMU */
	bool tools;	      /* with the lab host's image as a read-only disk */
	const char *metadata; /* XML; NULL: none */
};

/* -EINVAL when bdf is no PCI address, -E2BIG when it doesn't fit. */
int guest_xml(const struct guest_xml *guest, char ret_xml[GUEST_XML_MAX]);

#endif
