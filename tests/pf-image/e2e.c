// SPDX-License-Identifier: GPL-2.0-only
#include "tests/pf-image/e2e.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"

#define ARGS_MAX 24
/* What the tests' death leaves over has to end its own children, an appliance too. */
#define END_S 30
/* What hangs is a failure, of one test. */
#define RUN_LIMIT_MS 900000

char e2e_dir[PATH_MAX];
char e2e_output[1 << 20];

static struct e2e_user as;

static const char *pf_image(void)
{
	return getenv("PF_IMAGE") ?: "build/pf-vm-image/pf-image";
}

/* Whose parent died is our child now; each gets its time to clean up. */
static void end_orphans(void)
{
	char path[64], text[4096], *rest = text, *word;
	struct timespec until = { .tv_sec = END_S };
	sigset_t child;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	while ((word = strsep(&rest, " ")))
		if (*word)
			kill((pid_t)strtol(word, NULL, 10), SIGTERM);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 || (!pid && sigtimedwait(&child, NULL, &until) < 0))
			break;
	}
}

/* With signals blocked: they are taken here one by one. */
static int await(pid_t pid, const sigset_t *signals)
{
	int status = 0, sig, got = 0;

	for (;;) {
		if (sigwait(signals, &sig))
			continue;
		if (sig != SIGCHLD) {
			got = sig;
			kill(pid, SIGTERM);
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	if (got)
		return 128 + got;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int make_folder(void)
{
	char tmp[PATH_MAX];

	snprintf(e2e_dir, sizeof(e2e_dir), "/var/tmp/pf-image-e2e.XXXXXX");
	if (!mkdtemp(e2e_dir) || scratch_path(e2e_dir, "tmp", tmp) || mkdir(tmp, 01777))
		return -1;
	/* libguestfs keeps its appliance where other runs find it. */
	setenv("LIBGUESTFS_CACHEDIR", "/var/tmp", 0);
	return setenv("TMPDIR", tmp, 1);
}

int e2e_main(int argc, char **argv, int (*body)(int argc, char **argv))
{
	sigset_t signals, old;
	pid_t pid;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &old);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (make_folder()) {
		perror("/var/tmp");
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		sigprocmask(SIG_SETMASK, &old, NULL);
		exit(body(argc, argv));
	}
	ret = pid < 0 ? 1 : await(pid, &signals);
	end_orphans();
	scratch_remove_tree(e2e_dir);
	return ret;
}

static _Noreturn void become(const char *const argv[], int out)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (as.uid && (setgroups(0, NULL) || setgid(as.gid) || setuid(as.uid)))
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* What happens to the program once it has said something; at NULL: nothing does. */
struct blow {
	const char *at;
	int sig;	  /* it is sent this, */
	const char *disk; /* or this tmpfs has no room from then on */
};

/* At once: as if another one had taken what was left, up to a page. */
static void fill(const char *dir)
{
	char size[32];
	struct statvfs fs;
	int ret;

	/* Less than what is used is refused, and pf-image may be using more by now. */
	do {
		assert_int_equal(statvfs(dir, &fs), 0);
		snprintf(size, sizeof(size), "size=%" PRIu64,
			 (uint64_t)(fs.f_blocks - fs.f_bfree + 1) * fs.f_frsize);
		ret = mount(NULL, dir, NULL, MS_REMOUNT, size);
	} while (ret && errno == EINVAL);
	assert_int_equal(ret, 0);
}

static void strike(pid_t pid, const struct blow *blow)
{
	if (blow->disk)
		fill(blow->disk);
	else
		kill(pid, blow->sig);
}

/* The next of what it says; 0 at its end, also at one that is made here. */
static ssize_t listen_to(int fd, pid_t pid, char *text, size_t size)
{
	struct pollfd said = { .fd = fd, .events = POLLIN };

	if (poll(&said, 1, RUN_LIMIT_MS) > 0)
		return read(fd, text, size);
	kill(pid, SIGKILL);
	print_error("said nothing more for %d s\n", RUN_LIMIT_MS / 1000);
	return 0;
}

static int run(const char *const argv[], struct blow blow)
{
	size_t used = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		become(argv, fds[1]);
	close(fds[1]);
	while ((n = listen_to(fds[0], pid, e2e_output + used, sizeof(e2e_output) - 1 - used)) > 0) {
		used += (size_t)n;
		e2e_output[used] = '\0';
		if (blow.at && strstr(e2e_output, blow.at)) {
			strike(pid, &blow);
			blow.at = NULL;
		}
	}
	close(fds[0]);
	e2e_output[used] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (blow.at)
		fail_msg("never said '%s': %s", blow.at, e2e_output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int vrun(struct blow blow, const char *command, va_list ap)
{
	const char *argv[ARGS_MAX + 1] = { pf_image(), command };
	size_t n = 2;

	while (n < ARGS_MAX && (argv[n] = va_arg(ap, const char *)))
		n++;
	argv[n] = NULL;
	return run(argv, blow);
}

int e2e_run(const char *command, ...)
{
	va_list ap;
	int status;

	va_start(ap, command);
	status = vrun((struct blow){ NULL }, command, ap);
	va_end(ap);
	return status;
}

void e2e_expect(int wanted, const char *text, const char *command, ...)
{
	va_list ap;
	int status;

	va_start(ap, command);
	status = vrun((struct blow){ NULL }, command, ap);
	va_end(ap);
	if (status != wanted)
		fail_msg("exit status %d, not %d: %s", status, wanted, e2e_output);
	if (text && !strstr(e2e_output, text))
		fail_msg("no '%s' in: %s", text, e2e_output);
}

void e2e_expect_signalled(const char *at, int sig, const char *command, ...)
{
	va_list ap;
	int status;

	va_start(ap, command);
	status = vrun((struct blow){ .at = at, .sig = sig }, command, ap);
	va_end(ap);
	if (status != 1)
		fail_msg("exit status %d, not 1: %s", status, e2e_output);
}

void e2e_expect_filled(const char *at, const char *dir, const char *command, ...)
{
	va_list ap;
	int status;

	va_start(ap, command);
	status = vrun((struct blow){ .at = at, .disk = dir }, command, ap);
	va_end(ap);
	if (status != 1)
		fail_msg("exit status %d, not 1: %s", status, e2e_output);
	if (!strstr(e2e_output, "No space left on device"))
		fail_msg("doesn't say why: %s", e2e_output);
}

void e2e_as(const struct e2e_user *user)
{
	as = user ? *user : (struct e2e_user){ 0 };
}

int e2e_product(const char *product, const char *file, char ret_path[PATH_MAX])
{
	const char *const build[] = { "build/lab/products", "build", product, NULL };
	const char *const path[] = { "build/lab/products", "path", product, NULL };
	char dir[PATH_MAX];
	struct run_how how = { .out = dir, .size = sizeof(dir) };
	struct problem p = { .text = "" };

	/* As labd takes it. */
	if (getenv("PFKEEP_PRODUCTS"))
		return snprintf(ret_path, PATH_MAX, "%s/%s/%s", getenv("PFKEEP_PRODUCTS"), product,
				file) < PATH_MAX
			       ? 0
			       : -1;
	if (run(build, (struct blow){ NULL })) {
		print_error("%s", e2e_output);
		return -1;
	}
	if (run_program(path, &how, &p)) {
		print_error("%s\n", p.text);
		return -1;
	}
	dir[strcspn(dir, "\n")] = '\0';
	return scratch_path(dir, file, ret_path);
}

int e2e_copy_image(const char *to)
{
	char from[PATH_MAX];
	const char *const argv[] = { "cp", "-r", from, to, NULL };
	struct problem p = { .text = "" };

	return e2e_product("pf-image", "image", from)
		       ?: run_program(argv, &(struct run_how){ 0 }, &p);
}

const char *e2e_kernel(const char *image)
{
	static char release[128];
	char path[PATH_MAX];
	struct problem p = { .text = "" };
	struct manifest m;

	scratch_path(image, MANIFEST_NAME, path);
	if (manifest_read(path, &m, &p))
		fail_msg("%s", p.text);
	snprintf(release, sizeof(release), "%s", m.kernel);
	manifest_free(&m);
	return release;
}

void e2e_hash(const char *image, struct manifest *m)
{
	struct problem p = { .text = "" };

	memset(m, 0, sizeof(*m));
	assert_int_equal(manifest_hash_parts(m, image, &p), 0);
}

void e2e_expect_same(const struct manifest *a, const struct manifest *b)
{
	for (int i = 0; i < PARTS; i++)
		assert_string_equal(a->parts[i].sha256, b->parts[i].sha256);
}

void e2e_expect_none(const char *dir, const char *prefix)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !strncmp(entry->d_name, prefix, strlen(prefix)))
			fail_msg("%s/%s was left behind", dir, entry->d_name);
	closedir(d);
}

void e2e_expect_nothing_left(void)
{
	e2e_expect_none(e2e_dir, ".pf-image");
	e2e_expect_none(getenv("TMPDIR"), "");
}

void e2e_make_deb(const char *deb, const char *architecture, const char *file, const char *place)
{
	static const char script[] =
		"set -e; root=$1.root; mkdir -p \"$root/DEBIAN\" \"$root$(dirname \"$4\")\"\n"
		"cp \"$3\" \"$root$4\"\n"
		"printf 'Package: pf-vendor-igb\\nVersion: 1.0\\nArchitecture: %s\\n"
		"Maintainer: A Vendor <vendor@example.org>\\nDescription: a driver\\n' \"$2\" "
		">\"$root/DEBIAN/control\"\n"
		"dpkg-deb --root-owner-group --build \"$root\" \"$1\"; rm -r \"$root\"\n";
	const char *const argv[] = { "/bin/sh",	   "-c", script, "sh", deb,
				     architecture, file, place,	 NULL };
	struct problem p = { .text = "" };

	if (run_program(argv, &(struct run_how){ 0 }, &p))
		fail_msg("%s: %s", deb, p.text);
}
