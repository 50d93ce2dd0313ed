// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

/* The PF bound, with the driver's settings as after a bind. */
static void client_bound(const struct context *c)
{
	char driver[64] = "";

	if (sysfs_driver(c->pf, driver, sizeof(driver)) || strcmp(driver, DRIVER))
		REQUIRE(!sysfs_bind(c->pf, DRIVER), "%s doesn't bind to " DRIVER, c->pf);
	sysfs_write(c->pf, "vfio_sriov/force", "0");
	sysfs_write(c->pf, "vfio_sriov/keep_alive", "0");
}

/* And without VFs. */
void client_fresh(const struct context *c)
{
	client_bound(c);
	if (sysfs_number(c->pf, "sriov_numvfs") > 0)
		REQUIRE(!sysfs_write(c->pf, "sriov_numvfs", "0"), "VFs of an earlier case stay");
}

void client_open_pf(const struct context *c, struct pf *pf)
{
	/* in group mode the token comes with the open; else it is set by the feature */
	int ret = device_open(&pf->dev, c->pf, c->mode, c->mode == DEVICE_GROUP ? TOKEN : NULL);

	if (ret == -EACCES)
		ret = device_open(&pf->dev, c->pf, c->mode, TOKEN);
	REQUIRE(!ret, "open of PF %s: %s", c->pf, strerror(-ret));
	REQUIRE(!device_info(&pf->dev, &pf->info), "no SR-IOV info of PF %s", c->pf);
	REQUIRE(!device_set_pf_token(&pf->dev, TOKEN), "can't set the PF's token");
	pf->cap = pf->info.cap_offset;
}

struct vfio_pci_sriov_info client_info(const struct pf *pf)
{
	struct vfio_pci_sriov_info info;

	REQUIRE(!device_info(&pf->dev, &info), "SR-IOV info failed");
	return info;
}

uint32_t client_ctrl(const struct pf *pf)
{
	return device_config(&pf->dev, pf->cap + SRIOV_CAP_CTRL, 2);
}

void client_set_ctrl(const struct pf *pf, uint32_t value)
{
	REQUIRE(!device_config_set(&pf->dev, pf->cap + SRIOV_CAP_CTRL, 2, value),
		"write of SR-IOV control failed");
}

unsigned int client_num_vfs(const struct context *c)
{
	long n = sysfs_number(c->pf, "sriov_numvfs");

	return n < 0 ? 0 : (unsigned int)n;
}

void client_enable(const struct context *c, struct pf *pf, unsigned int num_vfs)
{
	device_config_set(&pf->dev, pf->cap + SRIOV_CAP_NUM_VFS, 2, num_vfs);
	client_set_ctrl(pf, CTRL_VF_ENABLE | CTRL_VF_MSE);
	REQUIRE(client_ctrl(pf) & CTRL_VF_ENABLE, "VF_Enable reads 0: why %u, error %u",
		client_info(pf).last_why, client_info(pf).last_error);
	REQUIRE(client_num_vfs(c) == num_vfs, "%u VFs on the host, not %u", client_num_vfs(c),
		num_vfs);
}

void client_open_with_vfs(const struct context *c, struct pf *pf, unsigned int num_vfs)
{
	client_bound(c);
	if (client_num_vfs(c) != num_vfs)
		client_fresh(c);
	client_open_pf(c, pf);
	if (client_ctrl(pf) & CTRL_VF_ENABLE)
		client_set_ctrl(pf, CTRL_VF_ENABLE | CTRL_VF_MSE);
	else
		client_enable(c, pf, num_vfs);
}

void client_vf_bdf(const struct context *c, unsigned int vf, char *ret_bdf)
{
	REQUIRE(!sysfs_vf_bdf(c->pf, vf, ret_bdf), "no VF %u", vf);
}

int client_open_vf(const struct context *c, unsigned int vf, struct device *dev)
{
	char bdf[BDF_LEN];

	client_vf_bdf(c, vf, bdf);
	return device_open(dev, bdf, c->cdev_tokens ? c->mode : DEVICE_GROUP, TOKEN);
}

void client_hold(const struct context *c, unsigned int vf, struct device *dev)
{
	int ret = client_open_vf(c, vf, dev);

	REQUIRE(!ret, "open of VF %u: %s", vf, strerror(-ret));
	device_config_set(dev, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
}

bool client_vf_alive(const char *bdf)
{
	uint16_t command = 0;

	if (sysfs_config_read(bdf, PCI_COMMAND, &command, 2))
		return false;
	return command != 0xffff && command & PCI_COMMAND_MASTER;
}

unsigned int client_interrupts(const char *bdf)
{
	FILE *f = fopen("/proc/interrupts", "re");
	char line[1024], name[32];
	unsigned int n = 0;

	REQUIRE(f, "/proc/interrupts");
	snprintf(name, sizeof(name), "(%s)", bdf);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "vfio-") && strstr(line, name);
	fclose(f);
	return n;
}

bool client_await_event(int fd, unsigned int seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, (int)seconds * 1000) != 1)
		return false;
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/*
 * What the parent holds must not be held by the child as well. 3 and up go, but
 * for the two ends of the pipes, which move to 3 and 4.
 */
static void keep_only(int *a, int *b)
{
	int low_a = fcntl(*a, F_DUPFD, 100), low_b = fcntl(*b, F_DUPFD, 100);

	if (low_a < 0 || low_b < 0 || dup2(low_a, 3) < 0 || dup2(low_b, 4) < 0)
		_exit(2);
	*a = 3;
	*b = 4;
	if (syscall(SYS_close_range, 5, ~0U, 0))
		_exit(2);
}

void client_child_start(struct child *child, void (*run)(const struct context *, struct child *),
			const struct context *c)
{
	int to[2], from[2];

	REQUIRE(!pipe(to) && !pipe(from), "pipe");
	fflush(stdout);
	child->pid = fork();
	REQUIRE(child->pid >= 0, "fork");
	if (!child->pid) {
		struct child self = { .to = from[1], .from = to[0] };

		keep_only(&self.to, &self.from);
		if (!setjmp(tap_case_end))
			run(c, &self);
		fflush(stdout);
		_exit(tap_case_failed());
	}
	close(to[0]);
	close(from[1]);
	child->to = to[1];
	child->from = from[0];
}

void client_child_say(struct child *child)
{
	if (write(child->to, "!", 1) != 1)
		_exit(2);
}

bool client_child_await(struct child *child, unsigned int seconds)
{
	struct pollfd p = { .fd = child->from, .events = POLLIN };
	char c;

	return poll(&p, 1, (int)seconds * 1000) == 1 && read(child->from, &c, 1) == 1;
}

void client_child_wait_word(struct child *self)
{
	char c;

	if (read(self->from, &c, 1) < 0)
		_exit(2);
}

static void close_pipes(struct child *child)
{
	close(child->to);
	close(child->from);
}

int client_child_join(struct child *child, unsigned int seconds)
{
	int fd = (int)syscall(SYS_pidfd_open, child->pid, 0), status;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ready;

	ready = poll(&p, 1, (int)seconds * 1000);
	close(fd);
	if (ready != 1)
		return -ETIMEDOUT;
	waitpid(child->pid, &status, 0);
	close_pipes(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

void client_child_end(struct child *child)
{
	CHECK(write(child->to, "!", 1) == 1, "child is gone");
	CHECK(client_child_join(child, 30) == 0, "child failed or hangs");
}

void client_child_kill(struct child *child)
{
	kill(child->pid, SIGKILL);
	CHECK(client_child_join(child, 30) == -EINTR, "killed child stays");
}
