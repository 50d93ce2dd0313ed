// SPDX-License-Identifier: GPL-2.0-only
/* The command line over a host made of files. */
#include "orchestration/testing/cmocka.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "orchestration/testing/fakehost.h"
#include "orchestration/testing/line.h"

static struct fakehost host;

static const struct fakehost_pf igb = {
	.bdf = "0000:01:00.0",
	.vendor = 0x8086,
	.device = 0x10c9,
	.class = 0x020000,
	.total_vfs = 7,
	.vf_offset = 0x180,
	.vf_stride = 2,
	.vf_device = 0x10ca,
	.driver = "igb",
	.vf_driver = "vfio-pci-sriov",
};

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_driver(&host, "vfio-pci-sriov");
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &igb);
	return root_write(&host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "3");
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	line_release();
	return 0;
}

/* "@" stands for --root and the host. */
static enum command_status run(const char *line)
{
	return line_run(line, (const char *const[]){ "--root", host.dir, NULL });
}

/* "field" of the answer's element i (or of the answer, if i is -1), as text. */
static const char *json_field(int i, const char *field)
{
	static char text[2048];
	struct json_object *all = json_tokener_parse(line_out), *one, *value;

	assert_non_null(all);
	one = i < 0 ? all : json_object_array_get_idx(all, (size_t)i);
	value = json_object_object_get(one, field);
	snprintf(text, sizeof(text), "%s", value ? json_object_get_string(value) : "(none)");
	json_object_put(all);
	return text;
}

static void one_bad_line(const char *line, enum command_status status, const char *words)
{
	line_fails(line, (const char *const[]){ "--root", host.dir, NULL }, status, words);
}

static void pfs_are_listed(void **state)
{
	assert_int_equal(run("pf list @"), COMMAND_DONE);
	assert_string_equal(line_err, "");
	assert_non_null(strstr(line_out, "0000:01:00.0   8086:10c9 igb                 3/7"));
	assert_int_equal(run("pf list --json @"), COMMAND_DONE);
	assert_string_equal(json_field(0, "bdf"), "0000:01:00.0");
	assert_string_equal(json_field(0, "total_vfs"), "7");
	assert_string_equal(json_field(0, "num_vfs"), "3");
	assert_string_equal(json_field(0, "driver"), "igb");
}

static void a_pf_is_shown_with_its_vfs(void **state)
{
	assert_int_equal(run("pf show 0000:01:00.0 @"), COMMAND_DONE);
	assert_non_null(strstr(line_out, "vfs          3 of 7"));
	assert_non_null(strstr(line_out, "vf 2         0000:02:10.4 driver vfio-pci-sriov"));
	assert_int_equal(run("pf show @ --json 0000:01:00.0"), COMMAND_DONE);
	assert_non_null(strstr(json_field(-1, "vfs"), "0000:02:10.4"));
}

static void vfs_are_listed_and_shown_by_either_name(void **state)
{
	assert_int_equal(run("vf list @ --json"), COMMAND_DONE);
	assert_string_equal(json_field(1, "bdf"), "0000:02:10.2");
	assert_string_equal(json_field(1, "pf"), "0000:01:00.0");
	assert_string_equal(json_field(1, "index"), "1");
	assert_int_equal(run("vf list @ --pf 0000:01:00.0"), COMMAND_DONE);
	assert_non_null(strstr(line_out, "0000:01:00.0/2"));
	assert_int_equal(run("vf show @ --json 0000:01:00.0/2"), COMMAND_DONE);
	assert_string_equal(json_field(-1, "bdf"), "0000:02:10.4");
	assert_int_equal(run("vf show @ --json 0000:02:10.4"), COMMAND_DONE);
	assert_string_equal(json_field(-1, "index"), "2");
}

static void doctor_fails_when_something_blocks(void **state)
{
	assert_int_equal(run("doctor @ 0000:01:00.0"), COMMAND_FAILED);
	assert_non_null(strstr(line_out, "blocker  kvm"));
	assert_non_null(strstr(line_out, "to mend it: modprobe kvm_intel"));
	assert_int_equal(run("doctor @ --json"), COMMAND_FAILED);
	assert_string_equal(json_field(0, "check"), "iommu");
	assert_string_equal(json_field(0, "level"), "ok");
}

static void wrong_objects_are_named_in_one_line(void **state)
{
	one_bad_line("pf show @ 0000:09:00.0", COMMAND_FAILED,
		     "0000:09:00.0: no such PCI function\n");
	one_bad_line("pf show @ 0000:00:01.0", COMMAND_FAILED, "0000:00:01.0: has no SR-IOV");
	one_bad_line("pf show @ eth0", COMMAND_USAGE, "eth0: a PF is named by its BDF");
	one_bad_line("vf show @ 0000:01:00.0/3", COMMAND_FAILED,
		     "0000:01:00.0/3: the PF has no VF");
	one_bad_line("vf show @ 0000:01:00.0/x", COMMAND_USAGE, "'0000:01:00.0/x'");
	one_bad_line("vf list @ --pf 1", COMMAND_USAGE, "--pf 1: a PF is named");
	one_bad_line("doctor @ \x1b[2J", COMMAND_USAGE, "?[2J: a PF is named");
	one_bad_line("pf list --root /nonexistent", COMMAND_USAGE, "/nonexistent: No such file");
}

static void wrong_usage_ends_with_2(void **state)
{
	static const char *const bad[] = {
		"pf",		"pf adopt-not @", "bogus",	   "pf list @ more",  "pf show @",
		"vf list --pf", "vf list --no",	  "pf show @ a b", "doctor --json=1", "",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(run(bad[i]), COMMAND_USAGE);
		assert_string_equal(line_out, "");
		assert_true(*line_err);
	}
}

static void every_command_explains_itself(void **state)
{
	char line[64];

	assert_int_equal(run("--help"), COMMAND_DONE);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];

		snprintf(line, sizeof(line), "%s%s%s --help", command->noun ? command->noun : "",
			 command->noun ? " " : "", command->verb);
		assert_int_equal(run("--help"), COMMAND_DONE);
		assert_non_null(strstr(line_out, command->help));
		assert_int_equal(run(line), COMMAND_DONE);
		assert_memory_equal(line_out, "usage: pfkeep ", 14);
		assert_non_null(strstr(line_out, command->help));
	}
}

static void a_host_without_pci_is_a_failure(void **state)
{
	fakehost_remove(&host, "sys");
	one_bad_line("pf list @", COMMAND_FAILED, "/sys/bus/pci/devices: No such file");
	one_bad_line("vf list @ --json", COMMAND_FAILED, "/sys/bus/pci/devices");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pfs_are_listed),
		T(a_pf_is_shown_with_its_vfs),
		T(vfs_are_listed_and_shown_by_either_name),
		T(doctor_fails_when_something_blocks),
		T(wrong_objects_are_named_in_one_line),
		T(wrong_usage_ends_with_2),
		T(every_command_explains_itself),
		T(a_host_without_pci_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
