// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/testing/line.h"

char *line_out, *line_err;

void line_release(void)
{
	free(line_out);
	free(line_err);
	line_out = line_err = NULL;
}

enum command_status line_run(const char *line, const char *const *at)
{
	char copy[256], *rest = copy, *word, *argv[20] = { (char *)"pfkeep" };
	enum command_status status;
	size_t out_len, err_len;
	FILE *out, *err;
	int argc = 1;

	line_release();
	out = open_memstream(&line_out, &out_len);
	err = open_memstream(&line_err, &err_len);
	assert_true(out && err);
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " "))) {
		if (strcmp(word, "@")) {
			argv[argc++] = word;
			continue;
		}
		for (int i = 0; at[i]; i++)
			argv[argc++] = (char *)at[i];
	}
	status = command_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return status;
}

void line_fails(const char *line, const char *const *at, enum command_status status,
		const char *words)
{
	size_t end;

	assert_int_equal(line_run(line, at), status);
	assert_string_equal(line_out, "");
	end = strcspn(line_err, "\n");
	if (!strstr(line_err, words) || strncmp(line_err, "pfkeep: ", 8) || !line_err[end] ||
	    line_err[end + 1])
		fail_msg("'%s' said: %s", line, line_err);
}
