/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vfio-pci-sriov share. One file per feature:
 *
 *   main.c       lifecycle and the table of VFIO operations
 *   pf.c         what a PF is: its capability, its VF BARs, its accounting
 *   config.c     config space: the SR-IOV capability and resets in disguise
 *   change.c     creating and removing VFs
 *   hold.c       which VFs are held, and what that forbids
 *   park.c       open, close and keep-alive
 *   region.c     VF BARs as VFIO regions
 *   feature.c    VFIO_DEVICE_FEATURE
 *   token.c      VF tokens
 *   attributes.c sysfs
 *   sriov_cap.c  the capability's rules
 *
 * Locks, outermost first. "<" means: is taken before.
 *
 *   PCI rescan/remove < (try) device lock of the PF: change.c alone takes both,
 *     and never waits for the second with the first in hand. Everybody else
 *     comes with them held by the caller (sysfs, driver core).
 *   dev_set->lock: VFIO holds it over open and close; ours under it: parked,
 *     dying. Never taken with the PCI locks wanted under it.
 *   sriov_pf.request_lock: a user's config write from register to outcome.
 *   sriov_pf.slice_lock < sriov_pf.cap_lock < sriov_pf.lock (spinlocks both)
 *
 * A user's thread never waits for the PCI locks: an unbind may hold them and
 * wait for that very user. It leaves the work to a workqueue and waits for an
 * answer, an unbind, a timeout or a fatal signal, whichever comes first.
 */
#ifndef VFIO_PCI_SRIOV_DRIVER_H
#define VFIO_PCI_SRIOV_DRIVER_H

#include <linux/bitmap.h>
#include <linux/eventfd.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "sriov_cap.h"

#define SRIOV_DRIVER_NAME "vfio-pci-sriov"

struct sriov_pf;

/* Every function that is bound to the driver: PF or VF. */
struct sriov_device {
	struct vfio_pci_core_device core; /* first: drvdata points at it */
	struct sriov_pf *pf; /* for a PF */

	/* protected by core.vdev.dev_set->lock */
	bool parked; /* closed, but the core isn't told: all is as the last user left it */
	bool spared; /* closed, but not reset: that is owed */
	bool dying; /* being unbound: no open, no park */
	struct sriov_pf *holding; /* the PF whose VF this device's user holds */
	unsigned int index; /* of the VF, while holding */

	bool keep_alive; /* READ_ONCE: a bool that stands alone */
	atomic_t parks;
	atomic_t resumes;

	spinlock_t token_lock; /* protects the token fields */
	bool has_token;
	uuid_t token;
	struct sriov_proof proof;
};

/* Where a request for VFs stands between the user's thread and the worker. */
enum sriov_change_state {
	SRIOV_CHANGE_IDLE,
	SRIOV_CHANGE_QUEUED, /* the user's thread may still take it back */
	SRIOV_CHANGE_RUNNING, /* the worker has the PCI locks */
	SRIOV_CHANGE_DONE, /* the result waits for the user's thread */
};

struct sriov_stats {
	u32 requests;
	u32 granted;
	u32 refused;
	enum vfio_pci_sriov_action last_action;
	enum vfio_pci_sriov_why last_why;
	int last_error;
};

struct sriov_pf {
	struct sriov_device *dev;
	struct pci_dev *pdev;
	u16 pos; /* of the capability in config space */
	u16 hw_total_vfs;
	u16 flr_byte[2]; /* config bytes whose writes may reset the function; 0: none */
	u8 flr_bit[2];
	struct sriov_cap_config hardware;
	struct sriov_cap_geometry *geometry;

	struct mutex request_lock; /* one request of the user at a time */

	spinlock_t cap_lock; /* protects cap */
	struct sriov_cap cap;

	/* makes held VFs and live slices change against faults and accesses */
	struct rw_semaphore slice_lock;
	unsigned long *held; /* a bit for each VF */
	u16 live; /* slices below this one are live unless held */
	u32 region_index[VFIO_PCI_SRIOV_NUM_BARS]; /* set at the first open, then constant */

	spinlock_t lock; /* protects all below, but work */
	wait_queue_head_t wait; /* woken when any of it changes */
	u16 max_vfs;
	u16 num_vfs; /* VFs on the host; written with the device lock held, too */
	u16 num_held;
	bool bus_reset_barred; /* by somebody else than us */
	bool removing_vfs; /* VFs are going: none can be opened */
	bool unbinding;
	bool force; /* the operator's word: holders don't count */
	bool deferred; /* remove the VFs when none is held */
	unsigned int resetting; /* resets of the PF under way: VFs can't be opened */
	bool changing; /* VFs are being made or removed: the PF isn't reset or closed */
	enum sriov_change_state change;
	u16 change_num;
	int change_result;
	struct sriov_stats stats;
	struct eventfd_ctx *event;

	struct delayed_work work;
};

extern struct pci_driver sriov_pci_driver;

static inline struct sriov_device *sriov_device(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct sriov_device, core.vdev);
}

/* pf.c */
int sriov_pf_init(struct sriov_device *dev);
void sriov_pf_free(struct sriov_device *dev);
void sriov_pf_reset_image(struct sriov_pf *pf);
void sriov_pf_account(struct sriov_pf *pf, enum vfio_pci_sriov_action request,
		      enum vfio_pci_sriov_why why, int error);
void sriov_pf_notify(struct sriov_pf *pf);
struct pci_dev *sriov_pf_get_vf(struct sriov_pf *pf, unsigned int vf);
unsigned int sriov_pf_vf_index(struct sriov_pf *pf, struct pci_dev *vf);
const char *sriov_why_name(enum vfio_pci_sriov_why why);

/* change.c */
int sriov_change_init(void);
void sriov_change_exit(void);
void sriov_change_work(struct work_struct *work);
void sriov_change_kick(struct sriov_pf *pf, unsigned long delay);
void sriov_change_kick_again(struct sriov_pf *pf);
int sriov_change_by_host(struct sriov_pf *pf, u16 num_vfs);
int sriov_change_request(struct sriov_pf *pf, u16 num_vfs);
void sriov_change_unbind(struct sriov_pf *pf);

/* hold.c */
int sriov_hold_get(struct sriov_device *vf);
void sriov_hold_put(struct sriov_device *vf);
bool sriov_hold_elsewhere(struct sriov_pf *pf);
int sriov_hold_reset_begin(struct sriov_pf *pf);
void sriov_hold_reset_end(struct sriov_pf *pf);
void sriov_hold_wait_free(struct sriov_pf *pf);

/* park.c */
int sriov_park_open(struct vfio_device *core_vdev);
void sriov_park_close(struct vfio_device *core_vdev);
void sriov_park_settle(struct sriov_device *dev);
void sriov_park_end(struct sriov_device *dev);
void sriov_park_reset_unbound(struct sriov_device *dev);
void sriov_park_shutdown(struct pci_dev *pdev);
void sriov_park_set_keep_alive(struct sriov_device *dev, bool on);

/* config.c */
ssize_t sriov_config_read(struct vfio_device *core_vdev, char __user *buf, size_t count,
			  loff_t *ppos);
ssize_t sriov_config_write(struct vfio_device *core_vdev, const char __user *buf, size_t count,
			   loff_t *ppos);
long sriov_config_ioctl(struct vfio_device *core_vdev, unsigned int cmd, unsigned long arg);

/* region.c */
int sriov_region_add(struct sriov_pf *pf);
u32 sriov_region_index(struct sriov_pf *pf, unsigned int bar);
void sriov_region_update(struct sriov_pf *pf);
void sriov_region_stop(struct sriov_pf *pf);
void sriov_region_set_held(struct sriov_pf *pf, unsigned int vf, bool held);

/* feature.c */
int sriov_feature(struct vfio_device *core_vdev, u32 flags, void __user *arg, size_t argsz);

/* token.c */
int sriov_token_match(struct vfio_device *core_vdev, char *buf);
int sriov_token_match_uuid(struct vfio_device *core_vdev, const uuid_t *uuid);
int sriov_token_check_open(struct sriov_device *dev);
void sriov_token_set(struct sriov_device *dev, const uuid_t *token);

/* attributes.c */
int sriov_attributes_add(struct sriov_device *dev);
void sriov_attributes_remove(struct sriov_device *dev);

#endif /* VFIO_PCI_SRIOV_DRIVER_H */
