// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space as the PF's user sees it: the SR-IOV capability is ours, all
 * else is vfio-pci-core's, but for writes and ioctls that would reset the PF.
 */
#include <linux/uaccess.h>

#include "driver.h"
#include "trace.h"

/* A piece of a user's access to config space that one party serves. */
struct piece {
	char __user *buf;
	size_t count;
	loff_t pos; /* file position, region index included */
};

static bool is_config(loff_t pos)
{
	return VFIO_PCI_OFFSET_TO_INDEX(pos) == VFIO_PCI_CONFIG_REGION_INDEX;
}

/* Does [pos, pos + count) of config space meet [start, start + len)? */
static bool meets(loff_t pos, size_t count, unsigned int start, unsigned int len)
{
	u64 at = pos & VFIO_PCI_OFFSET_MASK;

	return at < start + len && at + count > start;
}

/*
 * Serve a user's access in pieces: what lies in [start, start + len) by @ours,
 * before and behind it by the core. Returns bytes done; an error only if none.
 */
static ssize_t serve(struct vfio_device *core_vdev, struct piece all, unsigned int start,
		     unsigned int len, loff_t *ppos,
		     ssize_t (*ours)(struct vfio_device *, const struct piece *),
		     ssize_t (*core)(struct vfio_device *, const struct piece *))
{
	ssize_t done = 0, ret;

	while (all.count) {
		u64 at = all.pos & VFIO_PCI_OFFSET_MASK;
		struct piece now = all;
		bool mine = at >= start && at < start + len;

		if (mine)
			now.count = min_t(u64, all.count, start + len - at);
		else if (at < start)
			now.count = min_t(u64, all.count, start - at);
		ret = mine ? ours(core_vdev, &now) : core(core_vdev, &now);
		if (ret <= 0)
			return done ? done : ret;
		done += ret;
		*ppos += ret;
		all.buf += ret;
		all.count -= ret;
		all.pos += ret;
	}
	return done;
}

static ssize_t core_read(struct vfio_device *core_vdev, const struct piece *piece)
{
	loff_t pos = piece->pos;

	return vfio_pci_core_read(core_vdev, piece->buf, piece->count, &pos);
}

static ssize_t core_write(struct vfio_device *core_vdev, const struct piece *piece)
{
	loff_t pos = piece->pos;

	return vfio_pci_core_write(core_vdev, piece->buf, piece->count, &pos);
}

/* The next naturally aligned piece of at most 4 bytes, as vfio-pci-core cuts. */
static unsigned int aligned_step(unsigned int offset, size_t left)
{
	if (!(offset & 3) && left >= 4)
		return 4;
	if (!(offset & 1) && left >= 2)
		return 2;
	return 1;
}

static ssize_t cap_read(struct vfio_device *core_vdev, const struct piece *piece)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	unsigned int offset = (piece->pos & VFIO_PCI_OFFSET_MASK) - pf->pos;
	size_t done = 0;

	while (done < piece->count) {
		unsigned int step = aligned_step(offset, piece->count - done);
		u32 value = 0;
		__le32 out;

		spin_lock(&pf->cap_lock);
		sriov_cap_read(&pf->cap, offset, step, &value);
		spin_unlock(&pf->cap_lock);
		out = cpu_to_le32(value);
		if (copy_to_user(piece->buf + done, &out, step))
			return -EFAULT;
		done += step;
		offset += step;
	}
	return done;
}

/* Why a change of the VFs failed, in the words of the uAPI. */
static enum vfio_pci_sriov_why why_of(int error)
{
	switch (error) {
	case 0:
		return VFIO_PCI_SRIOV_WHY_NONE;
	case -EBUSY:
		return VFIO_PCI_SRIOV_WHY_HELD;
	case -ENODEV:
		return VFIO_PCI_SRIOV_WHY_REMOVING;
	case -EAGAIN:
	case -ETIMEDOUT:
	case -EINTR:
		return VFIO_PCI_SRIOV_WHY_BUSY;
	default:
		return VFIO_PCI_SRIOV_WHY_HOST;
	}
}

static void set_deferred(struct sriov_pf *pf, bool deferred)
{
	spin_lock(&pf->lock);
	pf->deferred = deferred && pf->num_vfs;
	spin_unlock(&pf->lock);
}

static void do_enable(struct sriov_pf *pf, const struct sriov_cap_verdict *verdict)
{
	int ret = sriov_change_request(pf, verdict->num_vfs);

	spin_lock(&pf->cap_lock);
	sriov_cap_enable_done(&pf->cap, !ret);
	spin_unlock(&pf->cap_lock);
	/* VFs that were there already, by the host's hand, count as wanted now */
	if (!ret)
		set_deferred(pf, false);
	sriov_pf_account(pf, verdict->request, why_of(ret), -ret);
}

/*
 * VF_Enable reads 0 already. What can't be removed now is removed later: a held
 * VF when its holder lets go, a busy device when it isn't.
 */
static void do_disable(struct sriov_pf *pf, const struct sriov_cap_verdict *verdict)
{
	int ret = verdict->deferred ? -EBUSY : sriov_change_request(pf, 0);

	if (ret) {
		set_deferred(pf, true);
		sriov_change_kick(pf, 0);
		pci_info_ratelimited(pf->pdev, "removal of VFs deferred: %s\n",
				     sriov_why_name(why_of(ret)));
	}
	sriov_pf_account(pf, verdict->request, VFIO_PCI_SRIOV_WHY_NONE, 0);
}

/* The VFs that exist are the user's again, unless an unbind is taking them away. */
static void do_adopt(struct sriov_pf *pf, const struct sriov_cap_verdict *verdict)
{
	bool unbinding;

	spin_lock(&pf->lock);
	unbinding = pf->unbinding;
	if (!unbinding)
		pf->deferred = false;
	spin_unlock(&pf->lock);
	if (unbinding) {
		spin_lock(&pf->cap_lock);
		sriov_cap_enable_done(&pf->cap, false);
		spin_unlock(&pf->cap_lock);
	}
	sriov_pf_account(pf, verdict->request, why_of(unbinding ? -ENODEV : 0), 0);
}

static void obey(struct sriov_pf *pf, const struct sriov_cap_verdict *verdict)
{
	switch (verdict->todo) {
	case VFIO_PCI_SRIOV_ACT_ENABLE:
		do_enable(pf, verdict);
		break;
	case VFIO_PCI_SRIOV_ACT_DISABLE:
		do_disable(pf, verdict);
		break;
	case VFIO_PCI_SRIOV_ACT_ADOPT:
		do_adopt(pf, verdict);
		break;
	default:
		if (verdict->request != VFIO_PCI_SRIOV_ACT_NONE)
			sriov_pf_account(pf, verdict->request, verdict->why, 0);
	}
}

static void host_state(struct sriov_pf *pf, struct sriov_cap_host *ret_host)
{
	spin_lock(&pf->lock);
	ret_host->limit = pf->max_vfs;
	ret_host->num_vfs = pf->num_vfs;
	ret_host->held = pf->num_held && !pf->force;
	spin_unlock(&pf->lock);
}

/* One aligned piece; the request_lock is held. */
static void cap_write_one(struct sriov_pf *pf, unsigned int offset, unsigned int size, u32 value)
{
	struct sriov_cap_verdict verdict = {};
	struct sriov_cap_host host;

	trace_sriov_cap_write(pf->pdev, offset, size, value);
	host_state(pf, &host);
	spin_lock(&pf->cap_lock);
	sriov_cap_write(&pf->cap, offset, size, value, &host, &verdict);
	spin_unlock(&pf->cap_lock);
	sriov_region_update(pf);
	obey(pf, &verdict);
	sriov_region_update(pf);
}

static ssize_t cap_write(struct vfio_device *core_vdev, const struct piece *piece)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	unsigned int offset = (piece->pos & VFIO_PCI_OFFSET_MASK) - pf->pos;
	size_t done = 0;

	if (mutex_lock_killable(&pf->request_lock))
		return -EINTR;
	while (done < piece->count) {
		unsigned int step = aligned_step(offset, piece->count - done);
		__le32 in = 0;

		if (copy_from_user(&in, piece->buf + done, step))
			break;
		cap_write_one(pf, offset, step, le32_to_cpu(in));
		done += step;
		offset += step;
	}
	mutex_unlock(&pf->request_lock);
	return done ? done : -EFAULT;
}

/*
 * The user is about to reset the PF, which ends its VFs (PCIe 9.2.2.2): take
 * free ones away first, refuse while one is held. The request_lock is held;
 * end with sriov_hold_reset_end().
 */
static int reset_begin(struct sriov_pf *pf)
{
	struct sriov_cap_host host;
	int ret = 0;

	host_state(pf, &host);
	if (host.num_vfs && !host.held)
		ret = sriov_change_request(pf, 0);
	if (!ret)
		ret = sriov_hold_reset_begin(pf);
	sriov_pf_account(pf, VFIO_PCI_SRIOV_ACT_RESET, why_of(ret), -ret);
	return ret;
}

static void reset_end(struct sriov_pf *pf, bool done)
{
	sriov_hold_reset_end(pf);
	if (done) {
		sriov_pf_reset_image(pf);
		sriov_region_update(pf);
	}
}

/* The byte at @piece is one through which the function can be reset. */
static ssize_t flr_write(struct vfio_device *core_vdev, const struct piece *piece, u8 bit)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	ssize_t ret;
	u8 value;

	if (get_user(value, (u8 __user *)piece->buf))
		return -EFAULT;
	if (!(value & bit))
		return core_write(core_vdev, piece);
	if (mutex_lock_killable(&pf->request_lock))
		return -EINTR;
	ret = 1; /* refused: the byte is swallowed */
	if (!reset_begin(pf)) {
		ret = core_write(core_vdev, piece);
		reset_end(pf, ret > 0);
	}
	mutex_unlock(&pf->request_lock);
	return ret;
}

/* Outside the capability: up to the next byte that may reset, or that byte. */
static ssize_t guarded_write(struct vfio_device *core_vdev, const struct piece *piece)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	u64 at = piece->pos & VFIO_PCI_OFFSET_MASK;
	struct piece now = *piece;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pf->flr_byte); i++) {
		unsigned int flr = pf->flr_byte[i];

		if (!flr || flr < at || flr >= at + now.count)
			continue;
		if (flr == at) {
			now.count = 1;
			return flr_write(core_vdev, &now, pf->flr_bit[i]);
		}
		now.count = flr - at;
	}
	return core_write(core_vdev, &now);
}

ssize_t sriov_config_read(struct vfio_device *core_vdev, char __user *buf, size_t count,
			  loff_t *ppos)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	struct piece all = { buf, count, *ppos };

	if (!pf || !is_config(*ppos) ||
	    !meets(*ppos, count, pf->pos + SRIOV_CAP_CAPS, SRIOV_CAP_END - SRIOV_CAP_CAPS))
		return vfio_pci_core_read(core_vdev, buf, count, ppos);
	return serve(core_vdev, all, pf->pos + SRIOV_CAP_CAPS, SRIOV_CAP_END - SRIOV_CAP_CAPS,
		     ppos, cap_read, core_read);
}

static bool needs_care(const struct sriov_pf *pf, loff_t pos, size_t count)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pf->flr_byte); i++)
		if (pf->flr_byte[i] && meets(pos, count, pf->flr_byte[i], 1))
			return true;
	return meets(pos, count, pf->pos + SRIOV_CAP_CAPS, SRIOV_CAP_END - SRIOV_CAP_CAPS);
}

ssize_t sriov_config_write(struct vfio_device *core_vdev, const char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct sriov_pf *pf = sriov_device(core_vdev)->pf;
	struct piece all = { (char __user *)buf, count, *ppos };

	if (!pf || !is_config(*ppos) || !needs_care(pf, *ppos, count))
		return vfio_pci_core_write(core_vdev, buf, count, ppos);
	return serve(core_vdev, all, pf->pos + SRIOV_CAP_CAPS, SRIOV_CAP_END - SRIOV_CAP_CAPS,
		     ppos, cap_write, guarded_write);
}

static long reset_ioctl(struct sriov_device *dev, unsigned int cmd, unsigned long arg)
{
	struct sriov_pf *pf = dev->pf;
	long ret;

	if (mutex_lock_killable(&pf->request_lock))
		return -EINTR;
	ret = reset_begin(pf);
	if (!ret) {
		ret = vfio_pci_core_ioctl(&dev->core.vdev, cmd, arg);
		reset_end(pf, !ret);
	}
	mutex_unlock(&pf->request_lock);
	return ret;
}

long sriov_config_ioctl(struct vfio_device *core_vdev, unsigned int cmd, unsigned long arg)
{
	struct sriov_device *dev = sriov_device(core_vdev);

	if (dev->pf && (cmd == VFIO_DEVICE_RESET || cmd == VFIO_DEVICE_PCI_HOT_RESET))
		return reset_ioctl(dev, cmd, arg);
	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}
