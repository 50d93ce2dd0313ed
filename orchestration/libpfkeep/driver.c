// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/driver.h"
#include "pfkeep/pci.h"

#define DRIVERS "sys/bus/pci/drivers"

static int current(const struct root *root, const struct bdf *bdf, char ret_driver[static PCI_NAME])
{
	struct pci_function fn;
	int ret;

	ret = pci_read_function(root, bdf, &fn);
	if (!ret)
		memcpy(ret_driver, fn.driver, sizeof(fn.driver));
	return ret;
}

static int override(const struct root *root, const struct bdf *bdf, const char *driver)
{
	char path[PCI_ATTR_PATH], text[PCI_NAME + 1];

	/* The kernel takes an empty line as: no override. */
	snprintf(text, sizeof(text), "%s\n", driver);
	return root_write(root, pci_path(bdf, "driver_override", path), text);
}

static int unbind(const struct root *root, const struct bdf *bdf, const char *driver)
{
	char path[sizeof(DRIVERS) + PCI_NAME + 16], name[BDF_TEXT];

	if (!*driver)
		return 0;
	snprintf(path, sizeof(path), DRIVERS "/%s/unbind", driver);
	return root_write(root, path, bdf_format(bdf, name));
}

/* Let the driver that the override names have it, and see that it took it. */
static int probe(const struct root *root, const struct bdf *bdf, const char *driver)
{
	char name[BDF_TEXT], now[PCI_NAME];
	int ret;

	ret = root_write(root, "sys/bus/pci/drivers_probe", bdf_format(bdf, name));
	if (!ret)
		ret = current(root, bdf, now);
	if (ret)
		return ret;
	return strcmp(now, driver) ? -ENODEV : 0;
}

/*
 * Who has it is asked once the override stands: a driver that probes a new function in
 * the background may have come in between.
 */
static int change(const struct root *root, const struct bdf *bdf, const char *to)
{
	char from[PCI_NAME];
	int ret;

	ret = override(root, bdf, to);
	if (!ret)
		ret = current(root, bdf, from);
	if (!ret)
		ret = unbind(root, bdf, from);
	if (!ret && *to)
		ret = probe(root, bdf, to);
	return ret;
}

int driver_bind(const struct root *root, const struct bdf *bdf, const char *driver,
		struct problem *problem)
{
	char old[PCI_NAME], name[BDF_TEXT];
	int ret;

	bdf_format(bdf, name);
	ret = current(root, bdf, old);
	if (ret)
		return problem_set(problem, ret, "%s: %s", name, strerror(-ret));
	if (!strcmp(old, driver)) {
		/* It may be there by ID only: keep it from going back to another. */
		ret = override(root, bdf, driver);
		return ret ? problem_set(problem, ret, "%s: %s", name, strerror(-ret)) : 0;
	}
	ret = change(root, bdf, driver);
	if (!ret)
		return 0;
	driver_restore(root, bdf, old, NULL);
	if (ret == -ENODEV)
		return problem_set(problem, ret,
				   "%s: the driver %s doesn't take it (is it loaded?)", name,
				   driver);
	return problem_set(problem, ret, "%s: can't be bound to %s: %s", name, driver,
			   strerror(-ret));
}

int driver_restore(const struct root *root, const struct bdf *bdf, const char *driver,
		   struct problem *problem)
{
	char now[PCI_NAME], name[BDF_TEXT];
	int ret;

	ret = current(root, bdf, now);
	if (!ret && strcmp(now, driver))
		ret = change(root, bdf, driver);
	/* Also when the driver doesn't want it back. */
	if (override(root, bdf, "") && !ret)
		ret = -EIO;
	if (ret)
		return problem_set(problem, ret, "%s: can't be given back to %s: %s",
				   bdf_format(bdf, name), *driver ? driver : "no driver",
				   strerror(-ret));
	return 0;
}

int driver_keep_alive(const struct root *root, const struct bdf *bdf, bool on,
		      struct problem *problem)
{
	char path[PCI_ATTR_PATH], name[BDF_TEXT];
	int ret;

	pci_path(bdf, "vfio_sriov/keep_alive", path);
	if (!on && !root_exists(root, path))
		return 0;
	ret = root_write(root, path, on ? "1" : "0");
	return ret ? problem_set(problem, ret, "%s: keep-alive can't be switched %s: %s",
				 bdf_format(bdf, name), on ? "on" : "off", strerror(-ret))
		   : 0;
}
