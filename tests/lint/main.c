// SPDX-License-Identifier: GPL-2.0-only
/* banned LIST FILE...: exit status 1 if any file makes a call that LIST bans. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lint/banned.h"

static int read_list(const char *path, struct banned_list *ret_list)
{
	FILE *file = fopen(path, "re");
	unsigned int line = 0;
	int r;

	if (!file) {
		fprintf(stderr, "banned: %s: %s\n", path, strerror(errno));
		return -ENOENT;
	}
	r = banned_read(file, ret_list, &line);
	fclose(file);
	if (r < 0)
		fprintf(stderr, "banned: %s:%u: must be: NAME all|tests ADVICE\n", path, line);
	return r;
}

static int check_file(const struct banned_list *list, const char *path, unsigned int *found)
{
	FILE *file = fopen(path, "re");
	size_t size = 0;
	char *text = NULL;
	ssize_t n;

	if (!file) {
		fprintf(stderr, "banned: %s: %s\n", path, strerror(errno));
		return -ENOENT;
	}
	n = getdelim(&text, &size, '\0', file);
	if (n > 0)
		*found += banned_check(list, path, text, stdout);
	free(text);
	fclose(file);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct banned_list list;
	unsigned int found = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: banned LIST FILE...\n");
		return 2;
	}
	if (read_list(argv[1], &list) < 0)
		return 2;
	for (int i = 2; i < argc; i++) {
		if (check_file(&list, argv[i], &found) < 0)
			return 2;
	}
	return found ? 1 : 0;
}
