// SPDX-License-Identifier: GPL-2.0-only
/* Things that happen at once: nothing may hang, crash or be lost. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

/* About what making VFs and removing them takes. */
#define CYCLE_MS 1200

/* A race has many outcomes: each round meets the other side at another point of its cycle. */
static void await_point(const struct context *c, unsigned int round)
{
	poll(NULL, 0, (int)(round * CYCLE_MS / c->rounds));
}

/* Enable and disable until told to stop, or until the device is being removed. */
static void churn(const struct context *c, struct child *self)
{
	struct pollfd word = { .fd = self->from, .events = POLLIN };
	struct pf pf;

	client_open_pf(c, &pf);
	client_child_say(self);
	while (!poll(&word, 1, 0)) {
		device_config_set(&pf.dev, pf.cap + SRIOV_CAP_NUM_VFS, 2, 2);
		client_set_ctrl(&pf, CTRL_VF_ENABLE);
		if (client_info(&pf).last_why == VFIO_PCI_SRIOV_WHY_REMOVING)
			break;
		client_set_ctrl(&pf, 0);
	}
	device_close(&pf.dev);
}

static void unbind_in_the_middle_of_enabling(const struct context *c)
{
	struct child user;

	for (unsigned int i = 0; i < c->rounds; i++) {
		client_fresh(c);
		client_child_start(&user, churn, c);
		REQUIRE(client_child_await(&user, 30), "user doesn't come up");
		await_point(c, i);
		CHECK(!sysfs_unbind(c->pf), "unbind");
		CHECK(client_child_join(&user, 30) == 0, "the user hangs");
		CHECK(!sysfs_exists(c->pf, "virtfn0"), "VFs outlive the unbind");
	}
}

static void kill_in_the_middle_of_enabling(const struct context *c)
{
	struct child user;
	struct pf pf;

	for (unsigned int i = 0; i < c->rounds; i++) {
		client_fresh(c);
		client_child_start(&user, churn, c);
		REQUIRE(client_child_await(&user, 30), "user doesn't come up");
		await_point(c, i);
		client_child_kill(&user);
		client_open_pf(c, &pf);
		client_set_ctrl(&pf, 0);
		client_enable(c, &pf, 1);
		client_set_ctrl(&pf, 0);
		CHECK(client_num_vfs(c) == 0, "round %u: VFs stay", i);
		device_close(&pf.dev);
	}
}

static void churn_by_sysfs(const struct context *c, struct child *self)
{
	struct pollfd word = { .fd = self->from, .events = POLLIN };

	client_child_say(self);
	while (!poll(&word, 1, 0)) {
		sysfs_write(c->pf, "sriov_numvfs", "1");
		sysfs_write(c->pf, "sriov_numvfs", "0");
	}
}

static void enabling_by_sysfs_and_by_the_user_at_once(const struct context *c)
{
	struct child user, host;
	struct pf pf;

	client_fresh(c);
	client_child_start(&user, churn, c);
	REQUIRE(client_child_await(&user, 30), "user doesn't come up");
	client_child_start(&host, churn_by_sysfs, c);
	REQUIRE(client_child_await(&host, 30), "host doesn't come up");
	poll(NULL, 0, (int)c->rounds * 1000);
	client_child_end(&user);
	client_child_end(&host);
	client_fresh(c);
	client_open_pf(c, &pf);
	client_enable(c, &pf, 2);
	client_set_ctrl(&pf, 0);
	CHECK(client_num_vfs(c) == 0, "VFs stay");
	device_close(&pf.dev);
}

/* Open and close VF 0 whenever there is one. */
static void churn_vf(const struct context *c, struct child *self)
{
	struct pollfd word = { .fd = self->from, .events = POLLIN };
	struct device vf;
	char bdf[BDF_LEN];

	client_child_say(self);
	while (!poll(&word, 1, 0))
		if (!sysfs_vf_bdf(c->pf, 0, bdf) && !device_open(&vf, bdf, DEVICE_GROUP, TOKEN))
			device_close(&vf);
}

static void opening_vfs_while_they_come_and_go(const struct context *c)
{
	struct child user, tenant;
	struct pf pf;

	client_fresh(c);
	client_child_start(&user, churn, c);
	REQUIRE(client_child_await(&user, 30), "user doesn't come up");
	client_child_start(&tenant, churn_vf, c);
	REQUIRE(client_child_await(&tenant, 30), "tenant doesn't come up");
	poll(NULL, 0, (int)c->rounds * 1000);
	client_child_end(&tenant);
	client_child_end(&user);
	client_fresh(c);
	client_open_pf(c, &pf);
	client_enable(c, &pf, 1);
	client_set_ctrl(&pf, 0);
	CHECK(client_num_vfs(c) == 0, "VFs stay");
	device_close(&pf.dev);
}

static void unload_is_refused_while_held_and_clean_after(const struct context *c)
{
	struct device vf;
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	client_enable(c, &pf, 1);
	client_hold(c, 0, &vf);
	CHECK(system("rmmod vfio-pci-sriov 2>/dev/null") != 0, /* banned-ok: a constant */
	      "unloaded while in use");
	device_close(&vf);
	client_set_ctrl(&pf, 0);
	device_close(&pf.dev);
	CHECK(system("rmmod vfio-pci-sriov") == 0, /* banned-ok: a constant */
	      "doesn't unload");
	CHECK(system("modprobe vfio-pci-sriov") == 0, /* banned-ok: a constant */
	      "doesn't load again");
	client_fresh(c);
}

const struct client_case race_cases[] = {
	{ "unbind in the middle of enabling", unbind_in_the_middle_of_enabling, OF_MODE },
	{ "kill in the middle of enabling", kill_in_the_middle_of_enabling, OF_MODE },
	{ "enabling by sysfs and by the user at once", enabling_by_sysfs_and_by_the_user_at_once,
	  OF_MODE },
	{ "opening VFs while they come and go", opening_vfs_while_they_come_and_go, OF_MODE },
	{ "unload is refused while held, and clean after",
	  unload_is_refused_while_held_and_clean_after, OF_MODE },
	{ 0 },
};
