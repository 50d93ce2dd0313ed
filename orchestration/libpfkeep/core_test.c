// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations over libvirt's test driver, a host made of files and an agent that
 * answers as the real one does. What QEMU and the kernel make of it is tested
 * in the lab.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <ftw.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/core.h"
#include "pfkeep/driver.h"
#include "pfkeep/token.h"
#include "pfkeep/virt.h"

#define TENANT_UUID BED_WEB
#define OTHER_UUID  BED_SQL

/* Nothing in the world says that anything was ever done. */
static void check_untouched(void)
{
	struct pci_pf now;

	assert_int_equal(pci_read_pf(&bed.host.root, &bed_pf, &now, NULL), 0);
	assert_string_equal(now.fn.driver, "igb");
	assert_int_equal(now.num_vfs, 0);
	pci_pf_release(&now);
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, "pfkeep-0000-01-00-0", &dom, NULL), -ENOENT);
	assert_int_equal(json_object_object_length(state_all(bed.core.state)), 0);
}

static void check_adopted(uint16_t vfs)
{
	struct record_pf record;
	struct pci_pf now;
	char keep[ROOT_ATTR];

	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	assert_int_equal(record.phase, RECORD_ADOPTED);
	assert_int_equal(record.vfs, vfs);
	assert_string_equal(record.driver, "igb");
	assert_true(virt_is_running(bed.core.conn, record.uuid));
	assert_int_equal(pci_read_pf(&bed.host.root, &bed_pf, &now, NULL), 0);
	assert_string_equal(now.fn.driver, DRIVER_VFIO);
	assert_int_equal(now.n_vfs, vfs);
	bed_read("sys/bus/pci/devices/" BED_PF "/vfio_sriov/keep_alive", keep);
	assert_string_equal(keep, "1");
	for (size_t i = 0; i < now.n_vfs; i++)
		assert_string_equal(now.vfs[i].fn.driver, DRIVER_VFIO);
	pci_pf_release(&now);
}

static void a_pf_goes_into_its_vm_and_comes_back(void **state)
{
	bed_must_adopt(3);
	check_adopted(3);
	bed_reload();
	check_adopted(3);
	assert_int_equal(bed_adopt(3), -EEXIST);
	assert_non_null(strstr(bed.problem.text, "0000:01:00.0: is adopted already"));
	assert_int_equal(core_release(&bed.core, &bed_pf, false, NULL), 0);
	check_untouched();
	assert_int_equal(core_release(&bed.core, &bed_pf, false, NULL), -ENOENT);
}

static void all_vfs_are_the_default(void **state)
{
	bed_must_adopt(0);
	check_adopted(7);
}

static void what_cant_be_adopted_is_left_alone(void **state)
{
	const struct core_adopt absent = { .bdf = { 0, 9, 0, 0 } },
				bridge = { .bdf = { 0, 0, 1, 0 } },
				tiny = { .bdf = bed_pf, .memory_mib = 1 },
				slash = { .bdf = bed_pf, .name = "a/b" },
				taken = { .bdf = bed_pf, .name = "web" };

	assert_int_equal(core_adopt(&bed.core, &absent, NULL), -ENODEV);
	assert_int_equal(core_adopt(&bed.core, &bridge, NULL), -ENOTSUP);
	assert_int_equal(core_adopt(&bed.core, &tiny, NULL), -EINVAL);
	assert_int_equal(core_adopt(&bed.core, &slash, NULL), -EINVAL);
	assert_int_equal(core_adopt(&bed.core, &taken, NULL), -EEXIST);
	assert_int_equal(bed_adopt(8), -ERANGE);
	check_untouched();
	assert_int_equal(
		root_write(&bed.host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "2"),
		0);
	assert_int_equal(bed_adopt(3), -EBUSY);
	assert_non_null(strstr(bed.problem.text, "VFs of its host driver"));
	assert_int_equal(
		root_write(&bed.host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0"),
		0);
}

static void a_failure_at_any_stage_goes_back_to_how_it_was(void **state)
{
	bed.guest.driver_after = 1000;
	assert_int_equal(bed_adopt(3), -ETIMEDOUT);
	assert_memory_equal(bed.problem.text, "create VFs: ", 12);
	check_untouched();
	bed.guest.driver_after = 0;
	bed.guest.silent = 1;
	assert_int_equal(bed_adopt(3), -ETIMEDOUT);
	check_untouched();
	bed.guest.silent = 0;
	bed.guest.fail_write = 1;
	assert_int_equal(bed_adopt(3), -EREMOTEIO);
	check_untouched();
	bed.guest.fail_write = 0;
	/* The guest says that it made them, the host sees none. */
	bed.guest.host = NULL;
	assert_int_equal(bed_adopt(3), -EIO);
	assert_non_null(strstr(bed.problem.text, "the host sees 0 VFs instead of 3"));
	check_untouched();
	bed.guest.host = &bed.host;
	bed.guest.num_vfs = 0;
	/* The module is gone. */
	fakehost_remove(&bed.host, "sys/bus/pci/drivers/" DRIVER_VFIO);
	assert_int_equal(bed_adopt(3), -ENODEV);
	assert_memory_equal(bed.problem.text, "bind: ", 6);
	check_untouched();
}

static void a_crash_while_adopting_is_taken_back(void **state)
{
	const struct record_pf record = { .bdf = bed_pf,
					  .phase = RECORD_ADOPTING,
					  .domain = "pfkeep-0000-01-00-0",
					  .uuid = "c7a5fdbd-edaf-9455-926a-d65c16db1811",
					  .driver = "igb",
					  .vfs = 3 };
	struct state_change change;

	/* Once with nothing done but the record, once with all but the last stage. */
	for (int done = 0; done < 2; done++) {
		if (done)
			bed_must_adopt(3);
		struct record_pf now = record;

		if (done)
			assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &now), 0);
		now.phase = RECORD_ADOPTING;
		assert_int_equal(state_change_init(&change), 0);
		assert_int_equal(record_put_pf(&change, &now), 0);
		assert_int_equal(state_commit(bed.core.state, &change, NULL), 0);
		state_change_release(&change);
		bed_reload();
		assert_int_equal(core_recover(&bed.core, NULL, NULL, &bed.problem), 0);
		bed.guest.num_vfs = 0;
		check_untouched();
	}
}

static void after_a_reboot_pf_vm_vfs_and_settings_are_there_again(void **state)
{
	struct vfconf conf = { 0 };

	bed_must_adopt(3);
	vfconf_set(&conf, "vlan", "7", NULL);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	/* The kernel has given the PF to its own driver, VFs and settings are gone. */
	bed_stop(BED_VM);
	assert_int_equal(
		root_write(&bed.host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0"),
		0);
	assert_int_equal(driver_restore(&bed.host.root, &bed_pf, "igb", NULL), 0);
	bed.guest.num_vfs = 0;
	fakeguest_forget(&bed.guest);
	bed.guest.ip[0] = '\0';
	bed_reload();
	bed.reports = 0;
	assert_int_equal(core_recover(&bed.core, bed_report, NULL, NULL), 0);
	assert_int_equal(bed.reports, 0);
	check_adopted(3);
	assert_int_equal(bed.guest.confs[1].vlan, 7);
	assert_string_equal(bed.guest.ip, "link set dev ens2 up");
	assert_int_equal(core_start_pf(&bed.core, &bed_pf, &bed.problem), -EALREADY);
}

static void what_cant_be_mended_is_reported_and_the_rest_goes_on(void **state)
{
	bed_must_adopt(3);
	bed.reports = 0;
	assert_int_equal(
		root_write(&bed.host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0"),
		0);
	assert_int_equal(core_recover(&bed.core, bed_report, NULL, NULL), 0);
	assert_int_equal(bed.reports, 1);
	assert_string_equal(bed.problem.text, "0000:01:00.0: the host sees 0 VFs instead of 3");
	bed_stop(BED_VM);
	bed.guest.silent = 1;
	assert_int_equal(core_recover(&bed.core, bed_report, NULL, NULL), 0);
	assert_int_equal(bed.reports, 2);
}

static void the_number_of_vfs_changes_while_nobody_has_one(void **state)
{
	bed_must_adopt(3);
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 5, NULL), 0);
	check_adopted(5);
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 2, NULL), 0);
	check_adopted(2);
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 8, &bed.problem), -ERANGE);
	check_adopted(2);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 5, &bed.problem), -EBUSY);
	assert_non_null(strstr(bed.problem.text, "tenants have 1 of its VFs"));
	check_adopted(2);
	bed_reload();
	assert_int_equal(core_release(&bed.core, &bed_pf, false, &bed.problem), -EBUSY);
	check_adopted(2);
}

static struct vfconf conf_of(const char *name, const char *value)
{
	struct vfconf conf = { 0 };

	assert_int_equal(vfconf_set(&conf, name, value, NULL), 0);
	return conf;
}

static void a_vf_s_settings_are_applied_and_kept(void **state)
{
	struct vfconf conf = conf_of("vlan", "7");
	struct record_vf vf;

	bed_must_adopt(3);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 1 vlan 7");
	conf = conf_of("mac", "52:54:00:12:34:56");
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	bed_reload();
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 1, &vf), 0);
	assert_int_equal(vf.conf.set, VFCONF_VLAN | VFCONF_MAC);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 3, &conf, &bed.problem), -ENOENT);
	assert_string_equal(bed.problem.text, "0000:01:00.0/3: the PF has 3 VFs");
}

static void settings_that_are_refused_arent_kept(void **state)
{
	struct vfconf conf = conf_of("vlan", "7");
	struct record_vf vf;

	bed_must_adopt(3);
	bed.guest.ip_status = 2;
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, &bed.problem), -EREMOTEIO);
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 1, &vf), -ENOENT);
}

static void a_vf_goes_to_one_tenant_and_back(void **state)
{
	uint16_t index;

	bed_must_adopt(2);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "sql", NULL, &bed.problem), -EBUSY);
	assert_non_null(strstr(bed.problem.text, "0000:01:00.0/1: belongs to domain " TENANT_UUID));
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), -EBUSY);
	assert_int_equal(core_assign(&bed.core, &bed_pf, -1, "sql", &index, &bed.problem), 0);
	assert_int_equal(index, 0);
	assert_int_equal(core_assign(&bed.core, &bed_pf, -1, "sql", &index, &bed.problem), -ENOSPC);
	assert_int_equal(bed_may_start("web"), 0);
	assert_int_equal(bed_may_start("sql"), 0);
	bed_reload();
	/* Until it is known that the PF VM is as it was. */
	assert_int_equal(bed_may_start("web"), -EAGAIN);
	assert_int_equal(core_recover(&bed.core, NULL, NULL, &bed.problem), 0);
	assert_int_equal(core_unassign(&bed.core, &bed_pf, 1, &bed.problem), 0);
	assert_int_equal(core_unassign(&bed.core, &bed_pf, 1, &bed.problem), -ENOENT);
	CLEANUP(cleanup_free) char *xml = bed_xml("web");

	assert_null(strstr(xml, "<hostdev"));
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, OTHER_UUID, NULL, &bed.problem), 0);
	assert_int_equal(bed_may_start("sql"), 0);
}

#define VF_TOKEN(bdf) "sys/bus/pci/devices/" bdf "/vfio_sriov/vf_token"
#define QEMU_TOKEN    TOKEN_DIR "/" TENANT_UUID ".qemu"

/* Driver and QEMU agree, for as long as QEMU starts. */
static void a_token_is_new_at_each_start_and_when_a_vf_changes_hands(void **state)
{
	char unowned[ROOT_ATTR], first[ROOT_ATTR], second[ROOT_ATTR], qemu[ROOT_ATTR];

	bed_must_adopt(2);
	bed_read(VF_TOKEN("0000:01:10.2"), unowned);
	assert_int_equal(strlen(unowned), UUID_TEXT - 1);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	assert_int_equal(bed_may_start("web"), 0);
	bed_read(VF_TOKEN("0000:01:10.2"), first);
	bed_read(QEMU_TOKEN, qemu);
	assert_string_equal(first, qemu);
	assert_string_not_equal(first, unowned);
	assert_int_equal(core_has_started(&bed.core, TENANT_UUID, NULL), 0);
	assert_false(root_exists(&bed.host.root, QEMU_TOKEN));
	assert_int_equal(core_has_started(&bed.core, "../../etc/passwd", &bed.problem), -EINVAL);
	assert_int_equal(bed_may_start("web"), 0);
	bed_read(VF_TOKEN("0000:01:10.2"), second);
	assert_string_not_equal(first, second);
	assert_int_equal(core_unassign(&bed.core, &bed_pf, 1, &bed.problem), 0);
	bed_read(VF_TOKEN("0000:01:10.2"), unowned);
	assert_string_not_equal(second, unowned);
	/* Neither the state nor a definition holds it. */
	CLEANUP(cleanup_free) char *xml = bed_xml("web");

	assert_null(strstr(xml, second));
	assert_null(strstr(json_object_to_json_string(state_all(bed.core.state)), second));
}

static void a_pf_vm_s_token_stays_and_is_shown_while_it_starts(void **state)
{
	struct record_pf record;
	struct token first, second;
	char path[TOKEN_PATH];

	bed_must_adopt(2);
	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	assert_int_equal(token_read(&bed.host.root, record.uuid, &first, NULL), 0);
	assert_false(root_exists(&bed.host.root, token_qemu_path(record.uuid, path)));
	/* By hand. */
	assert_int_equal(bed_may_start(record.domain), 0);
	assert_true(root_exists(&bed.host.root, path));
	assert_int_equal(token_read(&bed.host.root, record.uuid, &second, NULL), 0);
	assert_string_equal(first.text, second.text);
	assert_int_equal(core_release(&bed.core, &bed_pf, false, NULL), 0);
	assert_int_equal(token_read(&bed.host.root, record.uuid, &second, NULL), -ENOENT);
	assert_false(root_exists(&bed.host.root, path));
}

/* As libvirt says of a domain whose hooks run. */
static bool starting;

int __real_virDomainGetState(virDomainPtr dom, int *ret_state, int *ret_reason, unsigned int flags);
int __wrap_virDomainGetState(virDomainPtr dom, int *ret_state, int *ret_reason, unsigned int flags);

int __wrap_virDomainGetState(virDomainPtr dom, int *ret_state, int *ret_reason, unsigned int flags)
{
	int ret = __real_virDomainGetState(dom, ret_state, ret_reason, flags);

	if (starting) {
		*ret_state = VIR_DOMAIN_PAUSED;
		*ret_reason = VIR_DOMAIN_PAUSED_STARTING_UP;
	}
	return ret;
}

static bool shown_after_restart(void)
{
	bed_reload();
	assert_int_equal(core_recover(&bed.core, bed_report, NULL, NULL), 0);
	return root_exists(&bed.host.root, QEMU_TOKEN);
}

/* libvirt or we were away when the hook said so. */
static void a_token_is_hidden_from_who_needs_it_no_more(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	bed_must_adopt(2);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	assert_int_equal(bed_may_start("web"), 0);
	starting = true;
	assert_true(shown_after_restart());
	starting = false;
	/* The start came to nothing. */
	assert_false(shown_after_restart());
	assert_int_equal(bed_may_start("web"), 0);
	assert_true(root_exists(&bed.host.root, QEMU_TOKEN));
	assert_int_equal(virt_start(bed.core.conn, BED_WEB, NULL), 0);
	assert_false(shown_after_restart());
	bed_stop("web");
	assert_int_equal(bed_may_start("web"), 0);
	bed_undefine("web");
	assert_false(shown_after_restart());
}

static void a_wrong_tenant_is_named(void **state)
{
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), -ENOENT);
	assert_string_equal(bed.problem.text, "0000:01:00.0: isn't adopted");
	bed_must_adopt(2);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "nobody", NULL, &bed.problem), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "nobody: libvirt knows no such domain"));
	assert_int_equal(core_assign(&bed.core, &bed_pf, 2, "web", NULL, &bed.problem), -ENOENT);
	assert_int_equal(
		core_assign(&bed.core, &bed_pf, 1, "pfkeep-0000-01-00-0", NULL, &bed.problem),
		-EINVAL);
	assert_non_null(strstr(bed.problem.text, "is a PF VM"));
	assert_int_equal(owner_count(bed.core.owners, &bed_pf), 0);
}

#define MINE                                                                  \
	"<hostdev mode='subsystem' type='pci' managed='no'><source><address " \
	"domain='0' bus='1' slot='0x10' function='2'/></source></hostdev>"

static void a_definition_that_cant_be_changed_leaves_the_vf_free(void **state)
{
	bed_must_adopt(2);
	/* The domain has that hostdev already, by another hand. */
	bed_define("web", TENANT_UUID, "", MINE);
	assert_true(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem) < 0);
	assert_memory_equal(bed.problem.text, "define: web: ", 13);
	assert_int_equal(owner_count(bed.core.owners, &bed_pf), 0);
	bed_reload();
	assert_int_equal(owner_count(bed.core.owners, &bed_pf), 0);
	/* And with that it must not start. */
	assert_int_equal(bed_may_start("web"), -EPERM);
	assert_non_null(strstr(bed.problem.text, "VF 0000:01:10.2 isn't assigned to it"));
}

static int start_with(const char *metadata, const char *devices, const char *uuid)
{
	CLEANUP(cleanup_free) char *xml = NULL;

	assert_true(asprintf(&xml,
			     "<domain><name>web</name><uuid>%s</uuid><metadata>%s</metadata>"
			     "<devices>%s</devices></domain>",
			     uuid, metadata, devices) > 0);
	return core_may_start(&bed.core, xml, strlen(xml), &bed.problem);
}

#define VF1                                                         \
	"<hostdev type='pci'><source><address bus='1' slot='0x10' " \
	"function='2'/></source></hostdev>"
#define WANT "<p:vf xmlns:p='urn:pfkeep:domain:1' pf='0000:01:00.0' "

static void a_start_is_refused_unless_the_vfs_are_the_domain_s(void **state)
{
	bed_must_adopt(2);
	assert_int_equal(start_with("", "", TENANT_UUID), 0);
	assert_int_equal(start_with("", VF1, TENANT_UUID), -EPERM);
	assert_int_equal(start_with(WANT "/>", "", TENANT_UUID), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "asks for a VF of 0000:01:00.0"));
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, NULL), 0);
	assert_int_equal(start_with(WANT "/>", VF1, TENANT_UUID), 0);
	assert_int_equal(start_with(WANT "index='1'/>", VF1, TENANT_UUID), 0);
	assert_int_equal(start_with(WANT "index='0'/>", VF1, TENANT_UUID), -ENOENT);
	assert_int_equal(start_with(WANT "/>", VF1, OTHER_UUID), -EPERM);
	assert_non_null(strstr(bed.problem.text, "belongs to domain " TENANT_UUID));
	assert_int_equal(start_with("<p:vfs xmlns:p='urn:pfkeep:domain:1'><p:vf pf='0000:01:00.0'/>"
				    "<p:vf pf='0000:01:00.0'/></p:vfs>",
				    VF1, TENANT_UUID),
			 -ENOENT);
	assert_int_equal(start_with(WANT "vlan='9999'/>", VF1, TENANT_UUID), -EINVAL);
}

static void a_pf_vm_is_restarted_and_a_forced_release_takes_vfs_back(void **state)
{
	struct vfconf conf = conf_of("vlan", "7");

	bed_must_adopt(3);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	fakeguest_forget(&bed.guest);
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_adopted(3);
	assert_int_equal(bed.guest.confs[1].vlan, 7);
	assert_string_equal(bed.guest.ip, "link set dev ens2 up");
	assert_int_equal(bed_may_start("web"), 0);
	assert_int_equal(core_release(&bed.core, &bed_pf, false, &bed.problem), -EBUSY);
	assert_int_equal(core_release(&bed.core, &bed_pf, true, &bed.problem), 0);
	bed.guest.num_vfs = 0;
	check_untouched();
	CLEANUP(cleanup_free) char *xml = bed_xml("web");

	assert_null(strstr(xml, "<hostdev"));
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), -ENOENT);
}

/* Its VM has been started anew, with the interface down. */
static void a_driver_that_makes_vfs_only_while_it_is_up_is_served(void **state)
{
	struct vfconf conf = conf_of("vlan", "7");

	bed.guest.needs_up = true;
	bed_must_adopt(3);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	bed.guest.up = false;
	bed.guest.num_vfs = 0;
	fakeguest_forget(&bed.guest);
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_adopted(3);
	assert_int_equal(bed.guest.num_vfs, 3);
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 1 vlan 7");
}

static void a_state_that_makes_no_sense_isnt_loaded(void **state)
{
	static const char *const bad[][2] = {
		{ "pf/x", "{}" },
		{ "pf/0000:01:00.0", "{\"phase\":\"adopted\"}" },
		{ "pf/0000:01:00.0",
		  "{\"phase\":\"sold\",\"domain\":\"a\",\"uuid\":\"" TENANT_UUID "\",\"vfs\":1}" },
		{ "pf/0000:01:00.0",
		  "{\"phase\":\"adopted\",\"domain\":\"a\",\"uuid\":\"" TENANT_UUID
		  "\",\"vfs\":65536}" },
		{ "vf/0000:01:00.0", "{}" },
		{ "vf/0000:01:00.0/1",
		  "{\"owner\":\"" TENANT_UUID "\",\"request\":0,\"domain\":\"a\"}" },
		{ "vf/0000:01:00.0/1", "{\"vlan\":\"5000\"}" },
		{ "something/else", "{}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct owner_table *owners = bed.core.owners;
		struct state_change change;

		assert_int_equal(state_change_init(&change), 0);
		assert_int_equal(state_put(&change, bad[i][0], json_tokener_parse(bad[i][1])), 0);
		assert_int_equal(state_commit(bed.core.state, &change, NULL), 0);
		state_change_release(&change);
		assert_true(core_load(&bed.core, &bed.problem) < 0);
		assert_true(*bed.problem.text);
		bed.core.owners = owners;
		pthread_mutex_init(&bed.core.books, NULL);
		assert_int_equal(state_change_init(&change), 0);
		assert_int_equal(state_delete(&change, bad[i][0]), 0);
		assert_int_equal(state_commit(bed.core.state, &change, NULL), 0);
		state_change_release(&change);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(a_pf_goes_into_its_vm_and_comes_back),
		T(all_vfs_are_the_default),
		T(what_cant_be_adopted_is_left_alone),
		T(a_failure_at_any_stage_goes_back_to_how_it_was),
		T(a_crash_while_adopting_is_taken_back),
		T(after_a_reboot_pf_vm_vfs_and_settings_are_there_again),
		T(what_cant_be_mended_is_reported_and_the_rest_goes_on),
		T(the_number_of_vfs_changes_while_nobody_has_one),
		T(a_vf_s_settings_are_applied_and_kept),
		T(settings_that_are_refused_arent_kept),
		T(a_vf_goes_to_one_tenant_and_back),
		T(a_token_is_new_at_each_start_and_when_a_vf_changes_hands),
		T(a_token_is_hidden_from_who_needs_it_no_more),
		T(a_pf_vm_s_token_stays_and_is_shown_while_it_starts),
		T(a_wrong_tenant_is_named),
		T(a_definition_that_cant_be_changed_leaves_the_vf_free),
		T(a_start_is_refused_unless_the_vfs_are_the_domain_s),
		T(a_pf_vm_is_restarted_and_a_forced_release_takes_vfs_back),
		T(a_driver_that_makes_vfs_only_while_it_is_up_is_served),
		T(a_state_that_makes_no_sense_isnt_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
