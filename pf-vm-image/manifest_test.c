// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/manifest.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void add(struct tree *t, const char *path, char type, unsigned int mode, const char *sha)
{
	struct tree_entry e = { .path = strdup(path), .type = type, .mode = mode };

	if (type == 'f')
		e.size = 5;
	if (sha)
		memcpy(e.sha256, sha, sizeof(e.sha256));
	if (type == 'l')
		e.target = strdup("over/there");
	if (type == 'c')
		e.major = 1;
	if (type == 'c')
		e.minor = 3;
	assert_int_equal(tree_add(t, &e), 0);
}

static struct manifest example(void)
{
	struct manifest m = { .architecture = strdup("amd64"),
			      .suite = strdup("trixie"),
			      .kernel = strdup("6.12.0-test"),
			      .cmdline = strdup("quiet \"x\""),
			      .epoch = 1767225600 };

	for (int i = 0; i < PARTS; i++) {
		m.parts[i].size = 100 + i;
		memcpy(m.parts[i].sha256, SHA_B, sizeof(SHA_B));
	}
	add(&m.files, "/", 'd', 0755, NULL);
	add(&m.files, "/a \"quoted\"\nname", 'f', 0644, SHA_A);
	add(&m.files, "/dev/null", 'c', 0666, NULL);
	add(&m.files, "/link", 'l', 0777, NULL);
	return m;
}

static void write_text(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void fail_on_difference(void *data, const struct manifest_difference *d)
{
	fail_msg("%s: %s", d->path, d->what);
}

static void what_is_written_is_read_again(void **state)
{
	char path[] = "/tmp/manifest_test.XXXXXX";
	struct manifest m = example(), n;
	struct problem p = { .text = "" };

	write_text(path, "");
	assert_int_equal(manifest_write(&m, path, &p), 0);
	assert_int_equal(manifest_read(path, &n, &p), 0);
	assert_string_equal(n.kernel, m.kernel);
	assert_string_equal(n.cmdline, m.cmdline);
	assert_int_equal(n.epoch, m.epoch);
	for (int i = 0; i < PARTS; i++) {
		assert_int_equal(n.parts[i].size, m.parts[i].size);
		assert_string_equal(n.parts[i].sha256, m.parts[i].sha256);
	}
	assert_int_equal(n.files.n, m.files.n);
	assert_int_equal(manifest_compare(&m.files, &n.files, fail_on_difference, NULL), 0);
	manifest_free(&m);
	manifest_free(&n);
	unlink(path);
}

struct collected {
	char text[1024];
};

static void collect(void *data, const struct manifest_difference *d)
{
	struct collected *c = data;
	size_t used = strlen(c->text);

	snprintf(c->text + used, sizeof(c->text) - used, "%s=%s ", d->path, d->what);
}

static void each_kind_of_difference_is_named(void **state)
{
	struct tree a = { 0 }, b = { 0 };
	struct collected c = { .text = "" };

	add(&a, "/content", 'f', 0644, SHA_A);
	add(&b, "/content", 'f', 0644, SHA_B);
	add(&a, "/gone", 'f', 0644, SHA_A);
	add(&a, "/mode", 'f', 0644, SHA_A);
	add(&b, "/mode", 'f', 04644, SHA_A);
	add(&b, "/new", 'd', 0755, NULL);
	add(&a, "/owner", 'f', 0644, SHA_A);
	add(&b, "/owner", 'f', 0644, SHA_A);
	b.entries[b.n - 1].uid = 1000;
	add(&a, "/target", 'l', 0777, NULL);
	add(&b, "/target", 'l', 0777, NULL);
	b.entries[b.n - 1].target[0] = 'O';
	add(&a, "/type", 'f', 0644, SHA_A);
	add(&b, "/type", 'd', 0644, NULL);
	add(&a, "/x-same", 'f', 0644, SHA_A);
	add(&b, "/x-same", 'f', 0644, SHA_A);
	assert_int_equal(manifest_compare(&a, &b, collect, &c), 7);
	assert_string_equal(c.text, "/content=content /gone=missing /mode=mode /new=added "
				    "/owner=owner /target=target /type=type ");
	tree_free(&a);
	tree_free(&b);
}

#define PART(name) "{\"name\":\"" name "\",\"size\":1,\"sha256\":\"" SHA_A "\"}"
#define HEAD                                                                                      \
	"{\"format\":\"" MANIFEST_FORMAT "\",\"architecture\":\"amd64\",\"suite\":\"s\","         \
	"\"kernel\":\"k\",\"cmdline\":\"c\",\"epoch\":1,\"parts\":[" PART("root.qcow2") "," PART( \
		"vmlinuz") "," PART("initrd") "," PART("sbom.spdx.json") "],"
#define FILE_AT(path) "{\"path\":\"" path "\",\"type\":\"d\",\"mode\":\"0755\",\"uid\":0,\"gid\":0}"

static void expect(const char *text, const char *message)
{
	char path[] = "/tmp/manifest_test.XXXXXX";
	struct problem p = { .text = "" };
	struct manifest m;
	int ret;

	write_text(path, text);
	ret = manifest_read(path, &m, &p);
	unlink(path);
	if (!message) {
		assert_int_equal(ret, 0);
		manifest_free(&m);
		return;
	}
	assert_true(ret < 0);
	assert_non_null(strstr(p.text, message));
}

static void a_bad_manifest_is_refused_with_the_rule(void **state)
{
	expect(HEAD "\"files\":[" FILE_AT("/") "]}", NULL);
	expect("", "no JSON object");
	expect("[]", "no JSON object");
	expect("{}", "format must be");
	expect("{\"format\":\"pfkeep-pf-image-9\"}", "format must be");
	expect("{\"format\":\"" MANIFEST_FORMAT "\",\"architecture\":7}", "'architecture'");
	expect("{\"format\":\"" MANIFEST_FORMAT "\",\"architecture\":\"a\\u001b[2J\"}",
	       "control character");
	expect(HEAD "\"files\":{}}", "'files' must be a list");
	expect(HEAD "\"files\":[" FILE_AT("etc") "]}", "file 1");
	expect(HEAD "\"files\":[" FILE_AT("/a") "," FILE_AT("/a") "]}", "listed twice");
	expect(HEAD "\"files\":[{\"path\":\"/a\",\"type\":\"f\",\"mode\":\"0755\",\"uid\":0,"
		    "\"gid\":0,\"size\":1,\"sha256\":\"short\"}]}",
	       "file 1");
	expect(HEAD "\"files\":[{\"path\":\"/a\",\"type\":\"d\",\"mode\":\"99999\",\"uid\":0,"
		    "\"gid\":0}]}",
	       "file 1");
	expect(HEAD "\"files\":[{\"path\":\"/a\",\"type\":\"d\",\"mode\":\"0755\",\"uid\":-1,"
		    "\"gid\":0}]}",
	       "file 1");
	expect(HEAD "\"files\":[null]}", "file 1");
}

static void a_missing_manifest_is_named(void **state)
{
	struct problem p = { .text = "" };
	struct manifest m;

	assert_true(manifest_read("/nonexistent/manifest.json", &m, &p) < 0);
	assert_non_null(strstr(p.text, "/nonexistent/manifest.json"));
	p.text[0] = '\0';
	assert_true(manifest_read("/dev/zero", &m, &p) < 0);
	assert_non_null(strstr(p.text, "/dev/zero"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(each_kind_of_difference_is_named),
		cmocka_unit_test(a_bad_manifest_is_refused_with_the_rule),
		cmocka_unit_test(a_missing_manifest_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
