// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tenants' XML is hostile. Through libvirt, a domain whose metadata isn't as it
 * must be doesn't start, and whoever starts it reads why in one line; what libvirt
 * would never hand to its hook is given to the hook by hand. Domains that have
 * nothing to do with VFs start, also while pfkeepd is away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"

#define NS    "xmlns:pfkeep='urn:pfkeep:domain:1'"
#define VF(a) "<pfkeep:vf " NS " " a "/>"
#define HOOK  "/etc/libvirt/hooks/qemu.d/pfkeep"

static struct lab lab;

static const struct tenant plain = { .name = "plain", .append = "" };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void a_plain_domain_starts(void **state)
{
	pfkeep_install(&lab);
	tenant_define(&lab, &plain);
	tenant_boot(&lab, &plain);
	tenant_destroy(&lab, &plain);
}

static const struct {
	const char *metadata, *words;
} hostile[] = {
	{ VF("pf='0000:7f:00.0'"), "asks for a VF of 0000:7f:00.0" },
	{ VF(""), "doesn't say of which pf" },
	{ VF("pf='01:00.0; reboot'"), "isn't a BDF" },
	{ VF("pf='../../../etc'"), "isn't a BDF" },
	{ VF("pf='0000:01:00.0' index='-1'"), "isn't a VF's number" },
	{ VF("pf='0000:01:00.0' index='4294967296'"), "isn't a VF's number" },
	{ VF("pf='0000:01:00.0' mac='02:70:66:00:00:01 vlan 5'"), "mac" },
	{ VF("pf='0000:01:00.0' mac='ff:ff:ff:ff:ff:ff'"), "mac" },
	{ VF("pf='0000:01:00.0' vlan='4095'"), "vlan" },
	{ VF("pf='0000:01:00.0' rate='1e9'"), "rate" },
	{ VF("pf='0000:01:00.0' trust='yes'"), "trust" },
	{ VF("pf='0000:01:00.0' owner='root'"), "no attribute 'owner'" },
	{ "<pfkeep:vf " NS " pf='0000:01:00.0'><a/></pfkeep:vf>", "must be empty" },
	{ "<pfkeep:root " NS "/>", "there is no <root>" },
	{ "<pfkeep:vf xmlns:pfkeep='urn:pfkeep:domain:2' pf='0000:01:00.0'/>",
	  "isn't urn:pfkeep:domain:1" },
	{ "<pfkeep:vfs " NS "><pfkeep:vf pf='0000:01:00.0' index='1'/>"
	  "<pfkeep:vf pf='0000:01:00.0' index='1'/></pfkeep:vfs>",
	  "asks for 0000:01:00.0/1 twice" },
	{ "<pfkeep:vfs " NS "><vf pf='0000:01:00.0'/></pfkeep:vfs>", "holds <vf> only" },
};

/* virsh's own line is followed by the hook's. */
static void libvirt_refuses(const char *metadata, const char *words)
{
	struct tenant bad = { .name = "bad", .append = "", .metadata = metadata };
	char *output = NULL;
	int status;

	tenant_define(&lab, &bad);
	status = lab_try(&lab, 60, &output, "virsh -q start bad");
	if (!status || !strstr(output, "pfkeep: ") || !strstr(output, words))
		fail_msg("%s: status %d, says nothing of '%s': %s", metadata, status, words,
			 output);
	free(output);
	tenant_undefine(&lab, &bad);
}

static void hostile_metadata_keeps_a_domain_from_starting(void **state)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		libvirt_refuses(hostile[i].metadata, hostile[i].words);
}

/* Each is a shell command that prints XML. */
static const struct {
	const char *make, *words;
} raw[] = {
	{ "echo '<!DOCTYPE d [<!ENTITY a \"b\">]><domain><name>&a;</name></domain>'", "has a DTD" },
	{ "echo '<!DOCTYPE d SYSTEM \"file:///etc/shadow\"><domain/>'", "has a DTD" },
	{ "echo '<domain><name>a</name>'", "not well-formed" },
	{ "printf '<domain>\\000</domain>'", "zero byte" },
	{ ":", "not well-formed" },
	{ "printf '<domain>'; head -c 10485760 /dev/zero | tr '\\000' a", "longer than" },
	{ "printf '<domain>'; head -c 300000 /dev/zero | sed 's/\\x00/<a>/g'", "not well-formed" },
	{ "echo '<domain><name>a</name><uuid>x</uuid></domain>'", "isn't one" },
	{ "echo '<domain><name>a</name><name>b</name></domain>'", "two <name>" },
};

static void the_hook_refuses_what_libvirt_would_not_send(void **state)
{
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		char *output = NULL;
		int status = lab_try(&lab, 60, &output,
				     "{ %s; } | " HOOK " bad prepare begin - 2>&1", raw[i].make);
		size_t line = strcspn(output, "\n");

		if (status != 1 || strncmp(output, "pfkeep: ", 8) || strcmp(output + line, "\n") ||
		    !strstr(output, raw[i].words))
			fail_msg("%s: status %d, '%s' instead of '%s'", raw[i].make, status, output,
				 raw[i].words);
		free(output);
	}
}

static void only_domains_with_vfs_need_pfkeepd(void **state)
{
	free(lab_run(&lab, 60, "systemctl -q is-active pfkeepd; systemctl stop pfkeepd"));
	libvirt_refuses(VF("pf='0000:01:00.0'"), "/run/pfkeep/pfkeepd");
	tenant_boot(&lab, &plain);
	tenant_destroy(&lab, &plain);
	free(lab_run(&lab, 60, "systemctl start pfkeepd"));
	tenant_undefine(&lab, &plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_domain_starts),
		cmocka_unit_test(hostile_metadata_keeps_a_domain_from_starting),
		cmocka_unit_test(the_hook_refuses_what_libvirt_would_not_send),
		cmocka_unit_test(only_domains_with_vfs_need_pfkeepd),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
