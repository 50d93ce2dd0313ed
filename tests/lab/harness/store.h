/* SPDX-License-Identifier: GPL-2.0-only */
/* A tenant with an NVMe VF and the lab host's tools, which writes while things happen. */
#ifndef TESTS_LAB_HARNESS_STORE_H
#define TESTS_LAB_HARNESS_STORE_H

#include "tests/lab/harness/lab.h"

/* Until its namespace is there and takes a write. */
void store_await(struct lab *lab, const char *tenant);
/*
 * It writes and verifies, for so many seconds, or, if 0, until it is told to end; at a pace
 * that leaves the machine to others, as what one request takes is what is looked at.
 */
void store_begin(struct lab *lab, const char *tenant, unsigned int seconds);
/* The longest that a request took, in seconds. None failed, none came back as another. */
double store_finish(struct lab *lab, const char *tenant, bool stop);
/* Its driver has had nothing to mend since it began to write. */
void store_assert_untroubled(struct lab *lab, const char *tenant);

#endif
