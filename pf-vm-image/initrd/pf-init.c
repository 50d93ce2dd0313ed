// SPDX-License-Identifier: GPL-2.0-only
/*
 * First program of the PF VM: loads the few modules that its disk needs, lays a
 * small writable layer over the read-only root and hands over to systemd. One
 * static program, since a shell and its tools would be most of the initrd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISK	     "/dev/vda"
#define DISK_WAIT_MS 10000
#define INIT	     "/usr/lib/systemd/systemd"
#define WRITABLE     "mode=0755,size=16m,nr_inodes=4096"

static int mount_kernel_filesystems(void)
{
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
	    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
	    mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"))
		return -errno;
	return 0;
}

/* Module names begin with a number: their order is the one to load them in. */
static int load_modules(void)
{
	struct dirent **list;
	int n = scandir("/modules", &list, NULL, alphasort), ret = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		if (list[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)) {
			ret = -errno;
			fprintf(stderr, "pf-init: %s: %m\n", path);
		}
		close(fd);
	}
	return ret;
}

/* The disk is there when its driver is, as a rule; else the kernel tells. */
static int await_disk(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct pollfd fd = { .events = POLLIN };
	char event[4096];

	fd.fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (fd.fd < 0 || bind(fd.fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	while (access(DISK, F_OK)) {
		int n = poll(&fd, 1, DISK_WAIT_MS);

		if (n == 0)
			return -ENODEV;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && recv(fd.fd, event, sizeof(event), 0) < 0 && errno != ENOBUFS)
			return -errno;
	}
	close(fd.fd);
	return 0;
}

static int mount_root(void)
{
	static const char options[] = "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work";

	mkdir("/lower", 0755);
	mkdir("/rw", 0755);
	mkdir("/root", 0755);
	if (mount(DISK, "/lower", "squashfs", MS_RDONLY | MS_NODEV, NULL) ||
	    mount("tmpfs", "/rw", "tmpfs", MS_NOSUID | MS_NODEV, WRITABLE))
		return -errno;
	if (mkdir("/rw/upper", 0755) || mkdir("/rw/work", 0755))
		return -errno;
	if (mount("overlay", "/root", "overlay", 0, options))
		return -errno;
	return 0;
}

static bool read_uuid(char id[33])
{
	char text[64];
	ssize_t n = -1;
	size_t used = 0;
	int fd = open("/sys/class/dmi/id/product_uuid", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	for (ssize_t i = 0; i < n && used < 32; i++)
		if (strchr("0123456789abcdef", text[i] | 0x20) && text[i] != '\n')
			id[used++] = text[i] | 0x20;
	id[used] = '\0';
	return used == 32 && strspn(id, "0") < 32;
}

/*
 * The domain's UUID, so that it is the same after every start; without an id
 * systemd would take each boot for the first and go through all its presets.
 */
static void write_machine_id(void)
{
	unsigned char random[16];
	char id[34] = "";
	int fd;

	if (!read_uuid(id)) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return;
		for (int i = 0; i < 16; i++)
			snprintf(id + 2 * i, 3, "%02x", random[i]);
	}
	memcpy(id + strlen(id), "\n", 2);
	fd = open("/root/etc/machine-id", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	if (fd < 0)
		return;
	if (write(fd, id, 33) != 33)
		fprintf(stderr, "pf-init: /etc/machine-id: %m\n");
	close(fd);
}

/* The initrd's own files go: they would hold memory for ever. */
static void free_initrd(void)
{
	struct dirent **list;
	int n = scandir("/modules", &list, NULL, NULL);

	for (int i = 0; i < n; i++) {
		char path[300];

		snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
		unlink(path);
	}
	unlink("/init");
}

static int switch_root(void)
{
	static const char *const move[] = { "/dev", "/proc", "/sys" };
	char to[32];

	for (size_t i = 0; i < 3; i++) {
		snprintf(to, sizeof(to), "/root%s", move[i]);
		if (mount(move[i], to, NULL, MS_MOVE, NULL))
			return -errno;
	}
	if (mount("tmpfs", "/root/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m"))
		return -errno;
	free_initrd();
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return -errno;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} stages[] = {
	{ "mount proc, sys and dev", mount_kernel_filesystems },
	{ "load modules", load_modules },
	{ "wait for " DISK, await_disk },
	{ "mount the root file system", mount_root },
};

static _Noreturn void fail(const char *stage, int err)
{
	fprintf(stderr, "pf-init: %s: %s\n", stage, strerror(-err));
	sync();
	reboot(RB_POWER_OFF);
	exit(1);
}

int main(int argc, char **argv)
{
	int ret;

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		ret = stages[i].run();
		if (ret)
			fail(stages[i].name, ret);
	}
	write_machine_id();
	ret = switch_root();
	if (ret)
		fail("switch to the root file system", ret);
	execl(INIT, INIT, NULL);
	fail("start " INIT, -errno);
}
