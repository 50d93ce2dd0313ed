/* SPDX-License-Identifier: GPL-2.0-only */
/* The bill of materials of an image, as SPDX 2.3 JSON. */
#ifndef PF_VM_IMAGE_SBOM_H
#define PF_VM_IMAGE_SBOM_H

#include <stdint.h>

#include "pf-vm-image/packages.h"

struct json_object;

/* The same packages and epoch give the same document, its namespace included. */
int sbom_new(const struct packages *pk, int64_t epoch, struct json_object **ret_document);

#endif
