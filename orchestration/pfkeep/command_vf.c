// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/vftable.h"
#include "pfkeep/view.h"

enum { OPT_PF };

/* The daemon's owners; NULL, as it didn't answer: nobody is known to have any. */
static const char *find_owner(void *data, const struct bdf *pf, uint16_t index)
{
	const struct vfname by_index = { true, *pf, index };
	struct json_object *owners = data;
	char name[VFNAME_TEXT];

	return owners ? json_object_get_string(
				json_object_object_get(owners, vfname_format(&by_index, name)))
		      : NULL;
}

static enum command_status print_vfs(const struct command_input *input, const struct pci_pf *pfs,
				     size_t n_pfs)
{
	struct json_object *owners_of = daemon_owners(input);
	const struct vftable_owners owners = { find_owner, owners_of };
	struct problem problem;
	size_t count = 0;
	int ret = 0;

	if (input->json)
		fputc('[', input->out);
	else
		vftable_head(input->out);
	for (size_t i = 0; i < n_pfs && !ret; i++) {
		if (input->json)
			ret = vftable_json(input->out, &pfs[i], &owners, &count);
		else
			vftable_lines(input->out, &pfs[i], &owners);
	}
	if (input->json)
		fputs("\n]\n", input->out);
	json_object_put(owners_of);
	problem_set(&problem, ret, "%s", strerror(-ret));
	return ret ? command_fail(input, COMMAND_FAILED, &problem) : COMMAND_DONE;
}

static enum command_status read_one(const struct command_input *input, const struct bdf *bdf)
{
	enum command_status status;
	struct problem problem;
	struct pci_pf pf;

	if (pci_read_pf(&input->root, bdf, &pf, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	status = print_vfs(input, &pf, 1);
	pci_pf_release(&pf);
	return status;
}

static enum command_status read_all(const struct command_input *input)
{
	struct pci_inventory inventory;
	enum command_status status;
	struct problem problem;

	if (pci_read_all(&input->root, &inventory, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	status = print_vfs(input, inventory.pfs, inventory.n_pfs);
	pci_inventory_release(&inventory);
	return status;
}

/* Without a daemon, or for a host that isn't its own, sysfs is read here. */
enum command_status command_vf_list(const struct command_input *input)
{
	struct problem problem;
	struct bdf bdf;
	int ret;

	if (input->options[OPT_PF] && bdf_parse(input->options[OPT_PF], &bdf)) {
		problem_set(&problem, -EINVAL,
			    "--pf %.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->options[OPT_PF]);
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	ret = strcmp(input->root.path, "/")
		      ? -ENOTCONN
		      : daemon_show_vfs(input, input->options[OPT_PF], &problem);
	if (ret == -ENOTCONN)
		return input->options[OPT_PF] ? read_one(input, &bdf) : read_all(input);
	return ret ? command_fail(input, COMMAND_FAILED, &problem) : COMMAND_DONE;
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
