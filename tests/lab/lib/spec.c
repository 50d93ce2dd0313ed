// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC_RAM_MIN_GIB 1
#define SPEC_RAM_MAX_GIB 512
#define SPEC_CPUS_MAX	 64
#define SPEC_PID_MAX	 (4U << 20) /* the kernel's own */

/* Products kernel-X and host-X each. */
static const char *const kernels[] = { "pfkeep", "debug", "stock", "stock-6.12" };

static const char *const pf_names[] = {
	[LAB_PF_IGB] = "igb",
	[LAB_PF_NVME] = "nvme",
	[LAB_PF_NVME_127] = "nvme-127",
	[LAB_PF_VIRTIO_NET] = "virtio-net",
};

void lab_error_set(struct lab_error *ret_error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_error->text, sizeof(ret_error->text), format, args);
	va_end(args);
}

const char *lab_pf_name(enum lab_pf pf)
{
	return pf_names[pf];
}

bool lab_pf_has_wire(enum lab_pf pf)
{
	return pf != LAB_PF_NVME && pf != LAB_PF_NVME_127;
}

int lab_pf_parse(const char *text, enum lab_pf *ret_pf)
{
	for (size_t i = 0; i < sizeof(pf_names) / sizeof(pf_names[0]); i++) {
		if (strcmp(text, pf_names[i]) == 0) {
			*ret_pf = (enum lab_pf)i;
			return 0;
		}
	}
	return -EINVAL;
}

int lab_parse_number(const char *text, unsigned int min, unsigned int max, unsigned int *ret_value)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*ret_value = (unsigned int)value;
	return 0;
}

bool lab_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > LAB_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_", *name))
			return false;
	return true;
}

void lab_spec_init(struct lab_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	snprintf(spec->name, sizeof(spec->name), "lab");
	spec->kernel = "pfkeep";
	spec->ram_mib = 4096;
	/* One CPU more than the VCPUs of three small VMs, else these starve. */
	spec->cpus = 4;
	spec->timeout_s = 300;
}

static int set_name(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (!lab_name_valid(value)) {
		lab_error_set(ret_error,
			      "--name %.40s: 1 to %d letters, digits, '-' or '_', no '-' first",
			      value, LAB_NAME_MAX);
		return -EINVAL;
	}
	snprintf(spec->name, sizeof(spec->name), "%s", value);
	return 0;
}

static int set_kernel(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		if (strcmp(value, kernels[i]) != 0)
			continue;
		spec->kernel = kernels[i];
		return 0;
	}
	lab_error_set(ret_error, "--kernel %.40s: must be pfkeep, debug, stock or stock-6.12",
		      value);
	return -EINVAL;
}

static int add_pf(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (spec->n_pfs == LAB_PF_MAX) {
		lab_error_set(ret_error, "--pf %.40s: a lab takes at most %d PFs", value,
			      LAB_PF_MAX);
		return -EINVAL;
	}
	if (lab_pf_parse(value, &spec->pfs[spec->n_pfs]) < 0) {
		lab_error_set(ret_error,
			      "--pf %.40s: unknown device (igb, nvme, nvme-127 or virtio-net)",
			      value);
		return -EINVAL;
	}
	spec->n_pfs++;
	return 0;
}

static int set_ram(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	unsigned int gib;

	if (lab_parse_number(value, SPEC_RAM_MIN_GIB, SPEC_RAM_MAX_GIB, &gib) < 0) {
		lab_error_set(ret_error, "--ram %.40s: whole GiB, %d to %d", value,
			      SPEC_RAM_MIN_GIB, SPEC_RAM_MAX_GIB);
		return -EINVAL;
	}
	spec->ram_mib = gib * 1024;
	return 0;
}

static int set_cpus(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (lab_parse_number(value, 1, SPEC_CPUS_MAX, &spec->cpus) < 0) {
		lab_error_set(ret_error, "--cpus %.40s: 1 to %d", value, SPEC_CPUS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int set_timeout(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (lab_parse_number(value, 1, 86400, &spec->timeout_s) < 0) {
		lab_error_set(ret_error, "--timeout %.40s: seconds, 1 to 86400", value);
		return -EINVAL;
	}
	return 0;
}

static int set_append(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (strlen(value) > 512 || strchr(value, '\n')) {
		lab_error_set(ret_error, "--append: one line of at most 512 characters");
		return -EINVAL;
	}
	spec->append = value;
	return 0;
}

static int set_owner(struct lab_spec *spec, const char *value, struct lab_error *ret_error)
{
	if (lab_parse_number(value, 1, SPEC_PID_MAX, &spec->owner) < 0) {
		lab_error_set(ret_error, "--owner %.40s: the number of a process", value);
		return -EINVAL;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct lab_spec *spec, const char *value, struct lab_error *ret_error);
} options[] = {
	{ "--name", set_name },	    { "--kernel", set_kernel }, { "--pf", add_pf },
	{ "--ram", set_ram },	    { "--cpus", set_cpus },	{ "--timeout", set_timeout },
	{ "--append", set_append }, { "--owner", set_owner },
};

int lab_spec_option(struct lab_spec *spec, char *const *argv, int argc, int *pos,
		    struct lab_error *ret_error)
{
	int err;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(argv[*pos], options[i].name) != 0)
			continue;
		if (*pos + 1 >= argc) {
			lab_error_set(ret_error, "%s needs a value", argv[*pos]);
			return -EINVAL;
		}
		err = options[i].set(spec, argv[*pos + 1], ret_error);
		*pos += 2;
		return err ? err : 1;
	}
	return 0;
}

int lab_spec_check(const struct lab_spec *spec, struct lab_error *ret_error)
{
	/* systemd, libvirt and one small VM don't fit into less. */
	if (spec->ram_mib < 2048) {
		lab_error_set(ret_error,
			      "--ram %u: too little memory for a lab host, 2 GiB at least",
			      spec->ram_mib / 1024);
		return -EINVAL;
	}
	return 0;
}

int lab_spec_argv(const struct lab_spec *spec, char ***ret_argv)
{
	size_t max = 2 * (7 + LAB_PF_MAX) + 1, n = 0;
	char **argv = calloc(1, max * sizeof(char *) + 128), *text;

	if (!argv)
		return -ENOMEM;
	text = (char *)(argv + max);
	for (unsigned int i = 0; i < spec->n_pfs; i++) {
		argv[n++] = (char *)"--pf";
		argv[n++] = (char *)pf_names[spec->pfs[i]];
	}
	argv[n++] = (char *)"--name";
	argv[n++] = (char *)spec->name;
	argv[n++] = (char *)"--kernel";
	argv[n++] = (char *)spec->kernel;
	argv[n++] = (char *)"--ram";
	argv[n++] = text;
	text += snprintf(text, 16, "%u", spec->ram_mib / 1024) + 1;
	argv[n++] = (char *)"--cpus";
	argv[n++] = text;
	text += snprintf(text, 16, "%u", spec->cpus) + 1;
	argv[n++] = (char *)"--timeout";
	argv[n++] = text;
	text += snprintf(text, 16, "%u", spec->timeout_s) + 1;
	if (spec->append) {
		argv[n++] = (char *)"--append";
		argv[n++] = (char *)spec->append;
	}
	if (spec->owner) {
		argv[n++] = (char *)"--owner";
		argv[n++] = text;
		snprintf(text, 16, "%u", spec->owner);
	}
	*ret_argv = argv;
	return 0;
}
