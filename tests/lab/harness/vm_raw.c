// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs that libvirt 11 can't make: their device is opened by iommufd, and their QEMU
 * is replaced under them. Each QEMU has sockets of its own; NAME.agent is a link to
 * the present one's.
 */
#include "tests/lab/harness/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define RUN_DIR	  "/run/pfkeep-lab"
#define GUEST_DIR "/usr/lib/pfkeep-lab/guest"
#define QMP_DO	  "/usr/lib/pfkeep/qmp-do " RUN_DIR
#define CPR_PORT  44444
#define CPR_S	  90

static void add(struct json_object *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct json_object *args, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);

	va_end(ap);
	assert_in_range(n, 1, sizeof(text) - 1);
	json_object_array_add(args, json_object_new_string(text));
}

static void add_machine(struct json_object *args, const struct vm *vm, unsigned int generation)
{
	add(args, VM_EMULATOR);
	add(args, "-name");
	add(args, "%s.%u", vm->name, generation);
	add(args, "-nodefaults");
	add(args, "-no-user-config");
	add(args, "-display");
	add(args, "none");
	add(args, "-M");
	add(args, "q35,hpet=off,aux-ram-share=on,memory-backend=ram");
	add(args, "-object");
	add(args, "memory-backend-memfd,id=ram,size=320M,share=on");
	add(args, "-m");
	add(args, "320");
	add(args, "-accel");
	add(args, vm->tcg ? "tcg" : "kvm");
	add(args, "-cpu");
	add(args, vm->tcg ? "max" : "host,-svm");
	add(args, "-smp");
	add(args, "%u", vm->vcpus ? vm->vcpus : 1);
	add(args, "-kernel");
	add(args, GUEST_DIR "/vmlinuz");
	add(args, "-initrd");
	add(args, GUEST_DIR "/initramfs");
	add(args, "-append");
	add(args, "console=ttyS0 quiet no_timer_check panic=-1 %s", vm->append ? vm->append : "");
}

static void add_function(struct json_object *args, const struct vm *vm)
{
	add(args, "-object");
	add(args, "iommufd,id=iommufd");
	if (vm->token_file) {
		add(args, "-object");
		add(args, "secret,id=vf-token,file=%s", vm->token_file);
	}
	add(args, "-device");
	add(args, "pcie-root-port,id=rp0,chassis=1,slot=1");
	if (vm->behind_switch) {
		add(args, "-device");
		add(args, "x3130-upstream,id=up,bus=rp0");
		add(args, "-device");
		add(args, "xio3130-downstream,id=down,bus=up,chassis=2,slot=2");
	}
	add(args, "-device");
	add(args, "vfio-pci,host=%s,bus=%s,iommufd=iommufd%s%s%s", vm->bdf,
	    vm->behind_switch ? "down" : "rp0", vm->pf ? ",sriov=on" : "",
	    vm->vf_bars ? ",sriov-vf-bars=on" : "",
	    vm->token_file ? ",vf-token-secret=vf-token" : "");
}

static void add_channels(struct json_object *args, const struct vm *vm, unsigned int generation)
{
	add(args, "-chardev");
	add(args, "file,id=console,path=" RUN_DIR "/consoles/%s.log,append=on", vm->name);
	add(args, "-serial");
	add(args, "chardev:console");
	add(args, "-device");
	add(args, "virtio-serial-pci,id=serial");
	add(args, "-chardev");
	add(args, "socket,id=agent,path=" RUN_DIR "/%s.agent.%u,server=on,wait=off", vm->name,
	    generation);
	add(args, "-device");
	add(args, "virtserialport,bus=serial.0,chardev=agent,name=org.pfkeep.lab.0");
	add(args, "-chardev");
	add(args, "socket,id=qmp,path=" RUN_DIR "/%s.qmp.%u,server=on,wait=off", vm->name,
	    generation);
	add(args, "-mon");
	add(args, "chardev=qmp,mode=control");
	if (vm->tools) {
		add(args, "-drive");
		add(args, "if=none,id=tools,format=raw,readonly=on,"
			  "file=/dev/disk/by-id/virtio-tools");
		add(args, "-device");
		add(args, "virtio-blk-pci,drive=tools,serial=tools");
	}
}

static struct json_object *make_args(const struct vm *vm, unsigned int generation)
{
	struct json_object *args = json_object_new_array();

	add_machine(args, vm, generation);
	add_function(args, vm);
	add_channels(args, vm, generation);
	return args;
}

/*
 * Starts what args say, one a line, and lets NAME.agent be its agent. With a socket
 * (else ""), when somebody connects to that; it is then the descriptor 3.
 */
static void start(struct lab *lab, const struct vm *vm, unsigned int generation, const char *socket,
		  struct json_object *args)
{
	char *lines = NULL;
	size_t size;
	FILE *f = open_memstream(&lines, &size);

	for (size_t i = 0; i < json_object_array_length(args); i++)
		fprintf(f, "%s\n", json_object_get_string(json_object_array_get_idx(args, i)));
	fclose(f);
	free(lab_run(lab, 60,
		     "mkdir -p " RUN_DIR "/consoles; cd " RUN_DIR "; ln -sfn %s.agent.%u %s.agent\n"
		     "cat >%s.argv <<'ARGS'\n%sARGS\n"
		     "xargs -d '\\n' -a %s.argv systemd-run -q --collect --unit=%s.%u %s --",
		     vm->name, generation, vm->name, vm->name, lines, vm->name, vm->name,
		     generation, socket));
	free(lines);
	json_object_put(args);
}

void vm_raw_start(struct lab *lab, const struct vm *vm)
{
	free(lab_run(lab, 30, "rm -f " RUN_DIR "/consoles/%s.log", vm->name));
	start(lab, vm, 1, "", make_args(vm, 1));
}

/* Only of a VM whose QEMU was never replaced. */
void vm_raw_reset(struct lab *lab, const struct vm *vm)
{
	free(lab_run(lab, 60, "echo '{\"execute\":\"system_reset\"}' | " QMP_DO "/%s.qmp.1 30",
		     vm->name));
}

void vm_raw_kill(struct lab *lab, const struct vm *vm)
{
	free(lab_run(lab, 60,
		     "systemctl kill -s KILL '%s.*.service'; systemctl stop '%s.*.service'",
		     vm->name, vm->name));
}

void vm_raw_destroy(struct lab *lab, const struct vm *vm)
{
	free(lab_run(lab, 60, "systemctl stop '%s.*.service'", vm->name));
}

static void wait_running(struct lab *lab, const struct vm *vm, unsigned int generation)
{
	free(lab_run(lab, CPR_S + 10,
		     "echo await running | " QMP_DO "/%s.qmp.%u %u || {\n"
		     "echo '%s.%u does not run' >&2\n"
		     "journalctl -b --no-pager -n 20 -u '%s.*' >&2; exit 1; }\n"
		     "ln -sfn %s.agent.%u " RUN_DIR "/%s.agent",
		     vm->name, generation, CPR_S, vm->name, generation, vm->name, vm->name,
		     generation, vm->name));
}

void vm_cpr_exec(struct lab *lab, const struct vm *vm, unsigned int generation)
{
	struct json_object *args = make_args(vm, generation);

	add(args, "-incoming");
	add(args, "file:" RUN_DIR "/%s.state", vm->name);
	/* The old QEMU's process becomes the new one, in its unit. */
	free(lab_run(lab, CPR_S,
		     QMP_DO "/%s.qmp.%u 60 <<'QMP'\n"
			    "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"mode\":"
			    "\"cpr-exec\",\"cpr-exec-command\":%s}}\n"
			    "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"file:" RUN_DIR
			    "/%s.state\"}}\nQMP\n",
		     vm->name, generation - 1,
		     json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE),
		     vm->name));
	json_object_put(args);
	wait_running(lab, vm, generation);
}

void vm_cpr_transfer(struct lab *lab, const struct vm *vm, unsigned int generation)
{
	struct json_object *args = make_args(vm, generation);
	char socket[128];

	add(args, "-incoming");
	add(args, "tcp:127.0.0.1:%u", CPR_PORT);
	add(args, "-incoming");
	add(args, "{\"channel-type\":\"cpr\",\"addr\":{\"transport\":\"socket\",\"type\":\"fd\","
		  "\"str\":\"3\"}}");
	snprintf(socket, sizeof(socket), "--socket-property=ListenStream=" RUN_DIR "/%s.cpr",
		 vm->name);
	start(lab, vm, generation, socket, args);
	free(lab_run(lab, CPR_S,
		     QMP_DO
		     "/%s.qmp.%u 60 <<'QMP'\n"
		     "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"mode\":"
		     "\"cpr-transfer\"}}\n"
		     "{\"execute\":\"migrate\",\"arguments\":{\"channels\":["
		     "{\"channel-type\":\"main\",\"addr\":{\"transport\":\"socket\",\"type\":"
		     "\"inet\",\"host\":\"127.0.0.1\",\"port\":\"%u\"}},"
		     "{\"channel-type\":\"cpr\",\"addr\":{\"transport\":\"socket\",\"type\":"
		     "\"unix\",\"path\":\"" RUN_DIR "/%s.cpr\"}}]}}\nQMP\n",
		     vm->name, generation - 1, CPR_PORT, vm->name));
	wait_running(lab, vm, generation);
	free(lab_run(lab, 60,
		     "systemctl stop %s.%u.socket\n"
		     "echo '{\"execute\":\"quit\"}' | " QMP_DO "/%s.qmp.%u 30",
		     vm->name, generation, vm->name, generation - 1));
}
