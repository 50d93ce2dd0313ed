// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/artifacts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/lib/rundir.h"

/* The child's first line of output, and its exit status. */
static int first_line(char *const *argv, char *ret_line, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	ret_line[0] = '\0';
	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	while (pid > 0 && len < size - 1 && (n = read(fds[0], ret_line + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	ret_line[len] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

int artifacts_product(const char *name, char *ret_path, size_t size, struct lab_error *ret_error)
{
	const char *env = getenv("PFKEEP_PRODUCTS");
	char tool[PATH_MAX], programs[PATH_MAX - 16];
	char *argv[] = { tool, (char *)"path", (char *)name, NULL };
	int err;

	if (env && *env) {
		snprintf(ret_path, size, "%s/%s", env, name);
		return 0;
	}
	err = rundir_programs(programs, sizeof(programs));
	if (err)
		return err;
	snprintf(tool, sizeof(tool), "%s/products", programs);
	err = first_line(argv, ret_path, size);
	if (err || ret_path[0] != '/') {
		lab_error_set(ret_error,
			      "product %s is not built: run 'make demo' or '%s build %s'", name,
			      tool, name);
		return -ENOENT;
	}
	return 0;
}

static int find_file(const char *product, const char *file, char *ret_path,
		     struct lab_error *ret_error)
{
	char dir[PATH_MAX - 32];
	int err = artifacts_product(product, dir, sizeof(dir), ret_error);

	if (err)
		return err;
	snprintf(ret_path, PATH_MAX, "%s/%s", dir, file);
	if (access(ret_path, R_OK) < 0) {
		err = -errno;
		lab_error_set(ret_error, "%s: %s (part of product %s)", ret_path, strerror(-err),
			      product);
	}
	return err;
}

/* Not there is fine: the lab has one disk less. */
static int find_optional(const char *product, const char *file, char *ret_path)
{
	struct lab_error ignored;

	if (find_file(product, file, ret_path, &ignored) < 0)
		ret_path[0] = '\0';
	return 0;
}

int artifacts_find(const char *kernel, struct artifacts *ret_artifacts, struct lab_error *ret_error)
{
	struct artifacts *a = ret_artifacts;
	char product[32], host[32];
	int err;

	snprintf(product, sizeof(product), "kernel-%s", kernel);
	snprintf(host, sizeof(host), "host-%s", kernel);
	err = artifacts_product("toolroot", a->toolroot, sizeof(a->toolroot), ret_error);
	if (!err)
		err = find_file("emulator", "qemu-system-x86_64", a->emulator, ret_error);
	if (!err)
		err = find_file(product, "vmlinuz", a->kernel, ret_error);
	if (!err)
		err = find_file(product, "initrd.img", a->initrd, ret_error);
	if (!err)
		err = find_file(product, "modules.img", a->modules, ret_error);
	if (!err)
		err = find_file(host, "disk.img", a->root, ret_error);
	/* Without the agent in it, nobody would ever say that the lab host is up. */
	if (!err)
		err = find_file("payload", "payload.img", a->payload, ret_error);
	if (err)
		return err;
	find_optional("qemu", "qemu.img", a->qemu);
	find_optional("pf-image", "pf-image.img", a->pf_image);
	return find_optional("image", "disk.img", a->tools);
}
