// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestration/libpfkeep/vmm_status.h"
#include "pfkeep/cleanup.h"

/* As libvirt 11 writes it, less what doesn't matter here. */
static const char account[] =
	"<domstatus state='paused' reason='migration' pid='1234'>\n"
	"  <namespaces><mount/></namespaces>\n"
	"  <monitor path='/var/lib/libvirt/qemu/domain-1-red/monitor.sock' type='unix'/>\n"
	"  <domain type='kvm' id='1'><name>red</name><devices>\n"
	"    <emulator>/usr/bin/old</emulator>\n"
	"    <serial type='pty'><source path='/dev/pts/1'/><alias name='serial0'/></serial>\n"
	"    <console type='pty' tty='/dev/pts/1'><source path='/dev/pts/1'/>"
	"<alias name='serial0'/></console>\n"
	"  </devices></domain>\n"
	"</domstatus>\n";

static struct root root;
static char dir[] = "/tmp/vmm-status-XXXXXX";

static void write_file(const char *name, const char *text)
{
	CLEANUP(cleanup_free) char *path = NULL;
	FILE *file;

	assert_true(asprintf(&path, "%s/run/libvirt/qemu/%s", dir, name) > 0);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char *read_file(const char *name)
{
	CLEANUP(cleanup_free) char *path = NULL;
	char *text;

	assert_true(asprintf(&path, "run/libvirt/qemu/%s", name) > 0);
	assert_int_equal(root_slurp(&root, path, 65536, &text), 0);
	return text;
}

static int setup(void **state)
{
	static const char *const dirs[] = { "run", "run/libvirt", "run/libvirt/qemu" };
	char path[128];

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	return root_open(dir, &root);
}

static int teardown(void **state)
{
	static const char *const paths[] = { "run/libvirt/qemu/red.xml",
					     "run/libvirt/qemu/red.pid",
					     "run/libvirt/qemu",
					     "run/libvirt",
					     "run",
					     "." };
	char path[128];

	root_close(&root);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, paths[i]);
		if (remove(i + 1 < ARRAY_SIZE(paths) ? path : dir))
			return -1;
	}
	return 0;
}

static void libvirt_is_told_of_the_new_process(void **state)
{
	static const struct vmm_pty pty = { "charserial0", "/dev/pts/7" };
	const struct vmm_status to = {
		.old = 1234, .new = 4321, .program = "/usr/bin/a&b", .ptys = &pty, .n_ptys = 1
	};
	CLEANUP(cleanup_free) char *text = NULL;
	pid_t pid;

	write_file("red.xml", account);
	write_file("red.pid", "1234");
	assert_int_equal(vmm_status_pid(&root, "red", &pid, NULL), 0);
	assert_int_equal(pid, 1234);
	assert_int_equal(vmm_status_set(&root, "red", &to, NULL), 0);
	assert_int_equal(vmm_status_pid(&root, "red", &pid, NULL), 0);
	assert_int_equal(pid, 4321);
	text = read_file("red.xml");
	assert_non_null(strstr(text, "pid=\"4321\""));
	assert_non_null(strstr(text, "<emulator>/usr/bin/a&amp;b</emulator>"));
	assert_non_null(strstr(text, "tty=\"/dev/pts/7\""));
	assert_null(strstr(text, "/dev/pts/1"));
	assert_non_null(strstr(text, "domain-1-red/monitor.sock"));
}

static void a_host_that_has_none_gets_the_account_again(void **state)
{
	const struct vmm_status to = {
		.old = 1234, .new = 4321, .program = "/usr/bin/new", .bare = true
	};
	CLEANUP(cleanup_free) char *kept = NULL, *text = NULL;
	pid_t pid;

	write_file("red.xml", account);
	assert_int_equal(vmm_status_read(&root, "red", &kept, NULL), 0);
	assert_string_equal(kept, account);
	assert_int_equal(unlinkat(root.fd, "run/libvirt/qemu/red.xml", 0), 0);
	unlinkat(root.fd, "run/libvirt/qemu/red.pid", 0);
	assert_int_equal(unlinkat(root.fd, "run/libvirt/qemu", AT_REMOVEDIR), 0);
	assert_int_equal(vmm_status_restore(&root, "red", kept, &to, NULL), 0);
	assert_int_equal(vmm_status_pid(&root, "red", &pid, NULL), 0);
	assert_int_equal(pid, 4321);
	text = read_file("red.xml");
	assert_non_null(strstr(text, "pid=\"4321\""));
	assert_null(strstr(text, "namespaces"));
}

static void an_account_of_another_process_stays(void **state)
{
	const struct vmm_status to = { .old = 77, .new = 4321, .program = "/usr/bin/new" };
	CLEANUP(cleanup_free) char *text = NULL;
	struct problem problem;

	write_file("red.xml", account);
	write_file("red.pid", "1234");
	assert_int_equal(vmm_status_set(&root, "red", &to, &problem), -ESTALE);
	assert_non_null(strstr(problem.text, "red"));
	text = read_file("red.xml");
	assert_string_equal(text, account);
}

static void a_domain_that_does_not_run_has_no_process(void **state)
{
	pid_t pid;

	assert_int_equal(vmm_status_pid(&root, "blue", &pid, NULL), -ENOENT);
	assert_int_equal(vmm_status_pid(&root, "../../etc/passwd", &pid, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libvirt_is_told_of_the_new_process),
		cmocka_unit_test(a_host_that_has_none_gets_the_account_again),
		cmocka_unit_test(an_account_of_another_process_stays),
		cmocka_unit_test(a_domain_that_does_not_run_has_no_process),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
