/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that an operation needs, for tests: libvirt's test driver, a host made of
 * files with one PF of 7 VFs, a scripted agent, a state, two tenants. What QEMU
 * and the kernel make of it is tested in the lab.
 */
#ifndef ORCHESTRATION_TESTING_BED_H
#define ORCHESTRATION_TESTING_BED_H

#include "orchestration/testing/fakeguest.h"
#include "pfkeep/core.h"

#define BED_PF	"0000:01:00.0"
#define BED_VM	"pfkeep-0000-01-00-0"
#define BED_WEB "c7a5fdbd-edaf-9455-926a-d65c16db1809" /* UUID of tenant "web" */
#define BED_SQL "c7a5fdbd-edaf-9455-926a-d65c16db1810" /* and of "sql" */

struct bed {
	struct fakehost host;
	struct fakeguest guest;
	struct core core;
	struct core_config config;
	char state_dir[40];
	struct problem problem; /* of what was done last */
	unsigned int reports;	/* how often bed_report() was told something */
};

extern struct bed bed;
extern const struct bdf bed_pf;

int bed_setup(void **state);
/* The books are in order at the end of every test. */
int bed_teardown(void **state);

/* The daemon's state and books are opened, and opened anew as after its restart. */
void bed_load(void);
void bed_reload(void);
void bed_unload(void);
void bed_report(void *data, const struct problem *why);

/* Define the domain, or define it otherwise; XML in <domain> and in <devices>. */
void bed_define(const char *name, const char *uuid, const char *metadata, const char *devices);
void bed_undefine(const char *name);
void bed_stop(const char *name);
/* Its XML as libvirt's hook gets it; allocated. */
char *bed_xml(const char *name);
int bed_may_start(const char *name);

int bed_adopt(uint16_t vfs);
void bed_must_adopt(uint16_t vfs);
/* The function's attribute; a newline at its end is cut off. */
void bed_read(const char *path, char ret_text[static ROOT_ATTR]);

#endif
