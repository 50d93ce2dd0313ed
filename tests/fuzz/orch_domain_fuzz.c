// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domain XML as the libvirt hook gets it on its standard input. Whatever comes:
 * an answer within the limits, or a refusal in one printable line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/domain.h"

#define HOLDS(x)                                                   \
	do {                                                       \
		if (!(x)) {                                        \
			fprintf(stderr, "doesn't hold: %s\n", #x); \
			abort();                                   \
		}                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] = "<domain type='kvm'><name>fuzz</name>"
			   "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><metadata>";
static const char tail[] = "</metadata><devices/></domain>";

static void check_info(const struct domain_info *info)
{
	char uuid[UUID_TEXT];

	HOLDS(*info->name && strlen(info->name) < DOMAIN_NAME);
	HOLDS(!uuid_parse(info->uuid, uuid) && !strcmp(uuid, info->uuid));
	HOLDS(info->n_wants <= DOMAIN_WANTS_MAX);
	for (size_t i = 0; i < info->n_wants; i++) {
		const struct domain_want *want = &info->wants[i];

		HOLDS(want->conf.vlan <= VFCONF_VLAN_MAX && want->conf.rate <= VFCONF_RATE_MAX);
		HOLDS(!(want->conf.mac[0] & 1));
	}
	for (size_t i = 0; i < info->n_hostdevs; i++)
		HOLDS(memchr(info->hostdevs[i].alias, 0, DOMAIN_ALIAS));
}

/*
 * What pfkeep puts into a definition: it is there once, a second time there is
 * nothing to do, and without VFs none of it is left.
 */
static void check_edit(const char *xml, size_t len)
{
	static const struct domain_vf vfs[] = { { { 0, 1, 0x10, 0 }, 0 },
						{ { 0, 1, 0x10, 2 }, 1 } };
	struct domain_tenant tenant = { "/usr/bin/qemu", "/run/token", vfs, 2 };
	char *copy = strndup(xml, len), *with = NULL, *again = NULL, *without = NULL;
	struct domain_info info;

	HOLDS(copy);
	if (!domain_edit_tenant(copy, &tenant, &with, NULL) && with) {
		HOLDS(!domain_parse(with, strlen(with), &info, NULL));
		HOLDS(info.n_hostdevs >= 2);
		domain_release(&info);
		HOLDS(!domain_edit_tenant(with, &tenant, &again, NULL) && !again);
		tenant.n_vfs = 0;
		HOLDS(!domain_edit_tenant(with, &tenant, &without, NULL) && without);
		HOLDS(!domain_edit_tenant(without, &tenant, &again, NULL) && !again);
	}
	free(copy);
	free(with);
	free(without);
}

static void try(const char *xml, size_t len)
{
	struct problem problem = { "" };
	struct domain_info info;
	int ret = domain_parse(xml, len, &info, &problem);

	if (!ret) {
		check_info(&info);
		domain_release(&info);
		check_edit(xml, len);
		return;
	}
	HOLDS(ret == -EINVAL && *problem.text);
	for (const char *p = problem.text; *p; p++)
		HOLDS(*p >= 0x20 && *p <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *xml = malloc(sizeof(head) + size + sizeof(tail));

	HOLDS(xml);
	/* As a whole domain, and as the metadata of a sound one. */
	try((const char *)data, size);
	memcpy(xml, head, sizeof(head) - 1);
	memcpy(xml + sizeof(head) - 1, data, size);
	memcpy(xml + sizeof(head) - 1 + size, tail, sizeof(tail) - 1);
	try(xml, sizeof(head) + sizeof(tail) - 2 + size);
	free(xml);
	return 0;
}
