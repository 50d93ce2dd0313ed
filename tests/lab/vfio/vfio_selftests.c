// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own selftests of VFIO on a PF that is bound to stock vfio-pci, then
 * on the same PF bound to vfio-pci-sriov: what passes there passes here. Each
 * difference is shown, the better ones too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

#define TEST_TIMEOUT_S 900

static struct lab lab;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static const char *const tests[] = {
	"vfio_dma_mapping_test", "vfio_dma_mapping_mmio_test", "vfio_iommufd_setup_test",
	"vfio_pci_device_test",	 "vfio_pci_driver_test",       "vfio_pci_sriov_uapi_test",
};

static void the_tests_are_there(void **state)
{
	sriov_load(&lab, "module-pfkeep");
	free(lab_run(&lab, 30, "echo 1 >/sys/module/vfio_pci/parameters/enable_sriov"));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		char file[64], to[64], *path;

		snprintf(file, sizeof(file), "selftests/%s", tests[i]);
		snprintf(to, sizeof(to), "/run/%s", tests[i]);
		path = sriov_product("kernel-tools", file);
		free(lab_ctl(&lab, 60, "push", path, to, NULL));
		free(path);
	}
	free(lab_run(&lab, 30, "chmod +x /run/vfio_*"));
}

static void bind(const char *pf, const char *driver)
{
	free(lab_run(&lab, 60,
		     "cd /sys/bus/pci/devices/%s; [ ! -e driver ] || echo %s >driver/unbind\n"
		     "echo %s >driver_override; echo %s >/sys/bus/pci/drivers_probe\n"
		     "[ $(basename $(readlink driver)) = %s ]",
		     pf, pf, driver, pf, driver));
}

/* The verdicts of @test on @pf: "ok NAME", "not ok NAME", a line each, without numbers. */
static char *verdicts(const char *pf, const char *test)
{
	return lab_run(&lab, TEST_TIMEOUT_S + 60,
		       "timeout %d /run/%s %s >/run/out 2>&1 || echo \"# status $?\" >>/run/out\n"
		       "sed -nE 's/^(not )?ok [0-9]+ /\\1ok /p; s/^# (status .*)/\\1/p' /run/out",
		       TEST_TIMEOUT_S, test, pf);
}

static unsigned int count(const char *text, const char *begin)
{
	unsigned int n = 0;

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		n += !strncmp(at, begin, strlen(begin));
	}
	return n;
}

static bool has_line(const char *text, const char *line, size_t len)
{
	for (const char *at = text; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, len) && (at[len] == '\n' || !at[len]))
			return true;
	}
	return false;
}

/* Shows the lines of @here that @there hasn't; true if one of them begins with @begin. */
static bool differs(const char *who, const char *here, const char *there, const char *begin)
{
	bool found = false;

	for (const char *at = here; *at;) {
		size_t len = strcspn(at, "\n");

		if (!has_line(there, at, len)) {
			printf("# only with %s: %.*s\n", who, (int)len, at);
			found |= !strncmp(at, begin, strlen(begin));
		}
		at += len + (at[len] == '\n');
	}
	return found;
}

static bool as_good_as_stock(const char *pf, const char *test)
{
	char *stock, *ours;
	bool worse;

	bind(pf, "vfio-pci");
	stock = verdicts(pf, test);
	bind(pf, "vfio-pci-sriov");
	ours = verdicts(pf, test);
	printf("# %s on %s: vfio-pci %u ok, %u not ok; vfio-pci-sriov %u ok, %u not ok\n", test, pf,
	       count(stock, "ok"), count(stock, "not ok"), count(ours, "ok"),
	       count(ours, "not ok"));
	worse = differs("vfio-pci", stock, ours, "ok");
	differs("vfio-pci-sriov", ours, stock, "");
	if (worse)
		lab_show(&lab, 60, "grep -B 12 '^not ok' /run/out | head -n 100");
	/* a test that runs on neither proves nothing */
	worse |= !count(stock, "ok") && !count(stock, "not ok");
	fflush(stdout);
	free(stock);
	free(ours);
	return !worse;
}

/* @without: NULL, or a test that isn't for this PF */
static void run_all(enum pf_kind kind, const char *without)
{
	char *pf = pf_find(&lab, kind);
	unsigned int worse = 0;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!without || strcmp(tests[i], without) != 0)
			worse += !as_good_as_stock(pf, tests[i]);
	free(pf);
	assert_int_equal(worse, 0);
}

static void igb(void **state)
{
	run_all(PF_IGB, NULL);
}

static void nvme(void **state)
{
	/* the selftests have a driver of their own for some devices, igb among them */
	run_all(PF_NVME, "vfio_pci_driver_test");
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest group[] = {
		cmocka_unit_test(the_tests_are_there),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(group, setup, teardown);
}
