// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/view.h"

enum { OPT_PF };

static struct json_object *owner_of_vf(struct json_object *owners, const struct pci_pf *pf,
				       const struct pci_vf *vf)
{
	const struct vfname by_index = { true, pf->fn.bdf, vf->index };
	char name[VFNAME_TEXT];

	return owners ? json_object_object_get(owners, vfname_format(&by_index, name)) : NULL;
}

static int append_vfs(struct json_object *list, const struct pci_pf *pf, struct json_object *owners)
{
	struct json_object *view, *owner;
	int ret = 0;

	for (size_t i = 0; i < pf->n_vfs && !ret; i++) {
		ret = view_vf(pf, &pf->vfs[i], &view);
		if (ret)
			break;
		owner = owner_of_vf(owners, pf, &pf->vfs[i]);
		if (owner)
			view_add(view, "domain", json_object_get(owner));
		ret = view_append(list, view);
	}
	return ret;
}

static void print_lines(const struct command_input *input, const struct pci_pf *pf,
			struct json_object *owners)
{
	char bdf[BDF_TEXT], name[VFNAME_TEXT];

	for (size_t i = 0; i < pf->n_vfs; i++) {
		const struct pci_vf *vf = &pf->vfs[i];
		const struct vfname by_index = { true, pf->fn.bdf, vf->index };

		struct json_object *owner = owner_of_vf(owners, pf, vf);

		fprintf(input->out, "%-20s %-14s %04x:%04x %-16s %5d %s\n",
			vfname_format(&by_index, name), bdf_format(&vf->fn.bdf, bdf), vf->fn.vendor,
			vf->fn.device, *vf->fn.driver ? vf->fn.driver : "-", vf->fn.group,
			owner ? json_object_get_string(owner) : "-");
	}
}

static enum command_status print_vfs(const struct command_input *input, const struct pci_pf *pfs,
				     size_t n_pfs, struct json_object *owners)
{
	struct json_object *list;
	int ret;

	if (input->json) {
		list = json_object_new_array();
		ret = list ? 0 : -ENOMEM;
		for (size_t i = 0; i < n_pfs && !ret; i++)
			ret = append_vfs(list, &pfs[i], owners);
		return command_print(input, ret, list);
	}
	fprintf(input->out, "%-20s %-14s %-9s %-16s %5s %s\n", "VF", "BDF", "DEVICE", "DRIVER",
		"GROUP", "DOMAIN");
	for (size_t i = 0; i < n_pfs; i++)
		print_lines(input, &pfs[i], owners);
	return COMMAND_DONE;
}

static enum command_status list_one(const struct command_input *input)
{
	enum command_status status;
	struct problem problem;
	struct json_object *owners;
	struct pci_pf pf;
	struct bdf bdf;

	if (bdf_parse(input->options[OPT_PF], &bdf)) {
		problem_set(&problem, -EINVAL,
			    "--pf %.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->options[OPT_PF]);
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	if (pci_read_pf(&input->root, &bdf, &pf, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	owners = daemon_owners(input);
	status = print_vfs(input, &pf, 1, owners);
	json_object_put(owners);
	pci_pf_release(&pf);
	return status;
}

enum command_status command_vf_list(const struct command_input *input)
{
	struct json_object *owners;
	struct pci_inventory inventory;
	enum command_status status;
	struct problem problem;

	if (input->options[OPT_PF])
		return list_one(input);
	if (pci_read_all(&input->root, &inventory, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	owners = daemon_owners(input);
	status = print_vfs(input, inventory.pfs, inventory.n_pfs, owners);
	json_object_put(owners);
	pci_inventory_release(&inventory);
	return status;
}

static void show_lines(const struct command_input *input, const struct pci_pf *pf,
		       const struct pci_vf *vf)
{
	char text[BDF_TEXT];

	fprintf(input->out, "vf           %s/%u\n", bdf_format(&pf->fn.bdf, text), vf->index);
	fprintf(input->out, "bdf          %s\n", bdf_format(&vf->fn.bdf, text));
	fprintf(input->out, "ids          %04x:%04x\n", vf->fn.vendor, vf->fn.device);
	fprintf(input->out, "driver       %s\n", *vf->fn.driver ? vf->fn.driver : "-");
	fprintf(input->out, "iommu group  %d\n", vf->fn.group);
}

enum command_status command_vf_show(const struct command_input *input)
{
	struct pci_pf pf = { 0 };
	struct pci_vf vf = { 0 };
	struct problem problem;
	struct vfname name;
	struct json_object *view = NULL;
	int ret;

	if (vfname_parse(input->args[0], &name, &problem))
		return command_fail(input, COMMAND_USAGE, &problem);
	if (pci_resolve_vf(&input->root, &name, &pf.fn.bdf, &vf.index, &vf.fn.bdf, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	ret = pci_read_function(&input->root, &vf.fn.bdf, &vf.fn);
	if (ret) {
		problem_set(&problem, ret, "%.40s: %s", input->args[0], strerror(-ret));
		return command_fail(input, COMMAND_FAILED, &problem);
	}
	if (input->json) {
		ret = view_vf(&pf, &vf, &view);
		return command_print(input, ret, view);
	}
	show_lines(input, &pf, &vf);
	return COMMAND_DONE;
}
