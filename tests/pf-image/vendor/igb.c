// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for a vendor's out-of-tree PF driver: the in-tree driver's name, which
 * it must win over, the PF's ID, firmware of its own, SR-IOV. It moves no packet.
 */
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/pci.h>

#define FIRMWARE "pf-vendor-igb.fw"

static int vendor_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct firmware *fw;
	int ret;

	ret = request_firmware(&fw, FIRMWARE, &pdev->dev);
	if (ret)
		return ret;
	pci_info(pdev, "vendor driver, firmware: %.*s\n", (int)min_t(size_t, fw->size, 40),
		 fw->data);
	release_firmware(fw);
	return pcim_enable_device(pdev);
}

static void vendor_remove(struct pci_dev *pdev)
{
	pci_disable_sriov(pdev);
}

static const struct pci_device_id vendor_ids[] = { { PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10c9) },
						   {} };
MODULE_DEVICE_TABLE(pci, vendor_ids);

static struct pci_driver vendor_driver = {
	.name = "igb",
	.id_table = vendor_ids,
	.probe = vendor_probe,
	.remove = vendor_remove,
	.sriov_configure = pci_sriov_configure_simple,
};
module_pci_driver(vendor_driver);

MODULE_FIRMWARE(FIRMWARE);
MODULE_DESCRIPTION("A vendor's PF driver, for tests of pf-image");
MODULE_VERSION("vendor-1");
MODULE_LICENSE("GPL");
