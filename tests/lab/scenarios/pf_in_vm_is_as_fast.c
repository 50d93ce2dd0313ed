// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs that the PF is in a VM: VFs switched on, and what a tenant's VF then
 * carries, first with the PF on the host, then with the PF in a VM, in one lab.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/vm.h"
#include "tests/lab/harness/wire.h"

#define SYS	"/sys/bus/pci/devices"
#define TOKEN	"/run/pfkeep-lab/token"
#define MAC	"02:70:66:00:00:01"
#define RUNS	7
#define FRAMES	250 /* a second, to search upwards from */
#define AT_MOST 1.25

enum where { ON_HOST, IN_VM, N_WHERE };

static struct lab lab;
static struct bench bench;

/* Figures of both ways, for the quotients. */
static struct {
	double enable_igb, enable_nvme, frames, p50, p99, iops;
} figures[N_WHERE];

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static void quotient(const char *figure, double in_vm, double on_host)
{
	char name[128];

	snprintf(name, sizeof(name), "%s, PF in a VM / on the host", figure);
	if (on_host > 0)
		bench_row(&bench, name, in_vm / on_host, "");
}

static int teardown(void **state)
{
	quotient("7 igb VFs on", figures[IN_VM].enable_igb, figures[ON_HOST].enable_igb);
	quotient("32 NVMe VFs on", figures[IN_VM].enable_nvme, figures[ON_HOST].enable_nvme);
	quotient("frames without loss", figures[IN_VM].frames, figures[ON_HOST].frames);
	quotient("round trip, median", figures[IN_VM].p50, figures[ON_HOST].p50);
	quotient("round trip, 99 of 100", figures[IN_VM].p99, figures[ON_HOST].p99);
	quotient("NVMe VF, verified random writes", figures[IN_VM].iops, figures[ON_HOST].iops);

	int ret = bench_save(&bench, "pf_in_vm_is_as_fast");

	return lab_down(&lab) || ret ? -1 : 0;
}

/* The clock without a process that is started for it. The same where the PF is. */
static const char enable_script[] =
	"cd " SYS "/%s; echo 0 >sriov_drivers_autoprobe; echo 0 >sriov_numvfs\n"
	"i=0; while [ $i -lt %d ]; do i=$((i + 1))\n"
	"read -r a rest </proc/uptime; echo %u >sriov_numvfs; read -r b rest </proc/uptime\n"
	"echo 0 >sriov_numvfs; echo $a $b; done";

static int by_size(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

/* Median seconds; frees the text. */
static double enable_seconds(char *text)
{
	double took[RUNS], from, to;
	int n = 0;

	for (char *rest = text, *line; n < RUNS && (line = strsep(&rest, "\n"));)
		if (sscanf(line, "%lf %lf", &from, &to) == 2)
			took[n++] = to - from;
	free(text);
	assert_int_equal(n, RUNS);
	qsort(took, RUNS, sizeof(*took), by_size);
	return took[RUNS / 2];
}

static const char *where_name(enum where where)
{
	return where == IN_VM ? "PF in a VM" : "PF on the host";
}

static void row(enum where where, const char *figure, double value, const char *unit)
{
	char name[128];

	snprintf(name, sizeof(name), "%s, %s", figure, where_name(where));
	bench_row(&bench, name, value, unit);
}

static void measure_wire(enum where where)
{
	const struct wire_flow paced = {
		.id = 10 + where, .ip = "10.77.0.11", .rate = 100, .size = 256, .count = 1000
	};
	const struct wire_flow large = {
		.id = 20 + where, .ip = "10.77.0.11", .rate = FRAMES, .size = 1400
	};
	char name[64];

	wire_start(&lab, &paced);

	struct wire_report r = wire_finish(&lab, &paced);
	struct json_object *rtt;

	wire_assert_whole(&r);
	snprintf(name, sizeof(name), "wire to tenant, %s", where_name(where));
	bench_flow(&bench, name, &r);
	assert_true(json_object_object_get_ex(r.json, "rtt_ns", &rtt));
	figures[where].p50 = (double)json_object_get_int64(json_object_object_get(rtt, "p50"));
	figures[where].p99 = (double)json_object_get_int64(json_object_object_get(rtt, "p99"));
	wire_report_free(&r);
	figures[where].frames = wire_saturate(&lab, &large);
	row(where, "large frames without loss", figures[where].frames, "frames/s");
}

static void nvme_figure(enum where where, char *fio)
{
	figures[where].iops = strtod(fio, NULL);
	row(where, "NVMe VF, verified random writes", figures[where].iops, "IOPS");
	free(fio);
}

static void igb_on_the_host(void **state)
{
	struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };
	char *pf = pf_find(&lab, PF_IGB), *vf;

	free(lab_run(&lab, 60, "modprobe igb; udevadm settle"));
	figures[ON_HOST].enable_igb =
		enable_seconds(lab_run(&lab, 120, enable_script, pf, RUNS, 7));
	row(ON_HOST, "7 igb VFs on", figures[ON_HOST].enable_igb, "s");
	pf_host_set_vfs(&lab, pf, 2);
	pf_host_set_mac(&lab, pf, 0, MAC);
	red.bdf = vf = pf_vf_bdf(&lab, pf, 0);
	tenant_start(&lab, &red);
	free(tenant_wait(&lab, &red, 180, TENANT_SERVES));
	measure_wire(ON_HOST);
	tenant_destroy(&lab, &red);
	free(lab_run(&lab, 60, "echo 0 >" SYS "/%s/sriov_numvfs", pf));
	free(vf);
	free(pf);
}

static void nvme_on_the_host(void **state)
{
	struct tenant store = { .name = "store", .append = "lab.job=nvme-verify", .tools = true };
	char *pf = pf_find(&lab, PF_NVME), *vf;

	free(lab_run(&lab, 60, "modprobe nvme; udevadm settle"));
	figures[ON_HOST].enable_nvme =
		enable_seconds(lab_run(&lab, 240, enable_script, pf, RUNS, 32));
	row(ON_HOST, "32 NVMe VFs on", figures[ON_HOST].enable_nvme, "s");
	pf_host_nvme_vf(&lab, pf, 0);
	store.bdf = vf = pf_vf_bdf(&lab, pf, 0);
	tenant_start(&lab, &store);
	nvme_figure(ON_HOST, tenant_wait(&lab, &store, 240, "LAB-FIO "));
	free(tenant_wait(&lab, &store, 30, "LAB-JOB nvme-verify status=0"));
	free(lab_run(&lab, 60, "echo 0 >" SYS "/%s/sriov_numvfs", pf));
	free(vf);
	free(pf);
}

/* Its PF's address in the guest; both are the caller's. */
static char *boot_pf_vm(struct vm *vm, enum pf_kind kind, char **ret_pf)
{
	*ret_pf = pf_find(&lab, kind);
	sriov_load(&lab, "module-pfkeep");
	vfio_bind(&lab, *ret_pf);
	vfio_make_token(&lab, TOKEN);
	vm->bdf = *ret_pf;
	vm_start(&lab, vm);
	vm_wait_boot(&lab, vm, 1, 180);
	return vm_pf(&lab, vm);
}

static void igb_in_a_vm(void **state)
{
	struct vm owner = { .name = "igbvm", .token_file = TOKEN, .pf = true, .tools = true };
	struct vm red = { .name = "redvm",
			  .token_file = TOKEN,
			  .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };
	char *pf, *guest_pf = boot_pf_vm(&owner, PF_IGB, &pf), *vf;

	figures[IN_VM].enable_igb =
		enable_seconds(vm_run(&lab, &owner, 120, enable_script, guest_pf, RUNS, 7));
	row(IN_VM, "7 igb VFs on", figures[IN_VM].enable_igb, "s");
	free(vm_run(&lab, &owner, 60,
		    "cd " SYS "/%s; echo 2 >sriov_numvfs; nic=$(ls net); ip link set $nic up\n"
		    "chroot /mnt /usr/sbin/ip link set $nic vf 0 mac " MAC,
		    guest_pf));
	red.bdf = vf = pf_vf_bdf(&lab, pf, 0);
	vm_start(&lab, &red);
	free(vm_wait(&lab, &red, 180, TENANT_SERVES));
	measure_wire(IN_VM);
	vm_destroy(&lab, &red);
	vm_destroy(&lab, &owner);
	free(vf);
	free(guest_pf);
	free(pf);
}

static void nvme_in_a_vm(void **state)
{
	struct vm owner = { .name = "nvmevm", .token_file = TOKEN, .pf = true, .tools = true };
	struct vm store = { .name = "storevm",
			    .append = "lab.job=nvme-verify",
			    .token_file = TOKEN,
			    .tools = true };
	char *pf, *guest_pf = boot_pf_vm(&owner, PF_NVME, &pf), *vf;

	figures[IN_VM].enable_nvme =
		enable_seconds(vm_run(&lab, &owner, 240, enable_script, guest_pf, RUNS, 32));
	row(IN_VM, "32 NVMe VFs on", figures[IN_VM].enable_nvme, "s");
	/* the second, as the first one's namespace was handed out */
	free(vm_run(&lab, &owner, 120, "chroot /mnt /bin/sh -ec '%s' sh %s 1", pf_nvme_vf_script,
		    guest_pf));
	store.bdf = vf = pf_vf_bdf(&lab, pf, 1);
	vm_start(&lab, &store);
	nvme_figure(IN_VM, vm_wait(&lab, &store, 240, "LAB-FIO "));
	free(vm_wait(&lab, &store, 30, "LAB-JOB nvme-verify status=0"));
	vm_destroy(&lab, &owner);
	free(vf);
	free(guest_pf);
	free(pf);
}

static void vfs_come_almost_as_fast(void **state)
{
	assert_true(figures[ON_HOST].enable_igb > 0 && figures[ON_HOST].enable_nvme > 0);
	assert_true(figures[IN_VM].enable_igb / figures[ON_HOST].enable_igb <= AT_MOST);
	assert_true(figures[IN_VM].enable_nvme / figures[ON_HOST].enable_nvme <= AT_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(igb_on_the_host),
		cmocka_unit_test(nvme_on_the_host),
		cmocka_unit_test(igb_in_a_vm),
		cmocka_unit_test(nvme_in_a_vm),
		cmocka_unit_test(vfs_come_almost_as_fast),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
