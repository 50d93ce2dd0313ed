// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's half of a live update, without QEMU: an igb PF and its VFs receive
 * frames of the wire through VFIO and the IOMMU into memory of a program of ours,
 * all the while the kernel is replaced by kexec. The next kernel hands memory and
 * devices back to the same program, which says what came meanwhile.
 */
#include <inttypes.h>
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

#define VFS  3
#define RATE 20 /* frames a second to each device: the ring holds 200 s of them */

static struct lab lab;
static long tsc_khz;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep",
						   .pfs = pfs,
						   .append = "liveupdate=on kho=on" });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

/* Device 0 is the PF: the only receiver, or in pool 7; device n is VF n - 1 in its pool. */
static void send_to(unsigned int device)
{
	unsigned int pool = device ? device - 1 : 7;
	char mac[18], ip[16], id[12], rate[12];

	snprintf(mac, sizeof(mac), "02:70:66:00:00:a%u", pool);
	snprintf(ip, sizeof(ip), "10.77.0.%u", 20 + device);
	snprintf(id, sizeof(id), "%u", 1 + device);
	snprintf(rate, sizeof(rate), "%d", RATE);
	free(lab_ctl(&lab, 30, "wire", "send", "--kind", "send", "--id", id, "--dst", ip, "--mac",
		     mac, "--rate", rate, "--size", "200", NULL));
}

static void push(const char *from, const char *to)
{
	free(lab_ctl(&lab, 60, "push", from, to, NULL));
}

/* As few of the kernel's messages as can be: they would cut the client's in two. */
#define QUIET "loglevel=4"

static char *run_live_update(unsigned int vfs)
{
	char *pf = pf_find(&lab, PF_IGB), *module, leave[160];

	tsc_khz = lab_status_number(&lab, "tsc_khz");
	module = sriov_product("module-pfkeep", "vfio-pci-sriov.ko");
	push(module, "/run/vfio-pci-sriov.ko");
	push("build/lab/liveupdate/lu-client", "/run/lu-client");
	push("build/lab/liveupdate/lu.cpio", "/run/lu.cpio");
	free(lab_run(&lab, 60,
		     "chmod +x /run/lu-client\n"
		     "/run/lu-client --pack /run/vfio-pci-sriov.ko >>/run/lu.cpio\n"
		     "modprobe -a iommufd vfio vfio-pci-core; insmod /run/vfio-pci-sriov.ko\n"
		     "cd /usr/lib/modules/$(uname -r)\n"
		     "kexec -s -l vmlinuz --initrd=/run/lu.cpio --reuse-cmdline --append=\""
		     "lu.driver=vfio-pci-sriov lu.pf=%s lu.vfs=%u " QUIET "\"",
		     pf, vfs));
	for (unsigned int i = 0; i <= vfs; i++)
		send_to(i);
	snprintf(leave, sizeof(leave),
		 "/run/lu-client --driver vfio-pci-sriov --pf %s --vfs %u >/dev/ttyS0 2>&1", pf,
		 vfs);
	lab_leave(&lab, leave);
	free(module);
	free(pf);
	return lab_wait_end(&lab, 180);
}

/* The value of `key` in the line that begins with `mark` and is about `device`. */
static uint64_t value(const char *console, const char *mark, unsigned int device, const char *key)
{
	char line[64];

	snprintf(line, sizeof(line), "%s device=%u ", mark, device);

	char *rest = lab_field(console, line), *text = lab_field(rest, key);
	uint64_t v = strtoull(text, NULL, 10);

	free(text);
	free(rest);
	return v;
}

static uint64_t counted(const char *console, const char *when, unsigned int device, const char *key)
{
	char mark[32];

	snprintf(mark, sizeof(mark), "LU-COUNT when=%s", when);
	return value(console, mark, device, key);
}

/* From the jump to the next kernel's first program, in seconds. */
static double blackout(const char *console)
{
	char *jump = lab_field(console, "LU-JUMP "), *init = lab_field(console, "LU-INIT ");
	double s = (double)(strtoull(init, NULL, 10) - strtoull(jump, NULL, 10)) / tsc_khz / 1000;

	free(jump);
	free(init);
	return s;
}

static void assert_received(const char *console, unsigned int device)
{
	uint64_t meanwhile = counted(console, "arrived", device, "frames=") -
			     counted(console, "before", device, "frames=");

	printf("# device %u: %" PRIu64 " frames in %.2f s without a kernel to see them\n", device,
	       meanwhile, blackout(console));
	/* nothing of what was sent is missing, and it was sent all the time */
	assert_true((double)meanwhile >= blackout(console) * RATE / 2);
	assert_int_equal(counted(console, "finished", device, "gaps="), 0);
	assert_int_equal(counted(console, "finished", device, "doubled="), 0);
	assert_int_equal(counted(console, "finished", device, "damaged="), 0);
	assert_int_equal(value(console, "LU-DAMAGE", device, "bytes="), 0);
}

/* Said before the jump, by the next kernel before it did anything, and at the end. */
static void assert_same_place(const char *console, unsigned int device)
{
	char mark[32], *first, *rest;

	snprintf(mark, sizeof(mark), "LU-PLACE device=%u ", device);
	first = lab_field(console, mark);
	assert_null(strstr(first, "bdf= "));
	rest = strstr(console, mark) + strlen(mark);
	for (int i = 0; i < 2; i++) {
		char *again = lab_field(rest, mark);

		assert_string_equal(again, first);
		free(again);
		rest = strstr(rest, mark) + strlen(mark);
	}
	free(first);
}

static void assert_survived(const char *console, unsigned int devices)
{
	assert_null(strstr(console, "LU-FAIL"));
	assert_non_null(strstr(console, "LU-END"));
	for (unsigned int i = 0; i < devices; i++) {
		assert_received(console, i);
		assert_same_place(console, i);
	}
	assert_non_null(strstr(console, "LU-FAULTS 0"));
	assert_non_null(strstr(console, "LU-COMPLAINTS 0"));
}

static void a_pf_and_its_vfs_receive_all_along(void **state)
{
	char *console = run_live_update(VFS);
	struct bench bench = bench_open();

	assert_survived(console, 1 + VFS);
	bench_row(&bench, "live update without VMs, jump to init", blackout(console), "s");
	assert_int_equal(bench_save(&bench, "live_update_keeps_dma_going"), 0);
	free(console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pf_and_its_vfs_receive_all_along),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
