// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/virt.h"

struct bed bed;
const struct bdf bed_pf = { 0, 1, 0, 0 };

static int open_agent(void *data, virDomainPtr dom, struct agent_link *ret_link, struct problem *p)
{
	if (virDomainIsActive(dom) != 1)
		return problem_set(p, -ENOTCONN, "Guest agent is not connected");
	*ret_link = fakeguest_link(&bed.guest);
	return 0;
}

void bed_report(void *data, const struct problem *why)
{
	bed.reports++;
	bed.problem = *why;
}

void bed_load(void)
{
	assert_int_equal(state_open(bed.state_dir, &bed.core.state, NULL), 0);
	if (core_load(&bed.core, &bed.problem))
		fail_msg("%s", bed.problem.text);
}

void bed_unload(void)
{
	core_unload(&bed.core);
	state_close(bed.core.state);
	bed.core.state = NULL;
}

void bed_reload(void)
{
	bed_unload();
	bed_load();
}

void bed_define(const char *name, const char *uuid, const char *metadata, const char *devices)
{
	CLEANUP(cleanup_free) char *xml = NULL;

	assert_true(asprintf(&xml,
			     "<domain type='test'><name>%s</name><uuid>%s</uuid>"
			     "<metadata>%s</metadata><memory>4096</memory>"
			     "<os><type>hvm</type></os><devices>%s</devices></domain>",
			     name, uuid, metadata, devices) > 0);
	if (virt_define(bed.core.conn, xml, &bed.problem))
		fail_msg("%s", bed.problem.text);
}

void bed_undefine(const char *name)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, name, &dom, NULL), 0);
	assert_int_equal(virDomainUndefine(dom), 0);
}

void bed_stop(const char *name)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, name, &dom, NULL), 0);
	assert_int_equal(virDomainDestroy(dom), 0);
}

char *bed_xml(const char *name)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, name, &dom, NULL), 0);
	return virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_SECURE);
}

int bed_may_start(const char *name)
{
	CLEANUP(cleanup_free) char *xml = bed_xml(name);

	return core_may_start(&bed.core, xml, strlen(xml), &bed.problem);
}

int bed_adopt(uint16_t vfs)
{
	const struct core_adopt how = { .bdf = bed_pf, .vfs = vfs };

	return core_adopt(&bed.core, &how, &bed.problem);
}

void bed_must_adopt(uint16_t vfs)
{
	if (bed_adopt(vfs))
		fail_msg("%s", bed.problem.text);
}

void bed_read(const char *path, char ret_text[static ROOT_ATTR])
{
	if (root_read(&bed.host.root, path, ret_text, ROOT_ATTR))
		fail_msg("%s can't be read", path);
}

static void make_state_dir(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(bed.state_dir, sizeof(bed.state_dir), "%s/pfkeep-bed-XXXXXX", places[i]);
		if (mkdtemp(bed.state_dir))
			return;
	}
	fail_msg("no place for a state");
}

int bed_setup(void **state)
{
	bed = (struct bed){
		.guest = { .host = &bed.host, .pf = BED_PF, .total_vfs = 7 },
		.config = { .vm_type = "test",
			    .emulator = "/usr/bin/qemu-system-x86_64",
			    .qemu_user = geteuid(),
			    .image = "/var/lib/pfkeep/pf-vm.qcow2",
			    .memory_mib = 128 },
	};
	fakehost_setup(&bed.host);
	fakehost_driver(&bed.host, "igb");
	fakehost_driver(&bed.host, "igbvf");
	fakehost_driver(&bed.host, DRIVER_VFIO);
	fakehost_bridge(&bed.host, "0000:00:01.0", true);
	fakehost_pf(&bed.host, "0000:00:01.0", &fakehost_igb);
	make_state_dir();
	bed.core = (struct core){ .root = &bed.host.root,
				  .config = &bed.config,
				  .open_agent = open_agent };
	assert_int_equal(virt_connect("test:///default", &bed.core.conn, NULL), 0);
	bed_define("web", BED_WEB, "", "");
	bed_define("sql", BED_SQL, "", "");
	bed_load();
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int bed_teardown(void **state)
{
	assert_int_equal(owner_check(bed.core.owners, NULL), 0);
	/* The test driver is one for all connections of a process. */
	virt_remove(bed.core.conn, BED_WEB, NULL);
	virt_remove(bed.core.conn, BED_SQL, NULL);
	virt_remove(bed.core.conn, BED_VM, NULL);
	virConnectClose(bed.core.conn);
	bed_unload();
	fakeguest_release(&bed.guest);
	fakehost_teardown(&bed.host);
	return nftw(bed.state_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
