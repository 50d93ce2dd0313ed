/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of a running QEMU, as libvirt made it, becomes that of the one
 * which takes over from it: another program, the same machine, waiting for the old
 * one's state. Descriptors in it keep their numbers.
 */
#ifndef LIBPFKEEP_VMM_ARGS_H
#define LIBPFKEEP_VMM_ARGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "pfkeep/problem.h"

#define VMM_FDS_MAX 64
/* What only a QEMU that took over has on its command line. */
#define VMM_MONITOR "pfkeep-monitor"

/* A descriptor that the command line names. */
struct vmm_arg_fd {
	int number;
	int set; /* of QEMU's, which keeps it under another number; -1: in none */
};

struct vmm_args {
	char **argv; /* ended by NULL; argv and its strings are one's own */
	size_t n;
	struct vmm_arg_fd fds[VMM_FDS_MAX];
	size_t n_fds;
	char dir[PATH_MAX]; /* libvirt's, of this domain: QEMU's user may write there */
	bool sriov;	    /* a function with sriov=on */
	bool token;	    /* one with vf-token-secret */
};

/* cmdline: the words, each with its zero. -ENOTSUP names what can't be carried over. */
int vmm_args_read(const char *cmdline, size_t len, struct vmm_args *ret_args,
		  struct problem *problem);
/* The program, and what it waits for: its monitor, the old one's descriptors, its state. */
int vmm_args_take_over(struct vmm_args *args, const char *program, int monitor_fd, int cpr_fd,
		       const char *main_path);
/*
 * What was plugged in or out since isn't in it. A device goes by the ID that it was given,
 * one without stays.
 */
bool vmm_args_has_device(const struct vmm_args *args, const char *id);
/* bus: the name of one; devfn: where on it. */
int vmm_args_add_vfio(struct vmm_args *args, const char *id, const char *host, const char *bus,
		      unsigned int devfn);
void vmm_args_keep_devices(struct vmm_args *args, bool (*is_there)(void *data, const char *id),
			   void *data);
/* VFIO devices by iommufd, the object of this ID. Those that have one keep it. */
int vmm_args_use_iommufd(struct vmm_args *args, const char *id);
void vmm_args_release(struct vmm_args *args);

#endif
