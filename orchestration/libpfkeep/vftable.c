// SPDX-License-Identifier: GPL-2.0-only
#include <json-c/json.h>

#include "pfkeep/vftable.h"
#include "pfkeep/view.h"

static const char *owner_of_vf(const struct vftable_owners *owners, const struct pci_pf *pf,
			       const struct pci_vf *vf)
{
	return owners->find(owners->data, &pf->fn.bdf, vf->index);
}

void vftable_head(FILE *out)
{
	fprintf(out, "%-20s %-14s %-9s %-16s %5s %s\n", "VF", "BDF", "DEVICE", "DRIVER", "GROUP",
		"DOMAIN");
}

void vftable_lines(FILE *out, const struct pci_pf *pf, const struct vftable_owners *owners)
{
	char bdf[BDF_TEXT], name[VFNAME_TEXT];

	for (size_t i = 0; i < pf->n_vfs; i++) {
		const struct pci_vf *vf = &pf->vfs[i];
		const struct vfname by_index = { true, pf->fn.bdf, vf->index };
		const char *owner = owner_of_vf(owners, pf, vf);

		fprintf(out, "%-20s %-14s %04x:%04x %-16s %5d %s\n", vfname_format(&by_index, name),
			bdf_format(&vf->fn.bdf, bdf), vf->fn.vendor, vf->fn.device,
			*vf->fn.driver ? vf->fn.driver : "-", vf->fn.group, owner ? owner : "-");
	}
}

int vftable_json(FILE *out, const struct pci_pf *pf, const struct vftable_owners *owners,
		 size_t *count)
{
	int ret = 0;

	for (size_t i = 0; i < pf->n_vfs && !ret; i++) {
		const char *owner = owner_of_vf(owners, pf, &pf->vfs[i]);
		struct json_object *view;

		ret = view_vf(pf, &pf->vfs[i], &view);
		if (ret)
			return ret;
		if (owner)
			ret = view_add(view, "domain", json_object_new_string(owner));
		fprintf(out, "%s\n%s", (*count)++ ? "," : "",
			json_object_to_json_string_ext(
				view, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(view);
	}
	return ret;
}
