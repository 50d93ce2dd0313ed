// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "pfkeep/view.h"

int view_add(struct json_object *view, const char *name, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(view, name, value)) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int view_append(struct json_object *list, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(list, value)) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int add_hex(struct json_object *view, const char *name, int digits, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%0*x", digits, value);
	return view_add(view, name, json_object_new_string(text));
}

static int add_bdf(struct json_object *view, const char *name, const struct bdf *bdf)
{
	char text[BDF_TEXT];

	return view_add(view, name, json_object_new_string(bdf_format(bdf, text)));
}

/* Absent rather than null where there is no driver, no group. */
static int add_function(struct json_object *view, const struct pci_function *fn)
{
	int ret;

	ret = add_bdf(view, "bdf", &fn->bdf);
	if (!ret)
		ret = add_hex(view, "vendor", 4, fn->vendor);
	if (!ret)
		ret = add_hex(view, "device", 4, fn->device);
	if (!ret)
		ret = add_hex(view, "class", 6, fn->class);
	if (!ret && *fn->driver)
		ret = view_add(view, "driver", json_object_new_string(fn->driver));
	if (!ret && fn->group != PCI_NO_GROUP)
		ret = view_add(view, "iommu_group", json_object_new_int(fn->group));
	return ret;
}

static int finish(struct json_object *view, int ret, struct json_object **ret_view)
{
	if (ret)
		json_object_put(view);
	else
		*ret_view = view;
	return ret;
}

int view_pf(const struct pci_pf *pf, struct json_object **ret_view)
{
	struct json_object *view = json_object_new_object();
	int ret;

	if (!view)
		return -ENOMEM;
	ret = add_function(view, &pf->fn);
	if (!ret)
		ret = view_add(view, "total_vfs", json_object_new_int(pf->total_vfs));
	if (!ret)
		ret = view_add(view, "num_vfs", json_object_new_int(pf->num_vfs));
	return finish(view, ret, ret_view);
}

int view_vf(const struct pci_pf *pf, const struct pci_vf *vf, struct json_object **ret_view)
{
	struct json_object *view = json_object_new_object();
	int ret;

	if (!view)
		return -ENOMEM;
	ret = add_bdf(view, "pf", &pf->fn.bdf);
	if (!ret)
		ret = view_add(view, "index", json_object_new_int(vf->index));
	if (!ret)
		ret = add_function(view, &vf->fn);
	return finish(view, ret, ret_view);
}

int view_finding(const struct doctor_finding *finding, struct json_object **ret_view)
{
	struct json_object *view = json_object_new_object();
	int ret;

	if (!view)
		return -ENOMEM;
	ret = view_add(view, "check", json_object_new_string(finding->check));
	if (!ret)
		ret = view_add(view, "level",
			       json_object_new_string(doctor_level_name(finding->level)));
	if (!ret)
		ret = view_add(view, "text", json_object_new_string(finding->text));
	if (!ret && *finding->mend)
		ret = view_add(view, "mend", json_object_new_string(finding->mend));
	return finish(view, ret, ret_view);
}
