// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/lib/consoles.h"
#include "tests/lab/lib/guest_xml.h"
#include "tests/lab/lib/guests.h"
#include "tests/lab/lib/session.h"
#include "tests/lab/soak/soak.h"

/* Beyond the time that the VMs have: for virsh, and to look at those that hang. */
#define SLACK_S 120

/* What a VM prints on its way from its kernel to its end. */
static const char *const marks[] = { "LAB-READY ", "LAB-TIMER ", "LAB-JOB timer status=0" };

/*
 * $1... are the VMs, $limit the seconds that they have. Each ends itself: QEMU's
 * SHUTDOWN is waited for. One that is still there then is looked at and ended.
 */
static const char run_script[] = GUEST_PROBE
	"cd /run/pfkeep-lab\n"
	"for vm; do virsh -q create $vm.xml >&2 & done; wait\n"
	"ends=\"event SHUTDOWN .*domain '($(echo $* | tr ' ' '|'))'.*guest.:true\"\n"
	"timeout $limit tail -n +1 -F consoles/" CONSOLES_EVENTS " 2>/dev/null |"
	" grep -m $# -E \"$ends\" >ended || :\n"
	"for vm; do grep -q \"'$vm'\" ended || { probe $vm; virsh -q destroy $vm >&2; } & done\n"
	"wait\n";

struct text {
	size_t len;
	char data[4096];
};

/* The end of it is dropped when it is too much. */
static int keep(void *data, const uint8_t *bytes, size_t len)
{
	struct text *text = data;
	size_t room = sizeof(text->data) - 1 - text->len;

	len = len < room ? len : room;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
	return 0;
}

static int run_in_lab(const char *lab, const char *script, unsigned int timeout_s,
		      struct text *ret_said)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct session_io io = { .in_fd = -1,
				 .signal_fd = -1,
				 .out = keep,
				 .err = keep,
				 .data = ret_said,
				 .timeout_ms = timeout_s * 1000 };
	struct session_result result;
	struct lab_error error;
	int err = session_exec(lab, NULL, argv, NULL, &io, &result, &error);

	if (err)
		soak_say("lab %s: %s", lab, error.text);
	return err;
}

static void name_of(unsigned int boot, char name[16])
{
	snprintf(name, 16, "vm%u", boot);
}

/* Writes the VMs' descriptions, then runs them. */
static int boot_group(const struct soak *soak, const char *lab, unsigned int first, unsigned int n,
		      struct text *ret_said)
{
	char script[SOAK_GROUP * (GUEST_XML_MAX + 128) + sizeof(run_script) + 256];
	char xml[GUEST_XML_MAX], name[16], names[SOAK_GROUP * 16] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct guest_xml guest = { .name = name, .append = "lab.job=timer" };
		int err;

		name_of(first + i, name);
		err = guest_xml(&guest, xml);
		if (err)
			return err;
		len += (size_t)snprintf(script + len, sizeof(script) - len,
					"cat >/run/pfkeep-lab/%s.xml <<'XML'\n%s\nXML\n", name,
					xml);
		snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", name);
	}
	snprintf(script + len, sizeof(script) - len, "limit=%u; set --%s\n%s",
		 soak->options.limit_s, names, run_script);
	return run_in_lab(lab, script, soak->options.limit_s + SLACK_S, ret_said);
}

static bool ended_cleanly(const struct guest_evidence *ev)
{
	char end[80];

	snprintf(end, sizeof(end), "domain '%s': {\"guest\":true,\"reason\":\"guest-shutdown\"}",
		 ev->name);
	return ev->events && strstr(ev->events, end);
}

/* What it did not do, or NULL. */
static const char *what_is_missing(const struct guest_evidence *ev)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (!ev->console || !strstr(ev->console, marks[i]))
			return marks[i];
	return ended_cleanly(ev) ? NULL : "guest-shutdown";
}

static void judge(struct soak *soak, const struct rundir *dir, unsigned int boot,
		  const struct text *said)
{
	struct guest_verdict verdict;
	struct guest_evidence ev;
	const char *missing;
	char name[16];

	name_of(boot, name);
	guests_read(dir, name, &ev);
	missing = what_is_missing(&ev);
	if (guest_verdict(&ev, &verdict)) {
		soak->counts.guest_failures++;
		soak_say("emulator failure under %s: %s: %s: %s (%s)", name, verdict.signature,
			 verdict.source, verdict.text, dir->path);
	} else if (missing) {
		soak->counts.failed++;
		soak_say("FAILED %s: no '%s'; see %s%s%s", name, missing, dir->path,
			 said->len ? "\n" : "", said->data);
	}
	soak->counts.boots++;
	guests_free(&ev);
}

int soak_group(struct soak *soak, const char *lab, unsigned int n)
{
	unsigned int first = soak->counts.boots + 1;
	double start = soak_seconds();
	struct text said = { 0 };
	struct rundir dir;
	int err;

	snprintf(soak->doing, sizeof(soak->doing), "VMs %u to %u of %u boot", first, first + n - 1,
		 soak->options.count);
	err = boot_group(soak, lab, first, n, &said);
	if (err)
		return err;
	err = rundir_open(lab, &dir);
	if (err)
		return err;
	soak->boot_s += soak_seconds() - start;
	consoles_collect(lab, &dir);
	/* A lab that ended just now gave nothing: that is its failure, not the VMs'. */
	if (rundir_alive(&dir))
		for (unsigned int i = 0; i < n; i++)
			judge(soak, &dir, first + i, &said);
	else
		err = -EPIPE;
	rundir_close(&dir);
	return err;
}
