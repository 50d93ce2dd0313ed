/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain of libvirt's is a machine of systemd's, too: QEMU is in a scope that
 * systemd-machined has made, in control groups of libvirt's with limits and a list of
 * devices. An account of that goes into the record of a live update; pfkeep-settle makes it
 * anew before libvirtd starts, which looks for it then and only then.
 */
#ifndef LIBPFKEEP_LIVE_MACHINE_H
#define LIBPFKEEP_LIVE_MACHINE_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pfkeep/live.h"

#define LIVE_MACHINES	   "run/pfkeep/machines" /* one file of each domain, for pfkeep-settle */
#define LIVE_MACHINE_PARTS 1024			 /* of a machine: its groups, threads or devices */
#define LIVE_CGROUP	   "sys/fs/cgroup"

struct live_qmp;

/* What can be set of a control group, and is carried. */
struct live_knob {
	const char *file;
	const char *usual; /* what it is if nobody has set it */
	const char
		*property; /* as systemd calls it, which minds the scope's own; NULL: it doesn't */
};

extern const struct live_knob live_knobs[]; /* ended by one without a file */

/*
 * live_machine_save.c: {"path","groups":[{"at",FILE:TEXT}],"devices":[]} of the machine that a
 * process in that control group is. NULL: it is in none of libvirt's.
 */
int live_machine_save(const struct root *root, const char *cgroup,
		      struct json_object **ret_account);
/* A part of a machine that libvirt makes: "libvirt", "emulator", "vcpu0", "iothread1". */
bool live_machine_is_part(const char *name);

/*
 * live_machine_note.c: what pfkeep-settle is to know, when the domain's next QEMU runs: the
 * account, {"name","uuid","pid","threads":[{"part","tid"}]}.
 */
int live_machine_note(const struct root *root, const struct live_vm *vm, struct live_qmp *qmp,
		      struct problem *problem);

/* live_machine.c: the same as it is read again. All of it has come from another kernel. */
struct live_machine {
	char name[LIVE_NAME], uuid[UUID_TEXT];
	pid_t pid;
	char path[PATH_MAX]; /* its control group */
	bool scope;	     /* that is systemd's; else libvirt had made it by itself */
	char machine[NAME_MAX], slice[NAME_MAX];
	struct json_object *note, *account; /* one is in the other */
};

int live_machine_read(const struct root *root, const char *file, struct live_machine *ret_machine,
		      struct problem *problem);
void live_machine_release(struct live_machine *machine);
/* Is it still the process that it was? */
int live_machine_check(const struct root *root, const struct live_machine *machine,
		       struct problem *problem);
/* Of one of its groups; NULL: not set. */
const char *live_machine_value(struct json_object *group, const struct live_knob *knob);
/* As a unit's property, UINT64_MAX for "max". -ENOENT: nothing that systemd need be told. */
int live_machine_property(struct json_object *group, const struct live_knob *knob,
			  uint64_t *ret_value);

/*
 * live_machine_group.c: its groups, its threads in them, and what was set of them. If libvirt
 * had made it by itself, all of it; else its process is in the scope already.
 */
int live_machine_lay(const struct root *root, const struct live_machine *machine,
		     struct problem *problem);

/*
 * live_machine_devices.c: what its processes may open: {"node","allow","major","minor"}, a
 * program and a table of libvirt's in the kernel. None: they may open what their user may.
 */
int live_machine_devices_save(const struct root *root, const char *path, struct json_object *list);
int live_machine_devices_lay(const struct root *root, const struct live_machine *machine,
			     struct problem *problem);

/*
 * live_machine_register.c: systemd-machined makes its scope, and moves its process there. Of a
 * machine without a scope: -EEXIST if there is a systemd-machined now.
 */
int live_machine_register(const struct live_machine *machine, struct problem *problem);

#endif
