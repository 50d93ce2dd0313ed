// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: the group vfio_sriov under each bound PCI device. It stays while an
 * unbind is deferred, so that force can be written; for that it is made and
 * removed by hand, and no attribute takes the device lock.
 */
#include <linux/sysfs.h>

#include "driver.h"

static struct sriov_device *of(struct device *d)
{
	return container_of(dev_get_drvdata(d), struct sriov_device, core);
}

static ssize_t keep_alive_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_device *dev = of(d);

	return sysfs_emit(buf, "%d\n", READ_ONCE(dev->keep_alive));
}

static ssize_t keep_alive_store(struct device *d, struct device_attribute *attr, const char *buf,
				size_t count)
{
	struct sriov_device *dev = of(d);
	bool on;
	int ret = kstrtobool(buf, &on);

	if (ret)
		return ret;
	sriov_park_set_keep_alive(dev, on);
	if (!on)
		sriov_park_settle(dev);
	return count;
}
static DEVICE_ATTR_RW(keep_alive);

static ssize_t parked_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_device *dev = of(d);

	return sysfs_emit(buf, "%d\n", READ_ONCE(dev->parked) || READ_ONCE(dev->spared));
}
static DEVICE_ATTR_RO(parked);

static ssize_t parks_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_device *dev = of(d);

	return sysfs_emit(buf, "%d %d\n", atomic_read(&dev->parks), atomic_read(&dev->resumes));
}
static DEVICE_ATTR_RO(parks);

static ssize_t vf_token_store(struct device *d, struct device_attribute *attr, const char *buf,
			      size_t count)
{
	struct sriov_device *dev = of(d);
	uuid_t token;

	if (sysfs_streq(buf, "none")) {
		sriov_token_set(dev, NULL);
		return count;
	}
	if (count < UUID_STRING_LEN || uuid_parse(buf, &token) ||
	    !sysfs_streq(buf + UUID_STRING_LEN, ""))
		return -EINVAL;
	sriov_token_set(dev, &token);
	return count;
}
static DEVICE_ATTR_WO(vf_token);

static ssize_t max_vfs_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;

	return sysfs_emit(buf, "%u\n", READ_ONCE(pf->max_vfs));
}

static ssize_t max_vfs_store(struct device *d, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	struct sriov_pf *pf = of(d)->pf;
	u16 max_vfs;
	int ret = kstrtou16(buf, 0, &max_vfs);

	if (ret)
		return ret;
	if (max_vfs > pf->hw_total_vfs)
		return -ERANGE;
	spin_lock(&pf->lock);
	pf->max_vfs = max_vfs;
	spin_unlock(&pf->lock);
	return count;
}
static DEVICE_ATTR_RW(max_vfs);

static ssize_t force_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;

	return sysfs_emit(buf, "%d\n", READ_ONCE(pf->force));
}

static ssize_t force_store(struct device *d, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct sriov_pf *pf = of(d)->pf;
	bool force;
	int ret = kstrtobool(buf, &force);

	if (ret)
		return ret;
	spin_lock(&pf->lock);
	pf->force = force;
	spin_unlock(&pf->lock);
	pci_notice(pf->pdev, "held VFs are %s\n", force ? "not protected: force is set" :
							  "protected");
	wake_up_all(&pf->wait);
	sriov_change_kick(pf, 0);
	return count;
}
static DEVICE_ATTR_RW(force);

static ssize_t state_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;
	bool enabled;
	u16 vfs, held;
	bool deferred, unbinding;

	spin_lock(&pf->cap_lock);
	enabled = sriov_cap_vf_enabled(&pf->cap);
	spin_unlock(&pf->cap_lock);
	spin_lock(&pf->lock);
	vfs = pf->num_vfs;
	held = pf->num_held;
	deferred = pf->deferred;
	unbinding = pf->unbinding;
	spin_unlock(&pf->lock);
	return sysfs_emit(buf, "vf_enable=%d vfs=%u held=%u deferred=%d unbinding=%d\n", enabled,
			  vfs, held, deferred, unbinding);
}
static DEVICE_ATTR_RO(state);

static ssize_t requests_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;
	struct sriov_stats stats;

	spin_lock(&pf->lock);
	stats = pf->stats;
	spin_unlock(&pf->lock);
	return sysfs_emit(buf, "seen=%u granted=%u refused=%u\n", stats.requests, stats.granted,
			  stats.refused);
}
static DEVICE_ATTR_RO(requests);

static ssize_t last_refusal_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;
	struct sriov_stats stats;

	spin_lock(&pf->lock);
	stats = pf->stats;
	spin_unlock(&pf->lock);
	return sysfs_emit(buf, "action=%d why=%d error=%d: %s\n", stats.last_action,
			  stats.last_why, stats.last_error, sriov_why_name(stats.last_why));
}
static DEVICE_ATTR_RO(last_refusal);

/* The held VFs, as a list of numbers and ranges. */
static ssize_t holders_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct sriov_pf *pf = of(d)->pf;
	ssize_t len;

	down_read(&pf->slice_lock);
	len = sysfs_emit(buf, "%*pbl\n", pf->hw_total_vfs, pf->held);
	up_read(&pf->slice_lock);
	return len;
}
static DEVICE_ATTR_RO(holders);

static struct attribute *sriov_attrs[] = {
	&dev_attr_keep_alive.attr,
	&dev_attr_parked.attr,
	&dev_attr_parks.attr,
	&dev_attr_vf_token.attr,
	&dev_attr_max_vfs.attr,
	&dev_attr_force.attr,
	&dev_attr_state.attr,
	&dev_attr_requests.attr,
	&dev_attr_last_refusal.attr,
	&dev_attr_holders.attr,
	NULL,
};

static umode_t sriov_attr_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	struct sriov_device *dev = of(kobj_to_dev(kobj));

	if (attr == &dev_attr_keep_alive.attr || attr == &dev_attr_parked.attr ||
	    attr == &dev_attr_parks.attr)
		return attr->mode;
	if (attr == &dev_attr_vf_token.attr)
		return dev->pf ? 0 : attr->mode;
	return dev->pf ? attr->mode : 0;
}

static const struct attribute_group sriov_group = {
	.name = "vfio_sriov",
	.attrs = sriov_attrs,
	.is_visible = sriov_attr_visible,
};

int sriov_attributes_add(struct sriov_device *dev)
{
	return sysfs_create_group(&dev->core.pdev->dev.kobj, &sriov_group);
}

void sriov_attributes_remove(struct sriov_device *dev)
{
	sysfs_remove_group(&dev->core.pdev->dev.kobj, &sriov_group);
}
