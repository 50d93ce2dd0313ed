/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations: PFs go into their VMs and back, VFs to tenants and back. One
 * caller at a time, but for core_may_start() and core_has_started(). Each records what it will do before it does it, so that
 * core_recover() after a crash knows what to finish or to take back.
 */
#ifndef PFKEEP_CORE_H
#define PFKEEP_CORE_H

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <sys/types.h>

#include "pfkeep/agent.h"
#include "pfkeep/owner.h"
#include "pfkeep/record.h"
#include "pfkeep/root.h"
#include "pfkeep/stages.h"
#include "pfkeep/state.h"
#include "pfkeep/vfcache.h"

struct core_config {
	const char *vm_type;  /* of libvirt: "kvm" */
	const char *emulator; /* of PF VMs and of tenants with VFs */
	uid_t qemu_user;      /* that libvirt runs it as */
	const char *image;
	unsigned int memory_mib;
	unsigned int agent_ms;	/* how long a PF VM may take to boot, or do without its agent */
	unsigned int driver_ms; /* and its PF driver after that */
};

/* A domain that asks for what it can't have now. */
struct core_unmet {
	char uuid[UUID_TEXT];
	struct problem why;
	struct core_unmet *next;
};

struct core {
	const struct root *root;
	const struct core_config *config;
	struct state *state;
	virConnectPtr conn;
	struct owner_table *owners;
	struct vfcache *vfs; /* told of new owners; may be NULL */
	struct core_unmet *unmet;
	bool first;	      /* since the host has booted */
	unsigned int starts;  /* that core_may_start() has allowed */
	unsigned int boot_ms; /* instead of the configuration's agent_ms; 0: that */
	/*
	 * Protects state, owners, unmet and starts against core_may_start() and the listings, which
	 * run beside an operation: libvirt waits for a hook's answer while the
	 * operation waits for libvirt. Only the one operation that runs changes
	 * them, so it holds this for the change alone.
	 */
	pthread_mutex_t books;
	/* The agent of a running PF VM; NULL: by libvirt. */
	int (*open_agent)(void *data, virDomainPtr dom, struct agent_link *ret_link,
			  struct problem *problem);
	void *agent_data;
	stages_watch watch; /* may be NULL */
	void *watch_data;
	/*
	 * Told of each change, an object that is its own from then on; may be NULL. Called
	 * with the books locked, so that the order is right: it must not wait.
	 */
	void (*tell)(void *data, struct json_object *event);
	void *tell_data;
};

/* Build the owners from the state. The pointers in core must be set, books needn't. */
int core_load(struct core *core, struct problem *problem);
void core_unload(struct core *core);

/* Told of what can't be mended while the rest goes on. */
typedef void (*core_report)(void *data, const struct problem *problem);

struct core_adopt {
	struct bdf bdf;
	uint16_t vfs;		 /* 0: all that it has */
	unsigned int memory_mib; /* 0: the configuration's */
	const char *image;	 /* NULL: the configuration's */
	const char *name;	 /* NULL: pfkeep-0000-01-00-0 */
};

int core_adopt(struct core *core, const struct core_adopt *how, struct problem *problem);
/* -EBUSY while tenants have VFs of it, unless force takes these from them. */
int core_release(struct core *core, const struct bdf *bdf, bool force, struct problem *problem);
/* -EBUSY while tenants have VFs of it: the hardware changes the number by way of none. */
int core_set_vfs(struct core *core, const struct bdf *bdf, uint16_t vfs, struct problem *problem);

/* Recorded, then applied by the PF VM; what it refuses isn't kept. */
int core_set_vf(struct core *core, const struct bdf *pf, uint16_t index, const struct vfconf *conf,
		struct problem *problem);
/*
 * Give a VF to a domain: its own definition, and the running domain, get a hostdev.
 * index < 0: any free one of the PF. ret_index may be NULL.
 */
int core_assign(struct core *core, const struct bdf *pf, int index, const char *domain,
		uint16_t *ret_index, struct problem *problem);
int core_unassign(struct core *core, const struct bdf *pf, uint16_t index, struct problem *problem);

/*
 * May the domain whose XML this is start? Every VF of an adopted PF in it must be
 * its own, every VF that it asks for must be in it. Its VFs then have a new token,
 * shown to QEMU until core_has_started(). Both call nothing outside but the
 * host's files: libvirt waits for the answer.
 */
int core_may_start(struct core *core, const char *xml, size_t len, struct problem *problem);
/* Or has failed to, or has ended. */
int core_has_started(struct core *core, const char *uuid, struct problem *problem);

/*
 * A PF VM that doesn't run is started, the PF with its driver again, its VFs made
 * and set as recorded: after the VM's death, after the host's reboot.
 */
int core_start_pf(struct core *core, const struct bdf *bdf, struct problem *problem);

/* Its VM ends and starts anew; tenants keep their VFs. */
int core_restart_pf(struct core *core, const struct bdf *bdf, struct problem *problem);

/*
 * The same with another image, which becomes the PF VM's when it serves the same VFs. If
 * it isn't up within boot_ms (0: the configuration's) or doesn't serve them, it goes back
 * to the old one, and says why. So it does after a crash, when the PF VM ends.
 */
int core_upgrade_pf(struct core *core, const struct bdf *bdf, const char *image,
		    unsigned int boot_ms, struct problem *problem);

/*
 * Once, before anything else: finish or take back what a crash interrupted, and
 * start the PF VMs. What can't be mended is told to report, and the rest goes on.
 */
int core_recover(struct core *core, core_report report, void *data, struct problem *problem);

/*
 * A domain that was defined, has stopped or is gone: it gets the VFs that its metadata
 * asks for, and gives back what it doesn't ask for any more (once it is off).
 */
int core_settle_domain(struct core *core, const char *uuid, struct problem *problem);
/* Why it couldn't have all is told once, until the reason is another. */
void core_settle_and_tell(struct core *core, const char *uuid, core_report report, void *data);
int core_settle_all(struct core *core, core_report report, void *data, struct problem *problem);
/* Those that couldn't have what they ask for, when it may be there now. */
void core_settle_unmet(struct core *core, core_report report, void *data);
/* Domains with VFs that libvirt starts with the host, which it couldn't before us. */
void core_autostart(struct core *core, core_report report, void *data);
/* -ENOENT if the domain of this UUID is none. ret_pf may be NULL. */
int core_find_pfvm(const struct core *core, const char *uuid, struct record_pf *ret_pf);
/* If it is a PF VM, it has ended, or nobody can reach it; waits for no operation. */
void core_lost_pfvm(struct core *core, const char *uuid);
/* The PF VM's agent has come (again): see that its VFs are there and set. */
int core_refresh_pf(struct core *core, const struct bdf *bdf, struct problem *problem);

#endif
