// SPDX-License-Identifier: GPL-2.0-only
/* What libvirt has laid in one kernel, as it is read there and made anew in the next. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "orchestration/libpfkeep/vmm_threads.h"
#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"

#define SCOPE  "/machine.slice/machine-qemu\\x2d1\\x2dred.scope"
#define GROUPS LIVE_CGROUP SCOPE
#define MANUAL "/machine/qemu-1-red.libvirt-qemu"
#define UUID   "9f0c2f6e-3b1d-4a55-8e0a-0123456789ab"

static struct fakehost host;
static char written[4096];

static int setup(void **state)
{
	fakehost_setup(&host);
	written[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

/* As the kernel: files are in each group as soon as it is there. */
static int note_write(const struct root *root, const char *path, const char *text)
{
	size_t n = strlen(written);

	assert_int_equal(strncmp(path, LIVE_CGROUP, strlen(LIVE_CGROUP)), 0);
	snprintf(written + n, sizeof(written) - n, "%s=%s\n", path + strlen(LIVE_CGROUP), text);
	return 0;
}

static void add_groups(void)
{
	static const char *const parts[] = { "", "/libvirt", "/libvirt/emulator", "/libvirt/vcpu0",
					     "/libvirt/vcpu1" };
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(path, sizeof(path), GROUPS "%s/cgroup.type", parts[i]);
		fakehost_file(&host, path, i > 1 ? "threaded\n" : "domain\n");
		snprintf(path, sizeof(path), GROUPS "%s/cpu.weight", parts[i]);
		fakehost_file(&host, path, i ? "100\n" : "200\n");
	}
	fakehost_file(&host, GROUPS "/pids.max", "16384\n");
	fakehost_file(&host, GROUPS "/io.weight", "default 300\n8:0 20\n");
	fakehost_file(&host, GROUPS "/libvirt/memory.max", "1073741824\n");
	fakehost_file(&host, GROUPS "/libvirt/memory.high", "max\n");
	fakehost_file(&host, GROUPS "/libvirt/vcpu1/cpuset.cpus", "2-3\n");
	fakehost_dir(&host, GROUPS "/libvirt/else");
}

/* It asks the kernel itself, which has no groups in a directory of files. */
int __wrap_live_machine_devices_save(const struct root *root, const char *path,
				     struct json_object *list);

int __wrap_live_machine_devices_save(const struct root *root, const char *path,
				     struct json_object *list)
{
	assert_string_equal(path, SCOPE);
	return 0;
}

static struct json_object *group_at(struct json_object *account, const char *at)
{
	struct json_object *list = json_get_list(account, "groups", 99);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (!strcmp(json_object_get_string(json_object_object_get(one, "at")), at))
			return one;
	}
	return NULL;
}

static const char *text_of(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static void its_groups_and_their_limits_are_noted(void **state)
{
	struct json_object *account, *group;

	add_groups();
	assert_int_equal(live_machine_save(&host.root, SCOPE "/libvirt/emulator", &account), 0);
	assert_non_null(account);
	assert_string_equal(text_of(account, "path"), SCOPE);
	assert_int_equal(json_object_array_length(json_get_list(account, "groups", 99)), 5);
	group = group_at(account, "");
	assert_string_equal(text_of(group, "cpu.weight"), "200");
	assert_string_equal(text_of(group, "io.weight"), "default 300");
	assert_string_equal(text_of(group, "pids.max"), "16384");
	group = group_at(account, "libvirt");
	assert_string_equal(text_of(group, "memory.max"), "1073741824");
	assert_false(json_object_object_get_ex(group, "memory.high", NULL));
	assert_int_equal(json_object_get_int(json_object_object_get(group, "threaded")), 0);
	group = group_at(account, "libvirt/vcpu1");
	assert_string_equal(text_of(group, "cpuset.cpus"), "2-3");
	assert_int_equal(json_object_get_int(json_object_object_get(group, "threaded")), 1);
	json_object_put(account);
}

static void who_is_in_no_machine_has_none(void **state)
{
	static const char *const groups[] = { "/init.scope", "/system.slice/pfkeep-restore.service",
					      "/", "/libvirt/emulator" };
	struct json_object *account;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		assert_int_equal(live_machine_save(&host.root, groups[i], &account), 0);
		assert_null(account);
	}
	/* One that isn't there any more is no such case. */
	assert_int_equal(live_machine_save(&host.root, SCOPE, &account), -ENOENT);
}

#define NOTE(path, groups)                                                                \
	"{\"name\":\"red\",\"uuid\":\"" UUID "\",\"pid\":4321,"                           \
	"\"threads\":[{\"part\":\"vcpu0\",\"tid\":4322},{\"part\":\"vcpu7\",\"tid\":1}]," \
	"\"account\":{\"path\":\"" path "\",\"devices\":[],\"groups\":[" groups "]}}"
#define GROUP(at, threaded, knobs) "{\"at\":\"" at "\",\"threaded\":" #threaded knobs "}"
#define JSON_SCOPE		   "/machine.slice/machine-qemu\\\\x2d1\\\\x2dred.scope"

static int read_note(const char *text, struct live_machine *machine)
{
	fakehost_file(&host, LIVE_MACHINES "/" UUID, text);
	return live_machine_read(&host.root, UUID, machine, NULL);
}

static void lay_note(const char *text)
{
	struct problem problem = { "" };
	struct live_machine machine;

	host.root.write = note_write;
	assert_int_equal(read_note(text, &machine), 0);
	if (live_machine_lay(&host.root, &machine, &problem))
		fail_msg("%s", problem.text);
	live_machine_release(&machine);
}

static void assert_order(const char *const *lines, size_t n)
{
	const char *at = written;

	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(at, lines[i]);

		if (!found)
			fail_msg("no %s in its place in:\n%s", lines[i], written);
		at = found;
	}
}

static void its_name_and_slice_are_those_of_its_scope(void **state)
{
	struct live_machine machine;

	assert_int_equal(read_note(NOTE(JSON_SCOPE, ""), &machine), 0);
	assert_true(machine.scope);
	assert_string_equal(machine.machine, "qemu-1-red");
	assert_string_equal(machine.slice, "machine.slice");
	assert_int_equal(machine.pid, 4321);
	live_machine_release(&machine);
	assert_int_equal(read_note(NOTE(MANUAL, ""), &machine), 0);
	assert_false(machine.scope);
	live_machine_release(&machine);
}

/* QEMU leaves the scope's own group before that gives memory to its children. */
static void groups_are_laid_as_libvirt_lays_them(void **state)
{
	static const char *const order[] = {
		SCOPE "/libvirt/cgroup.procs=4321\n",
		SCOPE "/cgroup.subtree_control=+memory\n",
		SCOPE "/libvirt/emulator/cgroup.type=threaded\n",
		SCOPE "/libvirt/cgroup.subtree_control=+cpuset\n",
		SCOPE "/libvirt/emulator/cgroup.procs=4321\n",
		SCOPE "/libvirt/vcpu0/cgroup.type=threaded\n",
		SCOPE "/libvirt/vcpu0/cgroup.threads=4322\n",
		SCOPE "/libvirt/memory.max=1048576\n",
		SCOPE "/libvirt/vcpu0/cpuset.cpus=2\n",
	};

	fakehost_dir(&host, GROUPS);
	lay_note(NOTE(
		JSON_SCOPE,
		GROUP("", 0, ",\"cpu.weight\":\"200\"") "," GROUP(
			"libvirt", 0,
			",\"memory.max\":\"1048576\"") "," GROUP("libvirt/emulator", 1,
								 "") "," GROUP("libvirt/vcpu0", 1,
									       ",\"cpuset.cpus\":"
									       "\"2\"")));
	assert_order(order, ARRAY_SIZE(order));
	assert_true(root_exists(&host.root, GROUPS "/libvirt/vcpu0"));
	/* That is systemd's, which has it as a property. */
	assert_null(strstr(written, "cpu.weight"));
	assert_null(strstr(written, "/vcpu7"));
}

static void without_machined_the_machine_s_own_group_is_made_too(void **state)
{
	static const char *const order[] = {
		"/cgroup.subtree_control=+cpu\n",	"/machine/cgroup.subtree_control=+memory\n",
		MANUAL "/cgroup.procs=4321\n",		MANUAL "/emulator/cgroup.type=threaded\n",
		MANUAL "/emulator/cgroup.procs=4321\n", MANUAL "/cpu.weight=200\n",
	};

	fakehost_dir(&host, LIVE_CGROUP);
	lay_note(
		NOTE(MANUAL, GROUP("", 0, ",\"cpu.weight\":\"200\"") "," GROUP("emulator", 1, "")));
	assert_order(order, ARRAY_SIZE(order));
	assert_true(root_exists(&host.root, LIVE_CGROUP MANUAL "/emulator"));
}

static int refuse_cpus(const struct root *root, const char *path, const char *text)
{
	return strstr(path, "cpuset.cpus") ? -EINVAL : note_write(root, path, text);
}

/* A next kernel with fewer CPUs, for one. The rest of it is done. */
static void a_limit_that_cannot_be_set_is_named(void **state)
{
	struct problem problem = { "" };
	struct live_machine machine;

	host.root.write = refuse_cpus;
	fakehost_dir(&host, GROUPS);
	assert_int_equal(read_note(NOTE(JSON_SCOPE,
					GROUP("libvirt", 0,
					      ",\"cpuset.cpus\":\"64\",\"memory.max\":\"4096\"")),
				   &machine),
			 0);
	assert_int_equal(live_machine_lay(&host.root, &machine, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "red: " SCOPE "/libvirt/cpuset.cpus: '64'"));
	assert_non_null(strstr(written, "memory.max=4096"));
	live_machine_release(&machine);
}

static void a_bad_note_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"name\":\"red\"}",
		NOTE("/../../machine.slice/machine-x.scope", ""),
		NOTE("/./machine.slice/machine-x.scope", ""),
		NOTE("/machine.slice/..", ""),
		NOTE("machine.slice/machine-x.scope", ""),
		NOTE("/", ""),
		NOTE("/a//machine-x.scope", ""),
		NOTE("/machine-x.scope", ""),
		NOTE("/a.service/machine-x.scope", ""),
		NOTE("/machine.slice/machine-x\\\\x0.scope", ""),
		NOTE("/machine.slice/machine-x\\\\x00y.scope", ""),
	};
	struct live_machine machine;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (read_note(bad[i], &machine) != -EBADMSG)
			fail_msg("'%s' is taken", bad[i]);
}

static void groups_that_are_not_libvirt_s_are_refused(void **state)
{
	static const char *const bad[] = {
		NOTE(JSON_SCOPE, "{}"),
		NOTE(JSON_SCOPE, "7"),
		NOTE(JSON_SCOPE, GROUP("..", 0, "")),
		NOTE(JSON_SCOPE, GROUP("libvirt/..", 0, "")),
		NOTE(JSON_SCOPE, GROUP("/libvirt", 0, "")),
		NOTE(JSON_SCOPE, GROUP("libvirt/vcpu", 1, "")),
		NOTE(JSON_SCOPE, GROUP("libvirt/vcpu0x", 1, "")),
		NOTE(JSON_SCOPE, GROUP("libvirt", 2, "")),
	};
	struct live_machine machine;

	host.root.write = note_write;
	fakehost_dir(&host, GROUPS);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(read_note(bad[i], &machine), 0);
		if (live_machine_lay(&host.root, &machine, NULL) != -EBADMSG)
			fail_msg("'%s' is taken", bad[i]);
		live_machine_release(&machine);
	}
	assert_string_equal(written, "");
}

static void another_process_of_that_number_is_left_alone(void **state)
{
	static const char ours[] = "qemu\0-uuid\0" UUID, other[] = "qemu\0-uuid\0"
								   "9f0c2f6e";
	struct live_machine machine;

	assert_int_equal(read_note(NOTE(JSON_SCOPE, ""), &machine), 0);
	assert_int_equal(live_machine_check(&host.root, &machine, NULL), -ESRCH);
	fakehost_file_bytes(&host, "proc/4321/cmdline", other, sizeof(other));
	assert_int_equal(live_machine_check(&host.root, &machine, NULL), -ESRCH);
	fakehost_file_bytes(&host, "proc/4321/cmdline", ours, sizeof(ours));
	assert_int_equal(live_machine_check(&host.root, &machine, NULL), 0);
	live_machine_release(&machine);
}

static void what_systemd_minds_is_a_property(void **state)
{
	static const struct {
		const char *file, *text;
		int ret;
		uint64_t value;
	} cases[] = {
		{ "cpu.weight", "200", 0, 200 },	  { "io.weight", "default 300", 0, 300 },
		{ "memory.max", "max", 0, UINT64_MAX },	  { "pids.max", "16384", 0, 16384 },
		{ "cpu.max", "1000 100000", -ENOENT, 0 }, { "cpu.weight", "-1", -EINVAL, 0 },
		{ "cpu.weight", "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *group = json_object_new_object();
		const struct live_knob *knob = live_knobs;
		uint64_t value = 0;

		while (strcmp(knob->file, cases[i].file) != 0)
			knob++;
		json_put_text(group, cases[i].file, cases[i].text);
		assert_int_equal(live_machine_property(group, knob, &value), cases[i].ret);
		assert_int_equal(value, cases[i].value);
		json_object_put(group);
	}
}

static void threads_go_by_what_qemu_says_of_them(void **state)
{
	struct json_object *cpus = json_tokener_parse(
		"[{\"cpu-index\":0,\"thread-id\":12},{\"cpu-index\":1},{\"thread-id\":9},"
		"{\"cpu-index\":2,\"thread-id\":-1},{\"cpu-index\":3,\"thread-id\":15},7]");
	struct json_object *iothreads = json_tokener_parse(
		"[{\"id\":\"iothread1\",\"thread-id\":20},{\"id\":\"mine\",\"thread-id\":21}]");
	struct vmm_threads threads;

	vmm_threads_list(cpus, iothreads, &threads);
	assert_int_equal(threads.n, 3);
	assert_string_equal(threads.of[1].part, "vcpu3");
	assert_int_equal(threads.of[1].tid, 15);
	assert_string_equal(threads.of[2].part, "iothread1");
	vmm_threads_list(NULL, NULL, &threads);
	assert_int_equal(threads.n, 0);
	json_object_put(cpus);
	json_object_put(iothreads);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_HOST(its_groups_and_their_limits_are_noted),
		ON_A_HOST(who_is_in_no_machine_has_none),
		ON_A_HOST(its_name_and_slice_are_those_of_its_scope),
		ON_A_HOST(groups_are_laid_as_libvirt_lays_them),
		ON_A_HOST(without_machined_the_machine_s_own_group_is_made_too),
		ON_A_HOST(a_limit_that_cannot_be_set_is_named),
		ON_A_HOST(a_bad_note_is_refused),
		ON_A_HOST(groups_that_are_not_libvirt_s_are_refused),
		ON_A_HOST(another_process_of_that_number_is_left_alone),
		ON_A_HOST(what_systemd_minds_is_a_property),
		cmocka_unit_test(threads_go_by_what_qemu_says_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
