// SPDX-License-Identifier: GPL-2.0-only
/* Domains that ask for what they can't have now, and why: for who starts them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"

static struct core_unmet **find(struct core *core, const char *uuid)
{
	struct core_unmet **at = &core->unmet;

	while (*at && strcmp((*at)->uuid, uuid))
		at = &(*at)->next;
	return at;
}

static void drop(struct core_unmet **at)
{
	struct core_unmet *one = *at;

	*at = one->next;
	free(one);
}

bool core_set_unmet(struct core *core, const char *uuid, const char *why)
{
	struct core_unmet **at;
	bool news;

	pthread_mutex_lock(&core->books);
	at = find(core, uuid);
	news = why && (!*at || strcmp((*at)->why.text, why));
	if (!why && *at)
		drop(at);
	if (why && !*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			snprintf((*at)->uuid, sizeof((*at)->uuid), "%s", uuid);
	}
	/* Without memory the reason is lost, and nothing else. */
	if (why && *at)
		snprintf((*at)->why.text, sizeof((*at)->why.text), "%s", why);
	pthread_mutex_unlock(&core->books);
	return news;
}

const char *core_why_unmet(struct core *core, const char *uuid)
{
	struct core_unmet *one = *find(core, uuid);

	return one ? one->why.text : NULL;
}

void core_free_unmet(struct core *core)
{
	while (core->unmet)
		drop(&core->unmet);
}
