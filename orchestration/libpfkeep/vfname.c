// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/number.h"
#include "pfkeep/vfname.h"

#define VFNAME_RULE "a VF is named PF/INDEX (0000:01:00.0/3) or by its BDF (0000:01:10.0)"

int vfname_parse(const char *text, struct vfname *ret_name, struct problem *problem)
{
	const char *slash = strchr(text, '/');
	struct vfname name = { .by_index = slash };
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char bdf[BDF_TEXT];
	uint64_t index = 0;

	if (n >= sizeof(bdf))
		return problem_set(problem, -EINVAL, "'%.40s': " VFNAME_RULE, text);
	memcpy(bdf, text, n);
	bdf[n] = '\0';
	if (bdf_parse(bdf, &name.bdf) || (slash && number_parse(slash + 1, UINT16_MAX, &index)))
		return problem_set(problem, -EINVAL, "'%.40s': " VFNAME_RULE, text);
	name.index = (uint16_t)index;
	*ret_name = name;
	return 0;
}

const char *vfname_format(const struct vfname *name, char dst[static VFNAME_TEXT])
{
	char bdf[BDF_TEXT];

	bdf_format(&name->bdf, bdf);
	if (name->by_index)
		snprintf(dst, VFNAME_TEXT, "%s/%u", bdf, name->index);
	else
		snprintf(dst, VFNAME_TEXT, "%s", bdf);
	return dst;
}
