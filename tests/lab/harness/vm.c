// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/tenant.h"

#define RUN_DIR	  "/run/pfkeep-lab"
#define GUEST_DIR "/usr/lib/pfkeep-lab/guest"
#define CONSOLES  RUN_DIR "/consoles"
#define XML_MAX	  8192

/* no_timer_check: an emulated machine under load fails that check now and then. */
static const char domain_xml[] =
	"<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
	"<name>%s</name><memory unit='MiB'>320</memory><vcpu>%u</vcpu>"
	"<os><type arch='x86_64' machine='q35'>hvm</type>"
	"<kernel>" GUEST_DIR "/vmlinuz</kernel><initrd>" GUEST_DIR "/initramfs</initrd>"
	"<cmdline>console=ttyS0 quiet no_timer_check panic=-1 %s</cmdline></os>"
	"<features><acpi/><apic eoi='off'/></features>%s"
	"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
	"<on_crash>destroy</on_crash>"
	"<devices><emulator>" VM_EMULATOR "</emulator>%s%s"
	"<controller type='usb' model='none'/><memballoon model='none'/>"
	"<serial type='file'><source path='" CONSOLES "/%s.log'/></serial>"
	"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
	"<channel type='unix'><source mode='bind' path='" RUN_DIR "/%s.agent'/>"
	"<target type='virtio' name='org.pfkeep.lab.0'/></channel>"
	"<hostdev mode='subsystem' type='pci' managed='no'>"
	"<driver name='vfio' model='vfio-pci-sriov'/><source>"
	"<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/></source>"
	"<alias name='ua-function'/>"
	"<address type='pci' domain='0' bus='%u' slot='0' function='0'/></hostdev></devices>"
	"%s%s</domain>";

/* libvirt wants at least one property in it. */
static const char override_xml[] =
	"<qemu:override><qemu:device alias='ua-function'><qemu:frontend>%s%s%s"
	"</qemu:frontend></qemu:device></qemu:override>";

static const char cpu_xml[] =
	"<cpu mode='host-passthrough'><feature policy='disable' name='svm'/></cpu>";

static const char port_xml[] = "<controller type='pci' index='0' model='pcie-root'/>"
			       "<controller type='pci' index='1' model='pcie-root-port'/>";

/* The function is on bus 3 then. */
static const char switch_xml[] =
	"<controller type='pci' index='0' model='pcie-root'/>"
	"<controller type='pci' index='1' model='pcie-root-port'/>"
	"<controller type='pci' index='2' model='pcie-switch-upstream-port'/>"
	"<controller type='pci' index='3' model='pcie-switch-downstream-port'/>";

static const char tools_xml[] =
	"<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
	"<source dev='/dev/disk/by-id/virtio-tools'/><target dev='vda' bus='virtio'/>"
	"<readonly/><serial>tools</serial></disk>";

#define PROPERTY(name, type, value) \
	"<qemu:property name='" name "' type='" type "' value='" value "'/>"

static const char secret_xml[] = "<qemu:commandline><qemu:arg value='-object'/>"
				 "<qemu:arg value='secret,id=vf-token,file=%s'/>"
				 "</qemu:commandline>";

static void make_xml(const struct vm *vm, char ret_xml[XML_MAX])
{
	unsigned int domain, bus, slot, function;
	char secret[512] = "", override[512] = "";

	if (sscanf(vm->bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		fail_msg("%s: not a PCI address", vm->bdf);
	if (vm->token_file)
		snprintf(secret, sizeof(secret), secret_xml, vm->token_file);

	if (vm->pf || vm->token_file)
		snprintf(override, sizeof(override), override_xml,
			 vm->pf ? PROPERTY("sriov", "bool", "true") : "",
			 vm->vf_bars ? PROPERTY("sriov-vf-bars", "bool", "true") : "",
			 vm->token_file ? PROPERTY("vf-token-secret", "string", "vf-token") : "");

	int n = snprintf(ret_xml, XML_MAX, domain_xml, vm->tcg ? "qemu" : "kvm", vm->name,
			 vm->vcpus ? vm->vcpus : 1, vm->append ? vm->append : "",
			 vm->tcg ? "" : cpu_xml, vm->behind_switch ? switch_xml : port_xml,
			 vm->tools ? tools_xml : "", vm->name, vm->name, domain, bus, slot,
			 function, vm->behind_switch ? 3u : 1u, secret, override);

	assert_in_range(n, 1, XML_MAX - 1);
}

static const char start_script[] = "mkdir -p " CONSOLES "; : >" CONSOLES "/%s.log\n"
				   "cat >" RUN_DIR "/%s.xml <<'XML'\n%s\nXML\n"
				   "virsh -q create " RUN_DIR "/%s.xml >&2";

void vm_start(struct lab *lab, const struct vm *vm)
{
	char xml[XML_MAX];

	if (vm->raw) {
		vm_raw_start(lab, vm);
		return;
	}
	make_xml(vm, xml);
	free(lab_run(lab, 120, start_script, vm->name, vm->name, xml, vm->name));
}

int vm_try_start(struct lab *lab, const struct vm *vm, char **ret_output)
{
	char xml[XML_MAX];

	make_xml(vm, xml);
	return lab_try(lab, 120, ret_output, start_script, vm->name, vm->name, xml, vm->name);
}

void vm_wait_boot(struct lab *lab, const struct vm *vm, unsigned int boots, unsigned int timeout_s)
{
	free(lab_run(lab, timeout_s + 5,
		     "n=$(timeout %u tail -n +1 -F " CONSOLES "/%s.log 2>/dev/null | "
		     "grep -a -m%u 'LAB-READY' | wc -l)\n"
		     "[ $n = %u ] || { echo \"%s: booted $n times; its console ends:\" >&2\n"
		     "tail -n 30 " CONSOLES "/%s.log >&2; virsh list --all >&2; exit 1; }",
		     timeout_s, vm->name, boots, boots, vm->name, vm->name));
}

char *vm_wait(struct lab *lab, const struct vm *vm, unsigned int timeout_s, const char *mark)
{
	return tenant_wait(lab, &(struct tenant){ .name = vm->name }, timeout_s, mark);
}

#define IN_GUEST "/usr/lib/pfkeep/guest-exec " RUN_DIR "/%s.agent %u <<'GUEST'\n%s\nGUEST"

static char *vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		fail_msg("no memory");
	return text;
}

char *vm_run(struct lab *lab, const struct vm *vm, unsigned int timeout_s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *script = vformat(format, args);

	va_end(args);
	char *output = lab_run(lab, timeout_s + 10, IN_GUEST, vm->name, timeout_s, script);

	free(script);
	return output;
}

int vm_try(struct lab *lab, const struct vm *vm, unsigned int timeout_s, char **ret_output,
	   const char *format, ...)
{
	char *output = NULL;
	va_list args;

	va_start(args, format);
	char *script = vformat(format, args);

	va_end(args);
	int status = lab_try(lab, timeout_s + 10, &output, IN_GUEST, vm->name, timeout_s, script);

	free(script);
	if (status == 125)
		fail_msg("%s: %s", vm->name, output);
	if (ret_output)
		*ret_output = output;
	else
		free(output);
	return status;
}

char *vm_pf(struct lab *lab, const struct vm *vm)
{
	char *marks = vm_wait(lab, vm, 120, "LAB-SRIOV ");

	if (!strcmp(marks, "none"))
		fail_msg("%s: its guest sees no SR-IOV capability", vm->name);
	marks[strcspn(marks, " ")] = '\0';
	return marks;
}

void vm_reset(struct lab *lab, const struct vm *vm)
{
	if (vm->raw)
		vm_raw_reset(lab, vm);
	else
		free(lab_run(lab, 60, "virsh -q reset '%s' >&2", vm->name));
}

void vm_destroy(struct lab *lab, const struct vm *vm)
{
	if (vm->raw)
		vm_raw_destroy(lab, vm);
	else
		free(lab_run(lab, 60, "virsh -q destroy '%s' >&2", vm->name));
}

/* What destroy says of a VM that has just died doesn't matter; it waits for the end. */
void vm_kill(struct lab *lab, const struct vm *vm)
{
	if (vm->raw) {
		vm_raw_kill(lab, vm);
		return;
	}
	free(lab_run(lab, 60,
		     "kill -KILL $(cat /run/libvirt/qemu/%s.pid)\n"
		     "virsh -q destroy '%s' >&2 || :\n"
		     "[ ! -e /run/libvirt/qemu/%s.pid ]",
		     vm->name, vm->name, vm->name));
}
