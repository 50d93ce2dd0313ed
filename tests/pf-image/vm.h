/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk booted by plain QEMU: q35, one CPU, serial console, agent, an SR-IOV NIC (igb). */
#ifndef TESTS_PF_IMAGE_VM_H
#define TESTS_PF_IMAGE_VM_H

#include <sys/types.h>

struct vm {
	pid_t pid;
	int agent; /* our end of its channel to the agent */
};

struct vm_boot {
	const char *kernel, *initrd, *cmdline;
	const char *disk;  /* qcow2 */
	int keeps_nothing; /* written to, and what is written goes with QEMU; else read-only */
	unsigned int memory_mib;
	const char *console; /* file */
};

/*
 * By $PFKEEP_QEMU (8.0 or newer), else the one of product toolroot, where make left it. TCG unless
 * $PFKEEP_ACCEL says otherwise.
 */
int vm_boot(const struct vm_boot *boot, struct vm *ret_vm);

/* An image as its manifest says, with 128 MiB; dir gets the file console. append goes behind. */
int vm_start(const char *image, const char *dir, const char *append, struct vm *ret_vm);

/* Waits for QEMU's end: its exit status, or -ETIMEDOUT. */
int vm_wait(struct vm *vm, int timeout_ms);
void vm_kill(struct vm *vm);

#endif
