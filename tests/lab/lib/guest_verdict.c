// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/guest_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/lib/signature.h"

/* VM exits between two looks that are no coincidence. */
#define EXIT_LOOP_MIN 1000

struct mark {
	const char *signature;
	const char *text;
};

/* The guest's kernel patches no code and is told not to check the timer. */
static const struct mark console_marks[] = {
	{ "stale-int3", "int3: 0000 [#" },
	{ "timer-check", "IO-APIC + timer doesn't work" },
};

static const struct mark log_marks[] = {
	{ "kvm-internal-error", "KVM internal error. Suberror:" },
	{ "kvm-entry-failed", "KVM: entry failed, hardware error" },
	/* KVM refuses the registers that it gave out itself. */
	{ "kvm-state-refused", "Putting registers after init: Failed to set" },
};

/* A kernel that resets the machine says so first, however quiet it is. */
static const char *const reset_reasons[] = {
	"reboot: Restarting system",
	"reboot: machine restart",
	"Kernel panic - not syncing",
};

/* Signs of user space: from then on a VM may idle as long as it likes. */
static const char *const user_signs[] = { "LAB-", "systemd[1]", "Welcome to " };

static const char *line_of(const char *text, const char *p)
{
	while (p > text && p[-1] != '\n')
		p--;
	return p;
}

static bool found(struct guest_verdict *v, const char *signature, const char *source,
		  const char *line)
{
	v->signature = signature;
	v->source = source;
	signature_copy_line(line, v->text, sizeof(v->text));
	return true;
}

static bool judge_marks(const char *text, const char *source, const struct mark *marks, size_t n,
			struct guest_verdict *v)
{
	for (size_t i = 0; text && i < n; i++) {
		const char *p = strstr(text, marks[i].text);

		if (p)
			return found(v, marks[i].signature, source, line_of(text, p));
	}
	return false;
}

static bool has_any(const char *text, const char *const *signs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(text, signs[i]))
			return true;
	return false;
}

#define HAS_ANY(text, signs) has_any(text, signs, sizeof(signs) / sizeof((signs)[0]))

/* Is this line the reset, or the end by one, of the VM's machine by its guest? */
static bool is_guest_reset(const char *line, const char *name)
{
	char text[512], whose[128];

	signature_copy_line(line, text, sizeof(text));
	snprintf(whose, sizeof(whose), "domain '%.100s'", name);
	return strstr(text, whose) && strstr(text, "guest-reset") &&
	       (strstr(text, "event RESET ") || strstr(text, "event SHUTDOWN "));
}

/*
 * A guest that is reset and had not asked for it has met a triple fault. Without
 * its console nobody can tell.
 */
static bool judge_reset(const struct guest_evidence *ev, struct guest_verdict *v)
{
	if (!ev->events || !ev->console || HAS_ANY(ev->console, reset_reasons))
		return false;
	for (const char *line = ev->events; *line; line += strcspn(line, "\n"), line += *line != 0)
		if (is_guest_reset(line, ev->name))
			return found(v, "triple-fault", "events", line);
	return false;
}

struct look {
	unsigned long long exits;
	const char *state; /* the rest of its line */
	size_t len;
	bool halted;
};

/* The next look in the probe's text; false when there is none, or not all of one. */
static bool next_look(const char **text, struct look *ret_look)
{
	const char *p = strstr(*text, "look exits=");
	char *end;

	if (!p)
		return false;
	ret_look->exits = strtoull(p + strlen("look exits="), &end, 10);
	ret_look->state = end;
	ret_look->len = strcspn(end, "\n");
	ret_look->halted = memmem(end, ret_look->len, "HLT=1", 5);
	*text = end + ret_look->len;
	return ret_look->exits && memmem(end, ret_look->len, "RIP=", 4) &&
	       memmem(end, ret_look->len, "HLT=", 4);
}

/*
 * Two looks that show the same registers, interrupts and accesses to devices. A
 * kernel that halts before its first program has a timer armed, always: when it
 * didn't even leave for the host, that never fired. One that doesn't halt and
 * leaves thousands of times without having executed an instruction is held at it
 * by whoever runs it.
 */
static bool judge_hang(const struct guest_evidence *ev, struct guest_verdict *v)
{
	const char *text = ev->probe;
	struct look first, second;

	if (!text || !ev->console || !next_look(&text, &first) || !next_look(&text, &second) ||
	    first.len != second.len || memcmp(first.state, second.state, first.len) != 0)
		return false;
	if (first.halted && second.exits == first.exits && !HAS_ANY(ev->console, user_signs))
		return found(v, "timer-hang", "probe", line_of(ev->probe, second.state));
	if (!first.halted && second.exits >= first.exits + EXIT_LOOP_MIN)
		return found(v, "exit-loop", "probe", line_of(ev->probe, second.state));
	return false;
}

bool guest_verdict(const struct guest_evidence *ev, struct guest_verdict *ret_verdict)
{
	*ret_verdict = (struct guest_verdict){ .signature = "none", .source = "none" };
	return judge_marks(ev->console, "console", console_marks,
			   sizeof(console_marks) / sizeof(console_marks[0]), ret_verdict) ||
	       judge_marks(ev->log, "log", log_marks, sizeof(log_marks) / sizeof(log_marks[0]),
			   ret_verdict) ||
	       judge_reset(ev, ret_verdict) || judge_hang(ev, ret_verdict);
}
