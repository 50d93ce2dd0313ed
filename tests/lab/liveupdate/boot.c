// SPDX-License-Identifier: GPL-2.0-only
/*
 * The next kernel's PID 1, in an initramfs with nothing else: file systems and
 * the modules that VFIO needs. They are in /modules of the initramfs, or on the
 * lab host's disk of that name; our own may be beside us.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/lab/liveupdate/lu.h"

static const char *const modules[] = {
	"virt/lib/irqbypass.ko",
	"drivers/iommu/iommufd/iommufd.ko",
	"drivers/vfio/vfio.ko",
	"drivers/vfio/vfio_iommu_type1.ko",
	"drivers/vfio/pci/vfio-pci-core.ko",
	"drivers/vfio/pci/vfio-pci.ko",
};

static void mount_on(const char *what, const char *where, const char *type)
{
	mkdir(where, 0755);
	if (mount(what, where, type, !strcmp(type, "ext4") ? MS_RDONLY : 0, NULL) && errno != EBUSY)
		lu_fail("%s can't be mounted: %d", where, errno);
}

/* The lab host's disks go by their serials. */
static void mount_modules(void)
{
	for (int disk = 'a'; disk <= 'z'; disk++) {
		char path[64], serial[64];

		snprintf(path, sizeof(path), "/sys/block/vd%c/serial", disk);
		if (lu_read(path, serial, sizeof(serial)) || strcmp(serial, "modules") != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/vd%c", disk);
		mount_on(path, "/disk", "ext4");
		return;
	}
	lu_fail("there is no disk with the modules");
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* not there: built in */
	if (fd < 0)
		return;
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		lu_fail("%s can't be loaded: %d", path, errno);
	close(fd);
}

void lu_boot(void)
{
	struct utsname name;
	char path[256];
	bool own;

	mount_on("dev", "/dev", "devtmpfs");
	mount_on("proc", "/proc", "proc");
	mount_on("sys", "/sys", "sysfs");
	own = !access("/modules", F_OK);
	if (!own)
		mount_modules();
	uname(&name);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (own)
			snprintf(path, sizeof(path), "/modules/%s", strrchr(modules[i], '/') + 1);
		else
			snprintf(path, sizeof(path), "/disk/%s/kernel/%s", name.release,
				 modules[i]);
		load(path);
	}
	load("/vfio-pci-sriov.ko");
}

/* How many of the kernel's messages so far have both texts. */
unsigned int lu_boot_log(const char *needle, const char *second)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned int n = 0;
	char line[2048];
	ssize_t len;

	while (fd >= 0 && ((len = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE)) {
		line[len > 0 ? len : 0] = '\0';
		n += strstr(line, needle) && strstr(line, second);
	}
	if (fd >= 0)
		close(fd);
	return n;
}
