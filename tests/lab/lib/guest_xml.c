// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/guest_xml.h"

#include <errno.h>
#include <stdio.h>

#include "tests/lab/lib/consoles.h"

#define GUEST_DIR "/usr/lib/pfkeep-lab/guest"

/*
 * no_timer_check: an emulated machine under load fails that check now and then.
 * eoi off: see the notes on TCG in docs/lab.md.
 */
static const char domain_xml[] =
	"<domain type='kvm'>"
	"<name>%s</name>%s<memory unit='MiB'>256</memory><vcpu>1</vcpu>"
	"<os><type arch='x86_64' machine='q35'>hvm</type>"
	"<kernel>" GUEST_DIR "/vmlinuz</kernel><initrd>" GUEST_DIR "/initramfs</initrd>"
	"<cmdline>console=ttyS0 quiet no_timer_check panic=-1 %s</cmdline></os>"
	"<features><acpi/><apic eoi='off'/></features>"
	"<cpu mode='host-passthrough'><feature policy='disable' name='svm'/></cpu>"
	"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
	"<on_crash>destroy</on_crash>"
	"<devices>%s%s"
	"<controller type='usb' model='none'/><memballoon model='none'/>"
	"<serial type='file'><source path='" CONSOLES_DIR "/%s.log'/></serial>"
	"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
	"%s</devices></domain>";

static const char metadata_xml[] = "<metadata>%s</metadata>";

static const char emulator_xml[] = "<emulator>%s</emulator>";

static const char tools_xml[] =
	"<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
	"<source dev='/dev/disk/by-id/virtio-tools'/><target dev='vda' bus='virtio'/>"
	"<readonly/><serial>tools</serial></disk>";

static const char function_xml[] =
	"<hostdev mode='subsystem' type='pci' managed='yes'><source>"
	"<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>"
	"</source></hostdev>";

int guest_xml(const struct guest_xml *guest, char ret_xml[GUEST_XML_MAX])
{
	char metadata[1024] = "", emulator[256] = "", function[256] = "";
	unsigned int domain, bus, slot, fn;
	int n;

	if (guest->bdf) {
		if (sscanf(guest->bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4)
			return -EINVAL;
		snprintf(function, sizeof(function), function_xml, domain, bus, slot, fn);
	}
	if (guest->metadata && snprintf(metadata, sizeof(metadata), metadata_xml,
					guest->metadata) >= (int)sizeof(metadata))
		return -E2BIG;
	if (guest->emulator)
		snprintf(emulator, sizeof(emulator), emulator_xml, guest->emulator);
	n = snprintf(ret_xml, GUEST_XML_MAX, domain_xml, guest->name, metadata, guest->append,
		     emulator, guest->tools ? tools_xml : "", guest->name, function);
	return n < GUEST_XML_MAX ? 0 : -E2BIG;
}
