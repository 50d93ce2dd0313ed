// SPDX-License-Identifier: GPL-2.0-only
/*
 * Today's arrangement, as a baseline: the lab host's own igb and nvme drivers
 * run the PFs and libvirt gives VFs to tenants. Nothing of pfkeep is in it. The
 * figures go to build/bench/host_owned_pf_baseline.json; later ones are divided
 * by them.
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
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

/* Ethernet, IPv4 and UDP. */
#define UDP_OVERHEAD 42
/* Frames a second that any VF carries, to search upwards from. */
#define SATURATE_FROM 250

static struct lab lab;
static struct bench bench;

static const struct tenant red = {
	.name = "red",
	.append = "lab.ip=10.77.0.11/24 lab.mac=02:70:66:00:00:01",
};
static const struct tenant blue = {
	.name = "blue",
	.append = "lab.ip=10.77.0.12/24 lab.mac=02:70:66:00:00:02",
};

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "host_owned_pf_baseline");

	return lab_down(&lab) || ret ? -1 : 0;
}

static void start_with_vf(const struct tenant *tenant, const char *pf, unsigned int vf)
{
	char *bdf = pf_vf_bdf(&lab, pf, vf);
	struct tenant with_vf = *tenant;

	with_vf.bdf = bdf;
	tenant_start(&lab, &with_vf);
	free(bdf);
}

static void tenants_run_the_vendor_vf_driver(void **state)
{
	char *pf = pf_find(&lab, PF_IGB);

	free(lab_run(&lab, 60,
		     "modprobe igb; echo 0 >/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", pf));
	pf_host_set_vfs(&lab, pf, 2);
	pf_host_set_mac(&lab, pf, 0, "02:70:66:00:00:01");
	pf_host_set_mac(&lab, pf, 1, "02:70:66:00:00:02");
	start_with_vf(&red, pf, 0);
	start_with_vf(&blue, pf, 1);
	for (int i = 0; i < 2; i++) {
		char *nic = tenant_wait(&lab, i ? &blue : &red, 120, "LAB-NIC ");

		assert_non_null(strstr(nic, "driver=igbvf"));
		assert_non_null(strstr(nic, i ? "02:70:66:00:00:02" : "02:70:66:00:00:01"));
		free(nic);
		free(tenant_wait(&lab, i ? &blue : &red, 60, TENANT_SERVES));
	}
	free(pf);
}

static void wire_reaches_each_tenant(void **state)
{
	static const struct wire_flow flows[] = {
		{ .id = 1, .ip = "10.77.0.11", .rate = 100, .size = 256, .count = 500 },
		{ .id = 2, .ip = "10.77.0.12", .rate = 100, .size = 256, .count = 500 },
	};

	for (int i = 0; i < 2; i++) {
		wire_start(&lab, &flows[i]);

		struct wire_report r = wire_finish(&lab, &flows[i]);

		wire_assert_whole(&r);
		bench_flow(&bench, i ? "wire to second tenant" : "wire to first tenant", &r);
		wire_report_free(&r);
	}
}

/* Both ways at once: what the VF carries, its tenant has to answer. */
static void bench_saturation(const char *figure, unsigned int frames, unsigned int payload)
{
	char name[128];

	snprintf(name, sizeof(name), "%s and back, without loss", figure);
	bench_row(&bench, name, frames, "frames/s");
	bench_row(&bench, name, frames * (payload + UDP_OVERHEAD) * 8 / 1e6, "Mbit/s");
}

static void a_vf_carries_this_much(void **state)
{
	const struct wire_flow small = {
		.id = 3, .ip = "10.77.0.11", .rate = SATURATE_FROM, .size = 64
	};
	const struct wire_flow large = {
		.id = 4, .ip = "10.77.0.11", .rate = SATURATE_FROM, .size = 1400
	};
	unsigned int frames = wire_saturate(&lab, &small);

	assert_true(frames > 0);
	bench_saturation("wire to tenant, small frames", frames, small.size);
	frames = wire_saturate(&lab, &large);
	assert_true(frames > 0);
	bench_saturation("wire to tenant, large frames", frames, large.size);
}

/*
 * The PF driver puts red's VF into VLAN 7: the wire has to tag what is for red,
 * and red, which knows of no VLAN, gets it untagged.
 */
static void a_vfs_vlan_is_on_the_wire_alone(void **state)
{
	struct wire_flow flow = { .id = 5,
				  .ip = "10.77.0.11",
				  .vlan = 7,
				  .mac = "02:70:66:00:00:01",
				  .rate = 100,
				  .size = 256,
				  .count = 200 };
	char *pf = pf_find(&lab, PF_IGB);
	struct wire_report r;

	pf_host_set_vlan(&lab, pf, 0, 7);
	wire_start(&lab, &flow);
	r = wire_finish(&lab, &flow);
	wire_assert_whole(&r);
	wire_report_free(&r);

	flow.vlan = 0;
	wire_start(&lab, &flow);
	r = wire_finish(&lab, &flow);
	assert_int_equal(r.sent, flow.count);
	assert_int_equal(r.received, 0);
	wire_report_free(&r);
	pf_host_set_vlan(&lab, pf, 0, 0);
	free(pf);
}

static void tenants_reach_each_other(void **state)
{
	static const struct tenant green = {
		.name = "green",
		.append = "lab.ip=10.77.0.13/24 lab.mac=02:70:66:00:00:03 lab.job=flow "
			  "lab.peer=10.77.0.11",
	};
	char *pf = pf_find(&lab, PF_IGB);

	/* Blue makes room: its VF goes to a tenant that sends. */
	tenant_destroy(&lab, &blue);
	pf_host_set_mac(&lab, pf, 1, "02:70:66:00:00:03");
	start_with_vf(&green, pf, 1);

	char *report = tenant_wait(&lab, &green, 120, "LAB-FLOW ");
	struct wire_report r = wire_report_parse(report);

	wire_assert_whole(&r);
	bench_flow(&bench, "tenant to tenant", &r);
	wire_report_free(&r);
	free(report);

	char *frames = tenant_wait(&lab, &green, 120, "LAB-SATURATED ");

	assert_true(strtoul(frames, NULL, 10) > 0);
	bench_saturation("tenant to tenant, large frames", (unsigned int)strtoul(frames, NULL, 10),
			 1400);
	free(frames);
	free(pf);
}

static void nvme_vf_keeps_a_tenants_data(void **state)
{
	static const struct tenant store = { .name = "store",
					     .append = "lab.job=nvme-verify",
					     .tools = true };
	char *pf = pf_find(&lab, PF_NVME);

	pf_host_nvme_vf(&lab, pf, 0);
	start_with_vf(&store, pf, 0);

	char *fio = tenant_wait(&lab, &store, 240, "LAB-FIO ");
	double iops = strtod(fio, NULL);
	char *status = tenant_wait(&lab, &store, 30, "LAB-JOB nvme-verify status=");

	assert_string_equal(status, "0");
	assert_true(iops > 0);
	bench_row(&bench, "NVMe VF, verified random writes", iops, "IOPS");
	free(status);
	free(fio);
	free(pf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_run_the_vendor_vf_driver),
		cmocka_unit_test(wire_reaches_each_tenant),
		cmocka_unit_test(a_vf_carries_this_much),
		cmocka_unit_test(a_vfs_vlan_is_on_the_wire_alone),
		cmocka_unit_test(tenants_reach_each_other),
		cmocka_unit_test(nvme_vf_keeps_a_tenants_data),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
