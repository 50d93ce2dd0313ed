// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_status.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"

#define DIR_NAME   "run/libvirt/qemu"
#define STATUS_MAX (4u << 20)
#define PATH_SIZE  512
#define S(x)	   ((const char *)(x))
#define X(x)	   ((const xmlChar *)(x))

static int path_of(const char *domain, const char *suffix, char dst[static PATH_SIZE])
{
	if (!*domain || *domain == '.' || strchr(domain, '/'))
		return -EINVAL;
	return snprintf(dst, PATH_SIZE, DIR_NAME "/%s.%s", domain, suffix) < PATH_SIZE
		       ? 0
		       : -ENAMETOOLONG;
}

int vmm_status_pid(const struct root *root, const char *domain, pid_t *ret_pid,
		   struct problem *problem)
{
	char path[PATH_SIZE];
	uint64_t pid;
	int ret;

	ret = path_of(domain, "pid", path);
	if (!ret)
		ret = root_read_number(root, path, INT32_MAX, &pid);
	if (ret)
		return problem_set(problem, ret, "%.60s: libvirt has no process for it: %s", domain,
				   strerror(-ret));
	*ret_pid = (pid_t)pid;
	return 0;
}

static xmlNodePtr child(xmlNodePtr node, const char *name)
{
	node = node ? node->children : NULL;
	while (node && (node->type != XML_ELEMENT_NODE || strcmp(S(node->name), name) != 0))
		node = node->next;
	return node;
}

static bool attribute_is(xmlNodePtr node, const char *name, const char *text)
{
	xmlChar *value = node ? xmlGetNoNsProp(node, X(name)) : NULL;
	bool same = value && !strcmp(S(value), text);

	xmlFree(value);
	return same;
}

/* libvirt calls the character device of an alias char + ALIAS. */
static void set_pty(xmlNodePtr devices, const struct vmm_pty *pty)
{
	if (strncmp(pty->chardev, "char", 4) != 0)
		return;
	for (xmlNodePtr node = devices ? devices->children : NULL; node; node = node->next) {
		if (node->type != XML_ELEMENT_NODE || !attribute_is(node, "type", "pty") ||
		    !attribute_is(child(node, "alias"), "name", pty->chardev + 4))
			continue;
		if (xmlHasProp(node, X("tty")))
			xmlSetProp(node, X("tty"), X(pty->path));
		if (child(node, "source"))
			xmlSetProp(child(node, "source"), X("path"), X(pty->path));
	}
}

static void drop_namespaces(xmlNodePtr status)
{
	xmlNodePtr node = child(status, "namespaces");

	if (!node)
		return;
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

/* The threads are found anew by libvirtd. */
static int edit(xmlDocPtr doc, const struct vmm_status *to)
{
	xmlNodePtr status = xmlDocGetRootElement(doc), devices, emulator;
	xmlChar *known = status ? xmlGetNoNsProp(status, X("pid")) : NULL;
	char text[16];
	int ret = 0;

	snprintf(text, sizeof(text), "%d", (int)to->old);
	if (!known || strcmp(S(known), text) != 0)
		ret = -ESTALE;
	xmlFree(known);
	devices = child(child(status, "domain"), "devices");
	emulator = child(devices, "emulator");
	if (!ret && !emulator)
		ret = -EBADMSG;
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%d", (int)to->new);
	if (!xmlSetProp(status, X("pid"), X(text)))
		return -ENOMEM;
	xmlNodeSetContent(emulator, NULL);
	xmlNodeAddContent(emulator, X(to->program));
	if (to->bare)
		drop_namespaces(status);
	for (size_t i = 0; i < to->n_ptys; i++)
		set_pty(devices, &to->ptys[i]);
	return 0;
}

static int replace(const struct root *root, const char *path, const char *text, size_t len)
{
	CLEANUP(cleanup_close) int fd = -1;
	char tmp[PATH_SIZE + 8];
	int ret;

	snprintf(tmp, sizeof(tmp), "%s.pfkeep", path);
	fd = openat(root->fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, len) == (ssize_t)len && !fsync(fd) ? 0 : -EIO;
	if (!ret && renameat(root->fd, tmp, root->fd, path))
		ret = -errno;
	if (ret)
		unlinkat(root->fd, tmp, 0);
	return ret;
}

static int put(const struct root *root, const char *path, const char *text,
	       const struct vmm_status *to)
{
	xmlChar *out = NULL;
	xmlDocPtr doc;
	int len, ret;

	doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR);
	if (!doc)
		return -EBADMSG;
	ret = edit(doc, to);
	if (!ret)
		xmlDocDumpMemory(doc, &out, &len);
	xmlFreeDoc(doc);
	if (ret)
		return ret;
	ret = out ? replace(root, path, S(out), (size_t)len) : -ENOMEM;
	xmlFree(out);
	return ret;
}

static int rewrite(const struct root *root, const char *path, const struct vmm_status *to)
{
	CLEANUP(cleanup_free) char *text = NULL;
	int ret = root_slurp(root, path, STATUS_MAX, &text);

	return ret ? ret : put(root, path, text, to);
}

static int set_pid(const struct root *root, const char *domain, pid_t pid)
{
	char path[PATH_SIZE], text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)pid);
	int ret = path_of(domain, "pid", path);

	return ret ? ret : replace(root, path, text, (size_t)len);
}

static int explain(struct problem *problem, int err, const char *domain)
{
	return err ? problem_set(problem, err, "%.60s: libvirt's account of it: %s", domain,
				 strerror(-err))
		   : 0;
}

int vmm_status_set(const struct root *root, const char *domain, const struct vmm_status *status,
		   struct problem *problem)
{
	char path[PATH_SIZE];
	int ret = path_of(domain, "xml", path);

	if (!ret)
		ret = rewrite(root, path, status);
	if (!ret)
		ret = set_pid(root, domain, status->new);
	return explain(problem, ret, domain);
}

int vmm_status_read(const struct root *root, const char *domain, char **ret_text,
		    struct problem *problem)
{
	char path[PATH_SIZE];
	int ret = path_of(domain, "xml", path);

	if (!ret)
		ret = root_slurp(root, path, STATUS_MAX, ret_text);
	return explain(problem, ret, domain);
}

int vmm_status_restore(const struct root *root, const char *domain, const char *text,
		       const struct vmm_status *status, struct problem *problem)
{
	static const char *const dirs[] = { "run", "run/libvirt", DIR_NAME };
	char path[PATH_SIZE];
	int ret = path_of(domain, "xml", path);

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !ret; i++)
		if (mkdirat(root->fd, dirs[i], 0755) && errno != EEXIST)
			ret = -errno;
	if (!ret)
		ret = put(root, path, text, status);
	if (!ret)
		ret = set_pid(root, domain, status->new);
	return explain(problem, ret, domain);
}
