/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of the record of a live update. */
#ifndef LIBPFKEEP_LIVE_RECORD_H
#define LIBPFKEEP_LIVE_RECORD_H

#include <json-c/json_object.h>

#include "pfkeep/live.h"

/* live_domain_record.c: what a domain of libvirt's has besides. Nothing there: NULL. */
void live_record_put_domain(struct json_object *vm, const struct live_domain *domain);
int live_record_get_domain(struct json_object *vm, struct live_domain **ret_domain);

#endif
