// SPDX-License-Identifier: GPL-2.0-only
/* An initramfs of one file, to be put behind another. */
#include <stdio.h>
#include <string.h>

#include "tests/lab/liveupdate/lu.h"

static void pad(void)
{
	while (ftell(stdout) % 4)
		putchar(0);
}

static void header(const char *name, unsigned int mode, unsigned long size)
{
	printf("070701%08x%08x%08x%08x%08x%08x%08lx%08x%08x%08x%08x%08zx%08x%s", 1, mode, 0, 0, 1,
	       0, size, 0, 0, 0, 0, strlen(name) + 1, 0, name);
	putchar(0);
	pad();
}

/* To standard output, a file: an archive begins at a multiple of 4. */
void lu_pack(const char *path)
{
	const char *name = strrchr(path, '/');
	FILE *file = fopen(path, "re");
	char data[4096];
	size_t len;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET))
		lu_fail("%s can't be read", path);
	fseek(stdout, 0, SEEK_END);
	pad();
	header(name ? name + 1 : path, 0100644, (unsigned long)size);
	while ((len = fread(data, 1, sizeof(data), file)) > 0)
		fwrite(data, 1, len, stdout);
	pad();
	header("TRAILER!!!", 0, 0);
	fclose(file);
	if (fflush(stdout))
		lu_fail("%s can't be packed", path);
}
