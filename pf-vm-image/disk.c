// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/disk.h"
#include "pf-vm-image/run.h"

#define QCOW2_MAGIC	  0x514649fbu
#define QCOW2_DIRTY	  1u /* harmless in a copy that nobody writes */
#define QCOW2_COMPRESSION 8u /* another compression than zlib */

/* As far as this file looks into it; all big-endian. */
struct qcow2_header {
	uint32_t magic, version;
	uint64_t backing_file_offset;
	uint32_t backing_file_size, cluster_bits;
	uint64_t size;
	uint32_t crypt_method, l1_size;
	uint64_t l1_table_offset, refcount_table_offset;
	uint32_t refcount_table_clusters, nb_snapshots;
	uint64_t snapshots_offset, incompatible_features;
};

int disk_pack(const char *raw, const char *qcow2, const char *log, struct problem *p)
{
	const char *const argv[] = {
		"qemu-img", "convert", "-m",	"1",  "-f",
		"raw",	    "-O",      "qcow2", "-o", "compat=1.1,lazy_refcounts=off",
		raw,	    qcow2,     NULL
	};
	struct run_how how = { .log = log };

	return run_program(argv, &how, p);
}

static int check_header(const char *path, const struct qcow2_header *h, struct problem *p)
{
	if (be32toh(h->magic) != QCOW2_MAGIC || be32toh(h->version) != 3)
		return problem_set(p, -EINVAL, "%s: no qcow2 image of version 3", path);
	if (h->backing_file_offset)
		return problem_set(p, -EINVAL, "%s: must have no backing file", path);
	if (h->crypt_method || h->nb_snapshots)
		return problem_set(p, -EINVAL, "%s: must have no encryption and no snapshots",
				   path);
	if (be64toh(h->incompatible_features) & ~(uint64_t)(QCOW2_DIRTY | QCOW2_COMPRESSION))
		return problem_set(p, -EINVAL, "%s: has qcow2 features that pf-image doesn't use",
				   path);
	return 0;
}

int disk_check(const char *qcow2, struct problem *p)
{
	int fd = open(qcow2, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;
	struct qcow2_header h = { 0 };
	struct stat st;

	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", qcow2);
	if (fstat(fd, &st))
		ret = problem_set(p, -errno, "%s: %m", qcow2);
	else if (!S_ISREG(st.st_mode) || pread(fd, &h, sizeof(h), 0) != sizeof(h))
		ret = problem_set(p, -EINVAL, "%s: no qcow2 image of version 3", qcow2);
	else
		ret = check_header(qcow2, &h, p);
	close(fd);
	return ret;
}
