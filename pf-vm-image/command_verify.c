// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <json-c/json.h>

#include "pf-vm-image/command.h"
#include "pf-vm-image/verify.h"

static const char help[] =
	"usage: pf-image verify [OPTION]... IMAGE\n"
	"Compares an image with its manifest, every file on its disk, without booting it.\n"
	"Exit status 1 and a line for each difference if it isn't what was built.\n\n"
	"  --manifest FILE  this manifest, kept elsewhere, not the image's own\n"
	"  --json           print a JSON object\n";

static const struct option options[] = {
	{ "manifest", required_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct verify_options {
	const char *image, *manifest;
	bool json;
};

static int parse(int argc, char **argv, struct verify_options *o, struct problem *p)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c == 'j')
			o->json = true;
		else if (c == 'm')
			o->manifest = optarg;
		else
			return problem_set(p, -EINVAL, "verify: bad option '%s'", argv[optind - 1]);
	}
	return command_operand(argc, argv, optind, "IMAGE", &o->image, p);
}

/* An image may be hostile: a name must not play with the terminal. */
static void print_line(void *data, const struct manifest_difference *d)
{
	for (const char *c = d->path; *c; c++)
		if (iscntrl((unsigned char)*c))
			printf("\\x%02x", (unsigned char)*c);
		else
			putchar(*c);
	printf(": %s\n", d->what);
}

static void add_json(void *data, const struct manifest_difference *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "path", json_object_new_string(d->path));
	json_object_object_add(o, "differs", json_object_new_string(d->what));
	json_object_array_add(data, o);
}

static void print_json(struct json_object *list, size_t n)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "good", json_object_new_boolean(!n));
	json_object_object_add(o, "differences", list);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

int command_verify(int argc, char **argv, struct problem *p)
{
	struct verify_options o = { 0 };
	struct json_object *list;
	struct progress pg;
	size_t n = 0;
	int ret = parse(argc, argv, &o, p);

	if (ret == 1) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (ret)
		return EXIT_USAGE;
	list = json_object_new_array();
	progress_start(&pg, stderr, "pf-image");
	ret = verify_image(o.image, o.manifest, &pg, o.json ? add_json : print_line, list, &n, p);
	progress_end(&pg, ret ? "failed" : n ? "differs" : "as built");
	if (ret || !o.json)
		json_object_put(list);
	else
		print_json(list, n);
	if (!ret && n)
		problem_set(p, -EBADMSG, "%s: %zu differences from its manifest", o.image, n);
	return ret || n ? EXIT_FAILED : EXIT_DONE;
}
