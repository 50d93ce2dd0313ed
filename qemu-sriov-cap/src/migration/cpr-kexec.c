/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPR over a new host kernel
 *
 * The state and the descriptors of cpr-exec outlive a kexec when somebody hands
 * them from kernel to kernel: guest memory and devices as they were, iommufd and
 * eventfds new ones at the same numbers. What only the old kernel knew has to be
 * set up again: bindings, DMA mappings, interrupts.
 */

#include "qemu/osdep.h"
#include "migration/cpr.h"
#include "migration/cpr-kexec.h"

#define CPR_NEW_KERNEL_NAME "QEMU_CPR_NEW_KERNEL"

static bool new_kernel;

void cpr_kexec_init(void)
{
    const char *val = g_getenv(CPR_NEW_KERNEL_NAME);

    new_kernel = val && !strcmp(val, "1");
    g_unsetenv(CPR_NEW_KERNEL_NAME);
}

bool cpr_kernel_is_new(void)
{
    return new_kernel && cpr_is_incoming();
}

bool cpr_kernel_is_kept(void)
{
    return !new_kernel && cpr_is_incoming();
}
