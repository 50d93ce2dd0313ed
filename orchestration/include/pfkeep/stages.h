/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work in several steps as a table. When a stage fails, those before it are
 * undone in reverse and the failure says which stage it was.
 */
#ifndef PFKEEP_STAGES_H
#define PFKEEP_STAGES_H

#include <stddef.h>

#include "pfkeep/problem.h"

struct stage {
	const char *name;
	/* 0, or -errno having left nothing behind. */
	int (*run)(void *work, struct problem *problem);
	/* NULL if there is nothing to undo. */
	int (*undo)(void *work, struct problem *problem);
};

enum stages_event { STAGES_BEGIN, STAGES_DONE, STAGES_FAILED, STAGES_UNDONE, STAGES_STUCK };

/* Told of each step; problem is set for FAILED and STUCK (an undo that failed). */
typedef void (*stages_watch)(void *data, const char *stage, enum stages_event event,
			     const struct problem *problem);

/*
 * What the failing stage returned. An undo that fails doesn't keep the others
 * from being tried; it is told to watch (may be NULL) and named in problem.
 */
int stages_run(const struct stage *stages, size_t n, void *work, stages_watch watch, void *data,
	       struct problem *problem);

#endif
