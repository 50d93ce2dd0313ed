// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tenants on VFs of other kinds of PFs than igb see of their PF VM's death and return:
 * one with an NVMe VF writes and verifies all the while, one with a virtio-net VF answers the
 * wire. The death costs neither anything. What the return costs is measured.
 *
 * An NVMe PF's driver resets its controller when it is probed, and in the lab that takes all
 * secondary controllers offline, with their queues and interrupts. pfkeep has no settings for
 * these yet: whoever gave them gives them again, and the tenant's driver is told to begin anew.
 * No request fails if the tenant has the patience to wait for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfvm.h"
#include "tests/lab/harness/served.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/store.h"
#include "tests/lab/harness/vfio.h"

#define READY_S	    300
#define ADOPT_S	    420
#define BOOT_S	    180
#define GONE_S	    5
#define UNTOUCHED_S 5.0 /* what a request may take on a busy machine; one that is lost takes 30 */
#define PATIENCE_MS "600000" /* of the tenant's driver, for which 30 s are usual */

static struct lab lab;
static struct served virtio;
static struct bench bench;
static char *nvme, *nvme_vm;
static struct tenant store = { .name = "store", .append = "", .tools = true };

static int setup(void **state)
{
	/* The wire's first cable is virtio-net's. */
	static const char *const pfs[] = { "virtio-net", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "pf_vm_death_on_nvme");

	if (served_end(&virtio, "pf_vm_death_on_virtio"))
		ret = -1;
	free(nvme);
	free(nvme_vm);
	return lab_down(&lab) || ret ? -1 : 0;
}

static void adopt(const char *pf, unsigned int vfs)
{
	free(lab_run(&lab, ADOPT_S, "udevadm settle; pfkeep pf adopt --vfs %u %s >&2", vfs, pf));
}

/* Queues, interrupts and a namespace for the first VF, as an operator gives them. */
static void give_resources(void)
{
	free(pfvm_run(&lab, &(struct pfvm){ .name = nvme_vm }, "sh -ec '%s' sh 0000:01:00.0 0",
		      pf_nvme_vf_script));
}

static void a_tenant_has_an_nvme_vf(void **state)
{
	pfkeep_install(&lab);
	nvme = pf_find(&lab, PF_NVME);
	nvme_vm = served_pf_vm(nvme);
	free(lab_run(&lab, 60, "modprobe nvme"));
	adopt(nvme, 1);
	give_resources();
	pfkeep_define(&lab, &store, nvme, 0, NULL);
	pfkeep_wait_vf(&lab, &store);
	tenant_boot(&lab, &store);
	free(tenant_wait(&lab, &store, BOOT_S, "LAB-READY"));
	store_await(&lab, store.name);
	free(pfvm_run(&lab, &(struct pfvm){ .name = store.name },
		      "for f in /sys/block/nvme*/queue/io_timeout; do echo " PATIENCE_MS " >$f; "
		      "done"));
}

static double finish(const char *figure, bool stop)
{
	double longest = store_finish(&lab, store.name, stop);
	char name[128];

	snprintf(name, sizeof(name), "%s: longest request", figure);
	printf("# nvme, %s: longest request %.3f s\n", figure, longest);
	fflush(stdout);
	bench_row(&bench, name, longest, "s");
	return longest;
}

static void writes_untouched(const char *figure)
{
	store_begin(&lab, store.name, GONE_S);
	assert_true(finish(figure, false) <= UNTOUCHED_S);
	store_assert_untroubled(&lab, store.name);
}

/* pfkeepd stands still, so that nobody starts it again meanwhile. */
static void its_writes_go_on_when_the_pf_vm_dies(void **state)
{
	assert_non_null(nvme_vm);
	writes_untouched("PF VM runs");
	pfkeep_freeze(&lab);
	store_begin(&lab, store.name, 0);
	domain_kill(&lab, nvme_vm);
	assert_true(finish("PF VM killed", true) <= UNTOUCHED_S);
	store_assert_untroubled(&lab, store.name);
	writes_untouched("PF VM gone");
	assert_int_equal(vfio_num_vfs(&lab, nvme), 1);
}

static void they_wait_for_queues_when_it_returns(void **state)
{
	assert_non_null(nvme_vm);
	store_begin(&lab, store.name, 0);
	pfkeep_thaw(&lab);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));
	give_resources();
	free(pfvm_run(&lab, &(struct pfvm){ .name = store.name },
		      "echo 1 >/sys/class/nvme/nvme0/reset_controller"));
	finish("PF VM returns, queues given again", true);
	writes_untouched("PF VM is back");
	assert_int_equal(vfio_num_vfs(&lab, nvme), 1);
	free(lab_run(&lab, 60, "pfkeep vf list --pf %s | grep ' store'", nvme));
}

static void the_nvme_pf_goes_back(void **state)
{
	assert_non_null(nvme);
	tenant_destroy(&lab, &store);
	tenant_undefine(&lab, &store);
	free(lab_run(&lab, 120, "pfkeep pf release %s >&2", nvme));
}

static void a_tenant_has_a_virtio_net_vf(void **state)
{
	char *pf = pf_find(&lab, PF_VIRTIO_NET);

	free(lab_run(&lab, 60, "modprobe virtio_net"));
	adopt(pf, 2);
	served_begin_on(&virtio, &lab, pf);
}

static void its_frames_come_through_when_the_pf_vm_dies(void **state)
{
	struct wire_flow flow;

	assert_non_null(virtio.pf_vm);
	pfkeep_freeze(&lab);
	flow = served_flow(&virtio, 0);
	domain_kill(&lab, virtio.pf_vm);
	served_finish_whole(&virtio, &flow, "PF VM killed");
	flow = served_flow(&virtio, GONE_S * SERVED_FRAMES);
	served_finish_whole(&virtio, &flow, "PF VM gone");
	assert_int_equal(vfio_num_vfs(&lab, virtio.pf), virtio.vfs);
}

static void its_frames_come_through_when_the_pf_vm_returns(void **state)
{
	struct wire_flow flow;

	assert_non_null(virtio.pf_vm);
	flow = served_flow(&virtio, 0);
	pfkeep_thaw(&lab);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));
	served_finish(&virtio, &flow, "PF VM returns");
	served_as_before(&virtio);
}

static void nothing_is_left_over(void **state)
{
	tenant_destroy(&lab, &virtio.tenant);
	tenant_undefine(&lab, &virtio.tenant);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_has_an_nvme_vf),
		cmocka_unit_test(its_writes_go_on_when_the_pf_vm_dies),
		cmocka_unit_test(they_wait_for_queues_when_it_returns),
		cmocka_unit_test(the_nvme_pf_goes_back),
		cmocka_unit_test(a_tenant_has_a_virtio_net_vf),
		cmocka_unit_test(its_frames_come_through_when_the_pf_vm_dies),
		cmocka_unit_test(its_frames_come_through_when_the_pf_vm_returns),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
