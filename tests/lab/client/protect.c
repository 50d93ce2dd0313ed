// SPDX-License-Identifier: GPL-2.0-only
/* Held VFs: what the PF's user, its death and ordinary host actions can't do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

struct scene {
	struct pf pf;
	struct device vf;  /* held */
	char bdf[BDF_LEN]; /* of the held VF */
};

/* Two VFs, the second held. */
static void hold_one(const struct context *c, struct scene *s)
{
	client_open_with_vfs(c, &s->pf, 2);
	client_vf_bdf(c, 1, s->bdf);
	client_hold(c, 1, &s->vf);
	REQUIRE(client_vf_alive(s->bdf), "held VF isn't alive");
	CHECK(client_info(&s->pf).num_held == 1, "not counted as held");
}

static void alive(const struct scene *s, const char *after)
{
	CHECK(client_vf_alive(s->bdf), "%s killed the held VF", after);
	CHECK(device_config(&s->vf, PCI_VENDOR_ID, 2) != 0xffff, "%s: VF doesn't answer", after);
}

static void closing_the_pf_leaves_free_vfs(const struct context *c)
{
	char bdf[BDF_LEN];
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf);
	device_close(&pf.dev);
	CHECK(sysfs_exists(bdf, "config"), "closing the PF removed its VFs");
}

static void holders_are_shown(const struct context *c)
{
	struct {
		struct vfio_pci_sriov_held held;
		uint64_t word;
	} h = { .held.num_vfs = 64 };
	struct scene s;
	char buf[64];

	hold_one(c, &s);
	CHECK(!device_feature(&s.pf.dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SRIOV_HELD,
			      &h, sizeof(h)),
	      "HELD");
	CHECK(h.held.num_vfs == 2 && h.word == 2, "HELD says %u, %#llx", h.held.num_vfs,
	      (unsigned long long)h.word);
	h.held.num_vfs = 1;
	CHECK(device_feature(&s.pf.dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SRIOV_HELD,
			     &h, sizeof(h)) == -ENOSPC,
	      "a short bitmap is accepted");
	CHECK(sysfs_read(c->pf, "vfio_sriov/holders", buf, sizeof(buf)) >= 0 && !strcmp(buf, "1"),
	      "holders: %s", buf);
	device_close(&s.vf);
	device_close(&s.pf.dev);
}

static void clearing_vf_enable_is_deferred(const struct context *c)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct vfio_pci_sriov_event set = { .fd = event };
	struct scene s;

	hold_one(c, &s);
	CHECK(!device_feature(&s.pf.dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_SRIOV_EVENT,
			      &set, sizeof(set)),
	      "EVENT");
	client_set_ctrl(&s.pf, 0);
	CHECK(!(client_ctrl(&s.pf) & CTRL_VF_ENABLE), "VF_Enable doesn't clear");
	alive(&s, "clearing VF_Enable");
	CHECK(client_num_vfs(c) == 2, "VFs went");
	CHECK(client_info(&s.pf).flags & VFIO_PCI_SRIOV_DEFERRED, "not deferred");
	device_close(&s.vf);
	while (client_num_vfs(c) && client_await_event(event, 10))
		;
	CHECK(client_num_vfs(c) == 0, "the deferred removal doesn't come");
	close(event);
	device_close(&s.pf.dev);
}

static void setting_vf_enable_again_adopts(const struct context *c)
{
	struct scene s;

	hold_one(c, &s);
	client_set_ctrl(&s.pf, 0);
	client_set_ctrl(&s.pf, CTRL_VF_ENABLE | CTRL_VF_MSE);
	CHECK(client_ctrl(&s.pf) & CTRL_VF_ENABLE, "not adopted: why %u",
	      client_info(&s.pf).last_why);
	CHECK(!(client_info(&s.pf).flags & VFIO_PCI_SRIOV_DEFERRED), "still deferred");
	alive(&s, "adoption");
	device_close(&s.vf);
	CHECK(client_num_vfs(c) == 2, "the adopted VFs went");
	device_close(&s.pf.dev);
}

static void changing_num_vfs_is_refused(const struct context *c)
{
	struct scene s;

	hold_one(c, &s);
	client_set_ctrl(&s.pf, 0);
	device_config_set(&s.pf.dev, s.pf.cap + SRIOV_CAP_NUM_VFS, 2, 1);
	client_set_ctrl(&s.pf, CTRL_VF_ENABLE);
	CHECK(!(client_ctrl(&s.pf) & CTRL_VF_ENABLE), "another NumVFs is granted");
	CHECK(client_info(&s.pf).last_why == VFIO_PCI_SRIOV_WHY_HELD, "why %u",
	      client_info(&s.pf).last_why);
	alive(&s, "changing NumVFs");
	device_close(&s.vf);
	device_close(&s.pf.dev);
	CHECK(sysfs_await(c->pf, "sriov_numvfs", "0", 10), "deferred removal after close");
}

static unsigned int find_pcie_cap(const struct device *dev)
{
	unsigned int at = device_config(dev, PCI_CAPABILITY_LIST, 1);

	while (at && device_config(dev, at, 1) != PCI_CAP_ID_EXP)
		at = device_config(dev, at + 1, 1);
	return at;
}

static void resets_of_the_pf_are_refused(const struct context *c)
{
	struct scene s;
	unsigned int devctl;

	hold_one(c, &s);
	CHECK(device_reset(&s.pf.dev) == -EBUSY, "VFIO_DEVICE_RESET isn't refused");
	CHECK(client_info(&s.pf).last_why == VFIO_PCI_SRIOV_WHY_HELD, "why");
	alive(&s, "VFIO_DEVICE_RESET");
	devctl = find_pcie_cap(&s.pf.dev) + PCI_EXP_DEVCTL;
	CHECK(!device_config_set(&s.pf.dev, devctl, 2,
				 device_config(&s.pf.dev, devctl, 2) | PCI_EXP_DEVCTL_BCR_FLR),
	      "write of Initiate FLR");
	alive(&s, "Initiate FLR");
	CHECK(client_info(&s.pf).last_action == VFIO_PCI_SRIOV_ACT_RESET, "FLR not accounted");
	CHECK(client_ctrl(&s.pf) & CTRL_VF_ENABLE, "a refused reset changed VF_Enable");
	device_close(&s.vf);
	CHECK(!device_reset(&s.pf.dev), "reset without holders fails");
	CHECK(!(client_ctrl(&s.pf) & CTRL_VF_ENABLE) && client_num_vfs(c) == 0,
	      "VFs outlive a reset of the PF");
	device_close(&s.pf.dev);
}

static void power_states_of_the_pf_are_refused(const struct context *c)
{
	unsigned int at;
	struct scene s;

	hold_one(c, &s);
	at = device_config(&s.pf.dev, PCI_CAPABILITY_LIST, 1);
	while (at && device_config(&s.pf.dev, at, 1) != PCI_CAP_ID_PM)
		at = device_config(&s.pf.dev, at + 1, 1);
	if (at)
		device_config_set(&s.pf.dev, at + PCI_PM_CTRL, 2, 3);
	alive(&s, "D3hot");
	if (at)
		device_config_set(&s.pf.dev, at + PCI_PM_CTRL, 2, 0);
	alive(&s, "D0");
	device_close(&s.vf);
	device_close(&s.pf.dev);
}

static void closing_the_pf_spares_held_vfs(const struct context *c)
{
	struct scene s;

	hold_one(c, &s);
	device_close(&s.pf.dev);
	alive(&s, "closing the PF");
	CHECK(sysfs_number(c->pf, "vfio_sriov/parked") == 1, "the PF isn't parked");
	if (c->mode == DEVICE_CDEV && !c->cdev_tokens) {
		device_close(&s.vf);
		return;
	}
	CHECK(device_open(&s.pf.dev, c->pf, c->mode, NULL) == -EACCES, "PF opens without token");
	CHECK(device_open(&s.pf.dev, c->pf, c->mode, OTHER_TOKEN) == -EACCES,
	      "PF opens with a wrong token");
	client_open_pf(c, &s.pf);
	alive(&s, "opening the PF again");
	CHECK(client_ctrl(&s.pf) & CTRL_VF_ENABLE, "the new user doesn't find the VFs");
	CHECK(device_config(&s.pf.dev, s.pf.cap + SRIOV_CAP_NUM_VFS, 2) == 2, "NumVFs");
	device_close(&s.pf.dev);
	device_close(&s.vf);
	CHECK(sysfs_await(c->pf, "vfio_sriov/parked", "0", 10), "stays parked without reason");
}

/* A user that comes after one who died: it finds no interrupts in its way. */
static void interrupts_end_with_the_pfs_user(const struct context *c)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct scene s;

	hold_one(c, &s);
	REQUIRE(!device_set_eventfd(&s.pf.dev, VFIO_PCI_MSIX_IRQ_INDEX, event), "MSI-X");
	CHECK(client_interrupts(c->pf) == 1, "%u interrupts", client_interrupts(c->pf));
	device_close(&s.pf.dev);
	CHECK(client_interrupts(c->pf) == 0, "an interrupt outlives the PF's user");
	alive(&s, "closing the PF");
	if (c->mode == DEVICE_GROUP || c->cdev_tokens) {
		client_open_pf(c, &s.pf);
		CHECK(!device_set_eventfd(&s.pf.dev, VFIO_PCI_MSI_IRQ_INDEX, event) ||
			      !device_set_eventfd(&s.pf.dev, VFIO_PCI_INTX_IRQ_INDEX, event),
		      "the next user can't choose another kind of interrupt");
		alive(&s, "the next user");
		device_close(&s.pf.dev);
	}
	device_close(&s.vf);
	close(event);
}

static void own_pf(const struct context *c, struct child *self)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	REQUIRE(!device_set_eventfd(&pf.dev, VFIO_PCI_MSIX_IRQ_INDEX, event), "MSI-X");
	client_child_say(self);
	client_child_wait_word(self);
}

static void killing_the_owner_spares_held_vfs(const struct context *c)
{
	struct child owner;
	struct scene s;

	client_child_start(&owner, own_pf, c);
	REQUIRE(client_child_await(&owner, 30), "the owner doesn't come up");
	client_vf_bdf(c, 1, s.bdf);
	client_hold(c, 1, &s.vf);
	client_child_kill(&owner);
	alive(&s, "killing the owner");
	CHECK(client_interrupts(c->pf) == 0, "an interrupt outlives the owner");
	CHECK(client_num_vfs(c) == 2, "VFs went");
	device_close(&s.vf);
}

static void sysfs_refuses_while_held_and_obeys_force(const struct context *c)
{
	struct scene s;

	hold_one(c, &s);
	CHECK(sysfs_write(c->pf, "sriov_numvfs", "0") == -EBUSY, "sriov_numvfs isn't refused");
	alive(&s, "sriov_numvfs");
	device_close(&s.vf);
	CHECK(!sysfs_write(c->pf, "sriov_numvfs", "0"), "sriov_numvfs without holders");
	CHECK(!(client_ctrl(&s.pf) & CTRL_VF_ENABLE), "VF_Enable outlives the VFs");
	device_close(&s.pf.dev);
}

/* A well-behaved holder: lets go when the host asks. */
static void hold_until_asked(const struct context *c, struct child *self)
{
	int asked = eventfd(0, EFD_CLOEXEC);
	struct device vf;

	client_hold(c, 1, &vf);
	REQUIRE(!device_set_eventfd(&vf, VFIO_PCI_REQ_IRQ_INDEX, asked), "request eventfd");
	client_child_say(self);
	CHECK(client_await_event(asked, 60), "never asked");
	device_close(&vf);
}

static void force_removes_held_vfs(const struct context *c)
{
	struct child holder;
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_child_start(&holder, hold_until_asked, c);
	REQUIRE(client_child_await(&holder, 30), "the holder doesn't come up");
	CHECK(sysfs_write(c->pf, "sriov_numvfs", "0") == -EBUSY, "not refused");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/force", "1"), "force");
	CHECK(!sysfs_write(c->pf, "sriov_numvfs", "0"), "force doesn't win");
	CHECK(client_child_join(&holder, 30) == 0, "holder");
	CHECK(client_num_vfs(c) == 0, "VFs stay");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/force", "0"), "force off");
	device_close(&pf.dev);
}

static void unbind_pf(const struct context *c, struct child *self)
{
	client_child_say(self);
	CHECK(!sysfs_unbind(c->pf), "unbind");
}

static void unbinding_the_pf_waits_for_holders(const struct context *c)
{
	struct child unbinder;
	struct scene s;

	hold_one(c, &s);
	client_child_start(&unbinder, unbind_pf, c);
	REQUIRE(client_child_await(&unbinder, 10), "unbinder");
	CHECK(sysfs_await(c->pf, "vfio_sriov/state", "unbinding=1", 10), "unbind doesn't begin");
	alive(&s, "unbind");
	client_set_ctrl(&s.pf, 0);
	alive(&s, "unbind and clearing VF_Enable");
	device_close(&s.pf.dev);
	alive(&s, "unbind and closing the PF");
	CHECK(client_child_join(&unbinder, 0) == -ETIMEDOUT, "unbind is through");
	device_close(&s.vf);
	CHECK(client_child_join(&unbinder, 30) == 0, "unbind doesn't end");
	CHECK(!sysfs_exists(c->pf, "driver"), "still bound");
	CHECK(!sysfs_exists(c->pf, "virtfn0"), "VFs stay");
}

static void remove_pf(const struct context *c, struct child *self)
{
	client_child_say(self);
	CHECK(!sysfs_write(c->pf, "remove", "1"), "remove");
}

static void unplugging_the_pf_waits_for_holders(const struct context *c)
{
	struct child remover;
	struct scene s;

	hold_one(c, &s);
	client_child_start(&remover, remove_pf, c);
	REQUIRE(client_child_await(&remover, 10), "remover");
	CHECK(sysfs_await(c->pf, "vfio_sriov/state", "unbinding=1", 10), "removal doesn't begin");
	alive(&s, "unplugging the PF");
	client_set_ctrl(&s.pf, 0);
	client_set_ctrl(&s.pf, CTRL_VF_ENABLE);
	device_close(&s.pf.dev);
	alive(&s, "unplugging and closing the PF");
	CHECK(client_child_join(&remover, 0) == -ETIMEDOUT, "removal is through");
	device_close(&s.vf);
	CHECK(client_child_join(&remover, 30) == 0, "removal doesn't end");
	CHECK(!sysfs_exists(c->pf, "vendor"), "the PF stays");
	CHECK(!sysfs_write("..", "rescan", "1"), "rescan");
	CHECK(sysfs_exists(c->pf, "vendor"), "the PF doesn't come back");
}

static void unbind_vf(const struct context *c, struct child *self)
{
	char bdf[BDF_LEN];

	client_vf_bdf(c, 1, bdf);
	client_child_say(self);
	CHECK(!sysfs_unbind(bdf), "unbind of a VF");
}

static void a_held_vf_is_unbound_when_its_holder_lets_go(const struct context *c)
{
	struct child unbinder;
	struct scene s;

	hold_one(c, &s);
	client_child_start(&unbinder, unbind_vf, c);
	REQUIRE(client_child_await(&unbinder, 10), "unbinder");
	alive(&s, "unbinding it");
	client_set_ctrl(&s.pf, 0);
	alive(&s, "unbinding it and clearing VF_Enable");
	CHECK(client_child_join(&unbinder, 0) == -ETIMEDOUT, "unbind is through");
	device_close(&s.vf);
	CHECK(client_child_join(&unbinder, 30) == 0, "unbind doesn't end");
	CHECK(sysfs_await(c->pf, "sriov_numvfs", "0", 10), "deferred removal doesn't come");
	client_enable(c, &s.pf, 2);
	device_close(&s.pf.dev);
}

static void foreign_drivers_count_as_holders(const struct context *c)
{
	char bdf[BDF_LEN];
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf);
	REQUIRE(!sysfs_bind(bdf, "vfio-pci"), "the VF doesn't bind to vfio-pci");
	client_set_ctrl(&pf, 0);
	CHECK(client_num_vfs(c) == 2, "a VF with a foreign driver went");
	CHECK(client_info(&pf).flags & VFIO_PCI_SRIOV_DEFERRED, "not deferred");
	CHECK(!sysfs_unbind(bdf), "unbind");
	CHECK(sysfs_await(c->pf, "sriov_numvfs", "0", 10), "removal doesn't come");
	device_close(&pf.dev);
}

const struct client_case protect_cases[] = {
	{ "closing the PF leaves free VFs", closing_the_pf_leaves_free_vfs, OF_MODE },
	{ "holders are shown", holders_are_shown, OF_RULES },
	{ "clearing VF_Enable is deferred while held", clearing_vf_enable_is_deferred, OF_MODE },
	{ "setting VF_Enable again adopts", setting_vf_enable_again_adopts, OF_RULES },
	{ "changing NumVFs is refused while held", changing_num_vfs_is_refused, OF_RULES },
	{ "resets of the PF are refused while held", resets_of_the_pf_are_refused, OF_PF },
	{ "power states of the PF are refused while held", power_states_of_the_pf_are_refused,
	  OF_PF },
	{ "closing the PF spares held VFs", closing_the_pf_spares_held_vfs, OF_MODE },
	{ "interrupts end with the PF's user", interrupts_end_with_the_pfs_user, OF_PF | OF_MODE },
	{ "killing the owner spares held VFs", killing_the_owner_spares_held_vfs, OF_MODE },
	{ "sysfs refuses while held", sysfs_refuses_while_held_and_obeys_force, OF_RULES },
	{ "force removes held VFs", force_removes_held_vfs, OF_RULES },
	{ "unbinding the PF waits for holders", unbinding_the_pf_waits_for_holders, OF_MODE },
	{ "unplugging the PF waits for holders", unplugging_the_pf_waits_for_holders, OF_RULES },
	{ "a held VF is unbound when its holder lets go",
	  a_held_vf_is_unbound_when_its_holder_lets_go, OF_MODE },
	{ "foreign drivers count as holders", foreign_drivers_count_as_holders, OF_RULES },
	{ 0 },
};
