// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_pty.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* "filename": "pty:/dev/pts/3" */
size_t vmm_pty_list(struct json_object *chardevs, struct vmm_pty ret_ptys[static VMM_PTYS_MAX])
{
	size_t n = 0;

	if (!json_object_is_type(chardevs, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(chardevs) && n < VMM_PTYS_MAX; i++) {
		struct json_object *one = json_object_array_get_idx(chardevs, i);
		const char *label = json_object_get_string(json_object_object_get(one, "label"));
		const char *file = json_object_get_string(json_object_object_get(one, "filename"));
		struct vmm_pty *pty = &ret_ptys[n];

		if (!label || !file || strncmp(file, "pty:", 4) != 0)
			continue;
		snprintf(pty->chardev, sizeof(pty->chardev), "%s", label);
		snprintf(pty->path, sizeof(pty->path), "%s", file + 4);
		n++;
	}
	return n;
}
