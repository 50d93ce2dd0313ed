// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "pfkeep/stages.h"

struct runner {
	stages_watch watch;
	void *data;
};

static void tell(const struct runner *r, const char *stage, enum stages_event event,
		 const struct problem *problem)
{
	if (r->watch)
		r->watch(r->data, stage, event, problem);
}

/* "...; NAME can't be undone: TEXT" behind what is there. */
static void append_stuck(struct problem *problem, const char *stage, const struct problem *why)
{
	size_t n;

	if (!problem)
		return;
	n = strlen(problem->text);
	snprintf(problem->text + n, sizeof(problem->text) - n, "; %s can't be undone: %.*s", stage,
		 PROBLEM_TEXT / 3, why->text);
}

static void undo(const struct runner *r, const struct stage *stages, size_t n, void *work,
		 struct problem *problem)
{
	while (n--) {
		struct problem why = { "" };

		if (!stages[n].undo)
			continue;
		if (!stages[n].undo(work, &why)) {
			tell(r, stages[n].name, STAGES_UNDONE, NULL);
			continue;
		}
		tell(r, stages[n].name, STAGES_STUCK, &why);
		append_stuck(problem, stages[n].name, &why);
	}
}

int stages_run(const struct stage *stages, size_t n, void *work, stages_watch watch, void *data,
	       struct problem *problem)
{
	const struct runner r = { watch, data };

	for (size_t i = 0; i < n; i++) {
		struct problem why = { "" };
		int ret;

		tell(&r, stages[i].name, STAGES_BEGIN, NULL);
		ret = stages[i].run(work, &why);
		if (!ret) {
			tell(&r, stages[i].name, STAGES_DONE, NULL);
			continue;
		}
		if (!*why.text)
			problem_set(&why, ret, "%s", strerror(-ret));
		tell(&r, stages[i].name, STAGES_FAILED, &why);
		problem_set(problem, ret, "%s: %s", stages[i].name, why.text);
		undo(&r, stages, i, work, problem);
		return ret;
	}
	return 0;
}
