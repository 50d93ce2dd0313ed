// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel will refuse to preserve, as far as sysfs shows it: an IOMMU whose
 * driver can't hand over, ATS, a VF whose PF no VM has. What it doesn't show
 * (scalable mode, aliases of DMA) is found when the function is preserved, and the
 * update is rolled back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_priv.h"
#include "pfkeep/cleanup.h"

#define CONFIG_SIZE  4096
#define EXTENDED     0x100
#define CAP_ATS	     0x0f
#define ATS_CONTROL  6
#define ATS_ENABLE   0x8000
#define CAPS_MAX     ((CONFIG_SIZE - EXTENDED) / 4)
#define INTEL_PREFIX "dmar"

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Of the device's hostile list of extended capabilities. */
static bool uses_ats(const uint8_t *config, size_t len)
{
	size_t at = EXTENDED;

	for (unsigned int i = 0; i < CAPS_MAX; i++) {
		if (at < EXTENDED || at + 8 > len)
			return false;
		if (le16(config + at) == CAP_ATS)
			return le16(config + at + ATS_CONTROL) & ATS_ENABLE;
		at = (size_t)(le16(config + at + 2) >> 4) & ~(size_t)3;
	}
	return false;
}

static int check_ats(const struct root *root, const char *bdf, struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = -1;
	uint8_t config[CONFIG_SIZE];
	char path[96];
	ssize_t len;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config", bdf);
	if (root_openat(root, path, O_RDONLY, &fd) || (len = read(fd, config, sizeof(config))) < 0)
		return problem_set(problem, -EIO, "%s: its configuration can't be read", bdf);
	if (uses_ats(config, (size_t)len))
		return problem_set(problem, -EOPNOTSUPP,
				   "%s: it uses ATS, which can't be carried over", bdf);
	return 0;
}

/* None: noiommu. */
static int check_iommu(const struct root *root, const char *bdf, struct problem *problem)
{
	char path[96], name[64];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/iommu", bdf);
	if (root_link(root, path, name, sizeof(name)) ||
	    !strncmp(name, INTEL_PREFIX, strlen(INTEL_PREFIX)))
		return 0;
	return problem_set(problem, -EOPNOTSUPP,
			   "%s: its translation can't be carried over: %s is no VT-d", bdf, name);
}

static int check_pf(const struct root *root, const struct live *live, const char *bdf,
		    struct problem *problem)
{
	char path[96], pf[64];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/physfn", bdf);
	if (root_link(root, path, pf, sizeof(pf)))
		return problem_set(problem, -ENODEV, "%s: its PF isn't known", bdf);
	for (size_t i = 0; i < live->n_functions; i++)
		if (live->functions[i].held && !strcmp(live->functions[i].bdf, pf))
			return 0;
	return problem_set(problem, -EOPNOTSUPP,
			   "%s: a VF can be carried over only with its PF, and no VM has %s", bdf,
			   pf);
}

int live_check_devices(const struct root *root, const struct live *live, struct problem *problem)
{
	for (size_t i = 0; i < live->n_functions; i++) {
		const struct live_function *f = &live->functions[i];
		int ret = 0;

		if (!f->held)
			continue;
		if (f->vf)
			ret = check_pf(root, live, f->bdf, problem);
		if (!ret)
			ret = check_iommu(root, f->bdf, problem);
		if (!ret)
			ret = check_ats(root, f->bdf, problem);
		if (ret)
			return ret;
	}
	return 0;
}
