// SPDX-License-Identifier: GPL-2.0-only
/* What a PF is: its SR-IOV capability as the hardware has it, and our books. */
#include <linux/slab.h>

#include "driver.h"
#include "trace.h"

static const char *const why_names[] = {
	[VFIO_PCI_SRIOV_WHY_NONE] = "none",
	[VFIO_PCI_SRIOV_WHY_TOTAL] = "NumVFs above TotalVFs (PCIe 9.3.3.7)",
	[VFIO_PCI_SRIOV_WHY_LIMIT] = "NumVFs above the host's max_vfs",
	[VFIO_PCI_SRIOV_WHY_FROZEN] = "register frozen while VF_Enable is set (PCIe 9.3.3.3.1)",
	[VFIO_PCI_SRIOV_WHY_PAGE_SIZE] = "page size not supported (PCIe 9.3.3.13)",
	[VFIO_PCI_SRIOV_WHY_HELD] = "a VF is held",
	[VFIO_PCI_SRIOV_WHY_REMOVING] = "the device is being unbound",
	[VFIO_PCI_SRIOV_WHY_BUSY] = "the device is busy",
	[VFIO_PCI_SRIOV_WHY_HOST] = "the host could not create the VFs",
};

static const char *const action_names[] = {
	[VFIO_PCI_SRIOV_ACT_NONE] = "nothing",
	[VFIO_PCI_SRIOV_ACT_ENABLE] = "enabling VFs",
	[VFIO_PCI_SRIOV_ACT_DISABLE] = "disabling VFs",
	[VFIO_PCI_SRIOV_ACT_ADOPT] = "adopting VFs",
	[VFIO_PCI_SRIOV_ACT_NUM_VFS] = "setting NumVFs",
	[VFIO_PCI_SRIOV_ACT_PAGE_SIZE] = "setting System Page Size",
	[VFIO_PCI_SRIOV_ACT_RESET] = "reset",
};

const char *sriov_why_name(enum vfio_pci_sriov_why why)
{
	return why < ARRAY_SIZE(why_names) ? why_names[why] : "unknown";
}

/* One request of the user has been decided: count it, trace it, log a refusal. */
void sriov_pf_account(struct sriov_pf *pf, enum vfio_pci_sriov_action request,
		      enum vfio_pci_sriov_why why, int error)
{
	trace_sriov_request(pf->pdev, request, why, error);
	spin_lock(&pf->lock);
	pf->stats.requests++;
	if (why == VFIO_PCI_SRIOV_WHY_NONE) {
		pf->stats.granted++;
	} else {
		pf->stats.refused++;
		pf->stats.last_action = request;
		pf->stats.last_why = why;
		pf->stats.last_error = error;
	}
	spin_unlock(&pf->lock);
	if (why != VFIO_PCI_SRIOV_WHY_NONE)
		dev_warn_ratelimited(&pf->pdev->dev, "%s refused: %s (%d)\n", action_names[request],
				     sriov_why_name(why), error);
}

/* Something has changed that the user didn't do itself. */
void sriov_pf_notify(struct sriov_pf *pf)
{
	spin_lock(&pf->lock);
	if (pf->event)
		eventfd_signal(pf->event);
	spin_unlock(&pf->lock);
	wake_up_all(&pf->wait);
}

static void read_placement(struct sriov_pf *pf, u16 *ret_offset, u16 *ret_stride)
{
	pci_read_config_word(pf->pdev, pf->pos + PCI_SRIOV_VF_OFFSET, ret_offset);
	pci_read_config_word(pf->pdev, pf->pos + PCI_SRIOV_VF_STRIDE, ret_stride);
}

/*
 * A reference to VF @vf of the host, or NULL. The caller holds what keeps VFs
 * from coming and going, or takes the answer as one of the past.
 */
struct pci_dev *sriov_pf_get_vf(struct sriov_pf *pf, unsigned int vf)
{
	unsigned int rid;
	u16 offset, stride;

	read_placement(pf, &offset, &stride);
	rid = pci_dev_id(pf->pdev) + offset + stride * vf;
	return pci_get_domain_bus_and_slot(pci_domain_nr(pf->pdev->bus), (rid >> 8) & 0xff,
					   rid & 0xff);
}

/* The number of @vf, which exists. With one VF, VF Stride may be 0. */
unsigned int sriov_pf_vf_index(struct sriov_pf *pf, struct pci_dev *vf)
{
	u16 offset, stride;

	read_placement(pf, &offset, &stride);
	return stride ? (pci_dev_id(vf) - pci_dev_id(pf->pdev) - offset) / stride : 0;
}

/* The capability after a reset, or with the VFs that are the user's already. */
void sriov_pf_reset_image(struct sriov_pf *pf)
{
	struct sriov_cap_config config = pf->hardware;
	u16 num_vfs, max_vfs;
	bool deferred;

	spin_lock(&pf->lock);
	num_vfs = pf->num_vfs;
	max_vfs = pf->max_vfs;
	deferred = pf->deferred;
	spin_unlock(&pf->lock);

	config.total_vfs = max(max_vfs, num_vfs);
	spin_lock(&pf->cap_lock);
	/* can't fail: the same hardware passed at bind */
	if (!sriov_cap_init(&pf->cap, &config) && num_vfs && !deferred)
		sriov_cap_attach(&pf->cap, num_vfs);
	spin_unlock(&pf->cap_lock);
}

/*
 * VFs that have been live since before a live update: NumVFs can't be written
 * before they go, and what it would change isn't known until then.
 */
static void read_live_geometry(struct sriov_pf *pf)
{
	unsigned int n;
	u16 offset, stride;

	pf->num_vfs = pci_num_vf(pf->pdev);
	read_placement(pf, &offset, &stride);
	for (n = 0; n <= pf->hw_total_vfs; n++) {
		pf->geometry[n].offset = offset;
		pf->geometry[n].stride = stride;
	}
}

/*
 * First VF Offset and VF Stride for every NumVFs. The driver core holds the
 * device lock over probe and no VF exists, so that NumVFs is ours to write, as
 * it was the PCI core's when it found the device; it goes back to 0.
 */
static int read_geometry(struct sriov_pf *pf)
{
	struct pci_dev *pdev = pf->pdev;
	unsigned int n;

	pf->geometry = kvcalloc(pf->hw_total_vfs + 1, sizeof(*pf->geometry), GFP_KERNEL);
	if (!pf->geometry)
		return -ENOMEM;
	pf->hardware.geometry = pf->geometry;
	if (pci_num_vf(pdev)) {
		read_live_geometry(pf);
		return 0;
	}
	for (n = pf->hw_total_vfs + 1; n-- > 0;) {
		pci_write_config_word(pdev, pf->pos + PCI_SRIOV_NUM_VF, n);
		pci_read_config_word(pdev, pf->pos + PCI_SRIOV_VF_OFFSET, &pf->geometry[n].offset);
		pci_read_config_word(pdev, pf->pos + PCI_SRIOV_VF_STRIDE, &pf->geometry[n].stride);
	}
	return 0;
}

static void read_bars(struct sriov_pf *pf)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		const struct resource *res = &pf->pdev->resource[PCI_IOV_RESOURCES + i];
		struct sriov_cap_bar *bar = &pf->hardware.bars[i];

		if (!(res->flags & IORESOURCE_MEM) || !resource_size(res))
			continue;
		/* the PCI core reserves one BAR for each of TotalVFs */
		bar->size = div_u64(resource_size(res), pf->hw_total_vfs);
		bar->is_64bit = res->flags & IORESOURCE_MEM_64;
		bar->prefetch = res->flags & IORESOURCE_PREFETCH;
	}
}

static void read_capability(struct sriov_pf *pf)
{
	struct sriov_cap_config *hw = &pf->hardware;
	u16 ctrl;

	pci_read_config_dword(pf->pdev, pf->pos + PCI_SRIOV_CAP, &hw->caps);
	pci_read_config_word(pf->pdev, pf->pos + PCI_SRIOV_CTRL, &ctrl);
	pci_read_config_word(pf->pdev, pf->pos + PCI_SRIOV_TOTAL_VF, &pf->hw_total_vfs);
	pci_read_config_byte(pf->pdev, pf->pos + PCI_SRIOV_FUNC_LINK, &hw->func_link);
	pci_read_config_word(pf->pdev, pf->pos + PCI_SRIOV_VF_DID, &hw->vf_device_id);
	pci_read_config_dword(pf->pdev, pf->pos + PCI_SRIOV_SUP_PGSIZE, &hw->supported_page_sizes);
	hw->ari = ctrl & PCI_SRIOV_CTRL_ARI;
	hw->total_vfs = pf->hw_total_vfs;
}

/* The config bytes through which a user can reset the function (PCIe 7.5.3.4, AF). */
static void find_flr(struct sriov_pf *pf)
{
	u8 af = pci_find_capability(pf->pdev, PCI_CAP_ID_AF);

	pf->flr_byte[0] = pci_pcie_cap(pf->pdev) + PCI_EXP_DEVCTL + 1;
	pf->flr_bit[0] = PCI_EXP_DEVCTL_BCR_FLR >> 8;
	if (af) {
		pf->flr_byte[1] = af + PCI_AF_CTRL;
		pf->flr_bit[1] = PCI_AF_CTRL_FLR;
	}
}

static void init_locks(struct sriov_pf *pf)
{
	mutex_init(&pf->request_lock);
	spin_lock_init(&pf->cap_lock);
	init_rwsem(&pf->slice_lock);
	spin_lock_init(&pf->lock);
	init_waitqueue_head(&pf->wait);
	INIT_DELAYED_WORK(&pf->work, sriov_change_work);
}

static int init_hardware(struct sriov_pf *pf)
{
	int ret;

	read_capability(pf);
	read_bars(pf);
	find_flr(pf);
	memset32(pf->region_index, VFIO_PCI_SRIOV_NO_REGION, VFIO_PCI_SRIOV_NUM_BARS);
	pf->max_vfs = pf->hw_total_vfs;
	pf->held = bitmap_zalloc(pf->hw_total_vfs, GFP_KERNEL);
	if (!pf->held)
		return -ENOMEM;
	ret = read_geometry(pf);
	if (ret)
		return ret;
	ret = sriov_cap_init(&pf->cap, &pf->hardware);
	if (ret)
		pci_err(pf->pdev, "SR-IOV capability has impossible VF BARs or page sizes\n");
	return ret;
}

/* @dev is a PF without VFs, being bound. On failure, sriov_pf_free() cleans up. */
int sriov_pf_init(struct sriov_device *dev)
{
	struct sriov_pf *pf = kzalloc(sizeof(*pf), GFP_KERNEL);

	if (!pf)
		return -ENOMEM;
	dev->pf = pf;
	pf->dev = dev;
	pf->pdev = dev->core.pdev;
	pf->pos = pci_find_ext_capability(pf->pdev, PCI_EXT_CAP_ID_SRIOV);
	init_locks(pf);
	return init_hardware(pf);
}

void sriov_pf_free(struct sriov_device *dev)
{
	struct sriov_pf *pf = dev->pf;

	if (!pf)
		return;
	if (pf->event)
		eventfd_ctx_put(pf->event);
	kvfree(pf->geometry);
	bitmap_free(pf->held);
	kfree(pf);
	dev->pf = NULL;
}
