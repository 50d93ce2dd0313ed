/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures in Prometheus' text format. */
#ifndef PFKEEPD_METRICS_H
#define PFKEEPD_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "pfkeep/core.h"

/* A call of the method that is number i in service_methods has ended. */
void metrics_count(size_t method, bool failed, uint64_t nanoseconds);
/* Allocated. Takes the books' lock. */
int metrics_text(struct core *core, char **ret_text, struct problem *problem);

#endif
