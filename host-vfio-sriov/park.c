// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open, close and keep-alive. VFIO's core resets a function when it is opened
 * first and closed last. That must not be where
 *
 * - keep-alive is on. The last close parks the device: the core is not told,
 *   everything stays as the user left it, and the next open goes on from there.
 *   Its interrupts still signal the last user's eventfds, which nobody reads; the
 *   next user sets its own in their place.
 * - a VF of the PF is held. The PF is spared: the core closes it, which ends its
 *   interrupts and its DMA, but for the reset; the next open does without, too.
 *
 * What is owed then is done when the reason is gone (sriov_park_settle) or the
 * device is unbound (sriov_park_end, sriov_park_reset_unbound).
 */
#include <linux/pm_runtime.h>

#include "driver.h"
#include "trace.h"

/*
 * The core tries a reset whenever the function has a method for one, and under
 * the device lock, which it only tries. Take the methods away meanwhile.
 */
static int core_enable_without_reset(struct sriov_device *dev)
{
	struct pci_dev *pdev = dev->core.pdev;
	u8 method;
	u16 cmd;
	int ret;

	if (!device_trylock(&pdev->dev))
		return -EAGAIN;
	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	method = pdev->reset_methods[0];
	pdev->reset_methods[0] = 0;
	ret = vfio_pci_core_enable(&dev->core);
	pdev->reset_methods[0] = method;
	if (!ret) {
		dev->core.reset_works = method;
		/* the core cleared it on its way */
		if (cmd & PCI_COMMAND_MASTER)
			pci_set_master(pdev);
	}
	device_unlock(&pdev->dev);
	return ret;
}

static int core_open(struct sriov_device *dev, bool spare)
{
	int ret;

	if (spare || READ_ONCE(dev->keep_alive))
		ret = core_enable_without_reset(dev);
	else
		ret = vfio_pci_core_enable(&dev->core);
	if (ret)
		return ret;
	if (dev->pf) {
		ret = sriov_region_add(dev->pf);
		if (ret) {
			vfio_pci_core_disable(&dev->core);
			return ret;
		}
	}
	vfio_pci_core_finish_enable(&dev->core);
	return 0;
}

/*
 * The core resets a PF that it enables: keep VF openers out meanwhile, or do
 * without the reset if VFs are held.
 */
static int core_open_pf(struct sriov_device *dev)
{
	int ret;

	if (sriov_hold_reset_begin(dev->pf))
		return core_open(dev, true);
	ret = core_open(dev, false);
	sriov_hold_reset_end(dev->pf);
	return ret;
}

/* Opened again before the last close was done with. */
static void note_resume(struct sriov_device *dev)
{
	dev->parked = false;
	dev->spared = false;
	atomic_inc(&dev->resumes);
	trace_sriov_park(dev->core.pdev, false);
	pci_dbg(dev->core.pdev, "resumed from park\n");
}

static int open_fresh(struct sriov_device *dev)
{
	int ret;

	if (dev->pf)
		return core_open_pf(dev);
	ret = sriov_hold_get(dev);
	if (ret)
		return ret;
	ret = core_open(dev, false);
	if (ret)
		sriov_hold_put(dev);
	return ret;
}

/* VFIO's open_device: under dev_set->lock. */
int sriov_park_open(struct vfio_device *core_vdev)
{
	struct sriov_device *dev = sriov_device(core_vdev);
	int ret;

	if (dev->dying)
		return -ENODEV;
	ret = sriov_token_check_open(dev);
	if (!ret && !dev->parked)
		ret = open_fresh(dev);
	if (ret)
		return ret;
	if (dev->parked || dev->spared)
		note_resume(dev);
	if (dev->pf) {
		sriov_pf_reset_image(dev->pf);
		sriov_region_update(dev->pf);
	}
	return 0;
}

/*
 * With keep-alive, an unbind can't park, but it needn't reset either; nor may a
 * close while VFs are held. The core's other way to reset, through the bus, is
 * barred meanwhile.
 */
static void core_close_without_reset(struct sriov_device *dev)
{
	struct pci_dev *pdev = dev->core.pdev;
	pci_dev_flags_t barred = pdev->dev_flags & PCI_DEV_FLAGS_NO_BUS_RESET;

	pdev->dev_flags |= PCI_DEV_FLAGS_NO_BUS_RESET;
	dev->core.reset_works = false;
	vfio_pci_core_close_device(&dev->core.vdev);
	if (!barred)
		pdev->dev_flags &= ~PCI_DEV_FLAGS_NO_BUS_RESET;
}

static void core_close(struct sriov_device *dev)
{
	if (READ_ONCE(dev->keep_alive))
		core_close_without_reset(dev);
	else
		vfio_pci_core_close_device(&dev->core.vdev);
	sriov_hold_put(dev);
}

/*
 * Nobody has promised that the memory of the PF's DMA stays, or reads its
 * interrupts: only the reset is left out. (The VFs' bus mastering is their own,
 * PCIe 9.3.4.1.3.) The core restores config space, and a host that makes VFs
 * writes it: so under the device lock, which is only tried since an unbind that
 * has it may be waiting for us.
 */
static bool try_spare(struct sriov_device *dev)
{
	struct pci_dev *pdev = dev->core.pdev;

	if (!device_trylock(&pdev->dev))
		return false;
	core_close_without_reset(dev);
	device_unlock(&pdev->dev);
	dev->spared = true;
	return true;
}

/* Close unless something forbids it; true if it is done, but perhaps for the reset. */
static bool try_core_close(struct sriov_device *dev)
{
	int ret;

	if (READ_ONCE(dev->keep_alive) && !dev->dying)
		return false;
	if (!dev->pf || dev->dying) {
		core_close(dev);
		return true;
	}
	ret = sriov_hold_reset_begin(dev->pf);
	if (ret == -EBUSY)
		return try_spare(dev);
	if (ret)
		return false;
	core_close(dev);
	sriov_hold_reset_end(dev->pf);
	return true;
}

/* The reset that a close has left out, unless a VF is still held; false: try again. */
static bool try_owed_reset(struct sriov_device *dev)
{
	struct pci_dev *pdev = dev->core.pdev;
	int ret = sriov_hold_reset_begin(dev->pf);

	if (ret)
		return ret == -EBUSY;
	ret = pm_runtime_resume_and_get(&pdev->dev);
	if (!ret) {
		ret = pci_try_reset_function(pdev);
		pm_runtime_put(&pdev->dev);
	}
	sriov_hold_reset_end(dev->pf);
	if (ret == -EAGAIN)
		return false;
	dev->spared = false;
	pci_info(pdev, "closed for good: no VF is held\n");
	return true;
}

static void park(struct sriov_device *dev)
{
	dev->parked = true;
	if (READ_ONCE(dev->keep_alive))
		return;
	/* for the moment until the device lock is free */
	pci_clear_master(dev->core.pdev);
	if (dev->pf)
		sriov_change_kick_again(dev->pf);
}

static void account_park(struct sriov_device *dev)
{
	atomic_inc(&dev->parks);
	trace_sriov_park(dev->core.pdev, true);
	pci_info(dev->core.pdev, "closed without reset: %s\n",
		 READ_ONCE(dev->keep_alive) ? "keep-alive is on" : "its VFs are in use");
}

static void drop_event(struct sriov_pf *pf)
{
	struct eventfd_ctx *event;

	spin_lock(&pf->lock);
	event = pf->event;
	pf->event = NULL;
	spin_unlock(&pf->lock);
	if (event)
		eventfd_ctx_put(event);
}

/* VFIO's close_device: under dev_set->lock, in the dying user's context at worst. */
void sriov_park_close(struct vfio_device *core_vdev)
{
	struct sriov_device *dev = sriov_device(core_vdev);

	if (dev->pf) {
		sriov_region_stop(dev->pf);
		drop_event(dev->pf);
	}
	if (!try_core_close(dev))
		park(dev);
	if (dev->parked || dev->spared)
		account_park(dev);
}

/* False: what is owed can't be done now, but soon. Under dev_set->lock. */
static bool settle(struct sriov_device *dev)
{
	/* the unbind does what is owed; afterwards the function may be another driver's */
	if (dev->dying)
		return true;
	if (dev->parked && !READ_ONCE(dev->keep_alive)) {
		if (!try_core_close(dev))
			return false;
		dev->parked = false;
		if (!dev->spared)
			pci_info(dev->core.pdev, "closed for good: keep-alive is off\n");
	}
	return !dev->spared || try_owed_reset(dev);
}

/* A reason not to close for good may be gone: then do what is owed. */
void sriov_park_settle(struct sriov_device *dev)
{
	struct vfio_device_set *dev_set = dev->core.vdev.dev_set;
	bool settled;

	mutex_lock(&dev_set->lock);
	settled = settle(dev);
	mutex_unlock(&dev_set->lock);
	if (!settled && dev->pf)
		sriov_change_kick_again(dev->pf);
}

/* The device is being unbound: no open any more, and a parked one ends here. */
void sriov_park_end(struct sriov_device *dev)
{
	struct vfio_device_set *dev_set = dev->core.vdev.dev_set;

	mutex_lock(&dev_set->lock);
	dev->dying = true;
	if (dev->parked) {
		core_close(dev);
		dev->parked = false;
	}
	mutex_unlock(&dev_set->lock);
}

/*
 * The reset that the last close has left out, for the function not to be handed on
 * as its user has left it. Nobody has it open any more, its VFs are gone; remove's
 * caller holds the device lock.
 */
void sriov_park_reset_unbound(struct sriov_device *dev)
{
	struct pci_dev *pdev = dev->core.pdev;

	if (!dev->spared || READ_ONCE(dev->keep_alive) ||
	    pdev->error_state == pci_channel_io_perm_failure)
		return;
	dev->spared = false;
	if (!pci_reset_function_locked(pdev))
		pci_info(pdev, "reset at unbind: no VF is held\n");
}

void sriov_park_set_keep_alive(struct sriov_device *dev, bool on)
{
	WRITE_ONCE(dev->keep_alive, on);
	trace_sriov_keep_alive(dev->core.pdev, on);
}

/*
 * On its way into a kexec the PCI core clears the bus mastering of every device
 * but those in a power state that it doesn't know. This is the last that is
 * asked about the device in this kernel.
 *
 * A parked function's user, and with it the memory that its DMA goes to, is gone:
 * in a kernel that knows nothing of it, it would write to anybody's. (One that is
 * handed over in a live update is known to our PCI core.)
 */
void sriov_park_shutdown(struct pci_dev *pdev)
{
	struct sriov_device *dev = container_of(pci_get_drvdata(pdev), struct sriov_device, core);

	if (!READ_ONCE(dev->keep_alive) || READ_ONCE(dev->parked))
		return;
	pci_info(pdev, "shut down without touching it: keep-alive is on\n");
	pdev->current_state = PCI_UNKNOWN;
}
