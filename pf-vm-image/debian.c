// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf-vm-image/debian.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"

#define DEBIAN_KEYS "/usr/share/keyrings/debian-archive-keyring.gpg"

const char *debian_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "unknown";
#endif
}

int debian_kernel_package(const char *meta, const char *log, char *ret_name, size_t size,
			  struct problem *p)
{
	const char *const argv[] = { "apt-cache", "depends", "--important", meta, NULL };
	char out[4096];
	struct run_how how = { .log = log, .out = out, .size = sizeof(out) };
	const char *at;
	int ret = run_program(argv, &how, p);

	if (ret)
		return ret;
	at = strstr(out, "Depends: linux-image-");
	if (!at) {
		problem_hint(p, "run `apt-get update`");
		return problem_set(p, -ENOENT, "apt: knows no package %s", meta);
	}
	at += strlen("Depends: ");
	snprintf(ret_name, size, "%.*s", (int)strcspn(at, " \n"), at);
	return 0;
}

int debian_download(const char *package, const char *dir, const char *log, char ret_deb[PATH_MAX],
		    struct problem *p)
{
	const char *const argv[] = { "apt-get", "download", package, NULL };
	struct run_how how = { .log = log, .dir = dir, .fills = { dir } };
	char pattern[PATH_MAX + 256];
	glob_t g = { 0 };
	int ret = run_program(argv, &how, p);

	if (ret)
		return ret;
	snprintf(pattern, sizeof(pattern), "%s/%s_*.deb", dir, package);
	if (glob(pattern, 0, NULL, &g))
		ret = problem_set(p, -ENOENT, "apt: didn't fetch %s", package);
	else
		snprintf(ret_deb, PATH_MAX, "%s", g.gl_pathv[0]);
	globfree(&g);
	return ret;
}

static char *source_line(const struct aptsrc_archive *from, const char *suite, const char *suffix,
			 const char *components)
{
	const char *keys = from->signed_by;
	char *line;

	if (!keys && !access(DEBIAN_KEYS, R_OK))
		keys = DEBIAN_KEYS;
	if (asprintf(&line, "deb %s%s%s%s %s%s %s", keys ? "[signed-by=" : "", keys ?: "",
		     keys ? "] " : "", from->uri, suite, suffix, components) < 0)
		return NULL;
	return line;
}

int debian_sources(const struct aptsrc *a, const char *suite, const char *components,
		   char *ret_lines[DEBIAN_SOURCES], size_t *ret_n)
{
	size_t n = 0;

	ret_lines[n++] = source_line(&a->debian, suite, "", components);
	ret_lines[n++] = source_line(&a->debian, suite, "-updates", components);
	if (a->security.uri)
		ret_lines[n++] = source_line(&a->security, suite, "-security", components);
	*ret_n = n;
	for (size_t i = 0; i < n; i++) {
		if (ret_lines[i])
			continue;
		for (i = 0; i < n; i++)
			free(ret_lines[i]);
		return -ENOMEM;
	}
	return 0;
}
