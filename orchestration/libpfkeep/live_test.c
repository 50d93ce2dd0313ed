// SPDX-License-Identifier: GPL-2.0-only
/* What is carried: the VMs that are found, and the record for the next kernel. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/live_boot.h"
#include "orchestration/libpfkeep/vmm_model.h"
#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"

static struct fakehost host;

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_file(&host, "proc/meminfo", "");
	return 0;
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

#define MONITOR                                                         \
	"-chardev\0socket,id=qmp,path=/run/vm.qmp,server=on,wait=off\0" \
	"-mon\0chardev=qmp,mode=control\0"

static void add_process(int pid, const char *args, size_t len)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	fakehost_file_bytes(&host, path, args, len);
	snprintf(path, sizeof(path), "proc/%d/fd/9", pid);
	fakehost_link(&host, path, "anon_inode:kvm-vm");
}

static void add_function(int pid, int fd, const char *bdf, bool vf)
{
	char path[128], text[160];

	snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
	fakehost_link(&host, path, "/dev/vfio/devices/vfio0");
	snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, fd);
	snprintf(text, sizeof(text), "pos:\t0\nvfio-device-syspath: /sys/devices/x/%s\n", bdf);
	fakehost_file(&host, path, text);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", bdf);
	fakehost_link(&host, path, "../../../bus/pci/drivers/vfio-pci-sriov");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/physfn", bdf);
	if (vf)
		fakehost_link(&host, path, "../0000:01:00.0");
}

#define ADD(pid, args) add_process(pid, args, sizeof(args) - 1)

static void vms_are_found_those_with_a_pf_first(void **state)
{
	struct problem problem = { "" };
	struct live live;

	ADD(10, "/usr/bin/qemu\0-name\0guest=red,debug-threads=on\0-incoming\0file:/x\0" MONITOR);
	add_function(10, 20, "0000:01:10.0", true);
	ADD(20, "/usr/bin/qemu\0-name\0pf\0" MONITOR);
	add_function(20, 20, "0000:01:00.0", false);
	fakehost_file_bytes(&host, "proc/30/cmdline", "/bin/sh", 8);
	/* two VFs, one of them nobody's */
	fakehost_link(&host, "sys/bus/pci/devices/0000:01:00.0/virtfn0", "../0000:01:10.0");
	fakehost_link(&host, "sys/bus/pci/devices/0000:01:00.0/virtfn1", "../0000:01:10.2");
	fakehost_link(&host, "sys/bus/pci/devices/0000:01:10.2/driver", "../x/vfio-pci-sriov");
	fakehost_link(&host, "sys/bus/pci/devices/0000:01:10.2/physfn", "../0000:01:00.0");
	live_init(&live);
	if (live_find(&host.root, &live, &problem))
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

#define LIBVIRTS                                                                           \
	"-object\0{\"qom-type\":\"secret\",\"file\":\"/var/lib/libvirt/qemu/domain-1-red/" \
	"master-key.aes\"}\0"

/* Its monitor is a descriptor, it may start no program, and has its VF by a group. */
static void a_domain_of_libvirts_is_found(void **state)
{
	struct problem problem = { "" };
	struct live live;

	ADD(10, "/usr/bin/qemu\0-name\0guest=red,debug-threads=on\0-S\0-incoming\0defer\0" LIBVIRTS
		"-sandbox\0on,spawn=deny\0-chardev\0socket,id=charmonitor,fd=32,server=on\0");
	fakehost_link(&host, "proc/10/fd/11", "/dev/vfio/12");
	add_function(10, 20, "0000:01:10.0", true);
	live_init(&live);
	if (live_find(&host.root, &live, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(live.n_vms, 1);
	assert_string_equal(live.vms[0].name, "red");
	assert_non_null(live.vms[0].domain);
	assert_true(live.vms[0].by_group);
	assert_string_equal(live.vms[0].argv[3], "-object"); /* without -S and -incoming */
	live_release(&live);
}

static void refuses(const char *words)
{
	struct problem problem = { "" };
	struct live live;

	live_init(&live);
	assert_int_equal(live_find(&host.root, &live, &problem), -EOPNOTSUPP);
	if (!strstr(problem.text, words))
		fail_msg("says nothing of '%s': %s", words, problem.text);
	live_release(&live);
}

static void a_vm_that_cant_be_started_again_is_named(void **state)
{
	ADD(10, "/usr/bin/qemu\0-name\0red\0");
	refuses("red (process 10): QEMU has no QMP monitor");
	ADD(10, "qemu\0-name\0red\0" MONITOR);
	refuses("full path");
	ADD(10, "/usr/bin/qemu\0-name\0a/b\0" MONITOR);
	refuses("-name");
	ADD(10, "/usr/bin/qemu\0-name\0red\0-netdev\0tap,id=n,fd=33\0" MONITOR);
	refuses("fd=");
	ADD(10, "/usr/bin/qemu\0-name\0red\0-sandbox\0on,spawn=deny\0" MONITOR);
	refuses("sandbox");
	ADD(10, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	ADD(11, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	refuses("another VM has this name");
	ADD(11, "/usr/bin/qemu\0-name\0blue\0-netdev\0user,id=n\0" LIBVIRTS);
	refuses("it has a network backend of the host");
}

static void a_device_that_cant_be_carried_is_named(void **state)
{
	ADD(10, "/usr/bin/qemu\0-name\0red\0" MONITOR);
	fakehost_link(&host, "proc/10/fd/11", "/dev/vfio/12");
	refuses("VFIO group");
	fakehost_link(&host, "proc/10/fd/11", "/dev/vfio/devices/vfio3");
	refuses("which function");
}

/* Who has a device without being a VM that we know how to carry. */
static void a_program_with_a_device_is_named(void **state)
{
	fakehost_file_bytes(&host, "proc/10/cmdline", "/usr/bin/dpdk", 14);
	add_function(10, 5, "0000:01:10.0", true);
	refuses("(process 10)");
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

static const char domain[] =
	"\"domain\":{\"uuid\":\"9f0c2f6e-3b1d-4a55-8e0a-0123456789ab\",\"pid\":77,\"ends\":1,"
	"\"status\":\"<domstatus pid='77'/>\",\"uid\":64055,\"gid\":104,\"umask\":18,"
	"\"caps\":0,\"groups\":[104,105],\"env\":[\"LC_ALL=C\",\"QEMU_CPR_EXEC_STATE=9\",\"HOME=/"
	"x\"],\"machine\":{\"path\":\"/m\"}},\"fds\":["
	"{\"number\":40,\"kind\":\"listen\",\"token\":0,\"path\":\"/run/a\",\"flags\":0},"
	"{\"number\":41,\"kind\":\"file\",\"token\":0,\"path\":\"/run/b\",\"flags\":1},";

static int parse_with(const char *from, const char *to);

static void a_domain_of_libvirts_comes_back_as_it_was(void **state)
{
	struct problem problem = { "" };
	struct live live, again;
	char text[4096], *said;
	const char *at = strstr(record, "\"fds\":[");

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - record), record, domain,
		 at + strlen("\"fds\":["));
	if (live_record_parse(text, strlen(text), &live, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(live_record_format(&live, &said), 0);
	assert_int_equal(live_record_parse(said, strlen(said), &again, &problem), 0);
	assert_true(again.vms[0].domain->ends);
	assert_int_equal(again.vms[0].domain->pid, 77);
	assert_string_equal(again.vms[0].domain->status, "<domstatus pid='77'/>");
	assert_int_equal(again.vms[0].domain->model->uid, 64055);
	assert_int_equal(again.vms[0].domain->model->groups[1], 105);
	assert_string_equal(again.vms[0].domain->model->env[1], "HOME=/x");
	assert_null(again.vms[0].domain->model->env[2]);
	assert_string_equal(json_object_to_json_string_ext(again.vms[0].domain->machine,
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE),
			    "{\"path\":\"/m\"}");
	assert_int_equal(again.vms[0].fds[0].kind, LIVE_LISTEN);
	assert_string_equal(again.vms[0].fds[1].path, "/run/b");
	assert_int_equal(again.vms[0].fds[1].flags, O_WRONLY);
	free(said);
	live_release(&live);
	live_release(&again);
}

static void a_bad_domain_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "9f0c2f6e", "9f0c2f6" },
		{ "\"ends\":1", "\"ends\":2" },
		{ "\"uid\":64055", "\"uid\":-1" },
		{ "\"uid\":64055", "\"uid\":\"root\"" },
		{ "\"groups\":[104", "\"groups\":[-1" },
		{ "\"LC_ALL=C\"", "7" },
		{ "{\"path\":\"/m\"}", "\"/m\"" },
		{ "\"/run/a\"", "\"run/a\"" },
		{ "\"path\":\"/run/b\",", "" },
		{ "\"flags\":1", "\"flags\":512" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *at = strstr(domain, bad[i][0]);
		char text[2048];

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - domain), domain, bad[i][1],
			 at + strlen(bad[i][0]));
		if (parse_with("\"fds\":[", text) != -EBADMSG)
			fail_msg("%s is taken", bad[i][1]);
	}
}

/* With the first occurrence of one text in the record replaced by another. */
static int parse_with(const char *from, const char *to)
{
	struct problem problem = { "" };
	struct live live;
	char text[4096];
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
	live_boot_split(&live, &host.root, live_ticks());
	assert_int_equal(live.n_phases, 2);
	assert_string_equal(live.phases[1].name, "boot");
	fakehost_file(&host, "dev/kmsg", "6,345,1000,-;Run /init as init process\n");
	live_init(&live);
	live.ticks_per_ms = 1000;
	live_phase_at(&live, "preserve", 1);
	live_boot_split(&live, &host.root, live_ticks());
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
		ON_A_HOST(a_domain_of_libvirts_is_found),
		ON_A_HOST(a_vm_that_cant_be_started_again_is_named),
		ON_A_HOST(a_device_that_cant_be_carried_is_named),
		ON_A_HOST(a_program_with_a_device_is_named),
		cmocka_unit_test(the_record_comes_back_as_it_was),
		cmocka_unit_test(a_domain_of_libvirts_comes_back_as_it_was),
		cmocka_unit_test(a_bad_domain_is_refused),
		cmocka_unit_test(a_bad_record_is_refused),
		cmocka_unit_test(a_report_has_no_more_than_is_told),
		ON_A_HOST(the_boot_is_split_by_what_the_kernel_says),
		cmocka_unit_test(a_record_that_is_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
