// SPDX-License-Identifier: GPL-2.0-only
/* Telling the emulator's failures under the lab host's VMs from the test's own. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/lib/consoles.h"
#include "tests/lab/lib/guests.h"

#define SAID_MAX 32

/* What was said already: at the end only what no failed test has told. */
static char said[SAID_MAX][128];
static size_t n_said;

static bool is_news(const char *name, const char *signature)
{
	char what[128];

	snprintf(what, sizeof(what), "%s %s", name, signature);
	for (size_t i = 0; i < n_said; i++)
		if (strcmp(said[i], what) == 0)
			return false;
	if (n_said < SAID_MAX)
		snprintf(said[n_said++], sizeof(said[0]), "%s", what);
	return true;
}

static void say(void *data, const char *name, const struct guest_verdict *verdict)
{
	const struct rundir *dir = data;
	char text[700];

	is_news(name, verdict->signature);
	snprintf(text, sizeof(text), "VM %s: %s: %s: %s", name, verdict->signature, verdict->source,
		 verdict->text);
	lab_diagnose("emulator-failure: ", text);
	lab_diagnose("its logs are in ", dir->path);
}

static void say_news(void *data, const char *name, const struct guest_verdict *verdict)
{
	if (is_news(name, verdict->signature))
		say(data, name, verdict);
}

/* Every test that fails behind it may have failed for it. */
void lab_explain_guests(const struct lab *lab)
{
	struct rundir dir;

	if (rundir_open(lab->name, &dir))
		return;
	consoles_collect(lab->name, &dir);
	guests_judge(&dir, say, &dir);
	rundir_close(&dir);
}

void lab_say_runs(const struct lab *lab)
{
	struct rundir dir;

	if (rundir_open(lab->name, &dir))
		return;
	lab_diagnose("lab: its logs are in ", dir.path);
	guests_judge(&dir, say_news, &dir);
	rundir_close(&dir);
}
