// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/lab.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lab/harness/proc.h"
#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/rundir.h"

#define LABCTL_ARGS_MAX 32
#define UP_TIMEOUT_S	420
#define DOWN_TIMEOUT_S	60

const char *lab_ctl_path(void)
{
	const char *path = getenv("LABCTL");

	return path ? path : "build/lab/labctl";
}

void lab_diagnose(const char *title, const char *text)
{
	char *copy = strdup(text), *rest = copy;

	for (char *line; copy && (line = strsep(&rest, "\n"));)
		if (line[0])
			printf("# %s%s\n", title, line);
	free(copy);
	fflush(stdout);
}

/* What became of the lab host: labd tells the emulator's faults from the others. */
void lab_explain(const struct lab *lab)
{
	struct json_object *verdict = NULL;
	struct rundir dir;
	char *text;

	if (rundir_open(lab->name, &dir))
		return;
	lab_diagnose("lab: its logs are in ", dir.path);
	if (!rundir_read(&dir, RUNDIR_VERDICT, &text)) {
		lab_diagnose("lab: ", text);
		verdict = json_tokener_parse(text);
		free(text);
	}
	if (!strcmp(jsonline_string(verdict, "verdict", ""), "emulator"))
		lab_diagnose("emulator-failure: ",
			     jsonline_string(verdict, "text", "no reason given"));
	json_object_put(verdict);
	rundir_close(&dir);
}

static int ctl_argv(struct lab *lab, unsigned int timeout_s, bool show, const char *const argv[],
		    struct proc_result *ret_result)
{
	int ret = (show ? proc_show : proc_run)(argv, timeout_s, ret_result);

	if (ret)
		printf("# labctl %s: %s after %u s\n", argv[1], strerror(-ret), timeout_s);
	if (ret || ret_result->status > 125)
		lab_explain(lab);
	return ret;
}

/* Runs lie beside labctl, not beside this program. */
static void use_the_runs_of_labctl(void)
{
	char dir[PATH_MAX], path[PATH_MAX + 4];

	if (!realpath(lab_ctl_path(), dir) || !strrchr(dir, '/'))
		return;
	*strrchr(dir, '/') = '\0';
	snprintf(path, sizeof(path), "%s/run", dir);
	setenv("PFKEEP_RUN", path, 0);
}

int lab_up(struct lab *lab, const struct lab_options *options)
{
	char self[16];
	const char *argv[LABCTL_ARGS_MAX] = { lab_ctl_path(), "up",	  "--name",
					      lab->name,      "--kernel", options->kernel,
					      "--owner",      self };
	unsigned int limit = UP_TIMEOUT_S;
	struct proc_result r;
	size_t n = 8;

	use_the_runs_of_labctl();
	if (getenv("LAB_NAME")) {
		/* One that a person keeps up, to try a scenario again and again. */
		snprintf(lab->name, sizeof(lab->name), "%s", getenv("LAB_NAME"));
		return 0;
	}
	/* The scenario's name: its run is found again, and its next run takes its place. */
	snprintf(lab->name, sizeof(lab->name), "%s", program_invocation_short_name);
	snprintf(self, sizeof(self), "%d", (int)getpid());
	for (size_t i = 0; options->pfs[i] && n < LABCTL_ARGS_MAX - 11; i++) {
		argv[n++] = "--pf";
		argv[n++] = options->pfs[i];
	}
	if (options->cpus) {
		argv[n++] = "--cpus";
		argv[n++] = options->cpus;
	}
	if (options->ram_gib) {
		argv[n++] = "--ram";
		argv[n++] = options->ram_gib;
	}
	if (options->timeout_s) {
		argv[n++] = "--timeout";
		argv[n++] = options->timeout_s;
		limit += (unsigned int)strtoul(options->timeout_s, NULL, 10);
	}
	if (options->append) {
		argv[n++] = "--append";
		argv[n++] = options->append;
	}
	lab->up = true;

	int ret = ctl_argv(lab, limit, false, argv, &r);
	bool ok = !ret && r.status == 0;

	if (!ok) {
		if (r.err)
			lab_diagnose("labctl up: ", r.err);
		lab_explain(lab);
	}
	proc_result_free(&r);
	return ok ? 0 : -1;
}

int lab_down(struct lab *lab)
{
	const char *argv[] = { lab_ctl_path(), "down", "--name", lab->name, NULL };
	struct proc_result r;
	bool ok = true;

	if (lab->up) {
		int ret = proc_run(argv, DOWN_TIMEOUT_S, &r);

		ok = !ret && r.status == 0;
		if (!ok && r.err)
			lab_diagnose("labctl down: ", r.err);
		proc_result_free(&r);
	}
	lab->up = false;
	/* Whatever failed: where it can be looked into, and who was to blame. */
	if (lab->name[0])
		lab_say_runs(lab);
	return ok ? 0 : -1;
}

static int run_script(struct lab *lab, unsigned int timeout_s, bool show, const char *script,
		      struct proc_result *ret_result)
{
	char limit[16];
	const char *argv[] = { lab_ctl_path(), "exec", "--name", lab->name, "--timeout", limit,
			       "--",	       "sh",   "-ec",	 script,    NULL };

	snprintf(limit, sizeof(limit), "%u", timeout_s);
	return ctl_argv(lab, timeout_s + 15, show, argv, ret_result);
}

static char *vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		fail_msg("no memory");
	return text;
}

char *lab_run(struct lab *lab, unsigned int timeout_s, const char *format, ...)
{
	struct proc_result r;
	va_list args;

	va_start(args, format);
	char *script = vformat(format, args);

	va_end(args);
	int ret = run_script(lab, timeout_s, false, script, &r);
	char *out = r.out;

	ret = ret ? ret : r.status;
	if (ret) {
		lab_diagnose("script: ", script);
		lab_diagnose("stdout: ", r.out ? r.out : "");
		lab_diagnose("stderr: ", r.err ? r.err : "");
		lab_explain_guests(lab);
	}
	free(script);
	if (ret) {
		proc_result_free(&r);
		fail_msg("in the lab host: status %d", ret);
	}
	free(r.err);
	return out;
}

int lab_try(struct lab *lab, unsigned int timeout_s, char **ret_output, const char *format, ...)
{
	struct proc_result r;
	va_list args;

	va_start(args, format);
	char *script = vformat(format, args);

	va_end(args);
	int ret = run_script(lab, timeout_s, false, script, &r), status = r.status;

	free(script);
	if (!ret && ret_output && asprintf(ret_output, "%s%s", r.out, r.err) < 0)
		ret = -ENOMEM;
	proc_result_free(&r);
	if (ret) {
		lab_explain_guests(lab);
		fail_msg("in the lab host: %s", strerror(-ret));
	}
	return status;
}

int lab_show(struct lab *lab, unsigned int timeout_s, const char *format, ...)
{
	struct proc_result r;
	va_list args;

	va_start(args, format);
	char *script = vformat(format, args);

	va_end(args);
	int ret = run_script(lab, timeout_s, true, script, &r), status = r.status;

	free(script);
	proc_result_free(&r);
	if (ret)
		fail_msg("in the lab host: %s", strerror(-ret));
	return status;
}

char *lab_ctl(struct lab *lab, unsigned int timeout_s, const char *verb, ...)
{
	const char *argv[LABCTL_ARGS_MAX] = { lab_ctl_path(), verb, "--name", lab->name };
	struct proc_result r;
	size_t n = 4;
	va_list args;

	va_start(args, verb);
	for (char *arg; n < LABCTL_ARGS_MAX - 1 && (arg = va_arg(args, char *));)
		argv[n++] = arg;
	va_end(args);

	int ret = ctl_argv(lab, timeout_s, false, argv, &r), status = r.status;

	if (ret || status) {
		lab_diagnose("labctl: ", r.err ? r.err : "");
		proc_result_free(&r);
		fail_msg("labctl %s: status %d", verb, ret ? ret : status);
	}
	free(r.err);
	return r.out;
}

char *lab_field(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at) {
		lab_diagnose("text: ", text);
		fail_msg("no \"%s\" in it", key);
	}
	at += strlen(key);

	char *value = strndup(at, strcspn(at, "\r\n"));

	assert_non_null(value);
	return value;
}

void lab_leave(struct lab *lab, const char *script)
{
	char *command;

	/* In a scope of its own, so that the end of this session doesn't end it. */
	if (asprintf(&command, "systemd-run -q --no-block sh -c '%s'", script) < 0)
		fail_msg("no memory");
	free(lab_run(lab, 60, "%s", command));
	free(command);
}
