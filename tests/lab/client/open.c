// SPDX-License-Identifier: GPL-2.0-only
/* One open of one function, as anybody might try it: with the token on standard input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/client/client.h"

#define TOKEN_LEN 36

/* As a daemon does: who started it goes on when it has what it needs. */
static int stay_behind(void)
{
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	return child < 0 ? -errno : 0;
}

int client_try_open(const char *bdf, enum device_mode mode, bool stay)
{
	char token[TOKEN_LEN + 1] = "";
	size_t len = fread(token, 1, TOKEN_LEN, stdin);
	struct device dev;
	int ret;

	if (len && len != TOKEN_LEN) {
		printf("standard input holds no token\n");
		return 2;
	}
	ret = device_open(&dev, bdf, mode, len ? token : NULL);
	printf("%s\n", ret ? strerror(-ret) : "opened");
	fflush(stdout);
	if (!ret && stay)
		ret = stay_behind();
	device_close(&dev);
	return ret ? 1 : 0;
}
