// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/drivers.h"

void drivers_free(struct drivers *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].name);
		free(d->list[i].ids);
	}
	free(d->list);
	*d = (struct drivers){ 0 };
}

/* "v00008086" or "v*": a letter or two, then 8 hex digits or a star. */
static bool take_number(const char **at, const char *key, uint32_t *ret_number)
{
	size_t len = strlen(key);
	char digits[9];

	if (strncmp(*at, key, len))
		return false;
	*at += len;
	if (**at == '*') {
		*ret_number = DRIVER_ANY;
		(*at)++;
		return true;
	}
	if (strspn(*at, "0123456789ABCDEFabcdef") < 8)
		return false;
	memcpy(digits, *at, 8);
	digits[8] = '\0';
	*ret_number = strtoul(digits, NULL, 16);
	*at += 8;
	return true;
}

/* "bc01sc08i02", each either two hex digits or a star; trailing stars are cut. */
static bool take_class(const char *at, char class[16])
{
	static const char *const keys[] = { "bc", "sc", "i" };
	size_t used = 0;

	for (size_t i = 0; i < 3; i++) {
		size_t key = strlen(keys[i]), len;

		if (strncmp(at, keys[i], key))
			return false;
		at += key;
		len = *at == '*' ? 1 : strspn(at, "0123456789ABCDEFabcdef") < 2 ? 0 : 2;
		if (!len)
			return false;
		memcpy(class + used, at, len);
		used += len;
		at += len;
	}
	while (used && class[used - 1] == '*')
		used--;
	class[used] = '\0';
	return true;
}

static bool parse_pattern(const char *at, struct driver_id *id)
{
	return take_number(&at, "v", &id->vendor) && take_number(&at, "d", &id->device) &&
	       take_number(&at, "sv", &id->subvendor) && take_number(&at, "sd", &id->subdevice) &&
	       take_class(at, id->class);
}

static struct driver *driver_named(struct drivers *d, const char *name, size_t len)
{
	struct driver *grown;

	for (size_t i = 0; i < d->n; i++)
		if (strlen(d->list[i].name) == len && !strncmp(d->list[i].name, name, len))
			return &d->list[i];
	grown = reallocarray(d->list, d->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	d->list = grown;
	d->list[d->n] = (struct driver){ .name = strndup(name, len) };
	return d->list[d->n].name ? &d->list[d->n++] : NULL;
}

static int add_id(struct drivers *d, const char *name, size_t len, const struct driver_id *id)
{
	struct driver *drv = driver_named(d, name, len);
	struct driver_id *grown;

	if (!drv)
		return -ENOMEM;
	grown = reallocarray(drv->ids, drv->n_ids + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	drv->ids = grown;
	drv->ids[drv->n_ids++] = *id;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct driver *)a)->name, ((const struct driver *)b)->name);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
	const struct driver_id *x = a, *y = b;

	return compare_numbers(x->vendor, y->vendor) ?:
	       compare_numbers(x->device, y->device) ?:
	       compare_numbers(x->subvendor, y->subvendor) ?:
	       compare_numbers(x->subdevice, y->subdevice) ?:
	       strcmp(x->class, y->class);
}

int drivers_parse(const char *modules_alias, struct drivers *ret_drivers)
{
	struct drivers d = { 0 };
	int ret = 0;

	for (const char *line = modules_alias; !ret && *line;) {
		size_t len = strcspn(line, "\n"), pattern;
		struct driver_id id = { 0 };

		if (!strncmp(line, "alias pci:", 10) && parse_pattern(line + 10, &id)) {
			pattern = 10 + strcspn(line + 10, " \n");
			if (pattern + 1 < len)
				ret = add_id(&d, line + pattern + 1, len - pattern - 1, &id);
		}
		line += len + (line[len] == '\n');
	}
	if (ret) {
		drivers_free(&d);
		return ret;
	}
	if (d.n)
		qsort(d.list, d.n, sizeof(d.list[0]), by_name);
	for (size_t i = 0; i < d.n; i++)
		qsort(d.list[i].ids, d.list[i].n_ids, sizeof(d.list[i].ids[0]), by_id);
	*ret_drivers = d;
	return 0;
}

static void format_half(uint32_t number, char *text, size_t size)
{
	if (number == DRIVER_ANY)
		snprintf(text, size, "*");
	else
		snprintf(text, size, "%04x", number);
}

void driver_id_format(const struct driver_id *id, char *text, size_t size)
{
	char vendor[16], device[16], subvendor[16], subdevice[16];

	format_half(id->vendor, vendor, sizeof(vendor));
	format_half(id->device, device, sizeof(device));
	format_half(id->subvendor, subvendor, sizeof(subvendor));
	format_half(id->subdevice, subdevice, sizeof(subdevice));
	if (id->vendor == DRIVER_ANY && id->device == DRIVER_ANY)
		snprintf(text, size, "class %s", id->class);
	else if (id->subvendor == DRIVER_ANY && id->subdevice == DRIVER_ANY)
		snprintf(text, size, "%s:%s", vendor, device);
	else
		snprintf(text, size, "%s:%s/%s:%s", vendor, device, subvendor, subdevice);
}
