// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "orchestration/hook/hook.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"
#include "pfkeep/pci.h"
#include "pfkeep/view.h"
#include "pfkeep/wire.h"

/* All of the input, terminated; what is longer than any domain is refused. */
static int read_xml(int fd, char **ret_xml, size_t *ret_len, struct problem *problem)
{
	CLEANUP(cleanup_free) char *xml = malloc(DOMAIN_XML_MAX + 1);
	size_t len = 0;

	if (!xml)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, xml + len, DOMAIN_XML_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_set(problem, -errno, "the domain's XML: %s",
					   strerror(errno));
		if (!n)
			break;
		len += (size_t)n;
		if (len > DOMAIN_XML_MAX)
			return problem_set(problem, -EINVAL,
					   "the domain's XML is longer than %u bytes",
					   DOMAIN_XML_MAX);
	}
	xml[len] = '\0';
	if (strlen(xml) != len)
		return problem_set(problem, -EINVAL, "the domain's XML holds a zero byte");
	*ret_xml = TAKE_PTR(xml);
	*ret_len = len;
	return 0;
}

/* A VF, or a function that has our driver: a PF in its VM. */
static bool is_ours(const struct root *root, const struct bdf *bdf)
{
	char path[PCI_ATTR_PATH];

	return root_exists(root, pci_path(bdf, "physfn", path)) ||
	       root_exists(root, pci_path(bdf, "vfio_sriov", path));
}

/* Has the domain to do with PFs and VFs at all? Most haven't. */
static int concerns_us(const struct root *root, const char *xml, size_t len, bool *ret_concerned,
		       char ret_uuid[static UUID_TEXT], struct problem *problem)
{
	struct domain_info info;
	int ret;

	ret = domain_parse(xml, len, &info, problem);
	if (ret)
		return ret;
	*ret_concerned = info.n_wants;
	for (size_t i = 0; i < info.n_hostdevs; i++)
		*ret_concerned |= is_ours(root, &info.hostdevs[i].bdf);
	memcpy(ret_uuid, info.uuid, UUID_TEXT);
	domain_release(&info);
	return 0;
}

/* Call the method with its one parameter. */
static int ask(const char *socket, const char *method, const char *name, const char *value,
	       struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct json_object *parameters, *answer;
	int ret;

	ret = wire_connect(socket, &fd, problem);
	if (ret)
		return ret;
	parameters = json_object_new_object();
	ret = parameters ? view_add(parameters, name, json_object_new_string(value)) : -ENOMEM;
	if (!ret)
		ret = wire_call(fd, method, TAKE_PTR(parameters), &answer, problem);
	json_object_put(parameters);
	if (!ret)
		json_object_put(answer);
	return ret;
}

/* The moments at which pfkeepd is asked or told; others are nothing to us. */
static const struct moment {
	const char *operation, *phase;
	bool may_refuse;
} moments[] = {
	{ "prepare", "begin", true },
	{ "started", "begin", false },
	/* libvirt, started anew, found it running. It kills the domain if this fails. */
	{ "reconnect", "begin", false },
	{ "release", "end", false },
};

static const struct moment *find_moment(const char *operation, const char *phase)
{
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		if (!strcmp(operation, moments[i].operation) && !strcmp(phase, moments[i].phase))
			return &moments[i];
	return NULL;
}

static int attend(const struct moment *moment, const struct hook_input *input,
		  struct problem *problem)
{
	CLEANUP(cleanup_free) char *xml = NULL;
	char uuid[UUID_TEXT] = "";
	bool concerned = false;
	size_t len = 0;
	int ret;

	ret = read_xml(input->in, &xml, &len, problem);
	if (!ret)
		ret = concerns_us(input->root, xml, len, &concerned, uuid, problem);
	if (ret || !concerned)
		return ret;
	return moment->may_refuse ? ask(input->socket, "MayStart", "xml", xml, problem)
				  : ask(input->socket, "HasStarted", "uuid", uuid, problem);
}

int hook_main(int argc, char **argv, const struct hook_input *input)
{
	struct problem problem = { "" };
	const struct moment *moment;
	int ret;

	if (argc < 4) {
		fprintf(input->err, "pfkeep: usage: DOMAIN OPERATION SUBOPERATION EXTRA\n");
		return 2;
	}
	moment = find_moment(argv[2], argv[3]);
	if (!moment)
		return 0;
	ret = attend(moment, input, &problem);
	if (ret && !*problem.text)
		problem_set(&problem, ret, "%s", strerror(-ret));
	if (ret)
		fprintf(input->err, "pfkeep: %s\n", problem.text);
	return ret && moment->may_refuse ? 1 : 0;
}
