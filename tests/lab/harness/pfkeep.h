/* SPDX-License-Identifier: GPL-2.0-only */
/* pfkeep itself, installed in the lab host from its package, as an operator does. */
#ifndef TESTS_LAB_HARNESS_PFKEEP_H
#define TESTS_LAB_HARNESS_PFKEEP_H

#include "tests/lab/harness/lab.h"

/* Where pfkeepd looks for the PF VM's image. */
#define PFKEEP_IMAGE "/var/lib/pfkeep/images/pf-vm"

/* The package, the module and the PF VM's image; pfkeepd runs. */
void pfkeep_install(struct lab *lab);
/* pfkeepd with these options of its own from now on, "" for none. */
void pfkeep_options(struct lab *lab, const char *options);

/*
 * `pfkeep ...` must fail with this exit status and say one line, which holds these
 * words (may be NULL). That line, which the caller frees.
 */
__attribute__((format(printf, 5, 6))) char *pfkeep_fails(struct lab *lab, unsigned int timeout_s,
							 int status, const char *words,
							 const char *format, ...);

#endif
