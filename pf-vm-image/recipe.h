/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes a Debian root a PF VM: one place for the packages, the files that
 * are written and those that go, and the kernel's command line.
 */
#ifndef PF_VM_IMAGE_RECIPE_H
#define PF_VM_IMAGE_RECIPE_H

#include "pf-vm-image/edit.h"
#include "pf-vm-image/tree.h"

#define RECIPE_VFS_RULES "/etc/udev/rules.d/59-pf-vm-vfs.rules"
#define RECIPE_BOOT_DIR	 "/usr/lib/pf-vm/boot.d"

/* Without SOURCE_DATE_EPOCH: 2026-01-01. Any fixed date will do. */
#define RECIPE_EPOCH 1767225600

extern const char *const recipe_packages[]; /* installed */
extern const char *const recipe_purged[];   /* installed by the bootstrap, not needed to run */
extern const char *const recipe_excluded[]; /* dpkg's path-exclude */
extern const char *const recipe_drivers[];  /* in every image */
extern const char *const recipe_initrd_modules[];
extern const char recipe_cmdline[];

/* All changes to the root that the bootstrap made, in tree. */
int recipe_apply(struct edit *e, const struct tree *root);

/* The number of VFs that every PF gets at boot, unless the command line says otherwise. */
int recipe_set_vfs(struct edit *e, unsigned int vfs);

#endif
