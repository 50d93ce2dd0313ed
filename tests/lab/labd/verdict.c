// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/verdict.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lab/lib/signature.h"

static const char *const kind_names[] = {
	[VERDICT_DOWN] = "down",	 [VERDICT_START] = "not-started",
	[VERDICT_EMULATOR] = "emulator", [VERDICT_PANIC] = "panic",
	[VERDICT_POWEROFF] = "poweroff", [VERDICT_RESET] = "reset",
	[VERDICT_KILLED] = "killed",	 [VERDICT_TIMEOUT] = "timeout",
};

const char *verdict_kind_name(enum verdict_kind kind)
{
	return kind_names[kind];
}

__attribute__((format(printf, 4, 5))) static void
set(struct verdict *v, enum verdict_kind kind, const char *signature, const char *format, ...)
{
	va_list args;

	v->kind = kind;
	v->signature = signature;
	va_start(args, format);
	vsnprintf(v->text, sizeof(v->text), format, args);
	va_end(args);
}

/* What QEMU said last. */
static void last_line(const char *text, char *line, size_t size)
{
	const char *end = text + strlen(text), *p;

	while (end > text && end[-1] == '\n')
		end--;
	for (p = end; p > text && p[-1] != '\n'; p--)
		;
	signature_copy_line(p, line, size);
	if (!*line)
		snprintf(line, size, "it said nothing");
}

static bool judge_signal(const struct evidence *ev, struct verdict *v)
{
	int sig = WIFSIGNALED(ev->wait_status) ? WTERMSIG(ev->wait_status) : 0;
	char line[160];

	if (!sig)
		return false;
	last_line(ev->qemu_stderr, line, sizeof(line));
	if (sig == SIGKILL || sig == SIGTERM || sig == SIGINT)
		set(v, VERDICT_KILLED, "signal", "QEMU was killed by signal %d (%s)", sig,
		    strsignal(sig));
	else
		set(v, VERDICT_EMULATOR, "qemu-crash", "QEMU crashed: %s: %s", strsignal(sig),
		    line);
	return true;
}

static bool judge_exit(const struct evidence *ev, struct verdict *v)
{
	char line[160];

	if (!WIFEXITED(ev->wait_status) || WEXITSTATUS(ev->wait_status) == 0)
		return false;
	last_line(ev->qemu_stderr, line, sizeof(line));
	if (ev->greeted)
		set(v, VERDICT_EMULATOR, "qemu-exit", "QEMU gave up with status %d: %s",
		    WEXITSTATUS(ev->wait_status), line);
	else
		set(v, VERDICT_START, "qemu-exit", "QEMU did not start: %s", line);
	return true;
}

static bool judge_text(const char *where, const char *text, struct verdict *v)
{
	const struct signature *sig;
	const char *p;
	char line[160];

	sig = signature_find(text, &p);
	if (!sig)
		return false;
	signature_copy_line(p, line, sizeof(line));
	if (sig->class == SIGNATURE_EMULATOR)
		set(v, VERDICT_EMULATOR, sig->name, "%s: %s", where, line);
	else if (sig->class == SIGNATURE_PANIC || sig->class == SIGNATURE_OOPS)
		set(v, VERDICT_PANIC, sig->name, "%s: %s", where, line);
	else
		return false;
	return true;
}

static void judge_timeout(const struct evidence *ev, struct verdict *v)
{
	const struct signature *sig;
	const char *p;

	sig = signature_find(ev->console, &p);
	set(v, VERDICT_TIMEOUT, sig ? sig->name : "none", "the lab host was not ready in time");
}

void verdict_judge(const struct evidence *ev, struct verdict *ret_verdict)
{
	/* Asked to end, QEMU may still have been killed when it was slow at it. */
	if (ev->requested)
		set(ret_verdict, VERDICT_DOWN, "none", "shut down as asked");
	else if (judge_text("QEMU's log", ev->qemu_log, ret_verdict) ||
		 judge_text("console", ev->console, ret_verdict))
		return;
	else if (ev->timed_out)
		judge_timeout(ev, ret_verdict);
	else if (judge_signal(ev, ret_verdict) || judge_exit(ev, ret_verdict))
		return;
	else if (ev->reason && strcmp(ev->reason, "guest-reset") == 0)
		set(ret_verdict, VERDICT_RESET, "guest-reset", "the lab host was reset");
	else
		set(ret_verdict, VERDICT_POWEROFF, ev->reason ? ev->reason : "none",
		    "the lab host switched itself off");
}
