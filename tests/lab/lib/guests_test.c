// SPDX-License-Identifier: GPL-2.0-only
/* The copies that a run's directory holds of its VMs' logs, and what is found in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/lib/guests.h"

#define RESET_OF_RED \
	"event RESET at 2.0 for domain 'red': {\"guest\":true,\"reason\":\"guest-reset\"}\n"

static char base[64];
static struct rundir dir;
static char found[256];

static int setup(void **state)
{
	int lock;

	found[0] = '\0';
	snprintf(base, sizeof(base), "/tmp/guests_test.XXXXXX");
	if (!mkdtemp(base) || setenv("PFKEEP_RUN", base, 1) || rundir_create("run", &dir, &lock))
		return -1;
	close(lock);
	return mkdirat(dir.fd, "consoles", 0755) || mkdirat(dir.fd, "libvirt", 0755);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	rundir_close(&dir);
	return nftw(base, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text, size_t len)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

#define PUT(name, text) put(name, text, sizeof(text) - 1)

static void note(void *data, const char *name, const struct guest_verdict *verdict)
{
	size_t len = strlen(found);

	snprintf(found + len, sizeof(found) - len, "%s:%s ", name, verdict->signature);
}

static void each_vm_is_judged_by_its_own_logs(void **state)
{
	PUT("consoles/red.log", "LAB-READY 1\n");
	PUT("consoles/blue.log", "LAB-READY 1\n");
	PUT("consoles/vm-events.log", RESET_OF_RED);
	PUT("libvirt/blue.log", "all well\n");
	guests_judge(&dir, note, NULL);
	assert_string_equal(found, "red:triple-fault ");
}

static void what_its_qemu_said_counts(void **state)
{
	PUT("consoles/blue.log", "");
	PUT("libvirt/blue.log", "KVM internal error. Suberror: 3\n");
	guests_judge(&dir, note, NULL);
	assert_string_equal(found, "blue:kvm-internal-error ");
}

/* A serial line that breaks leaves zero bytes; what is behind them still counts. */
static void a_zero_byte_hides_nothing(void **state)
{
	PUT("consoles/red.log", "boot\0\0\n[ 1.0] reboot: Restarting system\n");
	PUT("consoles/vm-events.log", RESET_OF_RED);
	guests_judge(&dir, note, NULL);
	assert_string_equal(found, "");
}

static void a_vm_without_a_console_is_not_judged(void **state)
{
	PUT("consoles/vm-events.log", RESET_OF_RED);
	PUT("libvirt/red.log", "KVM internal error. Suberror: 3\n");
	guests_judge(&dir, note, NULL);
	assert_string_equal(found, "");
}

static void a_run_without_copies_has_none(void **state)
{
	assert_int_equal(unlinkat(dir.fd, "consoles", AT_REMOVEDIR), 0);
	guests_judge(&dir, note, NULL);
	assert_string_equal(found, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_vm_is_judged_by_its_own_logs), TEST(what_its_qemu_said_counts),
		TEST(a_zero_byte_hides_nothing),	 TEST(a_vm_without_a_console_is_not_judged),
		TEST(a_run_without_copies_has_none),
	};

	return cmocka_run_group_tests_name("lab_guests", tests, NULL, NULL);
}
