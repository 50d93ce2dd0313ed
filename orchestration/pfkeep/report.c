// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/pfkeep/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct report_phase report_phase(const char *name)
{
	static const struct {
		const char *name;
		struct report_phase phase;
	} phases[] = {
		{ "check", { REPORT_OLD, "look for what is in the way" } },
		{ "load", { REPORT_OLD, "read the next kernel into memory" } },
		{ "stop", { REPORT_OLD, "vCPUs stop" } },
		{ "save", { REPORT_OLD, "QEMU saves its devices' state" } },
		{ "preserve", { REPORT_OLD, "memory and devices to the kernel" } },
		{ "jump", { REPORT_JUMP, "until the next kernel's clock" } },
		{ "kernel", { REPORT_JUMP, "the next kernel, until its init" } },
		{ "init", { REPORT_JUMP, "its init, until the restore" } },
		{ "boot", { REPORT_JUMP, "jump, kernel and init" } },
		{ "carry", { REPORT_JUMP, "no QEMU: the kernels hold it" } },
		{ "retrieve", { REPORT_NEW, "memory and devices come back" } },
		{ "start", { REPORT_NEW, "the next QEMU starts" } },
		{ "attach", { REPORT_NEW, "QEMUs start and open devices" } },
		{ "resume", { REPORT_NEW, "state and devices back, vCPUs run" } },
		{ "finish", { REPORT_NEW, "the kernel lets go" } },
	};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (!strcmp(name, phases[i].name))
			return phases[i].phase;
	if (!strncmp(name, "undo ", 5))
		return (struct report_phase){ REPORT_BACK, "taken back" };
	return (struct report_phase){ REPORT_OLD, "" };
}

/* A stage that is begun after the jump can't be taken back any more. */
static bool jumped(const struct live *live)
{
	for (size_t i = 0; i < live->n_phases; i++) {
		enum report_side side = report_phase(live->phases[i].name).side;

		if (side == REPORT_NEW)
			return true;
	}
	return live->result == LIVE_FAILED && report_phase(live->failed).side == REPORT_NEW;
}

/* VMs that were stopped and didn't come back. */
static size_t lost(const struct live *live)
{
	size_t n = 0;

	for (size_t i = 0; i < live->n_vms; i++) {
		struct live_blackout blackout = live_report_blackout(&live->vms[i]);

		n += blackout.stopped && !blackout.over;
	}
	return n;
}

void report_title(const struct live *live, char *ret_text, size_t size)
{
	const char *s = live->n_vms == 1 ? "" : "s";

	if (live->result == LIVE_DONE)
		snprintf(ret_text, size, "Live update: %zu VM%s went on", live->n_vms, s);
	else if (live->result == LIVE_OPEN)
		snprintf(ret_text, size, "Live update: the next kernel hasn't reported back");
	else if (lost(live))
		snprintf(ret_text, size,
			 "Live update failed in %s: %zu of %zu VM%s didn't come back", live->failed,
			 lost(live), live->n_vms, s);
	else if (jumped(live))
		snprintf(ret_text, size, "Live update failed in %s", live->failed);
	else
		snprintf(ret_text, size, "Live update failed in %s: all VMs run on", live->failed);
}

void report_subtitle(const struct live *live, char *ret_text, size_t size)
{
	time_t since = (time_t)live->since;
	char when[40] = "", took[32];
	struct tm tm;
	int n = 0;

	*ret_text = '\0';
	if (live->since && gmtime_r(&since, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		n = snprintf(ret_text, size, "%s", when);
	if (*live->from)
		n += snprintf(ret_text + n, size - (size_t)n, "%skernel %s%s%s", n ? ", " : "",
			      live->from, *live->to ? " to " : "", live->to);
	report_duration(live_report_ms(live, live_report_begin(live), live_report_end(live)), took,
			sizeof(took));
	n += snprintf(ret_text + n, size - (size_t)n, "%s%s in all", n ? ", " : "", took);
	if (live_report_longest_ms(live) <= 0)
		return;
	report_duration(live_report_longest_ms(live), took, sizeof(took));
	snprintf(ret_text + n, size - (size_t)n, ", longest blackout %s", took);
}

void report_duration(double ms, char *ret_text, size_t size)
{
	if (ms < 0.0005)
		snprintf(ret_text, size, "0 ms");
	else if (ms < 9.995)
		snprintf(ret_text, size, "%.2f ms", ms);
	else if (ms < 999.5)
		snprintf(ret_text, size, "%.0f ms", ms);
	else if (ms < 99995)
		snprintf(ret_text, size, "%.2f s", ms / 1000);
	else
		snprintf(ret_text, size, "%.5g s", ms / 1000);
}

void report_blackout(const struct live *live, const struct live_vm *vm, char *ret_text, size_t size)
{
	struct live_blackout blackout = live_report_blackout(vm);

	if (!blackout.stopped)
		snprintf(ret_text, size, "none");
	else if (!blackout.over)
		snprintf(ret_text, size, live->result == LIVE_OPEN ? "unknown" : "not back");
	else
		report_duration(live_report_ms(live, blackout.from, blackout.to), ret_text, size);
}

void report_name(const struct live_vm *vm, char *ret_text, size_t size)
{
	struct problem printable;

	problem_set(&printable, 0, "%s", vm->name);
	snprintf(ret_text, size, "%.*s", (int)size - 1, printable.text);
}
