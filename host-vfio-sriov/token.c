// SPDX-License-Identifier: GPL-2.0-only
/*
 * VF tokens. The kernel's token is one for all VFs of a PF, and the PF's user can
 * change it. Root can give a VF a token of its own (sysfs vf_token), which then
 * is the only one that opens it, and out of the PF user's reach.
 */
#include "driver.h"

#define TOKEN_ARG "vf_token="

/* 0 if @dev has no token of its own (then the core decides), 1 if @uuid is it. */
static int check_own(struct sriov_device *dev, const uuid_t *uuid)
{
	int ret = 0;

	spin_lock(&dev->token_lock);
	if (dev->has_token)
		ret = uuid && uuid_equal(uuid, &dev->token) ? 1 : -EACCES;
	spin_unlock(&dev->token_lock);
	if (ret == -EACCES)
		pci_info_ratelimited(dev->core.pdev, "open refused: %s the VF's own token\n",
				     uuid ? "not" : "needs");
	return ret;
}

#if SRIOV_HAS_MATCH_TOKEN_UUID
int sriov_token_match_uuid(struct vfio_device *core_vdev, const uuid_t *uuid)
{
	int ret = check_own(sriov_device(core_vdev), uuid);

	if (ret)
		return min(ret, 0);
	return vfio_pci_core_match_token_uuid(core_vdev, uuid);
}

int sriov_token_match(struct vfio_device *core_vdev, char *buf)
{
	return vfio_pci_core_match(core_vdev, buf);
}
#else
/*
 * "BDF vf_token=UUID" with nothing else; NULL otherwise. What the core makes of
 * other strings is the core's affair.
 */
static const uuid_t *parse_token(const char *buf, const char *name, uuid_t *uuid)
{
	buf = skip_spaces(buf + strlen(name));
	if (strncmp(buf, TOKEN_ARG, strlen(TOKEN_ARG)))
		return NULL;
	buf += strlen(TOKEN_ARG);
	if (strlen(buf) < UUID_STRING_LEN || uuid_parse(buf, uuid))
		return NULL;
	return *skip_spaces(buf + UUID_STRING_LEN) ? NULL : uuid;
}

int sriov_token_match(struct vfio_device *core_vdev, char *buf)
{
	struct sriov_device *dev = sriov_device(core_vdev);
	const char *name = pci_name(dev->core.pdev);
	size_t len = strlen(name);
	uuid_t uuid;
	int ret;

	if (strncmp(buf, name, len) || (buf[len] && buf[len] != ' '))
		return 0;
	ret = check_own(dev, parse_token(buf, name, &uuid));
	if (!ret)
		ret = vfio_pci_core_match(core_vdev, buf);
	if (ret > 0) {
		spin_lock(&dev->token_lock);
		sriov_proof_set(&dev->proof);
		spin_unlock(&dev->token_lock);
	}
	return ret;
}
#endif

/* Where the cdev path knows no token, a function that needs one isn't opened by it. */
int sriov_token_check_open(struct sriov_device *dev)
{
	bool proven, needed;

	spin_lock(&dev->token_lock);
	proven = sriov_proof_take(&dev->proof);
	needed = dev->has_token || dev->core.sriov_pf_core_dev;
	spin_unlock(&dev->token_lock);
	if (dev->pf)
		needed = READ_ONCE(dev->pf->num_held);
	if (proven || !needed)
		return 0;
	pci_info_ratelimited(dev->core.pdev,
			     "open refused: this kernel's cdev path carries no VF token\n");
	return -EACCES;
}

/* NULL: the PF's token is good enough again. */
void sriov_token_set(struct sriov_device *dev, const uuid_t *token)
{
	spin_lock(&dev->token_lock);
	dev->has_token = token;
	if (token)
		uuid_copy(&dev->token, token);
	else
		memset(&dev->token, 0, sizeof(dev->token));
	spin_unlock(&dev->token_lock);
}
