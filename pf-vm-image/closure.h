/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The modules that a set of drivers needs, out of depmod's modules.dep: every
 * module after those that it depends on.
 */
#ifndef PF_VM_IMAGE_CLOSURE_H
#define PF_VM_IMAGE_CLOSURE_H

#include <stddef.h>

#include "tests/lab/products/problem.h"

struct closure {
	char **paths; /* as modules.dep names them: relative to the kernel's folder */
	size_t n;
};

/*
 * names end with NULL; '-' and '_' are the same. A name in modules.builtin is
 * satisfied by the kernel itself. kernel: its release, for messages.
 */
int closure_find(const char *modules_dep, const char *modules_builtin, const char *const *names,
		 const char *kernel, struct closure *ret_closure, struct problem *p);
void closure_free(struct closure *c);

/* "virtio_blk" of "kernel/drivers/block/virtio-blk.ko.xz" */
void closure_module_name(const char *path, char *name, size_t size);

#endif
