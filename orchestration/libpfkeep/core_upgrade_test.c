// SPDX-License-Identifier: GPL-2.0-only
/* Another image for a PF VM, and the way back. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/core.h"
#include "pfkeep/virt.h"

static char new_image[80];
static unsigned int plugs;
static const char *dead_image; /* what boots from it never answers */

int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);

/* libvirt's test driver plugs nothing in. */
int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
	assert_non_null(strstr(xml, DOMAIN_ALIAS_PF));
	plugs++;
	fakeguest_forget(&bed.guest);
	return 0;
}

static int open_agent(void *data, virDomainPtr dom, struct agent_link *ret_link, struct problem *p)
{
	CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(dom, 0);

	if (dead_image && strstr(xml, dead_image))
		return problem_set(p, -ETIMEDOUT, "its guest agent didn't answer within %u ms",
				   bed.core.boot_ms);
	*ret_link = fakeguest_link(&bed.guest);
	return 0;
}

static int setup(void **state)
{
	struct vfconf conf = { 0 };
	FILE *file;

	if (bed_setup(state))
		return -1;
	snprintf(new_image, sizeof(new_image), "%s/new.qcow2", bed.state_dir);
	file = fopen(new_image, "we");
	if (!file)
		return -1;
	fclose(file);
	bed_must_adopt(3);
	assert_int_equal(vfconf_set(&conf, "vlan", "7", NULL), 0);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	bed.core.open_agent = open_agent;
	plugs = 0;
	dead_image = NULL;
	return 0;
}

static int upgrade(void)
{
	return core_upgrade_pf(&bed.core, &bed_pf, new_image, 5000, &bed.problem);
}

/* By what runs, and by what would start next. */
static void check_image(const char *image, const char *not_image)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	assert_int_equal(virDomainIsActive(dom), 1);
	for (unsigned int flags = 0; flags <= VIR_DOMAIN_XML_INACTIVE;
	     flags += VIR_DOMAIN_XML_INACTIVE) {
		CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(dom, flags);

		assert_non_null(strstr(xml, image));
		assert_null(strstr(xml, not_image));
	}
}

static void check_serves(void)
{
	struct pci_pf now;

	assert_int_equal(pci_read_pf(&bed.host.root, &bed_pf, &now, NULL), 0);
	assert_int_equal(now.n_vfs, 3);
	pci_pf_release(&now);
	assert_true(owner_is_ready(bed.core.owners, &bed_pf));
	assert_int_equal(bed.guest.confs[1].vlan, 7);
	assert_string_equal(bed.guest.ip, "link set dev ens2 up");
	assert_int_equal(bed.core.boot_ms, 0);
}

static void a_new_image_that_serves_is_kept(void **state)
{
	assert_int_equal(upgrade(), 0);
	check_image(new_image, bed.config.image);
	check_serves();
	assert_int_equal(plugs, 1);
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_image(new_image, bed.config.image);
	check_serves();
}

/* Nor is it given the PF: tenants see the old one's return only. */
static void one_that_doesnt_boot_goes_back_to_the_old_one(void **state)
{
	dead_image = new_image;
	assert_int_equal(upgrade(), -ETIMEDOUT);
	assert_string_equal(bed.problem.text,
			    "start the new image: its guest agent didn't answer within 5000 ms");
	check_image(bed.config.image, new_image);
	check_serves();
	assert_int_equal(plugs, 1);
}

static void one_whose_driver_doesnt_take_the_pf_goes_back_to_the_old_one(void **state)
{
	bed.guest.driver_after = 1;
	assert_int_equal(upgrade(), -ETIMEDOUT);
	assert_non_null(strstr(bed.problem.text, "no driver of the PF VM has taken the PF"));
	check_image(bed.config.image, new_image);
	check_serves();
	assert_int_equal(plugs, 2);
}

static void when_neither_serves_both_are_said(void **state)
{
	dead_image = "qcow2";
	assert_int_equal(upgrade(), -ETIMEDOUT);
	assert_non_null(strstr(bed.problem.text, "; stop can't be undone: "));
	assert_false(owner_is_ready(bed.core.owners, &bed_pf));
	/* What starts next is the old one. */
	dead_image = NULL;
	assert_int_equal(core_restart_pf(&bed.core, &bed_pf, &bed.problem), 0);
	check_image(bed.config.image, new_image);
	check_serves();
}

static void an_image_that_isnt_there_stops_nothing(void **state)
{
	assert_int_equal(remove(new_image), 0);
	assert_int_equal(upgrade(), -ENOENT);
	assert_non_null(strstr(bed.problem.text, new_image));
	check_image(bed.config.image, new_image);
	assert_true(owner_is_ready(bed.core.owners, &bed_pf));
	assert_int_equal(plugs, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(a_new_image_that_serves_is_kept),
		T(one_that_doesnt_boot_goes_back_to_the_old_one),
		T(one_whose_driver_doesnt_take_the_pf_goes_back_to_the_old_one),
		T(when_neither_serves_both_are_said),
		T(an_image_that_isnt_there_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
