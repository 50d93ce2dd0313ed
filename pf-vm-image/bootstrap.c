// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/bootstrap.h"
#include "pf-vm-image/debian.h"
#include "pf-vm-image/recipe.h"
#include "pf-vm-image/run.h"

#define ARGS_MAX 64

/*
 * Hooks of mmdebstrap, run outside the new root ("$1"). The kernel is fetched,
 * not installed: its maintainer scripts would bring an initramfs generator and
 * all modules. --force-all and no scripts: what goes is only dead weight.
 */
#define FETCH_KERNEL                                                                 \
	"mkdir \"$1/pf-kernel\" && cd \"$1/pf-kernel\" && "                          \
	"APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get download $(APT_CONFIG="       \
	"\"$MMDEBSTRAP_APT_CONFIG\" apt-cache depends --important linux-image-%s | " \
	"sed -n 's/.*Depends: \\(linux-image-[^ ]*\\)/\\1/p' | head -n 1)"
#define DROP_KERNEL "rm -r \"$1/pf-kernel\""
#define DROP_SCRIPTS \
	"cd \"$1/var/lib/dpkg/info\" && rm -f *.prerm *.postrm *.preinst *.postinst *.triggers"

struct args {
	char *list[ARGS_MAX + 1];
	size_t n;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->n == ARGS_MAX) {
		a->failed = true;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&a->list[a->n], fmt, ap) < 0)
		a->failed = true;
	else
		a->n++;
	va_end(ap);
}

static void args_free(struct args *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->list[i]);
}

static void add_joined(struct args *a, const char *head, const char *between,
		       const char *const *words)
{
	char text[4096];
	size_t used = snprintf(text, sizeof(text), "%s", head);

	for (; *words && used < sizeof(text); words++)
		used += snprintf(text + used, sizeof(text) - used, "%s%s", between, *words);
	add(a, "%s", text);
	a->failed |= used >= sizeof(text);
}

static void add_packages(struct args *a, const struct bootstrap *b)
{
	for (const char *const *name = recipe_packages; *name; name++)
		add(a, "--include=%s", *name);
	for (const char *const *name = b->firmware; name && *name; name++)
		add(a, "--include=%s", *name);
	for (const char *const *path = recipe_excluded; *path; path++)
		add(a, "--dpkgopt=path-exclude=%s", *path);
}

static void add_hooks(struct args *a, const struct bootstrap *b)
{
	if (b->want_kernel) {
		add(a, "--customize-hook=" FETCH_KERNEL, debian_architecture());
		add(a, "--customize-hook=copy-out /pf-kernel %s", b->kernel_dir);
		add(a, "--customize-hook=" DROP_KERNEL);
	}
	add(a, "--customize-hook=" DROP_SCRIPTS);
	add_joined(a, "--customize-hook=dpkg --root=\"$1\" --force-all --no-triggers --purge", " ",
		   recipe_purged);
}

static int add_sources(struct args *a, const struct bootstrap *b, struct problem *p)
{
	char *lines[DEBIAN_SOURCES];
	struct aptsrc from;
	size_t n;
	int ret = aptsrc_load("/etc", &from, p);

	if (ret)
		return ret;
	ret = debian_sources(&from, b->suite,
			     b->firmware && *b->firmware ? "main non-free-firmware" : "main", lines,
			     &n);
	aptsrc_free(&from);
	if (ret)
		return problem_set(p, ret, "mmdebstrap: no memory");
	for (size_t i = 0; i < n; i++) {
		add(a, "%s", lines[i]);
		free(lines[i]);
	}
	return 0;
}

int bootstrap_run(const struct bootstrap *b, struct problem *p)
{
	struct args a = { .n = 0 };
	struct run_how how = { .log = b->log, .fills = { b->kernel_dir, b->tmp_dir } };
	int ret;

	add(&a, "mmdebstrap");
	add(&a, "--variant=essential");
	add(&a, "--format=tar");
	add(&a, "--architectures=%s", debian_architecture());
	add_packages(&a, b);
	add_hooks(&a, b);
	add(&a, "%s", b->suite);
	add(&a, "%s", b->tar);
	ret = add_sources(&a, b, p);
	if (!ret && a.failed)
		ret = problem_set(p, -E2BIG, "mmdebstrap: too many packages");
	if (!ret)
		ret = run_program((const char *const *)a.list, &how, p);
	args_free(&a);
	return ret;
}
