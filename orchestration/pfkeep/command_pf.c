// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/pcicap.h"
#include "pfkeep/view.h"

static enum command_status print_json(const struct command_input *input,
				      const struct pci_inventory *inventory)
{
	struct json_object *list = json_object_new_array(), *view;
	int ret = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < inventory->n_pfs && !ret; i++) {
		ret = view_pf(&inventory->pfs[i], &view);
		if (!ret)
			ret = view_append(list, view);
	}
	return command_print(input, ret, list);
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

enum command_status command_pf_list(const struct command_input *input)
{
	enum command_status status = COMMAND_DONE;
	struct pci_inventory inventory;
	struct problem problem;
	char bdf[BDF_TEXT];

	if (pci_read_all(&input->root, &inventory, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	if (input->json) {
		status = print_json(input, &inventory);
	} else {
		fprintf(input->out, "%-14s %-9s %-16s %9s %s\n", "PF", "DEVICE", "DRIVER", "VFS",
			"GROUP");
		for (size_t i = 0; i < inventory.n_pfs; i++) {
			const struct pci_pf *pf = &inventory.pfs[i];

			fprintf(input->out, "%-14s %04x:%04x %-16s %4u/%-4u %d\n",
				bdf_format(&pf->fn.bdf, bdf), pf->fn.vendor, pf->fn.device,
				or_dash(pf->fn.driver), pf->num_vfs, pf->total_vfs, pf->fn.group);
		}
	}
	pci_inventory_release(&inventory);
	return status;
}

static enum command_status show_json(const struct command_input *input, const struct pci_pf *pf)
{
	struct json_object *view = NULL, *list, *vf;
	int ret;

	ret = view_pf(pf, &view);
	if (ret)
		return command_print(input, ret, NULL);
	list = json_object_new_array();
	ret = view_add(view, "vfs", list);
	for (size_t i = 0; i < pf->n_vfs && !ret; i++) {
		ret = view_vf(pf, &pf->vfs[i], &vf);
		if (!ret)
			ret = view_append(list, vf);
	}
	return command_print(input, ret, view);
}

/* The device's name from libpci's list, where that can be had. */
static void print_description(const struct command_input *input, const struct pci_pf *pf)
{
	struct pcicap *cap;
	char text[256];

	if (pcicap_open(&input->root, &cap, NULL))
		return;
	pcicap_describe(cap, pf->fn.vendor, pf->fn.device, text, sizeof(text));
	fprintf(input->out, "device       %s\n", text);
	pcicap_close(cap);
}

static void show_lines(const struct command_input *input, const struct pci_pf *pf)
{
	char text[BDF_TEXT];

	fprintf(input->out, "pf           %s\n", bdf_format(&pf->fn.bdf, text));
	print_description(input, pf);
	fprintf(input->out, "ids          %04x:%04x\n", pf->fn.vendor, pf->fn.device);
	fprintf(input->out, "driver       %s\n", or_dash(pf->fn.driver));
	fprintf(input->out, "iommu group  %d\n", pf->fn.group);
	fprintf(input->out, "vfs          %u of %u\n", pf->num_vfs, pf->total_vfs);
	for (size_t i = 0; i < pf->n_vfs; i++)
		fprintf(input->out, "vf %-9u %s driver %s, iommu group %d\n", pf->vfs[i].index,
			bdf_format(&pf->vfs[i].fn.bdf, text), or_dash(pf->vfs[i].fn.driver),
			pf->vfs[i].fn.group);
}

enum command_status command_pf_show(const struct command_input *input)
{
	enum command_status status = COMMAND_DONE;
	struct problem problem;
	struct pci_pf pf;
	struct bdf bdf;

	if (bdf_parse(input->args[0], &bdf)) {
		problem_set(&problem, -EINVAL, "%.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->args[0]);
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	if (pci_read_pf(&input->root, &bdf, &pf, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	if (input->json)
		status = show_json(input, &pf);
	else
		show_lines(input, &pf);
	pci_pf_release(&pf);
	return status;
}
