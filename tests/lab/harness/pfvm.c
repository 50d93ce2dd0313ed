// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/pfvm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pfkeep/base64.h"
#include "tests/lab/lib/consoles.h"
#include "tests/lab/lib/guest_verdict.h"
#include "tests/lab/lib/jsonline.h"

#define RUN	   "/run/pfkeep-lab"
#define OUR_QEMU   "/usr/lib/pfkeep/qemu/bin/qemu-system-x86_64"
#define CALL_S	   60
#define OUTPUT_MAX (1 << 20)

/* As an operator would write it; @CMDLINE@ is the manifest's. */
static const char domain_xml[] =
	"<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
	"<name>%s</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>"
	"<os><type arch='x86_64' machine='q35'>hvm</type>"
	"<kernel>" PFVM_IMAGE "/vmlinuz</kernel><initrd>" PFVM_IMAGE "/initrd</initrd>"
	"<cmdline>@CMDLINE@ %s</cmdline></os>"
	"<features><acpi/><apic eoi='off'/></features>"
	"<cpu mode='host-passthrough'><feature policy='disable' name='svm'/></cpu>"
	"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
	"<on_crash>destroy</on_crash>"
	"<devices>%s"
	"<controller type='pci' index='0' model='pcie-root'/>"
	"<controller type='pci' index='1' model='pcie-root-port'/>"
	"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
	"<source file='" PFVM_IMAGE "/root.qcow2'/><target dev='vda' bus='virtio'/>"
	"<readonly/></disk>"
	"<controller type='usb' model='none'/><memballoon model='none'/>"
	"<serial type='file'><source path='" CONSOLES_DIR "/%s.log'/></serial>"
	"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
	"<hostdev mode='subsystem' type='pci' managed='%s'>%s<source>"
	"<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>"
	"</source><alias name='ua-pf'/>"
	"<address type='pci' domain='0' bus='1' slot='0' function='0'/></hostdev>"
	"</devices>%s</domain>";

/* libvirt has no element for it. */
static const char sriov_xml[] = "<qemu:override><qemu:device alias='ua-pf'><qemu:frontend>"
				"<qemu:property name='sriov' type='bool' value='true'/>"
				"</qemu:frontend></qemu:device></qemu:override>";

void pfvm_image(struct lab *lab)
{
	free(lab_run(lab, 60,
		     "mkdir -p " PFVM_IMAGE " " CONSOLES_DIR "\n"
		     "mountpoint -q " PFVM_IMAGE " || "
		     "mount -o ro /dev/disk/by-id/virtio-pf-image " PFVM_IMAGE));
}

/* From its host driver, if it has one, to ours. */
static void give_to_our_driver(struct lab *lab, const char *pf)
{
	free(lab_run(lab, 60,
		     "cd /sys/bus/pci/devices/%s; echo vfio-pci-sriov >driver_override\n"
		     "[ ! -e driver ] || echo %s >driver/unbind\n"
		     "echo %s >/sys/bus/pci/drivers_probe\n"
		     "[ $(basename $(readlink driver)) = vfio-pci-sriov ]",
		     pf, pf, pf));
}

void pfvm_start(struct lab *lab, const struct pfvm *vm)
{
	unsigned int domain, bus, slot, function;
	char xml[4096];

	if (sscanf(vm->bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		fail_msg("%s: not a PCI address", vm->bdf);
	pfvm_image(lab);
	if (vm->sriov)
		give_to_our_driver(lab, vm->bdf);

	int n = snprintf(xml, sizeof(xml), domain_xml, vm->name, vm->append ? vm->append : "",
			 vm->sriov ? "<emulator>" OUR_QEMU "</emulator>" : "", vm->name,
			 vm->sriov ? "no" : "yes",
			 vm->sriov ? "<driver name='vfio' model='vfio-pci-sriov'/>" : "", domain,
			 bus, slot, function, vm->sriov ? sriov_xml : "");

	assert_in_range(n, 1, sizeof(xml) - 1);
	free(lab_run(lab, 120,
		     ": >" CONSOLES_DIR "/%s.log\n"
		     "cmdline=$(grep -m1 -o '\"cmdline\": *\"[^\"]*\"' " PFVM_IMAGE
		     "/manifest.json | sed 's/.*: *\"//; s/\"$//')\n"
		     "[ -n \"$cmdline\" ]\n"
		     "sed \"s|@CMDLINE@|$cmdline|\" >" RUN "/%s.xml <<'XML'\n%s\nXML\n"
		     "virsh -q create " RUN "/%s.xml >&2",
		     vm->name, vm->name, xml, vm->name));
}

/*
 * $vm and $limit. libvirt says when the agent's port is opened. That may have been
 * before we listened, so that each turn asks the agent first.
 */
static const char wait_script[] = GUEST_PROBE
	"end=$(($(date +%s) + limit))\n"
	"until virsh -q qemu-agent-command --timeout 5 $vm '{\"execute\":\"guest-ping\"}' "
	">/dev/null 2>&1; do\n"
	"virsh -q domstate $vm 2>/dev/null | grep -q running && [ $(date +%s) -lt $end ] || "
	"{ echo \"$vm: no answer of its agent in $limit s; its console ends:\" >&2; "
	"tail -n 30 " CONSOLES_DIR "/$vm.log >&2; virsh list --all >&2; probe $vm; exit 1; }\n"
	"virsh -q event --domain $vm --event agent-lifecycle --timeout 2 >/dev/null || :\n"
	"done";

void pfvm_wait(struct lab *lab, const struct pfvm *vm, unsigned int timeout_s)
{
	free(lab_run(lab, timeout_s + 40, "vm='%s' limit=%u\n%s", vm->name, timeout_s,
		     wait_script));
}

void pfvm_destroy(struct lab *lab, const struct pfvm *vm)
{
	free(lab_run(lab, 60, "virsh -q destroy '%s' >&2", vm->name));
}

struct json_object *pfvm_agent(struct lab *lab, const struct pfvm *vm, const char *command)
{
	char *out = NULL;
	struct json_object *answer = NULL;
	int status = lab_try(
		lab, CALL_S, &out,
		"virsh -q qemu-agent-command --timeout 20 %s \"$(cat <<'JSON'\n%s\nJSON\n)\"",
		vm->name, command);

	if (!status) {
		answer = json_tokener_parse(out);
		if (!answer)
			fail_msg("%s: its agent answered '%s'", vm->name, out);
	} else if (!strstr(out, "disabled") && !strstr(out, "not allowed")) {
		fail_msg("%s: its agent: %s", vm->name, out);
	}
	free(out);
	return answer;
}

static struct json_object *exec_command(const char *line)
{
	struct json_object *o = json_object_new_object(), *args = json_object_new_object(),
			   *arg = json_object_new_array();

	json_object_array_add(arg, json_object_new_string("-ec"));
	json_object_array_add(arg, json_object_new_string(line));
	json_object_object_add(args, "path", json_object_new_string("/bin/sh"));
	json_object_object_add(args, "arg", arg);
	json_object_object_add(args, "capture-output", json_object_new_boolean(true));
	json_object_object_add(o, "execute", json_object_new_string("guest-exec"));
	json_object_object_add(o, "arguments", args);
	return o;
}

static char *decoded(struct json_object *status, const char *key)
{
	size_t len;
	char *text;

	if (base64_decode(jsonline_string(status, key, ""), OUTPUT_MAX, &text, &len))
		fail_msg("agent: %s isn't base64", key);
	return text;
}

/* The agent has no event for a program's end: it is asked until it says so. */
static struct json_object *exec(struct lab *lab, const struct pfvm *vm, const char *line)
{
	struct json_object *command = exec_command(line), *answer, *status = NULL;
	char *out = lab_run(
		lab, CALL_S,
		"agent() { virsh -q qemu-agent-command --timeout 20 %s \"$1\"; }\n"
		"pid=$(agent \"$(cat <<'JSON'\n%s\nJSON\n)\" | sed -n "
		"'s/.*\"pid\":\\([0-9]*\\).*/\\1/p')\n"
		"until case $s in *'\"exited\":true'*) :;; *) false;; esac; do\n"
		"s=$(agent "
		"\"{\\\"execute\\\":\\\"guest-exec-status\\\",\\\"arguments\\\":{\\\"pid\\\":"
		"$pid}}\")\ndone\necho \"$s\"",
		vm->name, json_object_to_json_string_ext(command, JSON_C_TO_STRING_PLAIN));

	json_object_put(command);
	answer = json_tokener_parse(out);
	free(out);
	assert_true(json_object_object_get_ex(answer, "return", &status));
	json_object_get(status);
	json_object_put(answer);
	return status;
}

static int vtry(struct lab *lab, const struct pfvm *vm, char **ret_out, char **ret_err,
		const char *format, va_list args)
{
	struct json_object *status;
	char *line;
	int code;

	if (vasprintf(&line, format, args) < 0)
		fail_msg("no memory");
	status = exec(lab, vm, line);
	free(line);
	*ret_out = decoded(status, "out-data");
	*ret_err = decoded(status, "err-data");
	code = (int)jsonline_int(status, "exitcode", 255);
	json_object_put(status);
	return code;
}

char *pfvm_run(struct lab *lab, const struct pfvm *vm, const char *format, ...)
{
	char *out, *err;
	va_list args;
	int code;

	va_start(args, format);
	code = vtry(lab, vm, &out, &err, format, args);
	va_end(args);
	if (code)
		fail_msg("%s: '%s' ended with %d: %s", vm->name, format, code, err);
	free(err);
	return out;
}

int pfvm_try(struct lab *lab, const struct pfvm *vm, char **ret_output, const char *format, ...)
{
	char *out, *err;
	va_list args;
	int code;

	va_start(args, format);
	code = vtry(lab, vm, &out, &err, format, args);
	va_end(args);
	if (asprintf(ret_output, "%s%s", out, err) < 0)
		fail_msg("no memory");
	free(out);
	free(err);
	return code;
}
