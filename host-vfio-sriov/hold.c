// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VFs are held, and what that forbids. A VF becomes held when its VFIO
 * device is opened for the first time and is free when its last close has shut
 * it down; a VF parked by keep-alive stays held.
 */
#include "driver.h"
#include "trace.h"

/* The PF of a VF that our PF driver made, or NULL. It outlives the VF's binding. */
static struct sriov_pf *pf_of(struct sriov_device *vf)
{
	void *drvdata;

	if (!vf->core.pdev->is_virtfn)
		return NULL;
	drvdata = pci_iov_get_pf_drvdata(vf->core.pdev, &sriov_pci_driver);
	if (IS_ERR_OR_NULL(drvdata))
		return NULL;
	return container_of(drvdata, struct sriov_device, core)->pf;
}

/*
 * While a VF is held, no bus reset either, whoever asks for it: another function
 * of the device has a user of its own, and VFIO resets an idle bus by itself.
 * Under pf->lock.
 */
static void bar_bus_reset(struct sriov_pf *pf, bool on)
{
	if (on) {
		pf->bus_reset_barred = pf->pdev->dev_flags & PCI_DEV_FLAGS_NO_BUS_RESET;
		pf->pdev->dev_flags |= PCI_DEV_FLAGS_NO_BUS_RESET;
	} else if (!pf->bus_reset_barred) {
		pf->pdev->dev_flags &= ~PCI_DEV_FLAGS_NO_BUS_RESET;
	}
}

/* 0 and counted, -EBUSY if VFs are going, -EAGAIN if a reset must be awaited. */
static int try_hold(struct sriov_pf *pf)
{
	int ret = 0;

	spin_lock(&pf->lock);
	if (pf->removing_vfs)
		ret = -EBUSY;
	else if (pf->resetting)
		ret = -EAGAIN;
	else if (!pf->num_held++)
		bar_bus_reset(pf, true);
	spin_unlock(&pf->lock);
	return ret;
}

/*
 * The user of @vf opens it (under its dev_set->lock). A reset of the PF is over
 * soon and takes none of the VF's locks, so it can be waited for here.
 */
int sriov_hold_get(struct sriov_device *vf)
{
	struct sriov_pf *pf = pf_of(vf);
	int ret, rc;

	if (!pf)
		return 0;
	rc = wait_event_killable(pf->wait, (ret = try_hold(pf)) != -EAGAIN);
	if (rc)
		return rc;
	if (ret) {
		pci_info_ratelimited(vf->core.pdev, "open refused: the PF's VFs are being removed\n");
		return ret;
	}
	vf->holding = pf;
	vf->index = sriov_pf_vf_index(pf, vf->core.pdev);
	sriov_region_set_held(pf, vf->index, true);
	trace_sriov_hold(vf->core.pdev, true);
	sriov_pf_notify(pf);
	return 0;
}

/* The VF is shut down. The last one to go may let deferred work begin. */
void sriov_hold_put(struct sriov_device *vf)
{
	struct sriov_pf *pf = vf->holding;
	bool last;

	if (!pf)
		return;
	vf->holding = NULL;
	sriov_region_set_held(pf, vf->index, false);
	trace_sriov_hold(vf->core.pdev, false);
	spin_lock(&pf->lock);
	last = !--pf->num_held;
	if (last)
		bar_bus_reset(pf, false);
	spin_unlock(&pf->lock);
	sriov_pf_notify(pf);
	if (last)
		sriov_change_kick(pf, 0);
}

/*
 * Whether somebody else than an opener of ours uses @vf: a foreign driver, or
 * an opened cdev that isn't bound yet (its registration is counted by VFIO).
 * A VF whose lock is taken is just being bound or unbound: count that as use.
 */
static bool used_elsewhere(struct pci_dev *vf)
{
	struct sriov_device *dev;
	bool used;

	if (!device_trylock(&vf->dev))
		return true;
	if (vf->dev.driver == &sriov_pci_driver.driver) {
		dev = container_of(pci_get_drvdata(vf), struct sriov_device, core);
		used = refcount_read(&dev->core.vdev.refcount) > 1;
	} else {
		used = vf->dev.driver;
	}
	device_unlock(&vf->dev);
	return used;
}

/* The caller holds the PCI locks: VFs neither come nor go. */
bool sriov_hold_elsewhere(struct sriov_pf *pf)
{
	bool used = false;
	unsigned int i;

	for (i = 0; i < pf->num_vfs && !used; i++) {
		struct pci_dev *vf = sriov_pf_get_vf(pf, i);

		if (!vf)
			continue;
		used = used_elsewhere(vf);
		pci_dev_put(vf);
	}
	return used;
}

/*
 * A reset of the PF would reach its VFs. -EBUSY while one is held, -EAGAIN while
 * VFs are being made or removed; else neither that nor an open of a VF begins before
 * sriov_hold_reset_end().
 */
int sriov_hold_reset_begin(struct sriov_pf *pf)
{
	int ret = 0;

	spin_lock(&pf->lock);
	if (pf->num_held)
		ret = -EBUSY;
	else if (pf->changing)
		ret = -EAGAIN;
	else
		pf->resetting++;
	spin_unlock(&pf->lock);
	return ret;
}

void sriov_hold_reset_end(struct sriov_pf *pf)
{
	spin_lock(&pf->lock);
	pf->resetting--;
	spin_unlock(&pf->lock);
	wake_up_all(&pf->wait);
}

static bool free_or_forced(struct sriov_pf *pf)
{
	bool done;

	spin_lock(&pf->lock);
	done = !pf->num_held || pf->force;
	spin_unlock(&pf->lock);
	return done || pf->pdev->error_state == pci_channel_io_perm_failure;
}

/*
 * An unbind of the PF can't be refused, so it is deferred: wait, with the device
 * lock held as VFIO's own wait for users does, until no VF is held, the operator
 * forces it, or the device is gone.
 */
void sriov_hold_wait_free(struct sriov_pf *pf)
{
	if (free_or_forced(pf))
		return;
	pci_warn(pf->pdev, "unbind deferred: %u VFs are held; vfio_sriov/force overrides\n",
		 READ_ONCE(pf->num_held));
	while (!wait_event_idle_timeout(pf->wait, free_or_forced(pf), 60 * HZ))
		pci_warn(pf->pdev, "unbind still deferred: %u VFs are held\n",
			 READ_ONCE(pf->num_held));
}
