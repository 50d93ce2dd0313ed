// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GUEST_DIR "/usr/lib/pfkeep-lab/guest"
#define CONSOLES  "/run/pfkeep-lab/consoles"

/* no_timer_check: an emulated machine under load fails that check now and then. */
static const char domain_xml[] =
	"<domain type='kvm'>"
	"<name>%s</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>"
	"<os><type arch='x86_64' machine='q35'>hvm</type>"
	"<kernel>" GUEST_DIR "/vmlinuz</kernel><initrd>" GUEST_DIR "/initramfs</initrd>"
	"<cmdline>console=ttyS0 quiet no_timer_check panic=-1 %s</cmdline></os>"
	"<features><acpi/><apic/></features>"
	"<cpu mode='host-passthrough'><feature policy='disable' name='svm'/></cpu>"
	"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
	"<on_crash>destroy</on_crash>"
	"<devices>%s%s"
	"<controller type='usb' model='none'/><memballoon model='none'/>"
	"<serial type='file'><source path='" CONSOLES "/%s.log'/></serial>"
	"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
	"<hostdev mode='subsystem' type='pci' managed='yes'><source>"
	"<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>"
	"</source></hostdev>"
	"</devices></domain>";

static const char tools_xml[] =
	"<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
	"<source dev='/dev/disk/by-id/virtio-tools'/><target dev='vda' bus='virtio'/>"
	"<readonly/><serial>tools</serial></disk>";

void tenant_start(struct lab *lab, const struct tenant *tenant)
{
	unsigned int domain, bus, slot, function;
	char emulator[256] = "", xml[4096];

	if (sscanf(tenant->bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		fail_msg("%s: not a PCI address", tenant->bdf);
	if (tenant->emulator)
		snprintf(emulator, sizeof(emulator), "<emulator>%s</emulator>", tenant->emulator);

	int n = snprintf(xml, sizeof(xml), domain_xml, tenant->name, tenant->append, emulator,
			 tenant->tools ? tools_xml : "", tenant->name, domain, bus, slot, function);

	assert_in_range(n, 1, sizeof(xml) - 1);
	free(lab_run(lab, 120,
		     "mkdir -p " CONSOLES "; : >" CONSOLES "/%s.log\n"
		     "cat >/run/pfkeep-lab/%s.xml <<'XML'\n%s\nXML\n"
		     "virsh -q create /run/pfkeep-lab/%s.xml >&2",
		     tenant->name, tenant->name, xml, tenant->name));
}

char *tenant_wait(struct lab *lab, const struct tenant *tenant, unsigned int timeout_s,
		  const char *mark)
{
	char *line = lab_run(
		lab, timeout_s + 5,
		"timeout %u tail -n +1 -F " CONSOLES "/%s.log 2>/dev/null | grep -a -m1 '%s' || "
		"{ echo \"%s: no '%s' in %u s; its console ends:\" >&2; "
		"tail -n 30 " CONSOLES "/%s.log >&2; virsh list --all >&2; exit 1; }",
		timeout_s, tenant->name, mark, tenant->name, mark, timeout_s, tenant->name);
	char *rest = lab_field(line, mark);

	free(line);
	return rest;
}

void tenant_destroy(struct lab *lab, const struct tenant *tenant)
{
	free(lab_run(lab, 60, "virsh -q destroy '%s' >&2", tenant->name));
}
