// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/number.h"
#include "pfkeep/pci.h"

const char *pci_path(const struct bdf *bdf, const char *attr, char dst[static PCI_ATTR_PATH])
{
	char text[BDF_TEXT];

	snprintf(dst, PCI_ATTR_PATH, PCI_DEVICES "/%s/%s", bdf_format(bdf, text), attr);
	return dst;
}

static int read_number(const struct root *root, const struct bdf *bdf, const char *attr,
		       uint64_t max, uint64_t *ret_value)
{
	char path[PCI_ATTR_PATH];

	return root_read_number(root, pci_path(bdf, attr, path), max, ret_value);
}

/* A link that isn't there leaves the name empty. */
static int read_link(const struct root *root, const struct bdf *bdf, const char *attr,
		     char *ret_name, size_t size)
{
	char path[PCI_ATTR_PATH];
	int ret;

	ret = root_link(root, pci_path(bdf, attr, path), ret_name, size);
	if (ret == -ENOENT) {
		ret_name[0] = '\0';
		return 0;
	}
	return ret;
}

static int read_group(const struct root *root, const struct bdf *bdf, int *ret_group)
{
	char name[PCI_NAME];
	uint64_t group;
	int ret;

	*ret_group = PCI_NO_GROUP;
	ret = read_link(root, bdf, "iommu_group", name, sizeof(name));
	if (ret || !*name)
		return ret;
	ret = number_parse(name, INT32_MAX, &group);
	if (!ret)
		*ret_group = (int)group;
	return ret;
}

int pci_read_function(const struct root *root, const struct bdf *bdf,
		      struct pci_function *ret_function)
{
	struct pci_function fn = { .bdf = *bdf };
	uint64_t vendor, device, type;
	int ret;

	if ((ret = read_number(root, bdf, "vendor", UINT16_MAX, &vendor)) ||
	    (ret = read_number(root, bdf, "device", UINT16_MAX, &device)) ||
	    (ret = read_number(root, bdf, "class", 0xffffff, &type)) ||
	    (ret = read_group(root, bdf, &fn.group)) ||
	    (ret = read_link(root, bdf, "driver", fn.driver, sizeof(fn.driver))))
		return ret == -ENOENT ? -ENODEV : ret;
	fn.vendor = (uint16_t)vendor;
	fn.device = (uint16_t)device;
	fn.class = (uint32_t)type;
	*ret_function = fn;
	return 0;
}

/* BDF of VF number index of a PF; -ENOENT if the link isn't there. */
static int read_virtfn(const struct root *root, const struct bdf *pf, unsigned int index,
		       struct bdf *ret_vf)
{
	char attr[24], path[PCI_ATTR_PATH], name[PCI_NAME];
	int ret;

	snprintf(attr, sizeof(attr), "virtfn%u", index);
	ret = root_link(root, pci_path(pf, attr, path), name, sizeof(name));
	return ret ? ret : bdf_parse(name, ret_vf);
}

/*
 * The kernel gives all VFs of a PF the IDs and the class of the first one, so what
 * is read of the others is what may differ.
 */
static int read_vf(const struct root *root, const struct pci_pf *pf, const struct bdf *bdf,
		   struct pci_function *ret_fn)
{
	char path[PCI_ATTR_PATH];
	int ret;

	if (!pf->n_vfs)
		return pci_read_function(root, bdf, ret_fn);
	*ret_fn = pf->vfs[0].fn;
	ret_fn->bdf = *bdf;
	ret = read_group(root, bdf, &ret_fn->group);
	if (!ret)
		ret = read_link(root, bdf, "driver", ret_fn->driver, sizeof(ret_fn->driver));
	/* Without a group it may be that there is no VF any more. */
	if (!ret && ret_fn->group == PCI_NO_GROUP &&
	    !root_exists(root, pci_path(bdf, "vendor", path)))
		return -ENODEV;
	return ret;
}

static int read_vfs(const struct root *root, struct pci_pf *pf)
{
	int ret;
	if (!pf->num_vfs)
		return 0;
	pf->vfs = calloc(pf->num_vfs, sizeof(*pf->vfs));
	if (!pf->vfs)
		return -ENOMEM;
	for (unsigned int i = 0; i < pf->num_vfs; i++) {
		struct pci_vf *vf = &pf->vfs[pf->n_vfs];
		struct bdf bdf;

		ret = read_virtfn(root, &pf->fn.bdf, i, &bdf);
		if (!ret)
			ret = read_vf(root, pf, &bdf, &vf->fn);
		/* The kernel adds and removes VFs while we look. */
		if (ret == -ENOENT || ret == -ENODEV)
			continue;
		if (ret)
			return ret;
		vf->index = (uint16_t)i;
		pf->n_vfs++;
	}
	return 0;
}

int pci_read_pf(const struct root *root, const struct bdf *bdf, struct pci_pf *ret_pf,
		struct problem *problem)
{
	struct pci_pf pf = { 0 };
	char name[BDF_TEXT];
	uint64_t total, num;
	int ret;

	bdf_format(bdf, name);
	ret = pci_read_function(root, bdf, &pf.fn);
	if (ret == -ENODEV)
		return problem_set(problem, ret, "%s: no such PCI function", name);
	if (ret)
		return problem_set(problem, ret, "%s: can't be read: %s", name, strerror(-ret));
	ret = read_number(root, bdf, "sriov_totalvfs", UINT16_MAX, &total);
	if (ret == -ENOENT)
		return problem_set(problem, -ENOTSUP, "%s: has no SR-IOV capability, it isn't a PF",
				   name);
	if (!ret)
		ret = read_number(root, bdf, "sriov_numvfs", total, &num);
	if (!ret) {
		pf.total_vfs = (uint16_t)total;
		pf.num_vfs = (uint16_t)num;
		ret = read_vfs(root, &pf);
	}
	if (ret) {
		pci_pf_release(&pf);
		return problem_set(problem, ret, "%s: its SR-IOV attributes can't be read: %s",
				   name, strerror(-ret));
	}
	*ret_pf = pf;
	return 0;
}

void pci_pf_release(struct pci_pf *pf)
{
	free(pf->vfs);
	pf->vfs = NULL;
	pf->n_vfs = 0;
}

static int compare_pfs(const void *a, const void *b)
{
	return bdf_compare(&((const struct pci_pf *)a)->fn.bdf,
			   &((const struct pci_pf *)b)->fn.bdf);
}

static int append_pf(struct pci_inventory *inventory, const struct pci_pf *pf)
{
	struct pci_pf *pfs;

	pfs = reallocarray(inventory->pfs, inventory->n_pfs + 1, sizeof(*pfs));
	if (!pfs)
		return -ENOMEM;
	inventory->pfs = pfs;
	inventory->pfs[inventory->n_pfs++] = *pf;
	return 0;
}

/* Add the function to the inventory if it is a PF. */
static int consider(const struct root *root, const char *name, struct pci_inventory *inventory,
		    struct problem *problem)
{
	char path[PCI_ATTR_PATH];
	struct pci_pf pf;
	struct bdf bdf;
	int ret;

	if (bdf_parse(name, &bdf) || !root_exists(root, pci_path(&bdf, "sriov_totalvfs", path)))
		return 0;
	ret = pci_read_pf(root, &bdf, &pf, problem);
	if (ret == -ENODEV || ret == -ENOTSUP)
		return 0;
	if (ret)
		return ret;
	ret = append_pf(inventory, &pf);
	if (ret)
		pci_pf_release(&pf);
	return ret;
}

int pci_read_all(const struct root *root, struct pci_inventory *ret_inventory,
		 struct problem *problem)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct pci_inventory inventory = { 0 };
	struct dirent *entry;
	int ret;

	ret = root_opendir(root, PCI_DEVICES, &dir);
	if (ret)
		return problem_set(problem, ret, "/" PCI_DEVICES ": %s", strerror(-ret));
	while ((errno = 0, entry = readdir(dir))) {
		ret = consider(root, entry->d_name, &inventory, problem);
		if (ret)
			goto fail;
	}
	if (errno) {
		ret = problem_set(problem, -errno, "/" PCI_DEVICES ": %s", strerror(errno));
		goto fail;
	}
	if (inventory.n_pfs)
		qsort(inventory.pfs, inventory.n_pfs, sizeof(*inventory.pfs), compare_pfs);
	*ret_inventory = inventory;
	return 0;
fail:
	pci_inventory_release(&inventory);
	return ret;
}

void pci_inventory_release(struct pci_inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_pfs; i++)
		pci_pf_release(&inventory->pfs[i]);
	free(inventory->pfs);
	*inventory = (struct pci_inventory){ 0 };
}

/* The VF knows its PF, the PF knows which number it gave it. */
static int find_index(const struct root *root, const struct bdf *pf, const struct bdf *vf,
		      uint16_t *ret_index)
{
	uint64_t num;
	struct bdf bdf;
	int ret;

	ret = read_number(root, pf, "sriov_numvfs", UINT16_MAX, &num);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < num; i++) {
		if (read_virtfn(root, pf, i, &bdf) || !bdf_equal(&bdf, vf))
			continue;
		*ret_index = (uint16_t)i;
		return 0;
	}
	return -ENODEV;
}

static int resolve_by_bdf(const struct root *root, const struct bdf *vf, struct bdf *ret_pf,
			  uint16_t *ret_index, struct problem *problem)
{
	char path[PCI_ATTR_PATH], name[PCI_NAME], text[BDF_TEXT];
	struct bdf pf;
	int ret;

	bdf_format(vf, text);
	if (!root_exists(root, pci_path(vf, "vendor", path)))
		return problem_set(problem, -ENODEV, "%s: no such PCI function", text);
	ret = root_link(root, pci_path(vf, "physfn", path), name, sizeof(name));
	if (ret == -ENOENT)
		return problem_set(problem, -ENOTSUP, "%s: isn't a VF", text);
	if (!ret)
		ret = bdf_parse(name, &pf);
	if (!ret)
		ret = find_index(root, &pf, vf, ret_index);
	if (ret)
		return problem_set(problem, ret, "%s: its PF can't be found: %s", text,
				   strerror(-ret));
	*ret_pf = pf;
	return 0;
}

int pci_resolve_vf(const struct root *root, const struct vfname *name, struct bdf *ret_pf,
		   uint16_t *ret_index, struct bdf *ret_vf, struct problem *problem)
{
	char text[VFNAME_TEXT], path[PCI_ATTR_PATH];
	struct bdf vf;
	int ret;

	if (!name->by_index) {
		ret = resolve_by_bdf(root, &name->bdf, ret_pf, ret_index, problem);
		if (!ret)
			*ret_vf = name->bdf;
		return ret;
	}
	vfname_format(name, text);
	if (!root_exists(root, pci_path(&name->bdf, "sriov_totalvfs", path)))
		return problem_set(problem, -ENODEV, "%s: there is no such PF", text);
	ret = read_virtfn(root, &name->bdf, name->index, &vf);
	if (ret == -ENOENT)
		return problem_set(problem, -ENODEV, "%s: the PF has no VF of this index", text);
	if (ret)
		return problem_set(problem, ret, "%s: %s", text, strerror(-ret));
	*ret_pf = name->bdf;
	*ret_index = name->index;
	*ret_vf = vf;
	return 0;
}
