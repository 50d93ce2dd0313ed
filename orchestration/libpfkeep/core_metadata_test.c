// SPDX-License-Identifier: GPL-2.0-only
/* Domains that say in their metadata which VFs they want, and what becomes of it. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/token.h"
#include "pfkeep/virt.h"

#define LIST(inner) "<p:vfs xmlns:p='urn:pfkeep:domain:1'>" inner "</p:vfs>"
#define WANT(more)  "<p:vf pf='0000:01:00.0' " more "/>"

static void define_web(const char *metadata)
{
	bed_define("web", BED_WEB, metadata, "");
}

static int settle(const char *uuid)
{
	return core_settle_domain(&bed.core, uuid, &bed.problem);
}

static void must_settle(const char *uuid)
{
	if (settle(uuid))
		fail_msg("%s", bed.problem.text);
}

static size_t vfs_of(const char *uuid)
{
	return owner_list(bed.core.owners, uuid, NULL, 0);
}

static bool has_hostdev(const char *name, const char *slot_and_function)
{
	CLEANUP(cleanup_free) char *xml = bed_xml(name);

	return strstr(xml, slot_and_function);
}

#define VF0 "slot='0x10' function='0x0'"
#define VF1 "slot='0x10' function='0x2'"
#define VF2 "slot='0x10' function='0x4'"

static void a_defined_domain_gets_what_it_asks_for_and_starts(void **state)
{
	struct record_vf vf;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7' mac='52:54:00:12:34:56'")));
	assert_int_equal(bed_may_start("web"), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "isn't in its definition yet"));
	must_settle(BED_WEB);
	assert_true(has_hostdev("web", VF0));
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 0 mac 52:54:00:12:34:56 vlan 7");
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 0, &vf), 0);
	assert_true(vf.by_metadata);
	assert_string_equal(vf.claim.uuid, BED_WEB);
	assert_int_equal(bed_may_start("web"), 0);
	/* Again, as after our own change of the definition: nothing happens. */
	bed.guest.n_ip = 0;
	must_settle(BED_WEB);
	assert_int_equal(bed.guest.n_ip, 0);
	assert_int_equal(vfs_of(BED_WEB), 1);
}

static void it_keeps_it_while_it_is_defined(void **state)
{
	bed_must_adopt(3);
	define_web(LIST(WANT("")));
	must_settle(BED_WEB);
	assert_int_equal(virt_start(bed.core.conn, BED_WEB, NULL), 0);
	bed_stop("web");
	must_settle(BED_WEB);
	bed_reload();
	assert_int_equal(core_recover(&bed.core, bed_report, NULL, &bed.problem), 0);
	assert_int_equal(bed.reports, 0);
	assert_int_equal(vfs_of(BED_WEB), 1);
	assert_int_equal(bed_may_start("web"), 0);
	bed_undefine("web");
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 0);
	assert_int_equal(owner_count(bed.core.owners, &bed_pf), 0);
}

static void an_undefined_domain_s_vf_is_as_new(void **state)
{
	char before[ROOT_ATTR], after[ROOT_ATTR];
	struct record_vf vf;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7' trust='on' spoofchk='off' rate='100'")));
	must_settle(BED_WEB);
	assert_int_equal(bed_may_start("web"), 0);
	bed_read("sys/bus/pci/devices/0000:01:10.0/vfio_sriov/vf_token", before);
	bed_undefine("web");
	must_settle(BED_WEB);
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 0 vlan 0 max_tx_rate 0 trust off "
					  "spoofchk on");
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 0, &vf), -ENOENT);
	bed_read("sys/bus/pci/devices/0000:01:10.0/vfio_sriov/vf_token", after);
	assert_string_not_equal(before, after);
	assert_false(root_exists(&bed.host.root, TOKEN_DIR "/" BED_WEB));
}

/* Its next event would give it the VF again. */
static void what_a_domain_asks_for_isnt_taken_by_hand(void **state)
{
	bed_must_adopt(3);
	define_web(LIST(WANT("")));
	must_settle(BED_WEB);
	assert_int_equal(core_unassign(&bed.core, &bed_pf, 0, &bed.problem), -EPERM);
	assert_string_equal(bed.problem.text, "0000:01:00.0/0: domain web has it by its metadata: "
					      "take it out there");
	assert_int_equal(vfs_of(BED_WEB), 1);
	assert_true(has_hostdev("web", VF0));
	/* With the PF it goes, by force. */
	assert_int_equal(core_release(&bed.core, &bed_pf, true, &bed.problem), 0);
	assert_false(has_hostdev("web", VF0));
}

static void a_domain_with_another_name_is_the_same(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	struct record_vf vf;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7'")));
	must_settle(BED_WEB);
	assert_int_equal(virt_find(bed.core.conn, "web", &dom, NULL), 0);
	assert_int_equal(virDomainRename(dom, "shop", 0), 0);
	bed.guest.n_ip = 0;
	must_settle(BED_WEB);
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 0, &vf), 0);
	assert_string_equal(vf.domain, "shop");
	assert_string_equal(vf.claim.uuid, BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 1);
	assert_int_equal(bed.guest.n_ip, 0);
	assert_int_equal(bed_may_start("shop"), 0);
}

static void a_running_domain_keeps_its_vf_until_it_stops(void **state)
{
	bed_must_adopt(3);
	define_web(LIST(WANT("")));
	must_settle(BED_WEB);
	assert_int_equal(virt_start(bed.core.conn, BED_WEB, NULL), 0);
	define_web("");
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 1);
	bed_stop("web");
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 0);
	assert_false(has_hostdev("web", VF0));
	/* Undefined while it runs. */
	define_web(LIST(WANT("")));
	must_settle(BED_WEB);
	assert_int_equal(virt_start(bed.core.conn, BED_WEB, NULL), 0);
	bed_undefine("web");
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 1);
	bed_stop("web");
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 0);
}

static void what_it_asks_for_can_change(void **state)
{
	struct record_vf vf;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7'") WANT("index='1'")));
	must_settle(BED_WEB);
	assert_true(has_hostdev("web", VF0) && has_hostdev("web", VF1));
	/* The operator's own word holds beside it. */
	const struct vfconf fast = { .set = VFCONF_RATE, .rate = 500 };

	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 0, &fast, NULL), 0);
	define_web(LIST(WANT("vlan='9'") WANT("index='2'")));
	must_settle(BED_WEB);
	assert_true(has_hostdev("web", VF0) && has_hostdev("web", VF2));
	assert_false(has_hostdev("web", VF1));
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 0, &vf), 0);
	assert_int_equal(vf.conf.vlan, 9);
	assert_int_equal(vf.conf.rate, 500);
	define_web(LIST(WANT("index='0'")));
	must_settle(BED_WEB);
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 0 vlan 0");
	assert_int_equal(record_get_vf(bed.core.state, &bed_pf, 0, &vf), 0);
	assert_int_equal(vf.conf.set, VFCONF_RATE);
	assert_int_equal(vfs_of(BED_WEB), 1);
}

static void a_vf_that_was_assigned_by_hand_serves_the_metadata(void **state)
{
	bed_must_adopt(3);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 2, "web", NULL, &bed.problem), 0);
	CLEANUP(cleanup_free) char *xml = bed_xml("web");
	char *devices = strstr(xml, "<hostdev"), *end = strstr(xml, "</hostdev>");

	assert_true(devices && end);
	end[strlen("</hostdev>")] = '\0';
	bed_define("web", BED_WEB, LIST(WANT("vlan='7'")), devices);
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 1);
	assert_string_equal(bed.guest.ip, "link set dev ens2 vf 2 vlan 7");
	/* And one by hand that no metadata asks for stays. */
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
	must_settle(BED_WEB);
	assert_int_equal(vfs_of(BED_WEB), 2);
}

static void what_cant_be_met_is_said_at_the_start_and_met_later(void **state)
{
	define_web(LIST(WANT("")));
	assert_int_equal(settle(BED_WEB), -ENOENT);
	assert_int_equal(bed_may_start("web"), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "web: asks for a VF of 0000:01:00.0: "
						 "0000:01:00.0: isn't adopted"));
	bed_must_adopt(1);
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed_may_start("web"), 0);
	bed_define("sql", BED_SQL, LIST(WANT("")), "");
	assert_int_equal(settle(BED_SQL), -ENOSPC);
	assert_int_equal(bed_may_start("sql"), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "all of its 1 VFs are taken"));
	bed_undefine("web");
	must_settle(BED_WEB);
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed_may_start("sql"), 0);
}

static void what_cant_be_met_is_told_once(void **state)
{
	define_web(LIST(WANT("")));
	for (int i = 0; i < 3; i++)
		core_settle_and_tell(&bed.core, BED_WEB, bed_report, NULL);
	assert_int_equal(bed.reports, 1);
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed.reports, 1);
	/* Another reason is news, and so is the first one after it. */
	bed_must_adopt(1);
	bed.guest.ip_status = 2;
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed.reports, 1);
	define_web(LIST(WANT("vlan='7'")));
	core_settle_and_tell(&bed.core, BED_WEB, bed_report, NULL);
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed.reports, 2);
}

static void settings_that_are_refused_leave_the_vf_free(void **state)
{
	bed_must_adopt(3);
	bed.guest.ip_status = 2;
	define_web(LIST(WANT("vlan='7'")));
	assert_int_equal(settle(BED_WEB), -EREMOTEIO);
	assert_int_equal(vfs_of(BED_WEB), 0);
	assert_int_equal(bed_may_start("web"), -ENOENT);
	assert_non_null(strstr(bed.problem.text, "driver refuses"));
	bed.guest.ip_status = 0;
	must_settle(BED_WEB);
	assert_int_equal(bed_may_start("web"), 0);
}

static void without_its_pf_vm_a_vf_isnt_given_and_no_tenant_starts(void **state)
{
	struct record_pf record;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7'")));
	must_settle(BED_WEB);
	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	bed_stop(BED_VM);
	core_lost_pfvm(&bed.core, record.uuid);
	assert_int_equal(bed_may_start("web"), -EAGAIN);
	assert_non_null(strstr(bed.problem.text, "0000:01:00.0: its PF VM isn't ready"));
	bed_define("sql", BED_SQL, LIST(WANT("")), "");
	assert_int_equal(settle(BED_SQL), -EAGAIN);
	/* It comes back, with a driver that knows nothing. */
	bed.guest.num_vfs = 0;
	assert_int_equal(
		root_write(&bed.host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0"),
		0);
	fakeguest_forget(&bed.guest);
	assert_int_equal(core_start_pf(&bed.core, &bed_pf, &bed.problem), 0);
	assert_int_equal(bed.guest.confs[0].vlan, 7);
	assert_int_equal(bed_may_start("web"), 0);
	core_settle_unmet(&bed.core, bed_report, NULL);
	assert_int_equal(bed_may_start("sql"), 0);
}

static void an_agent_that_comes_back_gets_the_settings_again(void **state)
{
	struct record_pf record;

	bed_must_adopt(3);
	define_web(LIST(WANT("vlan='7'")));
	must_settle(BED_WEB);
	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	bed.guest.ip[0] = '\0';
	assert_int_equal(core_refresh_pf(&bed.core, &bed_pf, NULL), 0);
	assert_string_equal(bed.guest.ip, "");
	core_lost_pfvm(&bed.core, record.uuid);
	fakeguest_forget(&bed.guest);
	assert_int_equal(core_refresh_pf(&bed.core, &bed_pf, NULL), 0);
	assert_int_equal(bed.guest.confs[0].vlan, 7);
	assert_string_equal(bed.guest.ip, "link set dev ens2 up");
	assert_int_equal(bed_may_start("web"), 0);
}

static void after_the_host_s_boot_tenants_start_after_their_pf_vm(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_true(bed.core.first);
	bed_must_adopt(3);
	define_web(LIST(WANT("")));
	must_settle(BED_WEB);
	assert_int_equal(virt_find(bed.core.conn, "web", &dom, NULL), 0);
	core_autostart(&bed.core, bed_report, NULL);
	assert_false(virt_is_running(bed.core.conn, BED_WEB));
	assert_int_equal(virDomainSetAutostart(dom, 1), 0);
	core_autostart(&bed.core, bed_report, NULL);
	assert_true(virt_is_running(bed.core.conn, BED_WEB));
	assert_false(virt_is_running(bed.core.conn, BED_SQL));
	assert_int_equal(bed.reports, 0);
	bed_stop("web");
	assert_int_equal(virDomainSetAutostart(dom, 0), 0);
	bed_reload();
	assert_false(bed.core.first);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(a_defined_domain_gets_what_it_asks_for_and_starts),
		T(it_keeps_it_while_it_is_defined),
		T(an_undefined_domain_s_vf_is_as_new),
		T(what_a_domain_asks_for_isnt_taken_by_hand),
		T(a_domain_with_another_name_is_the_same),
		T(a_running_domain_keeps_its_vf_until_it_stops),
		T(what_it_asks_for_can_change),
		T(a_vf_that_was_assigned_by_hand_serves_the_metadata),
		T(what_cant_be_met_is_said_at_the_start_and_met_later),
		T(what_cant_be_met_is_told_once),
		T(settings_that_are_refused_leave_the_vf_free),
		T(without_its_pf_vm_a_vf_isnt_given_and_no_tenant_starts),
		T(an_agent_that_comes_back_gets_the_settings_again),
		T(after_the_host_s_boot_tenants_start_after_their_pf_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
