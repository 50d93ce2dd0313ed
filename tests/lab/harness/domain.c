// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lab/harness/pfvm.h"

#define AGENT_S 60 /* libvirt may just have found the domain */

char *domain_process(struct lab *lab, const char *domain)
{
	char *text = lab_run(lab, 30,
			     "pid=$(cat /run/libvirt/qemu/%s.pid)\n"
			     "echo WORD $pid $(readlink /proc/$pid/exe)",
			     domain);
	char *found = lab_field(text, "WORD ");

	free(text);
	return found;
}

void domain_is_managed(struct lab *lab, const char *domain)
{
	free(lab_run(lab, 120,
		     "set -x; domain=%s\n"
		     "virsh -q list --name | grep -qxF \"$domain\"\n"
		     "virsh -q dominfo $domain | grep -q 'State: *running'\n"
		     "virsh -q suspend $domain; virsh -q domstate $domain | grep -q paused\n"
		     "virsh -q resume $domain; virsh -q domstate $domain | grep -q running\n"
		     "virsh -q vcpuinfo $domain | grep -q 'State: *running'\n"
		     "virsh -q qemu-monitor-command $domain '{\"execute\":\"query-status\"}' | "
		     "grep -q '\"running\":true'",
		     domain));
}

void domain_kill(struct lab *lab, const char *domain)
{
	free(lab_run(lab, 60,
		     "pid=$(cat /run/libvirt/qemu/%s.pid); kill -KILL $pid\n"
		     "timeout 30 tail --pid=$pid -f /dev/null",
		     domain));
}

/* A PF VM has no dmesg, the lab's small guest no journal. */
char *domain_tells(struct lab *lab, const char *domain)
{
	const struct pfvm vm = { .name = domain };

	pfvm_wait(lab, &vm, AGENT_S);
	return pfvm_run(
		lab, &vm,
		"cat /proc/sys/kernel/random/boot_id; cd /sys/bus/pci/devices; ls\n"
		"for f in */net/*/ifindex */sriov_numvfs; do\n"
		"[ ! -e $f ] || echo $f $(cat $f); done\n"
		"for f in */virtfn*; do [ ! -e $f ] || echo $f $(readlink $f); done\n"
		"if [ -e /run/systemd/journal ]; then journalctl -k -o cat; else dmesg; fi | "
		"grep -c 'igb.*: \\(Intel\\|added\\)' || :");
}

char *domain_command(const char *domain, const char *line)
{
	char *script;

	if (asprintf(&script,
		     "virsh -q qemu-agent-command --timeout 20 %s '{\"execute\":\"guest-exec\","
		     "\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"%s\"]}}' >&2 || :",
		     domain, line) < 0)
		fail_msg("no memory");
	return script;
}

void domain_use_machined(struct lab *lab)
{
	free(lab_run(lab, 120,
		     "rm -f /etc/systemd/system/systemd-machined.service\n"
		     "cat >/usr/share/dbus-1/system-services/org.freedesktop.machine1.service "
		     "<<'EOS'\n[D-BUS Service]\nName=org.freedesktop.machine1\nExec=/bin/false\n"
		     "User=root\nSystemdService=dbus-org.freedesktop.machine1.service\nEOS\n"
		     "systemctl daemon-reload; systemctl reload dbus\n"
		     "systemctl restart libvirtd; machinectl --no-legend --no-pager list >&2"));
}

void domain_limit(struct lab *lab, const char *domain)
{
	free(lab_run(lab, 60,
		     "domain=%s\n"
		     "virsh -q schedinfo $domain --live --set cpu_shares=200 >&2\n"
		     "virsh -q memtune $domain --live --soft-limit 4194304 >&2\n"
		     "virsh -q vcpupin $domain 0 0-2 --live >&2",
		     domain));
}

char *domain_machine(struct lab *lab, const char *domain)
{
	return lab_run(
		lab, 60,
		"domain=%s\n"
		"machinectl --no-legend --no-pager list | grep -e \"-$domain \" | tr -s ' '\n"
		"virsh -q schedinfo $domain; virsh -q memtune $domain\n"
		"pid=$(cat /run/libvirt/qemu/$domain.pid)\n"
		"group=$(sed -n 's|^0::\\(/.*[.]scope\\)/.*|\\1|p' /proc/$pid/cgroup)\n"
		"printf '%%s\\n' \"$group\"; cd \"/sys/fs/cgroup$group\"\n"
		"find . -type d | sort\n"
		"grep . cpu.weight libvirt/memory.high libvirt/*/cpuset.cpus\n"
		"for thread in $(cat libvirt/vcpu0/cgroup.threads); do\n"
		"grep ^CPU /proc/$pid/task/$thread/comm || :; done",
		domain);
}
