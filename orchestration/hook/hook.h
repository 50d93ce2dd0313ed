/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvirt's hook for QEMU: started with DOMAIN OPERATION SUBOPERATION EXTRA and the
 * domain's XML on standard input. A failure refuses the start, and libvirt shows
 * what was printed on standard error.
 */
#ifndef PFKEEP_HOOK_H
#define PFKEEP_HOOK_H

#include <stdio.h>

#include "pfkeep/root.h"

struct hook_input {
	const struct root *root;
	const char *socket;
	int in;
	FILE *err;
};

/* The exit status. */
int hook_main(int argc, char **argv, const struct hook_input *input);

#endif
