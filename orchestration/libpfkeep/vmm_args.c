// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VMM_ID 128

/*
 * What is left out, and what CPR doesn't carry. An option with a value takes the
 * next word; text: only if the value holds it.
 */
static const struct rule {
	const char *option;
	bool value;
	const char *text;
	const char *blocker; /* NULL: left out */
} rules[] = {
	{ "-S", false, NULL, NULL },
	{ "-incoming", true, NULL, NULL },
	{ "-chardev", true, "id=" VMM_MONITOR, NULL },
	{ "-mon", true, "chardev=" VMM_MONITOR, NULL },
	{ "-netdev", true, NULL, "a network backend of the host (give it VFs only)" },
	{ "-vnc", true, NULL, "a VNC display" },
	{ "-spice", true, NULL, "a SPICE display" },
	{ "-tpmdev", true, NULL, "a TPM" },
	{ "-device", true, "vhost", "a vhost device" },
	{ "-chardev", true, "vhost", "a vhost device" },
	{ "-loadvm", true, NULL, "a snapshot that it was started from" },
};

static const struct rule *find_rule(const char *option, const char *value)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(option, rules[i].option) &&
		    (!rules[i].text || (value && strstr(value, rules[i].text))))
			return &rules[i];
	return NULL;
}

static int add(struct vmm_args *args, const char *word)
{
	char **more = reallocarray(args->argv, args->n + 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	args->argv = more;
	args->argv[args->n] = strdup(word);
	if (!args->argv[args->n])
		return -ENOMEM;
	args->argv[++args->n] = NULL;
	return 0;
}

static int addf(struct vmm_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int addf(struct vmm_args *args, const char *format, ...)
{
	char *word = NULL;
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = vasprintf(&word, format, ap) < 0 ? -ENOMEM : 0;
	va_end(ap);
	if (!ret)
		ret = add(args, word);
	free(word);
	return ret;
}

/* The number behind key in a word; -1 if it isn't there, or is no key of its own. */
static int number_of(const char *word, const char *key)
{
	const char *p = strstr(word, key);

	if (!p || (p > word && p[-1] != ',' && p[-1] != '{') ||
	    !isdigit((unsigned char)*(p + strlen(key))))
		return -1;
	return (int)strtol(p + strlen(key), NULL, 10);
}

static int note_fd(struct vmm_args *args, const char *option, const char *value,
		   struct problem *problem)
{
	int number = number_of(value, "fd=");

	if (number < 0)
		number = number_of(value, "\"fd\":\"");
	if (number < 0)
		return 0;
	if (number < 3 || args->n_fds == VMM_FDS_MAX)
		return problem_set(problem, -ENOTSUP, "%s %.80s: not as libvirt writes it", option,
				   value);
	args->fds[args->n_fds++] = (struct vmm_arg_fd){
		number, strcmp(option, "-add-fd") != 0 ? -1 : number_of(value, "set=")
	};
	return 0;
}

/* libvirt's own files of the domain lie where the key to its secrets is. */
static void note_dir(struct vmm_args *args, const char *value)
{
	static const char name[] = "/master-key.aes";
	const char *end = strstr(value, name);
	const char *start = end;

	while (start && start > value && start[-1] != '=' && start[-1] != '"')
		start--;
	if (start && *start == '/' && (size_t)(end - start) < sizeof(args->dir))
		snprintf(args->dir, sizeof(args->dir), "%.*s", (int)(end - start), start);
}

static int take(struct vmm_args *args, const char *option, const char *value,
		struct problem *problem)
{
	int ret;

	if (!strcmp(option, "-object"))
		note_dir(args, value);
	args->sriov |= strstr(value, "\"sriov\":true") || strstr(value, ",sriov=on") ||
		       strstr(value, "vfio-pci.sriov=on");
	args->token |= strstr(value, "vf-token-secret") != NULL;
	ret = note_fd(args, option, value, problem);
	return ret ? ret : add(args, value);
}

/* The word that follows, or NULL behind the last one. */
static const char *following(const char *word, const char *end)
{
	const char *next = word + strlen(word) + 1;

	return next < end ? next : NULL;
}

static int read_words(const char *word, const char *end, struct vmm_args *args,
		      struct problem *problem)
{
	int ret = add(args, word);

	while (!ret && (word = following(word, end))) {
		const char *value = following(word, end);
		const struct rule *rule = find_rule(word, value);

		if (rule && rule->blocker && strcmp(value ? value : "", "none") != 0)
			return problem_set(problem, -ENOTSUP, "it has %s, which CPR doesn't carry",
					   rule->blocker);
		if (rule && !rule->blocker) {
			word = rule->value && value ? value : word;
			continue;
		}
		ret = take(args, args->n > 1 ? args->argv[args->n - 1] : "", word, problem);
	}
	return ret;
}

int vmm_args_read(const char *cmdline, size_t len, struct vmm_args *ret_args,
		  struct problem *problem)
{
	int ret;

	*ret_args = (struct vmm_args){ 0 };
	if (!len || cmdline[len - 1])
		return problem_set(problem, -EINVAL, "its command line can't be read");
	ret = read_words(cmdline, cmdline + len, ret_args, problem);
	if (!ret && !*ret_args->dir)
		ret = problem_set(problem, -ENOTSUP, "its QEMU wasn't started by libvirt");
	if (ret)
		vmm_args_release(ret_args);
	return ret;
}

int vmm_args_take_over(struct vmm_args *args, const char *program, int monitor_fd, int cpr_fd,
		       const char *main_path)
{
	char *name = strdup(program);
	int ret;

	if (!name)
		return -ENOMEM;
	free(args->argv[0]);
	args->argv[0] = name;
	if ((ret = add(args, "-chardev")) ||
	    (ret = addf(args, "socket,id=" VMM_MONITOR ",fd=%d", monitor_fd)) ||
	    (ret = add(args, "-mon")) ||
	    (ret = add(args, "chardev=" VMM_MONITOR ",mode=control")) ||
	    (ret = add(args, "-incoming")) || (ret = addf(args, "unix:%s", main_path)) ||
	    (ret = add(args, "-incoming")))
		return ret;
	return addf(args,
		    "{\"channel-type\":\"cpr\",\"addr\":{\"transport\":\"socket\","
		    "\"type\":\"fd\",\"str\":\"%d\"}}",
		    cpr_fd);
}

/* false: it has none; ret_id is cut off if it is longer than libvirt's ever are. */
static bool device_id(const char *device, char ret_id[static VMM_ID])
{
	static const struct {
		const char *key, *end;
	} forms[] = { { "\"id\":\"", "\"" }, { ",id=", "," } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *p = strstr(device, forms[i].key);

		if (!p)
			continue;
		p += strlen(forms[i].key);
		snprintf(ret_id, VMM_ID, "%.*s", (int)strcspn(p, forms[i].end), p);
		return true;
	}
	return false;
}

/* The option of a device with an ID. */
static bool is_device(const struct vmm_args *args, size_t i, char ret_id[static VMM_ID])
{
	return i + 1 < args->n && !strcmp(args->argv[i], "-device") &&
	       device_id(args->argv[i + 1], ret_id);
}

bool vmm_args_has_device(const struct vmm_args *args, const char *id)
{
	char found[VMM_ID];

	for (size_t i = 1; i < args->n; i++)
		if (is_device(args, i, found) && !strcmp(found, id))
			return true;
	return false;
}

int vmm_args_add_vfio(struct vmm_args *args, const char *id, const char *host, const char *bus,
		      unsigned int devfn)
{
	int ret = add(args, "-device");

	return ret ? ret
		   : addf(args,
			  "{\"driver\":\"vfio-pci\",\"host\":\"%s\",\"id\":\"%s\",\"bus\":\"%s\","
			  "\"addr\":\"0x%x.0x%x\"}",
			  host, id, bus, devfn >> 3, devfn & 7);
}

void vmm_args_keep_devices(struct vmm_args *args, bool (*is_there)(void *data, const char *id),
			   void *data)
{
	char id[VMM_ID];

	for (size_t i = 1; i < args->n;) {
		if (!is_device(args, i, id) || is_there(data, id)) {
			i++;
			continue;
		}
		free(args->argv[i]);
		free(args->argv[i + 1]);
		args->n -= 2;
		memmove(args->argv + i, args->argv + i + 2,
			(args->n - i + 1) * sizeof(*args->argv));
	}
}

/* {"driver":"vfio-pci",...} or vfio-pci,... without an iommufd. */
static bool is_by_group(const char *device)
{
	return (!strncmp(device, "vfio-pci,", 9) || strstr(device, "\"driver\":\"vfio-pci\"")) &&
	       !strstr(device, "iommufd");
}

static int set_iommufd(char **device, const char *id)
{
	size_t len = strlen(*device);
	bool json = **device == '{' && (*device)[len - 1] == '}';
	char *word;

	if (asprintf(&word, json ? "%.*s,\"iommufd\":\"%s\"}" : "%.*s,iommufd=%s",
		     (int)(json ? len - 1 : len), *device, id) < 0)
		return -ENOMEM;
	free(*device);
	*device = word;
	return 0;
}

int vmm_args_use_iommufd(struct vmm_args *args, const char *id)
{
	bool any = false, there = false;
	char object[VMM_ID + 16];
	int ret = 0;

	snprintf(object, sizeof(object), "iommufd,id=%s", id);
	for (size_t i = 1; i + 1 < args->n && !ret; i++) {
		there |= !strcmp(args->argv[i], "-object") && !strcmp(args->argv[i + 1], object);
		if (strcmp(args->argv[i], "-device") != 0 || !is_by_group(args->argv[i + 1]))
			continue;
		any = true;
		ret = set_iommufd(&args->argv[i + 1], id);
	}
	if (ret || !any || there)
		return ret;
	ret = add(args, "-object");
	return ret ? ret : add(args, object);
}

void vmm_args_release(struct vmm_args *args)
{
	for (size_t i = 0; i < args->n; i++)
		free(args->argv[i]);
	free(args->argv);
	*args = (struct vmm_args){ 0 };
}
