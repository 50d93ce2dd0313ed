// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VMs there are is asked of the kernel, so that none is forgotten: every
 * process that has a VM of KVM's or a VFIO device open. It must be a QEMU that we
 * can start again as it was started, with a monitor of our own.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/live_domain.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"
#include "pfkeep/number.h"

#define CMDLINE_MAX (256 << 10)

struct search {
	const struct root *root;
	struct live *live;
	struct problem *problem;
};

static int no(const struct search *s, const struct live_vm *vm, const char *why)
{
	return problem_set(s->problem, -EOPNOTSUPP, "%s (process %d): %s", vm->name, vm->pid, why);
}

/* -name NAME, or guest=NAME,... */
static void take_name(struct live_vm *vm, const char *value)
{
	if (!strncmp(value, "guest=", 6))
		value += 6;
	snprintf(vm->name, sizeof(vm->name), "%.*s", (int)strcspn(value, ","), value);
}

/* The value of key in QEMU's "type,key=value,..."; what has commas isn't understood. */
static bool option(const char *text, const char *key, char *ret_value, size_t size)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, key, len) || p[len] != '=')
			continue;
		p += len + 1;
		snprintf(ret_value, size, "%.*s", (int)strcspn(p, ","), p);
		return true;
	}
	return false;
}

static bool find_socket(struct live_vm *vm, const char *chardev)
{
	char id[64];

	for (char **arg = vm->argv; arg[0] && arg[1]; arg++)
		if (!strcmp(arg[0], "-chardev") && !strncmp(arg[1], "socket,", 7) &&
		    option(arg[1], "id", id, sizeof(id)) && !strcmp(id, chardev) &&
		    option(arg[1], "path", vm->qmp, sizeof(vm->qmp)))
			return true;
	return false;
}

/* The socket of the chardev that a QMP monitor is on. */
static bool find_monitor(struct live_vm *vm)
{
	char chardev[64], mode[16];

	for (char **arg = vm->argv; arg[0] && arg[1]; arg++)
		if (!strcmp(arg[0], "-mon") && option(arg[1], "mode", mode, sizeof(mode)) &&
		    !strcmp(mode, "control") &&
		    option(arg[1], "chardev", chardev, sizeof(chardev)) && find_socket(vm, chardev))
			return true;
	return false;
}

/* What can't be said again to the next QEMU. */
static const char *unrepeatable(const struct live_vm *vm)
{
	static const struct {
		const char *text, *why;
	} rules[] = {
		{ "fd=", "its command line has a descriptor (fd=) that it was given" },
		{ "fds=", "its command line has descriptors (fds=) that it was given" },
		{ "spawn=deny", "its sandbox lets no other program take its place" },
	};

	for (char **arg = vm->argv; *arg; arg++)
		for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
			const char *at = strstr(*arg, rules[k].text);

			if (at && (at == *arg || at[-1] == ',' || at[-1] == ':'))
				return rules[k].why;
		}
	return NULL;
}

static int add_arg(struct live_vm *vm, const char *arg)
{
	char *copy = strdup(arg);

	if (!copy)
		return -ENOMEM;
	vm->argv[vm->argc++] = copy;
	return 0;
}

static int read_cmdline(const struct search *s, const struct live_vm *vm, char **ret_text,
			size_t *ret_len)
{
	CLEANUP(cleanup_close) int fd = -1;
	char path[64], *text;
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "proc/%d/cmdline", vm->pid);
	if (root_openat(s->root, path, O_RDONLY, &fd))
		return -ESRCH;
	*ret_text = text = malloc(CMDLINE_MAX);
	if (!text)
		return -ENOMEM;
	while (len < CMDLINE_MAX - 1 && (n = read(fd, text + len, CMDLINE_MAX - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	*ret_len = len;
	return len == CMDLINE_MAX - 1 ? -E2BIG : 0;
}

/* Without the -incoming of the update before. */
static int split_args(struct live_vm *vm, char *text, size_t len)
{
	vm->argv = calloc(LIVE_ARGS_MAX + 1, sizeof(*vm->argv));
	if (!vm->argv)
		return -ENOMEM;
	for (char *arg = text; arg < text + len; arg += strlen(arg) + 1) {
		if (!strcmp(arg, "-incoming")) {
			arg += strlen(arg) + 1;
			continue;
		}
		if (vm->argc == LIVE_ARGS_MAX)
			return -E2BIG;
		if (add_arg(vm, arg))
			return -ENOMEM;
	}
	return vm->argc ? 0 : -ESRCH;
}

static int find_name(const struct search *s, struct live_vm *vm)
{
	for (char **arg = vm->argv; arg[0] && arg[1]; arg++)
		if (!strcmp(arg[0], "-name"))
			take_name(vm, arg[1]);
	if (!*vm->name || strchr(vm->name, '/'))
		return no(s, vm, "QEMU has no -name that could be a file's");
	if (!vm->argv[0] || *vm->argv[0] != '/')
		return no(s, vm, "QEMU wasn't started by its full path");
	return 0;
}

static int describe_domain(const struct search *s, struct live_vm *vm, const char *text, size_t len)
{
	struct problem why = { "" };
	int ret = live_domain_describe(vm, text, len, &why);

	if (!ret)
		return find_name(s, vm);
	return no(s, vm, *why.text ? why.text : strerror(-ret));
}

/* One that somebody has started by hand. */
static int describe_other(const struct search *s, struct live_vm *vm, char *text, size_t len)
{
	const char *why;
	int ret;

	if (split_args(vm, text, len))
		return no(s, vm, "its command line can't be read");
	ret = find_name(s, vm);
	if (ret)
		return ret;
	if (vm->by_group)
		return no(s, vm, "it has its device by a VFIO group, not by iommufd");
	if (!find_monitor(vm))
		return no(s, vm, "QEMU has no QMP monitor on a UNIX socket with a path");
	why = unrepeatable(vm);
	return why ? no(s, vm, why) : 0;
}

static int describe(const struct search *s, struct live_vm *vm)
{
	CLEANUP(cleanup_free) char *text = NULL;
	size_t len = 0;

	snprintf(vm->name, sizeof(vm->name), "a program with a VM");
	if (read_cmdline(s, vm, &text, &len))
		return no(s, vm, "its command line can't be read");
	return live_domain_is(text, len) ? describe_domain(s, vm, text, len)
					 : describe_other(s, vm, text, len);
}

/* "vfio-device-syspath: /sys/devices/.../0000:01:00.0" of a descriptor's fdinfo. */
static int function_of(const struct search *s, pid_t pid, const char *number, char *ret_bdf)
{
	char path[96], text[ROOT_ATTR], *at;
	struct bdf bdf;
	int ret;

	snprintf(path, sizeof(path), "proc/%d/fdinfo/%.16s", pid, number);
	ret = root_read(s->root, path, text, sizeof(text));
	if (ret)
		return ret;
	at = strstr(text, "vfio-device-syspath:");
	if (!at)
		return -ENODEV;
	at[strcspn(at, "\n")] = '\0';
	at = strrchr(at, '/');
	if (!at || bdf_parse(at + 1, &bdf))
		return -ENODEV;
	bdf_format(&bdf, ret_bdf);
	return 0;
}

static bool is_known(const struct live *live, const char *bdf)
{
	for (size_t i = 0; i < live->n_functions; i++)
		if (!strcmp(live->functions[i].bdf, bdf))
			return true;
	return false;
}

/* -ENODEV if it has no driver. */
static int add_function(const struct search *s, const char *bdf, bool held, bool *ret_vf)
{
	struct live *live = s->live;
	struct live_function *f;
	char path[96];

	if (live->n_functions == LIVE_FUNCTIONS)
		return -E2BIG;
	if (!live->functions)
		live->functions = calloc(LIVE_FUNCTIONS, sizeof(*f));
	if (!live->functions)
		return -ENOMEM;
	f = &live->functions[live->n_functions];
	snprintf(f->bdf, sizeof(f->bdf), "%s", bdf);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", bdf);
	if (root_link(s->root, path, f->driver, sizeof(f->driver)))
		return -ENODEV;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/physfn", bdf);
	*ret_vf = f->vf = root_exists(s->root, path);
	f->held = held;
	live->n_functions++;
	return 0;
}

static int add_held(const struct search *s, struct live_vm *vm, const char *bdf)
{
	bool vf;
	int ret = add_function(s, bdf, true, &vf);

	if (ret == -E2BIG)
		return no(s, vm, "the host has too many assigned functions");
	if (ret)
		return no(s, vm, "a function of its has no driver");
	vm->has_pf |= !vf;
	return 0;
}

/* VFs that no VM has: in the next kernel no other driver is to take them. */
static int add_spares(const struct search *s, const struct live_function *pf)
{
	char path[96], bdf[BDF_TEXT];
	bool vf;

	for (unsigned int i = 0;; i++) {
		int ret;

		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/virtfn%u", pf->bdf, i);
		if (root_link(s->root, path, bdf, sizeof(bdf)))
			return 0;
		if (is_known(s->live, bdf))
			continue;
		ret = add_function(s, bdf, false, &vf);
		if (ret && ret != -ENODEV)
			return problem_set(s->problem, ret, "%s: it can't be kept: %s", bdf,
					   strerror(-ret));
	}
}

static int look_at_fd(const struct search *s, struct live_vm *vm, const char *number,
		      const char *target, bool *is_vm)
{
	char bdf[BDF_TEXT];
	int ret;

	*is_vm |= !strcmp(target, "anon_inode:kvm-vm");
	if (!strncmp(target, "/dev/vfio/devices/", 18) ||
	    !strcmp(target, "anon_inode:[vfio-device]")) {
		*is_vm = true;
		ret = function_of(s, vm->pid, number, bdf);
		return ret ? no(s, vm, "the kernel doesn't say which function a descriptor is")
			   : add_held(s, vm, bdf);
	}
	vm->by_group |= !strncmp(target, "/dev/vfio/", 10) && isdigit((unsigned char)target[10]);
	return 0;
}

static int look_at_fds(const struct search *s, struct live_vm *vm, bool *ret_is_vm)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	char path[64], link[320], target[PATH_MAX];
	struct dirent *entry;
	int ret = 0;

	*ret_is_vm = false;
	snprintf(path, sizeof(path), "proc/%d/fd", vm->pid);
	if (root_opendir(s->root, path, &dir))
		return 0; /* it has ended */
	while (!ret && (entry = readdir(dir))) {
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' && !root_target(s->root, link, target, sizeof(target)))
			ret = look_at_fd(s, vm, entry->d_name, target, ret_is_vm);
	}
	return ret;
}

static int look_at_process(const struct search *s, pid_t pid)
{
	struct live *live = s->live;
	struct live_vm vm = { .pid = pid, .hold = -1, .state = -1 };
	bool is_vm;
	int ret;

	snprintf(vm.name, sizeof(vm.name), "a program");
	ret = look_at_fds(s, &vm, &is_vm);
	if (ret || !is_vm)
		return ret;
	if (live->n_vms == LIVE_VMS_MAX)
		return no(s, &vm, "there are too many VMs");
	live->vms[live->n_vms] = vm;
	return describe(s, &live->vms[live->n_vms++]);
}

/* The kernel takes a VF only after its PF, and gives it back in that order. */
static int by_pf(const void *a, const void *b)
{
	const struct live_vm *x = a, *y = b;

	return x->has_pf != y->has_pf ? y->has_pf - x->has_pf : x->pid - y->pid;
}

static int by_vf(const void *a, const void *b)
{
	const struct live_function *x = a, *y = b;

	return x->vf != y->vf ? x->vf - y->vf : strcmp(x->bdf, y->bdf);
}

int live_find(const struct root *root, struct live *live, struct problem *problem)
{
	const struct search s = { root, live, problem };
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;
	uint64_t pid;
	int ret = root_opendir(root, "proc", &dir);

	if (ret)
		return problem_set(problem, ret, "/proc: %s", strerror(-ret));
	live->vms = calloc(LIVE_VMS_MAX, sizeof(*live->vms));
	if (!live->vms)
		return problem_set(problem, -ENOMEM, "no memory");
	while (!ret && (entry = readdir(dir)))
		if (!number_parse(entry->d_name, INT32_MAX, &pid) && pid)
			ret = look_at_process(&s, (pid_t)pid);
	for (size_t i = 0, n = live->n_functions; i < n && !ret; i++)
		if (!live->functions[i].vf)
			ret = add_spares(&s, &live->functions[i]);
	if (ret)
		return ret;
	for (size_t i = 0; i < live->n_vms; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(live->vms[i].name, live->vms[k].name))
				return no(&s, &live->vms[i], "another VM has this name");
	qsort(live->vms, live->n_vms, sizeof(*live->vms), by_pf);
	if (live->n_functions)
		qsort(live->functions, live->n_functions, sizeof(*live->functions), by_vf);
	return 0;
}
