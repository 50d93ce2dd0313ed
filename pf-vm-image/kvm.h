/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can libguestfs boot its appliance under KVM here? A /dev/kvm that opens isn't
 * proof: under some paravirtual nestings a guest's kernel spins for ever.
 */
#ifndef PF_VM_IMAGE_KVM_H
#define PF_VM_IMAGE_KVM_H

#include <stdbool.h>

#include "tests/lab/products/problem.h"

/*
 * Boots one under a time limit and remembers the verdict for this machine's
 * kernel. The appliance's own kernel must have been provided before.
 */
int kvm_boots(bool *ret_boots, struct problem *p);

#endif
