// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "pf-vm-image/tree.h"

/* sha256 of "abc", from FIPS 180-2 */
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct tar {
	FILE *file;
	struct archive *archive;
};

static struct tar tar_new(void)
{
	struct tar t = { .file = tmpfile(), .archive = archive_write_new() };

	assert_non_null(t.file);
	archive_write_set_format_pax(t.archive);
	assert_int_equal(archive_write_open_fd(t.archive, fileno(t.file)), ARCHIVE_OK);
	return t;
}

static void tar_add(struct tar *t, const char *name, mode_t mode, const char *data,
		    const char *link)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	archive_entry_set_uid(e, 7);
	archive_entry_set_gid(e, 8);
	if (S_ISLNK(mode))
		archive_entry_set_symlink(e, link);
	else if (link)
		archive_entry_set_hardlink(e, link);
	archive_entry_set_size(e, data ? (int64_t)strlen(data) : 0);
	assert_int_equal(archive_write_header(t->archive, e), ARCHIVE_OK);
	if (data)
		assert_int_equal(archive_write_data(t->archive, data, strlen(data)), strlen(data));
	archive_entry_free(e);
}

static int tar_read(struct tar *t, struct tree_want *w, size_t n, struct tree *tree,
		    struct problem *p)
{
	int ret;

	archive_write_free(t->archive);
	lseek(fileno(t->file), 0, SEEK_SET);
	ret = tree_read_tar(fileno(t->file), w, n, tree, p);
	fclose(t->file);
	return ret;
}

static void every_kind_of_entry_is_read_and_sorted(void **state)
{
	struct tree_want want = { .path = "/b/file" };
	struct problem p = { .text = "" };
	struct tar t = tar_new();
	struct tree tree;

	tar_add(&t, "./", S_IFDIR | 0755, NULL, NULL);
	tar_add(&t, "./b/", S_IFDIR | 0750, NULL, NULL);
	tar_add(&t, "./b/file", S_IFREG | 04755, "abc", NULL);
	tar_add(&t, "./a", S_IFLNK | 0777, NULL, "b/file");
	tar_add(&t, "./second", S_IFREG | 04755, NULL, "./b/file");
	assert_int_equal(tar_read(&t, &want, 1, &tree, &p), 0);
	assert_int_equal(tree.n, 5);
	assert_string_equal(tree.entries[0].path, "/");
	assert_string_equal(tree.entries[1].path, "/a");
	assert_string_equal(tree.entries[1].target, "b/file");
	assert_int_equal(tree.entries[2].type, 'd');
	assert_int_equal(tree.entries[3].mode, 04755);
	assert_int_equal(tree.entries[3].uid, 7);
	assert_string_equal(tree.entries[3].sha256, SHA_ABC);
	assert_string_equal(tree_find(&tree, "/second")->sha256, SHA_ABC);
	assert_null(tree_find(&tree, "/third"));
	assert_int_equal(tree_bytes(&tree), 6);
	assert_string_equal(want.data, "abc");
	free(want.data);
	tree_free(&tree);
}

static void a_name_that_climbs_out_is_refused(void **state)
{
	struct problem p = { .text = "" };
	struct tar t = tar_new();
	struct tree tree;

	tar_add(&t, "./usr/../../etc/shadow", S_IFREG | 0644, "x", NULL);
	assert_true(tar_read(&t, NULL, 0, &tree, &p) < 0);
	assert_non_null(strstr(p.text, "leaves the tree"));
}

static void a_hard_link_to_nothing_is_refused(void **state)
{
	struct problem p = { .text = "" };
	struct tar t = tar_new();
	struct tree tree;

	tar_add(&t, "./x", S_IFREG | 0644, NULL, "./not-there");
	assert_true(tar_read(&t, NULL, 0, &tree, &p) < 0);
	assert_non_null(strstr(p.text, "/x"));
}

static void what_is_no_archive_is_refused(void **state)
{
	static const char text[] = "this has never been a tar archive, not even a short one";
	struct problem p = { .text = "" };
	struct tree tree;
	FILE *f = tmpfile();

	assert_non_null(f);
	for (int i = 0; i < 100; i++)
		fputs(text, f);
	fflush(f);
	lseek(fileno(f), 0, SEEK_SET);
	assert_true(tree_read_tar(fileno(f), NULL, 0, &tree, &p) < 0);
	assert_true(p.text[0]);
	fclose(f);
}

static void a_cut_archive_is_refused(void **state)
{
	struct problem p = { .text = "" };
	struct tar t = tar_new();
	char big[40000];
	struct tree tree;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	tar_add(&t, "./big", S_IFREG | 0644, big, NULL);
	archive_write_free(t.archive);
	assert_int_equal(ftruncate(fileno(t.file), 20000), 0);
	lseek(fileno(t.file), 0, SEEK_SET);
	assert_true(tree_read_tar(fileno(t.file), NULL, 0, &tree, &p) < 0);
	fclose(t.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_entry_is_read_and_sorted),
		cmocka_unit_test(a_name_that_climbs_out_is_refused),
		cmocka_unit_test(a_hard_link_to_nothing_is_refused),
		cmocka_unit_test(what_is_no_archive_is_refused),
		cmocka_unit_test(a_cut_archive_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
