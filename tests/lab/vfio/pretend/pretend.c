// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host: while it is loaded, the kernel takes the function @bdf for one
 * by Intel with the device ID @id. No emulated device is in vfio-pci's denylist, and
 * drivers ask pci_dev, not the hardware, what a function is.
 */
#include <linux/module.h>
#include <linux/pci.h>

static char *bdf = "";
module_param(bdf, charp, 0444);
static ushort id;
module_param(id, ushort, 0444);

static struct pci_dev *pdev;
static unsigned short was_vendor, was_device;

static int __init pretend_init(void)
{
	unsigned int domain, bus, slot, fn;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, fn));
	if (!pdev)
		return -ENODEV;
	was_vendor = pdev->vendor;
	was_device = pdev->device;
	pdev->vendor = PCI_VENDOR_ID_INTEL;
	pdev->device = id;
	return 0;
}
module_init(pretend_init);

static void __exit pretend_exit(void)
{
	pdev->vendor = was_vendor;
	pdev->device = was_device;
	pci_dev_put(pdev);
}
module_exit(pretend_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Another identity for a PCI function");
