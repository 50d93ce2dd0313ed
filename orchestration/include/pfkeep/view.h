/* SPDX-License-Identifier: GPL-2.0-only */
/* PFs, VFs and findings as JSON: what --json prints and the daemon answers. */
#ifndef PFKEEP_VIEW_H
#define PFKEEP_VIEW_H

#include <json-c/json_object.h>

#include "pfkeep/doctor.h"
#include "pfkeep/pci.h"

/* All of these return -ENOMEM or 0. */
int view_pf(const struct pci_pf *pf, struct json_object **ret_view);
int view_vf(const struct pci_pf *pf, const struct pci_vf *vf, struct json_object **ret_view);
int view_finding(const struct doctor_finding *finding, struct json_object **ret_view);

/* Add a member; takes over value, which may be NULL for want of memory. */
int view_add(struct json_object *view, const char *name, struct json_object *value);
int view_append(struct json_object *list, struct json_object *value);

#endif
