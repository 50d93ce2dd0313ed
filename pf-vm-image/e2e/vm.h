/* SPDX-License-Identifier: GPL-2.0-only */
/* An image booted by plain QEMU: q35, one CPU, 128 MiB, serial console, agent, an SR-IOV NIC. */
#ifndef PF_VM_IMAGE_E2E_VM_H
#define PF_VM_IMAGE_E2E_VM_H

#include <sys/types.h>

struct vm {
	pid_t pid;
	int agent; /* our end of its channel to the agent */
};

/*
 * $PFKEEP_QEMU or qemu-system-x86_64; dir gets the file console, of the serial port. append goes
 * behind the image's own command line.
 */
int vm_start(const char *image, const char *dir, const char *append, struct vm *ret_vm);

/* Waits for QEMU's end: its exit status, or -ETIMEDOUT. */
int vm_wait(struct vm *vm, int timeout_ms);
void vm_kill(struct vm *vm);

#endif
