/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live update: the host's kernel is replaced, its VMs and their devices go on.
 * Each VM's QEMU saves its state and leaves its descriptors to pfkeep-carry; memory
 * and devices go into a live update session; the next kernel's pfkeep-restore
 * starts each QEMU around them.
 */
#ifndef PFKEEP_LIVE_H
#define PFKEEP_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"
#include "pfkeep/stages.h"
#include "pfkeep/uuid.h"

#define LIVE_SESSION   "pfkeep"
#define LIVE_RUN       "/run/pfkeep/live"
#define LIVE_REPORT    "/var/lib/pfkeep/live-update.json"
#define LIVE_VMS_MAX   64
#define LIVE_FDS_MAX   512
#define LIVE_ARGS_MAX  512
#define LIVE_PHASES    24
#define LIVE_NAME      64
#define LIVE_PATH      108 /* of a UNIX socket */
#define LIVE_FUNCTIONS 256
#define LIVE_VM_PHASES 16

/* Of a VM: it stands still from the first on, and runs again after the second. */
#define LIVE_VM_STOP   "stop"
#define LIVE_VM_RESUME "resume"

enum live_kind {
	LIVE_MEMORY, /* a memfd: as it is */
	LIVE_DEVICE, /* a VFIO device: goes on doing DMA */
	LIVE_EVENT,  /* an eventfd: a new one will do */
	LIVE_IOMMU,  /* /dev/iommu: a new one, to be filled again */
	LIVE_LISTEN, /* a UNIX socket that QEMU listens on: another one at its path */
	LIVE_FILE,   /* is opened anew, by its path */
	LIVE_KINDS
};

struct live_fd {
	int number; /* in QEMU, before and after */
	enum live_kind kind;
	uint64_t token; /* in the session, of what is preserved */
	int fd;		/* ours; -1: none */
	char *path;	/* of a socket or file */
	int flags;	/* that a file was opened with */
};

/* When a phase ended, by a counter that a kexec doesn't touch. */
struct live_phase {
	char name[24];
	uint64_t ticks;
};

struct json_object;
struct vmm_model;
struct vmm_args;

/* What a domain of libvirt's is, besides its QEMU. */
struct live_domain {
	char uuid[UUID_TEXT];
	pid_t pid;		     /* in the old kernel */
	bool ends;		     /* at a reset by its guest */
	char *status;		     /* libvirtd's account of it while it ran */
	struct json_object *machine; /* see live_machine.h; NULL: none */
	struct vmm_model *model;
	struct vmm_args *args; /* before the jump; what isn't in live_vm's argv */
};

struct live_vm {
	char name[LIVE_NAME];
	char qmp[LIVE_PATH];
	char **argv; /* without -incoming */
	int argc;
	pid_t pid;
	bool has_pf;
	bool by_group;		    /* a device of its was opened by its VFIO group */
	struct live_domain *domain; /* NULL: not libvirt's */
	int hold;		    /* to its pfkeep-carry, or its waiting QEMU; -1: QEMU runs */
	int cpr;		    /* number of QEMU's CPR state */
	int state;		    /* the device state, a memfd of ours; -1: none */
	uint64_t state_token;
	struct live_fd *fds;
	size_t n_fds;
	struct live_phase phases[LIVE_VM_PHASES]; /* the first only begins */
	size_t n_phases;
};

/* A PCI function that a VM has, or a VF of one that nobody has. */
struct live_function {
	char bdf[BDF_TEXT];
	char driver[32];
	bool vf;
	bool held; /* by a VM */
};

enum live_result {
	LIVE_DONE,
	LIVE_OPEN, /* not yet, or nobody has come back to say */
	LIVE_FAILED,
};

struct live {
	struct live_vm *vms;
	size_t n_vms;
	struct live_function *functions;
	size_t n_functions;
	struct live_phase phases[LIVE_PHASES]; /* the first only begins */
	size_t n_phases;
	uint64_t ticks_per_ms;
	uint64_t since;	       /* seconds of 1970 */
	char from[64], to[64]; /* the kernels: what uname says */
	enum live_result result;
	char failed[24]; /* the stage */
	struct problem why;
};

void live_init(struct live *live);
void live_release(struct live *live);
uint64_t live_ticks(void);

/* Ends now, or then. Said twice in a row, the later counts. */
void live_phase(struct live *live, const char *name);
void live_phase_at(struct live *live, const char *name, uint64_t ticks);
void live_vm_phase(struct live_vm *vm, const char *name);
void live_vm_phase_at(struct live_vm *vm, const char *name, uint64_t ticks);

/*
 * live_vm.c: every VM under KVM that runs on the host, those with a PF first, and
 * their functions. Names the first one that can't be carried, and why.
 */
int live_find(const struct root *root, struct live *live, struct problem *problem);

/* live_record.c: what the next kernel is told, as text; it is parsed as hostile. */
int live_record_format(const struct live *live, char **ret_text);
int live_record_parse(const char *text, size_t len, struct live *ret_live, struct problem *problem);
/* Less of it, for who reads: of an update that got no further, too. */
int live_record_format_report(const struct live *live, char **ret_text);
int live_record_parse_report(const char *text, size_t len, struct live *ret_live,
			     struct problem *problem);

struct live_update {
	const char *kernel, *initrd, *append; /* the last two may be NULL */
	const char *carry;		      /* the program */
	const char *uri;		      /* libvirt's; NULL: its default */
	bool dry_run;			      /* check and no more */
	stages_watch watch;
	void *data;
};

/*
 * live_update.c: doesn't return unless it fails (then all VMs run on, as before), or
 * was a dry run.
 */
int live_update(const struct root *root, const struct live_update *how, struct problem *problem);

/* live_restore.c: 0 with *ret_vms 0 if the kernel wasn't updated under VMs. */
int live_restore(const struct root *root, size_t *ret_vms, struct problem *problem);

#endif
