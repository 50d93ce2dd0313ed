// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image that pf-image builds, as PF VM in the lab host: a libvirt domain with
 * one CPU, 128 MiB, a serial console, the agent's channel and no display; of an igb,
 * an nvme and a virtio-net PF side by side. All that is asked of it goes through the
 * agent, with the tools that docs/pf-vm-image.md names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfvm.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/lib/jsonline.h"

#define RAM_LIMIT_KIB (80 << 10)
#define BOOT_S	      240
#define VMS	      3

static struct lab lab;
static struct bench bench;
/* igb gets its VFs at boot, the others by the agent. */
static struct pfvm igb = { .name = "pfvm-igb", .append = "pf_vm.vfs=3", .sriov = true },
		   nvme = { .name = "pfvm-nvme", .sriov = true },
		   virtio = { .name = "pfvm-virtio", .sriov = true };
static struct pfvm *const vms[VMS] = { &igb, &nvme, &virtio };
static char *bdfs[VMS];

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", "virtio-net", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int saved = bench_save(&bench, "pf_image_boots_as_pf_vm");

	for (int i = 0; i < VMS; i++)
		free(bdfs[i]);
	return lab_down(&lab) || saved ? -1 : 0;
}

static void the_pf_vms_boot(void **state)
{
	static const enum pf_kind kinds[VMS] = { PF_IGB, PF_NVME, PF_VIRTIO_NET };

	sriov_load(&lab, "module-pfkeep");
	for (int i = 0; i < VMS; i++) {
		bdfs[i] = pf_find(&lab, kinds[i]);
		vms[i]->bdf = bdfs[i];
		pfvm_start(&lab, vms[i]);
	}
	for (int i = 0; i < VMS; i++)
		pfvm_wait(&lab, vms[i], BOOT_S);
}

static void expect_in_vm(const struct pfvm *vm, const char *line, const char *wanted)
{
	char *out = pfvm_run(&lab, vm, "%s", line);

	if (strcmp(out, wanted))
		fail_msg("%s: %s: '%s', not '%s'", vm->name, line, out, wanted);
	free(out);
}

static void each_pf_has_its_driver(void **state)
{
	static const char *const drivers[VMS] = { "igb\n", "nvme\n", "virtio-pci\n" };

	for (int i = 0; i < VMS; i++)
		expect_in_vm(vms[i], "udevadm settle; basename $(readlink " PFVM_PF "/driver)",
			     drivers[i]);
}

/* As the VM says, and as the host's kernel does. */
static void expect_vfs(const struct pfvm *vm, unsigned int vfs)
{
	char wanted[64], *out;

	snprintf(wanted, sizeof(wanted), "%u\n%u\n%u\n", vfs, vfs, vfs);
	expect_in_vm(vm,
		     "udevadm settle; cd " PFVM_PF "; cat sriov_numvfs; ls | grep -c ^virtfn; "
		     "ls /sys/bus/pci/drivers/pci-stub | grep -c ^0000:",
		     wanted);
	out = lab_run(&lab, 30,
		      "cd /sys/bus/pci/devices/%s; cat sriov_numvfs; ls | grep -c ^virtfn",
		      vm->bdf);
	snprintf(wanted, sizeof(wanted), "%u\n%u\n", vfs, vfs);
	assert_string_equal(out, wanted);
	free(out);
}

static void vfs_of_the_command_line_are_there_at_boot(void **state)
{
	expect_vfs(&igb, 3);
}

static void the_agent_changes_the_number_of_vfs(void **state)
{
	free(pfvm_run(&lab, &igb, "cd " PFVM_PF "; echo 0 >sriov_numvfs; echo 7 >sriov_numvfs"));
	expect_vfs(&igb, 7);
}

/* The only VF with this number in what `ip -json link` printed; the caller puts it. */
static struct json_object *vf_info(const char *json, int vf)
{
	struct json_object *links = json_tokener_parse(json), *list, *one;

	if (!json_object_is_type(links, json_type_array) ||
	    !json_object_object_get_ex(json_object_array_get_idx(links, 0), "vfinfo_list", &list))
		fail_msg("no vfinfo_list in '%s'", json);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		one = json_object_array_get_idx(list, i);
		if (jsonline_int(one, "vf", -1) == vf) {
			json_object_get(one);
			json_object_put(links);
			return one;
		}
	}
	fail_msg("no VF %d in '%s'", vf, json);
	return NULL;
}

static bool flag(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) && json_object_get_boolean(value);
}

static void settings_of_a_vf_are_made_and_read(void **state)
{
	char *out = pfvm_run(&lab, &igb,
			     "ip link set dev eth0 up\n"
			     "until ip -oneline link show dev eth0 | grep -q LOWER_UP; do :; done\n"
			     "ip link set dev eth0 vf 2 mac 52:54:00:0a:0b:0c vlan 77 "
			     "max_tx_rate 100 trust on spoofchk off\n"
			     "ip -json link show dev eth0");
	struct json_object *vf = vf_info(out, 2), *rate;

	assert_string_equal(jsonline_string(vf, "mac", jsonline_string(vf, "address", "")),
			    "52:54:00:0a:0b:0c");
	assert_non_null(
		strstr(json_object_to_json_string_ext(vf, JSON_C_TO_STRING_PLAIN), "\"vlan\":77"));
	assert_true(json_object_object_get_ex(vf, "rate", &rate));
	assert_int_equal(jsonline_int(rate, "max_tx", 0), 100);
	assert_true(flag(vf, "trust"));
	assert_false(flag(vf, "spoofchk"));
	json_object_put(vf);
	free(out);
}

static void link_and_driver_state_are_read(void **state)
{
	struct json_object *answer;

	expect_in_vm(&igb,
		     "cat /sys/class/net/eth0/operstate; ethtool -i eth0 | head -n 1; "
		     "ethtool eth0 | grep -o 'Link detected: .*'",
		     "up\ndriver: igb\nLink detected: yes\n");
	answer = pfvm_agent(&lab, &igb, "{\"execute\":\"guest-network-get-interfaces\"}");
	assert_non_null(answer);
	assert_non_null(strstr(json_object_to_json_string(answer), "eth0"));
	json_object_put(answer);
}

static void virtio_net_has_vfs_and_a_link(void **state)
{
	free(pfvm_run(&lab, &virtio, "echo 2 >" PFVM_PF "/sriov_numvfs"));
	expect_vfs(&virtio, 2);
	expect_in_vm(&virtio,
		     "ip link set dev eth0 up; ethtool -i eth0 | head -n 1; "
		     "ethtool eth0 | grep -o 'Link detected: .*'",
		     "driver: virtio_net\nLink detected: yes\n");
}

/* Queues and interrupts for the first VF, by the tool in the image; then online. */
static void nvme_secondary_controllers_get_resources(void **state)
{
	char *out;

	free(pfvm_run(&lab, &nvme, "echo 2 >" PFVM_PF "/sriov_numvfs"));
	expect_vfs(&nvme, 2);
	out = pfvm_run(
		&lab, &nvme,
		"dev=/dev/nvme0\n"
		"id=$(nvme list-secondary $dev -o json | sed -n "
		"'s/.*\"secondary-controller-identifier\" *: *\\([0-9]*\\).*/\\1/p' | head -n 1)\n"
		"nvme virt-mgmt $dev -c $id -r 0 -a 8 -n 2\n"
		"nvme virt-mgmt $dev -c $id -r 1 -a 8 -n 2\n"
		"nvme virt-mgmt $dev -c $id -a 9 -r 0 -n 0\n"
		"nvme list-secondary $dev -o json | tr -d ' \\n'");
	assert_non_null(strstr(out, "\"secondary-controller-state\":1"));
	assert_non_null(strstr(out, "\"num-virtual-queues\":2"));
	assert_non_null(strstr(out, "\"num-virtual-interrupts\":2"));
	free(out);
}

/* docs/pf-vm-image.md, "The way in". */
static const char *const verbs[] = {
	"guest-ping",
	"guest-sync",
	"guest-sync-delimited",
	"guest-info",
	"guest-get-osinfo",
	"guest-file-open",
	"guest-file-read",
	"guest-file-write",
	"guest-file-flush",
	"guest-file-close",
	"guest-exec",
	"guest-exec-status",
	"guest-network-get-interfaces",
	"guest-shutdown",
};

static bool is_documented(const char *verb)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i], verb))
			return true;
	return false;
}

static void the_agent_takes_what_is_documented_and_no_more(void **state)
{
	struct json_object *answer = pfvm_agent(&lab, &igb, "{\"execute\":\"guest-info\"}"), *info,
			   *list;
	size_t enabled = 0;

	assert_true(json_object_object_get_ex(answer, "return", &info) &&
		    json_object_object_get_ex(info, "supported_commands", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (!flag(one, "enabled"))
			continue;
		enabled++;
		if (!is_documented(jsonline_string(one, "name", "")))
			fail_msg("%s is enabled", jsonline_string(one, "name", ""));
	}
	assert_int_equal(enabled, sizeof(verbs) / sizeof(verbs[0]));
	json_object_put(answer);

	assert_null(pfvm_agent(&lab, &igb,
			       "{\"execute\":\"guest-set-user-password\",\"arguments\":"
			       "{\"username\":\"root\",\"password\":\"eA==\",\"crypted\":false}}"));
	assert_null(pfvm_agent(&lab, &igb, "{\"execute\":\"guest-fsfreeze-freeze\"}"));
}

static void little_memory_is_in_use_with_vfs_up(void **state)
{
	char figure[64];

	for (int i = 0; i < VMS; i++) {
		char *out = pfvm_run(&lab, vms[i],
				     "sed -n 's/^MemTotal: *//p; s/^MemAvailable: *//p' "
				     "/proc/meminfo"),
		     *end;
		long total = strtol(out, &end, 10), left;

		end += strspn(end, " kB\n");
		left = strtol(end, NULL, 10);
		assert_in_range(total, 64 << 10, 128 << 10);
		assert_in_range(left, 1, total);
		snprintf(figure, sizeof(figure), "%s: memory in use", vms[i]->name);
		bench_row(&bench, figure, (double)(total - left) / 1024, "MiB");
		assert_true(total - left < RAM_LIMIT_KIB);
		free(out);
	}
}

/* The seconds that it takes when asked for, by the PF VM's own clock; from none. */
static double vfs_made_by_hand(void)
{
	char *out = pfvm_run(&lab, &igb,
			     "cd " PFVM_PF "; echo 0 >sriov_numvfs; udevadm settle\n"
			     "cat /proc/uptime; echo 3 >sriov_numvfs; cat /proc/uptime"),
	     *end;
	double begin = strtod(out, &end), done;

	end = strchr(end, '\n');
	assert_non_null(end);
	done = strtod(end, NULL);
	free(out);
	assert_true(begin > 0 && done > begin);
	return done - begin;
}

/*
 * Under plain QEMU all is done in a second (tests/pf-image/image_e2e.c). Nested in an
 * emulator the device's own part takes seconds, and more while the other PF VMs boot:
 * what is ours, that udev asks at once, is seen beside it.
 */
static void vfs_follow_the_driver_at_once(void **state)
{
	char *out = pfvm_run(&lab, &igb,
			     "journalctl -k -o short-monotonic | sed -n "
			     "'s/^\\[ *\\([0-9.]*\\)\\].*\\(Intel(R) Gigabit\\|3 VFs "
			     "allocated\\).*/\\1/p'"),
	     *end;
	double ready = strtod(out, &end), created = strtod(end, NULL), by_hand = vfs_made_by_hand();

	free(out);
	assert_true(ready > 0 && created >= ready);
	bench_row(&bench, "igb: PF driver ready to 3 VFs created at boot", created - ready, "s");
	bench_row(&bench, "igb: 3 VFs created by the agent", by_hand, "s");
	print_message("# VFs after %.2f s at boot, %.2f s by hand\n", created - ready, by_hand);
	assert_true(created - ready < 1.0 + 3 * by_hand);
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pf_vms_boot),
		cmocka_unit_test(each_pf_has_its_driver),
		cmocka_unit_test(vfs_of_the_command_line_are_there_at_boot),
		cmocka_unit_test(vfs_follow_the_driver_at_once),
		cmocka_unit_test(the_agent_changes_the_number_of_vfs),
		cmocka_unit_test(settings_of_a_vf_are_made_and_read),
		cmocka_unit_test(link_and_driver_state_are_read),
		cmocka_unit_test(virtio_net_has_vfs_and_a_link),
		cmocka_unit_test(nvme_secondary_controllers_get_resources),
		cmocka_unit_test(the_agent_takes_what_is_documented_and_no_more),
		cmocka_unit_test(little_memory_is_in_use_with_vfs_up),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
