/* SPDX-License-Identifier: GPL-2.0-only */
/* pfkeep itself, installed in the lab host from its package, as an operator does. */
#ifndef TESTS_LAB_HARNESS_PFKEEP_H
#define TESTS_LAB_HARNESS_PFKEEP_H

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/tenant.h"

/* Where pfkeepd looks for the PF VM's image. */
#define PFKEEP_IMAGE "/var/lib/pfkeep/images/pf-vm"

/* The package, the module and the PF VM's image; pfkeepd runs. */
void pfkeep_install(struct lab *lab);
/*
 * The first igb PF in its VM with all of its VFs; tenants that an earlier scenario left are
 * gone. In a lab that is kept up, one adoption serves many scenarios. The caller frees.
 */
char *pfkeep_adopted(struct lab *lab);
/*
 * The same of the first PF of a kind, where pfkeep is installed already; the options are `pf
 * adopt`'s, "" for none.
 */
char *pfkeep_adopt(struct lab *lab, enum pf_kind kind, const char *options);
/* The domain of its PF VM; the caller frees. */
char *pfkeep_pf_vm(struct lab *lab);
/* pfkeepd with these options of its own from now on, "" for none. */
void pfkeep_options(struct lab *lab, const char *options);

/*
 * `pfkeep ...` must fail with this exit status and say one line, which holds these
 * words (may be NULL). That line, which the caller frees.
 */
__attribute__((format(printf, 5, 6))) char *pfkeep_fails(struct lab *lab, unsigned int timeout_s,
							 int status, const char *words,
							 const char *format, ...);

/*
 * Does this when the daemon's events are heard, and waits until these have come in this
 * order, others between them: "pf-lost pf-ready". A word is a pattern for what `pfkeep
 * events` prints, "problem*ended?2?times*". What it printed, which the caller frees.
 */
char *pfkeep_until(struct lab *lab, unsigned int timeout_s, const char *script, const char *events);

/* pfkeepd stands still, so that nobody mends what happens; it goes on. */
void pfkeep_freeze(struct lab *lab);
void pfkeep_thaw(struct lab *lab);

/* Until pfkeepd is up and finds the PF ready: its VM answers, its VFs are set as recorded. */
void pfkeep_wait_ready(struct lab *lab, const char *pf, unsigned int timeout_s);

/* Defines a tenant whose XML asks for this VF of the PF, with this MAC; NULL: as it has it. */
void pfkeep_define(struct lab *lab, struct tenant *tenant, const char *pf, unsigned int vf,
		   const char *mac);
/* Until pfkeepd has put it into the definition, on libvirt's event that there is one. */
void pfkeep_wait_vf(struct lab *lab, const struct tenant *tenant);
/* Both, and then its boot, until it answers on that VF. */
void pfkeep_serve(struct lab *lab, struct tenant *tenant, const char *pf, unsigned int vf,
		  const char *mac);

/*
 * Books, definitions and running domains agree: each VF has one owner, which is who has it
 * in its definition, and nobody else runs with it. While nothing is under way. NULL: each VF of
 * each PF; else there may be none of another PF.
 */
void pfkeep_assert_owners(struct lab *lab, const char *pf);

#endif
