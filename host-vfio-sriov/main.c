// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci-sriov: a VFIO variant driver that gives the user of a physical
 * function its SR-IOV capability, without the host's addresses and without the
 * VFs that others hold. It binds PFs by driver_override and the VFs that they
 * make by itself. Lifecycle and operations; driver.h has the map of the rest.
 */
#include <linux/module.h>
#include <linux/pci_ids.h>
#include <linux/pm_runtime.h>

#include "driver.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int sriov_init_dev(struct vfio_device *core_vdev)
{
	struct sriov_device *dev = sriov_device(core_vdev);
	int ret;

	spin_lock_init(&dev->token_lock);
	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret || dev->core.pdev->is_virtfn)
		return ret;
	ret = sriov_pf_init(dev);
	if (ret) {
		sriov_pf_free(dev);
		vfio_pci_core_release_dev(core_vdev);
	}
	return ret;
}

static void sriov_release_dev(struct vfio_device *core_vdev)
{
	sriov_pf_free(sriov_device(core_vdev));
	vfio_pci_core_release_dev(core_vdev);
}

static const struct vfio_device_ops sriov_ops = {
	/* also the driver_override that the core gives to VFs */
	.name = SRIOV_DRIVER_NAME,
	.init = sriov_init_dev,
	.release = sriov_release_dev,
	.open_device = sriov_park_open,
	.close_device = sriov_park_close,
	.ioctl = sriov_config_ioctl,
	SRIOV_OPS_REGION_INFO
	.device_feature = sriov_feature,
	.read = sriov_config_read,
	.write = sriov_config_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = sriov_token_match,
	SRIOV_OPS_TOKEN
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	SRIOV_OPS_PASID
};

/* Functions that vfio-pci refuses by default: not safe in a user's hands. */
static const struct pci_device_id denylist[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

/* Why @pdev isn't for this driver, or NULL. */
static const char *unfit(struct pci_dev *pdev)
{
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return "a bridge";
	if (pci_match_id(denylist, pdev))
		return "in vfio-pci's denylist";
	if (pdev->is_virtfn)
		return IS_ERR(pci_iov_get_pf_drvdata(pdev, &sriov_pci_driver)) ?
			       "a VF whose PF isn't bound to this driver" : NULL;
	if (!pdev->is_physfn)
		return "a function without a usable SR-IOV capability";
	if (pci_num_vf(pdev) && !sriov_compat_is_live(pdev))
		return "a PF whose VFs exist already";
	return NULL;
}

/*
 * A VF in D3hot answers no memory request, and the PF's user may look into an
 * idle one's BARs: VFs stay in D0 while bound. (A VF has no power to save.) Taken
 * before the core's own reference is dropped, so that there is nothing to resume.
 */
static void keep_awake(struct pci_dev *pdev, bool on)
{
	if (!pdev->is_virtfn)
		return;
	if (on)
		pm_runtime_get_noresume(&pdev->dev);
	else
		pm_runtime_put_noidle(&pdev->dev);
}

static int sriov_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const char *why = unfit(pdev);
	struct sriov_device *dev;
	int ret;

	if (why) {
		pci_err(pdev, "not bound: this is %s\n", why);
		return -ENODEV;
	}
	dev = vfio_alloc_device(sriov_device, core.vdev, &pdev->dev, &sriov_ops);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	/* As it was in the kernel before: else its first open would reset it. */
	dev->keep_alive = sriov_compat_is_live(pdev);
	dev_set_drvdata(&pdev->dev, &dev->core);
	sriov_compat_set_pci_ops(&dev->core);
	keep_awake(pdev, true);
	ret = vfio_pci_core_register_device(&dev->core);
	if (ret)
		goto err_put;
	ret = sriov_attributes_add(dev);
	if (ret)
		goto err_unregister;
	return 0;

err_unregister:
	vfio_pci_core_unregister_device(&dev->core);
err_put:
	keep_awake(pdev, false);
	vfio_put_device(&dev->core.vdev);
	return ret;
}

static void sriov_remove(struct pci_dev *pdev)
{
	struct sriov_device *dev = container_of(pci_get_drvdata(pdev), struct sriov_device, core);

	if (dev->pf) {
		sriov_change_unbind(dev->pf);
		sriov_hold_wait_free(dev->pf);
	}
	sriov_attributes_remove(dev);
	sriov_park_end(dev);
	vfio_pci_core_unregister_device(&dev->core);
	sriov_park_reset_unbound(dev);
	keep_awake(pdev, false);
	vfio_put_device(&dev->core.vdev);
}

/* sriov_numvfs: the operator's hand. Both PCI locks are held. */
static int sriov_configure(struct pci_dev *pdev, int num_vfs)
{
	struct sriov_device *dev = container_of(pci_get_drvdata(pdev), struct sriov_device, core);
	struct sriov_pf *pf = dev->pf;
	int ret;

	if (!pf)
		return -ENOENT;
	ret = sriov_change_by_host(pf, num_vfs);
	if (ret == -EBUSY)
		pci_warn(pdev, "sriov_numvfs refused: a VF is held; vfio_sriov/force overrides\n");
	if (ret)
		return ret;
	if (!num_vfs) {
		spin_lock(&pf->cap_lock);
		sriov_cap_detach(&pf->cap);
		spin_unlock(&pf->cap_lock);
	}
	return num_vfs;
}

/*
 * No MODULE_DEVICE_TABLE: the alias would match every function, and libvirt would
 * take this driver for any of them. It is named by whoever wants it.
 */
static const struct pci_device_id sriov_id_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

struct pci_driver sriov_pci_driver = {
	.name = SRIOV_DRIVER_NAME,
	.id_table = sriov_id_table,
	.probe = sriov_probe,
	.remove = sriov_remove,
	.shutdown = sriov_park_shutdown,
	.sriov_configure = sriov_configure,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};

static int __init sriov_module_init(void)
{
	int ret = sriov_change_init();

	if (ret)
		return ret;
	ret = pci_register_driver(&sriov_pci_driver);
	if (ret)
		sriov_change_exit();
	return ret;
}
module_init(sriov_module_init);

static void __exit sriov_module_exit(void)
{
	pci_unregister_driver(&sriov_pci_driver);
	sriov_change_exit();
}
module_exit(sriov_module_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("pfkeep");
MODULE_DESCRIPTION("VFIO variant driver: SR-IOV for the user of a physical function");
