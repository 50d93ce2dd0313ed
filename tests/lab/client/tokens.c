// SPDX-License-Identifier: GPL-2.0-only
/* Who may open a VF: the PF's token, a VF's own, and no token at all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/client/client.h"

struct
try {
	const char *token;
	int expected;
};

static void try_all(const struct context *c, const char *bdf, const struct try *tries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct device vf;
		int expected = tries[i].expected, ret;

		/* a kernel whose cdev path carries no token opens no VF by it */
		if (c->mode == DEVICE_CDEV && !c->cdev_tokens)
			expected = tries[i].token ? -EINVAL : -EACCES;
		ret = device_open(&vf, bdf, c->mode, tries[i].token);
		CHECK(ret == expected, "%s with token %s: %s", bdf,
		      tries[i].token ? tries[i].token : "none", strerror(-ret));
		if (!ret)
			device_close(&vf);
	}
}

#define TRY_ALL(c, bdf, tries) try_all(c, bdf, tries, sizeof(tries) / sizeof((tries)[0]))

static void the_pfs_token_opens_a_vf(const struct context *c)
{
	static const struct try tries[] = { { NULL, -EACCES },
					    { OTHER_TOKEN, -EACCES },
					    { TOKEN, 0 } };
	char bdf[BDF_LEN];
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf);
	TRY_ALL(c, bdf, tries);
	device_close(&pf.dev);
}

static void a_vfs_own_token_shuts_the_others_out(const struct context *c)
{
	static const struct try own[] = { { NULL, -EACCES },
					  { TOKEN, -EACCES },
					  { OTHER_TOKEN, 0 } };
	static const struct try shared[] = { { NULL, -EACCES },
					     { OTHER_TOKEN, -EACCES },
					     { TOKEN, 0 } };
	char bdf[2][BDF_LEN];
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf[0]);
	client_vf_bdf(c, 1, bdf[1]);
	CHECK(!sysfs_write(bdf[0], "vfio_sriov/vf_token", OTHER_TOKEN), "vf_token");
	TRY_ALL(c, bdf[0], own);
	TRY_ALL(c, bdf[1], shared);
	/* the PF's user can't change it */
	CHECK(!device_set_pf_token(&pf.dev, TOKEN), "PF token");
	TRY_ALL(c, bdf[0], own);
	CHECK(!sysfs_write(bdf[0], "vfio_sriov/vf_token", "none"), "vf_token none");
	TRY_ALL(c, bdf[0], shared);
	device_close(&pf.dev);
}

static void malformed_tokens_change_nothing(const struct context *c)
{
	static const struct try shared[] = { { TOKEN, 0 } };
	static const char *const bad[] = { "", "x", "b7d5d2a0-5a54-4f32-8a4d-6b3ce6b5e9f",
					   "b7d5d2a0-5a54-4f32-8a4d-6b3ce6b5e9f7x",
					   "b7d5d2a0x5a54-4f32-8a4d-6b3ce6b5e9f7" };
	char bdf[BDF_LEN], buf[64];
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf);
	for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(sysfs_write(bdf, "vfio_sriov/vf_token", bad[i]) == -EINVAL, "\"%s\"", bad[i]);
	CHECK(sysfs_read(bdf, "vfio_sriov/vf_token", buf, sizeof(buf)) < 0, "a token can be read");
	TRY_ALL(c, bdf, shared);
	device_close(&pf.dev);
}

const struct client_case token_cases[] = {
	{ "the PF's token opens a VF", the_pfs_token_opens_a_vf, OF_MODE },
	{ "a VF's own token shuts the others out", a_vfs_own_token_shuts_the_others_out, OF_MODE },
	{ "malformed tokens change nothing", malformed_tokens_change_nothing, OF_RULES },
	{ 0 },
};
