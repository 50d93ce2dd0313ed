// SPDX-License-Identifier: GPL-2.0-only
/* Kernels and initramfs as they are built, and what else may lie in such a file. */
#include "orchestration/testing/cmocka.h"

#define ZLIB_CONST
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "orchestration/libpfkeep/initrd.h"
#include "orchestration/libpfkeep/kernelimage.h"
#include "orchestration/libpfkeep/unpack.h"
#include "pfkeep/cleanup.h"

#define SETUP	(4 * 512) /* three sectors and the first */
#define IMAGE	(1 << 20)
#define RELEASE "7.3.9-test"

struct file {
	uint8_t data[IMAGE];
	size_t len;
};

/* What a kernel unpacked is, to who looks for names in it. */
#define NAMES_LUO    "x\0kho\0liveupdate\0"
#define NAMES_SERIES NAMES_LUO "liveupdate_register_file_handler\0pci_liveupdate_incoming\0"

static size_t pack_gzip(const void *from, size_t n, uint8_t *to, size_t max)
{
	z_stream z = {
		.next_in = from, .avail_in = (uInt)n, .next_out = to, .avail_out = (uInt)max
	};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return max - z.avail_out;
}

static size_t pack_xz(const void *from, size_t n, uint8_t *to, size_t max)
{
	size_t len = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, from, n, to, &len, max),
			 LZMA_OK);
	return len;
}

static size_t pack_zstd(const void *from, size_t n, uint8_t *to, size_t max)
{
	size_t len = ZSTD_compress(to, max, from, n, 19);

	assert_false(ZSTD_isError(len));
	return len;
}

/* Literals only. */
static size_t pack_lz4(const void *from, size_t n, uint8_t *to, size_t max)
{
	static const uint8_t magic[] = { 0x02, 0x21, 0x4c, 0x18 };
	size_t at = 8, left = n;

	assert_true(n >= 15 && n + n / 255 + 16 < max);
	memcpy(to, magic, 4);
	to[at++] = 0xf0;
	for (left -= 15; left >= 255; left -= 255)
		to[at++] = 255;
	to[at++] = (uint8_t)left;
	memcpy(to + at, from, n);
	at += n;
	for (size_t i = 0; i < 4; i++)
		to[4 + i] = (uint8_t)((at - 8) >> (8 * i));
	return at;
}

typedef size_t (*packer)(const void *from, size_t n, uint8_t *to, size_t max);
static const packer packers[] = { pack_gzip, pack_xz, pack_zstd, pack_lz4 };

static void put16(struct file *f, size_t at, unsigned int value)
{
	f->data[at] = (uint8_t)value;
	f->data[at + 1] = (uint8_t)(value >> 8);
}

static void put32(struct file *f, size_t at, size_t value)
{
	put16(f, at, (unsigned int)value & 0xffff);
	put16(f, at + 2, (unsigned int)(value >> 16) & 0xffff);
}

/* As Linux's build makes it; the size behind the payload as well. */
static struct file *make_kernel(packer pack, const char *names, size_t n)
{
	struct file *f = calloc(1, sizeof(*f));
	size_t len;

	assert_non_null(f);
	f->data[0x1f1] = 3;
	put16(f, 0x1fe, 0xaa55);
	memcpy(f->data + 0x202, "HdrS", 4);
	put16(f, 0x206, 0x20f);
	put16(f, 0x20e, 0x400);
	memcpy(f->data + 0x600, RELEASE " (who@where) #1", sizeof(RELEASE " (who@where) #1"));
	put16(f, 0x236, 0x7f);
	put32(f, 0x238, 2047);
	put32(f, 0x248, 0x100);
	len = pack(names, n, f->data + SETUP + 0x100, IMAGE / 2);
	if (pack != pack_gzip) {
		put32(f, SETUP + 0x100 + len, n);
		len += 4;
	}
	put32(f, 0x24c, len);
	f->len = SETUP + 0x100 + len + 512;
	f->len = (f->len + 15) & ~(size_t)15;
	put32(f, 0x1f4, (f->len - SETUP) / 16);
	return f;
}

#define KERNEL(pack, names) make_kernel(pack, names, sizeof(names))

static int parse(const struct file *f, struct kernelimage *image, struct problem *problem)
{
	struct root root;
	int ret;

	assert_int_equal(root_open("/proc", &root), 0);
	ret = kernelimage_parse(f->data, f->len, image, problem);
	if (!ret)
		ret = kernelimage_check_series(&root, "/proc/none", image, problem);
	root_close(&root);
	return ret;
}

static void refused(const struct file *f, const char *why)
{
	struct kernelimage image;
	struct problem problem = { "" };

	assert_true(parse(f, &image, &problem) < 0);
	if (!strstr(problem.text, why))
		fail_msg("no '%s' in: %s", why, problem.text);
}

static void a_kernel_with_the_series_is_taken_however_packed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		CLEANUP(cleanup_free) struct file *f = KERNEL(packers[i], NAMES_SERIES);
		struct problem problem = { "" };
		struct kernelimage image;

		if (parse(f, &image, &problem))
			fail_msg("%zu: %s", i, problem.text);
		assert_string_equal(image.release, RELEASE);
		assert_int_equal(image.cmdline_max, 2047);
	}
}

static void a_kernel_that_cant_live_update_is_named_so(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		CLEANUP(cleanup_free)
		struct file *stock = KERNEL(packers[i], "a kernel's text\0kho\0");
		CLEANUP(cleanup_free) struct file *luo = KERNEL(packers[i], NAMES_LUO);
		CLEANUP(cleanup_free)
		struct file *half =
			KERNEL(packers[i], NAMES_LUO "liveupdate_register_file_handler");

		refused(stock, "no live update (CONFIG_KEXEC_HANDOVER, CONFIG_LIVEUPDATE)");
		refused(luo, "lacks pfkeep's live-update series");
		refused(half, "lacks pfkeep's live-update series");
	}
}

static void what_is_no_kernel_for_here_is_named(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t n;
		const char *why;
	} changes[] = {
		{ 0x1fe, "\0\0", 2, "no kernel: it lacks the boot header" },
		{ 0x202, "HdrX", 4, "no kernel: it lacks the boot header" },
		{ 0x206, "\x0b\x02", 2, "boot protocol is 2.11" },
		{ 0x236, "\x7e", 1, "for 32 bits" },
		{ 0x236, "\x01", 1, "CONFIG_RELOCATABLE" },
		{ 0x1f1, "\xff", 1, "cut short" },
		{ 0x1f4, "\xff\xff\xff\xff", 4, "cut short" },
		{ 0x248, "\xff\xff\xff\xff", 4, "damaged" },
		{ 0x24c, "\xff\xff\xff\xff", 4, "damaged" },
		{ 0x24c, "\0\0\0\0", 4, "damaged" },
		{ SETUP + 0x100, "BZh", 3, "can't be told: it is packed by bzip2" },
		{ SETUP + 0x100, "????", 4, "can't be told: it is packed by something" },
		{ SETUP + 0x120, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "damaged: its gzip" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		CLEANUP(cleanup_free) struct file *f = KERNEL(pack_gzip, NAMES_SERIES);

		memcpy(f->data + changes[i].at, changes[i].bytes, changes[i].n);
		refused(f, changes[i].why);
	}
}

static void another_kind_of_file_is_named(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t n;
		const char *why;
	} kinds[] = {
		{ 0, "\177ELF", 4, "an ELF file (vmlinux?)" },
		{ 0x38, "ARM\x64", 4, "for arm64, not for x86-64" },
		{ 0x38, "RSC\x05", 4, "for RISC-V" },
		{ 0, "070701", 6, "a cpio archive: an initramfs?" },
		{ 0, "\x1f\x8b", 2, "no bzImage but packed data" },
		{ 0, "#!/bin/sh", 9, "no kernel: it lacks the boot header" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CLEANUP(cleanup_free) struct file *f = calloc(1, sizeof(*f));

		assert_non_null(f);
		memcpy(f->data + kinds[i].at, kinds[i].bytes, kinds[i].n);
		f->len = 4096;
		refused(f, kinds[i].why);
		f->len = kinds[i].at + kinds[i].n;
		refused(f, kinds[i].why);
	}
}

static void a_kernel_that_is_cut_anywhere_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		CLEANUP(cleanup_free) struct file *f = KERNEL(packers[i], NAMES_SERIES);
		size_t whole = f->len;

		/* of its own size, so that the sanitizer sees a step too far */
		for (f->len = 0; f->len + 16 <= whole; f->len += 3) {
			CLEANUP(cleanup_free) uint8_t *copy = malloc(f->len + 1);
			struct kernelimage image;

			memcpy(copy, f->data, f->len);
			assert_true(kernelimage_parse(copy, f->len, &image, NULL) < 0);
		}
	}
}

/* Packed data is cut, with a header that knows of it. */
static void packed_data_that_is_cut_is_damaged(void **state)
{
	uint8_t from[3000], to[8192];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * i >> 3);
	for (size_t i = 0; i < 3; i++) {
		size_t len = packers[i](from, sizeof(from), to, sizeof(to)), n, used;
		uint8_t *data;

		for (size_t cut = 9; cut < len; cut += 7)
			assert_int_equal(unpack(to, cut, 1 << 20, &data, &n, &used), -EBADMSG);
		assert_int_equal(unpack(to, len, 1 << 20, &data, &n, &used), 0);
		assert_int_equal(used, len);
		assert_int_equal(n, sizeof(from));
		assert_memory_equal(data, from, n);
		free(data);
	}
}

static void no_more_is_unpacked_than_is_allowed(void **state)
{
	CLEANUP(cleanup_free) uint8_t *zeros = calloc(1, 8 << 20);
	CLEANUP(cleanup_free) uint8_t *to = malloc(9 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		size_t len = packers[i](zeros, 8 << 20, to, 9 << 20), n, used;
		uint8_t *data;

		assert_int_equal(unpack(to, len, 3 << 20, &data, &n, &used), -EFBIG);
		assert_int_equal(unpack(to, len, 9 << 20, &data, &n, &used), 0);
		assert_int_equal(n, 8 << 20);
		free(data);
	}
}

/* Of lz4 there is no encoder here: a block as its documentation has it. */
static void lz4_copies_what_came_before(void **state)
{
	static const uint8_t good[] = { 0x02, 0x21, 0x4c, 0x18, 10, 0,	  0,   0,   0x3a,
					'a',  'b',  'c',  3,	0,  0x30, 'x', 'y', 'z' };
	static const uint8_t far[] = {
		0x02, 0x21, 0x4c, 0x18, 6, 0, 0, 0, 0x30, 'a', 'b', 'c', 4, 0
	};
	size_t n, used;
	uint8_t *data;

	assert_int_equal(unpack(good, sizeof(good), 100, &data, &n, &used), 0);
	assert_int_equal(n, 20);
	assert_memory_equal(data, "abcabcabcabcabcabxyz", 20);
	free(data);
	assert_int_equal(unpack(far, sizeof(far), 100, &data, &n, &used), -EBADMSG);
}

static void a_configuration_beside_tells_too(void **state)
{
	static const struct {
		const char *config, *why;
	} configs[] = {
		{ "CONFIG_KEXEC_HANDOVER=y\n# CONFIG_LIVEUPDATE is not set\n", "no live update" },
		{ "CONFIG_LIVEUPDATE=y\nCONFIG_KEXEC_HANDOVER=y\n", "lacks pfkeep's" },
		{ "CONFIG_LIVEUPDATE=y\nCONFIG_KEXEC_HANDOVER=y\nXCONFIG_PCI_LIVEUPDATE=y\n",
		  "lacks pfkeep's" },
		{ "CONFIG_LIVEUPDATE=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_PCI_LIVEUPDATE=y\n", NULL },
	};
	CLEANUP(cleanup_free) struct file *f = KERNEL(pack_gzip, NAMES_SERIES);
	char dir[] = "/tmp/kernelimage.XXXXXX", kernel[64], config[64];
	struct kernelimage image;
	struct root root;

	memcpy(f->data + SETUP + 0x100, "BZh", 3);
	assert_non_null(mkdtemp(dir));
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", dir);
	snprintf(config, sizeof(config), "%s/config-" RELEASE, dir);
	assert_int_equal(root_open("/proc", &root), 0);
	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		struct problem problem = { "" };
		FILE *out = fopen(config, "w");

		assert_non_null(out);
		fputs(configs[i].config, out);
		fclose(out);
		assert_int_equal(kernelimage_parse(f->data, f->len, &image, &problem), 0);
		assert_int_equal(kernelimage_check_series(&root, kernel, &image, &problem),
				 configs[i].why ? -EOPNOTSUPP : 0);
		if (configs[i].why && !strstr(problem.text, configs[i].why))
			fail_msg("%s", problem.text);
	}
	unlink(config);
	rmdir(dir);
	root_close(&root);
}

/* On a host that has one. */
static void a_kernel_without_the_hosts_iommu_is_refused(void **state)
{
	static const char names[] = NAMES_SERIES, both[] = NAMES_SERIES "intel_iommu=";
	static const char *const dirs[] = { "", "/sys", "/sys/class", "/sys/class/iommu",
					    "/sys/class/iommu/dmar0" };
	CLEANUP(cleanup_free) struct file *without = KERNEL(pack_zstd, names);
	CLEANUP(cleanup_free) struct file *with = KERNEL(pack_zstd, both);
	char dir[] = "/tmp/kernelimage.XXXXXX", path[64];
	struct problem problem = { "" };
	struct kernelimage image;
	struct root root;

	assert_non_null(mkdtemp(dir));
	for (size_t i = 1; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(root_open(dir, &root), 0);
	assert_int_equal(kernelimage_parse(without->data, without->len, &image, &problem), 0);
	assert_int_equal(kernelimage_check_series(&root, "x", &image, &problem), -EOPNOTSUPP);
	assert_non_null(strstr(problem.text, "lacks this host's IOMMU (CONFIG_INTEL_IOMMU)"));
	assert_int_equal(kernelimage_parse(with->data, with->len, &image, &problem), 0);
	assert_int_equal(kernelimage_check_series(&root, "x", &image, &problem), 0);
	root_close(&root);
	for (size_t i = ARRAY_SIZE(dirs); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", dir, dirs[i]);
		assert_int_equal(rmdir(path), 0);
	}
}

/* A file of an archive, as `cpio -H newc` writes it. */
static size_t add_entry(uint8_t *to, const char *name, size_t size)
{
	const size_t fields[13] = { 1, 0100755, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0 };
	size_t at = 6;

	memcpy(to, "070701", 6);
	for (size_t i = 0; i < 13; i++, at += 8)
		snprintf((char *)to + at, 9, "%08zX", fields[i]);
	memcpy(to + at, name, strlen(name) + 1);
	at = (at + strlen(name) + 1 + 3) & ~(size_t)3;
	memset(to + at, 'x', size);
	return (at + size + 3) & ~(size_t)3;
}

static size_t archive(uint8_t *to, const char *name)
{
	size_t at = add_entry(to, "init", 13);

	/* an empty one can't be it */
	at += add_entry(to + at, "bin/pfkeep-restore", 0);
	at += add_entry(to + at, name, 5);
	return at + add_entry(to + at, "TRAILER!!!", 0);
}

static void an_initrd_is_looked_through(void **state)
{
	static uint8_t cpio[4096], file[16384];

	for (size_t i = 0; i <= ARRAY_SIZE(packers); i++) {
		struct problem problem = { "" };
		struct initrd initrd;
		size_t n = archive(file, "kernel/x86/microcode/AuthenticAMD.bin"), len;

		/* first a plain one, zeros, then the rest */
		n = (n + 512) & ~(size_t)511;
		len = archive(cpio, "usr/sbin/pfkeep-restore");
		if (i < ARRAY_SIZE(packers)) {
			n += packers[i](cpio, len, file + n, sizeof(file) - n);
		} else {
			memcpy(file + n, cpio, len);
			n += len;
		}
		if (initrd_parse(file, n, &initrd, &problem))
			fail_msg("%zu: %s", i, problem.text);
		assert_true(initrd.restore);
		assert_int_equal(initrd.files, 6);
		memset(file, 0, sizeof(file));
	}
}

static void a_program_of_another_name_isnt_the_restore(void **state)
{
	static const char *const names[] = { "usr/sbin/not-pfkeep-restore",
					     "pfkeep-restore.service", "pfkeep-restor" };
	static uint8_t cpio[4096];
	struct initrd initrd;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = archive(cpio, names[i]);

		assert_int_equal(initrd_parse(cpio, len, &initrd, NULL), 0);
		assert_false(initrd.restore);
	}
}

static void what_is_no_initrd_is_refused(void **state)
{
	static uint8_t cpio[4096];
	size_t len = archive(cpio, "usr/sbin/pfkeep-restore");
	struct problem problem;
	struct initrd initrd;

	assert_int_equal(initrd_parse(cpio, 0, &initrd, &problem), -EBADMSG);
	assert_int_equal(initrd_parse((const uint8_t *)"MZ......", 8, &initrd, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "neither a cpio archive nor a packed one"));
	for (size_t cut = 1; cut + 4 < len; cut++) {
		CLEANUP(cleanup_free) uint8_t *copy = malloc(cut);

		memcpy(copy, cpio, cut);
		assert_int_equal(initrd_parse(copy, cut, &initrd, &problem), -EBADMSG);
	}
	/* sizes that lead out of it, and letters that are no number */
	memcpy(cpio + 6 + 8 * 6, "FFFFFFFF", 8);
	assert_int_equal(initrd_parse(cpio, len, &initrd, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "damaged or cut short"));
	memcpy(cpio + 6 + 8 * 6, "0000000x", 8);
	assert_int_equal(initrd_parse(cpio, len, &initrd, &problem), -EBADMSG);
	/* one whose packing isn't known inside is taken, and said to be so */
	assert_int_equal(initrd_parse((const uint8_t *)"BZh9....", 8, &initrd, &problem), 0);
	assert_true(initrd.opaque && !initrd.restore);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_with_the_series_is_taken_however_packed),
		cmocka_unit_test(a_kernel_that_cant_live_update_is_named_so),
		cmocka_unit_test(what_is_no_kernel_for_here_is_named),
		cmocka_unit_test(another_kind_of_file_is_named),
		cmocka_unit_test(a_kernel_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(packed_data_that_is_cut_is_damaged),
		cmocka_unit_test(no_more_is_unpacked_than_is_allowed),
		cmocka_unit_test(lz4_copies_what_came_before),
		cmocka_unit_test(a_configuration_beside_tells_too),
		cmocka_unit_test(a_kernel_without_the_hosts_iommu_is_refused),
		cmocka_unit_test(an_initrd_is_looked_through),
		cmocka_unit_test(a_program_of_another_name_isnt_the_restore),
		cmocka_unit_test(what_is_no_initrd_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
