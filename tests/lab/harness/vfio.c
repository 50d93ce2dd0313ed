// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/vfio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SYS "/sys/bus/pci/devices"

void vfio_bind(struct lab *lab, const char *pf)
{
	free(lab_run(lab, 60,
		     "cd " SYS "/%s; echo vfio-pci-sriov >driver_override\n"
		     "[ ! -e driver ] || echo %s >driver/unbind\n"
		     "echo %s >/sys/bus/pci/drivers_probe\n"
		     "[ $(basename $(readlink driver)) = vfio-pci-sriov ]",
		     pf, pf, pf));
}

void vfio_make_token(struct lab *lab, const char *path)
{
	free(lab_run(lab, 30,
		     "mkdir -p $(dirname %s); umask 077; cat /proc/sys/kernel/random/uuid >%s\n"
		     "chown libvirt-qemu %s",
		     path, path, path));
}

unsigned int vfio_num_vfs(struct lab *lab, const char *pf)
{
	char *text = lab_run(lab, 30,
			     "cd " SYS "/%s; n=$(cat sriov_numvfs)\n"
			     "found=$(ls -d virtfn* 2>/dev/null | wc -l)\n"
			     "[ $n = $found ] || { echo \"$n VFs, $found links\" >&2; exit 1; }\n"
			     "echo NUM $n",
			     pf);
	char *num = lab_field(text, "NUM ");
	unsigned int n = (unsigned int)strtoul(num, NULL, 10);

	free(num);
	free(text);
	return n;
}

/* An open cdev counts, though it is bound to no iommufd. */
void vfio_hold(struct lab *lab, const char *pf, unsigned int vf, const char *name)
{
	free(lab_run(lab, 60,
		     "dev=/dev/vfio/devices/$(ls " SYS "/%s/virtfn%u/vfio-dev)\n"
		     "systemd-run -q --unit=%s --service-type=notify --property=NotifyAccess=all "
		     "sh -c \"exec 3<>$dev && systemd-notify --ready && exec sleep infinity\"",
		     pf, vf, name));
}

void vfio_let_go(struct lab *lab, const char *name)
{
	free(lab_run(lab, 60, "systemctl stop %s", name));
}
