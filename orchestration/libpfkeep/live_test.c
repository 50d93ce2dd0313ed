// SPDX-License-Identifier: GPL-2.0-only
/* What is carried: the VMs that are found, and the record for the next kernel. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"
#include "orchestration/libpfkeep/live_boot.h"

/* A host's /proc and /sys, as far as they are looked at. */
struct host {
	char path[64];
	struct root root;
};

static void make(const struct host *h, const char *path, const char *text, size_t len)
{
	char whole[512];
	int fd;

	snprintf(whole, sizeof(whole), "%s/%s", h->path, path);
	for (char *p = whole + strlen(h->path) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(whole, 0755);
			*p = '/';
		}
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void link_to(const struct host *h, const char *path, const char *target)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s/%s", h->path, path);
	unlink(whole);
	make(h, path, "", 0);
	assert_int_equal(unlink(whole), 0);
	assert_int_equal(symlink(target, whole), 0);
}

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return -1;
	snprintf(h->path, sizeof(h->path), "/tmp/live_test.XXXXXX");
	if (!mkdtemp(h->path) || root_open(h->path, &h->root))
		return -1;
	mkdir(h->path, 0755);
	make(h, "proc/meminfo", "", 0);
	*state = h;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct host *h = *state;
	int ret = nftw(h->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	root_close(&h->root);
	free(h);
	return ret;
}

#define MONITOR                                                         \
	"-chardev\0socket,id=qmp,path=/run/vm.qmp,server=on,wait=off\0" \
	"-mon\0chardev=qmp,mode=control\0"

static void add_process(const struct host *h, int pid, const char *args, size_t len)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	make(h, path, args, len);
	snprintf(path, sizeof(path), "proc/%d/fd/9", pid);
	link_to(h, path, "anon_inode:kvm-vm");
}

static void add_function(const struct host *h, int pid, int fd, const char *bdf, bool vf)
{
	char path[128], text[160];

	snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
	link_to(h, path, "/dev/vfio/devices/vfio0");
	snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, fd);
	snprintf(text, sizeof(text), "pos:\t0\nvfio-device-syspath: /sys/devices/x/%s\n", bdf);
	make(h, path, text, strlen(text));
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", bdf);
	link_to(h, path, "../../../bus/pci/drivers/vfio-pci-sriov");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/physfn", bdf);
	if (vf)
		link_to(h, path, "../0000:01:00.0");
}

#define ADD(h, pid, args) add_process(h, pid, args, sizeof(args) - 1)

static void vms_are_found_those_with_a_pf_first(void **state)
{
	struct host *h = *state;
	struct problem problem = { "" };
	struct live live;

	ADD(h, 10,
	    "/usr/bin/qemu\0-name\0guest=red,debug-threads=on\0-incoming\0file:/x\0" MONITOR);
	add_function(h, 10, 20, "0000:01:10.0", true);
	ADD(h, 20, "/usr/bin/qemu\0-name\0pf\0" MONITOR);
	add_function(h, 20, 20, "0000:01:00.0", false);
	make(h, "proc/30/cmdline", "/bin/sh", 8);
	/* two VFs, one of them nobody's */
	link_to(h, "sys/bus/pci/devices/0000:01:00.0/virtfn0", "../0000:01:10.0");
	link_to(h, "sys/bus/pci/devices/0000:01:00.0/virtfn1", "../0000:01:10.2");
	link_to(h, "sys/bus/pci/devices/0000:01:10.2/driver", "../x/vfio-pci-sriov");
	link_to(h, "sys/bus/pci/devices/0000:01:10.2/physfn", "../0000:01:00.0");
	live_init(&live);
	if (live_find(&h->root, &live, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(live.n_vms, 2);
	assert_string_equal(live.vms[0].name, "pf");
	assert_true(live.vms[0].has_pf);
	assert_string_equal(live.vms[1].name, "red");
	assert_string_equal(live.vms[1].qmp, "/run/vm.qmp");
	assert_int_equal(live.vms[1].argc, 7); /* without -incoming */
	assert_int_equal(live.n_functions, 3);
	assert_string_equal(live.functions[0].bdf, "0000:01:00.0");
	assert_string_equal(live.functions[1].driver, "vfio-pci-sriov");
	assert_true(live.functions[1].vf && live.functions[1].held);
	assert_string_equal(live.functions[2].bdf, "0000:01:10.2");
	assert_false(live.functions[2].held);
	live_release(&live);
}

static void refuses(const struct host *h, const char *words)
{
	struct problem problem = { "" };
	struct live live;

	live_init(&live);
	assert_int_equal(live_find(&h->root, &live, &problem), -EOPNOTSUPP);
	if (!strstr(problem.text, words))
		fail_msg("says nothing of '%s': %s", words, problem.text);
	live_release(&live);
}

static void a_vm_that_cant_be_started_again_is_named(void **state)
{
	struct host *h = *state;

	ADD(h, 10, "/usr/bin/qemu\0-name\0red\0");
	refuses(h, "red (process 10): QEMU has no QMP monitor");
	ADD(h, 10, "qemu\0-name\0red\0" MONITOR);
	refuses(h, "full path");
	ADD(h, 10, "/usr/bin/qemu\0-name\0a/b\0" MONITOR);
	refuses(h, "-name");
	ADD(h, 10, "/usr/bin/qemu\0-name\0red\0-netdev\0tap,id=n,fd=33\0" MONITOR);
	refuses(h, "fd=");
	ADD(h, 10, "/usr/bin/qemu\0-name\0red\0-sandbox\0on,spawn=deny\0" MONITOR);
	refuses(h, "sandbox");
	ADD(h, 10, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	ADD(h, 11, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	refuses(h, "another VM has this name");
}

static void a_device_that_cant_be_carried_is_named(void **state)
{
	struct host *h = *state;

	ADD(h, 10, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	link_to(h, "proc/10/fd/11", "/dev/vfio/12");
	refuses(h, "VFIO group");
	link_to(h, "proc/10/fd/11", "/dev/vfio/devices/vfio3");
	refuses(h, "which function");
}

/* Who has a device without being a VM that we know how to carry. */
static void a_program_with_a_device_is_named(void **state)
{
	struct host *h = *state;

	make(h, "proc/10/cmdline", "/usr/bin/dpdk", 14);
	add_function(h, 10, 5, "0000:01:10.0", true);
	refuses(h, "(process 10)");
}

static const char record[] =
	"{\"version\":1,\"ticks_per_ms\":2600000,\"phases\":[{\"name\":\"check\",\"ticks\":7}],"
	"\"functions\":[{\"bdf\":\"0000:01:00.0\",\"driver\":\"vfio-pci-sriov\",\"vf\":0,\"held\":"
	"1}],"
	"\"vms\":[{\"name\":\"pf\",\"qmp\":\"/run/vm.qmp\",\"argv\":[\"/usr/bin/qemu\",\"-name\","
	"\"pf\"],\"pf\":1,\"cpr\":30,\"state\":9,\"fds\":["
	"{\"number\":30,\"kind\":\"memory\",\"token\":1},"
	"{\"number\":31,\"kind\":\"device\",\"token\":2},"
	"{\"number\":32,\"kind\":\"event\",\"token\":0}]}]}";

static void the_record_comes_back_as_it_was(void **state)
{
	struct problem problem = { "" };
	struct live live, again;
	char *text;

	if (live_record_parse(record, strlen(record), &live, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(live.vms[0].fds[1].kind, LIVE_DEVICE);
	assert_int_equal(live.vms[0].fds[1].number, 31);
	assert_int_equal(live.vms[0].state_token, 9);
	assert_int_equal(live_record_format(&live, &text), 0);
	assert_int_equal(live_record_parse(text, strlen(text), &again, &problem), 0);
	assert_int_equal(again.n_vms, 1);
	assert_string_equal(again.vms[0].argv[2], "pf");
	assert_int_equal(again.vms[0].n_fds, 3);
	assert_string_equal(again.functions[0].driver, "vfio-pci-sriov");
	assert_int_equal(again.phases[0].ticks, 7);
	assert_int_equal(again.ticks_per_ms, 2600000);
	free(text);
	live_release(&live);
	live_release(&again);
}

/* With the first occurrence of one text in the record replaced by another. */
static int parse_with(const char *from, const char *to)
{
	struct problem problem = { "" };
	struct live live;
	char text[2048];
	const char *at = strstr(record, from);
	int ret;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - record), record, to, at + strlen(from));
	ret = live_record_parse(text, strlen(text), &live, &problem);
	if (!ret)
		live_release(&live);
	return ret;
}

static void a_bad_record_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "\"ticks_per_ms\":2600000", "\"ticks_per_ms\":-1" },
		{ "0000:01:00.0", "0000:01:00.9" },
		{ "vfio-pci-sriov", "../../x" },
		{ "\"vf\":0", "\"vf\":2" },
		{ "\"held\":1", "\"held\":\"yes\"" },
		{ "\"name\":\"pf\"", "\"name\":\"../pf\"" },
		{ "\"name\":\"pf\"", "\"name\":\"\"" },
		{ "/run/vm.qmp", "vm.qmp" },
		{ "\"/usr/bin/qemu\"", "\"qemu\"" },
		{ "\"/usr/bin/qemu\"", "\"/usr/bin/qemu\\u0000x\"" },
		{ "\"argv\":[", "\"argv\":[7," },
		{ "\"cpr\":30", "\"cpr\":31" },	      /* a device */
		{ "\"cpr\":30", "\"cpr\":40" },	      /* none of its descriptors */
		{ "\"number\":32", "\"number\":31" }, /* twice */
		{ "\"number\":32", "\"number\":2" },  /* standard error */
		{ "\"number\":32", "\"number\":\"32\"" },
		{ "\"kind\":\"event\"", "\"kind\":\"tap\"" },
		{ "\"token\":2", "\"token\":99999999999" },
		{ "\"vms\":[", "\"vms\":[[]," },
		{ "\"fds\":[", "\"fds\":{}, \"x\":[" },
		{ "\"fds\":[", "\"phases\":[{\"name\":\"stop\"}], \"fds\":[" },
		{ "\"fds\":[", "\"phases\":7, \"fds\":[" },
		{ "\"version\":1", "\"version\":1,\"result\":\"well\"" },
		{ "\"version\":1", "\"version\":1,\"since\":-1" },
		{ "\"version\":1",
		  "\"version\":1,\"failed\":\"a stage with a name that is too long\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_with(bad[i][0], bad[i][1]) != -EBADMSG)
			fail_msg("%s is taken", bad[i][1]);
	assert_int_equal(parse_with("\"version\":1", "\"version\":2"), -EPROTONOSUPPORT);
}

static void a_record_that_is_cut_anywhere_is_refused(void **state)
{
	struct problem problem;
	struct live live;

	for (size_t len = 0; len < strlen(record); len++)
		assert_int_equal(live_record_parse(record, len, &live, &problem), -EBADMSG);
}

static void a_report_has_no_more_than_is_told(void **state)
{
	struct problem problem = { "" };
	struct live live, again;
	char *text;

	assert_int_equal(live_record_parse(record, strlen(record), &live, &problem), 0);
	live_vm_phase_at(&live.vms[0], LIVE_VM_STOP, 9);
	live_phase_at(&live, "save", 10);
	live_phase_at(&live, "save", 11); /* the later counts */
	live.result = LIVE_FAILED;
	snprintf(live.failed, sizeof(live.failed), "save");
	problem_set(&live.why, 0, "pf: QEMU can't save it");
	assert_int_equal(live_record_format_report(&live, &text), 0);
	assert_null(strstr(text, "/usr/bin/qemu"));
	/* and a VM is never started from it */
	assert_int_equal(live_record_parse(text, strlen(text), &again, &problem), -EBADMSG);
	assert_int_equal(live_record_parse_report(text, strlen(text), &again, &problem), 0);
	assert_string_equal(again.vms[0].name, "pf");
	assert_int_equal(again.vms[0].phases[0].ticks, 9);
	assert_int_equal(again.n_phases, 2);
	assert_int_equal(again.phases[1].ticks, 11);
	assert_int_equal(again.result, LIVE_FAILED);
	assert_string_equal(again.failed, "save");
	assert_string_equal(again.why.text, "pf: QEMU can't save it");
	free(text);
	live_release(&live);
	live_release(&again);
}

/* The kernel's log, of a host that is up for longer than any boot takes. */
static void the_boot_is_split_by_what_the_kernel_says(void **state)
{
	struct host *h = *state;
	struct live live;
	uint64_t us;

	assert_true(live_boot_is_init("6,345,1234567,-;Run /init as init process\n", &us));
	assert_int_equal(us, 1234567);
	assert_false(live_boot_is_init("6,345,x,-;Run /init as init process\n", &us));
	assert_false(live_boot_is_init("6,345,1234567,-;Run away\n", &us));
	assert_false(live_boot_is_init("", &us));
	/* it isn't there: all of it is one phase */
	live_init(&live);
	live_phase_at(&live, "preserve", 1);
	live_boot_split(&live, &h->root, live_ticks());
	assert_int_equal(live.n_phases, 2);
	assert_string_equal(live.phases[1].name, "boot");
	make(h, "dev/kmsg", "6,345,1000,-;Run /init as init process\n", 40);
	live_init(&live);
	live.ticks_per_ms = 1000;
	live_phase_at(&live, "preserve", 1);
	live_boot_split(&live, &h->root, live_ticks());
	assert_int_equal(live.n_phases, 4);
	assert_string_equal(live.phases[1].name, "jump");
	assert_string_equal(live.phases[2].name, "kernel");
	assert_int_equal(live.phases[2].ticks - live.phases[1].ticks, 1000);
	assert_string_equal(live.phases[3].name, "init");
	assert_true(live.phases[3].ticks > live.phases[2].ticks);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_HOST(vms_are_found_those_with_a_pf_first),
		ON_A_HOST(a_vm_that_cant_be_started_again_is_named),
		ON_A_HOST(a_device_that_cant_be_carried_is_named),
		ON_A_HOST(a_program_with_a_device_is_named),
		cmocka_unit_test(the_record_comes_back_as_it_was),
		cmocka_unit_test(a_bad_record_is_refused),
		cmocka_unit_test(a_report_has_no_more_than_is_told),
		ON_A_HOST(the_boot_is_split_by_what_the_kernel_says),
		cmocka_unit_test(a_record_that_is_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
