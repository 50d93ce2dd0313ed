/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs with the product's QEMU, whose device belongs to vfio-pci-sriov: libvirt
 * domains, or, where libvirt knows no iommufd, started without it (vm_raw.c). They
 * boot the lab's small guest; scripts run in it through the lab's agent.
 */
#ifndef TESTS_LAB_HARNESS_VM_H
#define TESTS_LAB_HARNESS_VM_H

#include "tests/lab/harness/lab.h"

#define VM_EMULATOR "/usr/lib/pfkeep/qemu/bin/qemu-system-x86_64"

struct vm {
	const char *name;
	const char *bdf;	/* its PCI function on the host */
	const char *append;	/* to the kernel's command line; may be NULL */
	const char *token_file; /* in the lab host, with the VF token; NULL: none */
	bool pf;		/* owns SR-IOV */
	bool vf_bars;		/* and sees the VFs' memory */
	bool tools;		/* with the lab host's programs below /mnt */
	bool tcg;		/* without KVM */
	bool raw;		/* without libvirt, by iommufd, so that CPR can carry it */
	bool behind_switch;	/* else behind a root port */
	unsigned int vcpus;	/* 0: one */
};

void vm_start(struct lab *lab, const struct vm *vm);
/* The status of virsh, and what it said. */
int vm_try_start(struct lab *lab, const struct vm *vm, char **ret_output);
/* Until it has booted that many times, the first included. */
void vm_wait_boot(struct lab *lab, const struct vm *vm, unsigned int boots, unsigned int timeout_s);
/* Until its console shows this mark; the line's rest, which the caller frees. */
char *vm_wait(struct lab *lab, const struct vm *vm, unsigned int timeout_s, const char *mark);

/* Runs a shell script in the guest; its standard output, which the caller frees. */
__attribute__((format(printf, 4, 5))) char *vm_run(struct lab *lab, const struct vm *vm,
						   unsigned int timeout_s, const char *format, ...);
/* The same, its exit status; the output, if asked for, is both streams'. */
__attribute__((format(printf, 5, 6))) int vm_try(struct lab *lab, const struct vm *vm,
						 unsigned int timeout_s, char **ret_output,
						 const char *format, ...);

/* The address of its PF in the guest; the caller frees. */
char *vm_pf(struct lab *lab, const struct vm *vm);

/* As by the reset button; vm_wait_boot() tells when it is up again. */
void vm_reset(struct lab *lab, const struct vm *vm);
void vm_destroy(struct lab *lab, const struct vm *vm);
/* As a crash of QEMU: SIGKILL, and libvirt has noticed. */
void vm_kill(struct lab *lab, const struct vm *vm);

/*
 * Replaces the QEMU of a raw VM under its running guest; generation is that of the new
 * QEMU (the first is 1). Returns when the guest runs in it.
 */
void vm_cpr_exec(struct lab *lab, const struct vm *vm, unsigned int generation);
void vm_cpr_transfer(struct lab *lab, const struct vm *vm, unsigned int generation);

/* vm_raw.c, for vm.c */
void vm_raw_start(struct lab *lab, const struct vm *vm);
void vm_raw_reset(struct lab *lab, const struct vm *vm);
void vm_raw_kill(struct lab *lab, const struct vm *vm);
void vm_raw_destroy(struct lab *lab, const struct vm *vm);

#endif
