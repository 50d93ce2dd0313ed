// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/lib/client.h"
#include "tests/lab/lib/up.h"
#include "tests/lab/soak/soak.h"

/* Labs beyond those that the boots need, for those that fail. */
#define SPARE_LABS 5

static void show_progress(void *data, const char *text)
{
	struct soak *soak = data;

	snprintf(soak->doing, sizeof(soak->doing), "lab %s: %s", soak->lab, text);
}

/* Labd's word on how a lab ended, in `dir`'s path too; NULL when it gave none. */
static json_object *verdict_of(const char *lab, struct rundir *ret_dir)
{
	json_object *verdict = NULL;
	char *text;

	ret_dir->path[0] = '\0';
	if (rundir_open(lab, ret_dir))
		return NULL;
	rundir_wait_gone(ret_dir);
	if (rundir_read(ret_dir, RUNDIR_VERDICT, &text) == 0) {
		verdict = json_tokener_parse(text);
		free(text);
	}
	rundir_close(ret_dir);
	return verdict;
}

/* A lab that ended unasked, or never came up. labd tells the emulator's faults. */
static void count_lab_failure(struct soak *soak, const char *why)
{
	struct rundir dir;
	json_object *verdict = verdict_of(soak->lab, &dir);

	if (strcmp(jsonline_string(verdict, "verdict", ""), "emulator") == 0) {
		soak->counts.lab_failures++;
		soak_say("emulator failure under lab %s: %s: %s (%s)", soak->lab,
			 jsonline_string(verdict, "signature", "?"),
			 jsonline_string(verdict, "text", "?"), dir.path);
	} else {
		soak->counts.failed++;
		soak_say("FAILED lab %s: %s: %s (%s)", soak->lab, why,
			 jsonline_string(verdict, "text", "no verdict"), dir.path);
	}
	json_object_put(verdict);
}

void soak_lab_wait(const char *name)
{
	struct rundir dir;

	if (rundir_open(name, &dir))
		return;
	rundir_wait_gone(&dir);
	rundir_close(&dir);
}

void soak_lab_down(const char *name)
{
	struct lab_error error;
	struct client client;

	if (client_open(name, &client, &error) == 0) {
		client_call(&client, "down", NULL, NULL, &error);
		client_close(&client);
	}
	soak_lab_wait(name);
}

static int lab_start(struct soak *soak, unsigned int number)
{
	struct lab_error error;
	struct lab_spec spec;
	double start = soak_seconds();
	int err;

	lab_spec_init(&spec);
	spec.append = soak->options.append;
	spec.pfs[0] = LAB_PF_IGB;
	spec.n_pfs = 1;
	snprintf(spec.name, sizeof(spec.name), "soak-%u", number);
	snprintf(soak->lab, sizeof(soak->lab), "%s", spec.name);
	err = lab_up(&spec, show_progress, soak, &error);
	if (err == -EBUSY) {
		/* Somebody else's, and none of our business. */
		soak->lab[0] = '\0';
		soak->counts.failed++;
		soak_say("FAILED: %s", error.text);
	} else if (err < 0) {
		count_lab_failure(soak, error.text);
	} else {
		soak->up = true;
		soak_say("lab %s is up after %.0f s", soak->lab, soak_seconds() - start);
	}
	return err;
}

/* How busy the machine was is half of the figure. */
static double load(void)
{
	double now = 0;

	return getloadavg(&now, 1) == 1 ? now : 0;
}

static void run_groups(struct soak *soak)
{
	for (unsigned int g = 1; g <= soak->options.groups; g++) {
		unsigned int left = soak->options.count - soak->counts.boots;
		double start = soak_seconds();

		if (!left)
			break;
		if (soak_group(soak, soak->lab, left < SOAK_GROUP ? left : SOAK_GROUP) < 0) {
			/* One that is up and answers nothing is ended; its verdict says so. */
			soak_lab_down(soak->lab);
			count_lab_failure(soak, "it failed under its VMs");
			break;
		}
		soak_say("lab %s, group %u: %.0f s, load %.1f; %u of %u boots, emulator failures "
			 "%u",
			 soak->lab, g, soak_seconds() - start, load(), soak->counts.boots,
			 soak->options.count,
			 soak->counts.lab_failures + soak->counts.guest_failures);
	}
}

void soak_campaign(struct soak *soak)
{
	unsigned int per_lab = soak->options.groups * SOAK_GROUP;
	unsigned int labs = (soak->options.count + per_lab - 1) / per_lab + SPARE_LABS;

	for (unsigned int i = 1; i <= labs && soak->counts.boots < soak->options.count; i++) {
		int err = lab_start(soak, i);

		if (err == -EBUSY)
			break;
		if (err)
			continue;
		run_groups(soak);
		soak_lab_down(soak->lab);
		soak->up = false;
		soak->lab[0] = '\0';
	}
}

bool soak_passed(const struct soak *soak)
{
	const struct soak_counts *c = &soak->counts;

	return !c->failed && c->boots == soak->options.count &&
	       (c->lab_failures + c->guest_failures) * 200 <= c->boots;
}
