/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPR over a new host kernel
 */

#ifndef MIGRATION_CPR_KEXEC_H
#define MIGRATION_CPR_KEXEC_H

/* Before the state is loaded: was the kernel replaced since it was saved? */
void cpr_kexec_init(void);

/* State is being loaded, and the kernel knows nothing of what was before. */
bool cpr_kernel_is_new(void);

/* State is being loaded, and what the kernel knew, it still knows. */
bool cpr_kernel_is_kept(void);

#endif
