// SPDX-License-Identifier: GPL-2.0-only
/*
 * lu-client --pf BDF [--vfs N] [--driver NAME]: in the lab host. The igb PF and
 * its VFs receive the wire's frames into memory of ours; then the kernel that
 * kexec has loaded takes over. In that one the same program is PID 1 (with
 * "lu.pf=BDF lu.vfs=N lu.driver=NAME" on the command line): it takes memory and
 * devices back from the live update's session and says what happened meanwhile.
 * lu-client --hold NAME: nobody else can make the live update session of that name.
 * lu-client --pack FILE >>INITRAMFS puts a file beside it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/reboot.h>
#include <x86intrin.h>

#include "tests/lab/liveupdate/lu.h"

/* Tokens in the session: device i and its memory. */
#define TOKEN_MEMORY(i) (100 + (i))
#define TOKEN_DEVICE(i) (200 + (i))

#define SETTLE_FRAMES 20
#define SETTLE_S      60

struct client {
	struct lu_bdf pf;
	char driver[32];
	unsigned int vfs;
	unsigned int count; /* of devices: the PF, then its VFs */
	struct lu_device devices[LU_DEVICES_MAX];
};

static struct client client = { .driver = "vfio-pci" };

static void set_bdfs(void)
{
	client.count = 1 + client.vfs;
	client.devices[0].bdf = client.pf;
	for (unsigned int i = 1; i < client.count; i++)
		client.devices[i].bdf = lu_vf_bdf(&client.pf, i - 1);
}

/* Without VFs, the PF's only queue; with them, the VF's pool, or the PF's own. */
static unsigned int queue_of(unsigned int device)
{
	if (!client.vfs)
		return 0;
	return device ? device - 1 : 7;
}

static void say_count(const char *when, unsigned int i)
{
	struct lu_count c;

	lu_ring_count(&client.devices[i].memory, &c);
	lu_say("LU-COUNT when=%s device=%u frames=%u first=%llu last=%llu gaps=%u doubled=%u "
	       "damaged=%u",
	       when, i, c.frames, (unsigned long long)c.first, (unsigned long long)c.last, c.gaps,
	       c.doubled, c.damaged);
}

static void say_counts(const char *when)
{
	for (unsigned int i = 0; i < client.count; i++)
		say_count(when, i);
}

static void say_place(unsigned int i)
{
	const struct lu_device *dev = &client.devices[i];
	char path[128], target[256], id[16];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", dev->bdf.text);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", dev->bdf.text);
	if (lu_read(path, id, sizeof(id)))
		snprintf(id, sizeof(id), "?");
	lu_say("LU-PLACE device=%u bdf=%s id=%s command=%x group=%s", i, dev->bdf.text, id,
	       lu_config(&dev->bdf, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
	       strrchr(target, '/') ? strrchr(target, '/') + 1 : "?");
}

static void await_all(void)
{
	for (unsigned int i = 0; i < client.count; i++)
		lu_ring_await(&client.devices[i].memory, SETTLE_FRAMES, SETTLE_S);
}

static void start_device(unsigned int i)
{
	struct lu_device *dev = &client.devices[i];

	if (i)
		lu_bind(&dev->bdf, client.driver);
	dev->fd = lu_open_cdev(&dev->bdf);
	lu_memory_new(&dev->memory);
	lu_device_attach(dev, i > 0);
	lu_device_master(dev);
}

static void start_pf(void)
{
	start_device(0);
	lu_igb_reset(&client.devices[0]);
	if (!client.vfs)
		return;
	lu_device_set_token(&client.devices[0]);
	lu_set_vfs(&client.pf, client.vfs);
	set_bdfs();
}

static void receive(void)
{
	for (unsigned int i = 0; i < client.count; i++)
		lu_ring_start(&client.devices[i], i > 0, queue_of(i));
	if (client.vfs)
		lu_igb_to_pools(&client.devices[0], client.vfs);
	else
		lu_igb_to_one(&client.devices[0]);
}

static int preserve_all(void)
{
	int session = lu_session_new();

	for (unsigned int i = 0; i < client.count; i++) {
		lu_session_put_fd(session, TOKEN_MEMORY(i), client.devices[i].memory.fd);
		lu_session_put_fd(session, TOKEN_DEVICE(i), client.devices[i].fd);
	}
	return session;
}

static int run_before(void)
{
	set_bdfs();
	lu_bind(&client.pf, client.driver);
	start_pf();
	for (unsigned int i = 1; i < client.count; i++)
		start_device(i);
	receive();
	await_all();
	preserve_all();
	for (unsigned int i = 0; i < client.count; i++)
		say_place(i);
	say_counts("before");
	lu_say("LU-JUMP %llu", __rdtsc());
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	lu_fail("no kexec: %d", errno);
}

static void read_command_line(void)
{
	char line[4096], *word, *rest;

	if (lu_read("/proc/cmdline", line, sizeof(line)))
		lu_fail("no command line");
	for (word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (!strncmp(word, "lu.pf=", 6))
			snprintf(client.pf.text, sizeof(client.pf.text), "%.15s", word + 6);
		if (!strncmp(word, "lu.driver=", 10))
			snprintf(client.driver, sizeof(client.driver), "%.31s", word + 10);
		if (!strncmp(word, "lu.vfs=", 7))
			client.vfs = (unsigned int)strtoul(word + 7, NULL, 10);
	}
	if (!client.pf.text[0] || client.vfs >= LU_DEVICES_MAX)
		lu_fail("lu.pf= or lu.vfs= on the command line: bad or not there");
}

static void take_device(int session, unsigned int i)
{
	struct lu_device *dev = &client.devices[i];

	dev->fd = lu_session_get_fd(session, TOKEN_DEVICE(i));
	lu_device_attach(dev, i > 0);
	if (!i && client.vfs)
		lu_device_set_token(dev);
}

static void say_end(void)
{
	for (unsigned int i = 0; i < client.count; i++)
		lu_say("LU-DAMAGE device=%u bytes=%u", i,
		       lu_memory_damage(&client.devices[i].memory));
	lu_say("LU-FAULTS %u", lu_boot_log("DMAR", "fault"));
	lu_say("LU-COMPLAINTS %u",
	       lu_boot_log("WARNING", "") + lu_boot_log("BUG", "") + lu_boot_log("KHO", "rror"));
	lu_say("LU-END");
}

static void run_after(void)
{
	int session, ret;

	lu_say("LU-INIT %llu", __rdtsc());
	lu_boot();
	read_command_line();
	set_bdfs();
	for (unsigned int i = 0; i < client.count; i++)
		say_place(i);
	for (unsigned int i = 0; i < client.count; i++)
		lu_bind(&client.devices[i].bdf, client.driver);
	session = lu_session_get();
	for (unsigned int i = 0; i < client.count; i++)
		lu_memory_take(&client.devices[i].memory,
			       lu_session_get_fd(session, TOKEN_MEMORY(i)));
	say_counts("arrived");
	for (unsigned int i = 0; i < client.count; i++)
		take_device(session, i);
	say_counts("attached");
	await_all();
	ret = lu_session_finish(session);
	if (ret)
		lu_fail("the session can't be finished: %d", ret);
	await_all();
	say_counts("finished");
	for (unsigned int i = 0; i < client.count; i++)
		say_place(i);
	say_end();
	reboot(RB_POWER_OFF);
}

/* Until we are killed; who waits for us reads the line. */
static void hold(const char *name)
{
	lu_session_hold(name);
	lu_say("LU-HELD %s", name);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pf", required_argument, NULL, 'p' },
		{ "vfs", required_argument, NULL, 'v' },
		{ "driver", required_argument, NULL, 'd' },
		{ "pack", required_argument, NULL, 'k' },
		{ "hold", required_argument, NULL, 'h' },
		{ 0 },
	};
	const char *pack = NULL;
	int opt;

	if (getpid() == 1)
		run_after();
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'p')
			snprintf(client.pf.text, sizeof(client.pf.text), "%.15s", optarg);
		else if (opt == 'd')
			snprintf(client.driver, sizeof(client.driver), "%.31s", optarg);
		else if (opt == 'h')
			hold(optarg);
		else if (opt == 'k')
			pack = optarg;
		else if (opt == 'v')
			client.vfs = (unsigned int)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (pack) {
		lu_pack(pack);
		return 0;
	}
	if (!client.pf.text[0] || client.vfs >= LU_DEVICES_MAX || optind != argc) {
		fprintf(stderr,
			"usage: lu-client --pf BDF [--vfs N] [--driver NAME] | --pack FILE\n");
		return 2;
	}
	return run_before();
}
