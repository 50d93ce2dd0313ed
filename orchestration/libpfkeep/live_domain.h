/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that is a domain of libvirt's. Its QEMU may start no program and has its devices by
 * groups: it isn't replaced, as others are by pfkeep-carry, but sends what it has to us, and
 * waits. The next kernel starts another with the same command line, and an iommufd.
 */
#ifndef LIBPFKEEP_LIVE_DOMAIN_H
#define LIBPFKEEP_LIVE_DOMAIN_H

#include "orchestration/libpfkeep/live_priv.h"

struct live_qmp;
struct vmm_pty;

/* By its command line, which is hostile no more than QEMU is. */
bool live_domain_is(const char *cmdline, size_t len);
/* What it says: vm's argv and domain. */
int live_domain_describe(struct live_vm *vm, const char *cmdline, size_t len,
			 struct problem *problem);
void live_domain_release(struct live_domain *domain);
/* vm's argv goes into its domain's args, to be changed there, and back. */
void live_domain_lend_args(struct live_vm *vm);
void live_domain_take_args(struct live_vm *vm);

/* live_domain_save.c: as libvirt has it. */
int live_domain_check(const struct live_work *w, struct live_vm *vm, struct problem *problem);
int live_domain_save(const struct live_work *w, struct live_vm *vm, struct problem *problem);
/* Back from there; waits until its guest runs. */
int live_domain_go_on(const struct live_work *w, struct live_vm *vm, struct problem *problem);

/* live_domain_restore.c: before its QEMU starts, in that process, and when its guest runs. */
int live_domain_prepare(const struct root *root, struct live_vm *vm, struct problem *problem);
/* KVM as udev will have it, once it is loaded: QEMU's user is in that group. */
void live_domain_open_kvm(void);
/* A socket of its; or -errno. */
int live_domain_listen(const struct live_vm *vm, const struct live_fd *fd);
int live_domain_become(const struct live_vm *vm, char *const *argv);
/* Where it may have said why. */
int live_domain_blame(const struct live_vm *vm, int err, struct problem *problem);
/* libvirtd finds it when it starts. */
int live_domain_account(const struct root *root, struct live_vm *vm, struct live_qmp *qmp,
			struct problem *problem);

#endif
