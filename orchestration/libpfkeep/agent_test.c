// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/testing/fakeguest.h"
#include "pfkeep/base64.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/guest.h"

static struct fakeguest guest;
static struct agent_link link_;

static int setup(void **state)
{
	guest = (struct fakeguest){ .total_vfs = 7 };
	link_ = fakeguest_link(&guest);
	return 0;
}

static int teardown(void **state)
{
	fakeguest_release(&guest);
	return 0;
}

static void base64_has_one_text_for_one_value(void **state)
{
	static const char *const good[][2] = {
		{ "", "" },	   { "f", "Zg==" },	   { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe", "//4=" }
	};
	static const char *const bad[] = { "Z",	   "Zg",       "Zg=",  "Zh==",	 "Zm9=", "====",
					   "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zg=v", "Zm9-" };
	char *data;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(base64_encode(good[i][0], strlen(good[i][0]), &data), 0);
		assert_string_equal(data, good[i][1]);
		free(data);
		assert_int_equal(base64_decode(good[i][1], 16, &data, &len), 0);
		assert_string_equal(data, good[i][0]);
		assert_int_equal(len, strlen(good[i][0]));
		free(data);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (base64_decode(bad[i], 64, &data, &len) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(base64_decode("Zm9vYg==", 5, &data, &len), -EFBIG);
}

static void vfs_are_made_changed_and_removed(void **state)
{
	uint16_t num, total;

	assert_int_equal(guest_set_vfs(&link_, 3, NULL), 0);
	assert_int_equal(guest_get_vfs(&link_, &num, &total, NULL), 0);
	assert_int_equal(num, 3);
	assert_int_equal(total, 7);
	assert_int_equal(guest_set_vfs(&link_, 5, NULL), 0);
	assert_int_equal(guest.num_vfs, 5);
	assert_int_equal(guest_set_vfs(&link_, 0, NULL), 0);
	assert_int_equal(guest.num_vfs, 0);
}

static void more_vfs_than_there_are_arent_asked_for(void **state)
{
	struct problem problem;

	assert_int_equal(guest_set_vfs(&link_, 8, &problem), -ERANGE);
	assert_non_null(strstr(problem.text, "7 VFs, not 8"));
	assert_int_equal(guest.num_vfs, 0);
}

static void what_the_driver_refuses_is_passed_on(void **state)
{
	struct problem problem;

	guest.fail_write = 1;
	assert_int_equal(guest_set_vfs(&link_, 3, &problem), -EREMOTEIO);
	assert_non_null(strstr(problem.text, "Device or resource busy"));
}

static void the_driver_is_waited_for(void **state)
{
	guest.driver_after = 3;
	assert_int_equal(guest_wait_driver(&link_, 5000, NULL), 0);
	guest.driver_after = 1000;
	assert_int_equal(guest_wait_driver(&link_, 0, NULL), -ETIMEDOUT);
}

static void a_vf_s_settings_become_one_command(void **state)
{
	struct vfconf conf = { 0 };

	assert_int_equal(guest_set_vf(&link_, 3, &conf, NULL), 0);
	assert_int_equal(guest.n_ip, 0);
	vfconf_set(&conf, "vlan", "7", NULL);
	vfconf_set(&conf, "mac", "52:54:00:12:34:56", NULL);
	assert_int_equal(guest_set_vf(&link_, 3, &conf, NULL), 0);
	assert_string_equal(guest.ip, "link set dev ens2 vf 3 mac 52:54:00:12:34:56 vlan 7");
	vfconf_set(&conf, "rate", "100", NULL);
	vfconf_set(&conf, "trust", "on", NULL);
	vfconf_set(&conf, "spoofchk", "off", NULL);
	assert_int_equal(guest_set_vf(&link_, 65535, &conf, NULL), 0);
	assert_string_equal(guest.ip, "link set dev ens2 vf 65535 mac 52:54:00:12:34:56 vlan 7 "
				      "max_tx_rate 100 trust on spoofchk off");
}

static void settings_that_the_driver_refuses_are_said(void **state)
{
	struct vfconf conf = { 0 };
	struct problem problem;

	vfconf_set(&conf, "vlan", "7", NULL);
	guest.ip_status = 2;
	assert_int_equal(guest_set_vf(&link_, 3, &conf, &problem), -EREMOTEIO);
	assert_string_equal(problem.text, "VF 3: the PF's driver refuses: no?");
}

static void only_listed_programs_and_files_are_asked_for(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c", "reboot", NULL };
	static const char *const paths[] = { "/etc/shadow", "/sys/bus/pci/devices/../../../etc/x",
					     "sys/bus/pci/devices/0000:01:00.0/rom" };
	struct agent_output output;
	char text[16];

	assert_int_equal(agent_exec(&link_, argv, 10, &output, NULL), -EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(agent_read(&link_, paths[i], text, sizeof(text), NULL), -EPERM);
		assert_int_equal(agent_write(&link_, paths[i], "1", NULL), -EPERM);
	}
	assert_string_equal(guest.path, "");
}

static void a_silent_agent_is_a_timeout(void **state)
{
	struct problem problem;

	guest.silent = 1;
	assert_int_equal(agent_ping(&link_, &problem), -ETIMEDOUT);
	assert_int_equal(guest_set_vfs(&link_, 3, &problem), -ETIMEDOUT);
	assert_non_null(strstr(problem.text, "not responding"));
}

static unsigned int patience;

/* How long whoever asks would wait while the VFs are made. */
static int note_patience(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
			 struct problem *problem)
{
	const struct agent_link *real = data;

	if (strstr(request, "guest-file-flush"))
		patience = timeout_s;
	return real->command(real->data, request, timeout_s, ret_reply, problem);
}

static void making_vfs_may_take_minutes(void **state)
{
	const struct agent_link link = { note_patience, &link_ };

	assert_int_equal(guest_set_vfs(&link, 3, NULL), 0);
	assert_true(patience >= 120);
}

/* Whatever a compromised guest says, in the place where it hurts. */
static void a_lying_agent_is_caught(void **state)
{
	static const struct {
		const char *command, *reply;
	} lies[] = {
		{ "guest-file-open", "" },
		{ "guest-file-open", "{" },
		{ "guest-file-open", "[]" },
		{ "guest-file-open", "null" },
		{ "guest-file-open", "{\"return\":1} trailing" },
		{ "guest-file-open", "{}" },
		{ "guest-file-open", "{\"return\":\"1\"}" },
		{ "guest-file-open", "{\"return\":1,\"error\":{}}" },
		{ "guest-file-open", "{\"error\":7}" },
		{ "guest-file-open", "{\"error\":{\"desc\":[]}}" },
		{ "guest-file-read", "{\"return\":{\"buf-b64\":7}}" },
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\"****\"}}" },
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\"LTEK\"}}" },	  /* -1 */
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\"NjU1MzY=\"}}" }, /* 65536 */
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\"MwAz\"}}" },	  /* 3 NUL 3 */
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\""		  /* 24 digits */
				     "MTExMTExMTExMTExMTExMTExMTExMTEx\"}}" },
		{ "guest-file-read", "{\"return\":[]}" },
		{ "guest-file-read", "{\"return\":{\"buf-b64\":\"\xff\"}}" },
		{ "guest-exec", "{\"return\":{\"pid\":0}}" },
		{ "guest-exec", "{\"return\":{\"pid\":1.5}}" },
		{ "guest-exec", "{\"return\":{\"pid\":99999999999}}" },
		{ "guest-exec", "{\"return\":{}}" },
		{ "guest-exec-status", "{\"return\":{}}" },
		{ "guest-exec-status", "{\"return\":{\"exited\":1}}" },
		{ "guest-exec-status", "{\"return\":{\"exited\":true}}" },
		{ "guest-exec-status", "{\"return\":{\"exited\":true,\"exitcode\":256}}" },
		{ "guest-exec-status", "{\"return\":{\"exited\":true,\"signal\":0}}" },
		{ "guest-exec-status",
		  "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"e\"}}" },
		{ "guest-exec-status",
		  "{\"return\":{\"exited\":true,\"exitcode\":0}}" }, /* no list */
		/* [{"ifname":"-x","parentdev":"0000:01:00.0"}] */
		{ "guest-exec-status", "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":"
				       "\"W3siaWZuYW1lIjoiLXgiLCJw"
				       "YXJlbnRkZXYiOiIwMDAwOjAxOjAwLjAifV0=\"}}" },
	};
	struct vfconf conf = { 0 };
	struct problem problem;

	vfconf_set(&conf, "vlan", "7", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		bool file = !strncmp(lies[i].command, "guest-file", 10);
		int ret;

		guest.lie_about = lies[i].command;
		guest.lie = lies[i].reply;
		ret = file ? guest_set_vfs(&link_, 3, &problem)
			   : guest_set_vf(&link_, 1, &conf, &problem);
		if (ret != -EPROTO && ret != -EREMOTEIO)
			fail_msg("%s: %d for %s", lies[i].command, ret, lies[i].reply);
		for (const char *p = problem.text; *p; p++)
			assert_in_range(*p, 0x20, 0x7e);
	}
	assert_int_equal(guest.num_vfs, 0);
	assert_int_equal(guest.n_ip, 0);
}

static void a_program_that_never_ends_is_given_up(void **state)
{
	static const char *const argv[] = { "/usr/sbin/ip", "link", NULL };
	struct agent_output output;

	guest.lie_about = "guest-exec-status";
	guest.lie = "{\"return\":{\"exited\":false}}";
	assert_int_equal(agent_exec(&link_, argv, 10, &output, NULL), -ETIMEDOUT);
}

static void a_pf_that_is_no_network_device_has_no_settings(void **state)
{
	struct vfconf conf = { 0 };
	struct problem problem;

	vfconf_set(&conf, "vlan", "7", NULL);
	guest.lie_about = "guest-exec-status"; /* [] */
	guest.lie = "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"W10=\"}}";
	assert_int_equal(guest_set_vf(&link_, 1, &conf, &problem), -ENOTSUP);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(base64_has_one_text_for_one_value),
		T(vfs_are_made_changed_and_removed),
		T(more_vfs_than_there_are_arent_asked_for),
		T(what_the_driver_refuses_is_passed_on),
		T(the_driver_is_waited_for),
		T(a_vf_s_settings_become_one_command),
		T(settings_that_the_driver_refuses_are_said),
		T(only_listed_programs_and_files_are_asked_for),
		T(a_silent_agent_is_a_timeout),
		T(making_vfs_may_take_minutes),
		T(making_vfs_may_take_minutes),
		T(a_lying_agent_is_caught),
		T(a_program_that_never_ends_is_given_up),
		T(a_pf_that_is_no_network_device_has_no_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
