// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <json-c/json.h>

#include "pf-vm-image/command.h"
#include "pf-vm-image/inspect.h"
#include "pf-vm-image/sbom.h"

static const char help[] = "usage: pf-image inspect [OPTION]... IMAGE\n"
			   "Reads an image's disk, without booting it.\n\n"
			   "  --json  print a JSON object\n"
			   "  --sbom  print the bill of materials, as SPDX 2.3\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "sbom", no_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct inspect_options {
	const char *image;
	int format; /* 'j', 's' or 0 for text */
};

static int parse(int argc, char **argv, struct inspect_options *o, struct problem *p)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c != 'j' && c != 's')
			return problem_set(p, -EINVAL, "inspect: bad option '%s'",
					   argv[optind - 1]);
		if (o->format && o->format != c)
			return problem_set(p, -EINVAL, "inspect: --json or --sbom, not both");
		o->format = c;
	}
	return command_operand(argc, argv, optind, "IMAGE", &o->image, p);
}

static void print_text(const struct inspection *i)
{
	const struct manifest *m = &i->manifest;

	printf("kernel    %s (%s)\n", m->kernel, m->architecture);
	printf("suite     %s\n", m->suite);
	printf("cmdline   %s\n", m->cmdline);
	printf("disk      %" PRIu64 " KiB, %" PRIu64 " KiB of %zu files\n",
	       m->parts[PART_DISK].size >> 10, tree_bytes(&i->files) >> 10, i->files.n);
	printf("boot      kernel %" PRIu64 " KiB, initrd %" PRIu64 " KiB\n",
	       m->parts[PART_KERNEL].size >> 10, m->parts[PART_INITRD].size >> 10);
	printf("packages  %zu\n", i->packages.n);
	for (size_t n = 0; n < i->packages.n; n++)
		printf("  %s %s\n", i->packages.list[n].name, i->packages.list[n].version);
	printf("drivers   %zu\n", i->drivers.n);
	for (size_t n = 0; n < i->drivers.n; n++) {
		const struct driver *d = &i->drivers.list[n];
		char id[64];

		printf("  %s", d->name);
		for (size_t k = 0; k < d->n_ids; k++) {
			driver_id_format(&d->ids[k], id, sizeof(id));
			printf(" %s%s", id, k + 1 < d->n_ids ? "," : "");
		}
		putchar('\n');
	}
}

static struct json_object *packages_json(const struct packages *pk)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < pk->n; i++) {
		struct json_object *o = json_object_new_object();
		const struct package *pkg = &pk->list[i];

		json_object_object_add(o, "name", json_object_new_string(pkg->name));
		json_object_object_add(o, "version", json_object_new_string(pkg->version));
		json_object_object_add(o, "architecture",
				       json_object_new_string(pkg->architecture));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *drivers_json(const struct drivers *d)
{
	struct json_object *o = json_object_new_object();
	char id[64];

	for (size_t i = 0; i < d->n; i++) {
		struct json_object *ids = json_object_new_array();

		for (size_t k = 0; k < d->list[i].n_ids; k++) {
			driver_id_format(&d->list[i].ids[k], id, sizeof(id));
			json_object_array_add(ids, json_object_new_string(id));
		}
		json_object_object_add(o, d->list[i].name, ids);
	}
	return o;
}

static struct json_object *image_json(const struct inspection *i)
{
	const struct manifest *m = &i->manifest;
	struct json_object *o = json_object_new_object(), *sizes = json_object_new_object();

	json_object_object_add(o, "kernel", json_object_new_string(m->kernel));
	json_object_object_add(o, "architecture", json_object_new_string(m->architecture));
	json_object_object_add(o, "suite", json_object_new_string(m->suite));
	json_object_object_add(o, "cmdline", json_object_new_string(m->cmdline));
	for (int n = 0; n < PARTS; n++)
		json_object_object_add(sizes, manifest_part_names[n],
				       json_object_new_int64((int64_t)m->parts[n].size));
	json_object_object_add(o, "sizes", sizes);
	json_object_object_add(o, "files", json_object_new_int64((int64_t)i->files.n));
	json_object_object_add(o, "bytes", json_object_new_int64((int64_t)tree_bytes(&i->files)));
	json_object_object_add(o, "packages", packages_json(&i->packages));
	json_object_object_add(o, "drivers", drivers_json(&i->drivers));
	return o;
}

static int print(const struct inspection *i, int format, struct problem *p)
{
	struct json_object *o;
	int ret = 0;

	if (!format) {
		print_text(i);
		return 0;
	}
	if (format == 'j')
		o = image_json(i);
	else
		ret = sbom_new(&i->packages, i->manifest.epoch, &o);
	if (ret)
		return problem_set(p, ret, "bill of materials: no memory");
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return 0;
}

int command_inspect(int argc, char **argv, struct problem *p)
{
	struct inspect_options o = { 0 };
	struct inspection i;
	struct progress pg;
	int ret = parse(argc, argv, &o, p);

	if (ret == 1) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (ret)
		return EXIT_USAGE;
	progress_start(&pg, stderr, "pf-image");
	ret = inspect_image(o.image, &pg, &i, p);
	progress_end(&pg, ret ? "failed" : "read");
	if (ret)
		return EXIT_FAILED;
	ret = print(&i, o.format, p);
	inspect_free(&i);
	return ret ? EXIT_FAILED : EXIT_DONE;
}
