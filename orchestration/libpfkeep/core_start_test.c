// SPDX-License-Identifier: GPL-2.0-only
/* How a PF VM is started: with its PF, or given it when it is up. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/core.h"
#include "pfkeep/virt.h"

static void check_serves(uint16_t vfs)
{
	struct pci_pf now;

	assert_int_equal(pci_read_pf(&bed.host.root, &bed_pf, &now, NULL), 0);
	assert_int_equal(now.n_vfs, vfs);
	pci_pf_release(&now);
	assert_true(owner_is_ready(bed.core.owners, &bed_pf));
	assert_string_equal(bed.guest.ip, "link set dev ens2 up");
}

static bool can_plug, dies_when_plugged;
static char plugged[1024]; /* the XML of what was */

int __real_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);
int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);

/* libvirt's test driver plugs nothing in. */
int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
	/* Its QEMU has ended, and its agent with it; libvirt has yet to notice. */
	if (dies_when_plugged) {
		bed.guest.silent = true;
		return -1;
	}
	if (!can_plug)
		return __real_virDomainAttachDeviceFlags(dom, xml, flags);
	assert_int_equal(flags, VIR_DOMAIN_AFFECT_LIVE);
	snprintf(plugged, sizeof(plugged), "%s", xml);
	fakeguest_forget(&bed.guest);
	return 0;
}

static bool started_saved; /* the PF VM, with an image that QEMU's driver would restore */

virDomainPtr __real_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);
virDomainPtr __wrap_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);

/* libvirt's test driver drops what was saved at each start. */
virDomainPtr __wrap_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(conn, BED_VM, &dom, NULL), 0);
	started_saved = virDomainHasManagedSaveImage(dom, 0);
	return __real_virDomainCreateXML(conn, xml, flags);
}

static char said[256]; /* the last of the events that a test looks for */

static void hear(void *data, struct json_object *event)
{
	const char *name = json_object_get_string(json_object_object_get(event, "event"));

	if (!strcmp(name, "pf-cold"))
		snprintf(said, sizeof(said), "%s",
			 json_object_get_string(json_object_object_get(event, "why")));
	json_object_put(event);
}

static bool has_pf(unsigned int flags)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *xml = NULL;

	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	assert_int_equal(virDomainIsPersistent(dom), 1);
	xml = virDomainGetXMLDesc(dom, flags);
	return strstr(xml, DOMAIN_ALIAS_PF) != NULL;
}

static int no_agent(void *data, virDomainPtr dom, struct agent_link *ret_link, struct problem *p)
{
	return problem_set(p, -ETIMEDOUT, "its guest agent didn't answer");
}

static void a_pf_vm_is_given_a_pf_with_vfs_when_it_is_up(void **state)
{
	struct record_pf record;
	struct vfconf conf = { 0 };

	can_plug = true;
	plugged[0] = '\0';
	bed_must_adopt(3);
	assert_string_equal(plugged, "");
	assert_true(has_pf(0));
	assert_int_equal(vfconf_set(&conf, "vlan", "7", NULL), 0);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_serves(3);
	assert_int_equal(bed.guest.confs[1].vlan, 7);
	assert_non_null(strstr(plugged, DOMAIN_ALIAS_PF));
	assert_false(has_pf(0));
	assert_true(has_pf(VIR_DOMAIN_XML_INACTIVE));
	bed_stop(BED_VM);
	assert_true(has_pf(0));
	/* Without an agent it gets none. */
	plugged[0] = '\0';
	bed.core.open_agent = no_agent;
	assert_int_equal(core_start_pf(&bed.core, &bed_pf, &bed.problem), -ETIMEDOUT);
	assert_string_equal(plugged, "");
	/* Nor does anybody get anything from it, as it has ended. */
	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	core_lost_pfvm(&bed.core, record.uuid);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, &bed.problem), -EAGAIN);
	assert_string_equal(bed.problem.text, BED_PF ": its PF VM isn't ready");
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 2, &bed.problem), -EAGAIN);
	assert_int_equal(core_release(&bed.core, &bed_pf, true, NULL), 0);
}

static void a_pf_vm_that_cant_be_given_its_pf_starts_with_it(void **state)
{
	can_plug = false;
	said[0] = '\0';
	bed_must_adopt(3);
	bed.core.tell = hear;
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_serves(3);
	assert_true(has_pf(0));
	assert_non_null(strstr(said, BED_VM ": "));
	/* It takes it, but no driver there does. */
	can_plug = true;
	said[0] = '\0';
	bed.guest.driver_after = 1;
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_serves(3);
	assert_true(has_pf(0));
	assert_non_null(strstr(said, "no driver of the PF VM has taken the PF"));
	can_plug = false;
}

static void one_that_ends_while_it_is_given_its_pf_isnt_started_with_it(void **state)
{
	said[0] = '\0';
	bed_must_adopt(3);
	bed.core.tell = hear;
	dies_when_plugged = true;
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), -ECONNABORTED);
	assert_int_equal(strncmp(bed.problem.text, BED_PF ": ", strlen(BED_PF ": ")), 0);
	assert_string_equal(said, "");
	assert_false(has_pf(0));
	dies_when_plugged = false;
	/* It ends, is heard of, and starts again. */
	bed.guest.silent = false;
	bed_stop(BED_VM);
	can_plug = true;
	assert_int_equal(core_start_pf(&bed.core, &bed_pf, &bed.problem), 0);
	assert_string_equal(said, "");
	check_serves(3);
	can_plug = false;
}

/* As libvirt does it in the moments in which the VM hasn't its PF. */
static void a_pf_vm_boots_whatever_was_saved_of_it(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	can_plug = true;
	bed_must_adopt(3);
	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	assert_int_equal(virDomainManagedSave(dom, 0), 0);
	assert_int_equal(core_start_pf(&bed.core, &bed_pf, &bed.problem), 0);
	assert_false(started_saved);
	check_serves(3);
	/* Nor does it keep a PF from being given back. */
	assert_int_equal(virDomainManagedSave(dom, 0), 0);
	assert_int_equal(core_release(&bed.core, &bed_pf, false, &bed.problem), 0);
	can_plug = false;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(a_pf_vm_is_given_a_pf_with_vfs_when_it_is_up),
		T(a_pf_vm_that_cant_be_given_its_pf_starts_with_it),
		T(one_that_ends_while_it_is_given_its_pf_isnt_started_with_it),
		T(a_pf_vm_boots_whatever_was_saved_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
