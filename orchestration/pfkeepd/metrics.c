// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "orchestration/pfkeepd/metrics.h"
#include "orchestration/pfkeepd/service.h"

#define METHODS_MAX 32

static struct {
	atomic_uint_fast64_t calls, failures, nanoseconds;
} counters[METHODS_MAX];

void metrics_count(size_t method, bool failed, uint64_t nanoseconds)
{
	if (method >= METHODS_MAX)
		return;
	atomic_fetch_add(&counters[method].calls, 1);
	atomic_fetch_add(&counters[method].failures, failed);
	atomic_fetch_add(&counters[method].nanoseconds, nanoseconds);
}

static void describe(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

enum figure { FIGURE_VFS, FIGURE_OWNED, FIGURE_READY, FIGURE_PHASE, FIGURES };

static const struct {
	const char *name, *help;
} figures[FIGURES] = {
	[FIGURE_VFS] = { "pfkeep_pf_vfs", "VFs that the PF has" },
	[FIGURE_OWNED] = { "pfkeep_pf_vfs_owned", "VFs of the PF that belong to domains" },
	[FIGURE_READY] = { "pfkeep_pf_ready", "1 while tenants can start on the PF's VFs" },
	[FIGURE_PHASE] = { "pfkeep_pf_adopted", "1 once it is adopted, 0 on its way in or out" },
};

struct printer {
	struct core *core;
	FILE *out;
	enum figure figure;
};

static size_t value_of(struct core *core, enum figure figure, const struct record_pf *pf)
{
	switch (figure) {
	case FIGURE_VFS:
		return pf->vfs;
	case FIGURE_OWNED:
		return owner_count(core->owners, &pf->bdf);
	case FIGURE_READY:
		return owner_is_ready(core->owners, &pf->bdf);
	default:
		return pf->phase == RECORD_ADOPTED;
	}
}

static int print_pf(void *data, const struct record_pf *pf, struct problem *problem)
{
	struct printer *printer = data;
	char name[BDF_TEXT];

	fprintf(printer->out, "%s{pf=\"%s\"} %zu\n", figures[printer->figure].name,
		bdf_format(&pf->bdf, name), value_of(printer->core, printer->figure, pf));
	return 0;
}

static int print_state(struct core *core, FILE *out, struct problem *problem)
{
	struct printer printer = { .core = core, .out = out };
	size_t unmet = 0;
	int ret = 0;

	pthread_mutex_lock(&core->books);
	for (printer.figure = 0; printer.figure < FIGURES && !ret; printer.figure++) {
		describe(out, figures[printer.figure].name, "gauge", figures[printer.figure].help);
		ret = record_each_pf(core->state, print_pf, &printer, problem);
	}
	describe(out, "pfkeep_state_transactions_total", "counter", "changes of the state so far");
	fprintf(out, "pfkeep_state_transactions_total %ju\n", (uintmax_t)state_serial(core->state));
	for (const struct core_unmet *one = core->unmet; one; one = one->next)
		unmet++;
	pthread_mutex_unlock(&core->books);
	describe(out, "pfkeep_domains_unmet", "gauge", "domains that ask for VFs they can't have");
	fprintf(out, "pfkeep_domains_unmet %zu\n", unmet);
	return ret;
}

static void print_methods(FILE *out)
{
	describe(out, "pfkeep_calls_total", "counter", "calls of the daemon's methods");
	for (size_t i = 0; i < service_method_count; i++)
		fprintf(out, "pfkeep_calls_total{method=\"%s\"} %ju\n", service_methods[i].name,
			(uintmax_t)atomic_load(&counters[i].calls));
	describe(out, "pfkeep_calls_failed_total", "counter", "those that failed");
	for (size_t i = 0; i < service_method_count; i++)
		fprintf(out, "pfkeep_calls_failed_total{method=\"%s\"} %ju\n",
			service_methods[i].name, (uintmax_t)atomic_load(&counters[i].failures));
	describe(out, "pfkeep_calls_seconds_total", "counter", "time that they took");
	for (size_t i = 0; i < service_method_count; i++)
		fprintf(out, "pfkeep_calls_seconds_total{method=\"%s\"} %.6f\n",
			service_methods[i].name,
			(double)atomic_load(&counters[i].nanoseconds) / 1e9);
}

int metrics_text(struct core *core, char **ret_text, struct problem *problem)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int ret;

	if (!out)
		return -ENOMEM;
	ret = print_state(core, out, problem);
	print_methods(out);
	if (fclose(out) && !ret)
		ret = -ENOMEM;
	if (ret)
		free(text);
	else
		*ret_text = text;
	return ret;
}
