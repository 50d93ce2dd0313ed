// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/pf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SYS "/sys/bus/pci/devices"

/* Vendor and device of the emulated PFs. */
static const char *const ids[] = {
	[PF_IGB] = "8086:10c9",
	[PF_NVME] = "1b36:0010",
	[PF_VIRTIO_NET] = "1af4:1041",
};

char *pf_find(struct lab *lab, enum pf_kind kind)
{
	char *text = lab_run(lab, 30,
			     "lspci -Dn -d %s | while read -r bdf rest; do "
			     "[ ! -e " SYS "/$bdf/sriov_totalvfs ] || echo PF $bdf; done",
			     ids[kind]);
	char *bdf = lab_field(text, "PF ");

	free(text);
	return bdf;
}

char *pf_vf_bdf(struct lab *lab, const char *pf, unsigned int vf)
{
	char *text =
		lab_run(lab, 30, "echo VF $(basename $(readlink " SYS "/%s/virtfn%u))", pf, vf);
	char *bdf = lab_field(text, "VF ");

	free(text);
	return bdf;
}

void pf_host_set_vfs(struct lab *lab, const char *pf, unsigned int vfs)
{
	free(lab_run(lab, 120,
		     "cd " SYS "/%s; echo 0 >sriov_drivers_autoprobe; echo %u >sriov_numvfs\n"
		     "[ $(ls -d virtfn* | wc -l) = %u ]\n"
		     /* a device that was just probed is about to be renamed */
		     "udevadm settle\n"
		     "for dev in net/*; do [ ! -e $dev ] || ip link set ${dev#net/} up; done",
		     pf, vfs, vfs));
}

void pf_host_set_mac(struct lab *lab, const char *pf, unsigned int vf, const char *mac)
{
	free(lab_run(lab, 30, "ip link set $(ls " SYS "/%s/net) vf %u mac %s", pf, vf, mac));
}

void pf_host_set_vlan(struct lab *lab, const char *pf, unsigned int vf, unsigned int vlan)
{
	free(lab_run(lab, 30, "ip link set $(ls " SYS "/%s/net) vf %u vlan %u", pf, vf, vlan));
}

/*
 * The n-th VF is the controller that `nvme list-secondary` numbers n + 1; -a 8
 * assigns queues (-r 0) and interrupts (-r 1) to it while it is offline, -a 9
 * brings it online. The namespace n + 2 was made detached; once attached it stays so,
 * while a reset of the PF takes the rest away.
 */
const char pf_nvme_vf_script[] =
	"cd " SYS "/$1; dev=/dev/$(ls nvme); vfs=$(($2 + 1))\n"
	"echo 0 >sriov_drivers_autoprobe; echo $vfs >sriov_numvfs\n"
	"cntlid=$(nvme list-secondary $dev -o json | "
	"sed -n \"s/.*\\\"secondary-controller-identifier\\\" *: *\\([0-9]*\\).*/\\1/p\" | "
	"sed -n ${vfs}p)\n"
	"nvme virt-mgmt $dev -c $cntlid -a 7 -r 0 -n 0\n"
	"nvme virt-mgmt $dev -c $cntlid -r 0 -a 8 -n 2\n"
	"nvme virt-mgmt $dev -c $cntlid -r 1 -a 8 -n 2\n"
	"nvme virt-mgmt $dev -c $cntlid -a 9 -r 0 -n 0\n"
	"ns=$(($2 + 2))\n"
	"nvme attach-ns $dev -n $ns -c $cntlid || "
	"nvme list-ctrl $dev -n $ns | grep -q \":$(printf %#x $cntlid)$\"\n";

void pf_host_nvme_vf(struct lab *lab, const char *pf, unsigned int vf)
{
	free(lab_run(lab, 120, "modprobe nvme; udevadm settle; sh -ec '%s' sh %s %u",
		     pf_nvme_vf_script, pf, vf));
}
