// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VF BARs as regions of the PF's VFIO device: one region for each, a slice
 * for each VF. A slice is live while the user's VF_Enable and VF_MSE are set, its
 * VF exists and is not held; mappings of a slice that dies are taken away before
 * the VF's opener gets on.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "driver.h"
#include "trace.h"

struct vf_bar_region {
	struct sriov_pf *pf;
	unsigned int bar;
	u64 stride;
};

/* Under slice_lock. */
static bool slice_live(const struct sriov_pf *pf, u64 slice)
{
	return slice < pf->live && !test_bit(slice, pf->held);
}

static phys_addr_t aperture(const struct vf_bar_region *region)
{
	return pci_resource_start(region->pf->pdev, PCI_IOV_RESOURCES + region->bar);
}

/* Take away the mappings of slices @first to @first + @num - 1 of every region. */
static void zap(struct sriov_pf *pf, u64 first, u64 num)
{
	struct vfio_pci_core_device *core = &pf->dev->core;
	unsigned int i;

	lockdep_assert_held_write(&pf->slice_lock);
	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		u32 index = sriov_region_index(pf, i);
		u64 stride = pf->hardware.bars[i].size;

		if (index == VFIO_PCI_SRIOV_NO_REGION || !num)
			continue;
		unmap_mapping_range(core->vdev.inode->i_mapping,
				    VFIO_PCI_INDEX_TO_OFFSET(index) + first * stride,
				    num * stride, true);
	}
}

static void set_live(struct sriov_pf *pf, u16 live)
{
	u16 before = pf->live;

	pf->live = live;
	if (live < before)
		zap(pf, live, before - live);
}

/* The user's bits or the VFs on the host have changed. */
void sriov_region_update(struct sriov_pf *pf)
{
	u16 live = 0;

	down_write(&pf->slice_lock);
	spin_lock(&pf->cap_lock);
	spin_lock(&pf->lock);
	if (sriov_cap_vf_memory(&pf->cap) && !pf->removing_vfs)
		live = min(pf->num_vfs, sriov_cap_num_vfs(&pf->cap));
	spin_unlock(&pf->lock);
	spin_unlock(&pf->cap_lock);
	set_live(pf, live);
	up_write(&pf->slice_lock);
}

/* The VFs go, or the user does: no slice is live any more. */
void sriov_region_stop(struct sriov_pf *pf)
{
	down_write(&pf->slice_lock);
	set_live(pf, 0);
	up_write(&pf->slice_lock);
}

void sriov_region_set_held(struct sriov_pf *pf, unsigned int vf, bool held)
{
	if (vf >= pf->hw_total_vfs)
		return;
	down_write(&pf->slice_lock);
	if (held) {
		set_bit(vf, pf->held);
		zap(pf, vf, 1);
	} else {
		clear_bit(vf, pf->held);
	}
	up_write(&pf->slice_lock);
}

static void read_io(void __iomem *io, size_t count, u8 *val)
{
	if (count == 8)
		*(u64 *)val = readq(io);
	else if (count == 4)
		*(u32 *)val = readl(io);
	else if (count == 2)
		*(u16 *)val = readw(io);
	else
		*val = readb(io);
}

static void write_io(void __iomem *io, size_t count, const u8 *val)
{
	if (count == 8)
		writeq(*(u64 *)val, io);
	else if (count == 4)
		writel(*(u32 *)val, io);
	else if (count == 2)
		writew(*(u16 *)val, io);
	else
		writeb(*val, io);
}

/*
 * Slow on purpose: the aperture may be far larger than what is worth mapping,
 * and mmap is there for those in a hurry. Under slice_lock.
 */
static int access_slice(const struct vf_bar_region *region, u64 at, size_t count, u8 *val,
			bool write)
{
	void __iomem *io;

	if (!slice_live(region->pf, div64_u64(at, region->stride)))
		return -EBUSY;
	io = ioremap(aperture(region) + at, count);
	if (!io)
		return -ENOMEM;
	if (write)
		write_io(io, count, val);
	else
		read_io(io, count, val);
	iounmap(io);
	return 0;
}

static ssize_t region_rw(struct vfio_pci_core_device *core, char __user *buf, size_t count,
			 loff_t *ppos, bool iswrite)
{
	unsigned int i = VFIO_PCI_OFFSET_TO_INDEX(*ppos) - VFIO_PCI_NUM_REGIONS;
	const struct vf_bar_region *region = core->region[i].data;
	u64 at = *ppos & VFIO_PCI_OFFSET_MASK;
	u8 val[8] __aligned(8);
	int ret;

	if (count != 1 && count != 2 && count != 4 && count != 8)
		return -EINVAL;
	if (at & (count - 1) || at >= core->region[i].size)
		return -EINVAL;
	if (iswrite && copy_from_user(val, buf, count))
		return -EFAULT;
	down_read(&region->pf->slice_lock);
	ret = access_slice(region, at, count, val, iswrite);
	up_read(&region->pf->slice_lock);
	if (ret)
		return ret;
	if (!iswrite && copy_to_user(buf, val, count))
		return -EFAULT;
	*ppos += count;
	return count;
}

static vm_fault_t region_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vf_bar_region *region = vma->vm_private_data;
	u64 at = ((u64)vmf->pgoff << PAGE_SHIFT) & VFIO_PCI_OFFSET_MASK;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&region->pf->slice_lock);
	if (slice_live(region->pf, div64_u64(at, region->stride)))
		ret = vmf_insert_pfn(vma, vmf->address, (aperture(region) + at) >> PAGE_SHIFT);
	up_read(&region->pf->slice_lock);
	return ret;
}

static const struct vm_operations_struct region_vm_ops = {
	.fault = region_fault,
};

/* Whole pages of one slice never lie in another: a stride has whole pages. */
static int region_mmap(struct vfio_pci_core_device *core, struct vfio_pci_region *vfio_region,
		       struct vm_area_struct *vma)
{
	u64 at = ((u64)vma->vm_pgoff << PAGE_SHIFT) & VFIO_PCI_OFFSET_MASK;
	u64 len = vma->vm_end - vma->vm_start;

	if (at + len < at || at + len > vfio_region->size)
		return -EINVAL;
	vma->vm_private_data = vfio_region->data;
	vma->vm_page_prot = pgprot_decrypted(pgprot_noncached(vma->vm_page_prot));
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &region_vm_ops;
	return 0;
}

static int region_add_capability(struct vfio_pci_core_device *core,
				 struct vfio_pci_region *vfio_region, struct vfio_info_cap *caps)
{
	const struct vf_bar_region *region = vfio_region->data;
	struct vfio_region_info_cap_sriov_vf_bar cap = {
		.header.id = VFIO_REGION_INFO_CAP_SRIOV_VF_BAR,
		.header.version = 1,
		.bar = region->bar,
		.slices = region->pf->hw_total_vfs,
		.stride = region->stride,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static void region_release(struct vfio_pci_core_device *core, struct vfio_pci_region *vfio_region)
{
	kfree(vfio_region->data);
}

static const struct vfio_pci_regops region_ops = {
	.rw = region_rw,
	.mmap = region_mmap,
	.release = region_release,
	.add_capability = region_add_capability,
};

static int add_one(struct sriov_pf *pf, unsigned int bar)
{
	struct vfio_pci_core_device *core = &pf->dev->core;
	u64 stride = pf->hardware.bars[bar].size;
	u32 flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct vf_bar_region *region;
	int ret;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->pf = pf;
	region->bar = bar;
	region->stride = stride;
	if (IS_ALIGNED(stride, PAGE_SIZE))
		flags |= VFIO_REGION_INFO_FLAG_MMAP;
	ret = vfio_pci_core_register_dev_region(core, VFIO_REGION_TYPE_PCI_SRIOV,
						VFIO_REGION_SUBTYPE_PCI_SRIOV_VF_BAR, &region_ops,
						stride * pf->hw_total_vfs, flags, region);
	if (ret) {
		kfree(region);
		return ret;
	}
	WRITE_ONCE(pf->region_index[bar], VFIO_PCI_NUM_REGIONS + core->num_regions - 1);
	return 0;
}

/* While the core enables the PF; the core lets the regions go when it disables. */
int sriov_region_add(struct sriov_pf *pf)
{
	unsigned int i;
	int ret;

	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		/* no address, no aperture: such a PF can't have VFs either */
		if (!pf->hardware.bars[i].size ||
		    !pf->pdev->resource[PCI_IOV_RESOURCES + i].parent)
			continue;
		ret = add_one(pf, i);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * The index of VF BAR @bar's region, as VFIO counts. It is the same at every open,
 * so that it can be looked up without a glance at the core's array, which an open
 * or close may be changing.
 */
u32 sriov_region_index(struct sriov_pf *pf, unsigned int bar)
{
	return READ_ONCE(pf->region_index[bar]);
}
