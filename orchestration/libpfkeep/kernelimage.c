// SPDX-License-Identifier: GPL-2.0-only
/* Offsets are those of Documentation/arch/x86/boot.rst. */
#include "orchestration/libpfkeep/kernelimage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestration/libpfkeep/unpack.h"
#include "pfkeep/cleanup.h"

#define FILE_MAX_BYTES (1ULL << 30)
#define VMLINUX_MAX    (1ULL << 30)
#define CONFIG_MAX     (4 << 20)

#define SECTOR	       512
#define SETUP_SECTS    0x1f1
#define SYSSIZE	       0x1f4 /* of what is behind the setup, in 16 bytes */
#define BOOT_FLAG      0x1fe
#define HEADER	       0x202
#define VERSION	       0x206
#define KERNEL_VERSION 0x20e
#define XLOADFLAGS     0x236
#define CMDLINE_SIZE   0x238
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define HEADER_END     0x250
#define PROTOCOL       0x020c /* the first that has xloadflags */
#define XLF_KERNEL_64  1
#define XLF_ABOVE_4G   2

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

/* What else it may be, so that the reason helps. */
static const char *stranger(const uint8_t *data, size_t len)
{
	static const struct {
		size_t at, n;
		const char *magic, *what;
	} others[] = {
		{ 0, 4, "\177ELF", "an ELF file (vmlinux?): the bzImage made of it is needed" },
		{ 0x38, 4, "ARM\x64", "a kernel for arm64, not for x86-64" },
		{ 0x38, 4, "RSC\x05", "a kernel for RISC-V, not for x86-64" },
		{ 0x24, 4, "\x18\x28\x6f\x01", "a kernel for arm, not for x86-64" },
		{ 0, 6, "070701", "no kernel but a cpio archive: an initramfs?" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (len >= others[i].at + others[i].n &&
		    !memcmp(data + others[i].at, others[i].magic, others[i].n))
			return others[i].what;
	if (unpack_format(data, len))
		return "no bzImage but packed data: an initramfs?";
	return "no kernel: it lacks the boot header of an x86 bzImage";
}

/* The first word of the version's text. */
static void take_release(const uint8_t *data, size_t len, struct kernelimage *image)
{
	size_t at = (size_t)le16(data + KERNEL_VERSION) + SECTOR, n = 0;

	if (at == SECTOR || at >= len)
		return;
	while (n < sizeof(image->release) - 1 && at + n < len && data[at + n] > ' ' &&
	       data[at + n] < 0x7f && data[at + n] != '/')
		n++;
	memcpy(image->release, data + at, n);
	image->release[n] = '\0';
}

static int take_payload(const uint8_t *data, size_t len, struct kernelimage *image,
			struct problem *problem)
{
	size_t sects = data[SETUP_SECTS] ? data[SETUP_SECTS] : 4;
	size_t setup = (sects + 1) * SECTOR, size = (size_t)le32(data + SYSSIZE) * 16;
	size_t offset = le32(data + PAYLOAD_OFFSET), length = le32(data + PAYLOAD_LENGTH);

	/* The file's size is the boot code's rounded up or less. */
	if (setup >= len || size > len - setup + 15)
		return problem_set(problem, -ENOEXEC, "it is cut short");
	if (!length || offset > len - setup || length > len - setup - offset)
		return problem_set(problem, -ENOEXEC,
				   "its boot header is damaged: no kernel where it says");
	image->payload = data + setup + offset;
	image->payload_len = length;
	return 0;
}

int kernelimage_parse(const uint8_t *data, size_t len, struct kernelimage *ret_image,
		      struct problem *problem)
{
	uint16_t flags;

	memset(ret_image, 0, sizeof(*ret_image));
	if (len < HEADER_END || le16(data + BOOT_FLAG) != 0xaa55 ||
	    memcmp(data + HEADER, "HdrS", 4) != 0)
		return problem_set(problem, -ENOEXEC, "it is %s", stranger(data, len));
	if (le16(data + VERSION) < PROTOCOL)
		return problem_set(problem, -ENOEXEC,
				   "its boot protocol is %u.%02u, older than 2.12",
				   data[VERSION + 1], data[VERSION]);
	flags = le16(data + XLOADFLAGS);
	if (!(flags & XLF_KERNEL_64))
		return problem_set(problem, -ENOEXEC, "it is a kernel for 32 bits, not for x86-64");
	if (!(flags & XLF_ABOVE_4G))
		return problem_set(problem, -ENOEXEC,
				   "it can't be put where kexec puts it (CONFIG_RELOCATABLE)");
	ret_image->cmdline_max = le32(data + CMDLINE_SIZE);
	take_release(data, len, ret_image);
	return take_payload(data, len, ret_image, problem);
}

/* A text of its own in the kernel: a parameter's name, or an exported symbol's. */
static bool has_text(const uint8_t *data, size_t len, const char *text)
{
	char whole[64] = "";
	size_t n = strlen(text) + 2;

	memcpy(whole + 1, text, n - 1);
	return memmem(data, len, whole, n);
}

static int no_live_update(struct problem *problem)
{
	return problem_set(problem, -EOPNOTSUPP,
			   "it has no live update (CONFIG_KEXEC_HANDOVER, CONFIG_LIVEUPDATE)");
}

static int no_series(struct problem *problem)
{
	return problem_set(problem, -EOPNOTSUPP,
			   "it lacks pfkeep's live-update series: it would reset the devices");
}

static int no_vt_d(struct problem *problem)
{
	return problem_set(problem, -EOPNOTSUPP,
			   "it lacks this host's IOMMU (CONFIG_INTEL_IOMMU): it would be off");
}

static int check_names(const uint8_t *data, size_t len, bool vt_d, struct problem *problem)
{
	if (!has_text(data, len, "kho") || !has_text(data, len, "liveupdate"))
		return no_live_update(problem);
	if (!has_text(data, len, "liveupdate_register_file_handler") ||
	    !has_text(data, len, "pci_liveupdate_incoming"))
		return no_series(problem);
	return vt_d && !has_text(data, len, "intel_iommu=") ? no_vt_d(problem) : 0;
}

static bool is_on(const char *config, const char *option)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "%s=y\n", option);
	at = strstr(config, line);
	return at && (at == config || at[-1] == '\n');
}

static int check_config(const char *config, bool vt_d, struct problem *problem)
{
	if (!is_on(config, "CONFIG_KEXEC_HANDOVER") || !is_on(config, "CONFIG_LIVEUPDATE"))
		return no_live_update(problem);
	if (!is_on(config, "CONFIG_PCI_LIVEUPDATE"))
		return no_series(problem);
	return vt_d && !is_on(config, "CONFIG_INTEL_IOMMU") ? no_vt_d(problem) : 0;
}

/* Beside the kernel; a path of the caller's, not of the root's. */
static char *slurp_beside(const char *path, const char *name)
{
	CLEANUP(cleanup_free) char *whole = NULL;
	const char *slash = strrchr(path, '/');
	uint8_t *data;
	size_t len;

	if (asprintf(&whole, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name) < 0 ||
	    kernelimage_slurp(whole, &data, &len))
		return NULL;
	data[len] = '\0';
	return (char *)data;
}

/* NULL: there is none. */
static char *find_config(const struct root *root, const char *path, const char *release)
{
	char name[KERNELIMAGE_RELEASE + 32], *text;

	if (!*release)
		return NULL;
	snprintf(name, sizeof(name), "config-%s", release);
	text = slurp_beside(path, name);
	if (!text)
		text = slurp_beside(path, "config");
	snprintf(name, sizeof(name), "boot/config-%s", release);
	if (!text && root_slurp(root, name, CONFIG_MAX, &text))
		text = NULL;
	snprintf(name, sizeof(name), "lib/modules/%s/config", release);
	if (!text && root_slurp(root, name, CONFIG_MAX, &text))
		text = NULL;
	return text;
}

static const char *format_name(const struct kernelimage *image)
{
	const char *format = unpack_format(image->payload, image->payload_len);

	return format ? format : "something unknown";
}

int kernelimage_check_series(const struct root *root, const char *path,
			     const struct kernelimage *image, struct problem *problem)
{
	bool vt_d = root_exists(root, "sys/class/iommu/dmar0");
	CLEANUP(cleanup_free) char *config = NULL;
	CLEANUP(cleanup_free) uint8_t *data = NULL;
	size_t len, used;
	int ret = unpack(image->payload, image->payload_len, VMLINUX_MAX, &data, &len, &used);

	if (!ret)
		return check_names(data, len, vt_d, problem);
	if (ret != -EOPNOTSUPP)
		return problem_set(problem, ret, "it is damaged: its %s data can't be unpacked",
				   format_name(image));
	config = find_config(root, path, image->release);
	if (config)
		return check_config(config, vt_d, problem);
	return problem_set(problem, -EOPNOTSUPP,
			   "whether it has pfkeep's live-update series can't be told: it is packed "
			   "by %s, and there is no config-%s beside it",
			   format_name(image), image->release);
}

int kernelimage_slurp(const char *path, uint8_t **ret_data, size_t *ret_len)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(cleanup_free) uint8_t *data = NULL;
	size_t len = 0, size;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > FILE_MAX_BYTES)
		return -EFBIG;
	size = (size_t)st.st_size;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);

		if (n <= 0)
			return n ? -errno : -EIO;
		len += (size_t)n;
	}
	*ret_data = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

int kernelimage_check(const struct root *root, const char *path, struct kernelimage *ret_image,
		      struct problem *problem)
{
	CLEANUP(cleanup_free) uint8_t *data = NULL;
	size_t len = 0;
	int ret = kernelimage_slurp(path, &data, &len);

	if (ret)
		return problem_set(problem, ret, "kernel %s: %s", path,
				   ret == -EINVAL ? "no file" : strerror(-ret));
	ret = kernelimage_parse(data, len, ret_image, problem);
	if (!ret)
		ret = kernelimage_check_series(root, path, ret_image, problem);
	/* It lies in what is freed now. */
	ret_image->payload = NULL;
	ret_image->payload_len = 0;
	return ret ? problem_prefix(problem, ret, "kernel %s", path) : 0;
}
