// SPDX-License-Identifier: GPL-2.0-only
/* The program itself, over a tree and a cache of its own: what it does with a damaged entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/harness/proc.h"
#include "tests/lab/products/testbed.h"

#define TIMEOUT_S 60
#define CONTENT	  "0123456789abcdef\n"

#define THING "tree/tests/lab/products/thing/"

static char program[PATH_MAX];

static int setup(void **state)
{
	static struct testbed tb;
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -1;
	self[n] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(self, '/') = '\0';
	snprintf(program, sizeof(program), "%s/lab/products", self);
	testbed_open(&tb);
	testbed_write(&tb, "title a thing\n", THING "product");
	testbed_write(&tb,
		      "echo run >>\"$TREE/../runs\"\nprintf '0123456789abcdef\\n' >\"$OUT/file\"\n",
		      THING "recipe.sh");
	setenv("PFKEEP_TREE", testbed_path(&tb, "tree"), 1);
	setenv("PFKEEP_CACHE", testbed_path(&tb, "cache"), 1);
	*state = &tb;
	return 0;
}

static int teardown(void **state)
{
	testbed_close(*state);
	return 0;
}

/* What it prints, which the caller frees. */
static char *run(int status, const char *says, const char *verb, const char *name)
{
	const char *argv[] = { program, verb, name, NULL };
	struct proc_result r;

	assert_int_equal(proc_run(argv, TIMEOUT_S, &r), 0);
	if (r.status != status || !strstr(r.err, says))
		fail_msg("products %s: status %d, said: %s", verb, r.status, r.err);
	free(r.err);
	return r.out;
}

static void assert_runs(struct testbed *tb, size_t n)
{
	char *runs = testbed_read(tb, "runs");

	assert_int_equal(strlen(runs), n * strlen("run\n"));
	free(runs);
}

/* The product's one file, as the program says where it lies. */
static void find_file(char path[PATH_MAX])
{
	char *entry = run(0, "", "path", "thing");

	entry[strcspn(entry, "\n")] = '\0';
	snprintf(path, PATH_MAX, "%s/file", entry);
	free(entry);
}

static void assert_content(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, CONTENT);
}

static void cut_in_half(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
}

static void change_a_byte(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "X", 1, 3), 1);
	close(fd);
}

static void is_noticed_and_mended(struct testbed *tb, void (*damage)(const char *path),
				  const char *says)
{
	char path[PATH_MAX], *list;

	free(run(0, "", "build", "thing"));
	find_file(path);
	assert_content(path);
	damage(path);

	list = run(0, "", "list", NULL);
	assert_non_null(strstr(list, "damaged"));
	free(list);
	free(run(1, says, "verify", "thing"));
	/* A lab that asks for it isn't given it. */
	list = run(1, says, "path", "thing");
	assert_string_equal(list, "");
	free(list);

	free(run(0, "", "build", "thing"));
	assert_runs(tb, 2);
	find_file(path);
	assert_content(path);
	free(run(0, "", "verify", "thing"));
}

static void an_entry_cut_in_half_is_noticed_and_built_anew(void **state)
{
	is_noticed_and_mended(*state, cut_in_half, "/file: has 8 bytes, was built with 17");
}

static void an_entry_with_a_changed_byte_is_noticed_and_built_anew(void **state)
{
	is_noticed_and_mended(*state, change_a_byte, "/file: its content changed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_cut_in_half_is_noticed_and_built_anew),
		TEST(an_entry_with_a_changed_byte_is_noticed_and_built_anew),
	};

	return cmocka_run_group_tests_name("products_program", tests, NULL, NULL);
}
