// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vfio-pci-sriov costs beside stock vfio-pci: an access to config space, and
 * the making of VFs. The limits are vfio_config_bench's; its figures go to
 * build/bench/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/sriov.h"

static struct lab lab;
static struct bench figures;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "igb", "nvme-127", NULL };

	figures = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&figures, "vfio_config_cost");

	return lab_down(&lab) || ret ? -1 : 0;
}

static void the_module_loads(void **state)
{
	sriov_load(&lab, "module-pfkeep");
	free(lab_ctl(&lab, 60, "push", "build/bench/vfio_config_bench", "/run/bench", NULL));
	free(lab_run(&lab, 30,
		     "chmod +x /run/bench\n"
		     "echo 1 >/sys/module/vfio_pci/parameters/enable_sriov"));
}

/* A line of vfio_config_bench: figure, value, unit. */
static void take_row(const char *line)
{
	char figure[128], unit[32] = "";
	double value;

	if (sscanf(line, "%127[^\t]\t%lf\t%31[^\n]", figure, &value, unit) >= 2)
		bench_row(&figures, figure, value, unit);
}

static void run_bench(const char *arguments)
{
	char *output = NULL;
	int status = lab_try(&lab, 900, &output, "/run/bench %s", arguments);

	for (char *rest = output, *line; (line = strsep(&rest, "\n"));) {
		if (!line[0])
			continue;
		printf("# %s\n", line);
		take_row(line);
	}
	free(output);
	assert_int_equal(status, 0);
}

static void accesses_outside_the_capability_cost_nothing(void **state)
{
	/* both igb PFs, one for each driver */
	char *found = lab_run(&lab, 30, "lspci -Dn -d 8086:10c9 | cut -d' ' -f1 | tr '\\n' ' '");
	char arguments[80];

	snprintf(arguments, sizeof(arguments), "access %.64s", found);
	free(found);
	run_bench(arguments);
}

static void make(enum pf_kind kind, const char *numbers)
{
	char *pf = pf_find(&lab, kind), arguments[80];

	snprintf(arguments, sizeof(arguments), "make %s %s", pf, numbers);
	free(pf);
	run_bench(arguments);
}

static void making_igb_vfs_costs_nothing(void **state)
{
	make(PF_IGB, "1 7");
}

static void making_nvme_vfs_costs_nothing(void **state)
{
	make(PF_NVME, "32 127");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_loads),
		cmocka_unit_test(accesses_outside_the_capability_cost_nothing),
		cmocka_unit_test(making_igb_vfs_costs_nothing),
		cmocka_unit_test(making_nvme_vfs_costs_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
