// SPDX-License-Identifier: GPL-2.0-only
/*
 * `pfkeep pf restart --image` under traffic from the wire to a tenant: an image that can't
 * boot costs the tenant no more than the old one's return, and the PF VM has the old one
 * again; one that serves is kept. The tenant boots once, and what is set for its VF stays.
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
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

#define MAC	"02:70:66:00:00:01"
#define NEW	"/var/lib/pfkeep/images/new"
#define BAD	"/var/lib/pfkeep/images/bad"
#define MARK	"lab.image=new"
#define FRAMES	50 /* a second */
#define BAD_S	20 /* what the image that can't boot gets; the old one isn't asked for less */
#define READY_S 420
#define AGAIN_S 20

static struct lab lab;
static struct bench bench;
static char *pf, *pf_vm;
static unsigned int flows;
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "pf_vm_upgrade");

	free(pf);
	free(pf_vm);
	return lab_down(&lab) || ret ? -1 : 0;
}

/* The new image says so on its kernel's command line; the bad one's initrd is none. */
static void a_tenant_is_served(void **state)
{
	pf = pfkeep_adopted(&lab);
	pf_vm = pfkeep_pf_vm(&lab);
	free(lab_run(&lab, 60,
		     "for i in " NEW " " BAD "; do mkdir -p $i; ln -sf " PFKEEP_IMAGE
		     "/* $i; done\n"
		     "rm " NEW "/manifest.json " BAD "/initrd; echo nothing >" BAD "/initrd\n"
		     "sed 's/console=ttyS0/& " MARK "/' " PFKEEP_IMAGE "/manifest.json "
		     ">" NEW "/manifest.json; grep -q " MARK " " NEW "/manifest.json"));
	pfkeep_serve(&lab, &red, pf, 0, MAC);
}

static struct wire_flow begin(unsigned int count)
{
	struct wire_flow flow = {
		.id = 10 + flows++, .ip = "10.77.0.11", .rate = FRAMES, .size = 128, .count = count
	};

	wire_start(&lab, &flow);
	return flow;
}

static void finish(const struct wire_flow *flow, const char *figure)
{
	struct wire_report r = wire_finish(&lab, flow);

	printf("# %s: %lld of %lld frames lost, longest silence %.2f s\n", figure,
	       (long long)r.lost, (long long)r.sent, (double)r.gap_ns / 1e9);
	fflush(stdout);
	bench_flow(&bench, figure, &r);
	wire_report_free(&r);
}

/* Soon, as igbvf looks each 2 s; then without a loss. */
static void the_tenant_is_as_it_was(void)
{
	struct wire_flow flow = begin(AGAIN_S * FRAMES);
	struct wire_report r = wire_finish(&lab, &flow);

	assert_true(r.received > 0);
	wire_report_free(&r);
	flow = begin(5 * FRAMES);
	r = wire_finish(&lab, &flow);
	wire_assert_whole(&r);
	wire_report_free(&r);
	free(lab_run(&lab, 60,
		     "[ $(grep -ac '" TENANT_SERVES "' /run/pfkeep-lab/consoles/red.log) = 1 ]\n"
		     "pfkeep vf list --pf %s | grep ' red'; [ $(pfkeep vf list --pf %s | "
		     "grep -c %s/) = 7 ]",
		     pf, pf, pf));
}

/* What runs, and what starts next. */
static void the_image_is(const char *path)
{
	free(lab_run(&lab, 60,
		     "for o in '' --inactive; do virsh -q dumpxml $o %s | "
		     "grep -q '<kernel>%s/vmlinuz'; done",
		     pf_vm, path));
}

static void an_image_that_cant_boot_gives_way_to_the_old_one(void **state)
{
	struct wire_flow flow = begin(0);

	free(pfkeep_fails(&lab, READY_S, 1, "guest agent",
			  "pf restart --image " BAD " --timeout %d %s", BAD_S, pf));
	finish(&flow, "pf restart with an image that can't boot");
	the_image_is(PFKEEP_IMAGE);
	the_tenant_is_as_it_was();
}

static void one_that_isnt_there_is_refused(void **state)
{
	struct wire_flow flow = begin(0);
	struct wire_report r;

	free(pfkeep_fails(&lab, 60, 1, "No such file", "pf restart --image /nowhere %s", pf));
	r = wire_finish(&lab, &flow);
	wire_assert_whole(&r);
	wire_report_free(&r);
	the_image_is(PFKEEP_IMAGE);
}

static void one_that_serves_is_kept(void **state)
{
	struct wire_flow flow = begin(0);

	free(lab_run(&lab, READY_S, "pfkeep pf restart --image " NEW " %s", pf));
	finish(&flow, "pf restart with a new image");
	the_image_is(NEW);
	free(lab_run(&lab, 60, "virsh -q dumpxml %s | grep -q " MARK, pf_vm));
	the_tenant_is_as_it_was();
}

static void nothing_is_left_over(void **state)
{
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(an_image_that_cant_boot_gives_way_to_the_old_one),
		cmocka_unit_test(one_that_isnt_there_is_refused),
		cmocka_unit_test(one_that_serves_is_kept),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
