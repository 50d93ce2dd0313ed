// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"

#define UUID	   "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define HEAD	   "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid>"
#define OURS	   "xmlns:p='urn:pfkeep:domain:1'"
#define META(text) HEAD "<metadata>" text "</metadata></domain>"

static int parse(const char *xml, struct domain_info *ret_info, struct problem *problem)
{
	return domain_parse(xml, strlen(xml), ret_info, problem);
}

static void a_tenant_says_what_it_wants(void **state)
{
	struct domain_info info;
	char text[BDF_TEXT];

	assert_int_equal(parse(META("<o:x xmlns:o='urn:other'><p:vf " OURS "/></o:x>"
				    "<p:vfs " OURS "><!-- two --><p:vf pf='0000:01:00.0' vlan='7'"
				    " mac='52:54:00:12:34:56'/> <p:vf pf='0000:02:00.0' index='3'"
				    " rate='100' trust='on' spoofchk='off'/></p:vfs>"),
			       &info, NULL),
			 0);
	assert_string_equal(info.name, "web");
	assert_string_equal(info.uuid, UUID);
	assert_int_equal(info.n_wants, 2);
	assert_string_equal(bdf_format(&info.wants[0].pf, text), "0000:01:00.0");
	assert_true(info.wants[0].any);
	assert_int_equal(info.wants[0].conf.set, VFCONF_MAC | VFCONF_VLAN);
	assert_int_equal(info.wants[0].conf.vlan, 7);
	assert_false(info.wants[1].any);
	assert_int_equal(info.wants[1].index, 3);
	assert_int_equal(info.wants[1].conf.rate, 100);
	assert_true(info.wants[1].conf.trust);
	assert_int_equal(info.wants[1].conf.set, VFCONF_RATE | VFCONF_TRUST | VFCONF_SPOOFCHK);
	domain_release(&info);
}

static void a_domain_ends_at_a_reboot_if_it_says_so(void **state)
{
	static const struct {
		const char *xml;
		bool ends;
	} cases[] = {
		{ HEAD "<on_reboot>destroy</on_reboot></domain>", true },
		{ HEAD "<on_reboot>restart</on_reboot></domain>", false },
		{ HEAD "<on_reboot>destroy-or-whatever</on_reboot></domain>", false },
		{ HEAD "<on_reboot>destroy</on_reboot><on_reboot>restart</on_reboot></domain>",
		  false },
		{ META("<x:y xmlns:x='urn:other'><on_reboot>destroy</on_reboot></x:y>"), false },
		{ HEAD "</domain>", false },
		{ "<on_reboot>destroy</on_reboot>", false },
		{ "destroy", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(domain_ends_at_reboot(cases[i].xml), cases[i].ends);
}

static void one_vf_needs_no_list(void **state)
{
	struct domain_info info;

	assert_int_equal(
		parse(META("<vf xmlns='urn:pfkeep:domain:1' pf='0000:01:00.0'/>"), &info, NULL), 0);
	assert_int_equal(info.n_wants, 1);
	assert_int_equal(info.wants[0].conf.set, 0);
	domain_release(&info);
}

static void a_domain_may_want_nothing(void **state)
{
	static const char *const quiet[] = {
		HEAD "</domain>",
		META(""),
		META("<vf pf='0000:01:00.0'/>"),
		META("<p:vf xmlns:p='urn:pfkeepers:domain:1' pf='x'/>"),
		META("<!-- <p:vf pf='x'/> --><![CDATA[<p:vf/>]]>"),
	};
	struct domain_info info;

	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
		assert_int_equal(parse(quiet[i], &info, NULL), 0);
		assert_int_equal(info.n_wants, 0);
		domain_release(&info);
	}
}

static void what_the_domain_has_is_read(void **state)
{
	struct domain_info info;
	char text[BDF_TEXT];

	assert_int_equal(
		parse(HEAD
		      "<devices><hostdev mode='subsystem' type='pci' managed='no'><source>"
		      "<address domain='0x0000' bus='0x02' slot='0x10' function='0x4'/></source>"
		      "<alias name='ua-pfkeep-vf0'/></hostdev>"
		      "<hostdev mode='subsystem' type='usb'><source/></hostdev>"
		      "<interface type='hostdev'><source><address type='pci' domain='0x0000'"
		      " bus='0x02' slot='0x11' function='0x0'/></source></interface>"
		      "<interface type='network'><source network='default'/></interface>"
		      "</devices></domain>",
		      &info, NULL),
		0);
	assert_int_equal(info.n_hostdevs, 2);
	assert_string_equal(bdf_format(&info.hostdevs[0].bdf, text), "0000:02:10.4");
	assert_string_equal(info.hostdevs[0].alias, "ua-pfkeep-vf0");
	assert_false(info.hostdevs[0].interface);
	assert_string_equal(bdf_format(&info.hostdevs[1].bdf, text), "0000:02:11.0");
	assert_true(info.hostdevs[1].interface);
	assert_string_equal(info.hostdevs[1].alias, "");
	domain_release(&info);
}

static void each_broken_rule_is_said(void **state)
{
	static const struct {
		const char *xml, *words;
	} bad[] = {
		{ "", "not well-formed" },
		{ "<domain>", "not well-formed" },
		{ "<network/>", "isn't a <domain>" },
		{ "<d:domain xmlns:d='urn:x'/>", "isn't a <domain>" },
		{ "<domain><uuid>" UUID "</uuid></domain>", "no <name>" },
		{ "<domain><name></name><uuid>" UUID "</uuid></domain>", "no <name>" },
		{ "<domain><name>a</name></domain>", "no <uuid>" },
		{ "<domain><name>a</name><uuid>1</uuid></domain>", "<uuid>" },
		{ "<domain><name>a</name><name>b</name><uuid>" UUID "</uuid></domain>",
		  "two <name>" },
		{ HEAD "<metadata/><metadata/></domain>", "two <metadata>" },
		{ META("<p:vf " OURS "/>"), "of which pf" },
		{ META("<p:vf " OURS " pf='01:00.0'/>"), "'01:00.0'" },
		{ META("<p:vf " OURS " pf='0000:01:00.0' index='-1'/>"), "index '-1'" },
		{ META("<p:vf " OURS " pf='0000:01:00.0' vlan='4095'/>"), "vlan '4095'" },
		{ META("<p:vf " OURS " pf='0000:01:00.0' mac='52:54:00:12:34:56;reboot'/>"),
		  "mac" },
		{ META("<p:vf " OURS " pf='0000:01:00.0' mac='&#10;'/>"), "mac '?'" },
		{ META("<p:vf " OURS " pf='0000:01:00.0' colour='red'/>"), "'colour'" },
		{ META("<p:vf " OURS " p:pf='0000:01:00.0'/>"), "namespace" },
		{ META("<p:vf " OURS " pf='0000:01:00.0'><p:vf/></p:vf>"), "empty" },
		{ META("<p:vf " OURS " pf='0000:01:00.0'>text</p:vf>"), "empty" },
		{ META("<p:pf " OURS "/>"), "no <pf>" },
		{ META("<p:vf xmlns:p='urn:pfkeep:domain:2' pf='0000:01:00.0'/>"),
		  "urn:pfkeep:domain:2" },
		{ META("<p:vf " OURS " pf='0000:01:00.0'/><p:vf " OURS " pf='0000:01:00.0'/>"),
		  "one <vfs>" },
		{ META("<p:vfs " OURS " n='2'/>"), "no attributes" },
		{ META("<p:vfs " OURS "><vf pf='0000:01:00.0'/></p:vfs>"), "<vf> only" },
		{ META("<p:vfs " OURS "><p:vf pf='0000:01:00.0' index='1'/>"
		       "<p:vf pf='0000:01:00.0' index='1'/></p:vfs>"),
		  "0000:01:00.0/1 twice" },
		{ HEAD "<devices><hostdev type='pci'/></devices></domain>", "no PCI address" },
		{ HEAD "<devices><hostdev type='pci'><source><address bus='0x1' slot='0x20'"
		       " function='0'/></source></hostdev></devices></domain>",
		  "no PCI address" },
	};
	struct domain_info info;
	struct problem problem;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i].xml, &info, &problem) != -EINVAL)
			fail_msg("taken: %s", bad[i].xml);
		if (!strstr(problem.text, bad[i].words))
			fail_msg("%s: %s", bad[i].xml, problem.text);
	}
}

static void a_dtd_ends_the_reading(void **state)
{
	static const char *const bad[] = {
		"<!DOCTYPE domain>" HEAD "</domain>",
		"<!DOCTYPE d [<!ENTITY e SYSTEM "
		"'file:///etc/hostname'>]><domain><name>&e;</name></domain>",
		"<!DOCTYPE d SYSTEM 'http://192.0.2.1/x.dtd'>" HEAD "</domain>",
		"<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
		"<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><domain><name>&c;</name></domain>",
	};
	struct domain_info info;
	struct problem problem;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i], &info, &problem), -EINVAL);
		assert_non_null(strstr(problem.text, "DTD"));
	}
	assert_int_equal(parse("<domain><name>&e;</name></domain>", &info, &problem), -EINVAL);
}

static void bulk_is_refused(void **state)
{
	size_t len = DOMAIN_XML_MAX + 1;
	CLEANUP(cleanup_free) char *big = malloc(len + 1);
	struct domain_info info;
	struct problem problem;

	assert_non_null(big);
	memset(big, ' ', len);
	memcpy(big, HEAD, strlen(HEAD));
	assert_int_equal(domain_parse(big, len, &info, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "longer than"));
	/* Nesting as deep as it goes. */
	for (size_t i = 0; i + 3 <= DOMAIN_XML_MAX; i += 3)
		memcpy(big + i, "<a>", 3);
	assert_int_equal(domain_parse(big, DOMAIN_XML_MAX / 3 * 3, &info, &problem), -EINVAL);
	/* More VFs than anybody has a use for. */
	CLEANUP(cleanup_file) FILE *out = fmemopen(big, DOMAIN_XML_MAX, "w");

	fprintf(out, HEAD "<metadata><p:vfs " OURS ">");
	for (int i = 0; i <= DOMAIN_WANTS_MAX; i++)
		fprintf(out, "<p:vf pf='0000:01:00.0'/>");
	fprintf(out, "</p:vfs></metadata></domain>");
	len = (size_t)ftell(out);
	fflush(out);
	assert_int_equal(domain_parse(big, len, &info, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "more than 64"));
}

static void other_encodings_dont_get_round_the_rules(void **state)
{
	/* UTF-16 with its mark, and a declaration that lies. */
	static const char utf16[] = "\xff\xfe<\0d\0/\0>\0";
	struct domain_info info;

	assert_int_equal(domain_parse(utf16, sizeof(utf16) - 1, &info, NULL), -EINVAL);
	assert_int_equal(
		parse("<?xml version='1.0' encoding='UTF-7'?>+ADw-!DOCTYPE d+AD4-", &info, NULL),
		-EINVAL);
}

/* Ask libvirt's own schema what it thinks of it; on its test driver. */
static void check_with_libvirt(const char *xml)
{
	virConnectPtr conn = virConnectOpen("test:///default");
	virDomainPtr dom;

	assert_non_null(conn);
	dom = virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
	if (!dom)
		fail_msg("%s\n%s", virGetLastErrorMessage(), xml);
	virDomainUndefine(dom);
	virDomainFree(dom);
	virConnectClose(conn);
}

static void libvirt_takes_the_pf_vm(void **state)
{
	const struct domain_pfvm vm = {
		.type = "test",
		.name = "pf & <vm>",
		.uuid = UUID,
		.memory_mib = 128,
		.emulator = "/usr/bin/qemu-system-x86_64",
		.image = "/var/lib/pfkeep/pf'vm.qcow2",
		.pf = { 0, 1, 0, 0 },
		.token_file = "/run/t",
		.spare_buses = 1,
	};
	CLEANUP(cleanup_free) char *xml = NULL;
	struct domain_info info;
	char text[BDF_TEXT];

	assert_int_equal(domain_pfvm_xml(&vm, &xml), 0);
	assert_true(domain_ends_at_reboot(xml));
	check_with_libvirt(xml);
	assert_int_equal(parse(xml, &info, NULL), 0);
	assert_string_equal(info.name, vm.name);
	assert_int_equal(info.n_hostdevs, 1);
	assert_string_equal(bdf_format(&info.hostdevs[0].bdf, text), "0000:01:00.0");
	domain_release(&info);
	assert_non_null(strstr(xml, "name=\"sriov\" type=\"bool\" value=\"true\""));
	assert_non_null(strstr(xml, "name=\"bus-reserve\" type=\"unsigned\" value=\"1\""));
}

/* What any vfio-pci of it then gets is what the PF alone was told. */
static void a_pf_vm_is_taken_apart(void **state)
{
	const struct domain_pfvm vm = {
		.type = "test",
		.name = "pf-vm",
		.uuid = UUID,
		.memory_mib = 128,
		.emulator = "/usr/bin/qemu-system-x86_64",
		.image = "/i/root.qcow2",
		.pf = { 0, 1, 0, 0 },
		.token_file = "/run/t",
		.spare_buses = 1,
	};
	CLEANUP(cleanup_free) char *xml = NULL, *apart = NULL, *pf = NULL, *no_pf = NULL;
	struct problem problem;

	assert_int_equal(domain_pfvm_xml(&vm, &xml), 0);
	assert_int_equal(domain_pfvm_apart(xml, &apart, &pf, NULL), 0);
	check_with_libvirt(apart);
	assert_null(strstr(apart, "<hostdev"));
	assert_null(strstr(apart, DOMAIN_ALIAS_PF));
	assert_non_null(strstr(apart, "name=\"bus-reserve\" type=\"unsigned\" value=\"1\""));
	assert_non_null(strstr(apart, "value=\"-global\""));
	assert_non_null(strstr(apart, "value=\"vfio-pci.sriov=on\""));
	assert_non_null(strstr(apart, "value=\"vfio-pci.vf-token-secret=" DOMAIN_TOKEN "\""));
	assert_non_null(strstr(apart, "value=\"secret,id=" DOMAIN_TOKEN ",file=/run/t\""));
	assert_memory_equal(pf, "<hostdev ", strlen("<hostdev "));
	assert_non_null(strstr(pf, "<alias name=\"" DOMAIN_ALIAS_PF "\"/>"));
	assert_non_null(strstr(pf, "type=\"pci\" domain=\"0x0000\" bus=\"0x01\""));
	free(pf);
	pf = NULL;
	assert_int_equal(domain_pfvm_apart(apart, &no_pf, &pf, &problem), -ENOENT);
	assert_null(no_pf);
	assert_null(pf);
}

static void libvirt_takes_a_pf_vm_that_boots_by_its_kernel(void **state)
{
	const struct domain_pfvm vm = {
		.type = "test",
		.name = "pf-vm",
		.uuid = UUID,
		.memory_mib = 128,
		.emulator = "/usr/bin/qemu-system-x86_64",
		.image = "/i/root.qcow2",
		.kernel = "/i/vmlinuz",
		.initrd = "/i/initrd",
		.cmdline = "quiet a=\"<&>\"",
		.pf = { 0, 1, 0, 0 },
		.token_file = "/run/t",
	};
	CLEANUP(cleanup_free) char *xml = NULL;

	assert_int_equal(domain_pfvm_xml(&vm, &xml), 0);
	check_with_libvirt(xml);
	assert_non_null(strstr(xml, "<kernel>/i/vmlinuz</kernel>"));
	assert_non_null(strstr(xml, "<cmdline>quiet a=\"&lt;&amp;&gt;\" pci=lastbus=1</cmdline>"));
	assert_non_null(strstr(xml, "<readonly/>"));
	assert_null(strstr(xml, "<boot "));
}

static void a_vf_becomes_a_hostdev(void **state)
{
	const struct bdf vf = { 0x10000, 2, 0x10, 4 };
	CLEANUP(cleanup_free) char *xml = NULL, *domain = NULL;
	struct domain_info info;

	assert_int_equal(domain_hostdev_xml(&vf, DOMAIN_ALIAS_VF "0", &xml), 0);
	assert_true(asprintf(&domain,
			     "<domain type='test'><name>a</name><uuid>" UUID
			     "</uuid><memory>4096</memory><os><type>hvm</type></os>"
			     "<devices>%s</devices></domain>",
			     xml) > 0);
	check_with_libvirt(domain);
	assert_int_equal(parse(domain, &info, NULL), 0);
	assert_int_equal(info.n_hostdevs, 1);
	assert_true(bdf_equal(&info.hostdevs[0].bdf, &vf));
	assert_string_equal(info.hostdevs[0].alias, DOMAIN_ALIAS_VF "0");
	domain_release(&info);
}

#define TENANT                                                                              \
	"<domain type='test' xmlns:q='" DOMAIN_QEMU_NAMESPACE "'><name>a</name><uuid>" UUID \
	"</uuid><memory>4096</memory><os><type>hvm</type></os><devices>"                    \
	"<emulator>/usr/bin/theirs</emulator>%s</devices>"                                  \
	"<q:commandline><q:arg value='-msg'/><q:arg value='timestamp=on'/></q:commandline>" \
	"</domain>"

static const struct domain_vf some_vfs[] = { { { 0, 1, 0x10, 0 }, 0 }, { { 0, 1, 0x10, 2 }, 3 } };
static const struct domain_tenant some_tenant = { "/usr/bin/ours", "/run/t", some_vfs, 2 };

static char *edited(const char *xml, const struct domain_tenant *tenant)
{
	struct problem problem;
	char *new;

	if (domain_edit_tenant(xml, tenant, &new, &problem))
		fail_msg("%s", problem.text);
	return new;
}

static unsigned int count(const char *text, const char *word)
{
	unsigned int n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

static void a_tenant_s_definition_gets_what_its_vfs_need_and_loses_it_again(void **state)
{
	CLEANUP(cleanup_free)
	char *xml = NULL, *with = NULL, *same = NULL, *one = NULL, *none = NULL;
	struct domain_tenant tenant = some_tenant;

	assert_true(asprintf(&xml, TENANT, "") > 0);
	with = edited(xml, &tenant);
	check_with_libvirt(with);
	assert_int_equal(count(with, "<hostdev "), 2);
	assert_int_equal(count(with, "<emulator>/usr/bin/ours</emulator>"), 1);
	assert_null(strstr(with, "/usr/bin/theirs"));
	assert_int_equal(count(with, "value=\"secret,id=pfkeep-token,file=/run/t\""), 1);
	assert_int_equal(count(with, "value=\"vfio-pci.vf-token-secret=pfkeep-token\""), 1);
	assert_int_equal(count(with, "name=\"vf-token-secret\""), 2);
	same = edited(with, &tenant);
	assert_null(same);
	tenant.vfs++;
	tenant.n_vfs--;
	one = edited(with, &tenant);
	check_with_libvirt(one);
	assert_int_equal(count(one, "<hostdev "), 1);
	assert_int_equal(count(one, "ua-pfkeep-vf3"), 2);
	assert_null(strstr(one, "ua-pfkeep-vf0"));
	tenant.n_vfs = 0;
	none = edited(one, &tenant);
	check_with_libvirt(none);
	assert_null(strstr(none, "pfkeep"));
	assert_null(strstr(none, "override"));
	/* What others put there stays. */
	assert_non_null(strstr(none, "timestamp=on"));
}

static void other_functions_of_a_tenant_get_no_token(void **state)
{
	CLEANUP(cleanup_free) char *xml = NULL, *with = NULL, *without = NULL, *new = NULL;
	struct problem problem;

	assert_true(asprintf(&xml, TENANT,
			     "<hostdev mode='subsystem' type='pci'><source><address domain='0' "
			     "bus='9' slot='0' function='0'/></source></hostdev>") > 0);
	with = edited(xml, &some_tenant);
	assert_null(strstr(with, "vfio-pci.vf-token-secret"));
	assert_int_equal(count(with, "name=\"vf-token-secret\""), 2);
	/* A VF that is to be given, put there by another hand. */
	assert_true(asprintf(&without, TENANT,
			     "<hostdev mode='subsystem' type='pci'><source><address domain='0' "
			     "bus='1' slot='0x10' function='2'/></source></hostdev>") > 0);
	assert_int_equal(domain_edit_tenant(without, &some_tenant, &new, &problem), -EEXIST);
	assert_non_null(strstr(problem.text, "0000:01:10.2"));
	assert_null(new);
}

/* A hostdev that is right keeps its place in the guest. */
static void a_vf_that_is_there_stays_as_it_is(void **state)
{
	CLEANUP(cleanup_free) char *xml = NULL, *with = NULL;

	assert_true(asprintf(&xml, TENANT,
			     "<hostdev mode='subsystem' type='pci'><source><address domain='0' "
			     "bus='1' slot='0x10' function='2'/></source>"
			     "<alias name='ua-pfkeep-vf3'/><address type='pci' domain='0' bus='7' "
			     "slot='0' function='0'/></hostdev>"
			     "<hostdev mode='subsystem' type='pci'><source><address domain='0' "
			     "bus='1' slot='0x10' function='4'/></source>"
			     "<alias name='ua-pfkeep-vf0'/></hostdev>") > 0);
	with = edited(xml, &some_tenant);
	assert_int_equal(count(with, "<hostdev "), 2);
	assert_int_equal(count(with, "bus=\"7\""), 1);
	assert_null(strstr(with, "function=\"4\""));
}

static void a_uuid_has_one_form(void **state)
{
	static const char *const bad[] = { "", "c7a5fdbd-edaf-9455-926a-d65c16db180",
					   "c7a5fdbd-edaf-9455-926a-d65c16db18090",
					   "c7a5fdbdedaf-9455-926a-d65c16db1809-",
					   "{7a5fdbd-edaf-9455-926a-d65c16db1809" };
	char uuid[UUID_TEXT], other[UUID_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(uuid_parse(bad[i], uuid), -EINVAL);
	assert_int_equal(uuid_parse("C7A5FDBD-EDAF-9455-926A-D65C16DB1809", uuid), 0);
	assert_string_equal(uuid, UUID);
	assert_int_equal(uuid_random(uuid), 0);
	assert_int_equal(uuid_random(other), 0);
	assert_string_not_equal(uuid, other);
	assert_int_equal(uuid_parse(uuid, other), 0);
	assert_string_equal(uuid, other);
	assert_int_equal(uuid[14], '4');
}

static void ignore_error(void *data, virErrorPtr error)
{
}

static int cleanup(void **state)
{
	xmlCleanupParser();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_says_what_it_wants),
		cmocka_unit_test(a_domain_ends_at_a_reboot_if_it_says_so),
		cmocka_unit_test(one_vf_needs_no_list),
		cmocka_unit_test(a_domain_may_want_nothing),
		cmocka_unit_test(what_the_domain_has_is_read),
		cmocka_unit_test(each_broken_rule_is_said),
		cmocka_unit_test(a_dtd_ends_the_reading),
		cmocka_unit_test(bulk_is_refused),
		cmocka_unit_test(other_encodings_dont_get_round_the_rules),
		cmocka_unit_test(libvirt_takes_the_pf_vm),
		cmocka_unit_test(a_pf_vm_is_taken_apart),
		cmocka_unit_test(libvirt_takes_a_pf_vm_that_boots_by_its_kernel),
		cmocka_unit_test(a_vf_becomes_a_hostdev),
		cmocka_unit_test(a_tenant_s_definition_gets_what_its_vfs_need_and_loses_it_again),
		cmocka_unit_test(other_functions_of_a_tenant_get_no_token),
		cmocka_unit_test(a_vf_that_is_there_stays_as_it_is),
		cmocka_unit_test(a_uuid_has_one_form),
	};

	virSetErrorFunc(NULL, ignore_error);
	return cmocka_run_group_tests(tests, NULL, cleanup);
}
