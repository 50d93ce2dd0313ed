// SPDX-License-Identifier: GPL-2.0-only
/* Prints the figures that scenarios saved under build/bench/ as one table. */
#include <glob.h>
#include <json-c/json.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN 60

static const char *text(struct json_object *row, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(row, key, &value) ? json_object_get_string(value) : "?";
}

static void print_scenario(const char *name, struct json_object *rows)
{
	printf("\n%s\n", name);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		printf("  %-*s %10s %s\n", COLUMN, text(row, "figure"), text(row, "value"),
		       text(row, "unit"));
	}
}

static int print_file(const char *path)
{
	struct json_object *all = json_object_from_file(path), *rows;
	char *copy = strdup(path), *name = copy ? basename(copy) : NULL;
	int ret = 1;

	if (name && json_object_object_get_ex(all, "rows", &rows) &&
	    json_object_is_type(rows, json_type_array)) {
		name[strcspn(name, ".")] = '\0';
		print_scenario(name, rows);
		ret = 0;
	} else {
		fprintf(stderr, "bench-table: %s: holds no rows\n", path);
	}
	free(copy);
	json_object_put(all);
	return ret;
}

int main(void)
{
	glob_t files;
	int ret = 0;

	if (glob("build/bench/*.json", 0, NULL, &files)) {
		fprintf(stderr, "bench-table: build/bench has no figures yet\n");
		return 1;
	}
	for (size_t i = 0; i < files.gl_pathc; i++)
		ret |= print_file(files.gl_pathv[i]);
	globfree(&files);
	return ret;
}
