// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creating and removing VFs. It needs the PCI rescan/remove lock and the PF's
 * device lock. Upstream takes them in both orders (sriov_numvfs_store: device
 * lock first; hot-unplug: rescan/remove lock first), and an unbind holds one or
 * both while it waits for the PF's user to close. So
 *
 * - the user's thread doesn't take them: a worker does;
 * - the worker waits for the first only and tries the second: nobody who holds
 *   the device lock ever waits for the worker;
 * - the user's thread waits for the worker only while that can be called off
 *   (QUEUED: an unbind, a timeout, a fatal signal) or is sure to end (RUNNING:
 *   the worker has both locks, and removes VFs only if none is held).
 */
#include <linux/jiffies.h>

#include "driver.h"
#include "trace.h"

/* How long a request may wait for the PCI locks. */
#define START_TIMEOUT (10 * HZ)
/* Before the next try when the device lock was taken. */
#define RETRY_LOCKED (1 + HZ / 500)
/* Before the next try when a VF is used where nobody will tell us that it's free. */
#define RETRY_USED HZ

static struct workqueue_struct *change_wq;

int sriov_change_init(void)
{
	change_wq = alloc_workqueue("vfio_pci_sriov", WQ_UNBOUND, 0);
	return change_wq ? 0 : -ENOMEM;
}

/* No device is bound any more; work that an unbind has overtaken runs out here. */
void sriov_change_exit(void)
{
	destroy_workqueue(change_wq);
}

/* Queued work holds a reference to the device. */
void sriov_change_kick(struct sriov_pf *pf, unsigned long delay)
{
	struct device *dev = &pf->dev->core.vdev.device;

	spin_lock(&pf->lock);
	if (!pf->unbinding) {
		get_device(dev);
		if (mod_delayed_work(change_wq, &pf->work, delay))
			put_device(dev);
	}
	spin_unlock(&pf->lock);
}

/* Somebody has the device lock who holds it for a short while only. */
void sriov_change_kick_again(struct sriov_pf *pf)
{
	sriov_change_kick(pf, RETRY_LOCKED);
}

/* From here on no work is queued, no VF is opened, no request is granted. */
void sriov_change_unbind(struct sriov_pf *pf)
{
	spin_lock(&pf->lock);
	pf->unbinding = true;
	pf->removing_vfs = true;
	spin_unlock(&pf->lock);
	wake_up_all(&pf->wait);
	if (cancel_delayed_work(&pf->work))
		put_device(&pf->dev->core.vdev.device);
}

/* Under pf->lock: no holder that counts. */
static bool removable(const struct sriov_pf *pf)
{
	return pf->force || !pf->num_held;
}

/* Bar VF openers and go on, or find that there is one already: -EBUSY. */
static int begin_removal(struct sriov_pf *pf)
{
	int ret = 0;

	spin_lock(&pf->lock);
	if (removable(pf))
		pf->removing_vfs = true;
	else
		ret = -EBUSY;
	spin_unlock(&pf->lock);
	return ret;
}

static void end_removal(struct sriov_pf *pf, bool removed)
{
	spin_lock(&pf->lock);
	pf->removing_vfs = pf->unbinding;
	if (removed) {
		pf->num_vfs = 0;
		pf->deferred = false;
	}
	spin_unlock(&pf->lock);
}

static int remove_vfs(struct sriov_pf *pf)
{
	int ret = begin_removal(pf);

	if (ret)
		return ret;
	if (!READ_ONCE(pf->force) && sriov_hold_elsewhere(pf)) {
		end_removal(pf, false);
		return -EBUSY;
	}
	sriov_region_stop(pf);
	vfio_pci_core_sriov_configure(&pf->dev->core, 0);
	end_removal(pf, true);
	return 0;
}

static int create_vfs(struct sriov_pf *pf, u16 num_vfs)
{
	int ret = vfio_pci_core_sriov_configure(&pf->dev->core, num_vfs);

	if (ret < 0)
		return ret;
	spin_lock(&pf->lock);
	pf->num_vfs = num_vfs;
	pf->deferred = false;
	spin_unlock(&pf->lock);
	return 0;
}

/* With both PCI locks, and pf->changing set. */
static int change_locked(struct sriov_pf *pf, u16 num_vfs)
{
	u16 before = pf->num_vfs;
	int ret = 0;

	if (before == num_vfs)
		return 0;
	if (before)
		ret = remove_vfs(pf);
	if (!ret && num_vfs)
		ret = create_vfs(pf, num_vfs);
	trace_sriov_change(pf->pdev, before, num_vfs, ret);
	sriov_pf_notify(pf);
	return ret;
}

static void end_change(struct sriov_pf *pf)
{
	spin_lock(&pf->lock);
	pf->changing = false;
	spin_unlock(&pf->lock);
}

static bool begin_by_host(struct sriov_pf *pf)
{
	bool begun;

	spin_lock(&pf->lock);
	begun = !pf->resetting;
	pf->changing = begun;
	spin_unlock(&pf->lock);
	return begun;
}

/**
 * sriov_change_by_host - make @num_vfs VFs exist, by the host's will
 * @pf: the PF; its device lock and the rescan/remove lock are held
 * @num_vfs: 0 to remove
 *
 * A close or reset of the PF that is under way restores the capability without the
 * device lock, and would take VF_Enable or NumVFs back. It only tries that lock, so
 * it ends while we have it.
 *
 * Return: 0; -EBUSY if VFs would have to go of which one is held; -EINTR on a fatal
 * signal; or what the PCI core had to say.
 */
int sriov_change_by_host(struct sriov_pf *pf, u16 num_vfs)
{
	int ret;

	if (wait_event_killable(pf->wait, begin_by_host(pf)))
		return -EINTR;
	ret = change_locked(pf, num_vfs);
	end_change(pf);
	return ret;
}

/* What to do now that the locks are there; false: nothing. */
static bool claim(struct sriov_pf *pf, u16 *ret_num, bool *ret_requested)
{
	bool found = true;

	spin_lock(&pf->lock);
	if (pf->unbinding || pf->resetting) {
		found = false;
	} else if (pf->change == SRIOV_CHANGE_QUEUED) {
		pf->change = SRIOV_CHANGE_RUNNING;
		*ret_num = pf->change_num;
		*ret_requested = true;
	} else if (pf->deferred && removable(pf)) {
		*ret_num = 0;
		*ret_requested = false;
	} else {
		found = false;
	}
	pf->changing = found;
	spin_unlock(&pf->lock);
	return found;
}

static void finish(struct sriov_pf *pf, int result)
{
	spin_lock(&pf->lock);
	pf->change_result = result;
	pf->change = SRIOV_CHANGE_DONE;
	spin_unlock(&pf->lock);
	wake_up_all(&pf->wait);
}

/* When to come back, in jiffies, or 0 if there is nothing left to do. */
static unsigned long when_again(struct sriov_pf *pf)
{
	unsigned long delay = 0;

	spin_lock(&pf->lock);
	if (pf->change == SRIOV_CHANGE_QUEUED)
		delay = RETRY_LOCKED;
	else if (pf->deferred && removable(pf))
		delay = RETRY_USED;
	spin_unlock(&pf->lock);
	return delay;
}

/* Returns the delay before the next try. */
static unsigned long change(struct sriov_pf *pf)
{
	bool requested;
	u16 num_vfs;
	int ret;

	pci_lock_rescan_remove();
	if (!device_trylock(&pf->pdev->dev)) {
		pci_unlock_rescan_remove();
		return RETRY_LOCKED;
	}
	if (claim(pf, &num_vfs, &requested)) {
		ret = change_locked(pf, num_vfs);
		end_change(pf);
		if (requested)
			finish(pf, ret);
		else if (!ret)
			pci_info(pf->pdev, "deferred removal of VFs is done\n");
	}
	device_unlock(&pf->pdev->dev);
	pci_unlock_rescan_remove();
	return when_again(pf);
}

/* Anything to do that takes the PCI locks? A look, to spare taking them. */
static bool wanted(struct sriov_pf *pf)
{
	bool want;

	spin_lock(&pf->lock);
	want = !pf->unbinding && (pf->change == SRIOV_CHANGE_QUEUED ||
				  (pf->deferred && removable(pf)));
	spin_unlock(&pf->lock);
	return want;
}

void sriov_change_work(struct work_struct *work)
{
	struct sriov_pf *pf = container_of(to_delayed_work(work), struct sriov_pf, work);
	unsigned long delay = 0;

	if (wanted(pf))
		delay = change(pf);
	sriov_park_settle(pf->dev);
	if (delay)
		sriov_change_kick(pf, delay);
	put_device(&pf->dev->core.vdev.device);
}

static bool left_state(struct sriov_pf *pf, enum sriov_change_state state)
{
	bool left;

	spin_lock(&pf->lock);
	left = pf->change != state || (state == SRIOV_CHANGE_QUEUED && pf->unbinding);
	spin_unlock(&pf->lock);
	return left;
}

/* Take a queued request back. 0: too late, it has begun. */
static int call_off(struct sriov_pf *pf, long rc)
{
	int ret = 0;

	spin_lock(&pf->lock);
	if (pf->change == SRIOV_CHANGE_QUEUED) {
		pf->change = SRIOV_CHANGE_IDLE;
		ret = pf->unbinding ? -ENODEV : rc < 0 ? -EINTR : -ETIMEDOUT;
	}
	spin_unlock(&pf->lock);
	return ret;
}

static int take_result(struct sriov_pf *pf)
{
	int ret = -EINTR;

	spin_lock(&pf->lock);
	if (pf->change == SRIOV_CHANGE_DONE) {
		ret = pf->change_result;
		pf->change = SRIOV_CHANGE_IDLE;
	}
	spin_unlock(&pf->lock);
	return ret;
}

static int enqueue(struct sriov_pf *pf, u16 num_vfs)
{
	int ret = 0;

	spin_lock(&pf->lock);
	if (pf->unbinding) {
		ret = -ENODEV;
	} else {
		pf->change = SRIOV_CHANGE_QUEUED;
		pf->change_num = num_vfs;
	}
	spin_unlock(&pf->lock);
	return ret;
}

/**
 * sriov_change_request - the user wants @num_vfs VFs; wait for the outcome
 * @pf: the PF; its request_lock is held
 * @num_vfs: 0 to remove
 *
 * Return: what the change came to; -ENODEV if an unbind has begun,
 * -ETIMEDOUT if the PCI locks couldn't be had, -EINTR on a fatal signal (then
 * the change may still happen).
 */
int sriov_change_request(struct sriov_pf *pf, u16 num_vfs)
{
	long rc;
	int ret;

	/* a request whose thread was killed may still be running */
	rc = wait_event_killable(pf->wait, left_state(pf, SRIOV_CHANGE_RUNNING));
	if (rc)
		return -EINTR;
	ret = enqueue(pf, num_vfs);
	if (ret)
		return ret;
	sriov_change_kick(pf, 0);
	rc = wait_event_killable_timeout(pf->wait, left_state(pf, SRIOV_CHANGE_QUEUED),
					 START_TIMEOUT);
	ret = call_off(pf, rc);
	if (ret)
		return ret;
	if (wait_event_killable(pf->wait, left_state(pf, SRIOV_CHANGE_RUNNING)))
		return -EINTR;
	return take_result(pf);
}
